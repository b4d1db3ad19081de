"""Whoever follows a lake's changes has the lake: through runs, compaction, replays, takedowns and kills."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pyiceberg.table import Table

import synthetic
from keeping import House
from newsmill.cli.changes import changes as changes_command
from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import change_order, changes, files, reader, rows as table_rows
from newsmill.lake.flat import FLAT
from newsmill.lake.ledger import Batch
from newsmill.lake.places import PLACE, RAW
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.writer import Lake
from newsmill.records import Fate, FateRow, OffsetRange, Position
from newsroom import story
from wirelake import AT, TOPIC, Press, Sent, made_no_article, named, press_day, renamed, retitled

LATER = AT + 10 * 3_600_000_000
Row = dict[str, Any]


class Follower:
    """A copy of one table, kept by its changes alone, without where raw records are."""

    def __init__(self, table: changes.Followed) -> None:
        self.table = table
        self.since = 0
        self.rows: dict[tuple[Any, ...], Row] = {}

    def follow(self, lake: str) -> list[tuple[str, Row]]:
        """Take the changes since the last time; what they were."""
        found = changes.read(lake, self.table, self.since)
        told = [
            (row.pop("change"), _no_matter_where(row)) for batch in found.rows for row in batch.to_pylist()
        ]
        if self.table in FLAT:
            named = {place(row) for _, row in told}
            self.rows = {key: row for key, row in self.rows.items() if place(row) not in named}
        for change, row in told:
            key = tuple(row[name] for name in TABLES[self.table].key)
            if change == "removed":
                self.rows.pop(key, None)
            else:
                assert key not in self.rows or self.table not in FLAT
                self.rows[key] = row
        self.since = found.until
        return told

    def is_right(self, lake: Lake | Tables) -> bool:
        tables = lake.tables if isinstance(lake, Lake) else lake
        rows = reader.rows(tables.store.uri(""), self.table).to_table().to_pylist()
        held = [_no_matter_where(row) for row in rows]
        key = TABLES[self.table].key
        return self.rows == {tuple(row[name] for name in key): row for row in held}


def _no_matter_where(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in RAW}


def place(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in PLACE)


def kinds(told: list[tuple[str, Row]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for change, row in told:
        found.setdefault(change, []).append(row["offset"])
    return {change: sorted(offsets) for change, offsets in found.items()}


def test_only_what_changed_is_told(press: Press, config: LakeConfig) -> None:
    follower = Follower("articles")
    assert kinds(follower.follow(config.path)) == {"inserted": list(press.bodies)}
    assert follower.follow(config.path) == []
    press.send(Sent("https://late.example/1", story(52), "Late"), at=LATER)
    assert kinds(follower.follow(config.path)) == {"inserted": [len(press.bodies) - 1]}
    list(compaction.compact(press.lake.tables))
    assert follower.follow(config.path) == []
    retitled(press, 2, "Another title", LATER + 1)
    [(change, row)] = follower.follow(config.path)
    assert (change, row["offset"], row["title"]) == ("updated", 2, "Another title")
    assert follower.is_right(press.lake)


def test_takedown_is_told_of_each_row_that_it_empties_and_of_the_text_it_hands_on(
    press: Press, config: LakeConfig
) -> None:
    follower = Follower("articles")
    follower.follow(config.path)
    take_down(config, "wire.example", reason="asked", now=LATER)
    told = follower.follow(config.path)
    emptied = [row for change, row in told if change == "taken_down"]
    assert {row["domain"] for row in emptied} == {"wire.example"} and len(emptied) == 3
    assert all(row["body"] is None and row["title"] is None for row in emptied)
    assert all(row["entities"] is None and row["places"] is None for row in emptied)
    heirs = [row for change, row in told if change == "updated"]
    assert heirs and all(row["body"] for row in heirs)
    assert follower.is_right(press.lake)


def test_replay_that_changes_nothing_is_no_change(press: Press, config: LakeConfig) -> None:
    follower = Follower("articles")
    follower.follow(config.path)
    before = press.lake.tables.load("articles").metadata_location
    retitled(press, 2, "Ferry line sold", LATER)
    assert press.lake.tables.load("articles").metadata_location == before
    assert follower.follow(config.path) == []


def test_replay_touches_the_records_that_changed_among_those_that_were_done_again(
    filled: Lake, config: LakeConfig
) -> None:
    followers = [Follower(table) for table in changes.FOLLOWED]
    for follower in followers:
        follower.follow(config.path)
    first = fates(filled)[14]["ingested_at"]
    again(filled, config, {14: Fate.NOT_ARTICLE, 13: Fate.NOT_ARTICLE}, changes.micros(first))
    told = {follower.table: kinds(follower.follow(config.path)) for follower in followers}
    assert fates(filled)[13]["updated_at"] == fates(filled)[13]["ingested_at"]
    assert told["fate"] == {"updated": [14]}
    assert told["quarantine"] == {"removed": [14]}
    assert told["cluster_events"] == {}
    assert all(follower.is_right(filled) for follower in followers)


@pytest.mark.parametrize("table", changes.FOLLOWED)
def test_changes_can_be_written_as_parquet_when_rows_are_removed(
    filled: Lake, config: LakeConfig, table: changes.Followed
) -> None:
    since = changes.read(config.path, table, 0).until
    first = changes.micros(fates(filled)[14]["ingested_at"])
    again(filled, config, {0: Fate.NOT_ARTICLE, 14: Fate.NOT_ARTICLE}, first)
    found = changes.read(config.path, table, since)
    rows, file = pa.Table.from_batches(found.rows, found.schema), pa.BufferOutputStream()
    pq.write_table(rows, file)
    assert pq.read_table(pa.BufferReader(file.getvalue())).to_pylist() == rows.to_pylist()
    assert ("removed" in rows["change"].to_pylist()) == (table not in ("fate", "cluster_events"))


@pytest.mark.parametrize("table", FLAT)
def test_flat_table_is_followed_through_commits_compaction_replays_and_takedowns(
    press: Press, config: LakeConfig, table: changes.Followed
) -> None:
    follower = Follower(table)
    assert set(kinds(follower.follow(config.path))) == {"inserted"}
    press.send(Sent("https://late.example/1", story(52), "Late"), at=LATER)
    assert set(kinds(follower.follow(config.path))["inserted"]) == {len(press.bodies) - 1}
    list(compaction.compact(press.lake.tables))
    assert follower.follow(config.path) == []
    retitled(press, 2, "Another title", LATER + 1)
    assert follower.follow(config.path) == []  # it names what it named
    column = FLAT[table].column
    [item, *_] = named(press, 0, column)
    for items in ([item] * 3, [item]):
        renamed(press, 0, column, items)
        assert kinds(follower.follow(config.path)) == {"updated": [0] * len(items)}
        assert follower.is_right(press.lake)
    renamed(press, 0, column, [])
    assert kinds(follower.follow(config.path)) == {"removed": [0]} and follower.is_right(press.lake)
    renamed(press, 0, column, [item])
    assert kinds(follower.follow(config.path)) == {"updated": [0]} and follower.is_right(press.lake)
    made_no_article(press, 11)
    assert kinds(follower.follow(config.path)) == {"removed": [11]} and follower.is_right(press.lake)
    gone = {row["offset"] for row in follower.rows.values() if row["domain"] == "wire.example"}
    take_down(config, "wire.example", reason="asked", now=LATER)
    assert kinds(follower.follow(config.path)) == {"removed": sorted(gone)}
    assert follower.rows and follower.is_right(press.lake)


@pytest.mark.parametrize("table", FLAT)
def test_flat_table_that_lacks_rows_of_an_earlier_version_is_not_followed_before_it_is_filled(
    press: Press, config: LakeConfig, table: changes.Followed
) -> None:
    follower = Follower(table)
    follower.follow(config.path)
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(Lake, "_flatten", lambda *_: [])
        press.send(Sent("https://new.example/new", story(50)))
    with pytest.raises(LakeError, match="newsmill run"):
        follower.follow(config.path)
    press.lake.release()
    press.lake = Lake.open(config)
    assert set(kinds(follower.follow(config.path))["inserted"]) == {len(press.bodies) - 1}
    assert follower.is_right(press.lake)


def fates(lake: Lake) -> dict[int, Row]:
    read = lake.tables.load("fate").scan(row_filter="partition == 0").to_arrow().to_pylist()
    return {row["offset"]: row for row in read}


def again(lake: Lake, config: LakeConfig, ends: dict[int, Fate], first: int) -> None:
    """Give records of the made-up stream fates anew, as a replay does."""
    old = fates(lake)
    made = [
        FateRow(
            position=Position(topic=synthetic.TOPIC, partition=0, offset=offset),
            fate=end,
            reason="section",
            ingested_at=first,
            url=old[offset]["url"],
            domain=old[offset]["domain"],
            bytes=old[offset]["bytes"],
        )
        for offset, end in ends.items()
    ]
    slices = tuple(
        OffsetRange(topic=synthetic.TOPIC, partition=0, start=o, end=o + 1, records=1, bytes=0)
        for o in sorted(ends)
    )
    written = files.write(config.path, "fate", table_rows.fates(made), ingested_at=first)
    at = lake.last_change + 1
    lake.replace(Batch(batch_id="replay", sequence=0, ingested_at=at, slices=slices), [written])


def test_batch_that_becomes_visible_after_a_takedown_is_not_missed(press: Press, config: LakeConfig) -> None:
    """It was begun before: its rows are older than the takedown, by the lake's own time."""
    follower = Follower("articles")
    follower.follow(config.path)

    def meanwhile() -> Iterator[None]:
        take_down(config, "c.example", reason="asked", now=LATER)
        yield follower.follow(config.path)  # type: ignore[misc]

    press.send(Sent("https://late.example/1", story(52), "Late"), meanwhile=meanwhile())
    follower.follow(config.path)
    assert follower.is_right(press.lake)


