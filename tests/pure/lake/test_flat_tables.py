"""The flat tables hold what the rows of articles name, whatever becomes of these rows."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from newsmill.config import Config, LakeConfig
from newsmill.errors import LakeError
from newsmill.jobs.departures import Departures
from newsmill.lake import files, flattening, reader
from newsmill.lake.flat import FLAT
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction, garbage_collection, mending
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.observe import questions
from newsmill.runtime import failpoints
from newsroom import story
from wirelake import Press, Sent, made_no_article

AT = 1_790_000_000_000_000
HOUR = 3_600_000_000
PLACE = ("topic", "partition", "offset", "nth")


def stored(path: str, name: str) -> list[dict[str, Any]]:
    rows = reader.rows(path, name).to_table()
    return rows.sort_by([(column, "ascending") for column in PLACE]).to_pylist()


def named(path: str, name: str) -> list[tuple[Any, ...]]:
    """What the table must tell, of the rows of articles."""
    flat, found = FLAT[name], []
    for row in reader.rows(path, "articles").to_table().to_pylist():
        for nth, item in enumerate(row[flat.column] or (), 1):
            told = [row["topic"], row["partition"], row["offset"], nth]
            told += [(row["published_at"] or row["ingested_at"]).date()]
            told += [row[column] for column in ("article_id", "revision", "domain", "lang")]
            told += [row["duplicate"]["cluster_id"], row["duplicate"]["is_duplicate"], row["ingested_at"]]
            found.append((*told, *(item[part] for part in flat.parts)))
    return sorted(found, key=lambda told: told[:4])


def check(path: str) -> int:
    """Check that the tables tell what they must; how many rows they have."""
    count = 0
    for name in FLAT:
        rows = stored(path, name)
        for row in rows:
            del row["updated_at"]
        assert [tuple(row.values()) for row in rows] == named(path, name)
        count += len(rows)
    report = audit(path)
    assert report.findings == [] and "C11" in report.checked
    return count


def test_flat_tables_tell_what_each_row_of_articles_names(press: Press) -> None:
    rows = reader.rows(press.config.path, "articles").count_rows()
    assert check(press.config.path) == 3 * rows  # two entities and a place each
    assert {row["updated_at"] for row in stored(press.config.path, "article_places")} == {
        row["ingested_at"] for row in stored(press.config.path, "article_places")
    }


def test_items_are_numbered_within_their_article_where_some_have_none_or_are_empty() -> None:
    flat = FLAT["article_places"]
    place = dict.fromkeys(("name", "kind", "country", "admin1"), "x") | {
        "geonameid": 1, "lat": 1.0, "lon": 2.0, "score": 0.5
    }  # fmt: skip
    item = pa.struct([flat.schema.arrow.field(part).with_nullable(True) for part in flat.parts])
    at = pa.array([AT] * 5, pa.timestamp("us", tz="UTC"))
    articles = pa.table(
        {
            "topic": ["t"] * 5, "partition": pa.array([0] * 5, pa.int32()), "offset": [*range(5)],
            "article_id": ["a"] * 5, "revision": pa.array([1] * 5, pa.int32()), "domain": ["d"] * 5,
            "lang": ["en"] * 5, "published_at": pc.if_else(pa.array([True, False] * 2 + [True]), at, None),
            "ingested_at": at,
            "duplicate": [None, *[{"cluster_id": "c", "is_duplicate": True}] * 4],
            "places": pa.array([[place], None, [place] * 3, [], [place] * 2], pa.list_(item)),
        }
    )  # fmt: skip
    for batches in (5, 2, 1):
        cut = pa.Table.from_batches(articles.to_batches(max_chunksize=batches))
        rows = flat.rows(cut)
        assert list(zip(rows["offset"].to_pylist(), rows["nth"].to_pylist(), strict=True)) == [
            (0, 1), (2, 1), (2, 2), (2, 3), (4, 1), (4, 2)
        ]  # fmt: skip
        assert rows["cluster_id"].to_pylist() == [None, *["c"] * 5]
        assert rows["updated_at"].null_count == 6  # they are of before schema 5
    assert flat.rows(articles.slice(0, 0)).num_rows == 0


def test_flat_tables_follow_a_takedown_of_a_site_and_of_an_address(press: Press) -> None:
    before = check(press.config.path)
    path = press.config.path
    gone = [row["article_id"] for row in stored(path, "article_entities") if row["domain"] == "a.example"]
    take_down(press.config, "a.example", now=AT + 9 * HOUR)
    assert check(path) == before - len(gone) - len(gone) // 2
    take_down(press.config, "https://wire.example/two", now=AT + 9 * HOUR)
    assert check(path) < before - len(gone) - len(gone) // 2
    for file in Path(path).rglob("article_*/data/**/*.parquet"):
        rows = pq.read_table(file, partitioning=None)
        assert not set(gone) & set(rows["article_id"].to_pylist())
    take_down(press.config, "b.example", now=AT + 9 * HOUR)
    take_down(press.config, "c.example", now=AT + 9 * HOUR)
    take_down(press.config, "wire.example", now=AT + 9 * HOUR)
    check(path)


def test_checker_finds_content_of_a_flat_table_that_a_takedown_left(press: Press) -> None:
    path = Path(press.config.path)
    kept = [(f, f.read_bytes()) for f in path.rglob("article_entities/data/**/*.parquet")]
    take_down(press.config, "a.example", now=AT + 9 * HOUR)
    assert audit(str(path)).findings == []
    for file, content in kept:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert {finding.rule for finding in audit(str(path)).findings} == {"W2"}
    take_down(press.config, "a.example", now=AT + 9 * HOUR)
    assert audit(str(path)).findings == []


def test_checker_finds_a_flat_row_that_no_article_has_and_one_that_is_missing(press: Press) -> None:
    tables = press.lake.tables
    articles = reader.rows(press.config.path, "articles").to_table().slice(0, 1)
    emptied = articles.set_column(
        articles.schema.get_field_index("entities"),
        articles.schema.field("entities"),
        pa.nulls(1, articles.schema.field("entities").type),
    )
    hours = {files.hour(articles["ingested_at"].cast("int64")[0].as_py())}
    places = articles.select(["topic", "partition", "offset"])
    flattening.follow(tables, emptied, places, hours, "test")
    (found,) = audit(press.config.path).findings
    assert (found.rule, found.count) == ("C11", 1)
    flattening.follow(tables, articles, places, hours, "test")
    check(press.config.path)


def test_flat_tables_are_not_written_anew_where_nothing_of_them_changed(press: Press) -> None:
    tables = press.lake.tables
    articles = reader.rows(press.config.path, "articles").to_table()
    hours = {files.hour(at) for at in articles["ingested_at"].cast("int64").to_pylist()}
    before = {name: tables.load(name).metadata_location for name in FLAT}
    there = set(Path(press.config.path).rglob("*"))
    for some in (articles, articles.slice(1, 2)):
        flattening.follow(tables, some, some.select(["topic", "partition", "offset"]), hours, "test")
    assert {name: tables.load(name).metadata_location for name in FLAT} == before
    assert set(Path(press.config.path).rglob("*")) == there


def test_flat_tables_follow_a_replay_that_leaves_no_article(press: Press) -> None:
    before = check(press.config.path)
    departing = Departures(Config(lake=press.config), press.lake)
    departing.expect([("article", "not_article")])
    made_no_article(press, 2)
    departing.settle()
    assert check(press.config.path) == before - 3
    told = {row["offset"]: row["is_copy"] for row in stored(press.config.path, "article_entities")}
    assert 2 not in told and not told[6] and told[10]  # copies of that one: the first is an article now


def test_flat_tables_stay_as_they_are_when_files_are_joined_and_garbage_goes(press: Press) -> None:
    for number in range(3):
        press.send(Sent(f"https://d.example/{number}", story(40 + number)), at=AT + (30 + number) * HOUR)
    before = {name: stored(press.config.path, name) for name in FLAT}
    merged = Counter(done.table for done in compaction.compact(press.lake.tables))
    assert merged.keys() >= FLAT.keys()
    list(garbage_collection.collect(press.lake.tables, grace_s=3600.0))
    assert {name: stored(press.config.path, name) for name in FLAT} == before
    check(press.config.path)


@pytest.mark.parametrize("point", ["commit.appended.articles", "commit.appended.article_entities"])
def test_flat_rows_of_a_batch_are_written_once_when_its_writer_dies_among_them(
    press: Press, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def die(here: str, *_: object) -> None:
        if here == point:
            raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(failpoints, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            press.send(Sent("https://new.example/new", story(50)))
    press.lake.release()
    assert questions.connect(press.config.path).sql("FROM article_entities").to_arrow_table().num_rows
    press.lake = Lake.open(press.config)
    check(press.config.path)
    assert any(row["domain"] == "new.example" for row in stored(press.config.path, "article_places"))


# Lakes of before


@pytest.fixture
def old(tmp_path: Path) -> LakeConfig:
    """A lake that newsmill wrote before there were flat tables: that of `press_day`, at commit a69fa08."""
    shutil.unpack_archive(Path(__file__).with_name("lakes") / "schema_5.zip", tmp_path)
    config = LakeConfig(path=str(tmp_path / "lake"))
    mending.adopt(config, own_catalog=True)
    return config


def everything(config: LakeConfig) -> dict[str, bytes]:
    return {str(f): f.read_bytes() for f in Path(config.path).rglob("*") if f.is_file()}


VIEWS = ("articles_latest", "article_entities", "article_places", "entity_daily", "copies", "stories")


def answers(config: LakeConfig) -> dict[str, list[str]]:
    """What is asked of the lake, in no order."""
    duck = questions.connect(config.path)
    return {
        view: sorted(map(repr, duck.sql(f"FROM {view}").fetchall()))
        for view in (*VIEWS, "article_entities_latest", "sources")
    }


def test_lake_without_flat_tables_is_read_as_it_is_and_not_changed(old: LakeConfig) -> None:
    before = everything(old)
    lake = Lake.open_readonly(old)
    assert lake.committed() and set(lake.tables.names).isdisjoint(FLAT)
    lake.release()
    assert set(reader.names(old.path)).isdisjoint(FLAT) and not flattening.is_whole(old.path)
    assert audit(old.path).findings == []
    assert all(answers(old).values())
    tables = Tables.open_readonly(old)
    assert list(compaction.compact(tables, dry_run=True)) == []
    assert list(garbage_collection.collect(tables, grace_s=3600.0, dry_run=True)) == []
    assert everything(old) == before


def test_lake_without_flat_tables_gets_them_whole_when_it_is_next_written(old: LakeConfig) -> None:
    before = answers(old)
    rows = {name: reader.rows(old.path, name).to_table() for name in reader.names(old.path)}
    Lake.open(old).release()
    assert flattening.is_whole(old.path) and check(old.path)
    assert answers(old) == before
    assert all(reader.rows(old.path, name).to_table().equals(table) for name, table in rows.items())
    once = {name: reader.table(old.path, name).metadata_location for name in FLAT}
    Lake.open(old).release()
    assert {name: reader.table(old.path, name).metadata_location for name in FLAT} == once


@pytest.mark.parametrize(
    "point", [f"fill.written.{name}" for name in FLAT] + ["table.changed.article_places"]
)
def test_filling_that_was_cut_off_is_done_by_the_next_writer(
    old: LakeConfig, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def die(here: str, *_: object) -> None:
        if here == point:
            raise KeyboardInterrupt

    wanted = answers(old)
    with monkeypatch.context() as dying:
        dying.setattr(failpoints, "reach", die)
        with pytest.raises(KeyboardInterrupt):
            Lake.open(old)
    assert answers(old) == wanted
    Lake.open(old).release()
    assert answers(old) == wanted and check(old.path)


def test_takedown_before_the_filling_leaves_nothing_to_fill_in(old: LakeConfig) -> None:
    take_down(old, "a.example", now=AT + 9 * HOUR)
    assert not flattening.is_whole(old.path) and audit(old.path).findings == []
    Lake.open(old).release()
    assert check(old.path)
    assert "a.example" not in {row["domain"] for row in stored(old.path, "article_entities")}


@pytest.mark.parametrize("meanwhile", ["takedown", "compact"])
def test_filling_begins_again_when_articles_change_meanwhile(
    old: LakeConfig, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    keepers: dict[str, Callable[[], object]] = {
        "takedown": lambda: take_down(old, "a.example", now=AT + 9 * HOUR),
        "compact": lambda: list(compaction.compact(Tables.open(old))),
    }
    texts = {row[8] for row in named(old.path, "article_entities") if row[7] == "a.example"}
    done: list[str] = []

    def act(here: str, *_: object) -> None:
        if here == "fill.written.article_entities" and not done:
            done.append(here)
            keepers[meanwhile]()

    with monkeypatch.context() as acting:
        acting.setattr(failpoints, "reach", act)
        Lake.open(old).release()
    assert done and texts
    check(old.path)
    held = [pq.read_table(f, partitioning=None) for f in Path(old.path).rglob("article_*/data/**/*.parquet")]
    domains = {domain for rows in held for domain in rows["domain"].to_pylist()}
    assert ("a.example" in domains) is (meanwhile == "compact")


def test_rows_that_an_earlier_version_wrote_meanwhile_are_filled_in(press: Press, config: LakeConfig) -> None:
    """It knows nothing of the flat tables, and may have been at work when the lake was first opened anew."""
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(Lake, "_flatten", lambda *_: [])
        press.send(Sent("https://new.example/new", story(50)))
    assert not flattening.is_whole(config.path)
    rows = questions.connect(config.path).sql("FROM article_entities WHERE domain = 'new.example'")
    assert rows.to_arrow_table().num_rows == 2
    press.lake.release()
    press.lake = Lake.open(config)
    check(config.path)


def test_lake_whose_flat_table_is_gone_is_refused(press: Press, config: LakeConfig) -> None:
    press.lake.tables._catalog.drop_table(("newsmill", "article_places"))
    for opened in (Lake.open_readonly, lambda config: Tables.open(config)):
        with pytest.raises(LakeError, match="article_places"):
            opened(config)
