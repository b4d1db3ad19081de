"""Compiling entities to a knowledge base (`files`).

The same entities give the same bytes. The version is a hash over what went in, so two workers with the
same version link alike.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import marisa_trie
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from newsmill import strings
from newsmill.errors import ConfigError
from newsmill.knowledge import files
from newsmill.knowledge.entries import Entry
from newsmill.knowledge.names import key, slug

ROLES = ("name", "capitals", "demonym", "postal", "bare_county", "domestic")
STRENGTH = [ROLES.index(r) for r in ("demonym", "name", "capitals", "domestic", "postal", "bare_county")]
"""Roles by their number, the one that counts where a name has several first."""

FOREIGN = 0.02  # share of an old or foreign name of one place that is the chief name of another
RENOWNED = 1e5  # weight from which an entity's name is a chief one
LONGEST_KEY = 120  # characters

Edges = dict[str, list[tuple[int, int, float]]]
"""By name key: (entity, role, weight), heaviest first; entity and role are indices."""


def build(entries: Iterable[Entry], folder: Path, *, sources: dict[str, str], packed: bool = False) -> str:
    """Write a knowledge base and return its version.

    The folder appears whole or not at all; an existing one is replaced.

    Args:
        entries: The entities. Those with one id become one: the first gives type, name and place, the
            heaviest the weight, and all their names count.
        folder: Where to write.
        sources: Names and versions of what the entities come from, for `kb show`.
        packed: Compress the columns.

    Raises:
        ConfigError: No entities, the folder can't be written, or it holds something else.
    """
    rows = merged(entries)
    return write(rows, edges(rows), folder, sources=sources, packed=packed)


def write(
    rows: list[Entry], found: Edges, folder: Path, *, sources: dict[str, str], packed: bool = False
) -> str:
    """Write merged entities with the edges that lead to them; `build` says the rest."""
    if not rows:
        raise ConfigError("a knowledge base needs at least one entity")
    version = _version(rows, found)
    about = {
        "format": files.FORMAT, "version": version, "entities": len(rows), "names": len(found),
        "sources": dict(sorted(sources.items())),
    }  # fmt: skip

    def fill(draft: Path) -> None:
        _write_names(found, draft, about, packed)
        _write_entities(rows, draft, about, packed)

    files.replaced(folder, fill)
    return version


def identity(entry: Entry) -> str:
    """The id under which an entity is merged."""
    if entry.qid:
        return f"Q{entry.qid}"
    if entry.id:
        return entry.id
    return f"geonames:{entry.geonameid}" if entry.geonameid else f"newsmill:{slug(entry.name)}"


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """One entity an id, in the order of their first ones."""
    rows: dict[str, Entry] = {}
    for entry in entries:
        first = rows.setdefault(identity(entry), entry)
        if first is not entry:
            rows[identity(entry)] = msgspec.structs.replace(
                first,
                weight=max(first.weight, entry.weight),
                names=(
                    *first.names,
                    *((n, r, w * min(1.0, entry.weight / first.weight)) for n, r, w in entry.names),
                ),
                country=first.country or entry.country,
                geonameid=first.geonameid or entry.geonameid,
            )
    return list(rows.values())


def _version(rows: list[Entry], found: Edges) -> str:
    digest = xxhash.xxh3_128(f"format {files.FORMAT}".encode())
    for row in rows:
        digest.update(msgspec.json.encode(row))
    digest.update(msgspec.json.encode(list(found.items())))
    return digest.hexdigest()[:12]


def edges(rows: list[Entry], known: Iterable[tuple[str, int, int, float]] = ()) -> Edges:
    """The edges from the names of `rows`, and those `known` already: (key, entity, role, weight).

    Where two edges join the same name and entity, the stronger role and the higher weight count.
    """
    best: dict[str, dict[int, tuple[int, float]]] = defaultdict(dict)
    chief = chief_names(rows)

    def join(bare: str, index: int, number: int, weight: float) -> None:
        old = best[bare].get(index)
        if old is not None:
            number, weight = min(number, old[0], key=STRENGTH.index), max(weight, old[1])
        best[bare][index] = (number, weight)

    for index, row in enumerate(rows):
        for name, role, share in row.names:
            bare = key(strings.composed(name))
            if not bare or len(bare) > LONGEST_KEY:
                continue
            weight = row.weight * share
            if share < 1 and role == "name" and bare in chief and may_be_foreign(row, bare):
                weight *= FOREIGN
            join(bare, index, ROLES.index(role), float(np.float32(weight)))
    for bare, index, number, weight in known:
        join(bare, index, number, weight)
    return {
        bare: sorted(((i, r, w) for i, (r, w) in bearers.items()), key=lambda e: (-e[2], e[0]))
        for bare, bearers in sorted(best.items())
    }


def chief_names(rows: Iterable[Entry]) -> set[str]:
    """Keys of the names of entities that are renowned."""
    return {key(row.name) for row in rows if row.weight > RENOWNED}


def may_be_foreign(row: Entry, bare: str) -> bool:
    """Whether a name may be an old or foreign one of a place."""
    return row.type in ("city", "country") and bare != key(row.name)


def _write_names(found: Edges, draft: Path, about: files.About, packed: bool) -> None:
    trie = marisa_trie.Trie(found)
    order = sorted(found, key=lambda name: trie[name])
    starts = np.zeros(len(order) + 1, dtype=np.uint32)
    flat: list[tuple[int, int, float]] = []
    for number, name in enumerate(order):
        flat += found[name]
        starts[number + 1] = len(flat)
    columns: dict[str, npt.NDArray[Any]] = {
        "entity": np.array([e for e, _, _ in flat], np.uint32),
        "role": np.array([r for _, r, _ in flat], np.uint8),
        "weight": np.array([w for _, _, w in flat], np.float32),
    }
    files.write_names(trie, starts, columns, draft, about, packed=packed)


def _write_entities(rows: list[Entry], draft: Path, about: files.About, packed: bool) -> None:
    tables = {
        "types": sorted({r.type for r in rows}),
        "countries": sorted({r.country for r in rows}),
        "admin1": sorted({r.admin1 for r in rows}),
    }
    types, countries, divisions = ({v: i for i, v in enumerate(values)} for values in tables.values())
    columns = {
        "name": pa.array([r.name for r in rows], pa.string()),
        "key": pa.array([r.id or "" if not r.qid else "" for r in rows], pa.string()),
        "type": pa.array([types[r.type] for r in rows], pa.uint16()),
        "country": pa.array([countries[r.country] for r in rows], pa.uint16()),
        "admin1": pa.array([divisions[r.admin1] for r in rows], pa.uint16()),
        "qid": pa.array([r.qid for r in rows], pa.uint32()),
        "geonameid": pa.array([r.geonameid for r in rows], pa.uint32()),
        "population": pa.array([r.population for r in rows], pa.uint32()),
        "lat": pa.array([r.lat for r in rows], pa.float32()),
        "lon": pa.array([r.lon for r in rows], pa.float32()),
        "weight": pa.array([float(r.weight) for r in rows], pa.float32()),
    }
    files.write_entities(columns, tables, draft, about, packed=packed)


def importance(weight: float) -> float:
    """An entity's weight on a scale from 0 to 1 (a billion people)."""
    return 0.0 if weight <= 1.0 else 1.0 if weight >= 1e9 else math.log10(weight) / 9
