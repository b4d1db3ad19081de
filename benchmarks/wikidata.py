"""A knowledge base from a dump in Wikidata's form: how fast, how large, how well it links.

The dump is made by rule (`made_wikidata.py`): its figures of speed and size tell of the real one as far as
the forms are alike, and sizes are extrapolated. Links are measured on made stories about homonyms, and on the
visible halves of public sets with what comes with newsmill and with the made knowledge base: what its names
cost there is what ten times as many names cost.

Usage: python benchmarks/wikidata.py [--items 200000] [--bz2-items 20000] [--shared DIR] [--write-docs FILE]
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enrich import rate, scored
from made_wikidata import COUNTRIES, JOBS, Maker, write
from newsmill.config import EnrichConfig
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.names import key

AT_LARGE = 5_000_000
"""Entities for which sizes are extrapolated."""

SETS = (
    ("reuters128", "links"),
    ("msnbc", "links"),
    ("news_fair", "links"),
    ("lgl", "places"),
    ("gwn", "places"),
)
TEXTS = 600
RENOWN = 1.5
"""Stories are told of an entity in proportion to its sitelinks raised to this."""

NOBODIES = ("plumber", "teacher", "gardener", "nurse", "shopkeeper", "bus driver")
"""What persons are whom no knowledge base has."""

PAGE = """\
# A knowledge base from Wikidata's dump

Written by `python benchmarks/wikidata.py --write-docs docs/quality/wikidata.md`. Nothing here is Wikidata's:
the dump is made by rule in its form, with seed 1 ({items:,} items, {kept:,} of them in five Wikipedias or
more), since no package has the real one. What it says of the real one is an extrapolation.

## Building

One process; CPU time of the whole build, less that of a build from a dump of 200 items.

| archive | compressed | text | CPU time | MB of archive a second | MB of text a second |
|---|---|---|---|---|---|
{archives}

bzip2's own decompression takes most of its row: the library does {bunzip:.1f} MB of that archive a second
when it does nothing else. Blocks are independent, so that row grows with `--workers`.

Most memory held: {rss:,.0f} MB with the gzip file; a build from 200 items holds {base_rss_mb:,.0f} MB.

## The knowledge base

{entities:,} entities under {names:,} names in {megabytes:.0f} MB. A made entity takes
{entity_bytes:.0f} bytes, so {at_large:,} and what comes with newsmill take about
**{at_large_mb:.0f} MB** (extrapolated).

It opens in {open_ms:.1f} ms of CPU time. {shared:.0%} of the files' bytes are mapped, so processes share
them.

| look-ups | a second of CPU time |
|---|---|
| names as often as in running text: Zipf's law | {lookup_text:,.0f} |
| names looked up before | {lookup_warm:,.0f} |
| names never looked up | {lookup_cold:,.0f} |
| names that nobody bears | {lookup_absent:,.0f} |

## Links to homonyms

{texts:,} made stories about persons and firms whose name others bear too, in proportion to their renown, and
about unknown persons who bear the name of a known one. A story may say what somebody is in the knowledge
base's word or in another, and two in three name a town of the country.

| | precision | recall | links |
|---|---|---|---|
| the most renowned bearer | {floor_precision:.3f} | {floor_recall:.3f} | {floor_links:,} |
| newsmill | **{precision:.3f}** | {recall:.3f} | {links:,} |

## More names

The public sets with what comes with newsmill, and with {made_names:,} made names beside it. None of these is
right there, so what changes is what they cost.

| set | P | R | F1 | P beside made names | R | F1 |
|---|---|---|---|---|---|---|
{sets}
"""


def main() -> None:
    """Measure, and write the page where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--bz2-items", type=int, default=20_000)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--write-docs", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the dumps and the knowledge base; they stay")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = told.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = measured(folder, told.items, told.bz2_items, told.shared / "eval")
    print(json.dumps(result, indent=1))
    if told.write_docs:
        told.write_docs.write_text(PAGE.format(**shown(result)), encoding="utf-8")


