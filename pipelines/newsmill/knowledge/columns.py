"""Columns of Arrow files, mapped into memory and read without Arrow's scalars."""

from __future__ import annotations

import mmap
from bisect import bisect_right
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def mapped(file: Path) -> pa.Buffer:
    """A file in memory; Arrow's own mapping is read by threads, which a process that forks must not have."""
    with file.open("rb") as opened:
        return pa.py_buffer(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))


class Strings:
    """An Arrow column of strings, read without Arrow scalars."""

    def __init__(self, column: pa.StringArray) -> None:
        _, starts, letters = column.buffers()
        self._starts = memoryview(starts).cast("B")[: 4 * (len(column) + 1)].cast("i")
        self._letters = memoryview(letters)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, index: int) -> str:
        return str(self._letters[self._starts[index] : self._starts[index + 1]], "utf-8")


class Runs:
    """A column of strings that is nearly empty: where its runs end, and what stands in each."""

    def __init__(self, column: pa.Array) -> None:
        if not isinstance(column, pa.RunEndEncodedArray):  # of a knowledge base from before
            column = pc.run_end_encode(column, run_end_type=pa.int32())
        self._ends: list[int] = column.run_ends.to_pylist()
        self._texts: list[str] = column.values.to_pylist()

    def __getitem__(self, index: int) -> str:
        return self._texts[bisect_right(self._ends, index)]


def bits(column: pa.Array) -> memoryview:
    """A column of flags, a bit each, the lowest one first."""
    flags = column.cast(pa.bool_()) if column.type == pa.uint8() else column  # of a base from before
    return memoryview(flags.buffers()[1]).cast("B")


def view(batch: pa.RecordBatch, column: str) -> Any:
    """A column of numbers as a memoryview: its items are Python numbers, at half the cost of numpy's."""
    array = batch.column(column)
    if isinstance(array, pa.FixedSizeListArray):
        array = array.flatten()
    letter = {"uint8": "B", "int16": "h", "uint16": "H", "uint32": "I", "float": "f"}[str(array.type)]
    size = len(array) * int(array.type.bit_width) // 8
    return memoryview(array.buffers()[1]).cast("B")[:size].cast(letter)  # type: ignore[call-overload]
