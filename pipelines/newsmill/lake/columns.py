"""What a column of the lake is: its id, type and meaning, how its value is made, and how it is treated.

A column's id is its identity for ever: a later version may add columns with new ids, widen or rename
one, and never uses an id again. The ids of a table are checked when a lake is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

import pyarrow as pa

STRING: Final = pa.string()
BINARY: Final = pa.binary()
BOOL: Final = pa.bool_()
INT: Final = pa.int32()
LONG: Final = pa.int64()
DOUBLE: Final = pa.float64()
TIME: Final = pa.timestamp("us", tz="UTC")
DATE: Final = pa.date32()

Source = TypeVar("Source")


@dataclass(frozen=True)
class Column(Generic[Source]):
    """One column of a table whose rows are made of `Source`.

    Args:
        id: Iceberg field id, unique in the table and its nested fields.
        name: As in SQL.
        type: An Arrow type of this module; `struct`, `list_of` and `map_of` give nested ones.
        doc: What a value means, for people.
        of: Makes the value of one row; times in microseconds.
        required: Never null.
        key: Place in the table's key, from 1; 0 for a column that is not of it.
        kept: Stays after a takedown. All others hold content: a takedown makes them null, or empty where
            they are required.
        personal: Holds what publishers wrote about people, or people's names.
        measured: Iceberg keeps its bounds for each file, so readers skip files; kept columns only.
        since: Schema version that brought it.
        grown: Schema version that last brought a part of a nested type; 0 where none did.
    """

    id: int
    name: str
    type: pa.DataType
    doc: str
    of: Callable[[Source], object]
    _: KW_ONLY
    required: bool = False
    key: int = 0
    kept: bool = False
    personal: bool = False
    measured: bool = False
    since: int = 1
    grown: int = 0

    def __post_init__(self) -> None:
        if self.measured and not self.kept:
            raise ValueError(f"{self.name}: content can't be measured: a takedown would leave its bounds")

    @property
    def arrow(self) -> pa.Field:
        """As an Arrow field that carries id and doc."""
        return part(self.id, self.name, self.type, self.doc, required=self.required)


@dataclass(frozen=True)
class TableSchema(Generic[Source]):
    """One table: what it is for, its columns, and the order of rows inside a file.

    Args:
        name: As in SQL.
        doc: What a row is, for people.
        columns: In their order.
        sort: Columns by which rows are ordered inside a file.
        row_group_rows: Most rows of a row group, the least that a reader reads of a file.
        looked_up: Columns, dotted where nested, that are asked for one value: files carry Bloom filters of
            them, so that a reader passes row groups without it. None holds content.
    """

    name: str
    doc: str
    columns: tuple[Column[Source], ...]
    sort: tuple[str, ...]
    row_group_rows: int
    looked_up: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kept = {column.name for column in self.columns if column.kept}
        if content := [path for path in self.looked_up if path.split(".")[0] not in kept]:
            raise ValueError(f"{self.name}: filters would tell of content: {', '.join(content)}")

    @cached_property
    def arrow(self) -> pa.Schema:
        """The columns as Arrow fields."""
        return pa.schema([column.arrow for column in self.columns])

    @property
    def field_ids(self) -> dict[str, int]:
        """Id by dotted path, nested fields included."""
        ids: dict[str, int] = {}
        for field in self.arrow:
            _collect_ids(field, "", ids)
        return ids

    @property
    def key(self) -> tuple[str, ...]:
        """The columns whose values together name one row."""
        return tuple(c.name for c in sorted(self.columns, key=lambda c: c.key) if c.key)

    @property
    def content(self) -> frozenset[str]:
        """The columns that a takedown empties."""
        return frozenset(column.name for column in self.columns if not column.kept)

    @property
    def since(self) -> int:
        """Schema version that brought the table."""
        return min(column.since for column in self.columns)

    @property
    def measured(self) -> tuple[str, ...]:
        """The columns whose bounds Iceberg keeps; the others' would only make commits slow."""
        return tuple(column.name for column in self.columns if column.measured)

    def later_than(self, version: int) -> frozenset[str]:
        """The columns that a file of a schema version lacks."""
        return frozenset(column.name for column in self.columns if column.since > version)

    def row(self, source: Source) -> dict[str, Any]:
        """One row by column, times in microseconds."""
        return {column.name: column.of(source) for column in self.columns}

    def rows(self, sources: Iterable[Source]) -> pa.Table:
        """Rows as the table holds them."""
        return pa.Table.from_pylist([self.row(source) for source in sources], schema=self.arrow)


def part(id: int, name: str, type: pa.DataType, doc: str = "", *, required: bool = False) -> pa.Field:
    """A field with its id, at the top or inside a nested type."""
    metadata = {"PARQUET:field_id": str(id)} | ({"doc": doc} if doc else {})
    return pa.field(name, type, nullable=not required, metadata=metadata)


def struct(*parts: pa.Field) -> pa.DataType:
    """A type of named parts."""
    return pa.struct(parts)


def list_of(id: int, element: pa.DataType) -> pa.DataType:
    """A list; the id is that of its elements."""
    return pa.list_(part(id, "element", element))


def map_of(key_id: int, value_id: int) -> pa.DataType:
    """A map from string to string; the ids are those of keys and values."""
    return pa.map_(part(key_id, "key", STRING, required=True), part(value_id, "value", STRING))


def _collect_ids(field: pa.Field, prefix: str, ids: dict[str, int]) -> None:
    path = prefix + field.name
    ids[path] = int(field.metadata[b"PARQUET:field_id"])
    inner = field.type
    if pa.types.is_list(inner):
        _collect_ids(inner.value_field, path + ".", ids)
    elif pa.types.is_map(inner):
        _collect_ids(inner.key_field, path + ".", ids)
        _collect_ids(inner.item_field, path + ".", ids)
    elif pa.types.is_struct(inner):
        for child in inner:
            _collect_ids(child, path + ".", ids)