def measured(folder: Path, items: int, bz2_items: int, evaluation: Path) -> dict[str, Any]:
    """All figures."""
    gz, bzip2 = folder / "made.json.gz", folder / "made.json.bz2"
    for file, count in ((gz, items), (bzip2, bz2_items)):
        if not file.exists():
            write(file, count, seed=1)
    empty = folder / "few.json.gz"
    write(empty, 200, seed=1)
    base = built(empty, folder / "few")
    archives = []
    for file, name in ((gz, "made"), (bzip2, "made-bz2")):
        told = built(file, folder / name)
        archives.append(told | {"file": file.name, "cpu_s": told["cpu_s"] - base["cpu_s"]})
    kb = folder / "made"
    result: dict[str, Any] = {"archives": archives, "items": items, "base_rss_mb": base["rss_mb"]}
    result |= {k: archives[0][k] for k in ("kept", "entities", "names", "megabytes", "rss_mb")}
    added = archives[0]["entities"] - base["entities"]
    result["entity_bytes"] = (archives[0]["bytes"] - base["bytes"]) / added
    result["at_large_mb"] = (base["bytes"] + result["entity_bytes"] * AT_LARGE) / 1e6
    result["made_names"] = archives[0]["names"] - base["names"]
    command = [sys.executable, "-c", f"import bz2; bz2.open({str(bzip2)!r}).read()"]
    result["bunzip"] = bzip2.stat().st_size / 1e6 / spent(command)[0]
    result |= looked_up(kb) | homonyms(kb, items)
    result["sets"] = [
        {"set": name} | {side: score(evaluation, name, field, kb if side == "made" else None)
                         for side in ("shipped", "made")}
        for name, field in SETS
    ]  # fmt: skip
    return result


def built(dump: Path, folder: Path) -> dict[str, Any]:
    """A knowledge base of a dump, by the command; CPU seconds and most memory held."""
    newsmill = Path(sys.executable).with_name("newsmill")
    command = [str(newsmill), "kb", "build", "--wikidata", str(dump), "-o", str(folder), "--workers", "1"]
    cpu_s, rss_mb, out = spent([*command, "--json"])
    packed = dump.stat().st_size
    opened = gzip.open if dump.suffix == ".gz" else bz2.open
    text = 0
    with opened(dump) as file:
        while more := file.read(1 << 24):
            text += len(more)
    told: dict[str, Any] = json.loads(out)
    told["bytes"] = sum(file.stat().st_size for file in folder.iterdir())
    return told | {"cpu_s": cpu_s, "rss_mb": rss_mb, "packed": packed, "text": text}


def spent(command: list[str]) -> tuple[float, float, str]:
    """CPU seconds of a command, most memory held in MB, and what it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, out


def looked_up(kb: Path) -> dict[str, Any]:
    """How fast it opens and answers."""
    Gazetteer.open(knowledge_base())
    started = time.process_time()
    gazetteer = Gazetteer.open(kb)
    open_ms = 1000 * (time.process_time() - started)
    chosen = random.Random(1)
    names = sorted(gazetteer.names())
    sample = chosen.sample(names, 30_000)
    cold = rate(gazetteer.lookup, sample)
    warm = max(rate(gazetteer.lookup, sample) for _ in range(3))
    again = Gazetteer.open(kb)
    chosen.shuffle(names)
    text = [names[int(len(names) ** chosen.random()) - 1] for _ in range(200_000)]
    return {
        "open_ms": open_ms, "lookup_cold": cold, "lookup_warm": warm, "shared": mapped(kb),
        "lookup_text": rate(again.lookup, text),
        "lookup_absent": rate(again.lookup, [f"{name} qx" for name in sample]),
    }  # fmt: skip


def mapped(kb: Path) -> float:
    """Share of a knowledge base's bytes that a process that opened it has mapped from the files."""
    gazetteer = Gazetteer.open(kb)
    maps = Path("/proc/self/maps").read_text().splitlines()
    size = sum(
        int(line.split("-")[1].split()[0], 16) - int(line.split("-")[0], 16)
        for line in maps
        if line.split()[-1].startswith(str(kb.resolve()))
    )
    del gazetteer
    whole = sum(f.stat().st_size for f in kb.iterdir() if f.suffix != ".json")
    return min(1.0, size / whole)


def homonyms(kb: Path, items: int) -> dict[str, Any]:
    """Precision and recall of links in made stories about names that several bear."""
    enricher = Enricher.open(EnrichConfig(kb=kb))
    gazetteer = Gazetteer.open(kb)
    counts: Counter[str] = Counter()
    for text, name, qid in stories(items, gazetteer):
        found = enricher.enrich_text(text, language="en")
        begin = text.index(name)
        answers = {
            e.wikidata_id
            for e in found.entities
            for m in e.mentions
            if e.linked and m.start < begin + len(name) and begin < m.end
        } - {None}
        best = gazetteer.lookup(name)[0].wikidata_id
        counts["texts"] += 1
        counts["known"] += qid is not None
        counts["links"] += bool(answers)
        counts["right"] += answers == {qid}
        counts["floor_links"] += best is not None
        counts["floor_right"] += best == qid
    return {
        "texts": counts["texts"], "links": counts["links"], "floor_links": counts["floor_links"],
        "precision": counts["right"] / max(1, counts["links"]), "recall": counts["right"] / counts["known"],
        "floor_precision": counts["floor_right"] / counts["floor_links"],
        "floor_recall": counts["floor_right"] / counts["known"],
    }  # fmt: skip


