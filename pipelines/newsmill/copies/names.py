"""Names of topics and sites, as numbers in the index's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


class Names:
    """Strings by small numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []

    def add(self, names: Iterable[str]) -> NDArray[np.uint32]:
        """Numbers of names, new ones for those not seen before."""
        return np.array([self.number(name) for name in names], dtype=np.uint32)

    def number(self, name: str) -> int:
        """The number of a name."""
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number

    def __getitem__(self, number: int) -> str:
        return self._names[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)
