"""Quality and cost of name recognition: rules without and with the gazetteer, the model alone, both together.

Set: `conllpp` (tokenised news of 2020 in CoNLL++'s annotation, 52 texts). F1 is strict: same bounds and
same type. Times are CPU time in one process; the ratio is to the rules with the gazetteer.

Usage: python benchmarks/recognisers.py --kb FOLDER [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from newsmill.errors import ConfigError
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.recognisers import Rules, Statistical
from newsmill.knowledge.recognisers.statistical import MODELS, _load, _trimmed
from shared_data import evaluation_data

Name = tuple[str, int, int, str]
Recognise = Callable[[str], Iterable[tuple[int, int, str]]]


class NoNames:
    """A gazetteer with nothing in it."""

    def lookup(self, surface: str) -> tuple[()]:
        """Nothing."""
        return ()


def rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def by(recogniser: Rules | Statistical) -> Recognise:
    return lambda text: [(span.start, span.end, span.coarse) for span in recogniser.recognise(text, "en")]


def model_alone() -> Recognise:
    """The English model's own spans, its labels mapped."""
    nlp, labels = _load(MODELS["en"]), MODELS["en"].labels
    return lambda text: [
        (*_trimmed(text, entity.start_char, entity.end_char), labels[entity.label_])
        for entity in nlp(text).ents
        if entity.label_ in labels
    ]


def measure(folder: Path, gazetteer: Gazetteer) -> dict[str, dict[str, float]]:
    texts = {row["id"]: row["text"] for row in rows(folder / "texts/conllpp.jsonl")}
    gold: set[Name] = {
        (row["id"], name["start"], name["end"], name["type"])
        for row in rows(folder / "gold/conllpp.jsonl")
        for name in row["entities"]
    }
    ways: dict[str, Recognise] = {"rules": by(Rules(gazetteer)), "rules, no gazetteer": by(Rules(NoNames()))}
    try:
        ways["model and rules"] = by(Statistical.open(["en"], rules=Rules(gazetteer)))
        ways["model alone"] = model_alone()
    except ConfigError as error:
        print(error, file=sys.stderr)
    report: dict[str, dict[str, float]] = {}
    base = 0.0
    for way, recognise in ways.items():
        seconds = []
        for _ in range(2):
            started = time.process_time()
            found = {(key, *name) for key, text in texts.items() for name in recognise(text)}
            seconds.append((time.process_time() - started) / len(texts))
        right = len(found & gold)
        base = base or min(seconds)
        report[way] = {
            "precision": round(right / len(found), 4),
            "recall": round(right / len(gold), 4),
            "f1": round(2 * right / (len(found) + len(gold)), 4),
            "ms": round(min(seconds) * 1e3, 2),
            "ratio": round(min(seconds) / base, 1),
        }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kb", type=Path, required=True, help="knowledge base folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    folder = evaluation_data()
    report = measure(folder, Gazetteer.open(options.kb))
    if options.json:
        print(json.dumps(report))
        return
    print(f"{'':22}{'precision':>10}{'recall':>8}{'f1':>8}{'ms':>9}{'ratio':>8}")
    for way, row in report.items():
        print(f"{way:22}" + "".join(f"{row[k]:>{w}}" for k, w in zip(row, (10, 8, 8, 9, 8), strict=True)))


if __name__ == "__main__":
    main()
