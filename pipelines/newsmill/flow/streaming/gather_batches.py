"""GatherBatches: parts of batches in, whole batches out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from newsmill.flow.elements.batches import BatchPart, BatchProgress, WholeBatch
from newsmill.flow.elements.chunks import RecordCoder
from newsmill.records import Micros


class GatherBatches(beam.PTransform):
    """Hold the parts of each batch until all of its records are accounted for.

    Guarantees: unbounded; no timers and no windows, a batch is whole by count alone, so late and
    out-of-order parts are all right. State: the parts of batches under way, a key a batch, cleared
    when it is whole.
    """

    def expand(self, parts: beam.PCollection[BatchPart]) -> beam.PCollection[WholeBatch]:
        """Parts of any batches, in any order, to one element a batch."""
        return (
            parts
            | "ByBatch" >> beam.Map(_by_batch).with_output_types(tuple[int, BatchPart])
            | "Gather" >> beam.ParDo(_GatherFn())
        )


def _by_batch(part: BatchPart) -> tuple[Micros, BatchPart]:
    return part.ingested_at, part


@beam.typehints.with_input_types(tuple[int, BatchPart])
@beam.typehints.with_output_types(WholeBatch)
class _GatherFn(beam.DoFn):
    PARTS = BagStateSpec("parts", RecordCoder(BatchPart))
    PROGRESS = ReadModifyWriteStateSpec("progress", RecordCoder(BatchProgress))

    def process(
        self,
        keyed: tuple[Micros, BatchPart],
        parts: Any = beam.DoFn.StateParam(PARTS),
        progress: Any = beam.DoFn.StateParam(PROGRESS),
    ) -> Iterator[WholeBatch]:
        part = keyed[1]
        before = progress.read() or BatchProgress()
        now = BatchProgress(
            records=before.records + part.records,
            planned=before.planned if part.plan is None else part.plan.records,
        )
        if now.records != now.planned:
            parts.add(part)
            progress.write(now)
            return
        whole = (*parts.read(), part)
        parts.clear()
        progress.clear()
        [plan] = [p.plan for p in whole if p.plan is not None]
        yield WholeBatch(plan=plan, parts=tuple(p for p in whole if p.records or p.events))
