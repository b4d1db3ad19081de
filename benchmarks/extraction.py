"""Extraction against plain trafilatura: quality with the evaluation folder's scorers, and CPU time.

    python benchmarks/extraction.py [--sets scrapinghub …] [--write-docs docs/quality/extraction.md]

Each page is read three times: by trafilatura, by newsmill with weights that were learned without the page's
site (five folds: what holds for sites that nobody looked at), and by newsmill as it is in the package. All in
the same process, one after the other, so that CPU times compare. `blind` is only scored: nobody opens its
pages. The evaluation data is in no repository: the folder is found beside this one, or by NEWSMILL_SHARED.
Needs LightGBM, a development tool.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import trafilatura
from trafilatura import bare_extraction

import newsmill
import passage_weights
from labels import FOLDS, fold_of, golds, site_of
from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Rejected
from newsmill.page.analysis import read_page_any
from newsmill.page.weighing import Weights
from newsmill.records import Position, RawPage
from shared_data import evaluation_data

SETS = ("scrapinghub", "fundus_eval", "trafilatura", "fundus_pages", "readability", "htmldate")
PEERS = ("look", "blind")
TARGETS = {
    ("scrapinghub", "shingle.f1"): 0.975,
    ("fundus_eval", "rouge_lsum.f1"): 0.945,
    ("trafilatura", "segments.f1"): 0.940,
    ("trafilatura", "title.exact"): 0.90,
    ("trafilatura", "date.f1"): 0.945,
    ("trafilatura", "author.f1"): 0.82,
    ("fundus_pages", "title.exact"): 0.90,
    ("fundus_pages", "date.f1"): 0.945,
    ("fundus_pages", "author.f1"): 0.82,
    ("readability", "title.exact"): 0.90,
    ("htmldate", "date.f1"): 0.960,
    **{
        (half, figure): target
        for half in PEERS
        for figure, target in (
            ("body.f1", 0.965),
            ("title.exact", 0.90),
            ("date.f1", 0.945),
            ("author.f1", 0.82),
            ("cjk_author.f1", 0.60),
        )
    },
}
FIGURES = {
    "scrapinghub": ("shingle.f1", "exact"),
    "fundus_eval": ("rouge_lsum.f1", "shingle.f1"),
    "trafilatura": ("segments.f1", "title.exact", "date.f1", "author.f1"),
    "fundus_pages": ("shingle.f1", "title.exact", "date.f1", "author.f1"),
    "readability": ("shingle.f1", "title.exact", "date.f1", "author.f1"),
    "htmldate": ("date.f1",),
    **dict.fromkeys(PEERS, ("body.f1", "title.exact", "date.f1", "author.f1", "cjk_author.f1")),
}
SCORERS = {
    "score_extract.py": ("shingle", "exact", "rouge_lsum", "segments"),
    "score_meta.py": ("title", "date", "author"),
}
CJK = ("chinese", "daniel_zh", "gne")
WORSE = 0.10
"""A page is much worse when its F1 is so far below trafilatura's."""

READERS = ("plain", "unseen", "ours")
LIMITS = Path(__file__).with_name("extraction_limits.md")
"""What is not reached, and why: written by hand, put at the end of the page."""


@cache
def weights_of(folds: str) -> tuple[Weights, ...]:
    """The weights of each fold, learned without its sites."""
    return tuple(Weights.read(Path(folds) / f"{fold}.json") for fold in range(FOLDS))


