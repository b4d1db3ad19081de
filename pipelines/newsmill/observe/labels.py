"""Values of a label, bounded: a page can add no series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

OTHER: Final = "other"
"""Label of what is beyond a bound."""


class TopLabels:
    """At most `limit` values of a label: those seen most, by the space-saving algorithm.

    Metwally et al., "Efficient computation of frequent and top-k elements in data streams" (2005): a
    newcomer takes the place of the rarest and inherits its count. Here it must have outgrown that count by
    itself first, so that a flood of values seen once displaces nobody.

    Args:
        limit: Most values shown.
        forget: Called with a value that lost its place.
    """

    def __init__(self, limit: int, forget: Callable[[str], None] = lambda value: None) -> None:
        self._limit = limit
        self._forget = forget
        self._shown: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    def label(self, value: str, weight: int = 1) -> str:
        """The value itself, or `other`."""
        if value in self._shown or len(self._shown) < self._limit:
            self._shown[value] += weight
            return value
        self._waiting[value] += weight
        rarest, least = min(self._shown.items(), key=lambda item: (item[1], item[0]))
        if self._waiting[value] <= least:
            if len(self._waiting) > 20 * self._limit:
                self._waiting = Counter(dict(self._waiting.most_common(10 * self._limit)))
            return OTHER
        del self._shown[rarest]
        self._forget(rarest)
        self._waiting[rarest] = least
        self._shown[value] = self._waiting.pop(value)
        return value
