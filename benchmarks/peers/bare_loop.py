"""WARC to Parquet by a bare multiprocessing loop over newsmill's own pure functions.

No Beam, no sandbox, no ledger, no commit.

Usage: python -m peers.bare_loop PAGES.warc.gz OUTPUT [PROCESSES]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa

from newsmill.config import Config
from newsmill.copies.index import CopyIndex
from newsmill.copies.origin import attribute
from newsmill.copies.sketches import Sketch, sketch
from newsmill.errors import Rejected
from newsmill.lake import files, rows as table_rows
from newsmill.page.identity import draft
from newsmill.page.reading import read
from newsmill.records import Article, Draft, Fate, NotArticle, Origin, RawPage, SourceRecord
from newsmill.sources import envelopes, files as page_files

AT = 1_700_000_000_000_000
CHUNK = 16
CONFIG = Config()


def work(records: list[SourceRecord]) -> list[tuple[Draft, Sketch, Origin | None]]:
    """Pages of some records to drafts with sketches and origins."""
    done = []
    for record in records:
        try:
            raw = envelopes.decode(record, CONFIG.input)
            assert isinstance(raw, RawPage)
            found = read(raw, page=CONFIG.page, input=CONFIG.input)
        except Rejected:
            continue
        if not isinstance(found, NotArticle):
            made = draft(record, raw, found.page, found.language, AT)
            done.append((made, sketch(made), attribute(made)))
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
    decisions = CopyIndex(CONFIG.copies).resolve("loop", [s for _, s, _ in done]).decisions
    articles = [
        Article(
            draft=made,
            fate=decision.fate,
            revision=decision.revision,
            duplicate=decision.duplicate,
            origin=origin or decision.origin_hint,
            sketch=shape.encode(),
        )
        for made, shape, origin in done
        if (decision := decisions[made.position]).fate is not Fate.REDELIVERY
    ]
    parts = [articles[start : start + 1000] for start in range(0, len(articles), 1000)]
    for table, made in (("articles", table_rows.articles), ("copy_sketches", table_rows.copy_sketches)):
        rows = pa.concat_tables(map(made, parts))
        files.write_all(str(output), table, rows, ingested_at=AT, file_rows=200_000)
    return len(articles)


if __name__ == "__main__":
    processes = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    print(json.dumps({"articles": main(Path(sys.argv[1]), Path(sys.argv[2]), processes)}))
