"""The checker's rule C13: each raw record that a row of the ledger points to is there, whole, and that one.

Raw files are WARC files beside the tables. No code is shared with the writer: they are read as any tool
would read them.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator

from newsmill.lake.verification.evidence import LakeEvidence, content, listed, of_a_lake
from newsmill.lake.verification.findings import Report

FOLDER: Final = "raw"
_POINTER: Final = ("raw_file", "raw_offset", "raw_length")
_COLUMNS: Final = ("topic", "partition", "offset", "fate", *_POINTER)
_MUST_NOT_STAY: Final = ("withheld", "gap")


class _Pointer(NamedTuple):
    place: tuple[str, int, int]
    offset: int
    length: int


def check(evidence: LakeEvidence, report: Report, since_ms: int) -> None:
    """Look at all raw files, or with `since_ms` at those that rows of newer files point into."""
    pointers: dict[str, list[_Pointer]] = defaultdict(list)
    named = set[str]()
    half, withheld = [], []
    for file in evidence.tables["fate"].files:
        new = not since_ms or file.added_ms > since_ms
        for row in _pointing(file.uri):
            place = row["topic"], row["partition"], row["offset"]
            if None in (row["raw_file"], row["raw_offset"], row["raw_length"]):
                half.append(place)
                continue
            named.add(row["raw_file"])
            if row["fate"] in _MUST_NOT_STAY:
                withheld.append(place)
            if new:
                pointers[row["raw_file"]].append(_Pointer(place, row["raw_offset"], row["raw_length"]))
    report.find("C13", "rows that tell a part of where their raw record is", half)
    report.find("C13", "raw records of rows that were withheld: run `newsmill gc`", withheld)
    wrong: list[tuple[Any, ...]] = []
    for name, mine in sorted(pointers.items()):
        try:
            data = content(f"{evidence.root}/{name}")
        except FileNotFoundError:
            wrong.append((name, f"is missing; {len(mine)} rows point into it"))
            continue
        report.files_read += 1
        report.bytes_read += len(data)
        if hashlib.sha256(data).hexdigest() != name.rsplit("/", 1)[1].split(".", 1)[0]:
            wrong.append((name, "its content has another hash than its name"))
        wrong += [(*p.place, problem) for p in mine if (problem := _problem(data, p)) is not None]
    report.find("C13", "raw records that are not there, or not those of their rows", wrong)
    for uri, size, link in listed(f"{evidence.root}/{FOLDER}"):
        if uri.removeprefix(f"{evidence.root}/") in named:
            continue
        if of_a_lake(uri) and not link:
            report.orphans += 1
            report.orphan_bytes += size
        else:
            report.foreign.append(uri)


def _pointing(uri: str) -> Iterator[dict[str, Any]]:
    """Rows of a file that point to a raw record; none where the file can't be read, which C4 tells."""
    try:
        parquet = pq.ParquetFile(pa.BufferReader(content(uri)))
        if set(_POINTER) <= set(parquet.schema_arrow.names):
            for batch in parquet.iter_batches(columns=list(_COLUMNS)):
                yield from (r for r in batch.to_pylist() if any(r[name] is not None for name in _POINTER))
    except (OSError, pa.ArrowInvalid):
        return


def _problem(data: bytes, pointer: _Pointer) -> str | None:
    """What is wrong with a raw record; None where it is that of its row."""
    stored = data[pointer.offset : pointer.offset + pointer.length]
    if len(stored) != pointer.length:
        return "its raw file ends before"
    try:
        records = list(_records(stored))
    except (OSError, ValueError) as error:
        return f"can't be read: {error}"
    if len(records) != 1:
        return f"is {len(records)} records, not one"
    ((place, told, found),) = records
    if place != pointer.place:
        return f"is the record of {'/'.join(map(str, place))}"
    return None if told == found else "is not what was kept: its digest is another"


def _records(stored: bytes) -> Iterator[tuple[tuple[str, int, int], str, str]]:
    """(position, digest that is told, digest of the block) of each record of a gzip member."""
    for record in ArchiveIterator(io.BytesIO(stored), parse_http=False):
        fields: dict[str, str] = defaultdict(str)
        for name, value in record.headers.items():
            fields[name.lower()] += value
        own = msgspec.msgpack.decode(base64.b64decode(fields["newsmill-record"], validate=True))
        at = own["position"]
        digest = f"sha256:{hashlib.sha256(record.reader.read()).hexdigest()}"
        yield (at["topic"], at["partition"], at["offset"]), fields["warc-block-digest"], digest
