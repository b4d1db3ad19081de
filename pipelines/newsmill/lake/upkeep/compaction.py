"""Merging small files: the same rows in fewer, sorted files, hour by hour on the newest day, else day by day.

A row is written anew twice at most: when its hour is over, and when its day is. A day's rows are ordered by
site and time over all of its files, so that a site is in few of them.

What merged files hold is compared with what the small ones held, row count and offsets, and what is
on the disk with what was meant, before readers are given them. The small files stay until `gc`, for
readers that still have an older snapshot.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from newsmill.errors import LakeError
from newsmill.lake import files, rewriting
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import LiveFile, Tables

TARGET_BYTES = 256_000_000
"""Size of merged files: between 128 and 512 MB, what readers of Parquet on object stores ask for."""

MAX_MEMORY_BYTES = 1_500_000_000
"""Most uncompressed bytes that are merged at once."""

ENOUGH = 0.5
"""A file of at least this share of the target is left as it is."""


_DAY: Final = 24
"""Hours."""


@dataclass(frozen=True)
class Merged:
    """What was, or would be, merged."""

    table: str
    files: int
    rows: int
    bytes: int
    into: tuple[str, ...] = ()  # none: only planned, or the files changed meanwhile
    into_bytes: int = 0
    seconds: float = 0.0


def compact(tables: Tables, *, target_bytes: int = TARGET_BYTES, dry_run: bool = False) -> Iterator[Merged]:
    """Merge the small files of each day; of the newest one, those of each hour but the newest.

    May run beside the writer. Groups are swapped in one by one; a group whose files changed meanwhile is
    left for the next time.

    Args:
        tables: The lake.
        target_bytes: Size that merged files come near to.
        dry_run: Only say what would be merged.

    Raises:
        LakeError: A file is torn, or the merged file does not hold what the small ones held.
    """
    for name in tables.names:
        table = tables.load(name)
        live = list(tables.files(table))
        for group in groups(tables, live, target_bytes):
            planned = Merged(name, len(group), sum(f.rows for f in group), sum(f.bytes for f in group))
            into = max(1, round(planned.bytes / target_bytes))
            if into < len(group):
                yield planned if dry_run else _merge(tables, name, group, planned, into)


def groups(tables: Tables, live: Sequence[LiveFile], target_bytes: int) -> Iterator[list[LiveFile]]:
    """Groups of small files that can be merged at once, of an hour or a day each, in order of commit."""
    newest = max((file.hours.stop for file in live), default=0) - 1
    spans: dict[int, list[LiveFile]] = defaultdict(list)
    for file in live:
        last = file.hours.stop - 1
        day, today = last // _DAY, newest // _DAY
        if file.bytes < ENOUGH * target_bytes and last < newest:
            spans[day * _DAY if day < today else last].append(file)
    for _, small in sorted(spans.items()):
        if len(small) == 1:
            continue
        group: list[LiveFile] = []
        memory = 0
        for file in sorted(small, key=lambda f: (f.sequence, f.uri)):
            unpacked = _unpacked_bytes(tables, file)
            if group and memory + unpacked > MAX_MEMORY_BYTES:
                yield group
                group, memory = [], 0
            group.append(file)
            memory += unpacked
        if group:
            yield group


def _unpacked_bytes(tables: Tables, file: LiveFile) -> int:
    with tables.store.open(tables.store.path(file.uri)) as opened:
        footer = pq.read_metadata(opened)
    return sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))


def _merge(tables: Tables, name: str, group: Sequence[LiveFile], planned: Merged, into: int) -> Merged:
    start = time.monotonic()
    schema = TABLES[name]
    rows = files.sort(schema, rewriting.read(tables, schema, group))
    each = -(-rows.num_rows // into)
    merged, found = zip(
        *(
            rewriting.write(tables, schema, rows.slice(first, each))
            for first in range(0, rows.num_rows, each)
        ),
        strict=True,
    )
    held = rewriting.positions(pa.concat_tables(found))
    if sum(file.rows for file in merged) != planned.rows or not held.equals(rewriting.positions(rows)):
        raise LakeError(f"{merged[0].path}: holds other rows than the {planned.files} files it stands for")
    swapped = rewriting.swap(tables, name, group, merged, "compact", same_rows=True)
    return Merged(
        table=name,
        files=planned.files,
        rows=planned.rows,
        bytes=planned.bytes,
        into=tuple(file.path for file in merged) if swapped else (),
        into_bytes=sum(file.bytes for file in merged),
        seconds=time.monotonic() - start,
    )
