"""Condensing the name-suggestion-index, an npm package, to one small table that ships with newsmill.

The index (BSD-3-Clause, OpenStreetMap US and contributors) lists brands, operators, transit
networks and flags with their Wikidata ids. `newsmill kb condense` rewrites `data/organisations.tsv.gz`
from an unpacked package.
"""

from __future__ import annotations

import gzip
import io
import re
from collections import defaultdict
from pathlib import Path

import msgspec

from newsmill.errors import ConfigError
from newsmill.records import Record

_SETTLEMENT = re.compile(
    r"\b(city|town|village|borough|municipality|county|parish|commune|capital|settlement|district|"
    r"suburb|province|state|country|continent|kingdom|department|region|canton|island|prefecture)\b",
    re.I,
)
_NOT_PLACE = re.compile(
    r"\b(company|agency|government|council|service|organi[sz]ation|chain|operator|department of|police|"
    r"brand|retailer|bank|network|system|authority|store|university|school|ministry|church|hospital|airline|"
    r"newspaper|association|administration|corporation|magazine|flag|supplier|utility)\b",
    re.I,
)
_TYPES = (
    ("operators/amenity/police", "agency"),
    ("operators/amenity/fire_station", "agency"),
    ("operators/amenity/hospital", "organisation"),
    ("operators/amenity/university", "university"),
    ("operators/amenity/college", "university"),
    ("operators/amenity/school", "organisation"),
    ("operators/amenity/townhall", "government"),
    ("operators/office/government", "agency"),
    ("operators/landuse/military", "agency"),
    ("brands/", "company"),
    ("transit/", "organisation"),
    ("operators/", "organisation"),
)


class Organisation(Record, frozen=True, kw_only=True):
    """One Wikidata item of the index."""

    qid: int
    type: str  # company | agency | university | government | organisation | place
    weight: int  # how many entries of the index name it
    name: str
    names: tuple[str, ...]
    description: str  # only where the type is place: it tells which place of the name


def condense(package: Path) -> bytes:
    """The table, as gzip-compressed UTF-8 lines, from the unpacked npm package `name-suggestion-index`.

    Raises:
        ConfigError: `package` has no `dist/json/nsi.json` or `dist/wikidata/wikidata.json`.
    """
    try:
        index = msgspec.json.decode((package / "dist/json/nsi.json").read_bytes())["nsi"]
        items = msgspec.json.decode((package / "dist/wikidata/wikidata.json").read_bytes())["wikidata"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{package}: is no unpacked name-suggestion-index package: {error}") from None
    names: dict[str, dict[str, None]] = defaultdict(dict)
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for path, category in sorted(index.items()):
        for entry in category["items"]:
            tags = entry["tags"]
            for tag, value in tags.items():
                owner, _, rest = tag.partition(":")
                if rest != "wikidata" or value not in items:
                    continue
                kinds[value][path] += 1
                own = (tags.get(owner), tags.get(f"{owner}:en"))
                told = (
                    ()
                    if path.startswith("transit/")
                    else (entry["displayName"], *entry.get("matchNames", ()))
                )
                for name in (*own, *told):
                    if name:
                        names[value].setdefault(name.split(" (")[0])
    rows = []
    for qid in sorted(kinds, key=lambda q: int(q[1:])):
        label = items[qid].get("label")
        if not label or "'" in label[:2] or "/" in label or (label.startswith("Q1") and label[1:].isdigit()):
            continue
        about = items[qid].get("description", "")
        place = bool(_SETTLEMENT.search(about)) and not _NOT_PLACE.search(about)
        count = sum(kinds[qid].values())
        kind = max(kinds[qid], key=lambda p: (kinds[qid][p], p))
        type_ = "place" if place else next((t for prefix, t in _TYPES if kind.startswith(prefix)), "")
        if not type_ or about.lower().startswith(("flag", "wikimedia")) or not about:
            continue
        others = [] if place else [n for n in names[qid] if n != label and "|" not in n and "\t" not in n]
        rows.append("\t".join((qid[1:], type_, str(count), label, "|".join(others), about if place else "")))
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as file:
        file.write("\n".join(r.replace("\n", " ") for r in rows).encode())
    return out.getvalue()


def read(table: bytes) -> list[Organisation]:
    """The rows of a condensed table."""
    rows = []
    for line in gzip.decompress(table).decode().split("\n"):
        qid, type_, weight, name, names, description = line.split("\t")
        rows.append(
            Organisation(
                qid=int(qid),
                type=type_,
                weight=int(weight),
                name=name,
                names=tuple(n for n in names.split("|") if n),
                description=description,
            )
        )
    return rows
