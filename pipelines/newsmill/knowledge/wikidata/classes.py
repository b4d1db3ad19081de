"""What an item is, by its classes and those above them: newsmill's types (`data/wikidata_classes.tsv`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from newsmill.knowledge.entries import data

NONE: Final = "-"
"""The type of what is left out."""

_HIGHEST: Final = 10  # steps up
_MOST_ABOVE: Final = 300  # classes looked at for one


class Classes:
    """The tree of classes that a dump holds, and the types of its lower parts."""

    def __init__(self, pairs: np.ndarray[tuple[int, int], np.dtype[np.uint32]]) -> None:
        order = np.argsort(pairs[:, 0], kind="stable")
        self._below, self._above = pairs[order, 0], pairs[order, 1]
        self._types: dict[int, tuple[int, str]] = {}  # rank and type
        self._jobs: dict[int, tuple[int, str]] = {}
        for rank, line in enumerate(data("wikidata_classes.tsv").decode().splitlines()):
            if not line.startswith("#"):
                type_, qid, _ = line.split("\t")
                kind, _, job = type_.partition(" ")
                table, named = (self._jobs, job) if job else (self._types, kind)
                table[int(qid[1:])] = rank, named
        self._found: dict[tuple[bool, int], tuple[int, str] | None] = {}

    @classmethod
    def read(cls, file: Path) -> Classes:
        """The tree in a spool's pairs of class and class above."""
        return cls(np.fromfile(file, dtype="<u4").reshape(-1, 2))

    def type_of(
        self, classes: Iterable[int], jobs: Iterable[int], *, is_politician: bool, has_point: bool
    ) -> str | None:
        """The type of an item of these classes; None for what is left out.

        Args:
            classes: What it is an instance of.
            jobs: Its occupations, for persons, the first ones first.
            is_politician: It holds a position; counts where its occupations say nothing.
            has_point: It lies somewhere; counts where its classes say nothing.
        """
        ranked = [found for class_ in classes if (found := self._nearest(class_, jobs=False))]
        type_ = min(ranked)[1] if ranked else "place" if has_point else "thing"
        if type_ != "person":
            return None if type_ == NONE else type_
        for job in jobs:
            if found := self._nearest(job, jobs=True):
                return found[1]
        return "politician" if is_politician else "person"

    def _nearest(self, class_: int, *, jobs: bool) -> tuple[int, str] | None:
        """Rank and type of the nearest class that the table has, this one or one above it."""
        asked = jobs, class_
        if asked not in self._found:
            table = self._jobs if jobs else self._types
            level, seen = [class_], {class_}
            best = None
            for _ in range(_HIGHEST):
                if known := [table[c] for c in level if c in table]:
                    best = min(known)
                    break
                level = [above for c in level for above in self._classes_above(c) if above not in seen]
                level = list(dict.fromkeys(level))[: max(0, _MOST_ABOVE - len(seen))]
                seen.update(level)
                if not level:
                    break
            self._found[asked] = best
        return self._found[asked]

    def _classes_above(self, class_: int) -> list[int]:
        low, high = np.searchsorted(self._below, (class_, class_ + 1))
        return [int(above) for above in self._above[low:high]]
