"""Keeping a lake in shape changes what it holds only where it says so."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import Table, Transaction

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, LakeError
from newsmill.lake import replacing, rewriting, rows as table_rows, schemas, staging
from newsmill.lake.retention import Retention
from newsmill.lake.upkeep import compaction, garbage_collection
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

HOUR = 3_600_000_000
LATER = 1_790_000_000_000_000 + 2 * HOUR


@pytest.fixture
def closed_hour(filled: Lake, config: LakeConfig) -> Lake:
    """The small lake, and a batch two hours later, so that the first hour grows no more."""
    committed = filled.committed()
    parts = [s for p in (0, 1) for s in synthetic.slices(p, committed[synthetic.TOPIC, p], 120)]
    batch = filled.begin(parts, now=LATER)
    filled.commit(batch, synthetic.write(config.path, batch))
    return filled


def rows(lake: Lake, table: str) -> pa.Table:
    return lake.tables.load(table).scan().to_arrow()


def listed(lake: Lake, table: str) -> list:
    return list(lake.tables.files(lake.tables.load(table)))


COMPACTED = ("articles", "article_entities", "copy_sketches", "cluster_events", "fate", "quarantine")
"""Tables of which the made-up hour has two files."""


def text(config: LakeConfig, words: str) -> list[str]:
    """Data files of the lake that hold the words, visible or not."""
    found = []
    for path in Path(config.path).rglob("*.parquet"):
        for column in pq.read_table(path, partitioning=None).columns:
            if words in str(column.to_pylist()):
                found.append(path.name)
    return found


def test_compact_puts_one_file_in_the_place_of_many_and_keeps_every_row(
    closed_hour: Lake, config: LakeConfig
) -> None:
    before = {table: rows(closed_hour, table) for table in schemas.TABLES}
    done = list(compaction.compact(closed_hour.tables))
    assert [(m.table, m.files) for m in done] == [(t, 2) for t in COMPACTED]
    assert all(m.into for m in done)
    for table, held in before.items():
        order = [
            (c, "ascending")
            for c in ("ingested_at", "topic", "partition", "offset")
            if c in held.column_names
        ]
        assert rows(closed_hour, table).sort_by(order).equals(held.sort_by(order))
    assert [len(listed(closed_hour, t)) for t in ("articles", "fate")] == [2, 2]
    assert audit(config.path).findings == []
    assert list(compaction.compact(closed_hour.tables)) == []


def test_newest_hour_is_merged_when_the_clock_has_left_it_and_nothing_is_under_way(
    filled: Lake, config: LakeConfig
) -> None:
    over = (filled.last_ingested_at // HOUR + 1) * HOUR
    before = {table: rows(filled, table) for table in COMPACTED}

    def planned(now: int) -> list[compaction.Merged]:
        return list(compaction.compact(filled.tables, now=now, dry_run=True))

    assert planned(0) == planned(over - 1) == []
    assert [m.table for m in planned(over)] == [*COMPACTED] and planned(over) == planned(over + HOUR // 2)
    committed = filled.committed()[synthetic.TOPIC, 0]
    parts = list(synthetic.slices(0, committed, committed + 20))
    batch = filled.begin(parts, now=over - 1)  # its rows will be of the hour that is over
    assert planned(over) == planned(over + 9 * HOUR) == []
    filled.abandon(batch)
    assert all(done.into for done in compaction.compact(filled.tables, now=over))
    assert {len(listed(filled, table)) for table in COMPACTED} == {1}
    for table, held in before.items():
        order = [
            (c, "ascending")
            for c in ("ingested_at", "topic", "partition", "offset", "nth")
            if c in held.column_names
        ]
        assert rows(filled, table).sort_by(order).equals(held.sort_by(order))
    assert planned(over) == planned(over + 20 * 24 * HOUR) == []
    batch = filled.begin(parts, now=over - 1)  # its clock is behind
    filled.commit(batch, synthetic.write(config.path, batch))
    assert audit(config.path).findings == []


def test_readers_that_follow_the_table_have_nothing_to_read_of_a_compaction(
    closed_hour: Lake, config: LakeConfig
) -> None:
    """Iceberg's `replace`: streaming and incremental readers pass it, an `overwrite` they refuse or miss."""
    table = closed_hour.tables.load("articles")
    first, before = table.snapshots()[0].snapshot_id, table.current_snapshot()
    assert before is not None and before.summary is not None
    list(compaction.compact(closed_hour.tables))
    batch = closed_hour.begin(list(synthetic.slices(0, 120, 140)), now=LATER)
    closed_hour.commit(batch, synthetic.write(config.path, batch))
    table = closed_hour.tables.load("articles")
    told = [snapshot.summary for snapshot in table.snapshots() if snapshot.summary is not None]
    assert [summary.operation.value for summary in told] == ["append"] * 3 + ["replace", "append"]
    totals = [summary["total-records"] for summary in told]
    assert totals[3] == before.summary["total-records"] == totals[2]
    appended = table.incremental_append_scan().from_snapshot_id_inclusive(first).to_arrow()
    held = table.scan().to_arrow()
    places = [("topic", "ascending"), ("partition", "ascending"), ("offset", "ascending")]
    assert appended.sort_by(places)["url"].equals(held.sort_by(places)["url"])
    assert (
        len(table.incremental_append_scan(from_snapshot_id_exclusive=before.snapshot_id).to_arrow())
        == synthetic.ARTICLES_A_GROUP
    )


