"""Towns and airports of OpenTravelData (CC BY 4.0) by the package neobase: ids, and names by language.

Its rows are those of GeoNames with an IATA code near them, so towns are joined by GeoNames's number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from newsmill.records import Record

FILE = "optd_por_public.csv"

_OLD_OR_LOCAL = frozenset("hc")
"""Marks of names that are of the past, or of everyday speech."""

_SHORT = "s"
_NO_LANGUAGES = frozenset(
    ("", "post", "link", "unlc", "iata", "icao", "faac", "tcid", "abbr", "phon", "wkdt")
)


class Point(Record, frozen=True, kw_only=True):
    """A town or an airport."""

    geonameid: int
    iata: str
    is_airport: bool
    qid: int  # 0 where it is not told
    names: tuple[tuple[str, str], ...]  # language (ISO 639), name
    short: tuple[str, ...]  # English names that are shorter than the official one: Heathrow


def read(file: Path) -> Iterator[Point]:
    """The towns and airports of a copy of `optd_por_public.csv`, in its order."""
    with file.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows, delimiter="^", quoting=csv.QUOTE_NONE):
            is_airport = row["fclass"] == "S" and "A" in row["location_type"]
            if row["geoname_id"].isdigit() and (is_airport or row["fclass"] == "P"):
                yield _point(row, is_airport=is_airport)


def _point(row: dict[str, str], *, is_airport: bool) -> Point:
    qid = 0
    names: dict[tuple[str, str], None] = {}
    short: dict[str, None] = {}
    for item in row["alt_name_section"].split("="):
        language, _, rest = item.partition("|")
        name, _, marks = rest.partition("|")
        if language == "wkdt" and name[:1] == "Q" and name[1:].isdigit():
            qid = int(name[1:])
        elif name and language not in _NO_LANGUAGES and not _OLD_OR_LOCAL & set(marks):
            names[language, name] = None
            if language == "en" and _SHORT in marks:
                short[name] = None
    return Point(
        geonameid=int(row["geoname_id"]), iata=row["iata_code"], is_airport=is_airport, qid=qid,
        names=tuple(names), short=tuple(short),
    )  # fmt: skip
