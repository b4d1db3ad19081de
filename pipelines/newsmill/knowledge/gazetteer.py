"""Reading a knowledge base, a folder that `build` writes: names to entities.

The trie is mapped into memory, and so are the columns, unless they are packed and then unpacked: tens of
milliseconds. Nothing is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import marisa_trie
import pyarrow as pa

from newsmill.errors import ConfigError
from newsmill.knowledge import forms
from newsmill.knowledge.bounds import LONGEST_NAME
from newsmill.knowledge.build import ROLES, importance
from newsmill.knowledge.columns import Runs, Strings, bits, mapped, view
from newsmill.knowledge.context import WORDS
from newsmill.knowledge.entries import Entry
from newsmill.knowledge.files import FORMAT
from newsmill.knowledge.names import FIRST_SPACELESS, fold, fold_whole, is_spaceless, key
from newsmill.knowledge.recent import Recent
from newsmill.knowledge.recognisers.words import ELIDING
from newsmill.records import Record

_FILES = ("names.marisa", "names.arrow", "edges.arrow", "entities.arrow")
_ALONE = pa.ipc.IpcReadOptions(use_threads=False)
_LONGEST = 64  # characters of a name looked for in text
_SPELT = frozenset(("capitals", "postal", "demonym", "domestic"))  # roles with rules of spelling
_ABBREVIATION = 3  # letters of a name that is written in capitals, or is another
_REMEMBERED = 10_000  # names and spellings kept, twice: each extraction process has its own
_LEADING = re.compile(
    r"(?:the|president|king|queen|senator|chairman|ambassador|general|secretary|ayatollah|mullah|pope|dr)\.?\s+",
    re.I,
)
_TOWN = 100_000.0  # weight from which a name is what it says, and no form of another
_LEAST_INFLECTED = 15_000.0  # weight of what a form may stand for
_INSTEAD = 20.0  # times the weight of a town's name that is a form of a larger one's
_RENOWNED = 1_000_000.0  # weight from which a body's name is looked for in other cases
_MOST_WORDS = 3  # of a name in another case
_LONGEST_WORD = 40
_FORM = re.compile(r"[^\W\d_]{2,40}(?:[-‐‑–][^\W\d_]{1,40}){0,3}(?!\w)")
_SHORT_NAME = re.compile(r" ?[^\W\d_](?:[^\W\d_]|\.(?=\w)|(?<=\.\w)\.|-(?=\w)|[\"״](?=\w)){0,40}")
_NO_SMALL = r"[0-9A-Z\x80-\U0010ffff](?<=[^\W_a-zà-öø-ÿа-я])"  # the first set, which is seldom met, is quick
_ELIDED_START = re.compile(rf"(?s){_NO_SMALL}(?:(?<!\w.)|(?<=[a-z][A-Z])(?<!\w..)(?P<small>))")
_WORD_START = re.compile(rf"(?s){_NO_SMALL}(?:(?<![\w'’].)|(?<=[a-z][A-Z])(?<![\w'’]..)(?P<small>))")
"""Where a word begins with a capital, or has one behind a first small letter (`small`): iPhone."""


class Candidate(Record, frozen=True, kw_only=True):
    """One entity that a name can mean, and how likely that is without any context."""

    entity_id: str  # Q…, geonames:…, iata:… or newsmill:…
    type: str  # fine: city, country, politician, company …
    coarse: str  # PER | ORG | LOC | MISC
    name: str
    prior: float = 0.0  # 0–1, of this entity among those that bear the name
    role: str = "name"  # name | capitals | demonym | postal | bare_county | domestic
    weight: float = 0.0  # of this name for this entity, on one scale over all types
    importance: float = 0.0  # 0–1, the entity's own
    wikidata_id: str | None = None
    geonameid: int | None = None
    country: str | None = None  # ISO 3166-1 alpha-2
    admin1: str | None = None  # GeoNames first-order code: CA in US.CA
    lat: float | None = None
    lon: float | None = None
    population: int = 0
    founded: int | None = None  # year, where the knowledge base is made from Wikidata
    row: int = 0  # in the knowledge base


class Match(Record, frozen=True, kw_only=True):
    """A stretch `text[start:end]` that is a known name."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]
    common: bool = False  # the name is also a common English word


