"""CommitBatches: written batches in, committed ones out: the single writer of the lake."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from newsmill.config import Config
from newsmill.errors import LakeError, TakenDownMeanwhile, Transient
from newsmill.flow.elements.batches import BatchName, WrittenBatch
from newsmill.flow.elements.chunks import RecordCoder
from newsmill.flow.elements.stage_result import busy
from newsmill.flow.streaming import worker_lake
from newsmill.lake import erasure
from newsmill.lake.ledger import Batch
from newsmill.lake.upkeep.takedown import without_taken_down
from newsmill.lake.writer import Lake
from newsmill.sources import kafka

_log = logging.getLogger(__name__)


class CommitBatches(beam.PTransform):
    """Commit each batch to the lake, in the order of the plans, once.

    Guarantees: unbounded; one key; no timers. What the lake has already is dropped, so a batch that
    the runner delivers again is committed once. A batch that comes before its turn waits.

    Args:
        config: All settings.
    """

    def __init__(self, *, config: Config) -> None:
        super().__init__()
        self._fn = _CommitFn(config)

    def expand(self, batches: beam.PCollection[WrittenBatch]) -> beam.PCollection[BatchName]:
        """Batches to the names of those that this job committed."""
        return (
            batches
            | "OneKey" >> beam.Map(_one_key).with_output_types(tuple[bytes, WrittenBatch])
            | "Commit" >> beam.ParDo(self._fn)
        )


def _one_key(batch: WrittenBatch) -> tuple[bytes, WrittenBatch]:
    return b"", batch


@beam.typehints.with_input_types(tuple[bytes, WrittenBatch])
@beam.typehints.with_output_types(BatchName)
class _CommitFn(beam.DoFn):
    LAST = ReadModifyWriteStateSpec("last", RecordCoder(BatchName))
    EARLY = BagStateSpec("early", RecordCoder(WrittenBatch))

    def __init__(self, config: Config) -> None:
        self._config = config

    def process(
        self,
        keyed: tuple[bytes, WrittenBatch],
        last: Any = beam.DoFn.StateParam(LAST),
        early: Any = beam.DoFn.StateParam(EARLY),
    ) -> Iterator[BatchName]:
        with worker_lake.writer(self._config.lake) as lake:
            yield from self._in_order(lake, keyed[1], last, early)

    def _in_order(self, lake: Lake, new: WrittenBatch, last: Any, early: Any) -> Iterator[BatchName]:
        waiting = {b.plan.ingested_at: b for b in chain(early.read(), (new,))}
        before: BatchName | None = last.read()
        for batch in sorted(waiting.values(), key=lambda b: b.plan.ingested_at):
            name, plan = BatchName(ingested_at=batch.plan.ingested_at), batch.plan
            if not plan.in_lake(lake.committed()):
                if plan.after is not None and (before is None or before.ingested_at != plan.after):
                    break
                with busy("CommitBatches"):
                    self._commit(lake, batch)
                yield name
            del waiting[plan.ingested_at]
            before = name
            last.write(name)
        early.clear()
        for batch in waiting.values():
            early.add(batch)

    def _commit(self, lake: Lake, batch: WrittenBatch) -> None:
        plan = batch.plan
        if (left := lake.pending()) is not None:
            lake.abandon(left)
        begun = lake.begin(plan.slices, gaps=plan.gaps, now=plan.ingested_at)
        if begun.ingested_at != plan.ingested_at:
            raise LakeError(
                f"batch of {plan.ingested_at}: the lake has a later one, {begun.ingested_at}: "
                "the clock of the planner went back"
            )
        while not self._committed(lake, begun, batch):
            _log.info("batch %d is committed without what was taken down meanwhile", plan.ingested_at)
        try:
            kafka.commit_offsets(self._config.kafka.hasty(), lake.committed())
        except Transient as error:  # dashboards only: the next batch tells the broker again
            _log.warning("the broker was not told the offsets of the lake: %s", error)
        Metrics.counter(CommitBatches, "records").inc(plan.records)
        _log.info("batch %d committed: %d records", plan.ingested_at, plan.records)

    def _committed(self, lake: Lake, begun: Batch, batch: WrittenBatch) -> bool:
        try:
            files = without_taken_down(lake, batch.files)
            lake.commit(begun, files)
        except TakenDownMeanwhile:
            return False
        erasure.forget(lake.tables, batch.files, files)
        return True
