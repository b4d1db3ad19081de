"""WARC to Parquet by a bare multiprocessing loop over newsmill's own pure functions: no Beam, no sandbox.

Usage: python -m peers.bare_loop PAGES.warc.gz OUTPUT [PROCESSES]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa

from newsmill.config import Config
from newsmill.copies.index import CopyIndex
from newsmill.copies.sketches import Sketch, sketch
from newsmill.lake import files, schemas
from newsmill.page.analysis import read_page
from newsmill.page.identity import draft
from newsmill.page.language import detect
from newsmill.records import Article, Draft, Fate, NotArticle, RawPage, SourceRecord
from newsmill.sources import envelopes
from newsmill.sources import files as page_files

AT = 1_700_000_000_000_000
CHUNK = 16
CONFIG = Config()


def work(records: list[SourceRecord]) -> list[tuple[Draft, Sketch]]:
    """Pages of some records to drafts with sketches."""
    done = []
    for record in records:
        raw = envelopes.decode(record, CONFIG.input)
        assert isinstance(raw, RawPage)
        page = read_page(raw, page=CONFIG.page, input=CONFIG.input)
        if isinstance(page, NotArticle):
            continue
        language = detect(page.body, html_lang=page.html_lang, title=page.title)
        made = draft(record, raw, page, language, AT)
        done.append((made, sketch(made)))
    return done


def chunks(warc: Path) -> Iterator[list[SourceRecord]]:
    """The records of a WARC file, some at a time."""
    records = page_files.read([warc])
    while chunk := list(islice(records, CHUNK)):
        yield chunk


def main(warc: Path, output: Path, processes: int) -> int:
    """Run the loop; how many articles it wrote."""
    with get_context("spawn").Pool(processes) as pool:
        done = [item for items in pool.imap(work, chunks(warc)) for item in items]
    decisions = CopyIndex(CONFIG.copies).resolve("loop", [s for _, s in done]).decisions
    tables: list[pa.Table] = []
    articles = [
        Article(draft=d, fate=decision.fate, revision=decision.revision, duplicate=decision.duplicate)
        for d, _ in done
        if (decision := decisions[d.position]).fate is not Fate.REDELIVERY
    ]
    for start in range(0, len(articles), 1000):
        tables.append(schemas.articles(articles[start : start + 1000]))
    files.write_all(str(output), "articles", pa.concat_tables(tables), ingested_at=AT, file_rows=200_000)
    return len(articles)


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 2))