class Gazetteer:
    """Names and the entities that bear them."""

    def __init__(
        self, trie: marisa_trie.Trie, tables: dict[str, pa.RecordBatch], about: dict[str, Any]
    ) -> None:
        self._trie = trie
        self._tables = tables  # keeps what the views look at alive
        self._start = view(tables["names.arrow"], "start")
        self._common = bits(tables["names.arrow"].column("flags"))
        self._edge = [view(tables["edges.arrow"], c) for c in ("entity", "role", "weight")]
        columns = ("type", "country", "admin1", "qid", "geonameid", "population", "lat", "lon", "weight")
        self._entity = {c: view(tables["entities.arrow"], c) for c in columns}
        self._columns = tuple(self._entity.values())
        self._types = [(type_, about["coarse"][type_]) for type_ in about["types"]]
        self._countries = [country or None for country in about["countries"]]
        self._divisions = [division or None for division in about["admin1"]]
        self._names = Strings(tables["entities.arrow"].column("name"))
        self._keys = Runs(tables["entities.arrow"].column("key"))
        names = tables["entities.arrow"].schema.names
        self._founded = view(tables["entities.arrow"], "founded") if "founded" in names else None
        self._context = view(tables["entities.arrow"], "context") if "context" in names else None
        self.about = about
        self._by_number: Recent[int, tuple[Candidate, ...]] = Recent(_REMEMBERED)
        self._by_surface: Recent[str, tuple[Candidate, ...]] = Recent(_REMEMBERED)
        self._by_form: Recent[tuple[str, str], bool] = Recent(_REMEMBERED)

    @property
    def version(self) -> str:
        """Hash of what went into the knowledge base."""
        return str(self.about["version"])

    @classmethod
    def open(cls, path: Path) -> Gazetteer:
        """Open the knowledge base in the folder `path`.

        Raises:
            ConfigError: There is none, or another version of newsmill wrote it.
        """
        missing = [f for f in _FILES if not (path / f).is_file()]
        if missing:
            raise ConfigError(
                f"{path}: is no knowledge base: {missing[0]} is missing; `newsmill kb build --add` makes one"
            )
        tables, name = {}, ""
        try:
            for name in _FILES[1:]:
                tables[name] = pa.ipc.open_file(mapped(path / name), options=_ALONE).get_batch(0)
            about = json.loads(tables["entities.arrow"].schema.metadata[b"newsmill"])
            name = _FILES[0]
            trie = marisa_trie.Trie().mmap(str(path / "names.marisa"))
        except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(f"{path / name}: is damaged: {error}; build or install it anew") from None
        if about.get("format") != FORMAT:
            raise ConfigError(f"{path}: has format {about.get('format')}, needed is {FORMAT}; build it anew")
        return cls(trie, tables, about)

    def __len__(self) -> int:
        """The number of entities."""
        return len(self._names)

    def lookup(self, surface: str) -> tuple[Candidate, ...]:
        """The entities that `surface` can name, likeliest first; empty when it is unknown.

        Case and diacritics are ignored here; `scan` applies the rules for capitals.
        """
        found = self._by_surface.get(surface)
        if found is None:
            number = self._number(surface)
            found = self._by_surface.put(surface, () if number is None else self._candidates(number))
        return found

    def _number(self, surface: str) -> int | None:
        return self._trie.get(key(surface)) if len(surface) <= LONGEST_NAME else None

    def spelled(self, surface: str, language: str) -> tuple[Candidate, ...]:
        """The entities that `surface` can name as it is written, likeliest first."""
        return _spelled(self.lookup(surface), surface, language)

    def longest(self, letters: str) -> tuple[Candidate, ...]:
        """The bearers of the longest name of at least five letters that `letters` begins with."""
        names = [n for n in self._trie.prefixes(fold(letters)) if len(n) >= 5]
        for name in reversed(names):
            number = self._trie.get(name)
            if not self._is_common(number):
                return self._candidates(number)
        return ()

    def places_without_case(self) -> Iterator[tuple[str, float]]:
        """The places whose names are in a script without spaces, and the weights of the names."""
        entity, _, weight = self._edge
        types = [coarse == "LOC" for _, coarse in self._types]
        for first in filter(is_spaceless, map(chr, range(0x0E00, 0xFB00))):
            for name, number in self._trie.items(first):
                edge = self._start[number]
                if types[self._entity["type"][entity[edge]]]:
                    yield name, weight[edge]

    def is_common(self, surface: str) -> bool:
        """Whether a known name is a common English word too."""
        number = self._number(surface)
        return number is not None and self._is_common(number)

    def _is_common(self, number: int) -> bool:
        return bool(self._common[number >> 3] >> (number & 7) & 1)

    @property
    def has_context(self) -> bool:
        """Whether the words that go with entities are known."""
        return self._context is not None

    def context(self, candidate: Candidate) -> tuple[int, ...]:
        """The words that go with an entity, as `context.numbers` gives them."""
        if self._context is None:
            return ()
        first = candidate.row * WORDS
        return tuple(filter(None, self._context[first : first + WORDS]))

    def names(self) -> Iterator[str]:
        """All name keys."""
        return iter(self._trie.iterkeys())

    def edges(self) -> Iterator[tuple[str, int, int, float]]:
        """All edges: name key, entity, role, weight; entities count as in `entries`."""
        entity, role, weight = self._edge
        for name, number in self._trie.items():
            for e in range(self._start[number], self._start[number + 1]):
                yield name, entity[e], role[e], weight[e]

    def entries(self) -> Iterator[Entry]:
        """All entities in their order, without their names."""
        column, about = self._entity, self.about
        for index in range(len(self)):
            yield Entry(
                type=about["types"][column["type"][index]],
                name=self._names[index],
                names=(),
                weight=column["weight"][index],
                id=self._keys[index] or None,
                qid=column["qid"][index],
                geonameid=column["geonameid"][index],
                country=about["countries"][column["country"][index]],
                admin1=about["admin1"][column["admin1"][index]],
                lat=column["lat"][index],
                lon=column["lon"][index],
                population=column["population"][index],
            )

    def scan(self, text: str, language: str) -> list[Match]:
        """Longest known names in `text`, left to right, without overlap.

        A name must begin with a capital (in scripts that have them) and end at a word's end; one that
        counts in capitals only must be written so. `language` is ISO 639-1.
        """
        folded = fold_whole(text)
        prefixes, get = self._trie.prefixes, self._trie.get
        found: list[Match] = []
        position = 0
        inflected = language in forms.languages()
        press = forms.press_names(language)
        beginnings = forms.press_beginnings(language)
        for start in _starts(text, _ELIDED_START if language in ELIDING else _WORD_START):
            if start < position:
                continue
            direct = len(found)
            if (folded[start : start + 2] in beginnings or folded[start] in beginnings) and (
                short := self._press_name(text, folded, start, press)
            ) is not None:
                found.append(short)
                position = short.end
                continue
            for name in reversed(prefixes(folded[start : start + _LONGEST])):
                end = start + len(name)
                after = text[end : end + 1]
                within = after.isalnum() and (after < FIRST_SPACELESS or not is_spaceless(after))
                if within and text[end - 1].isalnum():
                    continue
                number = get(name)
                candidates = _spelled(self._candidates(number), text[start:end], language)
                if candidates:
                    if text[start + 1 : start + 2] in ("'", "’") and self._is_longer(
                        text, folded, start + 2, end, language
                    ):
                        break  # L'Union, of L'Union européenne
                    common = self._is_common(number)
                    begin = self._bare_start(text, start, end, candidates[0])
                    found.append(Match(start=begin, end=end, candidates=candidates, common=common))
                    position = end
                    break
            if inflected:
                known = found[direct] if len(found) > direct else None
                match = self._inflected(text, folded, start, language, known, press)
                if match is not None:
                    found[direct:] = [match]
                    position = match.end
        return found

    def _is_longer(self, text: str, folded: str, start: int, end: int, language: str) -> bool:
        """Whether a name that begins at `start` ends behind `end`."""
        for name in reversed(self._trie.prefixes(folded[start : start + _LONGEST])):
            last = start + len(name)
            if last <= end:
                return False
            if (last == len(text) or _ends(text, last)) and _spelled(
                self._candidates(self._trie.get(name)), text[start:last], language
            ):
                return True
        return False

    def _press_name(self, text: str, folded: str, start: int, press: Mapping[str, str]) -> Match | None:
        """The short name of the language that begins at `start`."""
        end = start
        for _ in range(2):
            word = _SHORT_NAME.match(text, end)
            if word is None or word.end() - start > _LONGEST_WORD:
                return None
            end = word.end()
            stands_for = press.get(text[start:end]) or press.get(folded[start:end])
            if stands_for is not None:
                return Match(start=start, end=end, candidates=self.lookup(stands_for))
        return None

    def _inflected(
        self,
        text: str,
        folded: str,
        start: int,
        language: str,
        known: Match | None,
        press: Mapping[str, str],
    ) -> Match | None:
        """The name in another case that begins at `start`, where it is likelier than the one `known`."""
        if known is not None and (
            known.candidates[0].weight >= _TOWN or " " in folded[known.start : known.end]
        ):
            return None
        least = _LEAST_INFLECTED if known is None else _INSTEAD * known.candidates[0].weight
        word = _FORM.match(text, start)
        if word is None or not self._may_be_form(folded[start : word.end()], language, press):
            return None
        begun = [("", start)]
        best: Match | None = None
        for _ in range(_MOST_WORDS):
            if word is None or word.end() - word.start() > _LONGEST_WORD:
                break
            end, low = word.end(), folded[word.start() : word.end()]
            joined = text[end : end + 1] == " "
            names = [
                before + form for before, _ in begun for form in (low, *forms.first_cases(low, language))
            ]
            for name in names:
                number = self._trie.get(press.get(name, "").lower() or name)
                if number is None or (name == folded[start:end] and known is not None):
                    continue
                found = tuple(
                    c for c in self._candidates(number) if c.coarse != "ORG" or c.weight >= _RENOWNED
                )
                if not found or found[0].role not in ("name", "domestic") or found[0].weight < least:
                    continue
                if best is None or best.end < end or best.candidates[0].weight < found[0].weight:
                    bare = language == "ko" and folded.startswith(name, start)
                    best = Match(start=start, end=start + len(name) if bare else end, candidates=found)
            begun = [(f"{name} ", end + 1) for name in names if joined and self._begins(f"{name} ")]
            if not begun:
                break
            word = _FORM.match(text, begun[0][1])
        return best

    def _may_be_form(self, low: str, language: str, press: Mapping[str, str]) -> bool:
        """Whether a name, or the first word of one, may be the folded word or what it is a form of."""
        known = self._by_form.get((low, language))
        if known is None:
            names = (low, *forms.first_cases(low, language))
            known = self._by_form.put(
                (low, language),
                any(self._trie.get(press.get(name, "").lower() or name) is not None for name in names)
                or any(self._begins(f"{name} ") for name in names),
            )
        return known

    def _begins(self, letters: str) -> bool:
        """Whether a name begins with these letters."""
        return next(self._trie.iterkeys(letters), None) is not None

    def _bare_start(self, text: str, start: int, end: int, best: Candidate) -> int:
        """Where a name begins without its article or title, when it is known without it too."""
        leading = _LEADING.match(text, start, end)
        if leading is None:
            return start
        if best.coarse == "PER":
            return leading.end() if leading.group()[:3].lower() not in ("the", "pop") else start
        known = self._trie.get(fold(text[leading.end() : end]))
        if known is not None and self._candidates(known)[0].entity_id == best.entity_id:
            return leading.end()
        return start

    def _candidates(self, number: int) -> tuple[Candidate, ...]:
        known = self._by_number.get(number)
        return self._by_number.put(number, self._read(number)) if known is None else known

    def _read(self, number: int) -> tuple[Candidate, ...]:
        entity, role, weight = self._edge
        first, last = self._start[number], self._start[number + 1]
        if last == first + 1:  # nearly all names
            return (self._candidate(entity[first], ROLES[role[first]], weight[first], 1.0),)
        total = sum(weight[first:last])
        return tuple(
            self._candidate(entity[e], ROLES[role[e]], weight[e], weight[e] / total)
            for e in range(first, last)
        )

    def _candidate(self, index: int, role: str, weight: float, prior: float) -> Candidate:
        types, countries, divisions, qids, geonameids, populations, lats, lons, weights = self._columns
        qid, geonameid, lat = qids[index], geonameids[index], lats[index]
        type_, coarse = self._types[types[index]]
        wikidata_id = f"Q{qid}" if qid else None
        placed = lat == lat  # a number
        return Candidate(
            entity_id=wikidata_id or self._keys[index] or f"geonames:{geonameid}",
            type=type_,
            coarse=coarse,
            name=self._names[index],
            prior=prior,
            role=role,
            weight=weight,
            importance=importance(weights[index]),
            wikidata_id=wikidata_id,
            geonameid=geonameid or None,
            country=self._countries[countries[index]],
            admin1=self._divisions[divisions[index]],
            lat=round(lat, 5) if placed else None,
            lon=round(lons[index], 5) if placed else None,
            population=populations[index],
            founded=(self._founded[index] or None) if self._founded is not None else None,
            row=index,
        )


