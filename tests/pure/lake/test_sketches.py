"""Each row of articles has its sketch in a table beside them, whatever becomes of the row."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newsmill.config import LakeConfig
from newsmill.copies.sketches import Sketch
from newsmill.errors import LakeError
from newsmill.lake import content, files, reader, rewriting, sketches
from newsmill.lake.files import DataFile
from newsmill.lake.schemas import TABLES
from newsmill.lake.sketch_rows import COLUMN, SKETCHES
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction, garbage_collection, mending
from newsmill.lake.upkeep.takedown import take_down, without_taken_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.records import OffsetRange
from newsmill.runtime import failpoints
from newsroom import story
from wirelake import AT, TOPIC, Press, Sent

HOUR = 3_600_000_000
PLACE = ("topic", "partition", "offset")
SHARED = ("article_id", "revision", "domain", "ingested_at")


def stored(path: str, name: str = SKETCHES) -> list[dict[str, Any]]:
    rows = reader.rows(path, name).to_table()
    return rows.sort_by([(column, "ascending") for column in PLACE]).to_pylist()


def check(path: str) -> dict[int, bytes | None]:
    """Check that the table has a row for each article, with its own sketch; the sketches by offset."""
    found, articles = stored(path), stored(path, "articles")
    columns = (*PLACE, *SHARED)
    assert [[row[c] for c in columns] for row in found] == [[row[c] for c in columns] for row in articles]
    for row, article in zip(found, articles, strict=True):
        assert row["cluster_id"] == article["duplicate"]["cluster_id"]
        if article["withheld"] is None:
            sketch = Sketch.decode(row["sketch"])
            assert (sketch.article_id, sketch.content_hash) == (row["article_id"], article["content_hash"])
        else:
            assert row["sketch"] is None
    report = audit(path)
    assert report.findings == [] and "C14" in report.checked
    return {row["offset"]: row["sketch"] for row in found}


def dying_at(point: str) -> Callable[..., None]:
    def die(here: str, *_: object) -> None:
        if here == point:
            raise KeyboardInterrupt

    return die


def test_articles_have_their_sketches_in_the_table_alone(press: Press) -> None:
    assert all(check(press.config.path).values())
    assert {row[COLUMN] for row in stored(press.config.path, "articles")} == {None}
    assert sum(1 for _ in press.lake.recent(days=1)) == len(stored(press.config.path))


def test_sketches_go_with_what_is_taken_down(press: Press) -> None:
    path = press.config.path
    press.send(
        Sent("https://x.example/1", story(70), canonical_url="https://x.example/2"),
        Sent("https://y.example/1", story(71), final_url="https://wire.example/two"),
    )
    before = check(path)
    take_down(press.config, "a.example", now=AT + 9 * HOUR)
    take_down(press.config, "https://wire.example/two", now=AT + 9 * HOUR)
    take_down(press.config, "https://x.example/2", now=AT + 9 * HOUR)
    after = check(path)
    gone = [sketch for offset, sketch in before.items() if after[offset] is None and sketch is not None]
    assert len(gone) == 5
    for file in Path(path).rglob("*.parquet"):
        data = pq.read_table(file, partitioning=None)
        held = data["sketch"].to_pylist() if "sketch" in data.column_names else []
        assert not set(gone) & set(held)


def test_checker_finds_sketches_that_a_takedown_left(press: Press) -> None:
    path = Path(press.config.path)
    press.send(Sent("https://x.example/1", story(70), canonical_url="https://x.example/2"))
    kept = [(f, f.read_bytes()) for f in path.rglob(f"{SKETCHES}/data/**/*.parquet")]
    for what in ("a.example", "https://x.example/2"):
        take_down(press.config, what, now=AT + 9 * HOUR)
        assert audit(str(path)).findings == []
        for file, data in kept:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        assert {finding.rule for finding in audit(str(path)).findings} == {"W2"}
        take_down(press.config, what, now=AT + 9 * HOUR)
        assert audit(str(path)).findings == []


def test_sketches_of_a_batch_that_is_not_decided_are_emptied_with_its_articles(press: Press) -> None:
    start = press.lake.committed()[TOPIC, 0]
    pages = [
        Sent("https://x.example/1", story(70), canonical_url="https://x.example/2"),
        Sent("https://y.example/1", story(71)),
    ]
    press._sent |= dict(enumerate(pages, start))
    part = OffsetRange(topic=TOPIC, partition=0, start=start, end=start + 2, records=2, bytes=2)
    batch = press.lake.begin([part], now=AT + HOUR)
    made = press._made(batch.batch_id, range(start, start + 2), batch.ingested_at)
    take_down(press.config, "https://x.example/2", now=AT + 9 * HOUR)
    press.lake.commit(batch, without_taken_down(press.lake, made))
    assert check(press.config.path)[start] is None


@pytest.mark.parametrize("point", ["commit.appended.articles", f"commit.appended.{SKETCHES}"])
def test_sketches_of_a_batch_come_once_when_its_writer_dies_among_its_tables(
    press: Press, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(failpoints, "reach", dying_at(point))
        with pytest.raises(KeyboardInterrupt):
            press.send(Sent("https://new.example/new", story(50)))
    press.lake.release()
    assert audit(press.config.path).findings == []
    press.lake = Lake.open(press.config)
    assert all(check(press.config.path).values())


def test_batch_without_its_sketches_is_refused(press: Press) -> None:
    start = press.lake.committed()[TOPIC, 0]
    press._sent[start] = Sent("https://x.example/1", story(70))
    part = OffsetRange(topic=TOPIC, partition=0, start=start, end=start + 1, records=1, bytes=1)
    batch = press.lake.begin([part], now=AT + HOUR)
    made = press._made(batch.batch_id, range(start, start + 1), batch.ingested_at)
    with pytest.raises(LakeError, match="fate without a row in copy_sketches"):
        press.lake.commit(batch, [file for file in made if file.table != SKETCHES])


# Lakes, batches and writers of before


@pytest.fixture(params=["schema_5", "schema_6"])
def old(tmp_path: Path, request: pytest.FixtureRequest) -> LakeConfig:
    """A lake of `press_day` that newsmill wrote at commit a69fa08, and one at d2d5458 with flat tables."""
    shutil.unpack_archive(Path(__file__).with_name("lakes") / f"{request.param}.zip", tmp_path)
    config = LakeConfig(path=str(tmp_path / "lake"))
    mending.adopt(config, own_catalog=True)
    return config


def in_column(path: str) -> dict[int, bytes | None]:
    return {row["offset"]: row[COLUMN] for row in stored(path, "articles")}


def as_before(press: Press, made: Sequence[DataFile]) -> list[DataFile]:
    """The files of a batch as an earlier version wrote them: with sketches in a column."""
    by_table = {file.table: file for file in made}
    held = files.read(by_table[SKETCHES], ["offset", "sketch"]).to_pydict()
    of = dict(zip(held["offset"], held["sketch"], strict=True))
    articles = rewriting.rows_of(press.lake.tables, TABLES["articles"], by_table["articles"])
    index = articles.schema.get_field_index(COLUMN)
    column = pa.array([of[offset] for offset in articles["offset"].to_pylist()], pa.binary())
    written, _ = rewriting.write(
        press.lake.tables,
        TABLES["articles"],
        articles.set_column(index, articles.schema.field(index), column),
    )
    others = [file for file in made if file.table not in ("articles", SKETCHES)]
    return [written, *others]


class Earlier:
    """Lets a press write batches as an earlier version did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = Press._made
        monkeypatch.setattr(Press, "_made", lambda press, *given: as_before(press, made(press, *given)))


