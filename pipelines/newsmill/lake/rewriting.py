"""Replacing visible files by others that hold the same rows, or fewer, or changed ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.table import Table, Transaction

from newsmill.errors import LakeError
from newsmill.lake import edition, files
from newsmill.lake.columns import TableSchema
from newsmill.lake.files import DataFile
from newsmill.lake.places import PLACE
from newsmill.lake.staging import replace, set_properties
from newsmill.lake.tables import LiveFile, Tables
from newsmill.records import Micros

_ID: Final = b"PARQUET:field_id"


def read(tables: Tables, schema: TableSchema[Any], live: Sequence[LiveFile]) -> pa.Table:
    """All rows of visible files, with this version's columns: those an older file lacks are null.

    Raises:
        LakeError: A file is torn or has another number of rows than was committed.
    """
    return pa.concat_tables(upgraded(schema, _checked(tables, file).read(use_threads=False)) for file in live)


def picked(tables: Tables, schema: TableSchema[Any], file: LiveFile, numbers: np.ndarray) -> pa.Table:
    """Rows of a visible file by their numbers, which grow; only their row groups are unpacked. As `read`."""
    parquet = _checked(tables, file)
    found, start = [schema.arrow.empty_table()], 0
    for group in range(parquet.num_row_groups):
        stop = start + parquet.metadata.row_group(group).num_rows
        mine = numbers[np.searchsorted(numbers, start) : np.searchsorted(numbers, stop)] - start
        if len(mine):
            rows = parquet.read_row_group(group, use_threads=False)
            found.append(upgraded(schema, rows if len(mine) == rows.num_rows else rows.take(pa.array(mine))))
        start = stop
    return pa.concat_tables(found)


def columns(tables: Tables, schema: TableSchema[Any], file: LiveFile, names: Sequence[str]) -> pa.Table:
    """Some columns of a visible file, as this version has them; only these are unpacked. As `read`."""
    wanted = {int(schema.arrow.field(name).metadata[_ID]) for name in names}
    parquet = _checked(tables, file)
    there = [field.name for field in parquet.schema_arrow if int(field.metadata[_ID]) in wanted]
    return upgraded(schema, parquet.read(columns=there, use_threads=False)).select(list(names))


def _checked(tables: Tables, file: LiveFile) -> pq.ParquetFile:
    """A visible file, which is what was committed. Raises LakeError as `read`."""
    with tables.store.open(tables.store.path(file.uri)) as opened:
        content = opened.read_buffer()
    told = files.told_hash(file.uri)
    if told is not None and told != hashlib.sha256(content).hexdigest():
        raise LakeError(f"{file.uri}: is not what was committed: its hash is another")
    parquet = pq.ParquetFile(content)
    if parquet.metadata.num_rows != file.rows:
        raise LakeError(f"{file.uri}: {parquet.metadata.num_rows} rows, committed were {file.rows}")
    return parquet


def rows_of(tables: Tables, schema: TableSchema[Any], file: DataFile) -> pa.Table:
    """All rows of a file that was written, with this version's columns, checked by its pages' checksums."""
    with tables.store.open(tables.store.path(file.path)) as opened:
        return upgraded(schema, pq.ParquetFile(opened, page_checksum_verification=True).read())


def upgraded(schema: TableSchema[Any], rows: pa.Table) -> pa.Table:
    """The rows with this version's columns; found by field id, so that renamed ones are found too."""
    by_id = {int(field.metadata[_ID]): field.name for field in rows.schema}
    columns = []
    for field in schema.arrow:
        name = by_id.get(int(field.metadata[_ID]))
        columns.append(pa.nulls(rows.num_rows, field.type) if name is None else rows[name].cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema.arrow)


def write(tables: Tables, schema: TableSchema[Any], rows: pa.Table) -> tuple[DataFile, pa.Table]:
    """Write rows of one day as one new file; the file, and the positions that were read from it again.

    One thread reads: pyarrow's threads take twice the CPU time for a file of this size, and a row group
    at a time is compared while it is warm (benchmarks/lake.py).

    Raises:
        LakeError: What is on the disk is not what was to be written.
    """
    ordered = files.sort(schema, rows)
    written = files.publish(tables.store, schema, ordered, ingested_at=latest(ordered))
    found, compared = [], 0
    with tables.store.open(tables.store.path(written.path)) as opened:
        parquet = pq.ParquetFile(opened, page_checksum_verification=True)
        for number in range(parquet.num_row_groups):
            group = parquet.read_row_group(number, use_threads=False)
            if not group.equals(ordered.slice(compared, group.num_rows)):
                raise LakeError(f"{written.path}: reads other than it was written")
            compared += group.num_rows
            found.append(_placed(group))
    if compared != ordered.num_rows:
        raise LakeError(f"{written.path}: holds {compared} rows, {ordered.num_rows} were written")
    return written, pa.concat_tables(found)


def apart(rows: pa.Table, places: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows of other records than those of some places, and the rows of these, in their order."""
    numbered = rows.select(PLACE).append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    others, mine = (
        numbered.join(places, keys=list(PLACE), join_type=f"left {kind}")["row"] for kind in ("anti", "semi")
    )
    return rows.take(others.take(pc.sort_indices(others))), rows.take(mine.take(pc.sort_indices(mine)))


def swap(
    tables: Tables,
    name: str,
    old: Sequence[LiveFile],
    new: Sequence[DataFile],
    why: str,
    *,
    same_rows: bool = False,
) -> bool:
    """Put new files in the place of visible ones, if all of these are still visible.

    Args:
        tables: The lake.
        name: The table.
        old: Its files that go.
        new: Those that come.
        why: Noted with the snapshot.
        same_rows: No value of any row changes, as `staging.replace` has it.

    Returns:
        False when somebody else replaced one of them meanwhile: nothing was changed, and the new files are
        gone, since they may hold what was taken down meanwhile.
    """
    wanted = {file.uri for file in old}

    def stage(table: Table, transaction: Transaction) -> bool:
        still = [file for file in tables.files(table) if file.uri in wanted]
        swapped.append(len(still) == len(wanted))
        if swapped[-1]:
            if why not in edition.NEUTRAL:
                set_properties(table, transaction, edition.raised(table))
            replace(
                table,
                transaction,
                still,
                [file.path for file in new],
                {"newsmill.operation": why},
                same_rows=same_rows,
            )
        return swapped[-1]

    swapped: list[bool] = []
    changed = tables.change(name, stage)
    seen = {file.uri for file in tables.files(changed)} if new else set()
    for file in new:
        if not swapped[-1] and file.path not in seen:
            tables.store.delete(tables.store.path(file.path))
    return swapped[-1]


def stamped(rows: pa.Table, changed: pa.Array, at: Micros) -> pa.Table:
    """The rows, those of a mask with the time of their change."""
    index = rows.schema.get_field_index("updated_at")
    field = rows.schema.field(index)
    times = pc.if_else(changed, pa.scalar(at, pa.int64()).cast(field.type), rows["updated_at"])
    return rows.set_column(index, field, times)


def latest(rows: pa.Table) -> Micros:
    """The newest ingest time among rows."""
    newest: Micros = pc.max(rows["ingested_at"].cast(pa.int64())).as_py()
    return newest


def positions(rows: pa.Table) -> pa.Table:
    """(topic, partition, offset) of each row, ordered; the whole rows of tables without."""
    placed = _placed(rows)
    return placed.sort_by([(name, "ascending") for name in placed.column_names])


def _placed(rows: pa.Table) -> pa.Table:
    return rows.select([name for name in PLACE if name in rows.column_names] or rows.column_names)
