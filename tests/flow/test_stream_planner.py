"""The planner of the endless job: what it plans next, when, and how far ahead."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from apache_beam.utils.timestamp import MAX_TIMESTAMP, Timestamp

from batch_plans import plan
from newsmill.config import Config, KafkaConfig
from newsmill.errors import Transient
from newsmill.flow.elements.batches import (
    AHEAD,
    PlannedSoFar,
    PlannedUpTo,
)
from newsmill.flow.streaming import read_stream
from newsmill.lake.writer import Lake
from newsmill.sources.kafka import OffsetRange, Plan

AT = 1_700_000_000_000_000


def planned(start: int, end: int) -> Plan:
    piece = OffsetRange(topic="pages", partition=0, start=start, end=end, records=end - start, bytes=0)
    return Plan(slices=(piece,), gaps=(), caught_up=True, ends={})


def test_next_plan_begins_behind_the_batches_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fake(kafka: KafkaConfig, offsets: Any, *_: Any) -> Plan:
        asked.append(dict(offsets))
        return planned(20, 30)

    monkeypatch.setattr(read_stream.kafka, "plan", fake)
    so_far = PlannedSoFar(last=AT + 9, under_way=(plan(AT + 9, 10, 20),))
    committed = {("pages", 0): 10, ("pages", 1): 4}
    made = read_stream.next_plan(Config(), so_far, committed, topic_ids={}, not_before=AT)
    assert asked == [{("pages", 0): 20, ("pages", 1): 4}]
    assert made is not None
    assert (made.after, made.ingested_at) == (AT + 9, AT + 10)


def test_next_plan_has_no_batch_before_it_when_the_lake_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_stream.kafka, "plan", lambda *_: planned(0, 3))
    made = read_stream.next_plan(Config(), PlannedSoFar(last=AT), {}, topic_ids={}, not_before=AT + 50)
    assert made is not None
    assert (made.after, made.ingested_at) == (None, AT + 50)


def test_a_checkpoint_hands_all_that_is_planned_to_the_residual() -> None:
    so_far = PlannedSoFar(last=AT, under_way=(plan(AT, 0, 5),))
    tracker = read_stream._Tracker(PlannedSoFar())
    assert tracker.try_claim(so_far)
    assert tracker.try_split(0.5) is None
    with pytest.raises(ValueError, match="without a checkpoint"):
        tracker.check_done()
    split = tracker.try_split(0)
    assert split is not None
    primary, residual = split
    assert residual == so_far
    assert primary.done
    assert tracker.check_done()
    assert not tracker.try_claim(so_far)
    assert tracker.try_split(0) is None


def test_a_drain_plans_nothing_more() -> None:
    assert read_stream._Provider().truncate(b"", PlannedSoFar(last=AT)) is None


def test_the_checkpoint_mark_is_readable_by_a_later_version_that_knows_more() -> None:
    coder = read_stream._Provider().restriction_coder()
    so_far = PlannedSoFar(last=AT, under_way=(plan(AT, 0, 5),))
    encoded = coder.encode(so_far)
    assert coder.decode(encoded) == so_far
    assert b"under_way" in encoded


def test_the_watermark_never_goes_back_and_an_idle_planner_advances_it() -> None:
    watermark = read_stream._Watermarks().create_watermark_estimator(PlannedUpTo())
    assert watermark.current_watermark() is None
    watermark.advance(AT + 5)
    watermark.advance(AT)
    watermark.observe_timestamp(MAX_TIMESTAMP)
    assert watermark.current_watermark() == Timestamp(micros=AT + 5)
    resumed = read_stream._Watermarks().create_watermark_estimator(watermark.get_estimator_state())
    assert resumed.current_watermark() == Timestamp(micros=AT + 5)


class Tracked:
    """Stands in for Beam's view of the tracker: what was claimed, and for how long it was put off."""

    def __init__(self, so_far: PlannedSoFar) -> None:
        self.so_far, self.deferred = so_far, None

    def current_restriction(self) -> PlannedSoFar:
        return self.so_far

    def try_claim(self, so_far: PlannedSoFar) -> bool:
        self.so_far = so_far
        return True

    def defer_remainder(self, delay: Any) -> None:
        self.deferred = delay.micros / 1e6


def step(config: Config, so_far: PlannedSoFar, *, once: bool = False) -> tuple[list[Any], Tracked]:
    """One turn of the planner: its plans, and the tracker after it."""
    tracker = Tracked(so_far)
    watermark = read_stream._Watermarks().create_watermark_estimator(PlannedUpTo())
    planner = read_stream._PlanFn(config, once)
    plans = list(planner.process(b"", tracker, watermark))
    planner.teardown()
    return [plan.value for plan in plans], tracker


