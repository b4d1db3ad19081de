"""The elements of the endless job besides the chunks: batches, from their plan to their commit.

A batch is named by its `ingested_at`, which every row made of its records carries and which no other
batch of the lake has. So every element of the job says by itself which batch it belongs to.
"""

from __future__ import annotations

from typing import Final

from newsmill.flow.elements.chunks import ArticleChunk, EventChunk, SketchedChunk, TerminalFates, register
from newsmill.lake.files import DataFile
from newsmill.records import Gap, Micros, OffsetRange, Record
from newsmill.sources.kafka import Offsets

AHEAD: Final = 4
"""Most batches under way: bounds the state of the job and what a restart does again."""


class BatchPlan(Record, frozen=True, kw_only=True):
    """What one batch of the endless job reads, and its place in the order of batches."""

    ingested_at: Micros
    after: Micros | None  # the batch before it; None where the lake had all that came before
    slices: tuple[OffsetRange, ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def records(self) -> int:
        """How many records it reads: so many fates it must have in the end."""
        return sum(piece.records for piece in self.slices)

    @property
    def _pieces(self) -> tuple[OffsetRange | Gap, ...]:
        return (*self.gaps, *self.slices)

    @property
    def ends(self) -> dict[tuple[str, int], int]:
        """Offset after the last by (topic, partition): what the lake has committed after it."""
        found: dict[tuple[str, int], int] = {}
        for piece in self._pieces:
            key = piece.topic, piece.partition
            found[key] = max(piece.end, found.get(key, piece.end))
        return found

    def in_lake(self, committed: Offsets) -> bool:
        """Whether the committed offsets cover it."""
        return all(committed.get(partition, -1) >= end for partition, end in self.ends.items())


class BatchSlice(Record, frozen=True, kw_only=True):
    """One slice of one batch: the unit of reading."""

    ingested_at: Micros
    offsets: OffsetRange


class BatchPart(Record, frozen=True, kw_only=True):
    """Something that belongs to a batch, and how many of its records it accounts for.

    The part that brings the plan accounts for none. A batch is whole when its plan is there and its
    parts account for as many records as were planned.
    """

    ingested_at: Micros
    records: int = 0
    plan: BatchPlan | None = None
    drafts: SketchedChunk | None = None
    articles: ArticleChunk | None = None
    ends: TerminalFates | None = None
    events: EventChunk | None = None


class BatchProgress(Record, frozen=True, kw_only=True):
    """How far a batch has been gathered."""

    records: int = 0
    planned: int | None = None  # None until its plan came


class WholeBatch(Record, frozen=True, kw_only=True):
    """A batch of which all parts are there, in no particular order."""

    plan: BatchPlan
    parts: tuple[BatchPart, ...]


class WrittenBatch(Record, frozen=True, kw_only=True):
    """A batch whose rows are in files that no reader sees yet."""

    plan: BatchPlan
    files: tuple[DataFile, ...]


class BatchName(Record, frozen=True, kw_only=True):
    """Which batch was the last to be done, in a step that does them in order."""

    ingested_at: Micros


class PlannedSoFar(Record, frozen=True, kw_only=True):
    """Where the planning of an endless job stands: its checkpoint mark."""

    last: Micros | None = None
    under_way: tuple[BatchPlan, ...] = ()  # planned and, when last looked at, not in the lake
    waiting_since: Micros | None = None  # when records came behind those batches
    rested_at: Micros | None = None  # when a rest was asked for; None where none was
    hurried: int = 0  # rests in a row that the runner cut
    done: bool = False


class PlannedUpTo(Record, frozen=True, kw_only=True):
    """The watermark of the planning."""

    time: Micros | None = None


register(
    BatchPlan,
    BatchSlice,
    BatchPart,
    BatchProgress,
    WholeBatch,
    WrittenBatch,
    BatchName,
    PlannedSoFar,
    PlannedUpTo,
)
