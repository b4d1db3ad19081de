"""Which place a name means, decided for all names of a document together.

Each name starts with the weights of its bearers (roughly their population). Then names vote for each
other: a bearer gains where other names of the document have bearers in the same country, the same
first-order division and close by, and where the site's domain or the title says so. "Athens, Texas"
binds hard. A few rounds over log-linear scores settle it.

The method is the usual one of geoparsing (spatial minimality and containment: Leidner, Sinclair and
Webber 2003; Lieberman and Samet 2010 on local news); the constants were set on the visible halves of
LGL, TR-News, GWN and GeoVirus together, never for one of them.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from newsmill.knowledge.gazetteer import Candidate, Gazetteer

CUT = 0.35
"""The least score of a place: below it "Springfield" is none of the sixty."""

_Key = tuple[str, str, str]
"""Folded name, role, and the folded name of the place that it is said to lie in, or nothing."""

CUT_LARGE = 0.2
"""The same for a large place, which a text that says nothing more means."""

_LARGE = 300_000.0  # weight

_MOST = 40  # bearers of one name that are looked at
_ROUNDS = 3
_POPULATION = 0.55  # exponent of a bearer's weight
_COUNTRY, _DIVISION, _NEAR = 1.2, 2.2, 1.2
_SITE = 2.5  # for bearers in the country of the site's top-level domain
_SURE = 0.9  # prior from which a region of many countries, which no country speaks for, needs no votes
_LIKELY = 0.5  # prior from which a country is meant rather than a town in it of the same name
_BOUND = 9.0  # "Athens, Texas"
_CELL = 1.0  # degrees

_SENTENCE_END = re.compile(r"[.!?]\s")


@dataclass
class Toponym:
    """A place name in the text, with what can be seen around it."""

    start: int
    end: int
    name: str  # folded
    candidates: tuple[Candidate, ...]
    sentence: int = 0  # number of its sentence
    within: int | None = None  # index of the toponym after a comma that may contain this one
    chosen: Candidate | None = None
    score: float = 0.0


def site_votes(gazetteer: Gazetteer, url: str | None) -> tuple[str | None, list[tuple[Candidate, ...]]]:
    """What a page's host name tells: its country by the top-level domain, and cities that it names.

    >>> from newsmill.knowledge.places import _country_of_host
    >>> _country_of_host("enfield-today.co.uk")
    'GB'
    """
    if not url:
        return None, []
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", url.lower()).split("/")[0].split("@")[-1].split(":")[0]
    country = _country_of_host(host)
    labels = [p for p in re.split(r"[.-]", host.removeprefix("www.")) if p]
    votes = []
    for label in labels[:-1]:
        for begin in range(len(label)):
            if begin and len(label) - begin < 6:
                break
            bearers = gazetteer.longest(label[begin:])
            found = tuple(c for c in bearers if c.type in ("city", "admin1") and c.role == "name")
            if found:
                votes.append(found[:_MOST])
                break
            if begin == 0 and not any(label.startswith(w) for w in ("the", "my", "daily", "north", "south")):
                break
    return country, votes


def _country_of_host(host: str) -> str | None:
    last = host.rsplit(".", 1)[-1]
    if len(last) != 2 or last in (
        "tv",
        "io",
        "co",
        "me",
        "eu",
        "fm",
        "ai",
        "cc",
        "ws",
        "la",
        "ly",
        "to",
        "gg",
    ):
        return None
    return "GB" if last == "uk" else last.upper()


def resolve(
    toponyms: Sequence[Toponym],
    *,
    country: str | None = None,
    votes: Iterable[tuple[Candidate, ...]] = (),
) -> None:
    """Choose a bearer for each toponym, in place: sets `chosen` and `score` (0–1); none below `CUT`.

    Args:
        toponyms: In the order of the text.
        country: The country of the site, ISO 3166-1 alpha-2.
        votes: Bearers of names that speak for a place without standing in the text.
    """
    keys = _keys(toponyms)
    names = _by_name(toponyms, keys)
    everyone = [*names.values(), *(_Name(tuple(v), 2.0) for v in votes)]
    evidence = _Evidence()
    for name in everyone:
        name.start(country)
        evidence.add(name, 1.0)
    for _ in range(_ROUNDS):
        for name in everyone:
            if len(name.bearers) > 1:
                evidence.add(name, -1.0)
                name.update(evidence)
                evidence.add(name, 1.0)
    for toponym, key in zip(toponyms, keys, strict=True):
        name = names[key]
        best = max(range(len(name.belief)), key=lambda i: (name.belief[i], -i))
        toponym.score = name.sureness(best)
        large = name.bearers[best].weight >= _LARGE
        toponym.chosen = name.bearers[best] if toponym.score >= (CUT_LARGE if large else CUT) else None


class _Name:
    """All mentions of one name: they mean one place."""

    def __init__(self, bearers: tuple[Candidate, ...], count: float) -> None:
        best = bearers[0]
        region = best.country is None and best.prior >= _SURE
        if best.type == "country" and best.prior >= _LIKELY:  # what speaks for its capital speaks for it
            bearers = (best, *(b for b in bearers[1:] if b.country != best.country))
        self.bearers = bearers[: 1 if region else _MOST]
        self.count = count
        self.bonus = [0.0] * len(self.bearers)
        self.belief: list[float] = []
        self.own: list[float] = []  # score without any other name
        self.where: list[tuple[str, tuple[str, str] | None, tuple[tuple[int, int], ...]]] = []

    def start(self, country: str | None) -> None:
        """Believe in the bearers by their own weight, and the site's country."""
        self.own = [
            _POPULATION * math.log(max(b.weight, 1.0))
            + bonus
            + (_SITE if country is not None and b.country == country else 0.0)
            for b, bonus in zip(self.bearers, self.bonus, strict=True)
        ]
        self.where = [(b.country or "", _division(b), _cells(b)) for b in self.bearers]
        self.belief = _shares(self.own)

    def tell_apart(self, other: _Name) -> None:
        """Believe less in what the same name means where it is qualified, more in the first other."""
        self.bonus = [
            -_BOUND if bound > 0.0 else own for own, bound in zip(self.bonus, other.bonus, strict=True)
        ]
        first = next((i for i, bonus in enumerate(self.bonus) if bonus == 0.0), None)
        if first is not None:
            self.bonus[first] = _SITE

    def update(self, others: _Evidence) -> None:
        """Believe anew, given what the other names say."""
        countries, divisions, cells = others.countries, others.divisions, others.cells
        scores = []
        for own, (country, division, near) in zip(self.own, self.where, strict=True):
            score = own + _COUNTRY * math.log1p(max(0.0, countries.get(country, 0.0)))
            if division is not None:
                score += _DIVISION * math.log1p(max(0.0, divisions.get(division, 0.0)))
            if near:
                score += _NEAR * math.log1p(max(0.0, cells.get(near[0], 0.0)))
            scores.append(score)
        self.belief = _shares(scores)

    def sureness(self, best: int) -> float:
        """Belief in a bearer, and in those that are nearly the same: a city, its canton and its district."""
        spot = self.bearers[best]
        return sum(
            belief
            for bearer, belief in zip(self.bearers, self.belief, strict=True)
            if bearer is spot or (_division(bearer) == _division(spot) and _is_beside(bearer, spot))
        )


