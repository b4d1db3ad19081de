"""The fates of many pages in extraction processes, as a program of its own: prints them as JSON by page.

    python reading_fates.py honest|all [FOLDER EACH] < {"wall_limit_s": ..., ...}

FOLDER holds evaluation pages (`*/*.html.gz`), of which each EACH-th is read, beside the sample pages and, of
all, the hostile ones that are not slow. Without evaluation pages the samples are read ten times.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from hostile_pages import CASES, page
from newsmill.config import InputConfig, PageConfig
from newsmill.demo import PAGES
from newsmill.errors import Rejected
from newsmill.page.sandbox import Sandbox
from newsmill.records import NotArticle, ParsedPage, Position, RawPage


def pages(which: str, folder: str | None = None, each: str = "1") -> dict[str, RawPage]:
    """Pages by name."""
    samples = sorted(PAGES.glob("*.html"))
    files = [*samples, *sorted(Path(folder).glob("*/*.html.gz"))[:: int(each)]] if folder else samples * 10
    quick = [case for case in CASES if "E_TIMEOUT" not in case.fates]
    found = {case.name: page(case) for case in quick} if which == "all" else {}
    for number, file in enumerate(files):
        body = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        position = Position(topic="t", partition=1, offset=number)
        name = f"{number} {file.parent.name}/{file.name}"
        found[name] = RawPage(position=position, url=f"https://paper.example/{number}", body=body)
    return found


def fate(outcome: ParsedPage | NotArticle | Rejected) -> str:
    """`article`, the reason of a page that is none, or the code with its message."""
    if isinstance(outcome, Rejected):
        return str(outcome)
    return outcome.reason if isinstance(outcome, NotArticle) else "article"


def main() -> None:
    """Read the pages and print their fates."""
    found = pages(*sys.argv[1:])
    limits = PageConfig.model_validate_json(sys.stdin.read())
    with Sandbox(
        page=limits, input=InputConfig(), read="newsmill.page.reading:read", gives=ParsedPage
    ) as sandbox:
        outcomes = sandbox.map(list(found.values()))
    json.dump({name: fate(outcome) for name, outcome in zip(found, outcomes, strict=True)}, sys.stdout)


if __name__ == "__main__":
    main()
