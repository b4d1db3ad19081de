"""Hours, days and spans of days become few sorted files; lakes laid out by hour or day go on as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.transforms import DayTransform, HourTransform

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import layout, schemas
from newsmill.lake.retention import Retention
from newsmill.lake.tables import LiveFile
from newsmill.lake.upkeep import compaction, garbage_collection
from newsmill.lake.upkeep.ordering import Ordered
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

HOUR = 3_600_000_000
MIDNIGHT = 1_790_035_200_000_000
"""Of a day, UTC."""


def fill(lake: Lake, config: LakeConfig, *times: int) -> None:
    """A batch of 40 offsets at each time."""
    for at in times:
        start = lake.committed().get((synthetic.TOPIC, 0), 0)
        batch = lake.begin(list(synthetic.slices(0, start, start + 40)), now=at)
        lake.commit(batch, synthetic.write(config.path, batch))


def files(lake: Lake, table: str = "articles") -> list[LiveFile]:
    return sorted(lake.tables.files(lake.tables.load(table)), key=lambda file: file.hours.start)


def rows(lake: Lake, table: str) -> list[dict]:
    read = lake.tables.load(table).scan().to_arrow()
    order = [
        (c, "ascending") for c in ("ingested_at", "topic", "partition", "offset") if c in read.column_names
    ]
    return read.sort_by(order).to_pylist()


@pytest.fixture
def three_days(lake: Lake, config: LakeConfig) -> Lake:
    """Two days that are over, of three and two hours, and one that still grows, of three."""
    fill(lake, config, *(MIDNIGHT + hour * HOUR for hour in (0, 5, 23, 24, 30, 48, 48, 49, 50)))
    return lake


BEFORE = {
    "ingested_at_hour": (1000, HourTransform(), ()),
    "ingested_at_day": (1001, DayTransform(), ("domain", "published_at", "article_id", "revision")),
}
"""Partitions of before schema 5, and of days: their field, and the order that `articles` had."""


def as_before(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Tables are made as they were."""
    number, transform, order = BEFORE[name]
    noted = layout._order

    def spec(schema: Schema, spec_id: int) -> PartitionSpec:
        source = schema.find_field("ingested_at").field_id
        return PartitionSpec(PartitionField(source, number, transform, name), spec_id=spec_id)

    def ordered(columns: Sequence[str], iceberg: Schema, order_id: int) -> SortOrder:
        if not order:
            return UNSORTED_SORT_ORDER
        return noted(order if "lang" in columns else columns, iceberg, order_id)

    def columns(schema: object, iceberg: Schema, schema_id: int) -> Schema:
        return Schema(*iceberg.fields, schema_id=schema_id)

    monkeypatch.setattr(layout, "_spec", spec)
    monkeypatch.setattr(layout, "_order", ordered)
    monkeypatch.setattr(layout, "_columns", columns)
    monkeypatch.setattr(layout, "updates", lambda *_: ((), ()))


@pytest.fixture(params=BEFORE)
def old(
    config: LakeConfig, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Lake]:
    """A lake of before, with rows of three hours of one day and one of the next, opened by this version."""
    with monkeypatch.context() as before:
        as_before(before, request.param)
        made = Lake.open(config)
        fill(made, config, *(MIDNIGHT + hour * HOUR for hour in (0, 1, 1, 5, 26)))
        made.release()
    opened = Lake.open(config)
    yield opened
    opened.release()


def test_hours_of_a_day_that_is_over_become_one_file(three_days: Lake, config: LakeConfig) -> None:
    before = {table: rows(three_days, table) for table in schemas.TABLES}
    assert [len(file.hours) for file in files(three_days)] == [1] * 9
    list(compaction.compact(three_days.tables))
    assert [(file.hours.start % 24, len(file.hours)) for file in files(three_days)] == [
        *[(0, 24), (0, 7)],  # the days that are over
        *[(0, 1), (1, 1), (2, 1)],  # the newest: its hours
    ]
    assert {table: rows(three_days, table) for table in schemas.TABLES} == before
    assert list(compaction.compact(three_days.tables)) == []
    assert audit(config.path).findings == []