class _Evidence:
    """How much the names of a document speak for countries, divisions and neighbourhoods."""

    def __init__(self) -> None:
        self.countries: dict[str, float] = defaultdict(float)
        self.divisions: dict[tuple[str, str], float] = defaultdict(float)
        self.cells: dict[tuple[int, int], float] = defaultdict(float)

    def add(self, name: _Name, sign: float) -> None:
        """Add what a name says, or take it back; a bearer speaks for its cell and the eight around it."""
        strength, cells = sign * math.sqrt(name.count), self.cells
        for (country, division, near), belief in zip(name.where, name.belief, strict=True):
            if belief < 0.03:
                continue
            amount = strength * belief
            if country:
                self.countries[country] += amount
            if division is not None:
                self.divisions[division] += amount
            for cell in near:
                cells[cell] += amount


def _shares(scores: list[float]) -> list[float]:
    """Softmax."""
    top = max(scores)
    shares = [math.exp(s - top) for s in scores]
    total = sum(shares)
    return [s / total for s in shares]


def _division(bearer: Candidate) -> tuple[str, str] | None:
    return (bearer.country or "", bearer.admin1) if bearer.admin1 else None


def _is_beside(one: Candidate, other: Candidate) -> bool:
    """Whether two places are within half a degree."""
    if one.lat is None or one.lon is None or other.lat is None or other.lon is None:
        return False
    return abs(one.lat - other.lat) < 0.5 and abs(one.lon - other.lon) < 0.5


