"""A made-up week of a country's press in a lake: 40 outlets, 4 wires, copies, places, and hostile titles.

All figures come from one seed. Rows are written as the lake writes them, without running the pipeline.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from newsmill.config import LakeConfig
from newsmill.lake import files, sketch_rows
from newsmill.lake.schemas import TABLES
from newsmill.lake.writer import Lake
from newsmill.records import OffsetRange

START = int(datetime(2026, 11, 9, tzinfo=UTC).timestamp()) * 1_000_000
HOUR = 3_600_000_000
HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "</title></style><svg onload=document.title='owned'>",
    "{{ 7*7 }} ${7*7} <%= 7*7 %>",
    "\u202ereversed\u202c \x07bell <!-- -->",
)
WIRES = ("Meridian Wire", "Agence Corvin", "Nordfunk", "Pampas Press")
OUTLETS = tuple(
    f"{name}.example"
    for name in """northgate-courier saltmarsh-post deltaobserver coastline-daily savanna-times alpenkurier
    rheinbote lafeuille confluence-hebdo diariodelpuerto noticias-andinas nahr-news bahr-daily aoba-shimpo
    kita-news tagus-letter adriatic-review nightdesk portellison boersenblick clydeledger furka-dispatch
    fjordposten lindau-anzeiger le-phare-du-nord eco-cordillera sahil-press harbour-gazette moorland-echo
    isar-morgen la-voz-del-valle quai-29 midnight-sun-times plateau-courier estuary-record citadel-news
    island-packet old-bridge-weekly grain-exchange-daily lantern-post""".split()
)
LANGUAGES = {"en": 52, "de": 16, "fr": 11, "es": 9, "ar": 6, "ja": 4, "pt": 3, "tr": 2, "uk": 1, "und": 1}
PLACES: tuple[tuple[str, str, float, float], ...] = (
    *(("Rotterdam", "NL", 51.92, 4.48), ("Nairobi", "KE", -1.29, 36.82), ("Zürich", "CH", 47.37, 8.54)),
    *(("Hamburg", "DE", 53.55, 9.99), ("Marseille", "FR", 43.3, 5.37), ("Lyon", "FR", 45.76, 4.84)),
    *(("Valparaíso", "CL", -33.05, -71.62), ("Amman", "JO", 31.95, 35.93), ("Alexandria", "EG", 31.2, 29.92)),
    *(("Sendai", "JP", 38.27, 140.87), ("Lisbon", "PT", 38.72, -9.14), ("Lecce", "IT", 40.35, 18.17)),
    *(("Glasgow", "GB", 55.86, -4.25), ("Berlin", "DE", 52.52, 13.4), ("Brussels", "BE", 50.85, 4.35)),
    *(("Mombasa", "KE", -4.05, 39.67), ("Santiago", "CL", -33.45, -70.67), ("Kyiv", "UA", 50.45, 30.52)),
    *(("New York", "US", 40.71, -74.0), ("Washington", "US", 38.9, -77.04), ("Beijing", "CN", 39.9, 116.4)),
    *(("Delhi", "IN", 28.65, 77.23), ("Sydney", "AU", -33.87, 151.2), ("São Paulo", "BR", -23.55, -46.63)),
    *(("Lagos", "NG", 6.45, 3.4), ("Jakarta", "ID", -6.2, 106.85), ("Mexico City", "MX", 19.43, -99.13)),
    *(("Ankara", "TR", 39.93, 32.86), ("Cape Town", "ZA", -33.92, 18.42), ("Toronto", "CA", 43.7, -79.4)),
)
PEOPLE = (
    *("Marit Oosterhuis", "Wanjiru Njuguna", "Henriette Zumbrunn", "Solenne Martorell", "Baltasar Pizarro"),
    *("Selma Darwish", "Ryotaro Kikuchi", "Inês Caldeira", "Leopold Zgraggen", "Donato Mezzapesa"),
)
BODIES = (
    *(
        "European Commission",
        "World Health Organization",
        "Port of Rotterdam",
        "Alpenschlaf",
        "United Nations",
    ),
    *(
        "University of Bari",
        "Karibu Digital Rights Centre",
        "Canton of Uri",
        "Elbtal Pharma",
        "African Union",
    ),
)
SUBJECTS = "Harbour Council Glacier Tram Ferry Library Harvest Court Clinic Observatory Tower Lock".split()
VERBS = (
    "reopens after",
    "fights over",
    "saves",
    "outgrows",
    "pays for",
    "surprises",
    "waits for",
    "measures",
)
OBJECTS = (
    "six years of delay",
    "its neighbours",
    "the last bakery",
    "a winter of rain",
    "the city",
    "volunteers",
)


def fill(root: Path, *, records: int, hours: int = 168) -> None:
    """Make a lake with about so many records a week: a batch each six hours, more of them by day."""
    lake = Lake.open(LakeConfig(path=str(root)))
    press = _Press(random.Random(7))
    start = 0
    for hour in range(0, hours, 6):
        end = start + round(records / 28 * (1 - 0.6 * math.cos((hour - 2) % 24 / 24 * math.tau)))
        slices = [OffsetRange(topic="pages", partition=0, start=start, end=end, records=end - start, bytes=0)]
        begun = lake.begin(slices, now=START + hour * HOUR)
        made = press.batch(begun.ingested_at, start, end)
        lake.commit(
            begun,
            [
                files.write(str(root), table, rows, ingested_at=begun.ingested_at)
                for table, rows in made.items()
                if rows.num_rows
            ],
        )
        start = end
    lake.release()


class _Press:
    """Writes pages; remembers recent stories, to copy them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._recent: list[dict[str, Any]] = []
        self._weights = [1 / (n + 2) ** 0.8 for n in range(len(OUTLETS))]

    def batch(self, at: int, start: int, end: int) -> dict[str, pa.Table]:
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("articles", "quarantine", "fate")}
        for offset in range(start, end):
            self._record(at, offset, rows)
        rows["cluster_events"] = [_event(article, seq) for seq, article in enumerate(rows["articles"])]
        made = {n: pa.Table.from_pylist(found, schema=TABLES[n].arrow) for n, found in rows.items()}
        return made | {"copy_sketches": sketch_rows.of_articles(made["articles"])}

    def _record(self, at: int, offset: int, rows: dict[str, list[dict[str, Any]]]) -> None:
        rng = self._rng
        (domain,) = rng.choices(OUTLETS, self._weights)
        chance = rng.random()
        place = {"topic": "pages", "partition": 0, "offset": offset}
        recorded = at - round(rng.lognormvariate(3.6, 0.8) * 1e6)
        fate = {**place, "recorded_at": recorded, "bytes": rng.randint(20_000, 250_000), "ingested_at": at}
        fate |= {"url": f"https://{domain}/{offset}", "domain": domain}
        if chance < 0.09:
            reasons = ("section_page", "consent_page", "error_page", "no_text", "gallery")
            fate |= {"fate": "not_article", "reason": rng.choices(reasons, (50, 18, 14, 12, 6))[0]}
        elif chance < 0.10:
            fate |= {"fate": "withheld", "reason": "takedown"}
        elif chance < 0.112:
            codes = ("E_DECODE", "E_TIMEOUT", "E_NESTING", "E_SCHEMA", "E_DECOMP")
            code = rng.choices(codes, (40, 25, 15, 12, 8))[0]
            stage = "decode" if code in ("E_SCHEMA", "E_DECOMP") else "extract"
            fate |= {"fate": "quarantined", "reason": code, "stage": stage}
            rows["quarantine"].append(self._quarantined(fate, code, stage))
        elif chance < 0.16:
            fate |= {"fate": "redelivery", "article_id": _id(offset)}
        else:
            article = self._article(place, domain, at, recorded, offset)
            rows["articles"].append(article)
            fate |= {
                "fate": article["fate"],
                "article_id": article["article_id"],
                "revision": article["revision"],
            }
        rows["fate"].append(fate)

    def _quarantined(self, fate: dict[str, Any], code: str, stage: str) -> dict[str, Any]:
        names = ("topic", "partition", "offset", "recorded_at", "url", "ingested_at")
        head = self._rng.choice(
            (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3", b"<html><script>document.title='owned'</script>")
        )
        return {name: fate[name] for name in names} | {
            "payload": head + b"\x00" * 200,
            "payload_bytes": fate["bytes"],
            "stage": stage,
            "code": code,
            "message": f"{HOSTILE[1]} is no page" if code == "E_DECODE" else f"made up for {code}",
            "stack": "",
            "attempts": 1,
            "pipeline_version": "0",
            "schema_version": 1,
        }

    def _article(
        self, place: dict[str, Any], domain: str, at: int, recorded: int, offset: int
    ) -> dict[str, Any]:
        rng = self._rng
        (lang,) = rng.choices(list(LANGUAGES), list(LANGUAGES.values()))
        own = _id(offset)
        title = f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)}"
        if rng.random() < 0.002 or offset < 40:
            title = rng.choice(HOSTILE)
        redesigned = domain == OUTLETS[4] and at > START + 110 * HOUR
        row: dict[str, Any] = {
            "article_id": own,
            "revision": 1,
            "fate": "article",
            "content_hash": own,
            **place,
            "published_at": None
            if redesigned or rng.random() < 0.04
            else recorded - rng.randint(60, 9000) * 1_000_000,
            "recorded_at": recorded,
            "ingested_at": at,
            "url": f"https://{domain}/{offset}",
            "url_key": f"https://{domain}/{offset}",
            "domain": domain,
            "title": title,
            "body_chars": max(80, round((300 if redesigned else 2600) * rng.lognormvariate(0, 0.6))),
            "authors": ["A. Writer"] if rng.random() < 0.7 else [],
            "is_accessible_for_free": False if rng.random() < 0.06 else None,
            "lang": lang,
            "lang_confidence": 0.99,
            "lang_method": "langdetect",
            "lang_disagrees": rng.random() < 0.02,
            "completeness": min(1.0, rng.gauss(0.94, 0.08)),
            "rights": {"reserved": rng.random() < 0.05, "noai": False},
            "extraction": {
                "method": rng.choices(("trafilatura", "json_ld", "resiliparse"), (78, 15, 7))[0],
                "reason": "made up",
                "charset": "utf-8",
            },
            "duplicate": {"is_duplicate": False, "cluster_id": own, "representative_id": own},
            "origin": None,
            "entities": list(self._entities()),
            "places": [],
            "versions": [("schema", "1"), ("pipeline", "0.1.0"), ("knowledge", "3")],
        }
        row["places"] = [
            {"name": n, "country": c, "lat": la, "lon": lo, "kind": "city", "score": 0.9, "mentions": []}
            for n, c, la, lo in rng.choices(
                PLACES, [1 / (i + 1.5) for i in range(len(PLACES))], k=rng.randint(0, 3)
            )
        ]
        self._copied(row)
        return row

    def _copied(self, row: dict[str, Any]) -> None:
        """Make some articles copies of a recent one; the others may be copied later."""
        rng = self._rng
        if self._recent and rng.random() < 0.38:
            first = self._recent[min(int(rng.expovariate(1 / 40)), len(self._recent) - 1)]
            if first["domain"] != row["domain"]:
                types = ("exact", "edited", "truncated", "extended")
                row["fate"] = "copy"
                row["lang"], row["title"] = first["lang"], first["title"]
                row["duplicate"] = {
                    "is_duplicate": True,
                    "cluster_id": first["article_id"],
                    "representative_id": first["article_id"],
                    "copy_type": rng.choices(types, (46, 27, 19, 8))[0],
                }
                if first["wire"]:
                    row["origin"] = {"method": "byline", "confidence": 0.9, "agency": first["wire"]}
                return
        wire = rng.choices((None, *WIRES), (50, 24, 12, 9, 5))[0]
        self._recent.insert(
            0, {name: row[name] for name in ("article_id", "domain", "lang", "title")} | {"wire": wire}
        )
        del self._recent[400:]

    def _entities(self) -> Iterator[dict[str, Any]]:
        rng = self._rng
        places = [name for name, *_ in PLACES]
        for names, coarse, kind in (
            (PEOPLE, "PER", "person"),
            (BODIES, "ORG", "organisation"),
            (places, "LOC", "city"),
        ):
            weights = [1 / (n + 1.5) for n in range(len(names))]
            for name in set(rng.choices(names, weights, k=rng.randint(0, 2))):
                yield {
                    "entity_id": f"nil:{name.lower()}" if coarse == "PER" else f"kb:{name.lower()}",
                    "type": kind,
                    "coarse": coarse,
                    "name": name,
                    "linked": coarse != "PER",
                    "mention_count": rng.randint(1, 6),
                    "salience": 0.5,
                    "in_title": False,
                    "mentions": [],
                }


def _event(article: dict[str, Any], seq: int) -> dict[str, Any]:
    """What its story's cluster hears of an article: each is told once."""
    same = ("topic", "partition", "offset", "ingested_at", "article_id", "domain")
    story = {name: article["duplicate"][name] for name in ("cluster_id", "representative_id")}
    event = "joined" if article["duplicate"]["is_duplicate"] else "created"
    return {name: article[name] for name in same} | story | {"event": event, "seq": seq, "size": 1}


def _id(offset: int) -> str:
    return hashlib.blake2b(str(offset).encode(), digest_size=16).hexdigest()
