"""Ending a process in which nothing gets on any more, so that its batch counts as failed."""

from __future__ import annotations

import faulthandler
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from newsmill.flow.elements.working import progressed_s
from newsmill.runtime.retrying import troubles

LOOKS: Final = 10
"""How often within the limit it is looked whether any stage got on."""


@contextmanager
def watched(stall_s: float) -> Iterator[None]:
    """End this process with exit code 1, after the traces of all threads, where no stage gets on for long.

    Who waits for a broker, a catalog or a store does not stall. The end comes from a thread that needs no
    turn in the interpreter: code that never gives one is ended too.

    Args:
        stall_s: Longest time between two pieces of work that any stage ended.
    """
    ended = threading.Event()
    told = sys.__stderr__
    if told is None:
        yield
        return

    def look() -> None:
        since = time.monotonic()
        while not ended.wait(stall_s / LOOKS):
            now = time.monotonic()
            since = now if troubles() else max(since, progressed_s())
            if (left := stall_s - (now - since)) > 0 and not ended.is_set():
                faulthandler.dump_traceback_later(left, exit=True, file=told)

    faulthandler.dump_traceback_later(stall_s, exit=True, file=told)
    looking = threading.Thread(target=look, name="watchdog", daemon=True)
    looking.start()
    try:
        yield
    finally:
        ended.set()
        looking.join()
        faulthandler.cancel_dump_traceback_later()
