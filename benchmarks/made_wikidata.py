"""A dump in the form of Wikidata's, made by rule: people, places, bodies and works with homonyms.

The form is the real one: one item a line, claims with references, hashes and ids, sitelinks at the end, empty
objects as `[]`. Names are given names with family names, frequent ones often; towns of the knowledge base;
bodies and works named after both. The same seed gives the same bytes. Nothing in it is true.

Usage: python benchmarks/made_wikidata.py FILE.json.gz|FILE.json.bz2 [--items 200000] [--seed 1]
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.recognisers.cues import first_names, surnames

FIRST_ID = 200_000_000
"""Ids of made items begin here: no real item has one."""

FLAT = 20
"""Names that are about as frequent as the first one."""

CLASSES = {
    FIRST_ID - 1: 515, FIRST_ID - 2: 4830453, FIRST_ID - 3: 11424, FIRST_ID - 4: 476028,
}  # fmt: skip
"""Classes of the dump's own, and the class above each: city, business, film, football club."""

JOBS = {
    "politician": (82955, "Member of parliament"), "basketball player": (3665646, "Point guard"),
    "singer": (177220, "Songwriter"), "footballer": (937857, "Midfielder"), "novelist": (36180, "Author"),
    "actor": (33999, "Screen performer"), "general": (189290, "Army officer"),
    "banker": (43845, "Executive"), "economist": (188094, "Professor"), "painter": (1028181, "Artist"),
}  # fmt: skip
COUNTRIES = {
    "American": (30, "US"), "British": (145, "GB"), "French": (142, "FR"), "German": (183, "DE"),
    "Italian": (38, "IT"), "Spanish": (29, "ES"), "Canadian": (16, "CA"), "Indian": (668, "IN"),
    "Australian": (408, "AU"), "Brazilian": (155, "BR"), "Nigerian": (1033, "NG"), "Japanese": (17, "JP"),
}  # fmt: skip
TRADES = (
    "Steel Energy Foods Airlines Insurance Textiles Motors Software Chemicals Shipping Bank Media".split()
)
TITLES = "River Night Silence Garden Winter Road Stranger Light Bridge Summer Promise Shadow Return".split()
_LATIN = "es de fr it pt nl pl sv da nb fi cs hu ro tr id vi ca eu".split()
_LETTERS = {
    "ru": "абцдефгхийклмнопкрстувкксуз",
    "uk": "абцдефгхійклмнопкрстувкксиз",
    "ar": "ابصدعفغهيجكلمنوبقرستعفوخيز",
    "fa": "ابصدعفگهیجکلمنوپقرستعفوخیز",
    "zh": "阿巴查达埃法加哈伊贾卡拉马纳奥帕奎拉萨塔乌瓦沃克亚扎",
    "ja": "アバカダエファガハイジャクルムナオパカラサタウ",
    "ko": "아바카다에파가하이자크라마나오파쿠라사타우바와크야자",
}


