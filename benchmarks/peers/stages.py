"""CPU time of each stage's pure function, one after the other in one process, without any runner.

Usage: python -m peers.stages PAGES.warc.gz OUTPUT
Prints a JSON object: CPU milliseconds a page by stage, and CPU seconds of what is paid once a process.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import process_time
from typing import ParamSpec, TypeVar

from newsmill.config import Config, EnrichConfig
from newsmill.copies.index import CopyIndex
from newsmill.copies.origin import attribute
from newsmill.copies.sketches import sketch
from newsmill.errors import Rejected
from newsmill.flow.elements.chunks import ClassifiedChunk, ClassifiedDraft, RecordCoder
from newsmill.knowledge.enricher import Enricher
from newsmill.lake import files, rows as table_rows
from newsmill.page.analysis import read_page
from newsmill.page.identity import draft
from newsmill.page.language import detect
from newsmill.page.reading import prepare
from newsmill.records import Article, NotArticle, RawPage
from newsmill.runtime import allocator
from newsmill.sources import envelopes, files as page_files

AT = 1_700_000_000_000_000
CONFIG = Config()
P = ParamSpec("P")
T = TypeVar("T")


class Spent:
    """CPU seconds by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    def on(self, what: str, call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Call, and count what it took."""
        start = process_time()
        try:
            return call(*args, **named)
        finally:
            self.seconds[what] += process_time() - start

    def each(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """Give the items of an iterator, and count what making them took."""
        iterator = iter(items)
        while (item := self.on(what, lambda: next(iterator, None))) is not None:
            yield item


def main(warc: Path, output: Path) -> dict[str, dict[str, float]]:
    """Run all stages; figures by name."""
    once, spent, total, made = Spent(), Spent(), 0, []
    once.seconds["imports"] = process_time()
    once.on("extraction and language models", prepare, page=CONFIG.page, input=CONFIG.input)
    enricher = once.on("knowledge base", Enricher.open, EnrichConfig())
    allocator.keep()  # as a run does: with Python's own thresholds its collector is most of what rows cost
    for record in spent.each("read WARC", page_files.read([warc])):
        total += 1
        try:
            raw = spent.on("decode", envelopes.decode, record, CONFIG.input)
            assert isinstance(raw, RawPage)
            page = spent.on("extract", read_page, raw, page=CONFIG.page, input=CONFIG.input)
        except Rejected:
            continue
        if isinstance(page, NotArticle):
            continue
        language = spent.on("language", detect, page.body, html_lang=page.html_lang, title=page.title)
        drafted = spent.on("identity", draft, record, raw, page, language, AT)
        made.append((drafted, spent.on("sketch", sketch, drafted)))
    index = CopyIndex(CONFIG.copies)
    decisions = spent.on("mark copies", index.resolve, "stages", [shape for _, shape in made]).decisions
    first = {drafted.language.code: drafted for drafted, _ in made}
    for drafted in first.values():
        once.on(f"patterns of origin, {len(first)} languages", attribute, drafted)
        once.on(f"words of entities, {len(first)} languages", enricher.enrich, drafted, statistical=False)
    articles = []
    for drafted, shape in made:
        decision = decisions[drafted.position]
        marked = ClassifiedDraft(draft=drafted, decision=decision, sketch=shape.encode(), value_bytes=0)
        coder = RecordCoder(ClassifiedChunk)
        encoded = spent.on("between stages", coder.encode, ClassifiedChunk(drafts=(marked,)))
        spent.on("between stages", coder.decode, encoded)
        articles.append(
            Article(
                draft=drafted,
                fate=decision.fate,
                revision=decision.revision,
                duplicate=decision.duplicate,
                origin=spent.on("origin", attribute, drafted),
                enrichment=spent.on("entities", enricher.enrich, drafted, statistical=False),
                sketch=marked.sketch,
            )
        )
    for table, made in (("articles", table_rows.articles), ("copy_sketches", table_rows.copy_sketches)):
        rows = spent.on("rows", made, articles)
        spent.on("write", files.write_all, str(output), table, rows, ingested_at=AT, file_rows=200_000)
    return {
        "page_ms": {what: seconds * 1000 / total for what, seconds in spent.seconds.items()},
        "once_s": dict(once.seconds),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
