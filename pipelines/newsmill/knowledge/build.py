"""Compiling entities to a knowledge base: a folder of files.

- `names.marisa`: a marisa-trie of name keys (`names.key`), each with a number
- `names.arrow`: by that number, where the name's edges begin, and its flags
- `edges.arrow`: from a name to the entities that bear it: entity, role, weight
- `entities.arrow`: one row an entity
- `about.json`: format, version, counts, sources

Columns are compressed with zstd. The same entities give the same bytes. The version is a hash over
what went in, so two workers with the same version link alike.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import marisa_trie
import msgspec
import numpy as np
import pyarrow as pa
import xxhash

from newsmill.errors import ConfigError
from newsmill.knowledge.entries import COARSE, Entry, english_words
from newsmill.knowledge.names import key, slug
from newsmill.runtime.folders import strangers

FORMAT = 1  # raise it with each change of the files' layout
COMPRESSION: Final = pa.Codec("zstd", compression_level=19)
ROLES = ("name", "capitals", "demonym", "postal", "bare_county", "domestic")
_STRENGTH = [ROLES.index(r) for r in ("demonym", "name", "capitals", "domestic", "postal", "bare_county")]
FOREIGN = 0.02  # share of an old or foreign name of one place that is the chief name of another
FILES = ("about.json", "edges.arrow", "entities.arrow", "names.arrow", "names.marisa")
"""What a knowledge base is made of."""

COMMON_WORD = 1  # flag of a name: a common English word in lower case

Edges = dict[str, list[tuple[int, int, float]]]
"""By name key: (entity, role, weight), heaviest first; entity and role are indices."""


def build(entries: Iterable[Entry], folder: Path, *, sources: dict[str, str]) -> str:
    """Write a knowledge base and return its version.

    The folder appears whole or not at all; an existing one is replaced.

    Args:
        entries: The entities. Those with one id become one: the first gives type, name and place, the
            heaviest the weight, and all their names count.
        folder: Where to write.
        sources: Names and versions of what the entities come from, for `kb show`.

    Raises:
        ConfigError: No entities, the folder can't be written, or it holds something else.
    """
    rows = merged(entries)
    return write(rows, edges(rows), folder, sources=sources)


def write(rows: list[Entry], found: Edges, folder: Path, *, sources: dict[str, str]) -> str:
    """Write merged entities with the edges that lead to them; `build` says the rest."""
    if not rows:
        raise ConfigError("a knowledge base needs at least one entity")
    _refuse_strangers(folder)
    version = _version(rows, found)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".kb-", dir=folder.parent))
    except OSError as error:
        raise ConfigError(f"{folder}: can't be written: {error.strerror}") from None
    about = {
        "format": FORMAT, "version": version, "entities": len(rows), "names": len(found),
        "sources": dict(sorted(sources.items())),
    }  # fmt: skip
    try:
        _write_names(found, draft, about)
        _write_entities(rows, draft, about)
        (draft / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        draft.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return version


def _refuse_strangers(folder: Path) -> None:
    """A folder that is replaced must be a knowledge base without anything beside it, or empty."""
    if not folder.exists():
        return
    others = strangers(folder, FILES) if folder.is_dir() else [folder]
    if not others and any(folder.iterdir()) and not _about(folder / "about.json"):
        others = [folder]
    if others:
        named = "" if others == [folder] else f": {others[0]} is none of its files"
        raise ConfigError(f"{folder}: is there and no knowledge base{named}; name another folder")


def _about(file: Path) -> bool:
    """Whether a file is what a knowledge base says of itself."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"format", "version", "entities"} <= found.keys()


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
    digest = xxhash.xxh3_128(f"format {FORMAT}".encode())
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
            number, weight = min(number, old[0], key=_STRENGTH.index), max(weight, old[1])
        best[bare][index] = (number, weight)

    for index, row in enumerate(rows):
        for name, role, share in row.names:
            bare = key(name)
            if not bare or len(bare) > 120:
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
    return {key(row.name) for row in rows if row.weight > 1e5}


def may_be_foreign(row: Entry, bare: str) -> bool:
    """Whether a name may be an old or foreign one of a place."""
    return row.type in ("city", "country") and bare != key(row.name)


def _write_names(found: Edges, folder: Path, about: dict[str, object]) -> None:
    trie = marisa_trie.Trie(found)
    trie.save(str(folder / "names.marisa"))
    words = english_words()
    order = sorted(found, key=lambda name: trie[name])
    starts = np.zeros(len(order) + 1, dtype=np.uint32)
    flags = np.zeros(len(order) + 1, dtype=np.uint8)
    flat: list[tuple[int, int, float]] = []
    for number, name in enumerate(order):
        flat += found[name]
        starts[number + 1] = len(flat)
        flags[number] = COMMON_WORD if name in words else 0
    names = pa.record_batch({"start": pa.array(starts), "flags": pa.array(flags)})
    targets = pa.record_batch(
        {
            "entity": pa.array([e for e, _, _ in flat], pa.uint32()),
            "role": pa.array([r for _, r, _ in flat], pa.uint8()),
            "weight": pa.array([float(w) for _, _, w in flat], pa.float32()),
        }
    )
    _write(folder / "names.arrow", names, about)
    _write(folder / "edges.arrow", targets, about)


def _write_entities(rows: list[Entry], folder: Path, about: dict[str, object]) -> None:
    types = sorted({r.type for r in rows})
    countries = sorted({r.country for r in rows})
    divisions = sorted({r.admin1 for r in rows})
    number = {
        kind: {v: i for i, v in enumerate(values)}
        for kind, values in (("t", types), ("c", countries), ("d", divisions))
    }
    batch = pa.record_batch(
        {
            "name": pa.array([r.name for r in rows], pa.string()),
            "key": pa.array([r.id or "" if not r.qid else "" for r in rows], pa.string()),
            "type": pa.array([number["t"][r.type] for r in rows], pa.uint16()),
            "country": pa.array([number["c"][r.country] for r in rows], pa.uint16()),
            "admin1": pa.array([number["d"][r.admin1] for r in rows], pa.uint16()),
            "qid": pa.array([r.qid for r in rows], pa.uint32()),
            "geonameid": pa.array([r.geonameid for r in rows], pa.uint32()),
            "population": pa.array([r.population for r in rows], pa.uint32()),
            "lat": pa.array([r.lat for r in rows], pa.float32()),
            "lon": pa.array([r.lon for r in rows], pa.float32()),
            "weight": pa.array([float(r.weight) for r in rows], pa.float32()),
        }
    )
    tables = {"types": types, "countries": countries, "admin1": divisions}
    coarse = {t: COARSE.get(t, "ORG") for t in types}
    _write(folder / "entities.arrow", batch, {**about, **tables, "coarse": coarse})


def _write(path: Path, batch: pa.RecordBatch, about: dict[str, object]) -> None:
    batch = batch.replace_schema_metadata({"newsmill": json.dumps(about)})
    options = pa.ipc.IpcWriteOptions(compression=COMPRESSION)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)


def importance(weight: float) -> float:
    """An entity's weight on a scale from 0 to 1 (a billion people)."""
    return min(1.0, max(0.0, math.log10(max(weight, 1.0)) / 9))
