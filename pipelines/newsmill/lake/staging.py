"""What a change of a table is made of: files appended, files put in the place of others, properties set.

Each function stages one of these in a transaction; see `Tables.change`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import parquet_files_to_data_files
from pyiceberg.table import Table, Transaction
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update import (
    AssertRefSnapshotId,
    RemovePropertiesUpdate,
    SetPropertiesUpdate,
)
from pyiceberg.table.update.snapshot import _OverwriteFiles
from pyiceberg.typedef import EMPTY_DICT

from newsmill.errors import LakeError
from newsmill.lake.schemas import SCHEMA_VERSION, TABLES
from newsmill.lake.tables import LiveFile


def append(table: Table, transaction: Transaction, uris: Sequence[str], summary: dict[str, str]) -> None:
    """Stage an append of data files.

    None of them may be in the table already. The batch numbers see to that, so that no scan of all
    manifests is needed.
    """
    _check_readable(table, uris)
    with transaction.update_snapshot(snapshot_properties=summary).merge_append() as appended:
        for file in parquet_files_to_data_files(table.io, table.metadata, iter(uris)):
            appended.append_data_file(file)


def replace(
    table: Table,
    transaction: Transaction,
    old: Sequence[LiveFile],
    new: Sequence[str],
    summary: dict[str, str],
    *,
    same_rows: bool = False,
) -> None:
    """Stage the replacement of data files by others.

    Args:
        table: As loaded.
        transaction: Of its change.
        old: Visible files.
        new: Addresses of the files that come in their place.
        summary: Noted with the snapshot.
        same_rows: The new files hold the rows of the old ones, no value changed: readers that follow the
            table have nothing to read. The snapshot is a `replace` then, else an `overwrite`.
    """
    _check_readable(table, new)
    kind = _SameRows if same_rows else _OverwriteFiles
    with kind(
        operation=Operation.OVERWRITE, transaction=transaction, io=table.io, snapshot_properties=summary
    ) as replaced:
        for live in old:
            replaced.delete_data_file(live.entry)
        for file in parquet_files_to_data_files(table.io, table.metadata, iter(new)):
            replaced.append_data_file(file)


class _SameRows(_OverwriteFiles):
    """A snapshot with Iceberg's operation `replace`, for which the library has no door of its own yet."""

    def _summary(self, snapshot_properties: dict[str, str] = EMPTY_DICT) -> Summary:
        told = super()._summary(snapshot_properties)
        return Summary(Operation.REPLACE, **told.additional_properties)


def set_properties(
    table: Table, transaction: Transaction, values: dict[str, str], *, remove: Sequence[str] = ()
) -> None:
    """Stage a change of properties that only goes through if the table's snapshot is still the same."""
    current = table.metadata.current_snapshot_id
    there = [name for name in remove if name in table.properties]
    # A change of properties alone has no precondition in the library's public interface.
    transaction._apply(
        (SetPropertiesUpdate(updates=values), *([RemovePropertiesUpdate(removals=there)] if there else ())),
        (AssertRefSnapshotId(ref=MAIN_BRANCH, snapshot_id=current),),
    )


def _check_readable(table: Table, uris: Sequence[str]) -> None:
    """Refuse files in which a column would be read as NULL because it is not there.

    Columns that came after the version that wrote a file are rightly NULL: a batch can outlive an upgrade.
    """
    wanted = table.schema().as_arrow().names
    for uri in uris:
        with table.io.new_input(uri).open() as file:
            schema = pq.read_schema(file)
        version = int((schema.metadata or {}).get(b"newsmill.schema_version", SCHEMA_VERSION))
        late = TABLES[table.name()[-1]].later_than(version)
        missing = [name for name in wanted if name not in schema.names and name not in late]
        if missing:
            raise LakeError(f"{uri}: lacks the columns {', '.join(missing)}")