def test_lake_of_before_is_read_as_it_is_and_not_changed(old: LakeConfig) -> None:
    before = {str(f): f.read_bytes() for f in Path(old.path).rglob("*") if f.is_file()}
    lake = Lake.open_readonly(old)
    seeds = list(lake.recent(days=10_000))
    assert {seed.sketch for seed in seeds} == set(in_column(old.path).values()) != {None}
    assert all(Sketch.decode(seed.sketch).ingested_at == seed.ingested_at for seed in seeds)
    assert SKETCHES not in lake.tables.names and not sketches.is_whole(lake.tables)
    lake.release()
    assert audit(old.path).findings == []
    assert before == {str(f): f.read_bytes() for f in Path(old.path).rglob("*") if f.is_file()}


def test_lake_of_before_gets_the_table_when_it_is_next_written(old: LakeConfig) -> None:
    wanted = in_column(old.path)
    reading = Lake.open_readonly(old)
    seeds = {seed.sketch: seed for seed in reading.recent(days=10_000)}
    rows = {name: reader.rows(old.path, name).to_table() for name in reader.names(old.path)}
    Lake.open(old).release()
    assert check(old.path) == wanted and all(wanted.values())
    assert all(reader.rows(old.path, name).to_table().equals(table) for name, table in rows.items())
    once = reader.table(old.path, SKETCHES)
    assert len(once.snapshots()) == 1
    lake = Lake.open(old)
    assert {seed.sketch: seed for seed in lake.recent(days=10_000)} == seeds
    lake.release()
    assert reader.table(old.path, SKETCHES).metadata_location == once.metadata_location