def test_rows_of_a_day_are_in_order_of_site_over_all_of_its_files(lake: Lake, config: LakeConfig) -> None:
    fill(lake, config, *(MIDNIGHT + hour * HOUR for hour in (0, 1, 2, 3, 4, 5, 24)))
    size = sum(file.bytes for file in files(lake)[:6])
    list(compaction.compact(lake.tables, target_bytes=size // 2))
    day = [file for file in files(lake) if file.hours.stop <= MIDNIGHT // HOUR + 24]
    assert len(day) == 2
    first, second = ({*pq.read_table(file.uri, partitioning=None)["domain"].to_pylist()} for file in day)
    least, most = sorted((first, second), key=min)
    assert max(least) <= min(most) and len(least | most) == 7
    assert audit(config.path).findings == []


def test_compact_ends_where_nothing_gets_fewer(three_days: Lake) -> None:
    size = max(file.bytes for file in files(three_days, "fate"))
    for _ in range(4):
        merged = Counter(done.table for done in compaction.compact(three_days.tables, target_bytes=2 * size))
    assert not merged["fate"]


def test_index_is_given_the_same_rows_before_and_after_days_are_joined(
    three_days: Lake, config: LakeConfig
) -> None:
    def given(**asked: float) -> Counter[int]:
        parts = three_days.articles(columns=["offset"], **asked)
        return Counter(offset for part in parts for offset in part["offset"].to_pylist())

    asked = [{"days": 10.0}, {"days": 1.5}, {"days": 10.0, "before": 1.5}, {"days": 1.0, "before": 0.5}]
    before = [given(**one) for one in asked]
    assert before[0] == before[1] + before[2] and all(before)
    list(compaction.compact(three_days.tables))
    assert [given(**one) for one in asked] == before


def test_lake_of_before_gets_months_beside_its_partitions_and_reads_on(
    old: Lake, config: LakeConfig, request: pytest.FixtureRequest
) -> None:
    was = request.node.callspec.params["old"]
    before = {table: rows(old, table) for table in schemas.TABLES}
    table = old.tables.load("articles")
    assert [spec.fields[0].name for spec in table.specs().values()] == [was, "ingested_at_month"]
    assert table.schema().identifier_field_names() == {"topic", "partition", "offset"}
    assert [field.source_id for field in table.sort_order().fields][:3] == [34, 19, 8]
    assert audit(config.path).findings == []
    assert table.scan(row_filter="ingested_at < '2020-01-01T00:00:00+00:00'").plan_files() == []
    fill(old, config, MIDNIGHT + 50 * HOUR)
    list(compaction.compact(old.tables))
    assert [len(file.hours) for file in files(old)] == [6, 1, 1]
    assert audit(config.path).findings == []
    after = {table: rows(old, table) for table in schemas.TABLES}
    assert {table: found[: len(before[table])] for table, found in after.items()} == before


def test_lake_of_before_is_kept_as_any(old: Lake, config: LakeConfig) -> None:
    fill(old, config, MIDNIGHT + 50 * HOUR)
    list(compaction.compact(old.tables))
    taken = take_down(config, "site0.example", reason="asked", now=MIDNIGHT + 51 * HOUR)
    assert taken.articles
    list(garbage_collection.collect(old.tables, grace_s=3600, keep=Retention.newest(1), yes=True))
    assert audit(config.path).findings == []


def test_opening_twice_changes_no_layout_twice(old: Lake, config: LakeConfig) -> None:
    before = {name: old.tables.load(name).metadata_location for name in schemas.TABLES if name != "fate"}
    old.release()
    again = Lake.open(config)
    after = {name: again.tables.load(name).metadata_location for name in before}
    again.release()
    assert after == before


def test_files_carry_bloom_filters_of_what_is_looked_up(filled: Lake, config: LakeConfig) -> None:
    for name, schema in schemas.TABLES.items():
        for live in filled.tables.files(filled.tables.load(name)):
            path = Path(config.path, filled.tables.store.path(live.uri))
            footer = pq.ParquetFile(path).metadata.row_group(0)
            paths = {footer.column(number).path_in_schema: number for number in range(footer.num_columns)}
            filtered = {p for p, number in paths.items() if _filtered(path, number)}
            assert filtered == set(schema.looked_up)


def _filtered(path: Path, column: int) -> bool:
    told = duckdb.sql(
        f"SELECT bloom_filter_offset FROM parquet_metadata('{path}') WHERE column_id = {column} LIMIT 1"
    ).fetchall()
    return told[0][0] is not None


def test_a_filter_of_content_is_refused() -> None:
    articles = schemas.TABLES["articles"]
    with pytest.raises(ValueError, match="filters would tell of content: title"):
        replace(articles, looked_up=("title",))


def test_fates_of_a_sorted_day_hold_each_offset_once(three_days: Lake) -> None:
    list(compaction.compact(three_days.tables))
    offsets = pa.chunked_array([pa.array([row["offset"] for row in rows(three_days, "fate")])])
    assert len(offsets) == len(offsets.unique()) == 9 * 38


def test_days_of_a_span_that_is_over_become_files_in_order_of_language_and_site(
    lake: Lake, config: LakeConfig
) -> None:
    at = MIDNIGHT - 24 * HOUR  # the 21st: the first day of a span
    fill(lake, config, *(at + day * 24 * HOUR for day in (0, 1, 4, 5)))
    before = {table: rows(lake, table) for table in schemas.TABLES}
    list(compaction.compact(lake.tables))
    first = at // HOUR
    assert [(file.hours.start - first, len(file.hours)) for file in files(lake)] == [(0, 97), (120, 1)]
    (merged, _) = files(lake)
    held = pq.read_table(merged.uri, partitioning=None).select(["lang", "domain", "published_at"])
    assert held.equals(held.sort_by([(name, "ascending") for name in held.column_names]))
    assert {table: rows(lake, table) for table in schemas.TABLES} == before
    assert list(compaction.compact(lake.tables)) == []
    assert audit(config.path).findings == []


def test_no_file_has_rows_of_two_months(lake: Lake, config: LakeConfig) -> None:
    october = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp() * 1e6)
    fill(lake, config, *(october + day * 24 * HOUR for day in (-3, -2, -1, 0, 1, 31)))
    list(compaction.compact(lake.tables))
    assert [file.hours.stop <= october // HOUR for file in files(lake)] == [True, False, False]
    assert [len(file.hours) for file in files(lake)] == [49, 25, 1]
    assert audit(config.path).findings == []


def test_span_is_cut_into_a_file_for_each_row_group_and_read_in_parts_of_its_order(
    lake: Lake, config: LakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same files come of it, whether its rows fit memory or not."""
    fill(lake, config, *(MIDNIGHT + hour * HOUR for hour in range(6)), MIDNIGHT + 100 * 24 * HOUR)
    before = rows(lake, "articles")
    small = {**schemas.TABLES, "articles": replace(schemas.TABLES["articles"], row_group_rows=20)}
    monkeypatch.setattr(compaction, "TABLES", small)
    live = files(lake)
    (plan,) = compaction.plans(lake.tables, small["articles"], live, compaction.TARGET_BYTES)
    assert (len(plan.files), plan.into, plan.parts) == (6, 9, 1)
    whole = list(Ordered(lake.tables, small["articles"], plan.files, 1).pieces(9))
    for parts in (2, 3, 9):
        ordered = Ordered(lake.tables, small["articles"], plan.files, parts)
        assert list(ordered.pieces(9)) == whole
        assert ordered.positions.num_rows == plan.rows == 180
    monkeypatch.setattr(compaction, "MAX_MEMORY_BYTES", 1 + sum(_unpacked(file) for file in plan.files) // 4)
    (done, *_) = compaction.compact(lake.tables)
    assert (done.table, len(done.into)) == ("articles", 9)
    assert rows(lake, "articles") == before
    assert "articles" not in {again.table for again in compaction.compact(lake.tables)}
    assert audit(config.path).findings == []


def _unpacked(file: LiveFile) -> int:
    footer = pq.read_metadata(file.uri.removeprefix("file://"))
    return sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))


def test_span_that_was_read_in_parts_is_refused_when_a_file_is_torn(lake: Lake, config: LakeConfig) -> None:
    fill(lake, config, *(MIDNIGHT + hour * HOUR for hour in range(3)))
    live = files(lake)
    path = Path(live[1].uri.removeprefix("file://"))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(LakeError, match=path.name):
        list(Ordered(lake.tables, schemas.TABLES["articles"], live, 2).pieces(2))


def test_few_files_more_do_not_make_a_span_be_written_anew(lake: Lake) -> None:
    schema = schemas.TABLES["articles"]
    hours = range(MIDNIGHT // HOUR, MIDNIGHT // HOUR + 1)

    def live(*counts: int) -> list[LiveFile]:
        last = LiveFile("new", 1, 1, 0, range(hours.stop + 9999, hours.stop + 10_000), None)  # type: ignore[arg-type]
        made = (LiveFile(str(n), count, 1, 0, hours, None) for n, count in enumerate(counts))  # type: ignore[arg-type]
        return [*made, last]

    def planned(*counts: int) -> list[int]:
        found = compaction.plans(lake.tables, schema, live(*counts), compaction.TARGET_BYTES)
        return [plan.into for plan in found]

    with mock.patch.object(compaction, "_unpacked_bytes", return_value=1):
        assert planned(*[5_000] * 40) == planned(*[5_000] * 40, *[3] * 5) == []
        assert planned(*[5_000] * 40, *[3] * 6) == [40]
        assert planned(200_000) == [40]  # one file, as of a day before
        assert planned(*[100] * 2) == [1] and planned(200) == []