def test_what_changes_rows_is_no_compaction_to_readers(filled: Lake, config: LakeConfig) -> None:
    take_down(config, "site0.example", reason="test", now=LATER)
    newest = filled.tables.load("articles").current_snapshot()
    assert newest is not None and newest.summary is not None
    assert newest.summary.operation.value == "overwrite"


def test_compact_leaves_the_hour_that_still_grows(filled: Lake) -> None:
    assert list(compaction.compact(filled.tables)) == []


def test_compact_joins_the_takedowns_of_an_hour_that_is_over(closed_hour: Lake, config: LakeConfig) -> None:
    for domain, now in (("a.example", LATER), ("b.example", LATER + 1), ("c.example", LATER + 2 * HOUR)):
        take_down(config, domain, now=now)
    before = rows(closed_hour, "takedowns").sort_by("value")
    (done,) = [m for m in compaction.compact(closed_hour.tables) if m.table == "takedowns"]
    assert (done.files, done.rows) == (2, 2)
    assert rows(closed_hour, "takedowns").sort_by("value") == before
    assert closed_hour.withheld()[1] == {"a.example", "b.example", "c.example"}


def test_compact_dry_run_changes_nothing(closed_hour: Lake) -> None:
    before = [closed_hour.tables.load(t).metadata_location for t in schemas.TABLES]
    planned = list(compaction.compact(closed_hour.tables, dry_run=True))
    assert [m.into for m in planned] == [()] * len(COMPACTED)
    assert [closed_hour.tables.load(t).metadata_location for t in schemas.TABLES] == before


def test_compact_keeps_groups_near_the_target(closed_hour: Lake) -> None:
    small = min(f.bytes for f in listed(closed_hour, "articles"))
    assert "articles" not in [m.table for m in compaction.compact(closed_hour.tables, target_bytes=small)]


def test_compact_refuses_a_torn_file(closed_hour: Lake, config: LakeConfig) -> None:
    oldest = min(listed(closed_hour, "articles"), key=lambda file: file.sequence)
    path = Path(oldest.uri.removeprefix("file://"))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(LakeError, match=path.name):
        list(compaction.compact(closed_hour.tables))
    assert len(listed(closed_hour, "articles")) == 3


