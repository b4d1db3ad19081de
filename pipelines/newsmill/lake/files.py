"""Data files: rows of one table, sorted, checked, and named by the hash of their content.

A file is never changed and never written over. Its folder `dt=YYYY-MM-DD/hour=HH` is the ingest hour (UTC)
of its newest row: of all its rows for a batch's file, of those of a day for one that `compact` joined. These
keys are no columns, and all columns are in the file, so that DuckDB, Polars, pyarrow and Iceberg read the
same. Pages carry checksums.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newsmill.errors import LakeError
from newsmill.lake import locations, storage, trouble
from newsmill.lake.columns import TableSchema
from newsmill.lake.schemas import SCHEMA_VERSION, TABLES
from newsmill.lake.storage import Writable
from newsmill.records import Micros, Record

FALSE_POSITIVES: Final = 0.01
"""Share of values that a Bloom filter does not rule out though a row group lacks them: Iceberg's default."""

HOUR_US: Final = 3_600_000_000


class DataFile(Record, frozen=True, kw_only=True):
    """One immutable Parquet file; readers see it once it is committed."""

    table: str
    path: str  # its location, as Iceberg notes it (see `locations`)
    rows: int
    bytes: int
    sha256: str


def write(root: str, table: str, rows: pa.Table, *, ingested_at: Micros) -> DataFile:
    """Write one file of rows.

    Args:
        root: The lake's folder or URI.
        table: Name of the table.
        rows: At least one row, columns as in the table's schema (order and metadata may differ).
        ingested_at: Time of the batch; all rows must carry it.

    Returns:
        The file. The same rows in any order give the same file, so a retry changes nothing.

    Raises:
        LakeError: The rows don't fit the table: a column is missing or unknown, a required one holds
            nulls, or a row is of another batch.
    """
    schema = TABLES[table]
    fitted = fit(schema, rows)
    if pc.any(pc.not_equal(fitted["ingested_at"].cast(pa.int64()), ingested_at)).as_py():
        raise LakeError(f"{table}: rows of another batch than {ingested_at}")
    return publish(storage.at(root), schema, sort(schema, fitted), ingested_at=ingested_at)


def read(file: DataFile, columns: Sequence[str]) -> pa.Table:
    """Some columns of a file, wherever it is."""
    filesystem, path = locations.place(file.path)
    return pq.read_table(path, columns=list(columns), filesystem=filesystem, partitioning=None)


def write_all(
    root: str,
    table: str,
    rows: pa.Table,
    *,
    ingested_at: Micros,
    file_rows: int,
    patience_s: float | None = None,
) -> tuple[DataFile, ...]:
    """Write as many files as the row limit asks for: as `write`, sorted over all of them.

    A store that is away is waited for, up to `patience_s`; None waits for ever.
    """
    ordered = sort(TABLES[table], fit(TABLES[table], rows))
    return tuple(
        trouble.retry(
            partial(write, root, table, ordered.slice(start, file_rows), ingested_at=ingested_at),
            root,
            patience_s,
        )
        for start in range(0, ordered.num_rows, file_rows)
    )


def fit(schema: TableSchema[Any], rows: pa.Table) -> pa.Table:
    """The rows with exactly the table's columns. Raises LakeError where that loses or invents a value."""
    if set(rows.column_names) != set(schema.arrow.names):
        odd = sorted(set(rows.column_names) ^ set(schema.arrow.names))
        raise LakeError(f"{schema.name}: columns missing or unknown: {', '.join(odd)}")
    try:
        fitted = rows.select(schema.arrow.names).cast(schema.arrow)
    except (pa.ArrowInvalid, ValueError) as error:
        raise LakeError(f"{schema.name}: {error}") from error
    if not fitted.num_rows:
        raise LakeError(f"{schema.name}: no rows to write")
    return fitted


def sort(schema: TableSchema[Any], rows: pa.Table) -> pa.Table:
    """The rows in the table's order: by the sort columns, then by position, so that it is total."""
    return rows.take(order(schema, rows))


def order(schema: TableSchema[Any], rows: pa.Table) -> pa.Array:
    """The numbers of the rows in the table's order; only the columns of `ordering` are read."""
    return pc.sort_indices(rows, [(column, "ascending", "at_end") for column in ordering(schema)])


def ordering(schema: TableSchema[Any]) -> tuple[str, ...]:
    """The columns that make the table's order total: those that it is sorted by, then the position."""
    ties = [c for c in ("topic", "partition", "offset") if c in schema.arrow.names and c not in schema.sort]
    return (*schema.sort, *ties)


def publish(
    store: storage.Storage, schema: TableSchema[Any], rows: pa.Table, *, ingested_at: Micros
) -> DataFile:
    """Write sorted rows to the folder of an hour: that of the newest row."""
    done = store.publish(
        folder(schema.name, ingested_at), ".parquet", lambda file: encode(schema, rows, file)
    )
    return DataFile(
        table=schema.name, path=store.uri(done.path), rows=rows.num_rows, bytes=done.bytes, sha256=done.sha256
    )


def encode(schema: TableSchema[Any], rows: pa.Table, file: Writable) -> None:
    """Write rows as Parquet: zstd, page checksums, page index, row groups of as many rows, but for the last.

    Bloom filters of the columns that are looked up take about 1.2 bytes a row and column.
    """
    groups = max(1, -(-rows.num_rows // schema.row_group_rows))
    each = max(1, -(-rows.num_rows // groups))
    metadata = {
        b"newsmill.table": schema.name.encode(),
        b"newsmill.schema_version": str(SCHEMA_VERSION).encode(),
    }
    with pq.ParquetWriter(
        file,
        schema.arrow.with_metadata(metadata),
        compression="zstd",
        compression_level=3,
        write_page_checksum=True,
        write_page_index=True,
        sorting_columns=_sorting(schema),
        bloom_filter_options={path: {"ndv": each, "fpp": FALSE_POSITIVES} for path in schema.looked_up},
    ) as writer:
        writer.write_table(rows.replace_schema_metadata(metadata), row_group_size=each)


def folder(table: str, ingested_at: Micros) -> str:
    """The folder of a batch's hour.

    >>> folder("fate", 1_700_000_000_000_000)
    'fate/data/dt=2023-11-14/hour=22'
    """
    time = datetime.fromtimestamp(ingested_at // 1_000_000, UTC)
    return f"{table}/data/dt={time:%Y-%m-%d}/hour={time:%H}"


def told_hash(location: str) -> str | None:
    """The hash of its content that a data file's name tells; None for a file that another engine wrote.

    >>> told_hash("file:/lake/fate/data/ingested_at_hour=2026-01-01-00/00000-0-ab.parquet") is None
    True
    """
    name = location.rsplit("/", 1)[1].removesuffix(".parquet")
    return name if len(name) == 64 and set(name) <= set("0123456789abcdef") else None


def hour(ingested_at: Micros) -> int:
    """Hours since 1970: the value of Iceberg's partition field."""
    return ingested_at // HOUR_US


def _sorting(schema: TableSchema[Any]) -> Sequence[pq.SortingColumn]:
    columns: Sequence[pq.SortingColumn] = pq.SortingColumn.from_ordering(
        schema.arrow, [(c, "ascending") for c in schema.sort], "at_end"
    )
    return columns
