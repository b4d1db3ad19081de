"""A language's own names of days and months, and of the countries whose names are frequent words of it.

Made by `python -m newsmill.knowledge.locales`: a process that is confined can open none of CLDR's files, and
all of them take 60 MB.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

FILE: Final = "own_words.tsv"
CALENDAR: Final = "calendar"
WRITTEN: Final = "written"
MARKED: Final = frozenset(("vi",))
"""Languages where marks tell words apart that are names of countries, and frequent words."""


def preload() -> None:
    """Read the file."""
    _rows()


@cache
def calendar(language: str) -> frozenset[str]:
    """Names of days and months in small letters; none of a language that has no row."""
    return frozenset(_rows().get((language, CALENDAR), "").split())


@cache
def written(language: str) -> frozenset[str]:
    """The names of countries that are one word, in small letters, with all their marks; of `MARKED` only."""
    return frozenset(_rows().get((language, WRITTEN), "").split())


def country(language: str, code: str | None) -> str:
    """The name of a country in small letters, where it is one frequent word of the language; else empty."""
    return _rows().get((language, code or ""), "")


@cache
def _rows() -> dict[tuple[str, str], str]:
    lines = files(__package__).joinpath("data", FILE).read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {(language, kind): words for language, kind, words in rows}
