"""Accuracy, cost and size of language detection: langdetect, its arbiter, and newsmill's `detect`.

Sets: `lingua` (single sentences in 75 languages, no page around them), `ntrex` by kind (headlines, sentences
and paragraphs of news in 96 languages, and `mixed`: a short text between English lines of a site) and
`fundus_pages` (news pages, read by `read_page`, with their lang attribute). Times are CPU time and given as
ratios to langdetect over the whole text, in the same process; `same` is the share of long texts for which
langdetect says the same of the sample as of the whole text. lingua-language-detector is measured where it
is installed. Scripts are measured on the `ntrex` texts whose code tells what they are written in.

Usage: python benchmarks/language.py [--json]
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langdetect import detector_factory
from langdetect.lang_detect_exception import LangDetectException

from newsmill.config import InputConfig, PageConfig
from newsmill.page import language, language_detectors
from newsmill.page.analysis import read_page
from newsmill.records import NotArticle, Position, RawPage
from shared_data import evaluation_data

LONG = 2_000
NTREX = {"headlines": "head", "sentences": "sent", "paragraphs": "para", "mixed": "mixed"}


SCRIPTS = {
    "zho-CN": "Hans", "zho-TW": "Hant", "zho-HK": "Hant", "jpn": "Jpan", "kor": "Kore", "rus": "Cyrl",
    "srp-Latn": "Latn", "srp-Cyrl": "Cyrl", "hin": "Deva", "arb": "Arab", "ell": "Grek", "tha": "Thai",
}  # fmt: skip
"""What is written where, by the codes of `ntrex`."""


@dataclass(frozen=True)
class Text:
    """A text with the language it is in."""

    text: str
    html_lang: str | None
    gold: str


def rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def sentences(folder: Path) -> list[Text]:
    gold = {row["id"]: row["lang"] for row in rows(folder / "gold/lingua.jsonl")}
    return [Text(row["text"], None, gold[row["id"]]) for row in rows(folder / "texts/lingua.jsonl")]


def ntrex(folder: Path, kind: str) -> list[Text]:
    gold = {row["id"]: row["lang"] for row in rows(folder / "gold/ntrex.jsonl") if row["kind"] == kind}
    return [
        Text(row["text"], None, gold[row["id"]])
        for row in rows(folder / "texts/ntrex.jsonl")
        if row["id"] in gold
    ]


def pages(folder: Path) -> list[Text]:
    gold = {row["id"]: row["lang"] for row in rows(folder / "gold/fundus_pages.jsonl") if row.get("lang")}
    found = []
    for row in rows(folder / "inputs/fundus_pages.jsonl"):
        if row["id"] not in gold:
            continue
        body = gzip.decompress((folder / f"pages/fundus_pages/{row['id']}.html.gz").read_bytes())
        raw = RawPage(position=Position(topic="pages", partition=0, offset=0), url=row["url"], body=body)
        page = read_page(raw, page=PageConfig(), input=InputConfig())
        if not isinstance(page, NotArticle):
            found.append(Text(page.body, page.html_lang, gold[row["id"]]))
    return found


def best(probabilities: dict[str, float]) -> str:
    return max(probabilities, key=lambda code: (probabilities[code], code), default="und")


def langdetect_whole() -> Callable[[Text], str]:
    """Langdetect as it comes, but for a seed."""
    detector_factory.init_factory()
    factory = detector_factory._factory
    factory.set_seed(0)

    def detect(text: Text) -> str:
        detector = factory.create()
        detector.append(text.text)
        try:
            code: str = detector.detect()
        except LangDetectException:
            return "und"
        return language.FOLDED.get(code, code)

    return detect


def lingua_whole() -> Callable[[Text], str]:
    from lingua import LanguageDetectorBuilder  # type: ignore[import-not-found]

    detector = LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()

    def detect(text: Text) -> str:
        found = detector.detect_language_of(text.text[: language.LOOKED_AT])
        return "und" if found is None else found.iso_code_639_1.name.lower()

    return detect


def sample(text: Text) -> str:
    return " ".join(cut for cut, _ in language._windows(language._body(text.text[: language.LOOKED_AT])))


def timed(detect: Callable[[Text], str], texts: Sequence[Text]) -> tuple[list[str], float]:
    """Answers, and CPU seconds a text (the better of two rounds)."""
    seconds = []
    for _ in range(2):
        started = time.process_time()
        answers = [detect(text) for text in texts]
        seconds.append((time.process_time() - started) / len(texts))
    return answers, min(seconds)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(folder: Path) -> dict[str, Any]:
    before = resident_mb()
    default = language_detectors.default_detector()
    langdetect_mb = resident_mb() - before
    before = resident_mb()
    arbiter = language_detectors.arbiter()
    arbiter_mb = resident_mb() - before
    detectors: dict[str, Callable[[Text], str]] = {
        "langdetect, whole text": langdetect_whole(),
        "langdetect, sample": lambda text: best(default.probabilities(sample(text))),
        "py3langid, sample": lambda text: best(arbiter.probabilities(sample(text))),
        "newsmill, text only": lambda text: language.detect(text.text, html_lang=None).code,
        "newsmill": lambda text: language.detect(text.text, html_lang=text.html_lang).code,
    }
    if importlib.util.find_spec("lingua"):
        detectors["lingua, low accuracy mode"] = lingua_whole()
    report: dict[str, Any] = {
        "megabytes": {"langdetect": round(langdetect_mb), "py3langid": round(arbiter_mb)}
    }
    sets = {"lingua": sentences(folder), "fundus_pages": pages(folder)}
    sets |= {f"ntrex {name}": ntrex(folder, kind) for name, kind in NTREX.items()}
    for name, texts in sets.items():
        base = 0.0
        answered: dict[str, list[str]] = {}
        table = {}
        for detector, detect in detectors.items():
            answers, seconds = timed(detect, texts)
            answered[detector] = answers
            base = base or seconds
            right = sum(code == text.gold for code, text in zip(answers, texts, strict=True))
            unknown = Counter(answers)["und"]
            table[detector] = {
                "accuracy": round(right / len(texts), 4),
                "wrong": round((len(texts) - right - unknown) / len(texts), 4),
                "und": round(unknown / len(texts), 4),
                "ms": round(seconds * 1e3, 2),
                "ratio": round(seconds / base, 2),
            }
        long = [i for i, text in enumerate(texts) if len(text.text) >= LONG]
        whole, cut = answered["langdetect, whole text"], answered["langdetect, sample"]
        same = sum(whole[i] == cut[i] for i in long)
        report[name] = {"texts": len(texts), "detectors": table, "same": f"{same}/{len(long)}"}
    report["scripts"] = scripts(folder)
    return report


def scripts(folder: Path) -> dict[str, dict[str, float]]:
    """Of texts by region: how many are in the script that is written there, by `detect`."""
    texts = {row["id"]: row["text"] for row in rows(folder / "texts/ntrex.jsonl")}
    found: dict[str, list[bool]] = {}
    for name, text in texts.items():
        region = name.rsplit("-", 2)[0]
        if region in SCRIPTS:
            found.setdefault(f"{region} {name.rsplit('-', 1)[1]}", []).append(
                language.detect(text, html_lang=None).script == SCRIPTS[region]
            )
    return {name: {"texts": len(right), "right": sum(right) / len(right)} for name, right in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    folder = evaluation_data()
    report = measure(folder)
    if options.json:
        print(json.dumps(report))
        return
    print("resident MB:", report["megabytes"])
    for name, script in report["scripts"].items():
        print(f"script, {name}: {script['texts']} texts, {script['right']:.3f} right")
    for name, found in report.items():
        if name in ("megabytes", "scripts"):
            continue
        print(f"\n{name}: {found['texts']} texts; langdetect's answer is the same: {found['same']}")
        print(f"{'':28}{'accuracy':>10}{'wrong':>8}{'und':>8}{'ms':>8}{'ratio':>8}")
        for detector, row in found["detectors"].items():
            print(
                f"{detector:28}"
                + "".join(f"{row[k]:>{w}}" for k, w in zip(row, (10, 8, 8, 8, 8), strict=True))
            )


if __name__ == "__main__":
    main()
