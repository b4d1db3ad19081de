"""What a stage gives back: its results, and the records that ended in it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, perf_counter
from typing import Any, NamedTuple

from apache_beam.metrics import Metrics

from newsmill.errors import Rejected, Stage
from newsmill.flow.elements.chunks import TerminalFates
from newsmill.records import Failure, Fate, FateRow, Micros, SourceRecord
from newsmill.runtime import registry

STACK_CHARS = 8_000
"""Longest stack trace kept with a quarantined record."""


class StageResult(NamedTuple):
    """The two streams of a stage: nothing that enters is in neither."""

    oks: Any
    ends: Any


class FateCollector:
    """Collects the records of one chunk that end in one stage."""

    def __init__(self, ingested_at: Micros) -> None:
        self._ingested_at = ingested_at
        self._fates: list[FateRow] = []
        self._failures: list[Failure] = []

    def end(self, record: SourceRecord, fate: Fate, **columns: Any) -> None:
        """The record comes to this fate; `columns` are further ones of its FateRow."""
        self._fates.append(
            FateRow(
                position=record.position,
                fate=fate,
                ingested_at=self._ingested_at,
                recorded_at=record.timestamp,
                bytes=len(record.value or b""),
                **columns,
            )
        )

    def reject(self, record: SourceRecord, stage: Stage, error: Rejected, *, url: str | None = None) -> None:
        """The record is quarantined whole. Raises TooLarge where the batch has no room for it."""
        if (room := registry.find(ROOM)) is not None:
            room.take_payload(record.value or b"")
        self.end(record, Fate.QUARANTINED, reason=error.code.value, stage=stage.value, url=url)
        stack = "".join(traceback.format_exception(error))[-STACK_CHARS:]
        self._failures.append(
            Failure(
                record=record,
                stage=stage.value,
                code=error.code.value,
                message=error.message,
                stack=stack,
                url=url,
            )
        )

    def __bool__(self) -> bool:
        return bool(self._fates)

    def chunk(self) -> TerminalFates:
        """All that was collected."""
        return TerminalFates(fates=tuple(self._fates), failures=tuple(self._failures))


ROOM = "room"
"""Resident: the Room of the batch under way; none where batches are not bounded by it (the endless job)."""
BROKE = "broke"
"""Resident: the first error that ended a stage in this process; runners tell of it by its text only."""

_beat = monotonic()


def progressed_s() -> float:
    """When some stage last ended a piece of work in this process, by the monotonic clock."""
    return _beat


@contextmanager
def busy(stage: type) -> Iterator[None]:
    """Count the time that a stage works, in microseconds, also when it fails."""
    global _beat
    start = perf_counter()
    try:
        yield
    except BaseException as error:
        if registry.find(BROKE) is None:
            registry.register(BROKE, error)
        raise
    finally:
        _beat = monotonic()
        Metrics.counter(stage.__name__, "busy_us").inc(int((perf_counter() - start) * 1e6))
