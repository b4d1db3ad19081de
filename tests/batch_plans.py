"""Plans of batches for tests of the endless job."""

from __future__ import annotations

from newsmill.flow.elements.batches import BatchPlan
from newsmill.records import Micros, OffsetRange


def plan(at: Micros, start: int, end: int, *, after: Micros | None = None, partition: int = 0) -> BatchPlan:
    piece = OffsetRange(
        topic="pages", partition=partition, start=start, end=end, records=end - start, bytes=0
    )
    return BatchPlan(ingested_at=at, after=after, slices=(piece,))