def test_batch_that_was_planned_before_a_change_and_begun_after_it_is_not_missed(
    press: Press, config: LakeConfig
) -> None:
    """As the endless job plans ahead: its batch has a time that was told as visible already."""
    follower = Follower("articles")
    follower.follow(config.path)
    planned = press.lake.last_change + 1
    for site in ("c.example", "d.example", "e.example"):
        take_down(config, site, reason="asked", now=LATER)
    follower.follow(config.path)
    press.send(Sent("https://late.example/1", story(52), "Late"), at=planned)
    assert planned < follower.since
    assert kinds(follower.follow(config.path)) == {"inserted": [len(press.bodies) - 1]}
    assert follower.follow(config.path) == []
    assert follower.is_right(press.lake)


@pytest.mark.parametrize(
    ("table", "last"), [("articles", "articles"), ("article_entities", "articles"), ("article_places",) * 2]
)
def test_half_of_a_batch_is_not_told(
    press: Press, config: LakeConfig, monkeypatch: pytest.MonkeyPatch, table: changes.Followed, last: str
) -> None:
    follower = Follower(table)
    follower.follow(config.path)
    change = press.lake.tables.change

    def cut(name: str, stage: Any) -> Table:
        changed = change(name, stage)
        if name == last:
            raise KeyboardInterrupt
        return changed

    with monkeypatch.context() as killed:
        killed.setattr(press.lake.tables, "change", cut)
        with pytest.raises(KeyboardInterrupt):
            press.send(Sent("https://late.example/1", story(52), "Late"))
    assert len(press.lake.tables.load("articles").scan().to_arrow()) == len(press.bodies)
    assert follower.follow(config.path) == []
    press.lake.release()
    press.lake = Lake.open(config)  # finishes it
    told = kinds(follower.follow(config.path))
    assert set(told) == {"inserted"} and set(told["inserted"]) == {len(press.bodies) - 1}
    assert follower.is_right(press.lake)


