"""A lake that lost more than its catalog is refused: nothing older takes the place of what is gone."""

from __future__ import annotations

import errno
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from pyiceberg.catalog import Catalog
from sqlalchemy import create_engine, event

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import catalogs, hints, identity, opening, reader, schemas, storage, trouble
from newsmill.lake.upkeep import mending
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

NOW = 1_790_000_000_000_000
HINT = "metadata/version-hint.text"


@pytest.fixture(scope="session")
def buried(place: Path, made: Path) -> Path:
    """A copy of the lake of `made` with a takedown of a site."""
    shutil.copytree(made, place)
    take_down(LakeConfig(path=str(place)), "site1.example", now=NOW)
    assert reader.rows(str(place), "takedowns").count_rows() == 1
    return Path(shutil.move(place, place.with_name("buried")))


@pytest.fixture
def original(config: LakeConfig, buried: Path) -> Path:
    return Path(shutil.copytree(buried, config.path))


def content(folder: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {path: data for path, data in found.items() if not path.startswith("_writer/")}


def numbered(folder: Path, number: int) -> list[Path]:
    """The metadata of a table of this number, under both names."""
    return [p for p in (folder / "metadata").glob("*.metadata.json") if hints.number(p.name) == number]


def newest(folder: Path) -> int:
    return int((folder / HINT).read_text(encoding="ascii"))


def without_newest(folder: Path, *, keep: int = 0) -> None:
    """Of a table's metadata only this number is left."""
    for number in range(keep + 1, newest(folder) + 1):
        for path in numbered(folder, number):
            path.unlink()


def recovered(lake: Path) -> mending.Mended:
    return mending.recover(LakeConfig(path=str(lake)))


def adopted(lake: Path) -> mending.Mended:
    copy = lake.with_name("adopted")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(lake, copy)
    before = content(copy)
    try:
        return mending.adopt(LakeConfig(path=str(copy)))
    except LakeError:
        assert content(copy) == before
        raise
    finally:
        shutil.rmtree(copy)


mends = pytest.mark.parametrize("mend", [recovered, adopted])
tables = pytest.mark.parametrize("table", schemas.TABLES)
Mend = Callable[[Path], mending.Mended]


@mends
@tables
@pytest.mark.parametrize("gone", ["", "metadata"], ids=["folder", "metadata"])
@pytest.mark.parametrize("catalog", ["there", "gone"])
def test_table_that_is_gone_is_named_and_nothing_changes(
    original: Path, mend: Mend, table: str, gone: str, catalog: str
) -> None:
    shutil.rmtree(original / table / gone)
    if catalog == "gone":
        (original / identity.CATALOG_FILE).unlink()
    before = content(original)
    with pytest.raises(LakeError, match=rf"the table {table}, which lake\.json names with UUID .* is gone"):
        mend(original)
    with pytest.raises(LakeError):
        Lake.open(LakeConfig(path=str(original)))
    assert content(original) == before


@mends
@pytest.mark.parametrize("table", [name for name in schemas.TABLES if name != schemas.LEDGER])
def test_table_that_is_gone_is_named_when_the_lake_is_of_before_notes(
    original: Path, mend: Mend, table: str
) -> None:
    (original / identity.NOTE).unlink()
    (original / identity.CATALOG_FILE).unlink()
    shutil.rmtree(original / table)
    before = content(original)
    with pytest.raises(LakeError, match=f"the table {table} is gone"):
        mend(original)
    with pytest.raises(LakeError, match="newsmill lake recover"):
        Lake.open(LakeConfig(path=str(original)))
    assert content(original) == before


@mends
def test_tables_that_are_gone_are_named_all_at_once(original: Path, mend: Mend) -> None:
    shutil.rmtree(original / "takedowns")
    shutil.rmtree(original / "cluster_events")
    with pytest.raises(LakeError, match=r"cluster_events, which .* is gone.*takedowns, which .* is gone"):
        mend(original)


@mends
@tables
@pytest.mark.parametrize("catalog", ["there", "gone"])
def test_table_is_not_rolled_back_when_its_newest_metadata_is_gone(
    original: Path, mend: Mend, table: str, catalog: str
) -> None:
    number = newest(original / table)
    without_newest(original / table)
    if catalog == "gone":
        (original / identity.CATALOG_FILE).unlink()
    before = content(original)
    with pytest.raises(LakeError, match=rf"newest metadata of {table} is gone: .* number {number}, .*00000-"):
        mend(original)
    assert content(original) == before


@mends
@pytest.mark.parametrize("table", ["takedowns", "cluster_events", "articles"])
@pytest.mark.parametrize("sign", ["catalog", "ledger"])
def test_table_is_not_rolled_back_when_its_hint_is_gone_with_its_newest_metadata(
    original: Path, mend: Mend, table: str, sign: str
) -> None:
    without_newest(original / table)
    (original / table / HINT).unlink()
    if sign == "ledger":
        (original / identity.CATALOG_FILE).unlink()
    before = content(original)
    with pytest.raises(LakeError, match=rf"{table} (?:is gone: catalog\.db|lacks|has 0 tombstones)"):
        mend(original)
    assert content(original) == before


@mends
def test_rolled_back_metadata_of_before_the_adoption_is_told_as_what_it_is(
    original: Path, tmp_path: Path, mend: Mend
) -> None:
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    mending.adopt(LakeConfig(path=str(copy)))
    without_newest(copy / "takedowns", keep=newest(copy / "takedowns") - 1)
    with pytest.raises(LakeError, match="newest metadata of takedowns is gone") as raised:
        mend(copy)
    assert "it is a copy" not in str(raised.value)


@mends
def test_table_of_another_lake_in_the_place_of_the_noted_one_is_named(original: Path, mend: Mend) -> None:
    (original / identity.CATALOG_FILE).unlink()
    for path in (original / "takedowns" / "metadata").glob("*.metadata.json"):
        found = json.loads(path.read_text(encoding="utf-8"))
        other = found | {"table-uuid": "8d4f1ad8-8b8f-4f1c-9a55-1f5a8a2f1b11"}
        path.write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(LakeError, match=r"the table takedowns with UUID .* is gone: .* is of another"):
        mend(original)


@tables
@pytest.mark.parametrize("kept", ["first", "second"])
def test_table_is_recovered_whole_when_one_name_of_its_newest_metadata_is_left(
    original: Path, config: LakeConfig, table: str, kept: str
) -> None:
    seen = {name: reader.rows(config.path, name).count_rows() for name in schemas.TABLES}
    for path in numbered(original / table, newest(original / table)):
        if path.name.startswith("v") == (kept == "first"):
            path.unlink()
    (original / identity.CATALOG_FILE).unlink()
    mending.recover(config)
    assert {name: reader.rows(config.path, name).count_rows() for name in schemas.TABLES} == seen
    lake = Lake.open(config)
    batch = lake.begin(list(synthetic.slices(0, 80, 120)), now=NOW + 3_600_000_000)
    lake.commit(batch, synthetic.write(config.path, batch))
    lake.release()
    take_down(config, "site2.example", now=NOW)
    assert audit(config.path).findings == []


def test_writer_and_dry_run_stop_when_files_of_the_ledger_are_gone(
    original: Path, config: LakeConfig
) -> None:
    shutil.rmtree(original / "fate" / "data")
    before = content(original)
    for opened in (Lake.open, opening.check):
        with pytest.raises(LakeError, match=r"files of the ledger are gone: .*newsmill audit .*backup"):
            opened(config)
    assert content(original) == before


def other(original: Path, place: Path) -> None:
    """The catalog of a lake that is somewhere else."""
    moved = Path(shutil.copytree(original, place.with_name("other")))
    mending.adopt(LakeConfig(path=str(moved)))
    shutil.copy(moved / identity.CATALOG_FILE, place)


def gone(original: Path, place: Path) -> None:
    """The catalog that was left where a lake was removed."""
    shutil.copy(original / identity.CATALOG_FILE, place)


def none(_: Path, place: Path) -> None:
    place.joinpath(identity.CATALOG_FILE).write_bytes(b"no database at all, but longer than a header" * 40)


@pytest.mark.parametrize("stray", [other, gone, none])
def test_stray_catalog_is_refused_by_writer_and_dry_run_and_nothing_is_made(
    original: Path, tmp_path: Path, stray: Callable[[Path, Path], None]
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    stray(original, place)
    for opened in (opening.check, Lake.open):
        with pytest.raises(LakeError, match=r"there is no lake at .*move the file away"):
            opened(LakeConfig(path=str(place)))
    assert [path.name for path in place.iterdir()] == [identity.CATALOG_FILE]


def test_dry_run_finds_no_fault_where_a_lake_may_be_made_and_makes_none(tmp_path: Path) -> None:
    assert opening.check(LakeConfig(path=str(tmp_path / "new"))) is None
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_told_as_such_and_leaves_the_catalog_that_was_there(
    original: Path, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself says that the disk is full: the new catalog may have no more than its first pages."""
    own = catalogs.own

    def bounded(store: storage.LocalStorage, file: str) -> Catalog:
        with closing(sqlite3.connect(store.root / file)) as connection:
            connection.executescript("PRAGMA page_size = 512; VACUUM")
        catalog = own(store, file)
        event.listen(catalog.engine, "begin", lambda on: on.exec_driver_sql("PRAGMA max_page_count = 1"))
        return catalog

    with monkeypatch.context() as patched:
        patched.setattr(catalogs, "own", bounded)
        before = content(original)
        with pytest.raises(OSError, match=r"No space left on device .database or disk is full.") as raised:
            mending.recover(config)
        assert raised.value.errno == errno.ENOSPC and "SQL" not in str(raised.value)
        assert content(original) == before
    mending.recover(config)


def test_full_disk_of_the_catalog_ends_the_waiting_for_it_without_the_statement() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        connection.exec_driver_sql("CREATE TABLE t (x TEXT)")
        insert = partial(connection.exec_driver_sql, "INSERT INTO t VALUES (?)", ("long" * 9000,))
        with pytest.raises(OSError, match="database or disk is full") as raised:
            trouble.retry(insert, "lake", None)
    assert raised.value.errno == errno.ENOSPC and "INSERT" not in str(raised.value)
