"""Reading a knowledge base: names to entities, by memory map.

A knowledge base is a folder with three files: `names.marisa` (a marisa-trie of folded names),
`names.arrow` (per name: the first row of its candidates, and which spellings count) and
`entities.arrow` (one row an entity). All are opened by memory map, so workers on one machine share
their pages.
"""

from __future__ import annotations

from pathlib import Path

from newsmill.records import Record


class Candidate(Record, frozen=True, kw_only=True):
    """One entity that a name can mean, and how likely that is without any context."""

    entity_id: str
    type: str  # fine: city, country, person, company …
    coarse: str  # PER | ORG | LOC | MISC
    name: str
    prior: float = 0.0  # 0–1, of this entity among those that bear the name
    role: str = "name"  # name | demonym | capital-letters
    importance: float = 0.0  # 0–1, on one scale over all types
    wikidata_id: str | None = None
    geonameid: int | None = None
    country: str | None = None  # ISO 3166-1 alpha-2
    admin1: str | None = None
    lat: float | None = None
    lon: float | None = None
    population: int = 0


class Match(Record, frozen=True, kw_only=True):
    """A stretch `text[start:end]` that is a known name."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]


class Gazetteer:
    """Names and the entities that bear them."""

    def __init__(self, names: dict[str, tuple[Candidate, ...]]) -> None:
        self._names = names

    @classmethod
    def open(cls, path: Path) -> Gazetteer:
        """Open the knowledge base in the folder `path` by memory map."""
        return cls({})

    def lookup(self, surface: str) -> tuple[Candidate, ...]:
        """The entities that `surface` can name, likeliest first; empty when it is unknown."""
        return self._names.get(surface, ())

    def scan(self, text: str, language: str) -> list[Match]:
        """Longest known names in `text`, left to right, without overlap."""
        return []
