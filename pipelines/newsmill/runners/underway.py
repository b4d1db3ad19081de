"""How far the batch under way is, told while it runs: a batch may take minutes, and its commit is the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from newsmill.flow.elements import working
from newsmill.runtime.work import Work

TICK_S: Final = 1.0
"""How often it is told."""


class Told(Protocol):
    """Who is told."""

    def working(self, work: Work | None) -> None:
        """How far the batch is; None when it ended, however it did."""


@contextmanager
def told(watches: Sequence[Told], *, records: int) -> Iterator[None]:
    """Tell watches of the batch that runs inside, from a thread of its own."""
    ended = threading.Event()
    start = time.monotonic()
    before = working.worked()

    def tell() -> None:
        while not ended.wait(TICK_S):
            now = working.worked()
            work = Work(
                records=records,
                seconds=time.monotonic() - start,
                pages={stage: n - before.pages.get(stage, 0) for stage, n in now.pages.items()},
                busy_s={stage: s - before.busy_s.get(stage, 0.0) for stage, s in now.busy_s.items()},
                oldest=now.oldest,
            )
            for watch in watches:
                watch.working(work)

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for watch in watches:
            watch.working(None)
