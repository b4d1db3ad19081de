"""What the submitting command tells of a lake that the job writes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from newsmill.config import Config, LakeConfig
from newsmill.errors import Transient
from newsmill.lake import files, rows as table_rows
from newsmill.lake.files import DataFile
from newsmill.lake.upkeep import compaction
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.writer import Lake
from newsmill.records import Fate, FateRow, OffsetRange, Position
from newsmill.runners import following
from newsmill.runners.following import Follower
from newsmill.runners.progress import Summary

AT = 1_700_000_000_000_000
TOPIC = "pages"


class Heard:
    """A watch that keeps what it was told."""

    def __init__(self) -> None:
        self.batches: list[Summary] = []
        self.lags: list[dict[tuple[str, int], int]] = []
        self.beats = 0

    def alive(self) -> None:
        self.beats += 1

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        self.lags.append(dict(behind))

    def held_back(self, found: object) -> None: ...

    def working(self, work: object) -> None: ...

    def batch_committed(self, summary: Summary, files: Sequence[DataFile]) -> None:
        self.batches.append(summary)


def commit(lake: Lake, start: int, end: int, *, at: int = AT) -> None:
    """A batch of pages that were no articles."""
    piece = OffsetRange(topic=TOPIC, partition=0, start=start, end=end, records=end - start, bytes=0)
    batch = lake.begin([piece], now=at + start)
    rows = [
        FateRow(
            position=Position(topic=TOPIC, partition=0, offset=offset),
            fate=Fate.NOT_ARTICLE,
            ingested_at=batch.ingested_at,
            reason="tombstone",
            bytes=10,
        )
        for offset in range(start, end)
    ]
    root = lake.tables.store.uri("").rstrip("/")
    written = files.write(root, "fate", table_rows.fates(rows), ingested_at=batch.ingested_at)
    lake.commit(batch, [written])


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(
        following.kafka, "lag", lambda config, committed: {(TOPIC, 0): 10 - committed.get((TOPIC, 0), 0)}
    )
    return Config(lake=LakeConfig(path=str(tmp_path / "lake")))


def test_only_what_is_committed_from_now_on_is_told_and_all_of_it(config: Config) -> None:
    lake, heard = Lake.open(config.lake), Heard()
    commit(lake, 0, 2)
    follower = Follower(config, [heard])
    follower.look()
    assert heard.batches == []
    commit(lake, 2, 5)
    commit(lake, 5, 9)
    follower.look()
    follower.look()
    lake.release()
    [told] = heard.batches
    assert (told.records, told.bytes, dict(told.fates)) == (7, 70, {"not_article": 7})
    assert heard.lags == [{(TOPIC, 0): 8}, {(TOPIC, 0): 1}, {(TOPIC, 0): 1}]
    assert told.waiting == 1


def test_what_housekeeping_rewrites_is_told_of_nobody(config: Config) -> None:
    hour = 3_600_000_000
    lake, heard = Lake.open(config.lake), Heard()
    for offset, at in enumerate((AT, AT, AT + hour)):
        commit(lake, offset, offset + 1, at=at)
    follower = Follower(config, [heard])
    merged = [done.table for done in compaction.compact(lake.tables)]
    take_down(config.lake, "a.example", now=AT + 2 * hour)
    follower.look()
    lake.release()
    assert (merged, heard.batches) == (["fate"], [])


def test_a_broker_that_is_away_is_passed_over(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> dict[tuple[str, int], int]:
        raise Transient("no broker answers")

    lake, heard = Lake.open(config.lake), Heard()
    follower = Follower(config, [heard])
    commit(lake, 0, 2)
    with monkeypatch.context() as patched:
        patched.setattr(following.kafka, "lag", away)
        follower.look()
    assert heard.batches == []
    assert heard.beats == 1
    follower.look()
    lake.release()
    assert [told.records for told in heard.batches] == [2]


def test_the_last_look_comes_after_the_end(config: Config) -> None:
    lake, heard, stop = Lake.open(config.lake), Heard(), threading.Event()
    follower = Follower(config, [heard])
    commit(lake, 0, 3)
    lake.release()
    stop.set()
    follower.follow(stop)
    assert [told.records for told in heard.batches] == [3]
