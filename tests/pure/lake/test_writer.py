"""One writer, one commit a batch, and nothing committed that is not whole."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import Fenced, LakeError, Transient
from newsmill.lake import files
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import Batch
from newsmill.lake.retention import Retention
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.records import Gap

NOW = 1_790_000_000_000_000


def slices(start: int = 0, end: int = 40) -> list:
    return list(synthetic.slices(0, start, end))


def test_new_lake_is_empty(lake: Lake) -> None:
    assert lake.committed() == {}
    assert lake.pending() is None
    assert lake.version is None


def test_commit_advances_the_offsets_and_ends_the_batch(lake: Lake, config: LakeConfig) -> None:
    batch = lake.begin(slices(), now=NOW)
    commit = lake.commit(batch, synthetic.write(config.path, batch))
    assert lake.committed() == {(synthetic.TOPIC, 0): 40}
    assert lake.pending() is None
    assert lake.version == batch.batch_id == commit.batch_id
    assert commit.rows == {
        "articles": 30,
        "copy_sketches": 30,
        "cluster_events": 26,
        "quarantine": 2,
        "fate": 38,
    }
    assert audit(config.path).findings == []


def test_batch_is_offered_again_with_its_time_after_a_restart(lake: Lake, config: LakeConfig) -> None:
    begun = lake.begin(slices(), now=NOW)
    lake.release()
    again = Lake.open(config)
    assert again.pending() == begun
    again.commit(begun, synthetic.write(config.path, begun))
    again.release()


def test_time_of_batches_grows_when_the_clock_goes_back(filled: Lake) -> None:
    last = filled.last_ingested_at
    assert filled.begin(slices(80, 120), now=NOW - 86_400_000_000).ingested_at == last + 1


def test_id_of_the_topic_is_learnt_at_the_next_commit_of_a_lake_without_one(
    filled: Lake, config: LakeConfig
) -> None:
    assert filled.topic_ids() == {}
    known = [msgspec.structs.replace(piece, topic_id="one") for piece in slices(80, 100)]
    batch = filled.begin(known, now=NOW)
    assert filled.topic_ids() == {}
    filled.commit(batch, synthetic.write(config.path, batch))
    batch = filled.begin(slices(100, 120), now=NOW)  # a broker that tells none
    filled.commit(batch, synthetic.write(config.path, batch))
    assert filled.topic_ids() == {synthetic.TOPIC: "one"}


def test_second_batch_is_refused_while_one_is_pending(lake: Lake) -> None:
    lake.begin(slices(), now=NOW)
    with pytest.raises(LakeError, match="pending"):
        lake.begin(slices(), now=NOW)


def test_abandoned_batch_leaves_no_trace(lake: Lake, config: LakeConfig) -> None:
    batch = lake.begin(slices(), now=NOW)
    synthetic.write(config.path, batch)
    lake.abandon(batch)
    assert lake.pending() is None
    lake.begin(slices(0, 20), now=NOW)


@pytest.mark.parametrize(("start", "end"), [(0, 40), (120, 140)])
def test_batch_that_does_not_follow_the_committed_offsets_is_refused(
    filled: Lake, start: int, end: int
) -> None:
    with pytest.raises(LakeError, match=f"from {start} can't follow 80"):
        filled.begin(slices(start, end), now=NOW)


def test_lost_offsets_become_a_gap_that_the_audit_accepts(filled: Lake, config: LakeConfig) -> None:
    gap = Gap(topic=synthetic.TOPIC, partition=0, start=80, end=100)
    batch = filled.begin(slices(100, 120), gaps=[gap], now=NOW)
    filled.commit(batch, synthetic.write(config.path, batch))
    report = audit(config.path)
    assert (report.gaps, report.findings) == (1, [])
    assert filled.committed()[synthetic.TOPIC, 0] == 120


def test_only_a_gap_can_be_committed(filled: Lake, config: LakeConfig) -> None:
    gap = Gap(topic=synthetic.TOPIC, partition=0, start=80, end=100)
    filled.commit(filled.begin([], gaps=[gap], now=NOW), [])
    assert filled.committed()[synthetic.TOPIC, 0] == 100


def without_a_fate(rows: dict[str, pa.Table]) -> None:
    rows["fate"] = rows["fate"].slice(1)


def a_fate_twice(rows: dict[str, pa.Table]) -> None:
    rows["fate"] = pa.concat_tables([rows["fate"], rows["fate"].slice(0, 1)])


def another_offset(rows: dict[str, pa.Table]) -> None:
    offsets = [99, *rows["fate"]["offset"].to_pylist()[1:]]
    index = rows["fate"].schema.get_field_index("offset")
    rows["fate"] = rows["fate"].set_column(
        index, rows["fate"].schema.field(index), pa.array(offsets, pa.int64())
    )


def the_hole_filled(rows: dict[str, pa.Table]) -> None:
    offsets = [16 if o == 15 else o for o in rows["fate"]["offset"].to_pylist()]
    index = rows["fate"].schema.get_field_index("offset")
    rows["fate"] = rows["fate"].set_column(
        index, rows["fate"].schema.field(index), pa.array(offsets, pa.int64())
    )


def without_an_article(rows: dict[str, pa.Table]) -> None:
    rows["articles"] = rows["articles"].slice(1)


def an_article_twice(rows: dict[str, pa.Table]) -> None:
    rows["articles"] = pa.concat_tables([rows["articles"], rows["articles"].slice(0, 1)])


def without_a_payload(rows: dict[str, pa.Table]) -> None:
    rows["quarantine"] = rows["quarantine"].slice(1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_a_fate, "37 fates"),
        (a_fate_twice, "more than one fate: 0"),
        (another_offset, "fates outside the batch: 99"),
        (the_hole_filled, "38 records in"),
        (without_an_article, "fate without a row in articles"),
        (an_article_twice, "row without a fate in articles"),
        (without_a_payload, "fate without a row in quarantine"),
    ],
)
def test_batch_that_is_not_whole_is_refused(
    lake: Lake, config: LakeConfig, spoil: Callable[[dict[str, pa.Table]], None], message: str
) -> None:
    batch = lake.begin(slices(), now=NOW)
    rows = synthetic.rows(batch)
    spoil(rows)
    written = [
        files.write(config.path, table, made, ingested_at=batch.ingested_at) for table, made in rows.items()
    ]
    with pytest.raises(LakeError, match=message):
        lake.commit(batch, written)
    assert lake.committed() == {}
    lake.commit(batch, synthetic.write(config.path, batch))


def missing(file: DataFile) -> None:
    Path(file.path.removeprefix("file://")).unlink()


def torn(file: DataFile) -> None:
    path = Path(file.path.removeprefix("file://"))
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("spoil", [missing, torn])
def test_file_that_is_not_whole_is_refused(
    lake: Lake, config: LakeConfig, spoil: Callable[[DataFile], None]
) -> None:
    batch = lake.begin(slices(), now=NOW)
    written = synthetic.write(config.path, batch)
    spoil(written[0])
    with pytest.raises(LakeError, match=r"is missing|bytes, not"):
        lake.commit(batch, written)


def test_batch_is_not_committed_twice(lake: Lake, config: LakeConfig) -> None:
    batch = lake.begin(slices(), now=NOW)
    written = synthetic.write(config.path, batch)
    lake.commit(batch, written)
    with pytest.raises(LakeError, match="is not pending"):
        lake.commit(batch, written)
    assert audit(config.path).records == 38


def test_second_writer_gets_an_error_that_names_the_first(lake: Lake, config: LakeConfig) -> None:
    with pytest.raises(LakeError, match=r"process \d+ on .+ is writing this lake"):
        Lake.open(config)


def test_writer_that_was_taken_over_is_refused(config: LakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Lake.open(config)
    batch = first.begin(slices(), now=NOW)
    lock = Path(config.path, "_writer", "lock")
    lock.rename(lock.with_name("lock.old"))
    second = Lake.open(config)
    with pytest.raises(Fenced):
        first.heartbeat()
    with pytest.raises(Fenced):
        first.commit(batch, synthetic.write(config.path, batch))
    with pytest.raises(Fenced):
        first.abandon(batch)
    second.commit(batch, synthetic.write(config.path, batch))
    assert second.committed() == {(synthetic.TOPIC, 0): 40}
    first.release()
    second.release()


def test_page_taken_down_while_its_batch_ran_makes_the_batch_run_again(
    lake: Lake, config: LakeConfig
) -> None:
    lake.withheld()
    batch = lake.begin(slices(), now=NOW)
    written = synthetic.write(config.path, batch)
    take_down(config, "site0.example", reason="test", now=NOW)
    with pytest.raises(Transient, match="taken down meanwhile"):
        lake.commit(batch, written)
    assert lake.withheld() == (frozenset(), frozenset({"site0.example"}))
    assert lake.pending() == batch


def test_recent_gives_what_the_copies_index_needs_again(filled: Lake) -> None:
    seeds = list(filled.recent(days=7))
    assert len(seeds) == 8 * synthetic.ARTICLES_A_GROUP
    assert all(seed.sketch for seed in seeds)
    assert list(filled.recent(days=0)) != []
    assert [s.ingested_at for s in seeds] == sorted(s.ingested_at for s in seeds)


def test_snapshots_stay_bounded_and_batches_known_after_they_are_forgotten(
    lake: Lake, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsmill.lake.writer.FORGOTTEN_AT_ONCE", 3)
    lake.tables.retention = Retention(days=1, least=2, followed=3)
    for start in range(0, 100, 20):
        batch = lake.begin(slices(start, start + 20), now=NOW)
        lake.commit(batch, synthetic.write(config.path, batch, words=5))
    assert len(lake.tables.load("fate").metadata.snapshots) < 6
    before = lake.tables.load("articles").properties
    lake.tables.expire("articles", Retention.newest(1))
    assert len(lake.tables.load("articles").metadata.snapshots) == 1
    assert lake.tables.load("articles").properties["newsmill.sequence"] == before["newsmill.sequence"] == "5"
    assert audit(config.path).findings == []


def test_intent_survives_its_round_trip(lake: Lake) -> None:
    batch = lake.begin(slices(), now=NOW)
    assert msgspec.json.decode(msgspec.json.encode(batch), type=Batch) == batch


def test_pages_carry_checksums_and_files_are_sorted(filled: Lake) -> None:
    for live in filled.tables.files(filled.tables.load("articles")):
        rows = pq.read_table(live.uri, partitioning=None)
        order = ("lang", "domain", "published_at")
        keys = list(zip(*(rows[name].to_pylist() for name in order), strict=True))
        assert keys == sorted(keys)
        footer = pq.read_metadata(live.uri.removeprefix("file://")).row_group(0)
        assert footer.column(0).compression == "ZSTD"
        told = [footer.column(column.column_index).path_in_schema for column in footer.sorting_columns]
        assert tuple(told[:3]) == order


def hint(config: LakeConfig, table: str) -> Path:
    return Path(config.path) / table / "metadata" / "version-hint.text"


def test_hint_moves_on_when_the_process_that_changed_the_table_was_killed_before_it_moved_it(
    filled: Lake, config: LakeConfig
) -> None:
    newest = hint(config, "articles").read_text()
    first = next(hint(config, "articles").parent.glob("00001-*.metadata.json"))
    hint(config, "articles").write_text(first.name.removesuffix(".metadata.json"))
    filled.tables.change("articles", lambda table, transaction: False)
    assert hint(config, "articles").read_text() == newest


def test_hints_are_mended_when_the_process_that_made_the_tables_was_killed(
    lake: Lake, config: LakeConfig
) -> None:
    expected = {table: hint(config, table).read_text() for table in ("articles", "fate", "takedowns")}
    hint(config, "articles").unlink()
    hint(config, "fate").write_text("00000-00000000-0000-0000-0000-000000000000")
    Tables.open(config)
    assert {table: hint(config, table).read_text() for table in expected} == expected


def test_a_table_has_its_hint_before_it_is_in_the_catalog(
    config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    hinted = []

    def register(catalog: SqlCatalog, identifier: tuple[str, str], location: str) -> None:
        hinted.append((identifier[1], hint(config, identifier[1]).exists()))
        raise KeyboardInterrupt

    monkeypatch.setattr(SqlCatalog, "register_table", register)
    with pytest.raises(KeyboardInterrupt):
        Tables.make(config)
    assert hinted == [("articles", True)]


def test_a_batch_is_committed_once_though_somebody_reads_the_catalog_for_long(
    filled: Lake, config: LakeConfig
) -> None:
    """SQLite refuses to commit while a reader is in a transaction; what was refused must not look done."""
    reading = sqlite3.connect(Path(config.path, "catalog.db"), isolation_level=None, check_same_thread=False)
    reading.execute("BEGIN")
    reading.execute("SELECT * FROM iceberg_tables").fetchall()
    timer = threading.Timer(8, reading.execute, ("COMMIT",))
    timer.start()
    committed = filled.committed()[synthetic.TOPIC, 0]
    synthetic.fill(filled, config.path, batches=1, size=40)
    timer.join()
    reading.close()
    assert filled.committed()[synthetic.TOPIC, 0] == committed + 40
    assert audit(config.path).findings == []
