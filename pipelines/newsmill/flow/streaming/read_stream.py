"""ReadStream: nothing in; planned batches of the topic and their records out, for ever.

One splittable DoFn plans batches exactly as the direct runner does; their slices are spread over all
workers and read there. The checkpoint mark of the job is what was planned and is not in the lake yet.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import apache_beam as beam
import msgspec
from apache_beam.io.iobase import RestrictionProgress, RestrictionTracker, WatermarkEstimator
from apache_beam.metrics import Metrics
from apache_beam.transforms.core import RestrictionProvider, WatermarkEstimatorProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from newsmill.config import Config
from newsmill.errors import LakeError, Transient
from newsmill.flow.elements.batches import AHEAD, BatchPlan, BatchSlice, PlannedSoFar, PlannedUpTo
from newsmill.flow.elements.chunks import RecordChunk, RecordCoder
from newsmill.flow.elements.stage_result import busy
from newsmill.flow.streaming.worker_lake import reader
from newsmill.lake.writer import Lake
from newsmill.records import Micros
from newsmill.runtime.retrying import Retrying
from newsmill.sources import kafka

POLL_S: Final = 2
"""How long an idle planner rests, in seconds.

The worker subtracts the time that has passed since, and Flink keeps whole seconds of the rest: of 1 nothing
would be left, and the planner's next bundle would begin before the watermark of its last one is seen.
"""

EARLY_S: Final = 0.5
"""A planner that is called so soon after it asked for a rest was not given one. Flink rests it for one second
at least."""
HURRIED: Final = 3
"""So many rests in a row that were not given mean that the planner's input has ended: Flink calls what was
deferred at once then, again and again, until nothing is deferred. An endless job's input ends when it is
drained, of which Flink tells nobody; that of a job that reads once ends soon after it has begun. One may be a
clock that was set back."""

_log = logging.getLogger(__name__)


class Stream(NamedTuple):
    """The two streams of ReadStream."""

    plans: Any
    records: Any


class ReadStream(beam.PTransform):
    """Plan batches from the lake's committed offsets on, and read their records.

    Guarantees: unbounded, or up to the end of the topic with `once`; at least once; resumes from the
    checkpoint mark or, without one, from the lake. The watermark is the time of the last plan, or now
    when nothing waits, so an idle partition holds nothing back. New partitions are found by the next
    plan. At most `AHEAD` batches are under way.

    Args:
        config: All settings; the broker's password is lost on the way to the workers, which read it again.
        once: End when caught up with the end of the topic.
    """

    def __init__(self, *, config: Config, once: bool = False) -> None:
        super().__init__()
        self._config = config
        self._once = once

    def expand(self, begin: beam.Pipeline) -> Stream:
        """One element a batch, and one chunk a slice."""
        plans = (
            begin | "Start" >> beam.Impulse() | "PlanBatches" >> beam.ParDo(_PlanFn(self._config, self._once))
        )
        records = (
            plans
            | "Slices" >> beam.FlatMap(_slices).with_output_types(BatchSlice)
            | "SpreadSlices" >> beam.Reshuffle()
            | "ReadSlices" >> beam.ParDo(_ReadFn(self._config))
        )
        return Stream(plans, records)


def next_plan(
    config: Config,
    so_far: PlannedSoFar,
    committed: kafka.Offsets,
    *,
    topic_ids: kafka.TopicIds,
    not_before: Micros,
) -> BatchPlan | None:
    """The batch after those under way; None where nothing waits behind them.

    Args:
        config: All settings.
        so_far: What was planned before.
        committed: What the lake has.
        topic_ids: Of which topics.
        not_before: The batch's time, unless it was taken by an earlier one.

    Raises:
        DataLoss: Offsets are gone from the broker and the configuration says to fail.
        Transient: The broker is away.
    """
    offsets = _planned_offsets(so_far, committed)
    planned = {s.topic: s.topic_id for b in so_far.under_way for s in b.slices if s.topic_id}
    plan = kafka.plan(
        config.kafka.hasty(), offsets, config.batch, config.on_data_loss, {**topic_ids, **planned}
    )
    if not plan.slices and not plan.gaps:
        return None
    return BatchPlan(
        ingested_at=not_before if so_far.last is None else max(not_before, so_far.last + 1),
        after=so_far.last if so_far.under_way else None,
        slices=plan.slices,
        gaps=plan.gaps,
    )


def behind_plans(config: Config, so_far: PlannedSoFar, committed: kafka.Offsets) -> int:
    """Offsets that wait behind the batches under way. Raises Transient when the broker is away."""
    return sum(kafka.lag(config.kafka.hasty(), _planned_offsets(so_far, committed)).values())


def _seen(so_far: PlannedSoFar) -> PlannedSoFar:
    """Whether the rest that was asked for was given."""
    if so_far.rested_at is None:
        return so_far
    early = 0 <= _now() - so_far.rested_at < EARLY_S * 1e6
    return msgspec.structs.replace(so_far, rested_at=None, hurried=so_far.hurried + 1 if early else 0)


def _planned_offsets(so_far: PlannedSoFar, committed: kafka.Offsets) -> dict[tuple[str, int], int]:
    offsets = dict(committed)
    for batch in so_far.under_way:
        offsets.update(batch.ends)
    return offsets


def _slices(plan: BatchPlan) -> Iterator[BatchSlice]:
    for piece in plan.slices:
        if piece.records:
            yield BatchSlice(ingested_at=plan.ingested_at, offsets=piece)


class _Tracker(RestrictionTracker):
    """Knows what was planned. A split hands all that is left to the residual."""

    def __init__(self, so_far: PlannedSoFar) -> None:
        self._so_far = so_far
        self._checkpointed = False

    def current_restriction(self) -> PlannedSoFar:
        return self._so_far

    def try_claim(self, position: PlannedSoFar) -> bool:
        if self._checkpointed:
            return False
        self._so_far = position
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[PlannedSoFar, PlannedSoFar] | None:
        if fraction_of_remainder or self._checkpointed or self._so_far.done:
            return None
        self._checkpointed = True
        residual, self._so_far = self._so_far, PlannedSoFar(done=True)
        return self._so_far, residual

    def check_done(self) -> bool:
        if not self._so_far.done:
            raise ValueError("the planner stopped without a checkpoint")
        return True

    def current_progress(self) -> RestrictionProgress:
        return RestrictionProgress(fraction=1.0 if self._so_far.done else 0.0)

    def is_bounded(self) -> bool:
        return False


class _Provider(RestrictionProvider):
    def initial_restriction(self, element: bytes) -> PlannedSoFar:
        return PlannedSoFar()

    def create_tracker(self, restriction: PlannedSoFar) -> _Tracker:
        return _Tracker(restriction)

    def restriction_size(self, element: bytes, restriction: PlannedSoFar) -> float:
        return 1.0

    def restriction_coder(self) -> RecordCoder:
        return RecordCoder(PlannedSoFar)

    def truncate(self, element: bytes, restriction: PlannedSoFar) -> None:
        """On drain: plan nothing more; batches under way are finished."""


class _Watermark(WatermarkEstimator):
    """Set by hand, as Beam's manual one."""

    def __init__(self, state: PlannedUpTo) -> None:
        self._state = state

    def get_estimator_state(self) -> PlannedUpTo:
        return self._state

    def current_watermark(self) -> Timestamp | None:
        return None if self._state.time is None else Timestamp(micros=self._state.time)

    def observe_timestamp(self, timestamp: Timestamp) -> None:
        """Records in flight don't matter: it is set by hand."""

    def advance(self, time: Micros) -> None:
        """It never goes back."""
        self._state = PlannedUpTo(time=max(time, self._state.time or 0))


