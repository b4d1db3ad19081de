"""MarkCopies: drafts in, drafts with their fate, cluster and copy type out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from newsmill.flow.elements.chunks import (
    CHUNK_RECORDS,
    ClassifiedChunk,
    EventChunk,
    SketchedChunk,
    TerminalFates,
)
from newsmill.flow.elements.stage_result import busy
from newsmill.flow.steps.mark import mark
from newsmill.runtime import registry


class Resolved(NamedTuple):
    """The streams of MarkCopies."""

    oks: beam.PCollection[ClassifiedChunk]
    ends: beam.PCollection[TerminalFates]
    events: beam.PCollection[EventChunk]


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


def _one_key(chunk: SketchedChunk) -> tuple[bytes, SketchedChunk]:
    return b"", chunk


@beam.typehints.with_output_types(ClassifiedChunk, ends=TerminalFates, events=EventChunk)
class _MarkFn(beam.DoFn):
    def __init__(self, batch_id: str, index: str) -> None:
        self._batch_id = batch_id
        self._index = index

    def process(self, keyed: tuple[bytes, Iterable[SketchedChunk]]) -> Iterator[Any]:
        with busy("MarkCopies"):
            marked, ended, events = mark(registry.get(self._index), self._batch_id, keyed[1])
        for start in range(0, len(marked), CHUNK_RECORDS):
            yield ClassifiedChunk(drafts=tuple(marked[start : start + CHUNK_RECORDS]))
        if ended:
            yield TaggedOutput("ends", TerminalFates(fates=tuple(ended)))
        if events.events:
            yield TaggedOutput("events", events)