def test_takedown_that_was_cut_off_holds_the_feed_back_until_it_is_done_again(
    press: Press, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower("articles")
    follower.follow(config.path)
    change, done = Tables.change, []

    def cut(tables: Tables, name: str, stage: Any) -> Table:
        if done and name == "articles":
            raise KeyboardInterrupt
        done.append(name)
        return change(tables, name, stage)

    with monkeypatch.context() as killed:
        killed.setattr(Tables, "change", cut)
        with pytest.raises(KeyboardInterrupt):
            take_down(config, "wire.example", reason="asked", now=LATER)
    press.send(Sent("https://late.example/1", story(52), "Late"), at=LATER + 1)
    assert follower.follow(config.path) == []
    [waiting] = changes.read(config.path, "articles", follower.since).waiting
    assert "wire.example" in waiting.what
    take_down(config, "wire.example", reason="asked", now=LATER + 2)
    told = kinds(follower.follow(config.path))
    assert told["inserted"] == [len(press.bodies) - 1] and len(told["taken_down"]) == 3
    assert changes.read(config.path, "articles", follower.since).waiting == ()
    assert follower.is_right(press.lake)


def test_feed_waits_for_each_noted_change_and_goes_on_when_all_are_done(filled: Lake) -> None:
    with change_order.changing(filled.tables, "one") as first:
        ledger = filled.tables.load("fate")
        assert change_order.visible_until(ledger) == first - 1 == filled.last_change
        with change_order.changing(filled.tables, "two") as second:
            noted = change_order.under_way(filled.tables.load("fate").properties)
            assert [change.what for change in noted] == ["one", "two"]
    with change_order.changing(filled.tables, "three") as third:
        pass
    assert first <= second < third
    assert change_order.visible_until(filled.tables.load("fate")) == third


@pytest.mark.parametrize("table", ["articles", "fate"])
def test_lake_of_before_is_followed_too(
    config: LakeConfig, monkeypatch: pytest.MonkeyPatch, table: changes.Followed
) -> None:
    """Its rows lack `updated_at`, until something changes them."""
    with monkeypatch.context() as before:
        for name, schema in TABLES.items():
            if columns := tuple(column for column in schema.columns if column.since < 5):
                before.setitem(TABLES, name, replace(schema, columns=columns))
        press = Press(config)
        press_day(press)
        press.close()
    follower = Follower(table)
    assert len(follower.follow(config.path)) == len(press.bodies)
    press.lake = Lake.open(config)
    press.restart()
    assert follower.follow(config.path) == []
    retitled(press, 2, "Another title", LATER)
    take_down(config, "c.example", reason="asked", now=LATER)
    press.send(Sent("https://late.example/1", story(52), "Late"), at=LATER + 1)
    follower.follow(config.path)
    if table == "articles":
        assert {row["offset"] for row in follower.rows.values() if row["updated_at"]} >= {2}
    assert {place: row["url"] for place, row in follower.rows.items()} == {
        (TOPIC, 0, row["offset"]): row["url"]
        for row in press.lake.tables.load(table).scan().to_arrow().to_pylist()
    }
    press.close()


STEPS = ("commit", "die", "compact", "gc", "takedown", "replay", "copy", "move", "lose_catalog")


@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.lists(st.sampled_from(STEPS), min_size=3, max_size=7))
def test_followers_have_the_lake_whatever_its_keepers_do(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[str]
) -> None:
    house = House(tmp_path_factory.mktemp("followed"), seed)
    followers = [Follower(table) for table in changes.FOLLOWED]
    sometimes = random.Random(seed)
    for step in (*steps, "commit"):
        house.do(step)
        for follower in followers:
            if sometimes.random() < 0.7:
                follower.follow(house.config.path)
    for follower in followers:
        follower.follow(house.config.path)
        assert follower.is_right(Tables.open(house.config)), follower.table


