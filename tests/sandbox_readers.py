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

import msgspec

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.records import Extraction, Page, RawPage

_read: list[str] = []

_ANSWERS = {
    "unknown-code": msgspec.msgpack.encode({"code": "E_NOPE", "message": "x"}),
    "no-text": b"\x81\xa4code\xa2\xff\xfe",
    "found-no-text": msgspec.msgpack.encode({"found": msgspec.Raw(b"\x81\xa5title\xa2\xff\xfe")}),
    "nested-answer": b"\x81\xa5found" + b"\x91" * 200_000 + b"\xc0",
}
"""Answers that no child of ours gives, by the act that gives them."""


def _answers_fd() -> int:
    """The pipe of the answers: the first one that can be written to."""
    for fd in range(3, 40):
        try:
            os.write(fd, b"")
        except OSError:
            continue
        return fd
    raise AssertionError("no pipe")


def _answer(message: bytes) -> None:
    framed = len(message).to_bytes(4, "big") + message
    while framed:
        framed = framed[os.write(_answers_fd(), framed) :]


def _said(title: str, body: str = "") -> Page:
    return Page(title=title, body=body, extraction=Extraction(method="test", reason="test"))


def _compute(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def misbehave(raw: RawPage, *, page: PageConfig, input: InputConfig) -> Page:
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
        _compute(0.7)
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
        return _said("\ud83d")
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
        for fd in range(3, 40):
            try:
                os.write(fd, b"\0\0\0\4\xc1\xc1\xc1\xc1")
            except OSError:
                continue
    elif act in _ANSWERS:
        _answer(_ANSWERS[act])
    elif act == "endless-answer":
        os.write(_answers_fd(), b"\xff\xff\xff\xff" + b"x" * 1_000)
        time.sleep(3_600)
    elif act == "ahead":
        for _ in range(3):
            _answer(msgspec.msgpack.encode({"code": "E_SIZE", "message": "said ahead"}))
    elif act == "timer-off":
        signal.setitimer(signal.ITIMER_PROF, 0)
        while True:
            pass
    elif act == "timer-off-and-talk":
        signal.setitimer(signal.ITIMER_PROF, 0)
        while True:
            sys.stderr.write("x" * 65_536)
    elif act == "real-time-signal":
        os.kill(os.getpid(), 40)
    elif act == "print":
        print("noise on standard output", flush=True)
    elif act == "pid":
        return _said(str(os.getpid()))
    elif act == "environment":
        return _said(" ".join(sorted(os.environ)))
    elif act == "doze":
        until = time.monotonic() + 2
        while time.monotonic() < until:
            _compute(0.005)
            time.sleep(0.015)
    _read.append(act)
    time.sleep(0.05 if act == "sleep" else 0)
    return _said(act, raw.url)
