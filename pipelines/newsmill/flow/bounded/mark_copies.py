"""MarkCopies: drafts in, drafts with their fate, cluster and copy type out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import msgspec
from apache_beam.pvalue import TaggedOutput

from newsmill.copies.index import CopyIndex, SeedRow
from newsmill.errors import Stage
from newsmill.flow.elements.chunks import (
    CHUNK_RECORDS,
    ClassifiedChunk,
    ClassifiedDraft,
    EventChunk,
    SketchedChunk,
    TerminalFates,
)
from newsmill.flow.elements.stage_result import busy
from newsmill.lake.writer import Seed
from newsmill.records import Fate, FateRow
from newsmill.runtime import registry


class Resolved(NamedTuple):
    """The streams of MarkCopies."""

    oks: Any
    ends: Any
    events: Any


class MarkCopies(beam.PTransform):
    """Decide for all drafts of one batch together: article, copy, revision or redelivery.

    The decision doesn't depend on the order in which drafts arrive. The index stages what it learnt
    under the batch's id; it is kept only when the batch is committed.

    Bounded: it waits for the whole batch. Redeliveries end here.

    Args:
        batch_id: Under which the index stages the batch.
        index: Name of the resident CopyIndex.
    """

    def __init__(self, *, batch_id: str, index: str) -> None:
        super().__init__()
        self._fn = _MarkFn(batch_id, index)

    def expand(self, chunks: beam.PCollection[SketchedChunk]) -> Resolved:
        """Chunks of drafts to chunks of marked drafts, ends and cluster events."""
        oks, ends, events = (
            chunks
            | "OneKey" >> beam.Map(_one_key).with_output_types(tuple[bytes, SketchedChunk])
            | "WholeBatch" >> beam.GroupByKey()
            | "Mark" >> beam.ParDo(self._fn).with_outputs("ends", "events", main="oks")
        )
        return Resolved(oks, ends, events)


def mark(
    index: CopyIndex, batch_id: str, chunks: Iterable[SketchedChunk]
) -> tuple[list[ClassifiedDraft], list[FateRow], EventChunk]:
    """The pure twin: the drafts of a batch to marked drafts, fates of redeliveries, and events."""
    drafts = sorted((d for c in chunks for d in c.drafts), key=lambda d: d.draft.position)
    resolution = index.resolve(batch_id, [d.sketch for d in drafts])
    marked, ended = [], []
    for item in drafts:
        decision = resolution.decisions[item.draft.position]
        if decision.fate is Fate.REDELIVERY:
            ended.append(
                FateRow(
                    position=item.draft.position,
                    fate=Fate.REDELIVERY,
                    ingested_at=item.draft.ingested_at,
                    stage=Stage.DEDUPLICATE.value,
                    article_id=item.draft.article_id,
                    revision=decision.revision,
                    url=item.draft.url,
                    domain=item.draft.domain,
                    recorded_at=item.draft.recorded_at,
                    bytes=item.value_bytes,
                )
            )
        else:
            sketch = item.sketch
            if not decision.keep_body:
                sketch = msgspec.structs.replace(sketch, body_hash=b"")
            marked.append(
                ClassifiedDraft(
                    draft=item.draft,
                    decision=decision,
                    sketch=sketch.encode(),
                    value_bytes=item.value_bytes,
                    origin=item.origin,
                )
            )
    return marked, ended, EventChunk(events=tuple(resolution.events))


def seeds(rows: Iterable[Seed]) -> Iterator[SeedRow]:
    """Rows of the lake as the copies index is filled with."""
    for row in rows:
        if row.copy_sketch is not None:
            yield SeedRow(
                sketch=row.copy_sketch, revision=row.revision, cluster_id=row.duplicate["cluster_id"]
            )


def _one_key(chunk: SketchedChunk) -> tuple[bytes, SketchedChunk]:
    return b"", chunk


@beam.typehints.with_output_types(ClassifiedChunk, ends=TerminalFates, events=EventChunk)
class _MarkFn(beam.DoFn):
    def __init__(self, batch_id: str, index: str) -> None:
        self._batch_id = batch_id
        self._index = index

    def process(self, keyed: tuple[bytes, Iterable[SketchedChunk]]) -> Iterator[Any]:
        with busy(MarkCopies):
            marked, ended, events = mark(registry.get(self._index), self._batch_id, keyed[1])
        for start in range(0, len(marked), CHUNK_RECORDS):
            yield ClassifiedChunk(drafts=tuple(marked[start : start + CHUNK_RECORDS]))
        if ended:
            yield TaggedOutput("ends", TerminalFates(fates=tuple(ended)))
        if events.events:
            yield TaggedOutput("events", events)
