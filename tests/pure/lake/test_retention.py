"""Which snapshots stay readable, and what a table was at a time."""

from __future__ import annotations

import time

import pytest
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRef, SnapshotRefType

import synthetic
from newsmill.config import LakeConfig
from newsmill.lake.retention import Retention
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

HOUR_S = 3_600.0


def with_snapshots(table: Table, *, ages_s: list[float], tagged: int) -> Table:
    """A table whose snapshots have these ages; ids are their numbers, the first is the oldest."""
    one = table.metadata.snapshots[-1]
    now = time.time()
    snapshots = [
        one.model_copy(
            update={"snapshot_id": at, "sequence_number": at, "timestamp_ms": int(1000 * (now - age))}
        )
        for at, age in enumerate(ages_s)
    ]
    tag = SnapshotRef(snapshot_id=tagged, snapshot_ref_type=SnapshotRefType.TAG)
    refs = {"main": SnapshotRef(snapshot_id=len(ages_s) - 1, snapshot_ref_type=SnapshotRefType.BRANCH)}
    table.metadata = table.metadata.model_copy(
        update={"snapshots": snapshots, "refs": refs | {"mine": tag}, "current_snapshot_id": len(ages_s) - 1}
    )
    return table


@pytest.mark.parametrize("past_the_hour_s", [0.0, 3_170.0])
@pytest.mark.parametrize("every_s", [10.0, 300.0, 7_200.0])
def test_snapshots_of_days_stay_by_the_hour_and_the_newest_one_by_one(
    filled: Lake, monkeypatch: pytest.MonkeyPatch, every_s: float, past_the_hour_s: float
) -> None:
    count = 5_000
    now = time.time() // HOUR_S * HOUR_S + past_the_hour_s
    monkeypatch.setattr("time.time", lambda: now)
    ages = [(count - 1 - at) * every_s for at in range(count)]
    table = with_snapshots(filled.tables.load("articles"), ages_s=ages, tagged=3)
    gone = set(Retention().forgotten(table))
    kept = [at for at in range(count) if at not in gone]
    assert 3 in kept
    assert len(kept) <= 500 + 7 * 24 + 2
    followed = [at for at in range(count - 500, count) if ages[at] < 7 * 86_400 - 1]
    assert set(followed) <= set(kept)
    assert set(range(count - 50, count)) <= set(kept)
    oldest = min(ages[0], 7 * 86_400)
    for hours in range(int(oldest / HOUR_S) - 1):  # each hour of the days has a state
        assert any(hours * HOUR_S <= ages[at] < (hours + 1) * HOUR_S + max(HOUR_S, every_s) for at in kept)
    again = with_snapshots(table, ages_s=[ages[at] for at in kept], tagged=kept.index(3))
    assert Retention().forgotten(again) == []


def test_only_the_newest_stay_where_that_is_asked_for(filled: Lake) -> None:
    table = with_snapshots(filled.tables.load("articles"), ages_s=[9.0 - at for at in range(10)], tagged=4)
    assert Retention.newest(2).forgotten(table) == [0, 1, 2, 3, 5, 6, 7]
    assert Retention(days=0).forgotten(table) == []  # the newest 50 always


def test_a_table_of_a_time_is_asked_for_when_snapshots_between_are_forgotten(
    monkeypatch: pytest.MonkeyPatch, config: LakeConfig
) -> None:
    lake = Lake.open(LakeConfig(path=config.path, lease_s=86_400))
    now = time.time()
    begin = now - now % HOUR_S + HOUR_S
    clock = [begin]
    monkeypatch.setattr("time.time", lambda: clock[0])
    monkeypatch.setattr("newsmill.lake.writer.FORGOTTEN_AT_ONCE", 1)
    lake.tables.retention = Retention(days=1, least=1, followed=2)
    for number in range(6):  # three an hour
        clock[0] = begin + number * HOUR_S / 3
        parts = list(synthetic.slices(0, number * 20, number * 20 + 20))
        batch = lake.begin(parts, now=int(clock[0] * 1e6))
        lake.commit(batch, synthetic.write(config.path, batch, words=5))
    table = lake.tables.load("articles")
    assert len(table.metadata.snapshots) == 3
    past = table.snapshot_as_of_timestamp(int(1000 * (begin + HOUR_S - 1)))
    assert past is not None
    rows = table.scan(snapshot_id=past.snapshot_id).to_arrow()
    assert 2 * len(rows) == len(table.scan().to_arrow()) > 0
    assert audit(config.path).findings == []
    lake.release()


def test_times_of_a_table_never_go_back_and_takedown_forgets_all_when_the_clock_was_ahead(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, config: LakeConfig
) -> None:
    """Java's readers refuse a table whose times go back."""
    for number, ahead_s in enumerate((0, 240 * HOUR_S, 0, 0)):
        with monkeypatch.context() as patched:
            now = time.time() + ahead_s
            patched.setattr("time.time", lambda now=now: now)
            parts = list(synthetic.slices(0, number * 20, number * 20 + 20))
            batch = lake.begin(parts, now=int(now * 1e6))
            lake.commit(batch, synthetic.write(config.path, batch, words=5))
    for name in lake.tables.names:
        metadata = lake.tables.load(name).metadata
        for log in (metadata.snapshot_log, metadata.metadata_log):
            times = [entry.timestamp_ms for entry in log] + [metadata.last_updated_ms]
            assert times == sorted(times), name
    lake.release()
    take_down(config, "site1.example", reason="x", now=int(time.time() * 1e6))
    assert len(Tables.open_readonly(config).load("articles").metadata.snapshots) == 1
    assert audit(config.path).findings == []
