"""Merging small files: the same rows in fewer, sorted files, of hours, then of days, then of spans of days.

A row is written anew three times at most: when its hour is over, when its day is, and when its span is, a
sixth of a month. They are over by the newest rows, and in a lake that has gone quiet by the clock. The rows
of a span are ordered by the table's columns over all of its files, and cut into enough of them that a
question for one site, one language or one person opens few.

Sketches that rows of `articles` of before have go where the table `copy_sketches` has them.

What merged files hold is compared with what the small ones held, row count and offsets, and what is
on the disk with what was meant, before readers are given them. The small files stay until `gc`, for
readers that still have an older snapshot.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from newsmill.errors import LakeError
from newsmill.lake import replacing, rewriting, sketch_rows, sketches
from newsmill.lake.columns import TableSchema
from newsmill.lake.files import DataFile, hour
from newsmill.lake.ledger import pending_batch
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.lake.tables import LiveFile, Tables
from newsmill.lake.upkeep import ordering
from newsmill.records import Micros

TARGET_BYTES: Final = 256_000_000
"""What merged files come near to at most: between 128 and 512 MB, as readers of object stores ask."""

MAX_MEMORY_BYTES: Final = 1_500_000_000
"""Most uncompressed bytes that are merged at once."""

PIECES: Final = 40
"""Files that a span is cut into, or a day, where it has as many row groups: see docs/decisions/0067."""

SLACK: Final = 8
"""A day or span stays as it is while it has at most one file in as many too many or too few."""

SPAN_DAYS: Final = 5
"""Days of a span: the last one of a month is longer or shorter, since no file is of two months."""

_SPANS: Final = 6
"""Of a month."""

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


@dataclass(frozen=True)
class Plan:
    """Files of one hour, day or span, and how many shall stand for them."""

    files: tuple[LiveFile, ...]
    into: int
    parts: int  # how often memory has to be filled for all rows

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)


def compact(
    tables: Tables, *, now: Micros = 0, target_bytes: int = TARGET_BYTES, dry_run: bool = False
) -> Iterator[Merged]:
    """Merge the files of each past span; in the newest span, of each day; in the newest day, of each hour.

    May run beside the writer. What is planned is swapped in one by one; where files changed meanwhile, they
    are left for the next time. Done again, it finds nothing to do.

    Args:
        tables: The lake.
        now: The time; the newest rows' counts where it is later, and while a batch or a replay is under way,
            whose rows are of its beginning.
        target_bytes: Most bytes of a merged file, about.
        dry_run: Only say what would be merged.

    Raises:
        LakeError: A file is torn, or the merged file does not hold what the small ones held.
    """
    ledger = tables.load(LEDGER)
    quiet = pending_batch(ledger) is None and replacing.noted(ledger) is None
    present = hour(now) if quiet else 0
    for name in tables.names:
        table = tables.load(name)
        live = list(tables.files(table))
        moved = name == "articles" and sketches.is_whole(tables)
        for plan in plans(tables, TABLES[name], live, target_bytes, present):
            planned = Merged(name, len(plan.files), plan.rows, plan.bytes)
            yield planned if dry_run else _merge(tables, name, plan, without_sketches=moved)


def plans(
    tables: Tables,
    schema: TableSchema[Any],
    live: Sequence[LiveFile],
    target_bytes: int,
    present: int = 0,
) -> Iterator[Plan]:
    """What there is to merge of a table, in order of time.

    Files whose last hour is over: it is before the newest hour of all files, or before `present`.
    """
    newest = max([present, *(file.hours.stop - 1 for file in live)])
    together: dict[int, list[LiveFile]] = defaultdict(list)
    for file in live:
        if (last := file.hours.stop - 1) < newest:
            together[_first(last, newest)].append(file)
    for first, found in sorted(together.items()):
        into = _for_size(found, target_bytes)
        if first < newest - newest % _DAY:
            into = max(into, _for_questions(schema, found))
        if _differs(len(found), into):
            parts = -(-sum(_unpacked_bytes(tables, file) for file in found) // MAX_MEMORY_BYTES)
            if _differs(len(found), into := max(into, parts)):
                ordered = sorted(found, key=lambda file: (file.sequence, file.uri))
                yield Plan(tuple(ordered), into, parts)


def _first(at: int, newest: int) -> int:
    """The first hour of what an hour's files are merged with, while the newest hour is another."""
    span = _span(at)
    if span < _span(newest):
        return span
    day = at - at % _DAY
    return day if day < newest - newest % _DAY else at


def _span(at: int) -> int:
    """The first hour of an hour's span."""
    day = datetime.fromtimestamp(at * 3600, UTC)
    first = min((day.day - 1) // SPAN_DAYS, _SPANS - 1) * SPAN_DAYS + 1
    return int(datetime(day.year, day.month, first, tzinfo=UTC).timestamp()) // 3600


def _for_size(found: Sequence[LiveFile], target_bytes: int) -> int:
    """How many files shall stand for some by their bytes; never more than they are."""
    return max(1, min(round(sum(file.bytes for file in found) / target_bytes), len(found)))


def _for_questions(schema: TableSchema[Any], found: Sequence[LiveFile]) -> int:
    """How many files shall stand for those of a day or a span, so that questions pass most of them."""
    return min(PIECES, -(-sum(file.rows for file in found) // schema.row_group_rows))


def _differs(files: int, into: int) -> bool:
    return abs(files - into) > into // SLACK


def _unpacked_bytes(tables: Tables, file: LiveFile) -> int:
    try:
        with tables.store.open(tables.store.path(file.uri)) as opened:
            footer = pq.read_metadata(opened)
    except (pa.ArrowInvalid, OSError) as error:
        raise LakeError(f"{file.uri}: its footer can't be read: {error}") from error
    return sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))


def _merge(tables: Tables, name: str, plan: Plan, *, without_sketches: bool) -> Merged:
    start = time.monotonic()
    schema = TABLES[name]
    ordered = ordering.Ordered(tables, schema, plan.files, plan.parts)
    merged: list[DataFile] = []
    found: list[pa.Table] = []
    for rows in ordered.pieces(plan.into):
        kept = sketch_rows.without_column(rows) if without_sketches else rows
        file, held = rewriting.write(tables, schema, kept)
        merged.append(file)
        found.append(held)
    held = rewriting.positions(pa.concat_tables(found))
    if sum(file.rows for file in merged) != plan.rows or not held.equals(ordered.positions):
        raise LakeError(f"{merged[0].path}: holds other rows than the {len(plan.files)} files it stands for")
    swapped = rewriting.swap(tables, name, plan.files, merged, "compact", same_rows=True)
    return Merged(
        table=name,
        files=len(plan.files),
        rows=plan.rows,
        bytes=plan.bytes,
        into=tuple(file.path for file in merged) if swapped else (),
        into_bytes=sum(file.bytes for file in merged),
        seconds=time.monotonic() - start,
    )
