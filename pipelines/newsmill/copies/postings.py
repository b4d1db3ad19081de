"""Postings: from 32-bit keys to 32-bit numbers, in sorted runs that grow like a log."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)


class Postings:
    """A multimap in a few sorted arrays of `key << 32 | number`: 8 bytes a posting, no objects.

    A new batch becomes a run; a run is merged with the one before while that is less than twice its size, so
    there are about log2(postings / batch) runs and each posting moves as often.

    Args:
        cap: Most numbers kept of one key, the smallest (oldest) first; None for no bound.
    """

    def __init__(self, cap: int | None = None) -> None:
        self._cap = cap
        self._runs: list[NDArray[np.uint64]] = []
        self.capped = 0  # postings that were not kept, because their key is hot

    @property
    def nbytes(self) -> int:
        """Bytes of all runs."""
        return sum(run.nbytes for run in self._runs)

    def add(self, postings: NDArray[np.uint64]) -> None:
        """Add postings made by `pack`, in any order."""
        run = np.sort(postings)
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        if self._cap is not None:
            kept = _first_of_each(run, self._cap)
            self.capped += len(run) - len(kept)
            run = kept
        if len(run):
            self._runs.append(run)

    def find(self, keys: NDArray[np.uint32], least: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All numbers of the keys that are `least` or more.

        Returns:
            Indices into `keys` and the numbers beside them, grouped by key, in no fixed order of keys.
        """
        order = np.argsort(keys, kind="stable")
        found = [lookup(run, keys[order], self._cap) for run in self._runs]
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        asked = order[np.concatenate([query for query, _ in found])]
        numbers = np.concatenate([number for _, number in found])
        kept = numbers >= least
        return asked[kept], numbers[kept]

    def drop_below(self, least: int) -> None:
        """Forget all numbers under `least`."""
        kept = (run[(run & _LOW) >= np.uint64(least)] for run in self._runs)
        self._runs = [run for run in kept if len(run)]


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