@pytest.mark.parametrize("step", ["compact", "gc", "takedown", "replay", "copy", "move", "lose_catalog"])
def test_followers_have_the_lake_after_each_kind_of_keeping(tmp_path: Path, step: str) -> None:
    """Where raw records are is no change of a row: what moves them, or lets them go, is not told."""
    house = House(tmp_path, seed=1)
    followers = [Follower(table) for table in changes.FOLLOWED]
    for _ in range(4):
        house.do("commit")
    for follower in followers:
        follower.follow(house.config.path)
    house.do(step)
    told = {follower.table: follower.follow(house.config.path) for follower in followers}
    for follower in followers:
        assert follower.is_right(Tables.open(house.config)), follower.table
    if step != "replay":
        assert told["fate"] == [] and "removed" not in [change for change, _ in told["quarantine"]]


def test_changes_go_back_to_what_is_visible_when_since_is_later_than_all(press: Press) -> None:
    """A time of the clock is ahead of the lake's: what is changed next would be missed behind it."""
    now = changes.read(press.config.path, "articles", 0).until
    ahead = changes.read(press.config.path, "articles", now + 3_600_000_000)
    assert (list(ahead.rows), ahead.until) == ([], now)
    take_down(press.config, "c.example", reason="asked", now=LATER)
    found = changes.read(press.config.path, "articles", ahead.until)
    assert "taken_down" in {kind for batch in found.rows for kind in batch["change"].to_pylist()}


def test_help_names_the_key_of_each_table() -> None:
    told = " ".join((changes_command.__doc__ or "").split())
    assert "The key is topic, partition and offset; of cluster_events it is ingested_at and seq" in told
    assert "nth belongs to that of article_entities and article_places" in told
    keys = {table: TABLES[table].key for table in changes.FOLLOWED}
    assert keys.pop("cluster_events") == ("ingested_at", "seq")
    assert {table for table, key in keys.items() if key == (*PLACE, "nth")} == set(FLAT)
    assert {table for table, key in keys.items() if key == PLACE} == keys.keys() - set(FLAT)
