"""The catalog that remembers metadata: what it remembers is what the files say."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.serializers import FromInputFile

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import Transient
from newsmill.lake import database, files
from newsmill.lake.retention import Retention
from newsmill.lake.tables import Tables
from newsmill.lake.writer import Lake


def _commit(lake: Lake, folder: str, number: int) -> None:
    size = synthetic.GROUP
    batch = lake.begin(list(synthetic.slices(0, number * size, (number + 1) * size)), now=number + 1)
    rows = synthetic.rows(batch, words=5)
    written = [files.write(folder, t, r, ingested_at=batch.ingested_at) for t, r in rows.items()]
    lake.commit(batch, written)


def test_metadata_is_what_its_file_says_when_it_was_not_read_again(tmp_path: Path) -> None:
    lake = Lake.open(LakeConfig(path=str(tmp_path / "lake")))
    for number in range(4):
        _commit(lake, str(tmp_path / "lake"), number)
    lake.tables.expire("fate", Retention.newest(2))
    for name in lake.tables.names:
        table = lake.tables.load(name)
        assert table.metadata == FromInputFile.table_metadata(table.io.new_input(table.metadata_location))
    assert len(lake.tables.load("fate").metadata.snapshots) == 2
    lake.release()


def test_change_of_another_process_is_seen_when_metadata_is_remembered(tmp_path: Path) -> None:
    config = LakeConfig(path=str(tmp_path / "lake"))
    lake = Lake.open(config)
    other = Tables.open(config)
    before = other.load("articles")
    _commit(lake, config.path, 0)
    assert before.metadata.current_snapshot_id != other.load("articles").metadata.current_snapshot_id
    lake.release()
    other.close()


def test_metadata_is_missed_when_its_file_is_gone(tmp_path: Path) -> None:
    lake = Lake.open(LakeConfig(path=str(tmp_path / "lake"), patience_s=0.1))
    Path(lake.tables.load("articles").metadata_location.removeprefix("file://")).unlink()
    with pytest.raises(Transient, match="No such file"):
        lake.tables.load("articles")
    lake.release()


def test_metadata_is_read_once_when_nobody_else_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(LakeConfig(path=str(tmp_path / "lake")))
    _commit(lake, str(tmp_path / "lake"), 0)
    read: list[object] = []
    convert = SqlCatalog._convert_orm_to_iceberg
    monkeypatch.setattr(
        SqlCatalog, "_convert_orm_to_iceberg", lambda self, row: read.append(row) or convert(self, row)
    )
    _commit(lake, str(tmp_path / "lake"), 1)
    assert read == []
    lake.release()


def test_copy_of_settled_metadata_shares_snapshots_and_no_list(tmp_path: Path) -> None:
    lake = Lake.open(LakeConfig(path=str(tmp_path / "lake")))
    _commit(lake, str(tmp_path / "lake"), 0)
    metadata = database.settled(lake.tables.load("fate").metadata)
    copied = copy.deepcopy(metadata)
    assert copied == metadata
    assert copied.snapshots is not metadata.snapshots
    assert copied.snapshots[0] is metadata.snapshots[0]
    assert copy.deepcopy(metadata.snapshots + copied.snapshots)[-1] is metadata.snapshots[-1]
    lake.release()
