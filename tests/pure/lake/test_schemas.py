"""Field ids stay for ever, and the contract says what the schemas say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from open_data_contract_standard.model import OpenDataContractStandard

from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import contract, dialects, files, reader, rows as table_rows, values
from newsmill.lake.columns import STRING, Column, TableSchema
from newsmill.lake.content import CONTENT
from newsmill.lake.schemas import SCHEMA_VERSION, TABLES
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.records import Article, Fate, FateRow, Position
from newsroom import story
from wirelake import Press, Sent

OUTPUT = Path(__file__).parents[3] / "schemas" / "output"
AT = 1_790_000_000_000_000


def test_contract_and_field_page_are_those_of_the_schemas() -> None:
    again = "run: python -m newsmill.lake.contract schemas/output"
    assert (OUTPUT / "newsmill.odcs.yaml").read_text() == contract.odcs(), again
    assert (OUTPUT / "README.md").read_text() == contract.page(), again
    for dialect in dialects.DIALECTS:
        assert (OUTPUT / f"{dialect}.sql").read_text() == dialects.text(dialect), again


def test_contract_is_one_of_the_open_standard() -> None:
    found = OpenDataContractStandard.from_string(contract.odcs())
    assert {table.name for table in found.schema_} == set(TABLES)


def test_field_ids_are_the_ones_ever_given() -> None:
    """A new column gets a new id here; an id that is here never changes, and never goes."""
    given = json.loads((OUTPUT / "field_ids.json").read_text())
    now = {name: schema.field_ids for name, schema in TABLES.items()}
    assert now == given, "an id changed, or a new one is not written down in schemas/output/field_ids.json"


@pytest.mark.parametrize("schema", TABLES.values(), ids=lambda schema: schema.name)
def test_every_top_level_column_is_explained(schema: TableSchema[Any]) -> None:
    assert [f.name for f in schema.arrow if not f.metadata.get(b"doc")] == []
    assert len(set(schema.field_ids.values())) == len(schema.field_ids)


def test_schema_version_is_that_of_the_newest_column() -> None:
    newest = [max(c.since, c.grown) for schema in TABLES.values() for c in schema.columns]
    assert max(newest) == SCHEMA_VERSION and min(newest) == 1


def test_only_tables_that_a_takedown_rewrites_have_content() -> None:
    """A column is content unless it says that it is kept: forgetting to say so loses nothing of anybody."""
    assert {name for name, schema in TABLES.items() if schema.content} == set(CONTENT)
    keys = {name: schema.key for name, schema in TABLES.items()}
    assert all(key and not set(key) & TABLES[name].content for name, key in keys.items())


def test_content_column_is_not_measured() -> None:
    """Bounds would stay in manifests after a takedown."""
    with pytest.raises(ValueError, match="more: content can't be measured"):
        Column[Article](900, "more", STRING, "made up", lambda a: None, measured=True)


def test_contract_is_not_written_where_an_id_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract.write(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    first, *others = TABLES["fate"].columns
    monkeypatch.setitem(TABLES, "fate", replace(TABLES["fate"], columns=(replace(first, id=99), *others)))
    with pytest.raises(LakeError, match=r"that are gone: fate\.topic$"):
        contract.write(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_new_column_is_one_line(config: LakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its values, id, contract, upgrade, takedown and audit follow from the line."""
    press = Press(config)
    press.send(Sent("https://a.example/1", story(1)))
    press.close()
    now = TABLES["articles"]
    shout = Column[Article](
        900, "shout", STRING, "the headline, loud", lambda a: (a.draft.page.title or "").upper(),
        personal=True, since=SCHEMA_VERSION + 1,
    )  # fmt: skip
    monkeypatch.setitem(TABLES, "articles", replace(now, columns=(*now.columns, shout)))
    press = Press(config)
    press.send(Sent("https://b.example/2", story(2)), Sent("https://c.example/3", story(3)))
    press.close()
    assert read(config) == {"a.example": None, "b.example": LOUD, "c.example": LOUD}
    contract.write(tmp_path / "made")
    assert json.loads((tmp_path / "made" / "field_ids.json").read_text())["articles"]["shout"] == 900
    assert "| 900 | `shout` | string | yes | the headline, loud |" in contract.page()
    take_down(config, "b.example", now=AT + 10**9)
    assert read(config) == {"a.example": None, "b.example": None, "c.example": LOUD}
    assert audit(config.path).findings == []


LOUD = "COUNCIL VOTES ON THE HARBOUR"


def read(config: LakeConfig) -> dict[str, str | None]:
    rows = reader.rows(config.path, "articles").to_table(columns=["domain", "shout"]).to_pylist()
    return {row["domain"]: row["shout"] for row in rows}


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
    older = replace(now, columns=tuple(c for c in now.columns if c.name not in ("bytes", "stage")))
    with monkeypatch.context() as patched:
        patched.setitem(TABLES, "fate", older)
        lake = Lake.open(config)
        rows = fate_rows(0, 1, 2).select(older.arrow.names)
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
    later = Column[values.Takedown](5, "more", STRING, "made up", lambda t: None)
    with monkeypatch.context() as patched:
        patched.setitem(TABLES, "takedowns", replace(now, columns=(*now.columns, later)))
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