class _Watermarks(WatermarkEstimatorProvider):
    """The state of the estimator is a record: Beam's own providers pickle it."""

    def initial_estimator_state(self, element: bytes, restriction: PlannedSoFar) -> PlannedUpTo:
        return PlannedUpTo()

    def create_watermark_estimator(self, estimator_state: PlannedUpTo) -> _Watermark:
        return _Watermark(estimator_state)

    def estimator_state_coder(self) -> RecordCoder:
        return RecordCoder(PlannedUpTo)


@beam.typehints.with_input_types(bytes)
@beam.typehints.with_output_types(BatchPlan)
class _PlanFn(beam.DoFn):
    PLANNED = beam.DoFn.RestrictionParam(_Provider())
    WATERMARK = beam.DoFn.WatermarkEstimatorParam(_Watermarks())

    def __init__(self, config: Config, once: bool) -> None:
        self._config = config
        self._once = once
        self._retrying = Retrying("planning", self._config.kafka.patience_s)

    def teardown(self) -> None:
        self._retrying.leave()

    @beam.DoFn.unbounded_per_element()
    def process(
        self,
        start: bytes,
        tracker: Any = PLANNED,
        watermark: Any = WATERMARK,
    ) -> Iterator[TimestampedValue]:
        so_far = _seen(tracker.current_restriction())
        if so_far.hurried >= HURRIED:
            if not self._once:
                _log.info("the runner drains: no more batches are planned")
                tracker.try_claim(msgspec.structs.replace(so_far, done=True))
                return
            time.sleep(POLL_S)
        lake = reader(self._config.lake)
        committed = lake.committed()
        under_way = tuple(b for b in so_far.under_way if not b.in_lake(committed))
        so_far = msgspec.structs.replace(so_far, under_way=under_way)
        try:
            self._finish_commit(lake, so_far)
            now, behind = _now(), behind_plans(self._config, so_far, committed)
            so_far = msgspec.structs.replace(
                so_far, waiting_since=(so_far.waiting_since or now) if behind else None
            )
            plan = None
            if len(under_way) < AHEAD and self._worth(so_far, behind, now):
                with busy("ReadStream"):
                    plan = next_plan(
                        self._config,
                        so_far,
                        committed,
                        topic_ids=lake.topic_ids(),
                        not_before=max(now, lake.last_ingested_at + 1),
                    )
        except Transient as error:
            self._retrying.note(error)
            Metrics.counter(ReadStream, "transient").inc()
            if tracker.try_claim(msgspec.structs.replace(so_far, rested_at=_now())):
                tracker.defer_remainder(Duration(seconds=POLL_S))
            return
        self._retrying.passed()
        if plan is None:
            ended = self._once and not behind
            tracker.try_claim(msgspec.structs.replace(so_far, done=ended, rested_at=_now()))
        elif tracker.try_claim(
            PlannedSoFar(last=plan.ingested_at, under_way=(*under_way, plan), hurried=so_far.hurried)
        ):
            Metrics.counter(ReadStream, "batches").inc()
            _log.info(
                "batch %d planned: %d records, %d under way", plan.ingested_at, plan.records, len(under_way)
            )
            ended, now = False, plan.ingested_at
            yield TimestampedValue(plan, Timestamp(micros=now))
        else:
            return
        watermark.advance(now)
        if not ended:
            tracker.defer_remainder(Duration(seconds=0 if plan else POLL_S))

    def _worth(self, so_far: PlannedSoFar, behind: int, now: Micros) -> bool:
        """Whether a batch is worth planning now: full, or not empty and waited for long enough.

        A clock that was set back makes it wait no longer.
        """
        if so_far.waiting_since is None:
            return False
        waited = abs(now - so_far.waiting_since) >= self._config.batch.max_wait_s * 1e6
        return self._once or waited or behind >= self._config.batch.max_records

    def _finish_commit(self, lake: Lake, so_far: PlannedSoFar) -> None:
        """Finish a commit that an earlier run decided and did not get to finish.

        Its offsets are as good as committed, and no committer opens the lake before a batch is planned.
        """
        pending = lake.pending()
        if pending is None or not pending.files:
            return
        if any(pending.ingested_at == batch.ingested_at for batch in so_far.under_way):
            return
        try:
            Lake.open(self._config.lake).release()
        except LakeError as error:
            raise Transient(f"a commit was cut off and can't be finished yet: {error}") from error
        raise Transient("a commit that was cut off is finished: plan behind it")


@beam.typehints.with_input_types(BatchSlice)
@beam.typehints.with_output_types(RecordChunk)
class _ReadFn(beam.DoFn):
    def __init__(self, config: Config) -> None:
        self._config = config

    def process(self, slice: BatchSlice) -> Iterator[RecordChunk]:
        with busy("ReadStream"):
            records = tuple(kafka.read(self._config.kafka, slice.offsets))
        yield RecordChunk(ingested_at=slice.ingested_at, records=records)


def _now() -> Micros:
    return time.time_ns() // 1000
