"""Every reader sees the same rows, by folder and by table; files that would read as NULL are refused."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from duckdb_extensions import import_extension
from pyiceberg.table import StaticTable

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import files, schemas
from newsmill.lake.writer import Lake

COLUMNS = ("article_id", "revision", "offset", "lang", "body", "ingested_at")


@pytest.fixture
def expected(filled: Lake) -> list[tuple[object, ...]]:
    rows = filled.tables.load("articles").scan(selected_fields=COLUMNS).to_arrow().select(COLUMNS)
    assert rows.num_rows == 8 * synthetic.ARTICLES_A_GROUP
    return sorted(zip(*(rows[name].to_pylist() for name in COLUMNS), strict=True), key=lambda row: row[:3])


def ordered(rows: pa.Table) -> list[tuple[object, ...]]:
    found = zip(*(rows[name].to_pylist() for name in COLUMNS), strict=True)
    return sorted(found, key=lambda row: row[:3])


def metadata(config: LakeConfig, table: str) -> str:
    folder = Path(config.path, table, "metadata")
    return f"file://{folder}/v{(folder / 'version-hint.text').read_text()}.metadata.json"


def test_duckdb_reads_the_folders_with_dt_and_hour_as_extra_columns(
    config: LakeConfig, expected: list
) -> None:
    query = (
        f"SELECT * FROM read_parquet('{config.path}/articles/data/*/*/*.parquet', hive_partitioning = true)"
    )
    rows = duckdb.sql(query).to_arrow_table()
    assert {"dt", "hour"} <= set(rows.column_names)
    assert (
        ordered(
            rows.select(COLUMNS).cast(pa.schema([schemas.TABLES["articles"].arrow.field(c) for c in COLUMNS]))
        )
        == expected
    )


def test_duckdb_reads_the_table_without_a_catalog(config: LakeConfig, expected: list) -> None:
    for extension in ("avro", "iceberg"):
        import_extension(extension)
    with duckdb.connect() as connection:
        connection.load_extension("avro")
        connection.load_extension("iceberg")
        connection.sql("SET TimeZone = 'UTC'")
        rows = connection.sql(f"SELECT * FROM iceberg_scan('{config.path}/articles')").to_arrow_table()
    assert len(rows) == len(expected)
    assert sorted(rows["body"].to_pylist()) == sorted(row[4] for row in expected)


def test_pyarrow_reads_the_folders(config: LakeConfig, expected: list) -> None:
    dataset = ds.dataset(f"{config.path}/articles/data", format="parquet", partitioning="hive")
    assert ordered(dataset.to_table()) == expected
    assert pq.read_table(f"{config.path}/articles/data").num_rows == len(expected)


def test_polars_reads_the_folders_and_the_table(config: LakeConfig, expected: list) -> None:
    by_folder = pl.scan_parquet(f"{config.path}/articles/data/**/*.parquet", hive_partitioning=True)
    by_table = pl.scan_iceberg(metadata(config, "articles"))
    for frame in (by_folder, by_table):
        assert sorted(frame.select("body").collect()["body"].to_list()) == sorted(row[4] for row in expected)


def test_pyiceberg_reads_the_table_without_a_catalog(config: LakeConfig, expected: list) -> None:
    assert ordered(StaticTable.from_metadata(metadata(config, "articles")).scan().to_arrow()) == expected


def test_readers_prune_by_ingest_time(filled: Lake) -> None:
    table = filled.tables.load("articles")
    assert table.scan(row_filter="ingested_at < '2020-01-01T00:00:00+00:00'").plan_files() == []


def test_a_file_without_a_column_is_refused_because_it_would_read_as_null(
    lake: Lake, config: LakeConfig
) -> None:
    batch = lake.begin(list(synthetic.slices(0, 0, 40)), now=1_790_000_000_000_000)
    written = synthetic.write(config.path, batch)
    article = next(file for file in written if file.table == "articles")
    rows = pq.read_table(article.path, partitioning=None).drop_columns(["lang"])
    folder = Path(article.path.removeprefix("file://")).parent
    pq.write_table(rows, folder / "odd.parquet")
    size = (folder / "odd.parquet").stat().st_size
    odd = files.DataFile(
        table="articles", path=f"file://{folder}/odd.parquet", rows=article.rows, bytes=size, sha256=""
    )
    with pytest.raises(LakeError, match="lacks the columns lang"):
        lake.commit(batch, [odd if file is article else file for file in written])


def test_clusters_view_follows_joins_and_merges(tmp_path: Path) -> None:
    events = [
        ("created", "a", "A", "A", None, 1),
        ("created", "b", "B", "B", None, 2),
        ("joined", "b", "C", "B", None, 3),
        ("merged", "b", "C", "A", "a", 4),
        ("representative_changed", "a", "C", "C", None, 5),
        ("created", "d", "D", "D", None, 6),
        ("left", "d", "D", "D", None, 7),
        ("joined", "a", "D", "C", None, 8),
    ]
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE cluster_events (event TEXT, cluster_id TEXT, article_id TEXT, "
            "representative_id TEXT, merged_into TEXT, ingested_at INT, seq INT, domain TEXT)"
        )
        for event in events:
            connection.execute(
                "INSERT INTO cluster_events VALUES (?, ?, ?, ?, ?, ?, 0, 'x.example')", list(event)
            )
        connection.execute((Path(__file__).parents[3] / "schemas/output/clusters.sql").read_text())
        found = connection.sql("SELECT cluster_id, representative_id, size FROM clusters").fetchall()
        moved = connection.sql("SELECT current_id FROM cluster_ids WHERE cluster_id = 'b'").fetchall()
    assert found == [("a", "C", 4)]
    assert moved == [("a",)]
