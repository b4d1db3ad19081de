"""A copy or a moved lake becomes a lake of its own; a lake without its catalog gets one: nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, LakeError
from newsmill.lake import identity, provenance, reader, schemas, storage
from newsmill.lake.retention import Retention
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction, garbage_collection, mending, whole
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

NOW = 1_790_000_000_000_000
HOUR = 3_600_000_000


@pytest.fixture
def original(config: LakeConfig, made: Path) -> Path:
    shutil.copytree(made, config.path)
    return Path(config.path)


def rows(path: Path | str) -> dict[str, list]:
    """All that readers see, by table."""
    return {
        name: sorted(map(str, reader.rows(str(path), name).to_table().to_pylist())) for name in schemas.TABLES
    }


def files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and "_writer" not in p.parts}


def goes_on(path: Path | str, start: int = 80) -> int:
    """Writes a batch, keeps the lake, and looks whether all is right; how many records it has then."""
    lake = Lake.open(LakeConfig(path=str(path)))
    batch = lake.begin(list(synthetic.slices(0, start, start + 40)), now=NOW + 5 * HOUR)
    lake.commit(batch, synthetic.write(str(path), batch))
    list(compaction.compact(lake.tables))
    lake.release()
    for file in Path(path).rglob("*"):
        if file.is_file():
            os.utime(file, (time.time() - 9 * 86_400,) * 2)
    before = rows(path)
    list(
        garbage_collection.collect(
            Tables.open(LakeConfig(path=str(path))), grace_s=3600, keep=Retention.newest(1)
        )
    )
    assert rows(path) == before
    report = audit(str(path))
    assert report.findings == []
    return report.records


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "of before notes"])
def test_copy_is_a_lake_of_its_own_when_it_was_adopted(original: Path, tmp_path: Path, noted: bool) -> None:
    if not noted:
        (original / identity.NOTE).unlink()
    copy = tmp_path / "a copy"
    before, seen = files(original), rows(original)
    shutil.copytree(original, copy)
    mended = mending.adopt(LakeConfig(path=str(copy)))
    assert rows(copy) == seen and mended.records == 8 * synthetic.RECORDS_A_GROUP
    assert str(original) not in (copy / identity.NOTE).read_text()
    assert goes_on(copy) == 10 * synthetic.RECORDS_A_GROUP
    assert files(original) == before
    Lake.open(LakeConfig(path=str(original))).release()
    notes = [identity.read(storage.at(str(path))) for path in (original, copy)]
    assert all(notes) and notes[0].id != notes[1].id  # type: ignore[union-attr]
    assert not set(notes[0].tables.values()) & set(notes[1].tables.values())  # type: ignore[union-attr]


def test_copy_of_an_adopted_copy_has_no_foreign_file_when_it_was_adopted(
    original: Path, tmp_path: Path
) -> None:
    before = original
    for name in ("copy", "copy of the copy"):
        shutil.copytree(before, tmp_path / name)
        before = tmp_path / name
        mending.adopt(LakeConfig(path=str(before)))
    assert provenance.foreign(Tables.open(LakeConfig(path=str(before)))) == []
    report = audit(str(before))
    assert report.right and report.foreign == []


def test_adopting_a_copy_opens_no_file_of_the_original(original: Path, tmp_path: Path) -> None:
    copy, opened = tmp_path / "copy", []
    shutil.copytree(original, copy)
    watching = [True]

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and str(arguments[0]).startswith(f"{original}/"):
            opened.append(arguments[0])

    sys.addaudithook(note)
    before = {path: path.stat().st_atime_ns for path in original.rglob("*") if path.is_file()}
    mending.adopt(LakeConfig(path=str(copy)))
    watching.clear()
    shutil.rmtree(original)  # Arrow opens files without Python: a copy that needs none is fine without it
    assert opened == [] and before
    assert goes_on(copy) == 10 * synthetic.RECORDS_A_GROUP


def test_moved_lake_keeps_its_id_and_uuids(original: Path, tmp_path: Path) -> None:
    before, seen = identity.read(storage.at(str(original))), rows(original)
    place = Path(shutil.move(original, tmp_path / "moved"))
    mending.adopt(LakeConfig(path=str(place)), moved=True)
    after = identity.read(storage.at(str(place)))
    assert before is not None and after is not None
    assert (before.id, before.tables) == (after.id, after.tables)
    assert rows(place) == seen
    assert goes_on(place) == 10 * synthetic.RECORDS_A_GROUP
    with pytest.raises(ConfigError, match="nothing to adopt"):
        mending.adopt(LakeConfig(path=str(place)))


def test_copy_is_not_taken_for_the_moved_lake_when_this_is_still_at_its_old_place(
    original: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    with pytest.raises(ConfigError, match="the lake is still there"):
        mending.adopt(LakeConfig(path=str(copy)), moved=True)
    mending.adopt(LakeConfig(path=str(copy)))
    first, second = (identity.read(storage.at(str(place))) for place in (original, copy))
    assert first is not None and second is not None and first.id != second.id


def test_copy_of_a_lake_with_a_batch_under_way_goes_on_with_it(
    original: Path, tmp_path: Path, monkeypatch
) -> None:
    """Decided files are noted by their location too."""
    lake = Lake.open(LakeConfig(path=str(original)))
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "_publish", lambda self, batch: None)
        batch = lake.begin(list(synthetic.slices(0, 80, 120)), now=NOW + HOUR)
        lake.commit(batch, synthetic.write(str(original), batch))
    lake.release()
    place = Path(shutil.move(original, tmp_path / "moved"))
    mending.adopt(LakeConfig(path=str(place)))
    assert goes_on(place, 120) == 12 * synthetic.RECORDS_A_GROUP


def test_copy_whose_tables_are_of_different_times_is_refused_and_left_alone(
    original: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    assert goes_on(original) > 0
    shutil.rmtree(copy / "articles")
    shutil.copytree(original / "articles", copy / "articles")
    before = files(copy)
    with pytest.raises(LakeError, match="of different times"):
        mending.adopt(LakeConfig(path=str(copy)))
    assert files(copy) == before


def test_copy_that_lacks_a_file_is_refused(original: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    next((copy / "articles" / "data").rglob("*.parquet")).unlink()
    with pytest.raises(LakeError, match="is missing"):
        mending.adopt(LakeConfig(path=str(copy)))


def lose(original: Path) -> None:
    (original / identity.CATALOG_FILE).unlink()


def empty(original: Path) -> None:
    with sqlite3.connect(original / identity.CATALOG_FILE) as connection:
        connection.execute("DELETE FROM iceberg_tables")


def tear(original: Path) -> None:
    (original / identity.CATALOG_FILE).write_bytes(b"SQLite format 3\x00 and no more")


@pytest.mark.parametrize("loss", [lose, empty, tear])
def test_lake_goes_on_where_it_was_when_its_lost_catalog_was_recovered(
    original: Path, config: LakeConfig, loss: Callable[[Path], None]
) -> None:
    seen, committed = rows(original), Lake.open_readonly(config).committed()
    loss(original)
    with pytest.raises(LakeError):
        Lake.open(config)
    mended = mending.recover(config)
    assert mended.records == 8 * synthetic.RECORDS_A_GROUP
    assert rows(original) == seen and Lake.open_readonly(config).committed() == committed
    assert goes_on(original) == 10 * synthetic.RECORDS_A_GROUP


def test_catalog_that_was_put_back_is_brought_to_the_newest_state(
    original: Path, config: LakeConfig, tmp_path: Path
) -> None:
    older = shutil.copy(original / identity.CATALOG_FILE, tmp_path)
    assert goes_on(original) == 10 * synthetic.RECORDS_A_GROUP
    seen = rows(original)
    shutil.copy(older, original / identity.CATALOG_FILE)
    mending.recover(config)
    assert rows(original) == seen
    assert goes_on(original, 120) == 12 * synthetic.RECORDS_A_GROUP


@pytest.mark.parametrize(
    "failpoint", ["table.staged.articles", "table.changed.fate", "commit.appended.articles"]
)
def test_catalog_lost_with_the_writer_at_any_place_of_a_commit_is_recovered_without_loss(
    original: Path, config: LakeConfig, monkeypatch: pytest.MonkeyPatch, failpoint: str
) -> None:
    """The hint lags behind the catalog, or metadata was written that never was the table's."""

    class Died(BaseException):
        pass

    def reach(name: str, *_: object) -> None:
        if name == failpoint:
            raise Died

    lake = Lake.open(config)
    batch = lake.begin(list(synthetic.slices(0, 80, 120)), now=NOW + HOUR)
    written = synthetic.write(config.path, batch)
    monkeypatch.setattr("newsmill.runtime.failpoints.reach", reach)
    with pytest.raises(Died):
        lake.commit(batch, written)
    monkeypatch.undo()
    lake.release()
    lose(original)
    mending.recover(config)
    again = Lake.open(config)
    if (pending := again.pending()) is not None:
        again.commit(pending, written)
    again.release()
    report = audit(config.path)
    assert (report.findings, report.records) == ([], 10 * synthetic.RECORDS_A_GROUP)


