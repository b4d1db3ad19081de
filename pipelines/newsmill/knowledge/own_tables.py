"""People, bodies and news agencies of newsmill's own tables, as entities."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML

from newsmill.knowledge import locales
from newsmill.knowledge.entries import Entry, curated, own_id, role, table
from newsmill.knowledge.names import key

ABROAD: Final = "abroad.yaml"
FILES: Final = ("people.yaml", "bodies.yaml", ABROAD)

_COMPANIES: Final = frozenset(("Thomson Reuters",))
"""Names by which agencies sign that are those of the companies which own them."""

_BRIEF: Final = 3
"""Letters of an abbreviation that means other bodies in other countries."""

_SIGN: Final = 0.05
"""Share of an agency's weight that goes with a sign: more than a rare body has, less than a renowned one."""


def entries() -> Iterator[Entry]:
    """What the tables list; of rows with one name the first says what it is, and all their names count."""
    found: dict[str, Entry] = {}
    for file in FILES:
        for type_, rows in table(file).items():
            for row in rows:
                entry = curated(type_, row)
                entry = _at_home(entry) if file == ABROAD else entry
                first = found.setdefault(entry.name, entry)
                if first is not entry:
                    found[entry.name] = _joined(first, entry)
    outlets = {key(n): e.name for e in found.values() if e.type == "outlet" for n, _, _ in e.names}
    for agency in _agencies():
        known = next((outlets[key(n)] for n, _, _ in agency.names if key(n) in outlets), agency.name)
        found[known] = _joined(found[known], agency) if known in found else agency
    for entry in found.values():
        abroad = tuple((n, role(n), 0.5) for n in locales.area(entry.name))
        yield msgspec.structs.replace(entry, names=(*entry.names, *abroad)) if abroad else entry


def _joined(first: Entry, other: Entry) -> Entry:
    """The first with the names and the id of the other."""
    return msgspec.structs.replace(first, qid=first.qid or other.qid, names=(*first.names, *other.names))


def _at_home(entry: Entry) -> Entry:
    """An abbreviation of two or three letters counts where the document is about the body's country."""
    if not entry.country or entry.type == "outlet":
        return entry
    names = (
        (n, "domestic" if r == "capitals" and len(n) <= _BRIEF and n.isascii() else r, w)
        for n, r, w in entry.names
    )
    return msgspec.structs.replace(entry, names=tuple(names))


def _agencies() -> Iterator[Entry]:
    """News agencies by their names and, less surely, by the signs that mean other things too."""
    listed = importlib.resources.files("newsmill").joinpath("copies", "agencies.yaml").read_bytes()
    rows: list[dict[str, Any]] = YAML(typ="safe", pure=False).load(listed)
    for row in rows:
        names = dict.fromkeys(_worded(row.get("names", ())), 0.9)
        signs = (sign for sign in row.get("codes", ()) if len(sign) > 2 and sign.isascii() and sign.isupper())
        names.setdefault(row["name"], 0.9 if " " in row["name"] else _SIGN)
        names |= {sign: _SIGN for sign in signs if sign not in names}
        listed_ = tuple((name, role(name), weight) for name, weight in names.items())
        yield Entry(type="outlet", name=row["name"], names=listed_, weight=3e6, id=own_id(row["name"]))


def _worded(names: Iterable[str]) -> Iterator[str]:
    """The names that are no credit lines: without `/ritzau/` and `AFP=時事`."""
    return (
        name
        for name in names
        if len(name) > 2 and name not in _COMPANIES and not set("/='").intersection(name)
    )
