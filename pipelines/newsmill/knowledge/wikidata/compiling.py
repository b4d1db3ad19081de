"""From a spool to a knowledge base: column by column, so that millions of entities fit in memory.

The entities are those of a base at hand, then the dump's. An item that the base has (by its id, its
GeoNames id, or as a place of its name at its point) lends it names, renown and id; type, name, place and
a place's weight stay the base's.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

import marisa_trie
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from newsmill.knowledge import build, files
from newsmill.knowledge.entries import COARSE, Entry, role
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.names import key
from newsmill.knowledge.recognisers.cues import common_words
from newsmill.knowledge.wikidata import reading
from newsmill.knowledge.wikidata.classes import Classes
from newsmill.knowledge.wikidata.entities import Entities, as_numpy
from newsmill.knowledge.wikidata.items import LARGEST_ID, Item, unpacked

_PER_LINK: Final = 200.0
"""Weight is this times the square of the number of Wikipedias: 22 of them are worth a town of 100,000 people,
70 one of a million."""

_PLACE: Final = 0.2
"""Share of that which a place gets: robots write about each village in many languages."""

_LABEL, _ALIAS = 0.8, 0.3
"""Share of the weight that goes with a name in another language, and with another name."""

_LEAST_NAMES, _LINKS_A_NAME = 2, 4
"""Names kept of an entity: these, and one more for so many Wikipedias."""

_NAMESAKE: Final = 0.05
"""Share that is left of another name's weight where a renowned place bears it: Sevilla, the club."""

_MONONYM: Final = 30
"""Wikipedias from which a person is known by one word: Pelé."""

_THING_OF_ONE_WORD: Final = 100
"""Wikipedias from which a work or product named by one common English word is kept: Time."""

_MOST_BEARERS: Final = 32
"""Entities that one name leads to, the heaviest ones."""

_NEAR: Final = 0.15
"""Degrees between two points of one place."""

_FAR: Final = 1.5
"""Degrees between two points that can't be of one place, whatever ids say."""

_OWN, _OF_PLACE, _OF_OTHER = range(3)
_DIVISIONS: Final = frozenset(("admin1", "admin2", "region"))


def compile_spool(spool: Path, folder: Path, *, base: Gazetteer, sources: dict[str, str]) -> str:
    """Write a knowledge base of what a reading kept, on top of another, and return its version.

    Args:
        spool: What `reading.read` wrote.
        folder: Where to write; replaced whole.
        base: The knowledge base whose entities come first.
        sources: Names and versions of what the entities come from.

    Raises:
        ConfigError: The folder can't be written or holds something else.
    """
    compiler = _Compiler(base)
    names = spool / "names"
    with names.open("w", encoding="utf-8", newline="\n") as file:
        compiler.add_base(file)
        compiler.add_items(spool, file)
    return compiler.write(names, folder, sources=base.about["sources"] | sources)


def items_of(spool: Path) -> Iterator[Item]:
    """The items that a reading kept."""
    with (spool / reading.ITEMS).open("rb") as file:
        yield from unpacked(file)