_AROUND = tuple((dy, dx) for dy in (0, -1, 1) for dx in (0, -1, 1))


def _cells(bearer: Candidate) -> tuple[tuple[int, int], ...]:
    """The cell that a place lies in, then the eight around it; none for what is no spot."""
    if bearer.lat is None or bearer.lon is None or bearer.type not in ("city", "admin2", "airport"):
        return ()
    y, x = math.floor(bearer.lat / _CELL), math.floor(bearer.lon / _CELL)
    return tuple([(y + dy, x + dx) for dy, dx in _AROUND])


def _keys(toponyms: Sequence[Toponym]) -> list[_Key]:
    """By toponym, what has one sense with it: its name, and the place that one of them is said to lie in.

    A qualifier binds its own mention and those after it, up to the next one. Mentions before the first one
    take its sense too, but for one in the same sentence, which it is told apart from.
    """
    within = [toponyms[t.within].name if t.within is not None else "" for t in toponyms]
    first: dict[tuple[str, str], int] = {}
    for index, toponym in enumerate(toponyms):
        if within[index]:
            first.setdefault((toponym.name, toponym.candidates[0].role), index)
    last: dict[tuple[str, str], str] = {}
    keys = []
    for index, toponym in enumerate(toponyms):
        name = toponym.name, toponym.candidates[0].role
        if within[index]:
            last[name] = within[index]
        elif name in first and index < first[name]:
            bound = toponyms[first[name]]
            last[name] = "" if bound.sentence == toponym.sentence else within[first[name]]
        keys.append((*name, last.get(name, "")))
    return keys


def _by_name(toponyms: Sequence[Toponym], keys: Sequence[_Key]) -> dict[_Key, _Name]:
    names: dict[_Key, _Name] = {}
    for toponym, key in zip(toponyms, keys, strict=True):
        name = names.get(key)
        if name is None:
            name = names[key] = _Name(toponym.candidates, 0.0)
        name.count += 1.0
    for toponym, key in zip(toponyms, keys, strict=True):
        if toponym.within is not None:
            _bind(names[key], names[keys[toponym.within]])
            if other := names.get((*key[:2], "")):
                other.tell_apart(names[key])
    return names


def _bind(inner: _Name, outer: _Name) -> None:
    """Let "Athens, Texas" count for the bearers of both names that fit each other."""
    areas = [_area(b) for b in outer.bearers]
    held = {within for b in inner.bearers for within in _within(b)}
    for i, bearer in enumerate(inner.bearers):
        if not _within(bearer).isdisjoint(areas):
            inner.bonus[i] = _BOUND
    for j, area in enumerate(areas):
        if area in held:
            outer.bonus[j] = max(outer.bonus[j], _BOUND / 2)


def _area(bearer: Candidate) -> tuple[str, str] | None:
    """What a country or first-order division is an area of: (country, division or "")."""
    if bearer.country is None or bearer.type not in ("country", "admin1"):
        return None
    return bearer.country, (bearer.admin1 or "?") if bearer.type == "admin1" else ""


def _within(bearer: Candidate) -> set[tuple[str, str] | None]:
    """The areas that a place lies in."""
    if bearer.country is None or bearer.type == "country":
        return set()
    areas: set[tuple[str, str] | None] = {(bearer.country, "")}
    if bearer.admin1 and bearer.type != "admin1":
        areas.add((bearer.country, bearer.admin1))
    return areas


def comma_pairs(text: str, toponyms: Sequence[Toponym]) -> None:
    """Set `sentence`, and `within` where a place that holds the toponym follows: "Athens, Texas"."""
    sentence = position = 0
    for index, toponym in enumerate(toponyms):
        sentence += len(_SENTENCE_END.findall(text, position, toponym.start))
        position = max(position, toponym.end)
        toponym.sentence = sentence
        if index + 1 == len(toponyms):
            break
        after = toponyms[index + 1]
        if text[toponym.end : after.start] in (", ", " ,", ",", " (", ", in ", " , ", " in "):
            areas = [a for a in map(_area, after.candidates[:_MOST]) if a is not None]
            if areas and any(not _within(c).isdisjoint(areas) for c in toponym.candidates[:_MOST]):
                toponym.within = index + 1
