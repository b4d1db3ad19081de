"""Field ids stay for ever, and the contract says what the schemas say."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from open_data_contract_standard.model import OpenDataContractStandard

from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import contract, files, rows as table_rows, schemas
from newsmill.lake.schemas import TABLES
from newsmill.lake.writer import Lake
from newsmill.records import Fate, FateRow, Position

OUTPUT = Path(__file__).parents[3] / "schemas" / "output"
AT = 1_790_000_000_000_000


def test_contract_and_field_page_are_those_of_the_schemas() -> None:
    again = "run: python -m newsmill.lake.contract schemas/output"
    assert (OUTPUT / "newsmill.odcs.yaml").read_text() == contract.odcs(), again
    assert (OUTPUT / "README.md").read_text() == contract.page(), again


def test_contract_is_one_of_the_open_standard() -> None:
    found = OpenDataContractStandard.from_string(contract.odcs())
    assert {table.name for table in found.schema_} == set(TABLES)


def test_field_ids_are_the_ones_ever_given() -> None:
    """A new column gets a new id here; an id that is here never changes, and never goes."""
    given = json.loads((OUTPUT / "field_ids.json").read_text())
    now = {name: schema.field_ids for name, schema in TABLES.items()}
    assert now == given, "an id changed, or a new one is not written down in schemas/output/field_ids.json"


@pytest.mark.parametrize("schema", TABLES.values(), ids=lambda schema: schema.name)
def test_every_top_level_column_is_explained(schema: schemas.TableSchema) -> None:
    assert [f.name for f in schema.arrow if not f.metadata.get(b"doc")] == []
    assert len(set(schema.field_ids.values())) == len(schema.field_ids)


def fate_rows(*offsets: int) -> pa.Table:
    return table_rows.fates(
        [
            FateRow(
                position=Position(topic="t", partition=0, offset=offset),
                fate=Fate.NOT_ARTICLE,
                reason="section",
                ingested_at=AT,
            )
            for offset in offsets
        ]
    )


def test_same_rows_in_any_order_give_the_same_file_once(tmp_path: Path) -> None:
    one = files.write(str(tmp_path), "fate", fate_rows(3, 1, 2), ingested_at=AT)
    two = files.write(str(tmp_path), "fate", fate_rows(2, 3, 1), ingested_at=AT)
    assert one == two
    assert [p.name for p in tmp_path.rglob("*.parquet")] == [f"{one.sha256}.parquet"]


def test_rows_over_the_limit_are_spread_over_files_in_order(tmp_path: Path) -> None:
    written = files.write_all(str(tmp_path), "fate", fate_rows(*range(25)), ingested_at=AT, file_rows=10)
    assert [file.rows for file in written] == [10, 10, 5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop_columns(["reason"]), "columns missing or unknown: reason"),
        (lambda rows: rows.append_column("more", rows["reason"]), "columns missing or unknown: more"),
        (lambda rows: rows.set_column(4, "fate", pa.nulls(len(rows), pa.string())), "fate: .*non-nullable"),
        (lambda rows: rows.set_column(13, "ingested_at", pa.array([AT + 1] * len(rows))), "another batch"),
        (lambda rows: rows.slice(0, 0), "no rows"),
        (lambda rows: rows.set_column(2, "offset", pa.array(["x"] * len(rows))), "fate: "),
    ],
)
def test_rows_that_do_not_fit_the_table_are_refused(tmp_path: Path, change, message: str) -> None:
    with pytest.raises(LakeError, match=message):
        files.write(str(tmp_path), "fate", change(fate_rows(1, 2)), ingested_at=AT)
    assert list(tmp_path.rglob("*.parquet")) == []


def test_folder_that_leads_out_of_the_lake_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lake" / "fate").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "lake" / "fate" / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LakeError, match="symbolic link"):
        files.write(str(tmp_path / "lake"), "fate", fate_rows(1), ingested_at=AT)


def test_files_and_folders_are_closed_to_others(config: LakeConfig, filled: Lake) -> None:
    modes = {oct(path.stat().st_mode & 0o777) for path in Path(config.path).rglob("*.parquet")}
    assert modes <= {"0o640", "0o600"}


def test_lake_of_an_earlier_version_gets_the_new_columns_with_their_ids(
    config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of the older version read as null in the new columns; old columns read as before."""
    now = TABLES["fate"]
    fields = [f for f in now.arrow if f.name not in ("bytes", "stage")]
    older = schemas.TableSchema(now.name, now.doc, pa.schema(fields), now.sort, now.row_group_rows)
    with monkeypatch.context() as patched:
        patched.setitem(TABLES, "fate", older)
        lake = Lake.open(config)
        rows = fate_rows(0, 1, 2).select([f.name for f in fields])
        begun = lake.begin([_slice(0, 3)], now=AT)
        lake.commit(
            begun, [files.write(config.path, "fate", _at(rows, begun), ingested_at=begun.ingested_at)]
        )
        lake.release()
    lake = Lake.open(config)
    begun = lake.begin([_slice(3, 5)], now=AT)
    lake.commit(
        begun,
        [files.write(config.path, "fate", _at(fate_rows(3, 4), begun), ingested_at=begun.ingested_at)],
    )
    table = lake.tables.load("fate")
    lake.release()
    assert {f.name: f.field_id for f in table.schema().fields} == {
        f.name: now.field_ids[f.name] for f in now.arrow
    }
    read = table.scan().to_arrow().sort_by("offset")
    assert read["offset"].to_pylist() == [0, 1, 2, 3, 4]
    assert read["reason"].to_pylist() == ["section"] * 5
    assert read["stage"].null_count == 5


def test_lake_of_a_later_version_is_refused(config: LakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    now = TABLES["takedowns"]
    later = pa.schema([*now.arrow, pa.field("more", pa.string(), metadata={"PARQUET:field_id": "5"})])
    with monkeypatch.context() as patched:
        patched.setitem(
            TABLES, "takedowns", schemas.TableSchema(now.name, now.doc, later, now.sort, now.row_group_rows)
        )
        Lake.open(config).release()
    with pytest.raises(LakeError, match="another version of newsmill: more"):
        Lake.open(config)


def _slice(start: int, end: int):
    from newsmill.records import OffsetRange

    return OffsetRange(topic="t", partition=0, start=start, end=end, records=end - start, bytes=1)


def _at(rows: pa.Table, batch) -> pa.Table:
    index = rows.schema.get_field_index("ingested_at")
    times = pa.array([batch.ingested_at] * len(rows), rows.schema.field(index).type)
    return rows.set_column(index, rows.schema.field(index), times)
