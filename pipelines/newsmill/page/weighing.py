"""The learned weights: a small forest that says how likely a passage is the article's, and why.

The forest is a text file in the package, made by `benchmarks/passage_weights.py` from pages with known
texts. It holds tests on the numbers of `page.evidence` and the leaves' weights, no page's text. All tests of
a page are made at once: a leaf is what is left when each failed test has struck out the leaves below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from newsmill.page.evidence import NAMES

FILE: Final = Path(__file__).with_name("passage_weights.json")
MOST_LEAVES: Final = 16
_AT_ONCE: Final = 512
_FIRST_LEFT: Final = np.array(
    [(~n & (n + 1)).bit_length() - 1 if n < 0xFFFF else 0 for n in range(65_536)], dtype=np.intp
)
"""By the leaves that are struck out, as bits: the first that is not."""

Floats = NDArray[np.float32]
T = TypeVar("T", bound=np.generic)


class Weights:
    """A forest over named numbers.

    Args:
        bias: The log odds before any test.
        trees: Each tree nested: `[name, threshold, mean, below, above]`, where a number at most the
            threshold goes below; a leaf is its weight. `mean` is the leaves' average weight under a test.
        names: The columns that rows have, in order.

    Raises:
        ValueError: A tree asks for a name that isn't among the columns, or has more than 16 leaves.
    """

    def __init__(self, bias: float, trees: Sequence[Any], names: Sequence[str]) -> None:
        columns = {name: n for n, name in enumerate(names)}
        self.names = tuple(names)
        self._bias = bias
        count = len(trees)
        self._column = np.zeros((count, MOST_LEAVES - 1), dtype=np.intp)
        self._threshold = np.full((count, MOST_LEAVES - 1), np.inf, dtype=np.float32)
        self._struck = np.zeros((count, MOST_LEAVES - 1), dtype=np.uint16)
        self._leaf = np.zeros((count, MOST_LEAVES), dtype=np.float32)
        shares = np.zeros((count, MOST_LEAVES, len(names)), dtype=np.float32)
        for t, tree in enumerate(trees):
            self._add(t, tree, columns, shares[t])
        self._base = np.arange(count) * MOST_LEAVES
        # the first tests of all trees, then the second ones; trees share half of them, which are made once
        tests = np.stack([self._column.T.ravel(), self._threshold.T.ravel().view(np.int32)])
        made, which = np.unique(tests, axis=1, return_inverse=True)
        self._which = which.ravel()
        self._made = made[0], made[1].astype(np.int32).view(np.float32)[:, None]
        self._strikes = self._struck.T.reshape(-1, 1)
        self._shared = _sparse(shares.reshape(-1, len(names)))

    @classmethod
    def read(cls, path: Path, names: Sequence[str] = NAMES) -> Weights:
        """The weights of a file as `benchmarks/passage_weights.py` writes it."""
        stored = json.loads(path.read_text("utf-8"))
        return cls(stored["bias"], stored["trees"], names)

    def _add(self, t: int, tree: Any, columns: dict[str, int], shares: Floats) -> None:
        tests = 0
        waiting: list[tuple[Any, int, list[tuple[int, float, float]]]] = [(tree, 0, [])]
        while waiting:
            node, first, path = waiting.pop()
            if not isinstance(node, list):
                self._leaf[t, first] = node
                for (column, mean, _), (_, after, _) in zip(path, [*path[1:], (0, node, 0.0)], strict=True):
                    shares[first, column] += after - mean
                continue
            name, threshold, mean, below, above = node
            if name not in columns:
                raise ValueError(f"the weights ask for {name!r}, which no passage has")
            size = _leaves(below)
            if first + size + _leaves(above) > MOST_LEAVES:
                raise ValueError(f"a tree has more than {MOST_LEAVES} leaves")
            self._column[t, tests] = columns[name]
            self._threshold[t, tests] = threshold
            self._struck[t, tests] = ((1 << size) - 1) << first
            tests += 1
            further = [*path, (columns[name], mean, 0.0)]
            waiting.append((below, first, further))
            waiting.append((above, first + size, further))

    def leaves(self, rows: Floats) -> NDArray[np.intp]:
        """For each row the leaf it comes to in each tree, counted through all trees."""
        return np.concatenate([self._some(part) for part in _parts(rows)])

    def _some(self, rows: Floats) -> NDArray[np.intp]:
        columns, thresholds = self._made
        failed = (rows.T.take(columns, axis=0) > thresholds).take(self._which, axis=0)
        struck = (failed * self._strikes).reshape(MOST_LEAVES - 1, -1, len(rows))
        left: NDArray[np.intp] = _FIRST_LEFT.take(np.bitwise_or.reduce(struck, axis=0).T)
        return left + self._base

    def likelihood(self, leaves: NDArray[np.intp]) -> Floats:
        """How likely each row is one of the article's passages, 0–1."""
        odds = self._leaf.ravel()[leaves].sum(axis=1) + self._bias
        return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)

    def reasons(self, leaves: NDArray[np.intp], most: int) -> list[list[str]]:
        """For each row the names of the numbers that spoke most against it, strongest first."""
        columns, shares = self._shared
        width, found = len(self.names), []
        for some in _parts(leaves):
            cells = columns[some] + (np.arange(len(some)) * width)[:, None, None]
            sums = np.bincount(cells.ravel(), shares[some].ravel(), minlength=len(some) * width)
            for against in sums.reshape(-1, width):
                leading = np.argsort(against, kind="stable")[:most]
                found.append([self.names[n] for n in leading if against[n] < 0])
        return found


def _sparse(table: Floats) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """What of each row of a table is not zero: columns and values, as many a row as the fullest has."""
    most = int(np.count_nonzero(table, axis=1).max(initial=0))
    columns = np.argsort(table == 0, axis=1, kind="stable")[:, :most]
    return columns, np.take_along_axis(table, columns, axis=1).astype(np.float64)


def _leaves(tree: Any) -> int:
    count, waiting = 0, [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node[3:]
        else:
            count += 1
    return count


def _parts(rows: NDArray[T]) -> Iterator[NDArray[T]]:
    for at in range(0, max(1, len(rows)), _AT_ONCE):
        yield rows[at : at + _AT_ONCE]


@cache
def standard() -> Weights:
    """The weights of the package."""
    return Weights.read(FILE)