class Maker:
    """Makes items, the same for the same seed."""

    def __init__(self, items: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._items = items
        gazetteer = Gazetteer.open(knowledge_base())
        towns = sorted(
            (row for row in gazetteer.entries() if row.type == "city" and row.population > 20_000),
            key=lambda row: -row.population,
        )
        self._towns = [row for row in towns if row.name.isascii()]
        by_country: dict[str, list[str]] = {}
        for row in self._towns:
            by_country.setdefault(row.country, []).append(row.name)
        self.cities = {code: names[:20] for code, names in by_country.items()}
        self._given = [name.title() for name in sorted(first_names()) if name.isascii()]
        self._family = [name.title() for name in sorted(surnames()) if name.isascii()]
        for names in (self._given, self._family):
            self._random.shuffle(names)

    def items(self) -> Iterator[dict[str, Any]]:
        """The dump's items, classes first."""
        for class_, above in CLASSES.items():
            yield self._item(class_, f"made class {class_}", [], "class", {"P279": [above]}, links=0)
        kinds = (self._person, self._town, self._company, self._club, self._work, self._paper)
        for number in range(self._items - len(CLASSES)):
            kind = self._random.choices(kinds, (15, 4, 3, 2, 3, 73))[0]
            yield kind(FIRST_ID + number)

    def _frequent(self, names: list[str]) -> str:
        """A name, the first ones more often: of 100 people some 40 bear one of the 200 most frequent ones."""
        return names[int(FLAT * ((len(names) / FLAT) ** self._random.random() - 1))]

    def _links(self) -> int:
        return min(300, int(4 * self._random.paretovariate(0.9)))

    def _person(self, qid: int) -> dict[str, Any]:
        given, family = self._frequent(self._given), self._frequent(self._family)
        people, (country, _) = self._random.choice(list(COUNTRIES.items()))
        job, (occupation, _) = self._random.choice(list(JOBS.items()))
        also = [f"{given} {self._random.choice('ABCDEFGHJKLM')}. {family}", family]
        claims = {"P31": [5], "P27": [country], "P106": [occupation]}
        if job == "politician":
            claims["P39"] = [FIRST_ID + 7]
        return self._item(qid, f"{given} {family}", also, f"{people} {job}", claims, links=self._links())

    def _town(self, qid: int) -> dict[str, Any]:
        town = self._random.choice(self._towns)
        name = self._random.choice((town.name, f"{self._frequent(self._family)}ville", f"Mount {town.name}"))
        country = next((q for q, code in COUNTRIES.values() if code == town.country), 30)
        claims = {"P31": [FIRST_ID - 1 if "Mount" not in name else 8502], "P17": [country]}
        point = (town.lat + self._random.uniform(1, 3), town.lon)
        return self._item(qid, name, [], "place", claims, links=self._links(), point=point)

    def _company(self, qid: int) -> dict[str, Any]:
        people, (country, _) = self._random.choice(list(COUNTRIES.items()))
        base, trade = self._frequent(self._family), self._random.choice(TRADES)
        also = [f"{base} {trade} Inc.", base, f"{base[0]}{trade[0]}C"]
        claims = {"P31": [FIRST_ID - 2], "P17": [country]}
        words = f"{people} {trade.lower()} company"
        return self._item(qid, f"{base} {trade}", also, words, claims, links=self._links(), founded=1950)

    def _club(self, qid: int) -> dict[str, Any]:
        town = self._random.choice(self._towns[:800])
        claims = {"P31": [FIRST_ID - 4]}
        return self._item(
            qid, f"{town.name} F.C.", [town.name, f"{town.name} United"], "association football club", claims,
            links=self._links(), founded=1901,
        )  # fmt: skip

    def _work(self, qid: int) -> dict[str, Any]:
        words = self._random.sample(TITLES, 2)
        name = self._random.choice((f"The {words[0]}", f"{words[0]} {words[1]}", self._frequent(self._given)))
        claims = {"P31": [FIRST_ID - 3]}
        return self._item(qid, name, [], "2004 film", claims, links=self._links(), founded=2004)

    def _paper(self, qid: int) -> dict[str, Any]:
        """An item that nobody reads about: most of the real dump."""
        words = " ".join(self._random.sample(TITLES, 4)).lower()
        claims = {"P31": [13442814], "P50": [FIRST_ID + self._random.randrange(1000) for _ in range(6)]}
        return self._item(qid, f"On the {words} of cells", [], "scholarly article", claims, links=0)

    def _item(
        self,
        qid: int,
        name: str,
        also: list[str],
        words: str,
        claims: dict[str, list[int]],
        *,
        links: int,
        point: tuple[float, float] | None = None,
        founded: int | None = None,
    ) -> dict[str, Any]:
        languages = ["en", *self._random.sample(_LATIN, min(links, len(_LATIN)))]
        labels = {code: {"language": code, "value": name} for code in languages}
        for code, letters in list(_LETTERS.items())[: links // 4]:
            written = "".join(
                letters[(ord(c) - 97) % len(letters)] if "a" <= c <= "z" else c for c in name.lower()
            )
            labels[code] = {"language": code, "value": written}
        statements: dict[str, Any] = {
            prop: [self._statement(qid, prop, self._entity(target)) for target in targets]
            for prop, targets in claims.items()
        }
        if point is not None:
            value = {"latitude": point[0], "longitude": point[1], "altitude": None, "precision": 0.0001,
                     "globe": "http://www.wikidata.org/entity/Q2"}  # fmt: skip
            statements["P625"] = [self._statement(qid, "P625", {"value": value, "type": "globecoordinate"})]
        if founded is not None:
            value = {"time": f"+{founded}-00-00T00:00:00Z", "timezone": 0, "before": 0, "after": 0,
                     "precision": 9, "calendarmodel": "http://www.wikidata.org/entity/Q1985727"}  # fmt: skip
            statements["P571"] = [self._statement(qid, "P571", {"value": value, "type": "time"})]
        for number in range(8 + min(links, 60) // 2):
            prop = f"P{3000 + number}"
            value = {"value": f"{self._random.getrandbits(36):x}", "type": "string"}
            statements[prop] = [self._statement(qid, prop, value)]
        title = name.replace(" ", "_")
        sitelinks = {
            f"{code}wiki": {"site": f"{code}wiki", "title": title, "badges": []}
            for code in (f"l{n:03}" if n else "en" for n in range(links))
        }
        return {
            "type": "item", "id": f"Q{qid}", "labels": labels,
            "descriptions": {"en": {"language": "en", "value": words}},
            "aliases": {"en": [{"language": "en", "value": n} for n in also]} if also else [],
            "claims": statements, "sitelinks": sitelinks or [], "pageid": qid, "ns": 0, "title": f"Q{qid}",
            "lastrevid": self._random.getrandbits(31), "modified": "2026-01-05T11:22:33Z",
        }  # fmt: skip

    @staticmethod
    def _entity(target: int) -> dict[str, Any]:
        value = {"entity-type": "item", "numeric-id": target, "id": f"Q{target}"}
        return {"value": value, "type": "wikibase-entityid"}

    def _statement(self, qid: int, prop: str, value: dict[str, Any]) -> dict[str, Any]:
        snak = {"snaktype": "value", "property": prop, "datavalue": value, "datatype": value["type"]}
        number = self._random.getrandbits(128)
        source = {
            "snaktype": "value", "property": "P248", "hash": f"{number // 3:040x}",
            "datatype": "wikibase-item", "datavalue": self._entity(number % 90_000_000),
        }  # fmt: skip
        reference = {"hash": f"{number:040x}", "snaks-order": ["P248"], "snaks": {"P248": [source]}}
        return {
            "mainsnak": snak, "type": "statement", "id": f"Q{qid}${number:032X}", "rank": "normal",
            "references": [reference],
        }  # fmt: skip


def write(path: Path, items: int, seed: int) -> None:
    """Write a dump; the name's end tells how it is compressed."""
    with _opened(path) as file:
        file.write(b"[\n")
        for number, item in enumerate(Maker(items, seed).items()):
            line = json.dumps(item, separators=(",", ":")).encode()
            file.write((b",\n" if number else b"") + line)
        file.write(b"\n]\n")


def _opened(path: Path) -> bz2.BZ2File | gzip.GzipFile:
    if path.suffix == ".bz2":
        return bz2.BZ2File(path, "wb")
    return gzip.GzipFile(path, "wb", mtime=0, compresslevel=6)


def main() -> None:
    """Write a dump."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    write(told.file, told.items, told.seed)


if __name__ == "__main__":
    main()