def stories(items: int, gazetteer: Gazetteer) -> Iterator[tuple[str, str, str | None]]:
    """Text, the name that it is about, and its bearer's id; None for somebody unknown."""
    maker = Maker(items, seed=1)
    told = [item for item in maker.items() if len(item["sitelinks"]) >= 5]
    told = [item for item in told if bearers(gazetteer, item) > 1]
    persons = [item for item in told if "P106" in item["claims"]]
    chosen = random.Random(2)
    codes = dict(COUNTRIES.values())
    renown = [len(item["sitelinks"]) ** RENOWN for item in told]
    for item in chosen.choices(told, renown, k=TEXTS):
        name = item["labels"]["en"]["value"]
        words = item["descriptions"]["en"]["value"].split()
        claims = item["claims"]
        country = next((claims[p][0]["mainsnak"]["datavalue"]["value"]["numeric-id"]
                        for p in ("P27", "P17") if p in claims), 30)  # fmt: skip
        towns = maker.cities.get(codes[country], ["London"])
        if "P106" in claims:
            job = " ".join(words[1:])
            if chosen.random() < 0.25:
                namesake = chosen.choice(persons)["labels"]["en"]["value"]
                nobody = chosen.choice(NOBODIES)
                yield about(chosen, namesake, nobody, chosen.choice(towns), "person"), namesake, None
                continue
            word = job if chosen.random() < 0.6 else JOBS[job][1].lower()
            yield about(chosen, name, word, chosen.choice(towns), "person"), name, item["id"]
        elif words[-1] == "company":
            word = words[1] if chosen.random() < 0.6 else "listed"
            yield about(chosen, name, word, chosen.choice(towns), "company"), name, item["id"]


def bearers(gazetteer: Gazetteer, item: dict[str, Any]) -> int:
    """How many entities bear the name of a person or a firm; 0 for others."""
    if "P106" in item["claims"] or item["descriptions"]["en"]["value"].endswith("company"):
        return len(gazetteer.lookup(key(item["labels"]["en"]["value"])))
    return 0


def about(chosen: random.Random, name: str, word: str, town: str, kind: str) -> str:
    """A story of a few sentences; one in three names no town."""
    place = f" in {town}" if chosen.random() < 0.67 else ""
    day = chosen.choice(("Monday", "Tuesday", "Friday"))
    if kind == "company":
        return (
            f"Shares of {name} fell on {day} after the {word} company said{place} that it would close "
            "two plants. "
            "Analysts had expected a smaller loss, and investors asked for a new plan."
        )
    return (
        f"{name}, the {word}, spoke to reporters{place} on {day} about the year that lies ahead. "
        "The meeting lasted for two hours, and those who were present called it friendly."
    )


def score(evaluation: Path, name: str, field: str, kb: Path | None) -> dict[str, float]:
    """Precision, recall and F1 in a public set."""
    enricher = Enricher.open(EnrichConfig(kb=kb) if kb else EnrichConfig())
    answer = scored(enricher, evaluation, name, field)
    found: dict[str, float] = answer["strict" if field == "links" else "end_to_end"]
    return found


def shown(result: dict[str, Any]) -> dict[str, Any]:
    """The figures as the page says them."""
    archives = "\n".join(
        f"| {a['file']} | {a['packed'] / 1e6:.1f} MB | {a['text'] / 1e6:.0f} MB | {a['cpu_s']:.1f} s | "
        f"{a['packed'] / 1e6 / a['cpu_s']:.1f} | {a['text'] / 1e6 / a['cpu_s']:.0f} |"
        for a in result["archives"]
    )
    sets = "\n".join(
        f"| {row['set']} | "
        + " | ".join(f"{row[side][x]:.3f}" for side in ("shipped", "made") for x in ("p", "r", "f1"))
        + " |"
        for row in result["sets"]
    )
    return {
        **result, "archives": archives, "sets": sets, "rss": result["rss_mb"], "at_large": AT_LARGE,
    }  # fmt: skip


if __name__ == "__main__":
    main()
