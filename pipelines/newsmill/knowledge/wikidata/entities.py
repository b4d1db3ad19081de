"""The entities of a knowledge base that is compiled: a column a property, so that millions fit in memory."""

from __future__ import annotations

import math
from array import array
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsmill.knowledge import context
from newsmill.knowledge.entries import COARSE, Entry
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.wikidata.items import Item

_TYPECODES: Final = {
    "type": "H", "country": "H", "admin1": "H", "founded": "h", "qid": "I", "geonameid": "I",
    "population": "I", "lat": "f", "lon": "f", "weight": "f",
}  # fmt: skip


class Entities:
    """The entities' columns, and the base's entities by their ids."""

    def __init__(self, base: Gazetteer) -> None:
        self.columns: dict[str, array[Any]] = {name: array(code) for name, code in _TYPECODES.items()}
        self.context = array("H")
        self.names, self.keys = _Texts(), _Texts()
        self.types, self.countries, self.divisions = _Table(), _Table(), _Table()
        self.by_qid: dict[int, int] = {}
        self.by_geoname: dict[int, int] = {}
        for index, row in enumerate(base.entries()):
            self.add(row, words="", founded=None)
            if row.qid:
                self.by_qid[row.qid] = index
            elif row.geonameid:
                self.by_geoname[row.geonameid] = index

    def __len__(self) -> int:
        return len(self.names)

    def add(self, row: Entry, *, words: str, founded: int | None) -> int:
        """Append an entity; returns its index."""
        values = {
            "type": self.types.number(row.type), "country": self.countries.number(row.country),
            "admin1": self.divisions.number(row.admin1), "founded": _year(founded), "qid": row.qid,
            "geonameid": row.geonameid, "population": row.population, "lat": row.lat, "lon": row.lon,
            "weight": row.weight,
        }  # fmt: skip
        for name, value in values.items():
            self.columns[name].append(value)
        self.context.extend(_context(words))
        self.names.append(row.name)
        self.keys.append(row.id or "" if not row.qid else "")
        return len(self) - 1

    def lend(self, index: int, item: Item, country: str, weight: float) -> float:
        """Give an entity of the base what an item knows; returns how many times heavier it became."""
        columns = self.columns
        columns["qid"][index] = item.qid
        columns["founded"][index] = _year(item.founded)
        self.context[index * context.WORDS : (index + 1) * context.WORDS] = _context(item.words)
        if not self.countries.names[columns["country"][index]]:
            columns["country"][index] = self.countries.number(country)
        before = columns["weight"][index]
        if self.is_place(index) or weight <= before:
            return 1.0
        columns["weight"][index] = weight
        return weight / float(before)

    def name_of(self, index: int) -> str:
        """The name of an entity."""
        return self.names[index]

    def type_of(self, index: int) -> str:
        """Its type."""
        number: int = self.columns["type"][index]
        return self.types.names[number]

    def is_place(self, index: int) -> bool:
        """Whether it is a place."""
        return COARSE.get(self.type_of(index)) == "LOC"

    def is_at(self, index: int, point: tuple[float, float], degrees: float) -> bool:
        """Whether an entity is as near to a point; one without a point is."""
        lat, lon = self.columns["lat"][index], self.columns["lon"][index]
        return math.isnan(lat) or (
            abs(lat - point[0]) <= degrees
            and abs((lon - point[1] + 180) % 360 - 180) * math.cos(math.radians(lat)) <= degrees
        )

    def arrays(self) -> dict[str, pa.Array]:
        """The columns as they are written; the arrays are of no use afterwards."""
        found: dict[str, pa.Array] = {"name": self.names.arrow(), "key": self.keys.arrow()}
        found |= {name: pa.array(as_numpy(column)) for name, column in self.columns.items()}
        words = pa.array(as_numpy(self.context))
        return found | {"context": pa.FixedSizeListArray.from_arrays(words, context.WORDS)}


class _Table:
    """Texts and their numbers."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The number of a text, a new one for a new text."""
        known = self._numbers.get(name)
        if known is None:
            known = self._numbers[name] = len(self.names)
            self.names.append(name)
        return known


class _Texts:
    """A column of texts."""

    def __init__(self) -> None:
        self._letters, self._ends = bytearray(), array("i", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:
        text: str = self._letters[self._ends[index] : self._ends[index + 1]].decode()
        return text

    def append(self, text: str) -> None:
        """Add one."""
        self._letters += text.encode()
        self._ends.append(len(self._letters))

    def arrow(self) -> pa.StringArray:
        """The column."""
        return pa.StringArray.from_buffers(len(self), pa.py_buffer(self._ends), pa.py_buffer(self._letters))


def _context(words: str) -> array[int]:
    found = context.numbers(words, context.WORDS)
    return array("H", [*found, *[0] * (context.WORDS - len(found))])


def _year(founded: int | None) -> int:
    """A year that fits in two bytes; 0 for none, since there was no such year."""
    return founded if founded is not None and -32_768 <= founded < 32_768 else 0


def as_numpy(column: array[Any]) -> npt.NDArray[Any]:
    """The numbers of a column, without a copy."""
    return np.frombuffer(column, dtype=column.typecode)
