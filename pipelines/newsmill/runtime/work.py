"""How far the batch under way is, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

EXTRACTION: Final = "ExtractPages"
"""The stage that takes most of a batch's time: its pages say how far the batch is."""

SLOW_S: Final = 10.0
"""A piece of work that lasts longer is told of."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Counts since the beginning of the batch."""

    records: int
    seconds: float
    pages: Mapping[str, int]  # that each stage has ended with, by its name
    busy_s: Mapping[str, float]  # by stage, over all threads
    oldest: tuple[str, float] | None  # stage of the piece of work that lasts longest, and its seconds

    @property
    def done(self) -> int:
        """Pages that are extracted."""
        return self.pages.get(EXTRACTION, 0)

    @property
    def slow(self) -> tuple[str, float] | None:
        """The oldest piece of work, where it lasts long."""
        return self.oldest if self.oldest is not None and self.oldest[1] >= SLOW_S else None
