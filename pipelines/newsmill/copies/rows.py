"""Rows of the index by number: on disk, but for those that came since the last fold.

A fold writes the new rows, and rows that were changed, to files, and maps them. Files of a few rows are
merged, so there are few: their number grows like a logarithm up to MOST_BYTES.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from newsmill.copies.files import File, Files, Map
from newsmill.records import Record

MOST_BYTES: Final = 1 << 28
"""Size up to which files of one label are merged."""


class Part(Record, frozen=True, kw_only=True):
    """A file of rows with following numbers."""

    first: int
    label: int
    file: File


class _Segment(msgspec.Struct):
    first: int
    label: int  # segments of different labels are not merged
    rows: NDArray[np.void]
    file: File
    changed: bool = False

    @property
    def end(self) -> int:
        return self.first + len(self.rows)


class Rows:
    """Rows with following numbers.

    Args:
        kind: Names the files.
        dtype: Of a row.
        first: Number of the first row.
    """

    def __init__(self, kind: str, dtype: np.dtype[np.void], first: int = 0) -> None:
        self.dtype = dtype
        self._kind = kind
        self._raw = np.dtype(f"V{dtype.itemsize}")  # moved at once, not field by field
        self._segments: list[_Segment] = []
        self._starts: list[int] = [first]  # numbers of the first rows of segments, and of those in memory
        self._new: NDArray[np.void] = np.zeros(0, dtype=dtype)
        self.end = first

    @property
    def nbytes(self) -> int:
        """Bytes in memory; mapped pages that were changed since the last fold are not counted."""
        return (self.end - self._starts[-1]) * self.dtype.itemsize

    @property
    def first(self) -> int:
        """Number of the first row that is there."""
        return self._starts[0]

    def __len__(self) -> int:
        return self.end - self.first

    def get(self, numbers: NDArray[np.int64]) -> NDArray[np.void]:
        """Copies of the rows of some numbers."""
        found: NDArray[np.void] = np.empty(len(numbers), dtype=self.dtype)
        into = found.view(self._raw)
        for place, at in self._places(numbers):
            into[at] = self._rows(place).view(self._raw)[numbers[at] - self._starts[place]]
        return found

    def one(self, number: int) -> np.void:
        """A row, as a view of its place."""
        place = bisect_right(self._starts, number) - 1
        row: np.void = self._rows(place)[number - self._starts[place]]
        return row

    def set(self, numbers: NDArray[np.int64], rows: NDArray[np.void]) -> None:
        """Put rows in the place of those that are there."""
        source = np.ascontiguousarray(rows).view(self._raw)
        for place, at in self._places(numbers):
            self._rows(place).view(self._raw)[numbers[at] - self._starts[place]] = source[at]
            if place < len(self._segments):
                self._segments[place].changed = True

    def append(self, rows: NDArray[np.void]) -> NDArray[np.int64]:
        """Add rows; their numbers."""
        numbers = np.arange(self.end, self.end + len(rows))
        used = self.end - self._starts[-1]
        if used + len(rows) > len(self._new):
            grown = np.zeros(max(used + len(rows), used + used // 4, 1024), dtype=self.dtype)
            grown.view(self._raw)[:used] = self._new.view(self._raw)[:used]
            self._new = grown
        self._new.view(self._raw)[used : used + len(rows)] = np.ascontiguousarray(rows).view(self._raw)
        self.end += len(rows)
        return numbers

    def parts(self) -> Iterator[tuple[int, NDArray[np.void]]]:
        """All rows, with the number of the first of each part."""
        for place, first in enumerate(self._starts):
            yield first, self._rows(place)[: self.end - first]

    def drop_below(self, least: int) -> None:
        """Forget rows under a number; files that have others too stay."""
        self._segments = [segment for segment in self._segments if segment.end > least]
        start = self._starts[-1]
        if not self._segments and least > start:
            gone = min(least, self.end) - start
            self._new = self._new[gone : self.end - start].copy()
            start += gone
        self._starts = [*(segment.first for segment in self._segments), start]

    def keep(self, kept: Callable[[NDArray[np.void]], NDArray[np.bool_]]) -> bool:
        """Forget rows that are not to be kept, and number the others anew; whether there were any."""
        masks = [kept(rows) for _, rows in self.parts()]
        if all(mask.all() for mask in masks):
            return False
        self._new = np.concatenate([rows[m] for m, (_, rows) in zip(masks, self.parts(), strict=True)])
        self._segments, self._starts, self.end = [], [0], len(self._new)
        return True

    def fold(self, files: Files, label: int = 0) -> None:
        """Write what is new or changed to files, and map it."""
        for segment in self._segments:
            if segment.changed:
                segment.rows, segment.file = files.write(self._kind, [segment.rows], self.dtype)
                segment.changed = False
        first = self._starts[-1]
        parts = [self._new[: self.end - first]]
        size = parts[0].nbytes
        if not size:
            return
        while self._segments:
            last = self._segments[-1]
            if last.label != label or last.rows.nbytes >= 2 * size or last.rows.nbytes + size > MOST_BYTES:
                break
            self._segments.pop()
            first, parts, size = last.first, [last.rows, *parts], size + last.rows.nbytes
        rows, file = files.write(self._kind, parts, self.dtype)
        self._segments.append(_Segment(first, label, rows, file))
        self._new = np.zeros(0, dtype=self.dtype)
        self._starts = [*(segment.first for segment in self._segments), self.end]

    def files(self) -> tuple[Part, ...]:
        """The files; all rows are in them after a fold."""
        return tuple(Part(first=s.first, label=s.label, file=s.file) for s in self._segments)

    def load(self, parts: Sequence[Part], end: int, map_file: Map) -> None:
        """Take the rows of files; `end` is the number of the next row."""
        self._segments = [_Segment(p.first, p.label, map_file(p.file, self.dtype), p.file) for p in parts]
        self._starts = [*(segment.first for segment in self._segments), end]
        self.end = end

    def _rows(self, place: int) -> NDArray[np.void]:
        return self._new if place == len(self._segments) else self._segments[place].rows

    def _places(self, numbers: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """The places in `_starts` that have some numbers, and which of the numbers each has."""
        if not len(numbers):
            return
        which = np.searchsorted(self._starts, numbers, side="right") - 1
        order = np.argsort(which, kind="stable")
        found, begins = np.unique(which[order], return_index=True)
        ends = [*begins[1:].tolist(), len(order)]
        for place, begin, end in zip(found.tolist(), begins.tolist(), ends, strict=True):
            yield place, order[begin:end]
