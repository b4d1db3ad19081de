"""Rows of the index that are found by keys: their postings are kept in step with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from newsmill.copies.postings import Postings, pack
from newsmill.copies.rows import Rows

Keys = Callable[[NDArray[np.void]], Sequence[NDArray[np.uint32]]]
"""Keys of rows: arrays as long as the rows, one for each key that a row has."""


class KeyedRows:
    """Rows with following numbers, and postings of their numbers by their keys.

    Args:
        rows: Kind of the rows.
        dtype: Of a row.
        postings: Kind of the postings.
        keys: What a row is found by. `set` of the rows must not change it.
    """

    def __init__(self, rows: str, dtype: np.dtype[np.void], postings: str, keys: Keys) -> None:
        self.rows = Rows(rows, dtype)
        self.known = Postings(postings)
        self._postings = postings
        self._keys = keys

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.rows.nbytes + self.known.nbytes

    def append(self, rows: NDArray[np.void]) -> None:
        """Add rows."""
        self._post(rows, self.rows.append(rows))

    def keep(self, kept: Callable[[NDArray[np.void]], NDArray[np.bool_]]) -> None:
        """Forget rows that are not to be kept, and number the others anew."""
        if self.rows.keep(kept):
            self.known = Postings(self._postings)
            for first, rows in self.rows.parts():
                self._post(rows, first + np.arange(len(rows)))

    def _post(self, rows: NDArray[np.void], numbers: NDArray[np.int64]) -> None:
        self.known.add(np.concatenate([pack(keys, numbers) for keys in self._keys(rows)]))


def prefix(ids: NDArray[np.void]) -> NDArray[np.uint32]:
    """The first 4 of 16 bytes, as a key."""
    return np.ascontiguousarray(ids).view("<u4").reshape(-1, 4)[:, 0]
