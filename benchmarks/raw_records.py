"""What keeping raw records costs: bytes and CPU time a page, and letting one go again.

Usage: python benchmarks/raw_records.py [--pages N]
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from newsmill.lake import files, raw_files, rows as table_rows
from newsmill.lake.places import RAW, file_place
from newsmill.lake.raw_files import RawRecords
from newsmill.records import Fate, FateRow, Position, SourceRecord
from newsmill.sources import envelopes
from shared_data import shared_folder
from throughput import pages

AT = 1_700_000_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1_000, help="of one batch")
    given = parser.parse_args()
    made, fates, value_bytes = [], [], 0
    for offset, page in enumerate(islice(pages(shared_folder()), given.pages)):
        position = Position(topic="pages", partition=0, offset=offset)
        headers, value = envelopes.encode(page)
        made.append((SourceRecord(position=position, value=value, headers=headers), page))
        fates.append(FateRow(position=position, fate=Fate.NOT_ARTICLE, ingested_at=AT, url=page.url))
        value_bytes += len(value)
    plain = table_rows.fates(fates)
    with TemporaryDirectory() as place:
        raw = RawRecords(place)
        start = time.process_time()
        for record, page in made:
            raw.bring(record, page, AT)
        brought = time.process_time() - start
        pointing = raw.filed(plain, AT)
        spent = time.process_time() - start
        raw.close()
        kept = sum(path.stat().st_size for path in Path(place).rglob(f"*{raw_files.SUFFIX}"))
        without, with_it = (files.write(place, "fate", rows, ingested_at=AT) for rows in (plain, pointing))
        start = time.process_time()
        store = files.storage.at(place)
        for row, (record, _) in zip(pointing.to_pylist(), made, strict=True):
            read = raw_files.record_in(raw_files.stored_at(store, file_place(row, RAW)))
            assert read == msgspec.structs.replace(record), row
        got = time.process_time() - start
    count = given.pages
    print(f"{count} pages of one batch; a page:")
    for size, name in (
        (value_bytes / count, "bytes of the record's value"),
        (kept / count, "bytes in raw files"),
        ((with_it.bytes - without.bytes) / count, "bytes more in the table fate"),
    ):
        print(f"  {size:10,.0f}  {name}")
    for seconds, name in (
        (brought, "ms of CPU to pack it"),
        (spent - brought, "ms of CPU to write it to its file"),
        (got, "ms of CPU to read it again from its place"),
    ):
        print(f"  {seconds / count * 1e3:10.2f}  {name}")


if __name__ == "__main__":
    main()