def _starts(text: str, begins: re.Pattern[str]) -> Iterator[int]:
    """Where a name can begin: at a word that starts with a capital, or in a script without case."""
    end = 0
    for match in begins.finditer(text):
        start = match.start() - (match.lastindex or 0)
        if start < end:
            continue  # in a run that was gone through: marks and signs part its words, not the run
        first = text[start]
        if first > "\u0e00" and is_spaceless(first):
            end = start
            while end < len(text) and is_spaceless(text[end]):
                yield end
                end += 1
        elif not first.islower() or text[start + 1 : start + 2].isupper():
            yield start


def _ends(text: str, end: int) -> bool:
    """Whether a name may end before `text[end]`."""
    after = text[end]
    return not after.isalnum() or is_spaceless(after) or not text[end - 1].isalnum()


def _spelled(candidates: tuple[Candidate, ...], surface: str, language: str) -> tuple[Candidate, ...]:
    """The candidates whose rules of spelling the surface keeps."""
    spelt = not _SPELT.isdisjoint([c.role for c in candidates])
    if not spelt and surface[1:2].islower():
        return candidates  # nearly always
    upper = surface.isupper() or surface.lower() == surface.upper()
    kept = candidates
    if spelt:
        kept = tuple(
            c
            for c in candidates
            if not (c.role in ("capitals", "postal") and not upper)
            and not (c.role == "domestic" and not upper and len(surface) <= _ABBREVIATION)
            and not (c.role == "demonym" and language not in ("en", "und"))
        )
    if upper and surface.isascii() and sum(c.isalpha() for c in surface) <= _ABBREVIATION:
        return tuple(c for c in kept if c.role in ("capitals", "postal", "domestic") or "." in surface)
    return kept
