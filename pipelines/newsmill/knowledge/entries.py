"""Entities on their way into a knowledge base: newsmill's own tables, and those of users."""

from __future__ import annotations

import csv
import gzip
import importlib.resources
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from newsmill.errors import ConfigError
from newsmill.knowledge.names import is_acronym, key
from newsmill.records import Record

COARSE = {
    "country": "LOC", "admin1": "LOC", "admin2": "LOC", "city": "LOC", "airport": "LOC", "continent": "LOC",
    "region": "LOC", "water": "LOC", "landform": "LOC", "place": "LOC",
    "person": "PER", "politician": "PER", "monarch": "PER", "militant": "PER", "military_officer": "PER",
    "businessperson": "PER", "artist": "PER", "athlete": "PER",
    "event": "MISC", "thing": "MISC", "index": "MISC", "people": "MISC",
}  # fmt: skip


COLUMNS = (
    "type", "name", "wikidata_id", "country", "aliases", "lat", "lon", "population", "geonameid", "admin1",
)  # fmt: skip
"""Of a CSV file with entities of users; the first two are needed."""


class Entry(Record, frozen=True, kw_only=True):
    """One entity on its way into a knowledge base.

    `weight` is comparable over all sources: roughly how many people an entity of equal renown has if
    it is a city. `names` are (name, role, share of the weight that goes with this name).
    """

    type: str
    name: str
    names: tuple[tuple[str, str, float], ...]
    weight: float
    id: str | None = None
    qid: int = 0
    geonameid: int = 0
    country: str = ""
    admin1: str = ""
    lat: float = math.nan
    lon: float = math.nan
    population: int = 0


def data(name: str) -> bytes:
    """A file of the package's own data folder."""
    return importlib.resources.files("newsmill.knowledge").joinpath("data", name).read_bytes()


def english_words() -> frozenset[str]:
    """Common English words in lower case (SCOWL sizes 10 to 35)."""
    return frozenset(gzip.decompress(data("english_words.txt.gz")).decode().split("\n"))


def table(name: str) -> Any:
    """A YAML file of the package's own data folder."""
    return YAML(typ="safe", pure=False).load(data(name))


def role(name: str) -> str:
    """The role of a name that is written as it is."""
    return "capitals" if is_acronym(name) else "name"


def curated(type_: str, row: list[Any]) -> Entry:
    """An entity from a curated row `[name, QID or null, country or null, [other names]]`.

    A name with `~` before it counts only where the document is about the entity's country: "Congress".

    Raises:
        ConfigError: The row has another shape.
    """
    match row:
        case [str(name), (str() | None) as qid, (str() | None) as country, *more] if len(more) <= 1:
            others = more[0] if more else []
        case _:
            raise ConfigError(
                f"{type_}: {row!r}: must be [name, QID or null, country or null, [other names]]"
            )
    if qid is not None and not (qid[:1] == "Q" and qid[1:].isdigit()):
        raise ConfigError(f"{type_}: {name}: {qid!r} is no Wikidata id; write null where it is not known")
    listed = [(name, role(name), 1.0)]
    for other in map(str, others):
        domestic = other.startswith("~")
        listed.append((other.lstrip("~"), "domestic" if domestic else role(other), 0.9))
    return Entry(
        type=type_, name=name, names=tuple(listed), weight=3e6, id=own_id(name),
        qid=int(qid[1:]) if qid else 0, country=country or "",
    )  # fmt: skip


def own_id(name: str) -> str:
    """The id of an entity that has none elsewhere."""
    return "newsmill:" + "-".join(key(name).replace("'", "").replace(".", "").replace(",", "").split())


def user_entries(paths: Iterable[Path]) -> list[Entry]:
    """Entities of users' files: YAML like newsmill's own, or CSV.

    CSV columns: `type,name,wikidata_id,country,aliases` (aliases separated by `|`) and, optionally,
    `lat,lon,population,geonameid,admin1`.

    Raises:
        ConfigError: A file can't be read or a row is wrong; every problem is told.
    """
    found: list[Entry] = []
    problems: list[str] = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path}: can't be read: {error}")
            continue
        reader = _user_csv if path.suffix == ".csv" else _user_yaml
        try:
            found += reader(text)
        except (ConfigError, ValueError, KeyError, TypeError) as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise ConfigError(problems)
    return found


def _user_yaml(text: str) -> list[Entry]:
    try:
        document = YAML(typ="safe", pure=False).load(text)
    except YAMLError as error:
        at = getattr(error, "problem_mark", None)
        where = f"line {at.line + 1}: " if at is not None else ""
        raise ConfigError(f"{where}is no YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(document, dict):
        raise ConfigError("must be a mapping of types to rows")
    return [curated(str(type_), list(row)) for type_, rows in document.items() for row in rows]


def _user_csv(text: str) -> list[Entry]:
    found = []
    rows = csv.DictReader(text.splitlines())
    if unknown := [str(name) for name in rows.fieldnames or () if name not in COLUMNS]:
        raise ConfigError(f"line 1: there is no column {unknown[0]!r}; there are {', '.join(COLUMNS)}")
    for row in rows:
        number = rows.line_num
        if None in row:
            raise ConfigError(f"line {number}: has more fields than the first line has columns")
        if not row.get("name") or not row.get("type"):
            raise ConfigError(f"line {number}: needs at least type and name")
        aliases = [a for a in (row.get("aliases") or "").split("|") if a]
        try:
            entry = curated(
                row["type"],
                [row["name"], row.get("wikidata_id") or None, row.get("country") or None, aliases],
            )
        except ConfigError as error:
            raise ConfigError(f"line {number}: {error}") from None
        found.append(
            msgspec.structs.replace(
                entry,
                lat=float(row.get("lat") or math.nan),
                lon=float(row.get("lon") or math.nan),
                population=int(row.get("population") or 0),
                geonameid=int(row.get("geonameid") or 0),
                id=None if row.get("geonameid") else entry.id,
                admin1=row.get("admin1") or "",
            )
        )
    return found
