"""What one page costs in each stage, as the pipeline runs them."""

from __future__ import annotations

import gc
import time
from functools import cache
from typing import Any

from newsmill.config import CopiesConfig, EnrichConfig, InputConfig, KeepBody, OnReserved, PageConfig
from newsmill.copies.index import CopyIndex
from newsmill.errors import Rejected
from newsmill.flow.elements.chunks import ArticleChunk, Extracted, SketchedChunk
from newsmill.flow.steps.enrich import finish
from newsmill.flow.steps.identify import identify
from newsmill.flow.steps.mark import mark
from newsmill.flow.steps.tabulate import tabulate
from newsmill.knowledge.enricher import Enricher
from newsmill.page import reading
from newsmill.records import NotArticle, Position, RawPage, SourceRecord

POSITION = Position(topic="shapes", partition=0, offset=0)
INPUT = InputConfig(max_value_bytes=40_000_000, max_decompressed_bytes=40_000_000)
"""Shapes may be larger than what is asked for: a page of 9 MB has a frame."""


@cache
def enricher() -> Enricher:
    reading.prepare(page=PageConfig(), input=InputConfig())
    return Enricher.open(EnrichConfig())


def stages(html: str) -> tuple[dict[str, float], str]:
    """CPU seconds of each stage, and what became of the page: `article`, a reason or a code."""
    tools, config = enricher(), EnrichConfig()
    raw = RawPage(
        position=POSITION,
        url="https://tarnby.example/2021/05/01/ferry",
        body=html.encode("utf-8", "surrogatepass"),
    )
    record = SourceRecord(position=POSITION, value=raw.body)
    spent: dict[str, float] = {}
    gc.collect()
    gc.disable()  # it looks at all that other tests hold
    try:
        with _Lap(spent, "extract"):
            try:
                found = reading.read_any(raw, page=PageConfig(), input=INPUT)
            except Rejected as rejected:
                return spent, rejected.code.value
        page, language = found.parsed.page, found.parsed.language
        with _Lap(spent, "identify"):
            sketched = identify(Extracted(record=record, raw=raw, page=page, language=language), 1)
        with _Lap(spent, "copies"):
            index = CopyIndex(CopiesConfig())
            (marked,), _, _ = mark(index, "b", [SketchedChunk(drafts=(sketched,))])
        with _Lap(spent, "enrich"):
            finished = finish(marked, tools, config, KeepBody.ALL, OnReserved.KEEP)
        with _Lap(spent, "tabulate"):
            for _ in tabulate(ArticleChunk(articles=(finished,))):
                pass
    finally:
        gc.enable()
    verdict = found.not_article
    return spent, verdict.reason if isinstance(verdict, NotArticle) else "article"


class _Lap:
    def __init__(self, spent: dict[str, float], stage: str) -> None:
        self._spent, self._stage = spent, stage

    def __enter__(self) -> None:
        self._start = time.process_time()

    def __exit__(self, *error: Any) -> None:
        self._spent[self._stage] = time.process_time() - self._start
