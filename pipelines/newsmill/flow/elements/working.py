"""What the stages of this process do and did: counted where they work, told to whoever watches the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident
from time import monotonic, perf_counter
from typing import NamedTuple

from newsmill.errors import IN_STEP
from newsmill.runtime import registry

ROOM = "room"
"""Resident: the Room of the batch under way; none where batches are not bounded by it (the endless job)."""
RAW = "raw records"
"""Resident: the RawRecords of the batch under way; none where none are kept (the endless job)."""
BROKE = "broke"
"""Resident: the Broke of the first error that ended a stage in this process; runners raise another."""


class Broke(NamedTuple):
    """An error that ended a stage. The stage is no part of it: Beam tells of an error by its last line."""

    error: BaseException
    stage: str


@contextmanager
def as_raised() -> Iterator[None]:
    """Raise what a stage raised, with a note of the stage, where Beam raises what it makes of its text."""
    broke: Broke | None = None
    registry.unregister(BROKE)
    try:
        yield
    except BaseException:
        broke = registry.find(BROKE)
        if broke is None:
            raise
    if broke is not None:
        broke.error.add_note(IN_STEP + broke.stage)
        raise broke.error


_beat = monotonic()


def progressed_s() -> float:
    """When some stage last ended a piece of work in this process, by the monotonic clock."""
    return _beat


class Worked(NamedTuple):
    """What the stages did in this process since its start."""

    pages: dict[str, int]  # by stage
    busy_s: dict[str, float]
    oldest: tuple[str, float] | None  # stage of the piece of work under way that lasts longest, its seconds


_pages: Counter[str] = Counter()
_busy_s: Counter[str] = Counter()
_under_way: dict[int, tuple[str, float]] = {}
_counting = Lock()


def worked() -> Worked:
    """What the stages did until now."""
    now = monotonic()
    with _counting:
        stage, since = min(_under_way.values(), key=lambda piece: piece[1], default=("", now))
        return Worked(dict(_pages), dict(_busy_s), (stage, now - since) if stage else None)


@contextmanager
def at_work(stage: str, pages: int = 0) -> Iterator[None]:
    """Count the time that a stage works, also when it fails, and its pages; keep the first error of all.

    Args:
        stage: The stage's name in metrics.
        pages: How many pages it works at.
    """
    global _beat
    start = perf_counter()
    with _counting:
        _under_way[get_ident()] = stage, monotonic()
    try:
        yield
    except BaseException as error:
        if registry.find(BROKE) is None:
            registry.register(BROKE, Broke(error, stage))
        raise
    finally:
        _beat = monotonic()
        took = perf_counter() - start
        with _counting:
            _under_way.pop(get_ident(), None)
            _pages[stage] += pages
            _busy_s[stage] += took  # type: ignore[assignment]
