"""Functions of what follows from a page that fail as the URL of the page says, for the sandbox."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

from newsmill.config import PageConfig
from newsmill.records import Language, ParsedPage, RawPage


def prepare(*, page: PageConfig, told: str) -> None:
    """Nothing is needed."""


def misbehave(raw: RawPage, parsed: ParsedPage, *, page: PageConfig, told: str) -> Language:
    """Do the act that the last part of the URL names; else say the language with what was told."""
    act = raw.url.rpartition("/")[2]
    if act == "spin":
        while True:
            pass
    elif act == "sleep":
        time.sleep(3_600)
    elif act == "segfault":
        ctypes.string_at(0)
    elif act == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif act == "bug":
        raise KeyError("nobody foresaw this")
    elif act == "memory":
        bytearray(4_000_000_000)
    elif act == "open":
        Path("/etc/hostname").read_bytes()
    elif act == "other":
        return ParsedPage(page=parsed.page, language=parsed.language)  # type: ignore[return-value]
    return Language(code=told, confidence=1.0, method=str(os.getpid()))
