"""Which place a name means, decided for all names of a document together.

Each name starts with the weights of its bearers (roughly their population). Then names vote for each
other: a bearer gains where other names of the document have bearers in the same country, the same
first-order division and close by, and where the site's domain says so. "Athens, Texas" binds
hard. A few rounds settle it; it is expectation and maximisation over log-linear scores, with every
term readable in `explain`.

The method is the usual one of geoparsing (spatial minimality and containment: Leidner, Sinclair and
Webber 2003; Lieberman and Samet 2010 on local news); the constants were set on the visible halves of
LGL, TR-News, GWN and GeoVirus together, never for one of them.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from newsmill.knowledge.gazetteer import Candidate, Gazetteer, Match
from newsmill.knowledge.names import fold

_MOST = 40  # bearers of one name that are looked at
_ROUNDS = 3
_POPULATION = 0.55  # exponent of a bearer's weight
_COUNTRY, _DIVISION, _NEAR = 1.0, 1.5, 0.9
_BOUND = 9.0  # "Athens, Texas"
_CELL = 1.0  # degrees

_GENERIC_DOMAIN = frozenset(
    "news times press daily today post live online local media world standard county".split()
)


@dataclass
class Toponym:
    """A place name in the text, with what can be seen around it."""

    start: int
    end: int
    name: str  # folded
    candidates: tuple[Candidate, ...]
    within: int | None = None  # index of the toponym after a comma that may contain this one
    chosen: Candidate | None = None
    score: float = 0.0
    belief: dict[str, float] = field(default_factory=dict)


def place_candidates(match: Match) -> tuple[Candidate, ...]:
    """The bearers of a matched name that are places."""
    return tuple(c for c in match.candidates if c.coarse == "LOC")


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
    """Choose a bearer for each toponym, in place: sets `chosen` and `score` (0–1).

    Args:
        toponyms: In the order of the text.
        country: The country of the site, ISO 3166-1 alpha-2.
        votes: Bearers of names that speak for a place without standing in the text.
    """
    names = _by_name(toponyms)
    silent = [_Name(tuple(v), 2.0) for v in votes]
    for round_ in range(_ROUNDS + 1):
        evidence = _Evidence.of([*names.values(), *silent])
        for name in (*names.values(), *silent):
            name.update(evidence, country, first=round_ == 0)
    for toponym in toponyms:
        name = names[_name_key(toponym)]
        if name.belief:
            best = max(range(len(name.belief)), key=lambda i: (name.belief[i], -i))
            toponym.chosen, toponym.score = name.bearers[best], name.belief[best]


def _name_key(toponym: Toponym) -> tuple[str, str]:
    return toponym.name, toponym.candidates[0].role


class _Name:
    """All mentions of one name: they mean one place."""

    def __init__(self, bearers: tuple[Candidate, ...], count: float) -> None:
        self.bearers = bearers[:_MOST]
        self.count = count
        self.bonus = [0.0] * len(self.bearers)
        self.belief: list[float] = []

    def update(self, evidence: _Evidence, country: str | None, *, first: bool) -> None:
        scores = []
        own = evidence.without(self)
        for bearer, bonus in zip(self.bearers, self.bonus, strict=True):
            score = _POPULATION * math.log(max(bearer.weight, 1.0)) + bonus
            if country is not None and bearer.country == country:
                score += 1.5
            if not first:
                score += _COUNTRY * math.log1p(own.country(bearer))
                score += _DIVISION * math.log1p(own.division(bearer))
                score += _NEAR * math.log1p(own.near(bearer))
            scores.append(score)
        if scores:
            top = max(scores)
            shares = [math.exp(s - top) for s in scores]
            total = sum(shares)
            self.belief = [s / total for s in shares]


class _Evidence:
    """How much the names of a document speak for countries, divisions and neighbourhoods."""

    def __init__(self) -> None:
        self.countries: dict[str, float] = defaultdict(float)
        self.divisions: dict[tuple[str, str], float] = defaultdict(float)
        self.cells: dict[tuple[int, int], float] = defaultdict(float)

    @classmethod
    def of(cls, names: Iterable[_Name]) -> _Evidence:
        evidence = cls()
        for name in names:
            evidence.add(name, 1.0)
        return evidence

    def add(self, name: _Name, sign: float) -> None:
        strength = sign * math.sqrt(name.count)
        for bearer, belief in zip(name.bearers, name.belief, strict=False):
            if belief < 0.01:
                continue
            amount = strength * belief
            if bearer.country:
                self.countries[bearer.country] += amount
                if bearer.admin1:
                    self.divisions[bearer.country, bearer.admin1] += amount
            if (
                bearer.lat is not None
                and bearer.lon is not None
                and bearer.type in ("city", "admin2", "airport")
            ):
                self.cells[_cell(bearer)] += amount

    def without(self, name: _Name) -> _Others:
        return _Others(self, name)


class _Others:
    """The evidence less what one name itself put in."""

    def __init__(self, evidence: _Evidence, name: _Name) -> None:
        self._all = evidence
        self._own = _Evidence.of([name])

    def country(self, bearer: Candidate) -> float:
        code = bearer.country or ""
        return max(0.0, self._all.countries.get(code, 0.0) - self._own.countries.get(code, 0.0))

    def division(self, bearer: Candidate) -> float:
        if not bearer.admin1:
            return 0.0
        where = (bearer.country or "", bearer.admin1)
        return max(0.0, self._all.divisions.get(where, 0.0) - self._own.divisions.get(where, 0.0))

    def near(self, bearer: Candidate) -> float:
        if bearer.lat is None or bearer.type not in ("city", "admin2", "airport"):
            return 0.0
        y, x = _cell(bearer)
        total = 0.0
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                where = (y + dy, x + dx)
                total += self._all.cells.get(where, 0.0) - self._own.cells.get(where, 0.0)
        return max(0.0, total)


def _cell(bearer: Candidate) -> tuple[int, int]:
    assert bearer.lat is not None
    assert bearer.lon is not None
    return math.floor(bearer.lat / _CELL), math.floor(bearer.lon / _CELL)


def _by_name(toponyms: Sequence[Toponym]) -> dict[tuple[str, str], _Name]:
    names: dict[tuple[str, str], _Name] = {}
    for toponym in toponyms:
        name = names.get(_name_key(toponym))
        if name is None:
            name = names[_name_key(toponym)] = _Name(toponym.candidates, 0.0)
        name.count += 1.0
    for toponym in toponyms:
        if toponym.within is not None:
            _bind(names[_name_key(toponym)], names[_name_key(toponyms[toponym.within])])
    return names


def _bind(inner: _Name, outer: _Name) -> None:
    """Let "Athens, Texas" count for the bearers of both names that fit each other."""
    fits_outer = set()
    for i, bearer in enumerate(inner.bearers):
        for j, around in enumerate(outer.bearers):
            if contains(around, bearer):
                inner.bonus[i] = _BOUND
                fits_outer.add(j)
    for j in fits_outer:
        outer.bonus[j] = max(outer.bonus[j], _BOUND / 2)


def contains(around: Candidate, inner: Candidate) -> bool:
    """Whether one place lies in another by country and division."""
    if around.country is None or around.country != inner.country or around.entity_id == inner.entity_id:
        return False
    if around.type == "country":
        return inner.type != "country"
    if around.type in ("admin1", "region"):
        return (
            bool(around.admin1) and around.admin1 == inner.admin1 and inner.type not in ("admin1", "country")
        )
    return False


def comma_pairs(text: str, toponyms: Sequence[Toponym]) -> None:
    """Set `within` where a toponym is followed by a comma and another one: "Athens, Texas"."""
    for index, toponym in enumerate(toponyms[:-1]):
        after = toponyms[index + 1]
        between = text[toponym.end : after.start]
        if between in (", ", " ,", ",", " (", ", in ", " , ") and any(
            contains(a, c) for c in toponym.candidates[:_MOST] for a in after.candidates[:_MOST]
        ):
            toponym.within = index + 1


def folded_name(text: str, start: int, end: int) -> str:
    """The folded surface form of a stretch of text."""
    return fold(text[start:end])
