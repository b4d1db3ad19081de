"""A table's newest metadata is found by its folder alone, as Spark's `load(PATH)` looks for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import hints, reader
from newsmill.lake.schemas import TABLES
from newsmill.lake.upkeep import garbage_collection
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake


def by_path(folder: Path) -> Path:
    """The metadata that Iceberg's HadoopTables reads: a whole number, then `vN.metadata.json`."""
    version = int((folder / "metadata" / "version-hint.text").read_text(encoding="ascii"))
    assert not (folder / "metadata" / f"v{version + 1}.metadata.json").exists()
    return folder / "metadata" / f"v{version}.metadata.json"


def test_every_table_is_found_by_its_path_as_the_catalog_has_it(filled: Lake, config: LakeConfig) -> None:
    for name in TABLES:
        table = filled.tables.load(name)
        newest = filled.tables.store.path(table.metadata_location)
        assert by_path(Path(config.path, name)).read_bytes() == Path(config.path, newest).read_bytes()


def test_hint_of_an_earlier_version_of_newsmill_is_brought_to_a_number(
    filled: Lake, config: LakeConfig
) -> None:
    table = filled.tables.load("fate")
    folder = Path(config.path, "fate", "metadata")
    newest = Path(table.metadata_location).name.removesuffix(".metadata.json")
    (folder / "version-hint.text").write_text(newest, encoding="ascii")
    by_number = folder / f"v{int(newest.split('-')[0])}.metadata.json"
    by_number.unlink()
    assert audit(config.path).findings == []
    filled.tables.point(table)
    assert by_path(Path(config.path, "fate")) == by_number
    assert audit(config.path).findings == []


def test_hint_of_a_table_that_was_begun_and_not_made_gives_way_to_one_of_its_number(
    lake: Lake, config: LakeConfig
) -> None:
    table = lake.tables.load("fate")
    number = int(Path(table.metadata_location).name.split("-")[0])
    second = Path(config.path, "fate", "metadata", f"v{number}.metadata.json")
    second.unlink()
    second.write_text(json.dumps({"table-uuid": "another"}), encoding="ascii")
    lake.tables.point(table)
    assert json.loads(second.read_text(encoding="utf-8"))["table-uuid"] == str(table.metadata.table_uuid)


def test_metadata_under_its_second_name_is_kept_as_long_as_the_first_and_no_longer(
    lake: Lake, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "KEPT_METADATA", 5)
    synthetic.fill(lake, Path(config.path), batches=4, size=20)
    folder = Path(config.path, "fate", "metadata")
    assert len(list(folder.glob("v*.metadata.json"))) == 5
    for file in folder.glob("*"):
        os.utime(file, (0, 0))
    gone = [found.path for found in garbage_collection.collect(lake.tables, grace_s=3600)]
    assert not [path for path in gone if path.startswith("fate/metadata/v")]
    assert by_path(Path(config.path, "fate")).exists()


def test_second_names_that_no_metadata_stands_for_any_more_are_garbage(
    filled: Lake, config: LakeConfig
) -> None:
    left = Path(config.path, "fate", "metadata", "v9999.metadata.json")
    left.write_bytes(b"{}")
    os.utime(left, (0, 0))
    assert [found.path for found in garbage_collection.collect(filled.tables, grace_s=3600)] == [
        "fate/metadata/v9999.metadata.json"
    ]


@pytest.mark.parametrize("said", ["x" * 3000, "../" * 1000, "9" * 5000, "a\x00b"], ids=len)
def test_hint_that_names_no_metadata_is_told_of_in_few_words_and_written_anew(
    filled: Lake, config: LakeConfig, said: str
) -> None:
    hint = Path(config.path, "articles", "metadata", "version-hint.text")
    right = hint.read_text()
    hint.write_text(said)
    with pytest.raises(
        LakeError, match=r"the table articles has no metadata: .*version-hint.text names none"
    ) as told:
        reader.table(config.path, "articles")
    (finding,) = audit(config.path).findings
    assert finding.rule == "C6" and finding.examples[0].startswith(f"{hint}: names no metadata: ")
    for message in (str(told.value), *finding.examples):
        assert len(message) < len(config.path) + 250
    filled.tables.point(filled.tables.load("articles"))
    assert hint.read_text() == right


def test_place_that_a_note_names_is_told_of_in_few_words_when_it_is_long(
    filled: Lake, config: LakeConfig
) -> None:
    note = Path(config.path, "lake.json")
    told = json.loads(note.read_text())
    told["lake"]["location"] = "file:///" + "x" * 9000
    note.write_text(json.dumps(told))
    for check in (audit, reader.check):
        with pytest.raises(LakeError, match="it is a copy, or was moved") as raised:
            check(config.path)
        assert len(str(raised.value)) < 3 * len(config.path) + 700
