"""Merging small files: the same rows in fewer, sorted files, hour by hour.

What a merged file holds is compared with what the small ones held, row count and offsets, and what is
on the disk with what was meant, before readers are given it. The small files stay until `gc`, for
readers that still have an older snapshot.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from newsmill.errors import LakeError
from newsmill.lake import rewriting
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import LiveFile, Tables

TARGET_BYTES = 256_000_000
"""Size of merged files: between 128 and 512 MB, what readers of Parquet on object stores ask for."""

MAX_MEMORY_BYTES = 1_500_000_000
"""Most uncompressed bytes that are merged at once."""

ENOUGH = 0.5
"""A file of at least this share of the target is left as it is."""


@dataclass(frozen=True)
class Merged:
    """What was, or would be, merged."""

    table: str
    files: int
    rows: int
    bytes: int
    into: str | None  # None: only planned, or the files changed meanwhile
    into_bytes: int = 0
    seconds: float = 0.0


def compact(tables: Tables, *, target_bytes: int = TARGET_BYTES, dry_run: bool = False) -> Iterator[Merged]:
    """Merge the small files of each hour, but for the newest hour, which still grows.

    May run beside the writer. Groups are swapped in one by one; a group whose files changed meanwhile is
    left for the next time.

    Args:
        tables: The lake.
        target_bytes: Size that merged files come near to.
        dry_run: Only say what would be merged.

    Raises:
        LakeError: A file is torn, or the merged file does not hold what the small ones held.
    """
    for name in TABLES:
        table = tables.load(name)
        live = list(tables.files(table))
        newest = max((file.hour for file in live), default=0)
        for group in _groups(tables, [file for file in live if file.hour < newest], target_bytes):
            planned = Merged(name, len(group), sum(f.rows for f in group), sum(f.bytes for f in group), None)
            yield planned if dry_run else _merge(tables, name, group, planned)


def _groups(tables: Tables, live: Sequence[LiveFile], target_bytes: int) -> Iterator[list[LiveFile]]:
    """Groups of at least two small files of one hour, each near the target, in order of commit."""
    hours: dict[int, list[LiveFile]] = defaultdict(list)
    for file in live:
        if file.bytes < ENOUGH * target_bytes:
            hours[file.hour].append(file)
    for _, small in sorted(hours.items()):
        group: list[LiveFile] = []
        size = memory = 0
        for file in sorted(small, key=lambda f: (f.sequence, f.uri)):
            unpacked = _unpacked_bytes(tables, file)
            if group and (size + file.bytes > target_bytes or memory + unpacked > MAX_MEMORY_BYTES):
                if len(group) > 1:
                    yield group
                group, size, memory = [], 0, 0
            group.append(file)
            size, memory = size + file.bytes, memory + unpacked
        if len(group) > 1:
            yield group


def _unpacked_bytes(tables: Tables, file: LiveFile) -> int:
    with tables.store.open(tables.store.path(file.uri)) as opened:
        footer = pq.read_metadata(opened)
    return sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))


def _merge(tables: Tables, name: str, group: Sequence[LiveFile], planned: Merged) -> Merged:
    start = time.monotonic()
    schema = TABLES[name]
    rows = rewriting.read(tables, schema, group)
    merged, found = rewriting.write(tables, schema, rows)
    if merged.rows != planned.rows or not rewriting.positions(found).equals(rewriting.positions(rows)):
        raise LakeError(f"{merged.path}: holds other rows than the {planned.files} files it stands for")
    swapped = rewriting.swap(tables, name, group, [merged], "compact")
    return Merged(
        table=name,
        files=planned.files,
        rows=planned.rows,
        bytes=planned.bytes,
        into=merged.path if swapped else None,
        into_bytes=merged.bytes,
        seconds=time.monotonic() - start,
    )