def read_one(folds: str, file: Path, row: dict[str, Any]) -> dict[str, Any]:
    """All readings of one page, with their CPU seconds."""
    raw = _raw(file, row["id"])
    body = raw.body
    times = []
    start = time.process_time()
    document = bare_extraction(body, fast=True, include_comments=False, with_metadata=True)
    times.append(time.process_time() - start)
    start = time.process_time()
    bare_extraction(body, fast=True, include_comments=False, with_metadata=False)
    times.append(time.process_time() - start)
    start = time.process_time()
    ours, reason = _ours(raw, None)
    times.append(time.process_time() - start)
    unseen, _ = _ours(raw, weights_of(folds)[row["fold"]])
    plain: dict[str, Any] = {}
    if document is not None:
        plain = {
            "text": document.text,
            "title": document.title,
            "date": document.date,
            "author": document.author,
        }
    readings = {"plain": plain, "ours": ours, "unseen": unseen}
    return {
        **{name: {"id": row["id"], **reading} for name, reading in readings.items()},
        "times": times,
        "not_article": reason,
    }


def read_ours(file: Path, id_: str) -> dict[str, Any]:
    """The reading of one page by newsmill, with the package's own weights."""
    return {"id": id_, **_ours(_raw(file, id_), None)[0]}


def _raw(file: Path, id_: str) -> RawPage:
    return RawPage(
        position=Position(topic="benchmark", partition=0, offset=0),
        url=f"https://unknown.invalid/{id_}",
        body=gzip.decompress(file.read_bytes()),
    )


def _ours(raw: RawPage, weights: Weights | None) -> tuple[dict[str, Any], str | None]:
    try:
        page, verdict = read_page_any(raw, page=PageConfig(), input=InputConfig(), weights=weights)
    except Rejected as error:
        return {}, error.code.value
    author: Any = list(page.authors) or page.byline or ""
    found = {"text": page.body, "title": page.title, "date": page.published_on, "author": author}
    return found, verdict.reason if verdict else None


