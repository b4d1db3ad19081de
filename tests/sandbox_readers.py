"""Reading functions for the sandbox that do what a broken parser does, by the URL they are given."""

from __future__ import annotations

import ctypes
import encodings.idna  # noqa: F401
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.records import Extraction, NotArticle, Page, RawPage

_read: list[str] = []


def misbehave(raw: RawPage, *, page: PageConfig, input: InputConfig) -> Page | NotArticle:
    """Do the act that the last part of the URL names."""
    act = raw.url.rpartition("/")[2]
    if act == "hang":
        time.sleep(3_600)
    elif act == "spin":
        while True:
            pass
    elif act == "segfault":
        ctypes.string_at(0)
    elif act == "abort":
        os.abort()
    elif act == "words":
        sys.stderr.write("a word " * 100_000 + "these are the last words")
        os.abort()
    elif act == "compute":
        until = time.process_time() + 0.7
        while time.process_time() < until:
            pass
    elif act == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif act == "tired" and _read:
        os.kill(os.getpid(), signal.SIGSEGV)
    elif act == "remove":
        Path(os.fsdecode(raw.body)).unlink()
    elif act == "memory":
        bytearray(4_000_000_000)
    elif act == "slow-memory":
        kept = []
        while True:
            kept.append(bytearray(20_000_000))
    elif act == "bug":
        raise KeyError("nobody foresaw this")
    elif act == "recursion":
        return misbehave(raw, page=page, input=input)
    elif act == "surrogate":
        return NotArticle(reason="\ud83d")
    elif act == "leaves":
        sys.exit("\ud83d")
    elif act == "rejected":
        raise Rejected(Code.NESTING, "too deep")
    elif act == "socket":
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    elif act == "program":
        subprocess.run(["true"], check=False)
    elif act == "write":
        Path(os.fsdecode(raw.body)).write_text("written")
    elif act == "garbage":
        os.write(3, b"\xff" * 100)
        for fd in range(3, 10):
            try:
                os.write(fd, b"\0\0\0\4\xc1\xc1\xc1\xc1")
            except OSError:
                continue
    elif act == "print":
        print("noise on standard output", flush=True)
    elif act == "pid":
        return NotArticle(reason=str(os.getpid()))
    elif act == "environment":
        return NotArticle(reason=" ".join(sorted(os.environ)))
    _read.append(act)
    time.sleep({"sleep": 0.05, "nap": 2.0}.get(act, 0))
    return Page(title=act, body=raw.url, extraction=Extraction(method="test", reason="test"))