def test_compact_leaves_a_group_whose_files_somebody_else_replaced(
    closed_hour: Lake, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = rewriting.write

    def raced(tables, schema, content):
        if schema.name == "articles":
            monkeypatch.setattr(rewriting, "write", write)
            take_down(config, "site0.example", reason="test", now=LATER)
        return write(tables, schema, content)

    monkeypatch.setattr(rewriting, "write", raced)
    done = {m.table: m.into for m in compaction.compact(closed_hour.tables)}
    assert done["articles"] == ()
    assert done["fate"] != ()
    assert audit(config.path).findings == []


def test_writer_goes_on_beside_compact(closed_hour: Lake, config: LakeConfig) -> None:
    batch = closed_hour.begin(list(synthetic.slices(0, 120, 140)), now=LATER)
    written = synthetic.write(config.path, batch)
    list(compaction.compact(closed_hour.tables))
    closed_hour.commit(batch, written)
    assert audit(config.path).findings == []


def aged(config: LakeConfig, hours: float = 48) -> None:
    """Make all files of the lake old."""
    for path in Path(config.path).rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - hours * 3600,) * 2)


def test_gc_removes_what_no_snapshot_names_and_nothing_else(closed_hour: Lake, config: LakeConfig) -> None:
    list(compaction.compact(closed_hour.tables))
    stray = Path(config.path, "articles", "data", "dt=2026-01-01", "hour=00", f"{'0' * 64}.parquet")
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    mine = Path(config.path, "articles", "notes.txt")
    mine.write_text("not ours")
    aged(config)
    dry = list(
        garbage_collection.collect(closed_hour.tables, grace_s=86_400, keep=Retention.newest(1), dry_run=True)
    )
    gone = list(garbage_collection.collect(closed_hour.tables, grace_s=86_400, keep=Retention.newest(1)))
    assert [g.path for g in dry] == [g.path for g in gone]
    assert len([g for g in gone if g.path.endswith(".parquet")]) == 1 + 2 * len(COMPACTED)
    assert mine.exists() and not stray.exists()
    report = audit(config.path)
    assert (report.findings, report.orphans) == ([], 0)


def test_gc_leaves_what_compact_replaced_while_a_readable_snapshot_needs_it(
    closed_hour: Lake, config: LakeConfig
) -> None:
    past = closed_hour.tables.load("articles").current_snapshot()
    assert past is not None
    count = len(rows(closed_hour, "articles"))
    list(compaction.compact(closed_hour.tables))
    aged(config)
    gone = [g.path for g in garbage_collection.collect(closed_hour.tables, grace_s=3600)]
    assert not [path for path in gone if path.endswith(".parquet")]
    table = closed_hour.tables.load("articles")
    assert len(table.scan(snapshot_id=past.snapshot_id).to_arrow()) == count
    closed_hour.tables.retention = Retention(days=0, least=1)  # as when the days are over
    gone = [g.path for g in garbage_collection.collect(closed_hour.tables, grace_s=3600)]
    assert len([path for path in gone if path.endswith(".parquet")]) == 2 * len(COMPACTED)
    assert closed_hour.tables.load("articles").snapshot_by_id(past.snapshot_id) is None


def test_gc_leaves_young_files_and_those_of_the_batch_under_way(filled: Lake, config: LakeConfig) -> None:
    batch = filled.begin(list(synthetic.slices(0, 80, 120)), now=LATER)
    written = synthetic.write(config.path, batch)
    assert list(garbage_collection.collect(filled.tables, grace_s=3600)) == []
    aged(config)
    list(garbage_collection.collect(filled.tables, grace_s=3600))
    filled.commit(batch, written)
    assert audit(config.path).findings == []