def score(folder: Path, name: str, predictions: list[dict[str, Any]]) -> dict[str, float]:
    """All figures of one set, flat: `shingle.f1` and so on."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "predictions.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in predictions), "utf-8")
        for scorer, groups in SCORERS.items():
            printed = subprocess.run(
                [sys.executable, folder / scorer, folder / "gold" / f"{name}.jsonl", path],
                capture_output=True,
                text=True,
                check=False,
            )
            if printed.returncode:
                continue
            for group, value in json.loads(printed.stdout).items():
                if group not in groups:
                    continue
                if isinstance(value, dict):
                    found |= {f"{group}.{key}": number for key, number in value.items()}
                else:
                    found[group] = value
    return found


def score_peers(folder: Path, half: str, rows: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """The figures of one half of the peers' pages, and the authors of its Chinese sets apart."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, predictions in rows.items():
            text = "".join(json.dumps(row) + "\n" for row in predictions)
            (Path(scratch) / f"{half}.{name}.jsonl").write_text(text, "utf-8")
        printed = subprocess.run(
            [sys.executable, folder / "score_peers.py", folder / "peers", scratch, "--half", half],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    totals = {row["set"]: row for row in map(json.loads, printed.splitlines())}
    found = {
        f"{group}.{key}": float(totals["ALL"][group][key])
        for group, key in (("body", "f1"), ("title", "exact"), ("date", "f1"), ("author", "f1"))
    }
    chinese = [totals[name]["author"] for name in CJK if "author" in totals.get(name, {})]
    if chinese:
        found["cjk_author.f1"] = sum(row["f1"] * row["n"] for row in chinese) / sum(
            row["n"] for row in chinese
        )
    return found


def page_scores(folder: Path, name: str, predictions: list[dict[str, Any]]) -> list[float]:
    """The F1 of each page's text that has a whole gold, by the scorers' own rules."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    import score_extract
    import score_peers as peers

    half, _, part = name.partition(".")
    path = folder / "peers" / half / "gold" / f"{part}.jsonl" if part else folder / "gold" / f"{name}.jsonl"
    golds = {row["id"]: row for row in map(json.loads, path.read_text("utf-8").splitlines())}
    scores = []
    for row in predictions:
        gold = golds.get(row["id"])
        if gold is None or not gold.get("body"):
            continue
        if part:
            precision, recall = peers.page(gold, row)["body"]
            scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
        else:
            counted = score_extract.shingle_counts(row.get("text") or "")
            bodies = ("\n\n".join(body) for body in score_extract.bodies(gold))
            scores.append(max(score_extract.f1(score_extract.shingle(body, counted)) for body in bodies))
    return scores


def inputs_of(folder: Path, name: str) -> dict[str, list[tuple[Path, dict[str, Any]]]]:
    """(page's file, its line and its fold) by set: a half of the peers has many sets."""
    learned_from = {(part, gold["id"]): fold_of(site_of(gold)) for part, _, gold in golds(folder)}
    top = folder / "peers" / name if name in PEERS else folder
    paths = sorted((top / "inputs").glob("*.jsonl")) if name in PEERS else [top / "inputs" / f"{name}.jsonl"]
    found: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for path in paths:
        part = f"{name}.{path.stem}" if name in PEERS else name
        for row in map(json.loads, path.read_text("utf-8").splitlines()):
            fold = learned_from.get((part, row["id"]), fold_of(site_of(row)))
            file = top / "pages" / path.stem / f"{row['id']}.html.gz"
            found.setdefault(part, []).append((file, {**row, "fold": fold}))
    return found


def measure(folder: Path, names: list[str], workers: int, folds: str) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with ProcessPoolExecutor(workers) as pool:
        for name in names:
            parts = {
                part: list(
                    pool.map(
                        partial(read_one, folds),
                        [file for file, _ in pages],
                        [row for _, row in pages],
                        chunksize=4,
                    )
                )
                for part, pages in inputs_of(folder, name).items()
            }
            rows = [row for part in parts.values() for row in part]
            scores: dict[str, dict[str, float]] = {}
            of_pages: dict[str, list[float]] = {}
            for reader in READERS:
                read = {part: [row[reader] for row in found] for part, found in parts.items()}
                scores[reader] = (
                    score_peers(folder, name, {part.partition(".")[2]: found for part, found in read.items()})
                    if name in PEERS
                    else score(folder, name, read[name])
                )
                of_pages[reader] = [
                    one for part, found in read.items() for one in page_scores(folder, part, found)
                ]
            results[name] = {
                "pages": len(rows),
                "scores": scores,
                "of_pages": of_pages,
                "ms": [sum(row["times"][n] for row in rows) / len(rows) * 1000 for n in range(3)],
                "not_article": [row["not_article"] for row in rows if row["not_article"]],
            }
            print(f"{name}: {len(rows)} pages", file=sys.stderr, flush=True)
    return results


def document(results: dict[str, Any]) -> str:
    lines = [
        "# Quality of extraction",
        "",
        "Made by `python benchmarks/extraction.py --write-docs docs/quality/extraction.md`; do not edit.",
        "The last section is `benchmarks/extraction_limits.md`, written by hand.",
        f"newsmill {newsmill.__version__}, trafilatura {trafilatura.__version__} (fast, no comments).",
        "",
        "*Unseen sites* is what counts: the weights of passages (`page/passage_weights.json`) are learned",
        f"anew for each of {FOLDS} folds, without the sites that the fold is scored on. *As shipped* are the",
        "weights of the package, which have seen these sites. `look` and `blind` are the two halves of the",
        "pages of other projects' test suites; nothing was learned from `blind`, and nobody opened it.",
        "`fundus_pages` and `readability` hold checked output of other tools. What is not learned (titles,",
        "people, days, the few rules) was written with the pages of all sets but `blind` in sight.",
        "",
        "| set | pages | figure | trafilatura | newsmill, unseen sites | as shipped | asked |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        plain, unseen, ours = (result["scores"][reader] for reader in READERS)
        for figure in FIGURES[name]:
            target = TARGETS.get((name, figure))
            values = [scores.get(figure, 0) for scores in (plain, unseen, ours)]
            lines.append(
                f"| {name} | {result['pages']} | {figure} | {values[0]:.4f} | **{values[1]:.4f}** | "
                f"{values[2]:.4f} | {f'{target:.3f}' if target else ''} |"
            )
    lines += ["", "Authors are scored as `annotate` prints them: the people, else the byline as printed."]
    if set(PEERS) <= results.keys():
        lines += ["", "## Distance between the two halves of the peers' pages", ""]
        lines += ["| figure | trafilatura | newsmill, unseen sites |", "|---|---|---|"]
        for figure in FIGURES["look"]:
            look, blind = results["look"]["scores"], results["blind"]["scores"]
            distances = [look[reader].get(figure, 0) - blind[reader].get(figure, 0) for reader in READERS[:2]]
            lines.append(f"| {figure} | {distances[0]:+.4f} | {distances[1]:+.4f} |")
        lines += [
            "",
            "The halves are unlike in themselves: trafilatura, which knows neither, has a distance, too.",
        ]
    lines += [
        "",
        f"## Pages much worse or better than trafilatura (F1 by more than {WORSE:.2f}), unseen sites",
        "",
        "| set | pages with a whole text | worse | better |",
        "|---|---|---|---|",
    ]
    sums = [0, 0, 0]
    for name, result in results.items():
        pairs = list(zip(result["of_pages"]["plain"], result["of_pages"]["unseen"], strict=True))
        if pairs:
            counts = [len(pairs), sum(b < a - WORSE for a, b in pairs), sum(b > a + WORSE for a, b in pairs)]
            sums = [a + b for a, b in zip(sums, counts, strict=True)]
            lines.append(f"| {name} | {counts[0]} | {counts[1]} | {counts[2]} |")
    if sums[0]:
        shares = [f"{count} ({count / sums[0]:.1%})" for count in sums[1:]]
        lines.append(f"| all | {sums[0]} | {shares[0]} | {shares[1]} |")
    lines += [
        "",
        "## CPU time, mean ms a page in one run",
        "",
        "Trafilatura with metadata gives the same kinds of fields; the second ratio is to its text alone.",
        "",
        "| set | trafilatura, metadata | trafilatura, text | newsmill | ratio | ratio to text |",
        "|---|---|---|---|---|---|",
    ]
    totals = [0.0, 0.0, 0.0]
    for name, result in results.items():
        full, text, ours = result["ms"]
        totals = [total + ms * result["pages"] for total, ms in zip(totals, result["ms"], strict=True)]
        lines.append(
            f"| {name} | {full:.1f} | {text:.1f} | {ours:.1f} | {ours / full:.2f} | {ours / text:.2f} |"
        )
    lines.append(f"| all | | | | **{totals[2] / totals[0]:.2f}** | {totals[2] / totals[1]:.2f} |")
    lines += ["", "## Article pages taken for none", "", "| set | pages | reasons |", "|---|---|---|"]
    for name, result in results.items():
        reasons = result["not_article"]
        counted = ", ".join(f"{reason} {reasons.count(reason)}" for reason in sorted(set(reasons)))
        lines.append(f"| {name} | {len(reasons)} of {result['pages']} | {counted} |")
    return "\n".join(lines) + "\n\n" + LIMITS.read_text("utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=(*SETS, *PEERS), default=[*SETS, *PEERS])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folds", type=Path, help="a folder of weights that were learned by fold before")
    parser.add_argument("--write-docs", type=Path)
    arguments = parser.parse_args()
    folder = evaluation_data()
    with tempfile.TemporaryDirectory() as folds:
        if arguments.folds is None:
            passage_weights.of_folds(folder, Path(folds), arguments.workers)
        text = document(
            measure(folder, arguments.sets, arguments.workers, str(arguments.folds or Path(folds)))
        )
    if arguments.write_docs:
        arguments.write_docs.parent.mkdir(parents=True, exist_ok=True)
        arguments.write_docs.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
