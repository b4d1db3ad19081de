"""DuckDB, Polars, pyiceberg, Spark and Trino see the same rows, whatever was done to a lake before.

All but Trino, which reads the lake's own catalog, find the tables by their folders. Spark and Trino come from
`make engines`; without them the others are held against the writer all the same.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from duckdb_extensions import import_extension
from pyiceberg.table import StaticTable

import spark_engine as engine
import trino_engine
from newsmill.config import LakeConfig
from newsmill.lake import changes, dialects, schemas
from newsmill.lake.retention import Retention
from newsmill.lake.upkeep import compaction, garbage_collection, mending
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.observe import questions
from newsroom import story
from wirelake import AT, Press, Sent, made_no_article, press_day, retitled

LATER = AT + 10 * 3_600_000_000
Rows = list[dict[str, Any]]

ASKED = {
    "articles": {
        "offset": "offset",
        "article_id": "article_id",
        "revision": "revision",
        "url": "url",
        "title": "title",
        "body": "body",
        "body_hash": "body_hash",
        "withheld": "withheld",
        "ingested": "unix_micros(ingested_at)",
        "published": "unix_micros(published_at)",
        "confidence": "lang_confidence",
        "cluster": "duplicate.cluster_id",
        "links": "duplicate.links",
        "starts": "transform(entities, e -> e.mentions[0].start)",
        "ends": "transform(entities, e -> e.mentions[0].end)",
        "schema": "versions['schema']",
    },
    "copy_sketches": {
        "offset": "offset",
        "revision": "revision",
        "cluster_id": "cluster_id",
        "sketch": "lower(hex(sketch))",
    },
    "fate": {"offset": "offset", "fate": "fate", "reason": "reason", "url": "url", "partition": "partition"},
    "cluster_events": {"offset": "offset", "seq": "seq", "event": "event", "size": "size"},
    "quarantine": {"offset": "offset"},
    "takedowns": {"kind": "kind", "value": "value", "reason": "reason"},
    "article_entities": {
        "offset": "offset",
        "nth": "nth",
        "revision": "revision",
        "entity_id": "entity_id",
        "name": "name",
        "day": "cast(day AS string)",
    },
    "article_places": {
        "offset": "offset",
        "nth": "nth",
        "name": "name",
        "lat": "lat",
        "cluster_id": "cluster_id",
    },
}
"""What is compared of each table, as Spark says it."""

IN_TRINO = {
    "unix_micros(ingested_at)": "CAST(round(to_unixtime(ingested_at) * 1e6) AS bigint)",
    "unix_micros(published_at)": "CAST(round(to_unixtime(published_at) * 1e6) AS bigint)",
    "transform(entities, e -> e.mentions[0].start)": "transform(entities, e -> e.mentions[1].start)",
    "transform(entities, e -> e.mentions[0].end)": 'transform(entities, e -> e.mentions[1]."end")',
    "versions['schema']": "element_at(versions, 'schema')",
    "lower(hex(sketch))": "lower(to_hex(sketch))",
    "cast(day AS string)": "CAST(day AS varchar)",
}
"""The same in Trino, where that is another text."""


def told(table: str, rows: pa.Table) -> Rows:
    """The same of rows in Arrow."""
    found = []
    for row in rows.to_pylist():
        if table == "articles":
            row |= {
                "ingested": _micros(row["ingested_at"]),
                "published": _micros(row["published_at"]),
                "confidence": row["lang_confidence"],
                "cluster": row["duplicate"]["cluster_id"],
                "links": row["duplicate"]["links"],
                "starts": None
                if row["entities"] is None
                else [entity["mentions"][0]["start"] for entity in row["entities"]],
                "ends": None
                if row["entities"] is None
                else [entity["mentions"][0]["end"] for entity in row["entities"]],
                "schema": None if row["versions"] is None else dict(row["versions"]).get("schema"),
            }
        if "sketch" in row:
            row["sketch"] = None if row["sketch"] is None else row["sketch"].hex()
        if "day" in row:
            row["day"] = str(row["day"])
        found.append({name: row[name] for name in ASKED[table]})
    return in_order(found)


def in_order(rows: Rows) -> Rows:
    """Ordered; an empty list is as good as none, which pyiceberg does not tell from it."""
    rows = [{name: None if value == [] else value for name, value in row.items()} for row in rows]
    return sorted(rows, key=lambda row: [str(value) for value in row.values()])


def _micros(time: Any) -> int | None:
    return None if time is None else pa.scalar(time, pa.timestamp("us", "UTC")).value


def by_duckdb(folder: str, table: str) -> Rows:
    for extension in ("avro", "iceberg"):
        import_extension(extension)
    with duckdb.connect() as connection:
        connection.load_extension("avro")
        connection.load_extension("iceberg")
        connection.sql("SET TimeZone = 'UTC'")
        return told(table, connection.sql(f"FROM iceberg_scan('{folder}/{table}')").to_arrow_table())


def by_polars(folder: str, table: str) -> Rows:
    metadata = StaticTable.from_metadata(f"{folder}/{table}").metadata_location
    return told(table, pl.scan_iceberg(metadata).collect().to_arrow())


def by_pyiceberg(folder: str, table: str) -> Rows:
    return told(table, StaticTable.from_metadata(f"{folder}/{table}").scan().to_arrow())


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Spark]:
    if reason := engine.missing():
        pytest.skip(reason)
    made = engine.Spark(tmp_path_factory.mktemp("spark"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def trino(tmp_path_factory: pytest.TempPathFactory) -> Iterator[trino_engine.Trino]:
    if reason := trino_engine.missing():
        pytest.skip(reason)
    made = trino_engine.Trino(tmp_path_factory.mktemp("trino"))
    yield made
    made.close()


@contextmanager
def pressed(folder: Path) -> Iterator[Press]:
    """A lake whose first batch was written before `body_hash` was a column, and ten hours later one more."""
    now = schemas.TABLES["articles"]
    older = replace(now, columns=tuple(column for column in now.columns if column.since < 2))
    with pytest.MonkeyPatch.context() as before:
        before.setitem(schemas.TABLES, "articles", older)
        first = Press(LakeConfig(path=str(folder / "lake")))
        first.send(Sent("https://old.example/1", story(50), "Old"), Sent("https://old.example/2", story(51)))
        first.close()
    made = Press(LakeConfig(path=str(folder / "lake")))
    made.bodies |= first.bodies
    press_day(made)
    made.send(Sent("https://late.example/1", story(52), "Late"), at=LATER)
    yield made
    made.close()


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    with pressed(tmp_path) as made:
        yield made


def as_it_was(press: Press) -> None:
    """Nothing is done."""


def compacted(press: Press) -> None:
    assert [merged.table for merged in compaction.compact(press.lake.tables)]


def taken_down(press: Press) -> None:
    compacted(press)
    take_down(press.config, "wire.example", reason="case", now=LATER)


def replayed(press: Press) -> None:
    retitled(press, 0, "Another title", press.lake.last_change + 1)


def collected(press: Press) -> None:
    taken_down(press)
    list(garbage_collection.collect(press.lake.tables, grace_s=3600, keep=Retention.newest(1)))


def adopted(press: Press) -> None:
    """The lake is a copy now, and the original is gone."""
    compacted(press)
    press.close()
    copy = Path(press.config.path).with_name("copy")
    shutil.copytree(press.config.path, copy)
    Path(press.config.path).rename(copy.with_name("gone"))
    press.config = LakeConfig(path=str(copy))
    mending.adopt(press.config)
    press.lake = Lake.open(press.config)


CHANGES = [as_it_was, adopted, compacted, taken_down, replayed, collected]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("reader", [by_duckdb, by_polars, by_pyiceberg], ids=lambda reader: reader.__name__)
def test_readers_without_the_catalog_see_what_the_writer_sees(
    press: Press, change: Callable[[Press], None], reader: Callable[[str, str], Rows]
) -> None:
    change(press)
    for table in ASKED:
        expected = told(table, press.lake.tables.load(table).scan().to_arrow())
        assert expected or table in ("quarantine", "takedowns")
        assert reader(press.config.path, table) == expected


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_spark_sees_what_the_writer_sees(
    press: Press, spark: engine.Spark, change: Callable[[Press], None]
) -> None:
    change(press)
    for table, columns in ASKED.items():
        expected = told(table, press.lake.tables.load(table).scan().to_arrow())
        assert in_order(spark.read(f"{press.config.path}/{table}", **columns)) == expected


def by_trino(trino: trino_engine.Trino, lake: str | None, table: str, name: str | None = None) -> Rows:
    columns = (f'{IN_TRINO.get(text, text)} AS "{said}"' for said, text in ASKED[table].items())
    return in_order(trino.ask(lake, f"SELECT {', '.join(columns)} FROM {name or table}"))


def test_trino_follows_a_lake_through_run_compact_replay_takedown_and_gc(
    press: Press, trino: trino_engine.Trino
) -> None:
    """By the catalog of the lake: it keeps nothing of what was."""
    for step in (as_it_was, compacted, replayed, run_on, collected):
        step(press)
        for table in ASKED:
            expected = told(table, press.lake.tables.load(table).scan().to_arrow())
            assert by_trino(trino, press.config.path, table) == expected, (step.__name__, table)


def test_trino_sees_a_registered_table_as_it_was_then(press: Press, trino: trino_engine.Trino) -> None:
    """As the guide has it, by the newest metadata that `version-hint.text` names."""
    folder = f"{press.config.path}/articles"
    newest = Path(folder, "metadata", "version-hint.text").read_text().strip()
    expected = told("articles", press.lake.tables.load("articles").scan().to_arrow())
    register = f"CALL system.register_table('news', 'articles', 'file://{folder}', 'v{newest}.metadata.json')"
    trino.ask(None, "CREATE SCHEMA news", register)
    run_on(press)
    assert by_trino(trino, None, "articles", "news.articles") == expected


def test_spark_follows_appends_past_compaction(press: Press, spark: engine.Spark) -> None:
    """Iceberg's incremental and streaming reads: a compaction is nothing new, and no reason to stop."""
    table, place = press.lake.tables.load("articles"), f"{press.config.path}/articles"
    first = table.snapshots()[0].snapshot_id
    seen = spark.stream(place, "followed", skip_overwrites=False)
    assert {row["offset"] for row in seen} == set(press.bodies)
    compacted(press)
    press.send(Sent("https://next.example/1", story(53), "Next"))
    seen = spark.stream(place, "followed", skip_overwrites=False)
    assert sorted(row["offset"] for row in seen) == sorted(press.bodies)
    appended = spark.appended(place, first)
    assert sorted(row["offset"] for row in appended) == sorted(set(press.bodies) - {0, 1})


