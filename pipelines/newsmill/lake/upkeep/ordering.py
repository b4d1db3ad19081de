"""All rows of some visible files in their table's order, a bounded part of them in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.lake import files, rewriting
from newsmill.lake.columns import TableSchema
from newsmill.lake.places import PLACE
from newsmill.lake.tables import LiveFile, Tables

_FILE, _ROW = "file number", "row number"


class Ordered:
    """The rows of files of one table.

    Where they are too many for memory, the columns by which they are ordered are read first; then, for each
    part of the order, the row groups that hold rows of it. Files that are in order themselves are so unpacked
    about once.

    Args:
        tables: The lake.
        schema: The table.
        live: Its files.
        parts: In how many parts the rows are read.

    Raises:
        LakeError: A file is torn, or is not what was committed.
    """

    def __init__(
        self, tables: Tables, schema: TableSchema[Any], live: Sequence[LiveFile], parts: int
    ) -> None:
        self._tables = tables
        self._schema = schema
        self._live = live
        self._parts = parts

    def pieces(self, into: int) -> Iterator[pa.Table]:
        """The rows, cut into so many tables of as many rows, but for the last. Raises LakeError, as above."""
        rows = sum(file.rows for file in self._live)
        each = -(-rows // into)
        at_once = rows if self._parts == 1 else each * max(1, into // self._parts)
        for first in range(0, rows, at_once):
            part = self._all if self._parts == 1 else self._part(first, at_once)
            for start in range(0, part.num_rows, each):
                yield part.slice(start, each)

    @cached_property
    def positions(self) -> pa.Table:
        """As `rewriting.positions`, of all rows."""
        return rewriting.positions(self._all if self._parts == 1 else self._keys.drop_columns([_FILE, _ROW]))

    @cached_property
    def _all(self) -> pa.Table:
        return files.sort(self._schema, rewriting.read(self._tables, self._schema, self._live))

    @cached_property
    def _keys(self) -> pa.Table:
        """What orders the rows and what tells their places, in order, beside where each is."""
        whole = PLACE if set(PLACE) <= set(self._schema.arrow.names) else self._schema.arrow.names
        names = list(dict.fromkeys((*files.ordering(self._schema), *whole)))
        found = []
        for number, file in enumerate(self._live):
            rows = rewriting.columns(self._tables, self._schema, file, names)
            at = (np.full(rows.num_rows, number, np.int32), np.arange(rows.num_rows))
            found.append(rows.append_column(_FILE, pa.array(at[0])).append_column(_ROW, pa.array(at[1])))
        keys = pa.concat_tables(found)
        return keys.take(files.order(self._schema, keys))

    def _part(self, first: int, count: int) -> pa.Table:
        """Some rows of the order."""
        mine = self._keys.slice(first, count).select([_FILE, _ROW])
        found = []
        for number, file in enumerate(self._live):
            numbers = mine.filter(pc.equal(mine[_FILE], number))[_ROW].to_numpy()
            if len(numbers):
                found.append(rewriting.picked(self._tables, self._schema, file, np.sort(numbers)))
        return files.sort(self._schema, pa.concat_tables(found))
