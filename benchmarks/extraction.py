"""Extraction against plain trafilatura: quality with the evaluation folder's scorers, and CPU time.

    python benchmarks/extraction.py [--sets scrapinghub …] [--write-docs docs/quality/extraction.md]

Both read the same pages in the same processes, one after the other, page by page, so their CPU times compare.
The evaluation data is in no repository: the folder is found beside this one, or by NEWSMILL_SHARED.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import trafilatura
from trafilatura import bare_extraction

import newsmill
from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Rejected
from newsmill.page.analysis import read_page_any
from newsmill.records import Position, RawPage

SETS = ("scrapinghub", "fundus_eval", "trafilatura", "fundus_pages", "readability", "htmldate")
TARGETS = {
    ("scrapinghub", "shingle.f1"): 0.975,
    ("fundus_eval", "rouge_lsum.f1"): 0.965,
    ("trafilatura", "segments.f1"): 0.940,
    ("trafilatura", "title.exact"): 0.80,
    ("trafilatura", "date.f1"): 0.955,
    ("trafilatura", "author.f1"): 0.80,
    ("htmldate", "date.f1"): 0.965,
}
FIGURES = {
    "scrapinghub": ("shingle.f1", "exact"),
    "fundus_eval": ("rouge_lsum.f1", "shingle.f1"),
    "trafilatura": ("segments.f1", "title.exact", "date.f1", "author.f1"),
    "fundus_pages": ("shingle.f1", "title.exact", "date.f1", "author.f1"),
    "readability": ("shingle.f1", "title.exact", "date.f1", "author.f1"),
    "htmldate": ("date.f1",),
}
SCORERS = {
    "score_extract.py": ("shingle", "exact", "rouge_lsum", "segments"),
    "score_meta.py": ("title", "date", "author"),
}


def shared_folder() -> Path:
    named = os.environ.get("NEWSMILL_SHARED")
    return (Path(named) if named else Path(__file__).parents[2] / "shared") / "eval"


def read_one(folder: Path, name: str, identity: str) -> dict[str, Any]:
    """Both readings of one page, with their CPU seconds."""
    body = gzip.decompress((folder / "pages" / name / f"{identity}.html.gz").read_bytes())
    raw = RawPage(
        position=Position(topic="benchmark", partition=0, offset=0),
        url=f"https://unknown.invalid/{identity}",
        body=body,
    )
    times = []
    start = time.process_time()
    document = bare_extraction(body, fast=True, include_comments=False, with_metadata=True)
    times.append(time.process_time() - start)
    start = time.process_time()
    bare_extraction(body, fast=True, include_comments=False, with_metadata=False)
    times.append(time.process_time() - start)
    start = time.process_time()
    try:
        page, verdict = read_page_any(raw, page=PageConfig(), input=InputConfig())
    except Rejected:
        page, verdict = None, None
    times.append(time.process_time() - start)
    plain: dict[str, Any] = {"id": identity}
    if document is not None:
        plain |= {
            "text": document.text,
            "title": document.title,
            "date": document.date,
            "author": document.author,
        }
    ours: dict[str, Any] = {"id": identity}
    if page is not None:
        author: Any = list(page.authors) or page.byline or ""
        ours |= {"text": page.body, "title": page.title, "date": page.published_on, "author": author}
    return {"plain": plain, "ours": ours, "times": times, "not_article": verdict.reason if verdict else None}


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


def measure(folder: Path, names: list[str], workers: int) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with ProcessPoolExecutor(workers) as pool:
        for name in names:
            lines = (folder / "inputs" / f"{name}.jsonl").read_text("utf-8").splitlines()
            identities = [json.loads(line)["id"] for line in lines]
            rows = list(pool.map(partial(read_one, folder, name), identities, chunksize=4))
            times = [sum(row["times"][n] for row in rows) / len(rows) * 1000 for n in range(3)]
            results[name] = {
                "pages": len(rows),
                "plain": score(folder, name, [row["plain"] for row in rows]),
                "ours": score(folder, name, [row["ours"] for row in rows]),
                "ms": times,
                "not_article": [row["not_article"] for row in rows if row["not_article"]],
            }
            print(f"{name}: {len(rows)} pages", file=sys.stderr, flush=True)
    return results


def document(results: dict[str, Any]) -> str:
    lines = [
        "# Quality of extraction",
        "",
        "Made by `python benchmarks/extraction.py --write-docs docs/quality/extraction.md`; do not edit.",
        f"newsmill {newsmill.__version__}, trafilatura {trafilatura.__version__} (fast, no comments).",
        "The sets are the visible half of public benchmarks; `fundus_pages` and `readability` hold checked",
        "output of other tools.",
        "",
        "| set | pages | figure | trafilatura | newsmill | target |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        for figure in FIGURES[name]:
            target = TARGETS.get((name, figure))
            lines.append(
                f"| {name} | {result['pages']} | {figure} | {result['plain'].get(figure, 0):.4f} | "
                f"**{result['ours'].get(figure, 0):.4f}** | {f'{target:.3f}' if target else ''} |"
            )
    lines += [
        "",
        "Authors are scored as `annotate` prints them: the people, else the byline as printed.",
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
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write-docs", type=Path)
    arguments = parser.parse_args()
    folder = shared_folder()
    if not folder.is_dir():
        sys.exit(f"no evaluation data: {folder} does not exist; set NEWSMILL_SHARED")
    text = document(measure(folder, arguments.sets, arguments.workers))
    if arguments.write_docs:
        arguments.write_docs.parent.mkdir(parents=True, exist_ok=True)
        arguments.write_docs.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