def test_spark_streams_past_a_replay_when_told_to_skip_overwrites_and_stops_else(
    press: Press, spark: engine.Spark
) -> None:
    place = f"{press.config.path}/articles"
    for name in ("stopped", "skipped"):
        spark.stream(place, name, skip_overwrites=name == "skipped")
    retitled(press, 2, "Another title", LATER + 1)
    press.send(Sent("https://next.example/1", story(53), "Next"))
    with pytest.raises(AssertionError, match="Cannot process overwrite snapshot"):
        spark.stream(place, "stopped", skip_overwrites=False)
    seen = spark.stream(place, "skipped", skip_overwrites=True)
    assert sorted(row["offset"] for row in seen) == sorted(press.bodies)


def test_changelog_view_of_spark_tells_what_a_replay_changed(press: Press, spark: engine.Spark) -> None:
    """It tells no row that only came into another file."""
    snapshot = press.lake.tables.load("articles").metadata.current_snapshot_id
    retitled(press, 2, "Another title", LATER + 1)
    press.send(Sent("https://next.example/1", story(53), "Next"))
    seen = spark.changelog(press.config.path, "articles", snapshot, schemas.TABLES["articles"].key)
    told = sorted((row["offset"], row["_change_type"]) for row in seen)
    assert told == [(2, "UPDATE_AFTER"), (2, "UPDATE_BEFORE"), (max(press.bodies), "INSERT")]


