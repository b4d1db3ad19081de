"""Named places where a test may break the process; nothing at all outside tests.

`NEWSMILL_FAILPOINT=name@nth:action[,…]` with `NEWSMILL_TEST=1` acts when a place is reached for the
nth time: `kill` (SIGKILL), `stop` (SIGSTOP), `raise` (RuntimeError), `enospc` (OSError, disk full),
`sleep` (an hour), `torn` (cut the last 4 KiB off the file at hand, then SIGKILL).

`NEWSMILL_POISON=word:action` acts on each record whose value holds the word, in the process that runs the
batch, behind extraction: `kill`, `raise`, `sleep`, `spin` (for ever, without giving other threads a turn),
`eat` (all memory that the process may have).
"""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
import time
from collections import Counter
from pathlib import Path

_POISON: tuple[bytes, str] | None = None
_ARMED: dict[str, tuple[int, str]] = {}
_reached: Counter[str] = Counter()
_lock = threading.Lock()

if os.environ.get("NEWSMILL_TEST") == "1":
    for _entry in filter(None, os.environ.get("NEWSMILL_FAILPOINT", "").split(",")):
        _name, _, _rest = _entry.partition("@")
        _nth, _, _action = _rest.partition(":")
        _ARMED[_name] = (int(_nth), _action)
    if _poison := os.environ.get("NEWSMILL_POISON"):
        _word, _, _rest = _poison.partition(":")
        _POISON = (_word.encode(), _rest)


def taste(value: bytes | None) -> None:
    """Mark a record."""
    if _POISON is None or _POISON[0] not in (value or b""):
        return
    action = _POISON[1]
    if action == "raise":
        raise RuntimeError("a record of this test")
    if action == "sleep":
        time.sleep(3600)
    if action == "spin":
        re.match(r"(a+)+$", "a" * 60 + "b")
    eaten = []
    while action == "eat":
        eaten.append(b"x" * (64 << 20))
    os.kill(os.getpid(), signal.SIGKILL)


def reach(name: str, path: Path | None = None) -> None:
    """Mark a place.

    Args:
        name: The place, e.g. `commit.prepared`.
        path: The file at hand, for `torn`.
    """
    if name not in _ARMED:
        return
    with _lock:
        _reached[name] += 1
        nth, action = _ARMED[name]
        if _reached[name] != nth:
            return
    if action == "raise":
        raise RuntimeError(f"failpoint {name}")
    if action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
    if action == "sleep":
        time.sleep(3600)
    elif action == "torn" and path is not None:
        os.truncate(path, max(0, path.stat().st_size - 4096))
    os.kill(os.getpid(), signal.SIGSTOP if action == "stop" else signal.SIGKILL)