def test_gc_leaves_the_files_of_a_replay_that_was_decided_and_cut_off(
    closed_hour: Lake, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next writer has to finish it with these files."""
    rows = table_rows.gaps([("t", 0, 1, 2)], reason="x", ingested_at=LATER)
    written, _ = rewriting.write(closed_hour.tables, schemas.TABLES["fate"], rows)
    noted = replacing.Replacement(at=LATER, files=(written,))
    closed_hour.tables.change("fate", lambda t, tx: replacing.note(noted, t, tx))
    aged(config)
    gone = list(garbage_collection.collect(closed_hour.tables, grace_s=3600))
    assert written.path.rsplit("/", 1)[1] not in {Path(g.path).name for g in gone}


def test_gc_refuses_a_short_grace_time(filled: Lake) -> None:
    with pytest.raises(ConfigError, match="at least 3600"):
        list(garbage_collection.collect(filled.tables, grace_s=10))


def test_gc_removes_nothing_when_a_manifest_can_not_be_read(filled: Lake, config: LakeConfig) -> None:
    aged(config)
    newest = max(Path(config.path, "articles", "metadata").glob("snap-*"), key=lambda p: p.stat().st_size)
    newest.write_bytes(newest.read_bytes()[:20])
    before = len(list(Path(config.path, "articles").rglob("*")))
    with pytest.raises(LakeError, match="nothing was removed"):
        list(garbage_collection.collect(filled.tables, grace_s=3600, keep=Retention.newest(100)))
    assert len(list(Path(config.path, "articles").rglob("*"))) == before


def take_url(lake: Lake) -> tuple[str, Callable[[dict], bool]]:
    row = next(r for r in rows(lake, "articles").to_pylist() if r["revision"] == 2)
    return row["url"], lambda r: r["url_key"] == row["url_key"]


def take_domain(lake: Lake) -> tuple[str, Callable[[dict], bool]]:
    return "www.site1.example", lambda r: r["domain"] == "site1.example"


@pytest.mark.parametrize("chosen", [take_url, take_domain])
def test_takedown_leaves_no_file_with_the_text_and_keeps_every_fate(
    closed_hour: Lake, config: LakeConfig, chosen
) -> None:
    what, hit = chosen(closed_hour)
    before = rows(closed_hour, "articles").to_pylist()
    doomed = [r for r in before if hit(r)]
    bodies = [r["body"] for r in doomed]
    planned = take_down(config, what, reason="case 7", now=LATER, dry_run=True)
    assert (planned.articles, planned.files_removed) == (len(doomed), planned.files_rewritten)
    assert text(config, bodies[0]) != [] and closed_hour.withheld() == (frozenset(), frozenset())
    done = take_down(config, what, reason="case 7", now=LATER + 5)
    assert done == planned
    assert done.articles == len(doomed) > 1
    for body in bodies:
        assert text(config, body) == []
    place = lambda r: (r["partition"], r["offset"])  # noqa: E731
    after = {place(r): r for r in rows(closed_hour, "articles").to_pylist()}
    assert {place(r) for r in before} == set(after)
    for row in before:
        if not hit(row):
            assert after[place(row)] == row
            continue
        left = after[place(row)]
        assert left["withheld"] == "case 7" and left["withheld_at"] is not None
        assert not any(left[c] for c in ("title", "body", "entities", "authors"))
        kept = ("article_id", "revision", "url_key", "lang", "duplicate")
        assert [left[c] for c in kept] == [row[c] for c in kept]
    assert audit(config.path).findings == []
    again = take_down(config, what, reason="case 7", now=LATER + 9)
    assert (again.articles, again.files_rewritten) == (0, 0)
    urls, domains = closed_hour.withheld()
    assert len(urls | domains) == 1


def test_takedown_empties_quarantined_payloads(closed_hour: Lake, config: LakeConfig) -> None:
    row = rows(closed_hour, "quarantine").to_pylist()[0]
    done = take_down(config, row["url"], reason="case 8", now=LATER + 5)
    assert done.quarantined == 1
    assert audit(config.path).findings == []
    left = [r for r in rows(closed_hour, "quarantine").to_pylist() if r["payload"] is None]
    assert [(r["offset"], r["payload_sha256"]) for r in left] == [(row["offset"], row["payload_sha256"])]


def test_takedown_finishes_a_batch_that_was_decided_and_cut_off(
    filled: Lake, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages carry the domain: without that they would come back when the next writer finishes it."""
    batch = filled.begin(list(synthetic.slices(0, 80, 120)), now=LATER)
    monkeypatch.setattr(Lake, "_publish", lambda self, batch: None)
    filled.commit(batch, synthetic.write(config.path, batch))
    monkeypatch.undo()
    filled.release()
    monkeypatch.setattr("newsmill.lake.upkeep.takedown.DECIDED_WAIT_S", 0.0)
    take_down(config, "site4.example", reason="case 9", now=LATER + 5)
    lake = Lake.open(config)
    assert lake.committed()[synthetic.TOPIC, 0] == 120
    lake.release()
    assert audit(config.path).findings == []


@pytest.mark.parametrize(
    "what",
    [
        *("nonsense domain", "http://", "ftp://a.example/x", "meridianwire", "", " ", "*", "*.example", "."),
        *(
            "com",
            "co.uk",
            "WWW.co.uk",
            "blogspot.com",
            "foo.ck",
            "a.example/x",
            "a.example:80",
            "a@b.example",
        ),
    ],
)
def test_takedown_of_what_is_neither_url_nor_domain_is_refused(config: LakeConfig, what: str) -> None:
    with pytest.raises(ConfigError, match=r"name a URL with its scheme"):
        take_down(config, what, reason="x", now=LATER)


def test_gc_asks_before_it_removes_many_files_of_unknown_origin(filled: Lake, config: LakeConfig) -> None:
    folder = Path(config.path, "articles", "data", "dt=2026-01-01", "hour=00")
    folder.mkdir(parents=True)
    for number in range(garbage_collection.BOUND_LEAST + 1):
        (folder / f"{number:064x}.parquet").write_bytes(b"x")
    aged(config)
    dry = list(garbage_collection.collect(filled.tables, grace_s=3600, dry_run=True))
    with pytest.raises(LakeError, match=r"unknown origin.*--yes"):
        list(garbage_collection.collect(filled.tables, grace_s=3600))
    assert len(list(folder.iterdir())) == garbage_collection.BOUND_LEAST + 1
    gone = list(garbage_collection.collect(filled.tables, grace_s=3600, yes=True))
    assert [g.path for g in dry] == [g.path for g in gone] and not any(folder.iterdir())


def test_gc_removes_nothing_when_a_visible_file_is_not_there(filled: Lake, config: LakeConfig) -> None:
    live = listed(filled, "articles")[0]
    Path(config.path, filled.tables.store.path(live.uri)).unlink()
    Path(config.path, "articles", "data", "stray.parquet").write_bytes(b"x")
    aged(config)
    with pytest.raises(LakeError, match="visible and not there"):
        list(garbage_collection.collect(filled.tables, grace_s=3600, yes=True))
    assert Path(config.path, "articles", "data", "stray.parquet").exists()


def test_gc_leaves_what_metadata_names_that_is_newer_than_the_current_one(
    filled: Lake, config: LakeConfig
) -> None:
    """It may be the true one: a catalog that was put back, or another engine's."""
    table = filled.tables.load("articles")
    current = Path(config.path, filled.tables.store.path(table.metadata_location))
    newer = current.with_name("00099-newer.metadata.json")
    newer.write_bytes(current.read_bytes())
    live = filled.tables.store.path(listed(filled, "articles")[0].uri)
    filled.tables.change("articles", lambda t, tx: drop_all(filled, t, tx))
    aged(config)
    gone = [
        g.path
        for g in garbage_collection.collect(filled.tables, grace_s=3600, keep=Retention.newest(1), yes=True)
    ]
    assert live not in gone and newer.exists() and Path(config.path, live).exists()


def drop_all(lake: Lake, table: Table, transaction: Transaction) -> bool:
    staging.replace(table, transaction, list(lake.tables.files(table)), [], {})
    return True
