"""A lake knows itself: a copy, a moved lake and a lake without its catalog are not taken for it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, LakeError
from newsmill.jobs.explain import explain
from newsmill.lake import identity, reader, storage
from newsmill.lake.schemas import LEDGER, SCHEMA_VERSION, TableSchema
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction, garbage_collection
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

NOW = 1_790_000_000_000_000
Opening = Callable[[LakeConfig], object]

KEEPERS: dict[str, Opening] = {
    "compact": lambda config: list(compaction.compact(Tables.open(config))),
    "gc": lambda config: list(garbage_collection.collect(Tables.open(config), grace_s=3600, yes=True)),
    "gc dry": lambda config: list(
        garbage_collection.collect(Tables.open(config), grace_s=3600, dry_run=True)
    ),
    "takedown": lambda config: take_down(config, "site1.example", reason="x", now=NOW),
    "replay": lambda config: Lake.open(config, make=False),
}
READERS: dict[str, Opening] = {
    "audit": lambda config: audit(config.path),
    "explain": lambda config: explain(config.path, "https://site1.example/1"),
    "rows": lambda config: reader.rows(config.path, "articles"),
    "look": Lake.open_readonly,
}
WRITERS: dict[str, Opening] = {"run": Lake.open}


def opening(commands: dict[str, Opening]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("command", commands.values(), ids=commands.keys())


def content(folder: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {path: data for path, data in found.items() if not path.startswith("_writer/")}


def aged(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 5 * 86_400,) * 2)


@pytest.fixture
def original(config: LakeConfig, made: Path) -> Path:
    shutil.copytree(made, config.path)
    return Path(config.path)


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Iterator[LakeConfig]:
    """A copy, all of its files old."""
    shutil.copytree(original, tmp_path / "copy")
    aged(tmp_path / "copy")
    yield LakeConfig(path=str(tmp_path / "copy"))


@opening(KEEPERS | READERS | WRITERS)
@pytest.mark.parametrize("noted", [True, False], ids=["noted", "of before notes"])
@pytest.mark.parametrize("original_is", ["there", "gone"])
def test_copy_is_refused_and_left_alone_by_each_command_when_it_was_not_adopted(
    original: Path, copy: LakeConfig, command: Opening, noted: bool, original_is: str
) -> None:
    if not noted:
        Path(copy.path, identity.NOTE).unlink()
    if original_is == "gone":
        shutil.rmtree(original)
    before = content(Path(copy.path)), content(original)
    with pytest.raises(LakeError, match=f"newsmill lake adopt {copy.path}"):
        command(copy)
    assert (content(Path(copy.path)), content(original)) == before


@opening(KEEPERS | READERS)
@pytest.mark.parametrize("there", [True, False], ids=["empty folder", "nothing"])
def test_place_without_a_lake_is_named_and_nothing_is_made_there_by_each_command(
    tmp_path: Path, command: Opening, there: bool
) -> None:
    place = tmp_path / "mistyped"
    if there:
        place.mkdir()
    with pytest.raises(ConfigError, match=f"{place}: no newsmill lake"):
        command(LakeConfig(path=str(place)))
    assert place.exists() == there and list(tmp_path.rglob("*")) == [place] * there


@opening(KEEPERS | READERS | WRITERS)
def test_lake_without_its_catalog_is_refused_and_left_alone_by_each_command(
    original: Path, config: LakeConfig, command: Opening
) -> None:
    (original / identity.CATALOG_FILE).unlink()
    aged(original)
    before = content(original)
    with pytest.raises(LakeError, match=f"newsmill lake recover {original}"):
        command(config)
    assert content(original) == before


ODD_NOTES = {
    "a list": b"[]",
    "cut off": b'{"schema": 7,',
    "no UTF-8": b'{"lake": {"id": "\xff"}}',
    "no lake in it": b'{"schema": 7, "lake": []}',
    "a word for a number": b'{"schema": "seven"}',
    "of nothing": b"{}",
}


@opening(KEEPERS | READERS | WRITERS)
@pytest.mark.parametrize("note", ODD_NOTES.values(), ids=ODD_NOTES)
def test_lake_is_refused_and_left_alone_by_each_command_when_its_note_cannot_be_read(
    original: Path, config: LakeConfig, command: Opening, note: bytes
) -> None:
    (original / identity.NOTE).write_bytes(note)
    before = content(original)
    with pytest.raises(LakeError, match=f"{identity.NOTE}: can't be read"):
        command(config)
    assert content(original) == before


@opening(KEEPERS | WRITERS)
def test_catalog_that_was_made_anew_or_put_back_is_refused_by_each_command(
    original: Path, config: LakeConfig, command: Opening, tmp_path: Path
) -> None:
    older = shutil.copy(original / identity.CATALOG_FILE, tmp_path)
    lake = Lake.open(config)
    batch = lake.begin(list(synthetic.slices(0, 80, 120)), now=NOW)
    lake.commit(batch, synthetic.write(config.path, batch))
    lake.release()
    shutil.copy(older, original / identity.CATALOG_FILE)
    aged(original)
    before = content(original)
    with pytest.raises(LakeError, match="its catalog is older than its tables"):
        command(config)
    assert content(original) == before


def test_lake_is_the_same_by_a_link_a_relative_path_and_a_slash(
    original: Path, config: LakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(original)
    monkeypatch.chdir(original.parent)
    for path in (str(tmp_path / "link"), "lake", "./lake/", f"{original}/", f"file://{original}"):
        for command in (KEEPERS | READERS).values():
            opened = command(LakeConfig(path=path))
            if isinstance(opened, Lake):
                opened.release()
    assert audit(str(tmp_path / "link")).findings == []


@opening(KEEPERS | READERS | WRITERS)
def test_moved_lake_goes_on_when_a_link_is_left_in_its_place(
    original: Path, tmp_path: Path, command: Opening
) -> None:
    place = tmp_path / "elsewhere"
    shutil.move(original, place)
    original.symlink_to(place)
    aged(place)
    data = sum(path.suffix == ".parquet" for path in place.rglob("*"))
    opened = command(LakeConfig(path=str(place)))
    if isinstance(opened, Lake):
        opened.release()
    found = audit(str(place))
    original.unlink()
    assert found.findings == []
    assert sum(path.suffix == ".parquet" for path in place.rglob("*")) >= data


def test_two_processes_make_one_lake_when_they_open_it_at_the_same_time(tmp_path: Path) -> None:
    ids = synthetic.uuids_of_makers(LakeConfig(path=str(tmp_path / "lake")), 6)
    assert len(ids) == 6 and all(found == ids[0] for found in ids)


def test_lake_is_none_yet_when_its_making_was_cut_short_and_the_next_writer_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, create = LakeConfig(path=str(tmp_path / "lake")), Tables._create

    def cut(tables: Tables, table: TableSchema) -> object:
        if table.name == LEDGER:
            raise KeyboardInterrupt
        return create(tables, table)

    with monkeypatch.context() as patched:
        patched.setattr(Tables, "_create", cut)
        with pytest.raises(KeyboardInterrupt):
            Tables.make(config)
    before = content(tmp_path)
    for command in (*READERS.values(), *KEEPERS.values()):
        with pytest.raises(ConfigError, match="no newsmill lake"):
            command(config)
    assert content(tmp_path) == before
    Tables.make(config).close()
    Tables.open_readonly(config).close()


def test_external_catalog_is_found_by_the_note_when_the_settings_do_not_name_it(tmp_path: Path) -> None:
    external = {"type": "sql", "uri": f"sqlite:///{tmp_path}/external.db"}
    config = LakeConfig(path=str(tmp_path / "lake"), catalog=external)
    lake = Lake.open(config)
    synthetic.fill(lake, config.path, batches=2, size=40)
    lake.release()
    aged(Path(config.path))
    bare = LakeConfig(path=config.path)
    before = audit(config.path)
    for command in (KEEPERS | READERS).values():
        opened = command(bare)
        if isinstance(opened, Lake):
            opened.release()
    after = audit(config.path)
    assert (before.findings, after.findings) == ([], []) and before.records == after.records > 0
    assert not Path(config.path, identity.CATALOG_FILE).exists()
    other = config.model_copy(update={"catalog": {"type": "sql", "uri": f"sqlite:///{tmp_path}/other.db"}})
    with pytest.raises(LakeError, match="newsmill lake recover"):
        Lake.open(other)
    assert not (tmp_path / "other.db").exists()


def test_note_holds_no_secret() -> None:
    told, hidden = identity.shown(
        {
            "type": "sql",
            "uri": "postgresql+psycopg://mill:hunter2@db:5432/lake?sslmode=require&password=hunter3",
            "token": "hunter4",
            "s3.secret-access-key": "hunter5",
        }
    )
    assert "hunter" not in str(told)
    assert told["uri"] == "postgresql+psycopg://mill@db:5432/lake?sslmode=require"
    assert hidden == ("s3.secret-access-key", "token")


def test_lake_of_before_notes_gets_one_when_it_is_opened_for_writing_and_is_readable_before(
    original: Path, config: LakeConfig
) -> None:
    (original / identity.NOTE).unlink()
    assert audit(config.path).findings == []
    assert reader.rows(config.path, "fate").count_rows() > 0
    assert not (original / identity.NOTE).exists()
    Lake.open(config).release()
    note = identity.read(storage.at(config.path))
    assert note is not None and note.location == f"file://{original}" and set(note.tables) >= {"fate"}


def test_lake_noted_in_one_object_is_noted_anew_when_it_is_opened_for_writing(
    original: Path, config: LakeConfig
) -> None:
    path = original / identity.NOTE
    path.write_text(json.dumps(json.loads(path.read_text())["lake"]))  # as before schema 7
    before = identity.read(storage.at(config.path))
    assert before is not None and before.schema == 0
    assert audit(config.path).findings == []
    Lake.open(config).release()
    assert identity.read(storage.at(config.path)) == structs.replace(before, schema=SCHEMA_VERSION)
    assert json.loads(path.read_text())["schema"] == SCHEMA_VERSION


@opening(KEEPERS | READERS | WRITERS)
def test_lake_is_left_alone_when_a_newer_version_has_written_it(
    original: Path, config: LakeConfig, command: Opening
) -> None:
    path = original / identity.NOTE
    path.write_text(json.dumps({"schema": SCHEMA_VERSION + 1, "lake": {"nobody": "knows"}}))
    before = content(original)
    with pytest.raises(LakeError, match=f"newer newsmill .* schema {SCHEMA_VERSION + 1}, .* knows"):
        command(config)
    assert content(original) == before
