"""A word that a text without spaces was cut into."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A word `text[start:end]` with its class (`lexicon`).

    Two classes more: `?` for a sign that is no word, and `K` for a word in katakana that is in no list.
    """

    start: int
    end: int
    class_: str