def test_a_takedown_ends_streams_of_spark_with_an_error(press: Press, spark: engine.Spark) -> None:
    """The snapshot that a stream stands at shows the content: it is forgotten at once."""
    place = f"{press.config.path}/articles"
    spark.stream(place, "ended", skip_overwrites=True)
    take_down(press.config, "old.example", reason="case", now=LATER)
    with pytest.raises(AssertionError, match="the snapshot was expired or removed"):
        spark.stream(place, "ended", skip_overwrites=True)


def unmade(press: Press) -> None:
    made_no_article(press, 3)


def run_on(press: Press) -> None:
    press.send(Sent("https://next.example/1", story(53), "Next"))


def emptied(press: Press) -> None:
    take_down(press.config, "wire.example", reason="case", now=LATER)


def test_scans_of_pyiceberg_follow_a_lake_through_run_compact_replay_and_takedown(press: Press) -> None:
    """By `updated_at` and the key, as the guide says it."""
    copy: dict[int, dict[str, Any]] = {}
    since = 0
    for step in (as_it_was, compacted, run_on, replayed, unmade, emptied, run_on):
        step(press)
        until = changes.read(press.config.path, "articles", since).until
        at = changes.instant(since).isoformat()
        new = f"updated_at > '{at}' or (updated_at is null and ingested_at > '{at}')"
        found = {}
        for table in ("fate", "articles"):
            scan = StaticTable.from_metadata(f"{press.config.path}/{table}").scan(row_filter=new)
            found[table] = scan.to_arrow().to_pylist()
        ended = {row["offset"]: row["fate"] for row in found["fate"]}
        copy |= {row["offset"]: row for row in found["articles"]}
        copy = {o: r for o, r in copy.items() if ended.get(o, "article") in ("article", "copy", "revision")}
        now = press.lake.tables.load("articles").scan().to_arrow().to_pylist()
        assert copy == {row["offset"]: row for row in now}, step.__name__
        assert step is not compacted or found["articles"] == []
        since = until


