"""A catalog in a database that reads and copies no more of a table's metadata than it has to.

A commit of a batch changes a table eight times and more. At each change the library reads all metadata twice
and copies all of it, every snapshot of days included, though a metadata file never changes, and neither
does a snapshot: half of what a commit took was that.

Time never goes back in a table's metadata, whatever the clock does: Java's readers (Spark, Trino, Flink)
refuse a table in which it does by more than a minute (`TableMetadata` of Iceberg's Java).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self, TypeVar

from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.table import CommitTableResponse, StagedTable, Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import AddSnapshotUpdate, TableRequirement, TableUpdate
from pyiceberg.typedef import Identifier

_Item = TypeVar("_Item")

_LISTS: Final = ("snapshots", "snapshot_log", "metadata_log", "schemas", "partition_specs", "sort_orders")
"""Lists of metadata; what is in them never changes."""


class Database(SqlCatalog):
    """A catalog in a database; of each table it remembers the metadata that it read or wrote last."""

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self._known: dict[tuple[str, ...], tuple[str, TableMetadata]] = {}

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> Table:
        name = (*self.identifier_to_tuple(orm_table.table_namespace), orm_table.table_name)
        location, metadata = self._known.get(name, ("", None))
        if metadata is not None and location == orm_table.metadata_location:
            io = self._load_file_io(metadata.properties, location)
            if io.new_input(location).exists():  # else it is told as what it is, by reading it
                return Table(name, metadata, location, io, self)
        table = super()._convert_orm_to_iceberg(orm_table)
        table.metadata = settled(table.metadata)
        self._known[name] = (table.metadata_location, table.metadata)
        return table

    def _update_and_stage_table(
        self,
        current_table: Table | None,
        table_identifier: Identifier,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> StagedTable:
        staged = super()._update_and_stage_table(current_table, table_identifier, requirements, updates)
        before = 0 if current_table is None else newest_ms(current_table.metadata)
        if staged.metadata.last_updated_ms < before:
            staged.metadata = staged.metadata.model_copy(update={"last_updated_ms": before})
        return staged

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """As the library's."""
        told = super().commit_table(table, requirements, updates)
        self._known[table.name()] = (told.metadata_location, settled(told.metadata))
        return told


def newest_ms(metadata: TableMetadata) -> int:
    """The newest time in a table's metadata."""
    return max(metadata.last_updated_ms, *(entry.timestamp_ms for entry in metadata.snapshot_log[-1:]), 0)


def not_before(update: TableUpdate, newest: int) -> TableUpdate:
    """The same change of a table; a snapshot that it adds is not older than `newest`."""
    if not isinstance(update, AddSnapshotUpdate) or update.snapshot.timestamp_ms >= newest:
        return update
    snapshot = update.snapshot.model_copy(update={"timestamp_ms": newest})
    return update.model_copy(update={"snapshot": snapshot})


def settled(metadata: TableMetadata) -> TableMetadata:
    """The same metadata; copies of it, however deep, share what never changes."""
    return metadata.model_copy(update={name: _Settled(getattr(metadata, name)) for name in _LISTS})


class _Settled(list[_Item]):
    """A list whose items never change: a copy of it has the same ones."""

    def __add__(self, more: Iterable[Any]) -> Self:  # type: ignore[override]
        return type(self)([*self, *more])

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return type(self)(self)