class _Compiler:
    """The entities, and the edges of their names, which are written to a file until all are known."""

    def __init__(self, base: Gazetteer) -> None:
        self.entities = Entities(base)
        self._base = base
        self._edges: dict[str, array[Any]] = {
            "entity": array("I"), "role": array("B"), "weight": array("f"),
        }  # fmt: skip
        self._borrowed = array("B")  # names that count less where a renowned entity, or place, bears them
        self._heavier: dict[int, float] = {}  # entities of the base
        self._of_base = 0  # edges

    def add_base(self, names: TextIO) -> None:
        """The edges of the base."""
        for name, entity, number, weight in self._base.edges():
            self._add(names, name, entity, number, weight, borrowed=_OWN)
        self._of_base = len(self._borrowed)

    def add_items(self, spool: Path, names: TextIO) -> None:
        """The items of a spool, with the edges of their names."""
        classes = Classes.read(spool / reading.SUBCLASSES)
        isos = {row.qid: row.country for row in self._base.entries() if row.type == "country" and row.qid} | {
            item.qid: item.iso for item in items_of(spool) if item.iso
        }
        seen = np.zeros(LARGEST_ID // 8, np.uint8)  # a bit an id; pages without one take no memory
        for item in items_of(spool):
            byte, bit = item.qid >> 3, 1 << (item.qid & 7)
            if seen[byte] & bit:
                continue
            seen[byte] |= bit
            type_ = classes.type_of(
                item.classes,
                item.occupations,
                is_politician=item.holds_position,
                has_point=item.point is not None,
            )
            if type_ is not None:
                country = next((isos[c] for c in item.countries if c in isos), "")
                self._add_item(item, type_, country, names)

    def _add_item(self, item: Item, type_: str, country: str, names: TextIO) -> None:
        entities = self.entities
        weight = _PER_LINK * item.links**2 * (_PLACE if COARSE.get(type_) == "LOC" else 1.0)
        index = self._of_base_row(item, type_)
        if index is None and not any(names_of(item, type_)):
            return
        if index is None:
            entry = Entry(
                type=type_, name=item.labels[0], names=(), weight=weight, qid=item.qid, country=country,
                lat=item.point[0] if item.point else math.nan, lon=item.point[1] if item.point else math.nan,
                population=item.population,
            )  # fmt: skip
            index = entities.add(entry, words=item.words, founded=item.founded)
        else:
            heavier = entities.lend(index, item, country, weight)
            if heavier > 1.0:
                self._heavier[index] = heavier
            type_, weight = entities.type_of(index), entities.columns["weight"][index]
        chief, place = key(entities.name_of(index)), COARSE.get(type_) == "LOC"
        for name, share in names_of(item, type_):
            bare = key(name)
            if 0 < len(bare) <= build.LONGEST_KEY:
                borrowed = _OWN if share == 1 or bare == chief else _OF_PLACE if place else _OF_OTHER
                number = build.ROLES.index(role(name))
                self._add(names, bare, index, number, weight * share, borrowed=borrowed)

    def _of_base_row(self, item: Item, type_: str) -> int | None:
        """The entity of the base that an item is, or none; it is taken then."""
        entities = self.entities
        if (known := entities.by_qid.get(item.qid)) is not None:
            return known
        if COARSE.get(type_) != "LOC" or item.point is None:
            return None
        for geoname in item.geonames:
            index = entities.by_geoname.get(geoname)
            if index is not None and entities.is_at(index, item.point, _FAR):
                del entities.by_geoname[geoname]
                return index
        alike = _DIVISIONS if type_ in _DIVISIONS else frozenset((type_,))
        for found in self._base.lookup(item.labels[0]):
            if (
                found.wikidata_id is None
                and found.type in alike
                and found.geonameid in entities.by_geoname
                and entities.is_at(found.row, item.point, _NEAR)
            ):
                del entities.by_geoname[found.geonameid]
                return found.row
        return None

    def _add(
        self, names: TextIO, name: str, entity: int, number: int, weight: float, *, borrowed: int
    ) -> None:
        names.write(f"{name}\n")
        for column, value in zip(self._edges.values(), (entity, number, weight), strict=True):
            column.append(value)
        self._borrowed.append(borrowed)

    def write(self, names: Path, folder: Path, *, sources: dict[str, str]) -> str:
        """Write the knowledge base; returns its version."""
        trie = marisa_trie.Trie(_lines(names))
        number = np.fromiter((trie[name] for name in _lines(names)), np.uint32, len(self._borrowed))
        edges = self._weighed(trie, number)
        number, edges = _joined(number, edges)
        starts = np.searchsorted(number, np.arange(len(trie) + 1, dtype=np.uint32)).astype(np.uint32)
        columns = self.entities.arrays()
        tables = {
            "types": self.entities.types.names,
            "countries": self.entities.countries.names,
            "admin1": self.entities.divisions.names,
        }
        about: files.About = {
            "format": files.FORMAT, "version": "", "entities": len(self.entities), "names": len(trie),
            "sources": dict(sorted(sources.items())),
        }  # fmt: skip

        def fill(draft: Path) -> None:
            about["version"] = _version(trie, starts, edges, columns, tables)
            files.write_names(trie, starts, edges, draft, about, packed=False)
            files.write_entities(columns, tables, draft, about, packed=False)

        files.replaced(folder, fill)
        return str(about["version"])

    def _weighed(self, trie: marisa_trie.Trie, number: npt.NDArray[np.uint32]) -> dict[str, npt.NDArray[Any]]:
        """The edges; those of entities that became heavier weigh more, foreign names of places less."""
        edges = {name: as_numpy(column) for name, column in self._edges.items()}
        heavier = np.ones(len(self.entities), np.float32)
        for index, times in self._heavier.items():
            heavier[index] = times
        edges["weight"][: self._of_base] *= heavier[edges["entity"][: self._of_base]]
        chief, places = np.zeros(len(trie), bool), np.zeros(len(trie), bool)
        for row in np.flatnonzero(as_numpy(self.entities.columns["weight"]) > build.RENOWNED):
            if (known := trie.get(key(self.entities.name_of(int(row))))) is not None:
                chief[known] = True
                places[known] |= self.entities.is_place(int(row))
        borrowed = as_numpy(self._borrowed)
        edges["weight"][(borrowed == _OF_PLACE) & chief[number]] *= build.FOREIGN
        edges["weight"][(borrowed == _OF_OTHER) & places[number]] *= _NAMESAKE
        return edges


def names_of(item: Item, type_: str) -> Iterator[tuple[str, float]]:
    """An item's names that are kept, with their share of its weight: fewer the less it is written about."""
    listed = [(name, _LABEL if index else 1.0) for index, name in enumerate(item.labels)]
    listed += [(name, _ALIAS) for name in item.aliases]
    left = _LEAST_NAMES + item.links // _LINKS_A_NAME
    for name, share in listed:
        if left and _is_kept(name, share, item, type_):
            left -= 1
            yield name, share


def _is_kept(name: str, share: float, item: Item, type_: str) -> bool:
    """Whether text is likely to mean an entity by a name: no word in small letters, no bare surname."""
    if name == name.lower() != name.upper() or not any(map(str.isalpha, name)):
        return False
    one_word = " " not in name and name.upper() != name.lower()
    if COARSE.get(type_) == "PER" and one_word:
        return share == 1.0 or (share == _LABEL and item.links >= _MONONYM)
    if COARSE.get(type_) == "MISC" and one_word and key(name) in common_words():
        return share == 1.0 and item.links >= _THING_OF_ONE_WORD
    return True


def _joined(
    number: npt.NDArray[np.uint32], edges: dict[str, npt.NDArray[Any]]
) -> tuple[npt.NDArray[np.uint32], dict[str, npt.NDArray[Any]]]:
    """One edge from a name to an entity, with the stronger role and the higher weight; the heaviest first."""
    strength = np.argsort(np.array(build.STRENGTH)).astype(np.uint8)
    order = np.lexsort((edges["entity"], number))
    number, edges = number[order], {name: column[order] for name, column in edges.items()}
    first = np.ones(len(number), bool)
    first[1:] = (number[1:] != number[:-1]) | (edges["entity"][1:] != edges["entity"][:-1])
    begins = np.flatnonzero(first)
    roles = np.array(build.STRENGTH, np.uint8)[np.minimum.reduceat(strength[edges["role"]], begins)]
    edges = {
        "entity": edges["entity"][begins],
        "role": roles,
        "weight": np.maximum.reduceat(edges["weight"], begins),
    }
    number = number[begins]
    order = np.lexsort((edges["entity"], -edges["weight"], number))
    number, edges = number[order], {name: column[order] for name, column in edges.items()}
    place = np.arange(len(number)) - np.searchsorted(number, number)
    kept = place < _MOST_BEARERS
    return number[kept], {name: column[kept] for name, column in edges.items()}


def _version(
    trie: marisa_trie.Trie,
    starts: npt.NDArray[np.uint32],
    edges: dict[str, npt.NDArray[Any]],
    columns: dict[str, pa.Array],
    tables: dict[str, list[str]],
) -> str:
    digest = xxhash.xxh3_128(f"format {files.FORMAT}".encode())
    digest.update(trie.tobytes())
    digest.update(msgspec.json.encode(tables))
    for column in (starts, *edges.values()):
        digest.update(column.tobytes())
    for values in columns.values():
        flat = values.flatten() if isinstance(values, pa.FixedSizeListArray) else values
        for buffer in flat.buffers()[1:]:
            digest.update(buffer)
    return digest.hexdigest()[:12]


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield line[:-1]