VIEWS = {
    "articles_latest": "article_id, revision, title",
    "article_entities_latest": "article_id, entity_id, name, domain, is_copy, mention_count, "
    "cast(day AS varchar(10)) AS day",
    "article_places_latest": "article_id, name, nth",
    "entity_daily": "entity_id, name, articles, stories, domains, mentions, cast(day AS varchar(10)) AS day",
    "clusters": "cluster_id, representative_id, size, domains",
    "copies": "article_id, domain, copy_type, original_id, original_domain, matched_id, matched_domain",
    "stories": "known_as, cluster_id, size, earliest_id, earliest_domain, agency, "
    "round(agency_share, 9) AS share, copies, exact, truncated, extended, edited, of_unknown_type, "
    "languages, first_elsewhere_at > earliest_at AS later",
    "sources": "domain, site_name, host, country, lang, records, articles, copies, copy_share",
    "source_weeks": "domain, articles, copies, cast(week AS varchar(10)) AS week",
}


@pytest.mark.parametrize("view", VIEWS)
def test_views_say_the_same_in_spark_and_in_duckdb(press: Press, spark: engine.Spark, view: str) -> None:
    query = f"SELECT {VIEWS[view]} FROM {view}"
    by_duckdb = questions.connect(press.config.path).sql(query).to_arrow_table().to_pylist()
    made = dialects.statements(dialects.text("spark"))
    assert in_order(spark.ask(press.config.path, made, query)) == in_order(by_duckdb)
    assert by_duckdb


@pytest.fixture(scope="module")
def viewed(trino: trino_engine.Trino, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake with the views of `trino.sql` in its catalog."""
    with pressed(tmp_path_factory.mktemp("viewed")) as press:
        trino.ask(press.config.path, *dialects.statements(dialects.text("trino")))
        run_on(press)
        return press.config.path


def test_views_of_trino_in_the_catalog_of_a_lake_are_no_trouble_to_it(viewed: str) -> None:
    assert audit(viewed).findings == []


@pytest.mark.parametrize("view", VIEWS)
def test_views_say_the_same_in_trino_and_in_duckdb(viewed: str, trino: trino_engine.Trino, view: str) -> None:
    query = f"SELECT {VIEWS[view]} FROM {view}"
    by_duckdb = questions.connect(viewed).sql(query).to_arrow_table().to_pylist()
    assert in_order(trino.ask(viewed, query)) == in_order(by_duckdb)
    assert by_duckdb


GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "questions.md"
QUESTIONS = re.findall(
    r"^([A-Z][^\n]*\?) \*\(also Spark and Trino\)\*\n\n```sql\n(.*?);\n```",
    GUIDE.read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize("query", [query for _, query in QUESTIONS], ids=[asked for asked, _ in QUESTIONS])
def test_spark_answers_a_question_of_the_guide_as_duckdb_does(
    press: Press, spark: engine.Spark, query: str
) -> None:
    by_duckdb = questions.connect(press.config.path).sql(query).to_arrow_table()
    same_answer(by_duckdb, spark.ask(press.config.path, dialects.statements(dialects.text("spark")), query))


@pytest.mark.parametrize("query", [query for _, query in QUESTIONS], ids=[asked for asked, _ in QUESTIONS])
def test_trino_answers_a_question_of_the_guide_as_duckdb_does(
    viewed: str, trino: trino_engine.Trino, query: str
) -> None:
    same_answer(questions.connect(viewed).sql(query).to_arrow_table(), trino.ask(viewed, query))


def same_answer(by_duckdb: pa.Table, rows: Rows) -> None:
    """Times and numbers with a fraction are written in other ways."""
    assert len(rows) == len(by_duckdb)
    for name, kind in zip(by_duckdb.column_names, by_duckdb.schema.types, strict=True):
        if pa.types.is_string(kind) or pa.types.is_integer(kind):
            assert [row[name] for row in rows] == by_duckdb[name].to_pylist()


def test_all_see_the_same_after_spark_has_merged_files_and_the_mill_went_on(
    press: Press, spark: engine.Spark
) -> None:
    """Java writes addresses with one slash, and metadata of its own."""
    before = told("articles", press.lake.tables.load("articles").scan().to_arrow())
    assert spark.rewrite(f"{press.config.path}/catalog.db", "newsmill", "articles") > 1
    for step in (as_it_was, lambda p: p.send(Sent("https://next.example/1", story(53), "Next")), taken_down):
        step(press)
        expected = told("articles", press.lake.tables.load("articles").scan().to_arrow())
        assert step is not as_it_was or expected == before
        for reader in (by_duckdb, by_polars, by_pyiceberg):
            assert reader(press.config.path, "articles") == expected
        found = spark.read(f"{press.config.path}/articles", **ASKED["articles"])
        assert in_order(found) == expected
    list(garbage_collection.collect(press.lake.tables, grace_s=3600, keep=Retention.newest(1)))
    assert by_duckdb(press.config.path, "articles") == expected
    assert [f for f in audit(press.config.path).findings if f.rule != "C4"] == []
