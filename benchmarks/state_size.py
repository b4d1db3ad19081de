"""Bytes that one page is at each step of the endless job, and in the copies index: for sizing.

Usage: python benchmarks/state_size.py [--pages N]
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from newsmill.config import CopiesConfig, EnrichConfig, InputConfig, KeepBody, OnReserved, PageConfig
from newsmill.copies.files import Folder
from newsmill.copies.index import CopyIndex
from newsmill.copies.sketches import Sketch
from newsmill.errors import Rejected
from newsmill.flow.elements.chunks import ArticleChunk, Extracted, SketchedChunk
from newsmill.flow.steps.enrich import finish
from newsmill.flow.steps.identify import identify
from newsmill.flow.steps.mark import mark
from newsmill.knowledge.enricher import Enricher
from newsmill.page.reading import read
from newsmill.records import Fate, NotArticle, Position, SourceRecord
from shared_data import shared_folder
from throughput import pages

AT = 1_700_000_000_000_000
TEXTS = 20_000


def index_bytes(like: Sketch) -> tuple[float, float]:
    """Bytes a text of an index of texts that have nothing in common: in memory before a fold, and on disk."""
    rng = np.random.default_rng(0)

    def other(number: int) -> Sketch:
        hashes, keys = (
            np.sort(rng.integers(0, 2**32, size=len(old) // 4, dtype=np.uint32)).astype("<u4").tobytes()
            for old in (like.hashes, like.keys)
        )
        return msgspec.structs.replace(
            like,
            position=Position(topic="pages", partition=0, offset=number),
            article_id=f"{number:032x}",
            content_hash=f"{number:032x}",
            text_hash=int(rng.integers(1, 2**62)),
            hashes=hashes,
            keys=keys,
            body_hash=rng.bytes(16),
        )

    with TemporaryDirectory() as place:
        index = CopyIndex(CopiesConfig(), files=Folder(Path(place)))
        index.seed(other(number) for number in range(TEXTS))
        memory = index.nbytes
        index.publish(b"")
        return memory / TEXTS, sum(path.stat().st_size for path in Path(place).iterdir()) / TEXTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=300)
    given = parser.parse_args()
    shared = shared_folder()
    drafts, raw_bytes = [], 0
    for offset, raw in enumerate(islice(pages(shared), given.pages)):
        raw = msgspec.structs.replace(raw, position=Position(topic="pages", partition=0, offset=offset))
        raw_bytes += len(raw.body)
        try:
            found = read(raw, page=PageConfig(), input=InputConfig())
        except Rejected:
            continue
        if not isinstance(found, NotArticle):
            record = SourceRecord(position=raw.position, value=raw.body)
            extracted = Extracted(record=record, raw=raw, page=found.page, language=found.language)
            drafts.append(identify(extracted, AT + offset))
    index = CopyIndex(CopiesConfig())
    marked, _, _ = mark(index, "batch", [SketchedChunk(drafts=tuple(drafts))])
    index.commit("batch")
    enricher = Enricher.open(EnrichConfig())
    articles = [finish(m, enricher, EnrichConfig(), KeepBody.ALL, OnReserved.KEEP) for m in marked]
    count = len(drafts)
    memory, disk = index_bytes(drafts[0].sketch)
    figures = {
        "value of the record": raw_bytes / given.pages,
        "draft with sketch (held until its batch is whole)": len(
            msgspec.msgpack.encode(SketchedChunk(drafts=tuple(drafts)))
        )
        / count,
        "sketch (held until its batch is in the lake)": sum(len(m.sketch) for m in marked) / count,
        "finished article (held until its batch is whole)": len(
            msgspec.msgpack.encode(ArticleChunk(articles=tuple(articles)))
        )
        / count,
        "copies index, in memory, a text since the last fold": memory,
        "copies index, on disk, a text": disk,
    }
    found = sum(m.decision.fate in (Fate.ARTICLE, Fate.COPY) for m in marked)
    print(f"{given.pages} pages, {count} articles, {found} rows; bytes a page:")
    for name, size in figures.items():
        print(f"  {size:10,.0f}  {name}")


if __name__ == "__main__":
    main()