def test_lake_moves_to_another_catalog_and_back_by_recover(
    original: Path, config: LakeConfig, tmp_path: Path
) -> None:
    seen = rows(original)
    other = config.model_copy(
        update={"catalog": {"type": "sql", "uri": f"sqlite:///{tmp_path}/other.db"}, "namespace": "moved"}
    )
    with pytest.raises(LakeError, match="newsmill lake recover"):
        Lake.open_readonly(other)
    mending.recover(other)
    Lake.open(config).release()  # found by the note
    assert (
        rows(original) == seen
        and Lake.open_readonly(other).committed() == Lake.open_readonly(config).committed()
    )


def test_copy_of_a_lake_with_an_external_catalog_asks_for_a_namespace(tmp_path: Path) -> None:
    catalog = {"type": "sql", "uri": f"sqlite:///{tmp_path}/external.db"}
    config = LakeConfig(path=str(tmp_path / "lake"), catalog=catalog)
    lake = Lake.open(config)
    synthetic.fill(lake, config.path, batches=2, size=40)
    lake.release()
    copy = config.model_copy(update={"path": str(tmp_path / "copy")})
    shutil.copytree(config.path, copy.path)
    for asked in (copy, LakeConfig(path=copy.path)):
        with pytest.raises(ConfigError, match=r"lake\.namespace"):
            mending.adopt(asked)
    mending.adopt(copy.model_copy(update={"namespace": "copy"}))
    assert goes_on(copy.path) > goes_on(config.path) - 1 > 0
    alone = tmp_path / "alone"
    shutil.copytree(copy.path, alone)
    mending.adopt(LakeConfig(path=str(alone)), own_catalog=True)
    assert audit(str(alone)).findings == [] and (alone / identity.CATALOG_FILE).exists()
    moved = shutil.move(config.path, tmp_path / "moved")
    mending.adopt(LakeConfig(path=str(moved)), moved=True)
    assert goes_on(moved, 120) > 0


def test_rows_that_the_ledger_tells_of_are_counted(original: Path, config: LakeConfig) -> None:
    found = whole.find(storage.at(config.path))
    assert whole.check(storage.at(config.path), found) == 8 * synthetic.RECORDS_A_GROUP
    with pytest.raises(LakeError, match="articles lacks rows"):
        whole.check(storage.at(config.path), {name: t for name, t in found.items() if name != "articles"})