@pytest.mark.parametrize("point", [f"fill.written.{SKETCHES}", f"table.staged.{SKETCHES}"])
def test_filling_that_was_cut_off_is_done_by_the_next_writer(
    old: LakeConfig, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    wanted = in_column(old.path)
    with monkeypatch.context() as dying:
        dying.setattr(failpoints, "reach", dying_at(point))
        with pytest.raises(KeyboardInterrupt):
            Lake.open(old)
    lake = Lake.open_readonly(old)
    assert {seed.sketch for seed in lake.recent(days=10_000)} == set(wanted.values())
    Lake.open(old).release()
    assert check(old.path) == wanted


def test_takedown_before_the_filling_leaves_nothing_to_fill_in(old: LakeConfig) -> None:
    take_down(old, "a.example", now=AT + 9 * HOUR)
    assert not sketches.is_whole(Tables.open_readonly(old)) and audit(old.path).findings == []
    wanted = in_column(old.path)
    Lake.open(old).release()
    assert check(old.path) == wanted and None in wanted.values()


@pytest.mark.parametrize("meanwhile", ["takedown", "compact"])
def test_filling_begins_again_when_articles_change_meanwhile(
    old: LakeConfig, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    before = in_column(old.path)
    keepers: dict[str, Callable[[], object]] = {
        "takedown": lambda: take_down(old, "a.example", now=AT + 9 * HOUR),
        "compact": lambda: list(compaction.compact(Tables.open(old))),
    }
    done: list[str] = []

    def act(here: str, *_: object) -> None:
        if here == f"fill.written.{SKETCHES}" and not done:
            done.append(here)
            keepers[meanwhile]()

    with monkeypatch.context() as acting:
        acting.setattr(failpoints, "reach", act)
        Lake.open(old).release()
    found = check(old.path)
    assert done and (None in found.values()) is (meanwhile == "takedown")
    gone = {before[offset] for offset, sketch in found.items() if sketch is None}
    for file in Path(old.path).rglob(f"{SKETCHES}/data/**/*.parquet"):
        assert not gone & set(pq.read_table(file, partitioning=None)["sketch"].to_pylist())


def test_compact_lets_go_of_the_column_only_when_the_table_is_whole(old: LakeConfig) -> None:
    wanted = in_column(old.path)
    tables = Tables.open(old)
    live = list(tables.files(tables.load("articles")))
    joined = pa.concat_tables(rewriting.read(tables, TABLES["articles"], [file]) for file in live)
    assert len(live) > 1 and None not in joined[COLUMN].to_pylist()
    plan = compaction.Plan(tuple(live), 1, 1)
    compaction._merge(tables, "articles", plan, without_sketches=sketches.is_whole(tables))
    assert in_column(old.path) == wanted
    Lake.open(old).release()
    tables = Tables.open(old)
    plan = compaction.Plan(tuple(tables.files(tables.load("articles"))), 2, 1)
    compaction._merge(tables, "articles", plan, without_sketches=sketches.is_whole(tables))
    assert set(in_column(old.path).values()) == {None}
    list(garbage_collection.collect(tables, grace_s=3600.0, yes=True))
    assert check(old.path) == wanted


def test_rows_that_an_earlier_version_wrote_meanwhile_are_filled_in(press: Press, config: LakeConfig) -> None:
    """It knows nothing of the table, and may have been at work when the lake was first opened anew."""
    with pytest.MonkeyPatch.context() as earlier:
        Earlier(earlier)
        earlier.setattr(sketches, "with_sketches", lambda _, files: tuple(files))
        earlier.delitem(content.CONTENT, SKETCHES)
        press.send(Sent("https://new.example/new", story(50)), Sent("https://g.example/new", story(51)))
        take_down(config, "a.example", now=AT + 9 * HOUR)
    assert not sketches.is_whole(press.lake.tables)
    assert len(list(press.lake.recent(days=1))) > len(stored(config.path))
    press.lake.release()
    press.lake = Lake.open(config)
    found = check(config.path)
    assert list(found.values()).count(None) == 2


@pytest.mark.parametrize("point", ["commit.decided", "commit.appended.articles", None])
def test_batch_that_an_earlier_version_wrote_brings_its_sketches(
    press: Press, monkeypatch: pytest.MonkeyPatch, point: str | None
) -> None:
    with monkeypatch.context() as earlier:
        Earlier(earlier)
        if point is None:
            press.send(Sent("https://new.example/new", story(50)))
        else:
            earlier.setattr(failpoints, "reach", dying_at(point))
            with pytest.raises(KeyboardInterrupt):
                press.send(Sent("https://new.example/new", story(50)))
            press.lake.release()
    if point is not None:
        press.lake = Lake.open(press.config)
    assert all(check(press.config.path).values())


def test_lake_of_before_with_a_decided_batch_gets_all_rows(
    old: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that batch brings must not make the tables look whole."""
    with monkeypatch.context() as dying:
        for module in ("flattening", "sketches"):
            dying.setattr(f"newsmill.lake.{module}.fill", lambda tables: None)
        Earlier(dying)
        press = Press(old)
        dying.setattr(failpoints, "reach", dying_at("commit.decided"))
        with pytest.raises(KeyboardInterrupt):
            press.send(Sent("https://new.example/new", story(50)))
        press.close()
    Lake.open(old).release()
    assert all(check(old.path).values())


def test_replay_that_an_earlier_version_decided_brings_its_sketches(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, wanted = press.config.path, check(press.config.path)
    offset = 2
    rows = {
        name: press.lake.tables.load(name).scan(row_filter=f"offset == {offset}").to_arrow()
        for name in ("articles", SKETCHES, "fate")
    }
    index = rows["articles"].schema.get_field_index("title")
    field = rows["articles"].schema.field(index)
    rows["articles"] = rows["articles"].set_column(index, field, pa.array(["Another"], pa.string()))
    first = int(rows["fate"]["ingested_at"].cast("int64")[0].as_py())
    made = [files.write(path, name, found, ingested_at=first) for name, found in rows.items()]
    part = OffsetRange(topic=TOPIC, partition=0, start=offset, end=offset + 1, records=1, bytes=0)
    batch = msgspec.structs.replace(
        press.lake.begin([OffsetRange(topic=TOPIC, partition=9, start=0, end=0, records=0, bytes=0)], now=AT),
        slices=(part,),
        ingested_at=press.lake.last_change + 1,
    )
    press.lake.abandon(batch)
    with monkeypatch.context() as dying:
        dying.setattr(failpoints, "reach", dying_at("replace.decided"))
        with pytest.raises(KeyboardInterrupt):
            press.lake.replace(batch, as_before(press, made))
    press.lake.release()
    press.lake = Lake.open(press.config)
    assert check(path) == wanted
    assert [row["title"] for row in stored(path, "articles") if row["offset"] == offset] == ["Another"]
