"""What was worked out lately, kept within bounds: what is asked for again stays, in two generations."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At least the `most` values that were asked for last, and at most twice as many.

    A look-up costs little more than a dictionary's: nothing is moved but what comes back from the older
    generation. Threads may share one; at worst a value is worked out once more.

    Args:
        most: Values of one generation.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value of a key, None where it is not known any more. No value is None."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> V:
        """Keep a value, and give it back."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = value
        return value