@pytest.fixture
def waiting(config: Config, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A lake, and a broker with so many records behind all that was planned."""
    Lake.open(config.lake).release()
    behind = {"records": 10}
    monkeypatch.setattr(read_stream.kafka, "lag", lambda *_: {("pages", 0): behind["records"]})
    monkeypatch.setattr(read_stream.kafka, "plan", lambda *_: planned(0, 10))
    return behind


def test_planner_waits_for_more_until_the_batch_is_full_or_has_waited(
    config: Config, waiting: dict[str, int]
) -> None:
    plans, tracker = step(config, PlannedSoFar())
    assert plans == []
    assert tracker.deferred == read_stream.POLL_S
    since = tracker.so_far.waiting_since
    assert since is not None
    plans, tracker = step(config, tracker.so_far)
    assert plans == []
    assert tracker.so_far.waiting_since == since
    long_ago = since - round(config.batch.max_wait_s * 1e6)
    plans, tracker = step(config, PlannedSoFar(waiting_since=long_ago))
    assert [p.records for p in plans] == [10]
    assert (tracker.deferred, tracker.so_far.waiting_since) == (0, None)
    waiting["records"] = config.batch.max_records
    plans, _ = step(config, PlannedSoFar())
    assert len(plans) == 1


def test_planner_does_not_wait_for_the_clock_when_it_was_set_back_a_year(
    config: Config, waiting: dict[str, int]
) -> None:
    ahead = time.time_ns() // 1000 + 365 * 86_400_000_000
    plans, _ = step(config, PlannedSoFar(last=ahead - 1, waiting_since=ahead))
    assert [p.ingested_at for p in plans] == [ahead]


def test_planner_bounds_what_is_under_way(config: Config, waiting: dict[str, int]) -> None:
    full = PlannedSoFar(last=AT + AHEAD, under_way=tuple(plan(AT + n, n, n + 1) for n in range(AHEAD)))
    plans, tracker = step(config, full, once=True)
    assert plans == []
    assert not tracker.so_far.done
    assert tracker.deferred == read_stream.POLL_S


def test_planner_that_reads_once_ends_when_nothing_waits(config: Config, waiting: dict[str, int]) -> None:
    plans, _ = step(config, PlannedSoFar(), once=True)
    assert len(plans) == 1
    waiting["records"] = 0
    plans, tracker = step(config, PlannedSoFar(), once=True)
    assert plans == []
    assert tracker.so_far.done
    assert tracker.deferred is None
    _, tracker = step(config, PlannedSoFar())
    assert not tracker.so_far.done


def test_planner_outlives_a_broker_that_is_away(
    config: Config, waiting: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> dict[tuple[str, int], int]:
        raise Transient("no broker answers")

    monkeypatch.setattr(read_stream.kafka, "lag", away)
    so_far = PlannedSoFar(last=AT, waiting_since=AT)
    plans, tracker = step(config, so_far)
    assert plans == []
    assert msgspec.structs.replace(tracker.so_far, rested_at=None) == so_far
    assert tracker.deferred == read_stream.POLL_S


@pytest.mark.parametrize("away", [False, True], ids=["broker there", "broker away"])
def test_planner_ends_when_the_runner_gives_it_no_rests(
    config: Config, waiting: dict[str, int], monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    """So Flink drains: it calls what was put off at once, until nothing is put off."""

    def gone(*_: Any) -> dict[tuple[str, int], int]:
        raise Transient("no broker answers")

    if away:
        monkeypatch.setattr(read_stream.kafka, "lag", gone)
    under_way = tuple(plan(AT + n, n, n + 1) for n in range(AHEAD))
    so_far, turns = PlannedSoFar(last=AT + AHEAD, under_way=under_way), 0
    while not so_far.done:
        plans, tracker = step(config, so_far)
        assert plans == []
        so_far, turns = tracker.so_far, turns + 1
        assert turns <= read_stream.HURRIED + 1
    assert tracker.deferred is None


def test_planner_that_reads_once_plans_to_the_end_when_the_runner_gives_it_no_rests(
    config: Config, waiting: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So Flink does where the planner's input has ended, which is soon: the planner rests by itself."""
    rests: list[float] = []
    monkeypatch.setattr(read_stream.time, "sleep", rests.append)
    under_way = tuple(plan(AT + n, n, n + 1) for n in range(AHEAD))
    so_far = PlannedSoFar(last=AT + AHEAD, under_way=under_way)
    for _ in range(3 * read_stream.HURRIED):
        plans, tracker = step(config, so_far, once=True)
        so_far = tracker.so_far
        assert (plans, so_far.done) == ([], False)
    assert rests == [read_stream.POLL_S] * (2 * read_stream.HURRIED)
    so_far = msgspec.structs.replace(so_far, under_way=under_way[1:])
    (planned,), tracker = step(config, so_far, once=True)
    assert planned.records
    waiting["records"] = 0
    _, tracker = step(config, tracker.so_far, once=True)
    assert tracker.so_far.done


def test_planner_goes_on_when_a_clock_that_was_set_back_cuts_a_rest(
    config: Config, waiting: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting["records"] = 0
    times = [AT, AT + 100_000, AT + 2_000_000, AT + 2_100_000, AT + 5_000_000, AT - 10**9, AT - 10**9 + 10]
    so_far = PlannedSoFar()
    for now in times:
        monkeypatch.setattr(read_stream, "_now", lambda now=now: now)
        _, tracker = step(config, so_far)
        so_far = tracker.so_far
        assert not so_far.done
        assert tracker.deferred == read_stream.POLL_S
    assert so_far.hurried == 1
