"""Postings: from 32-bit keys to 32-bit numbers, in sorted runs that grow like a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from newsmill.copies.files import File, Files, Map

POSTING: Final = np.dtype("<u8")
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)
_CHUNK: Final = 1 << 20
"""Postings that are merged at once: what a merge of files takes in memory."""


class _Run(NamedTuple):
    postings: NDArray[np.uint64]
    file: File


class Postings:
    """A multimap in a few sorted arrays of `key << 32 | number`: 8 bytes a posting, no objects.

    A new batch becomes a run; a run is merged with the one before while that is less than twice its size, so
    there are about log2(postings / batch) runs and each posting moves as often. A fold makes one file of the
    runs in memory, and merges files likewise.

    Args:
        kind: Names the files.
        cap: Most numbers kept of one key, the smallest (oldest) first; None for no bound.
    """

    def __init__(self, kind: str, cap: int | None = None) -> None:
        self._kind = kind
        self._cap = cap
        self._runs: list[NDArray[np.uint64]] = []  # in memory, newer than the files
        self._folded: list[_Run] = []
        self.capped = 0  # postings that were not kept, because their key is hot

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(run.nbytes for run in self._runs)

    def add(self, postings: NDArray[np.uint64]) -> None:
        """Add postings made by `pack`, in any order."""
        run = np.sort(postings)
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        run = self._bounded(run)
        if len(run):
            self._runs.append(run)

    def fold(self, files: Files) -> None:
        """Write what is in memory to a file, and map it."""
        if not self._runs:
            return
        run = self._bounded(np.sort(np.concatenate(self._runs), kind="stable"))
        self._runs = []
        merged: list[NDArray[np.uint64]] = [run]
        size = len(run)
        while self._folded and len(self._folded[-1].postings) < 2 * size:
            merged.append(self._folded.pop().postings)
            size += len(merged[-1])
        self._write(files, (self._bounded(chunk) for chunk in _merged(merged)))

    def _write(self, files: Files, chunks: Iterator[NDArray[np.uint64]]) -> None:
        postings, file = files.write(self._kind, chunks, POSTING)
        if len(postings):
            self._folded.append(_Run(postings, file))

    def files(self) -> tuple[File, ...]:
        """The files; all postings are in them after a fold."""
        return tuple(run.file for run in self._folded)

    def load(self, files: Sequence[File], map_file: Map) -> None:
        """Take the postings of files."""
        self._folded = [_Run(map_file(file, POSTING), file) for file in files]

    def _bounded(self, run: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """A run without the postings of hot keys that are too many; keys are whole in it."""
        if self._cap is None:
            return run
        kept = _first_of_each(run, self._cap)
        self.capped += len(run) - len(kept)
        return kept

    def find(self, keys: NDArray[np.uint32], least: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All numbers of the keys that are `least` or more.

        Returns:
            Indices into `keys` and the numbers beside them, grouped by key, in no fixed order of keys.
        """
        order = np.argsort(keys, kind="stable")
        runs = (*(run.postings for run in self._folded), *self._runs)
        found = [lookup(run, keys[order], self._cap) for run in runs]
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        asked = order[np.concatenate([query for query, _ in found])]
        numbers = np.concatenate([number for _, number in found])
        kept = numbers >= least
        return asked[kept], numbers[kept]

    def drop_below(self, least: int, files: Files | None) -> None:
        """Forget all numbers under `least`. Files are written anew."""
        kept = (_from(run, least) for run in self._runs)
        self._runs = [run for run in kept if len(run)]
        folded, self._folded = self._folded, []
        for old in folded:
            assert files is not None
            self._write(files, (_from(chunk, least) for chunk in _merged([old.postings])))


def pack(keys: NDArray[np.uint32], numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Postings of keys and numbers (0 to 2**32 - 1)."""
    return (keys.astype(np.uint64) << _HALF) | numbers.astype(np.uint64)


def lookup(
    run: NDArray[np.uint64], keys: NDArray[np.uint32], cap: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each key (ascending) the first `cap` numbers in a sorted run: indices of keys, and numbers."""
    wanted = keys.astype(np.uint64) << _HALF
    start = np.searchsorted(run, wanted)
    inside = np.flatnonzero(start < len(run))
    inside = inside[(run[start[inside]] >> _HALF) == keys[inside]]
    start = start[inside]
    count = np.searchsorted(run, wanted[inside] | _LOW, side="right") - start
    if cap is not None:
        count = np.minimum(count, cap)
    query = np.repeat(inside, count)
    step = np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
    return query, (run[np.repeat(start, count) + step] & _LOW).astype(np.int64)


def _first_of_each(run: NDArray[np.uint64], cap: int) -> NDArray[np.uint64]:
    if len(run) <= cap:
        return run
    keys = run >> _HALF
    hot = np.flatnonzero(keys[cap:] == keys[:-cap]) + cap
    return np.delete(run, hot) if len(hot) else run


def _from(run: NDArray[np.uint64], least: int) -> NDArray[np.uint64]:
    kept: NDArray[np.uint64] = run[(run & _LOW) >= np.uint64(least)]
    return kept


def _merged(runs: Sequence[NDArray[np.uint64]]) -> Iterator[NDArray[np.uint64]]:
    """Sorted runs as one, some keys at a time; all postings of a key are in one piece."""
    at = [0] * len(runs)
    while any(start < len(run) for start, run in zip(at, runs, strict=True)):
        ahead = [
            run[start + _CHUNK] for start, run in zip(at, runs, strict=True) if start + _CHUNK < len(run)
        ]
        bound = min(ahead, default=None)
        ends = [
            len(run) if bound is None else _end(run, start, bound)
            for start, run in zip(at, runs, strict=True)
        ]
        pieces = [run[start:end] for run, start, end in zip(runs, at, ends, strict=True)]
        yield np.sort(np.concatenate(pieces), kind="stable") if len(pieces) > 1 else pieces[0]
        at = ends


def _end(run: NDArray[np.uint64], start: int, bound: np.uint64) -> int:
    """Where the key of a bound ends."""
    return start + int(np.searchsorted(run[start:], bound | _LOW, side="right"))
