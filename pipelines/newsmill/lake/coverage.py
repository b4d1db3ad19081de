"""Whether a batch's files account for each of its records, before it is committed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.errors import LakeError
from newsmill.lake import rows as table_rows, schemas
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import Batch
from newsmill.lake.schemas import LEDGER
from newsmill.lake.sketch_rows import COLUMN, SKETCHES


def check_coverage(
    batch: Batch, files: Sequence[DataFile], columns: Callable[[DataFile, Sequence[str]], pa.Table]
) -> None:
    """Check that a batch's files hold one fate for each of its offsets, and the rows that the fates say.

    Args:
        batch: With its slices.
        files: All files of the batch.
        columns: Reads columns of a file.

    Raises:
        LakeError: With the first offsets that are wrong.
    """
    place = ("topic", "partition", "offset")
    fates = _read(files, LEDGER, (*place, "fate"), columns)
    told = fates.filter(pc.not_equal(fates["fate"], table_rows.GAP))
    problems: list[str] = []
    for topic, partition, offsets in _by_partition(told):
        repeated = offsets[1:][offsets[1:] == offsets[:-1]]
        if repeated.size:
            problems.append(f"{topic}/{partition}: more than one fate: {_some(repeated)}")
        mine = [s for s in batch.slices if (s.topic, s.partition) == (topic, partition)]
        inside = np.zeros(offsets.size, dtype=bool)
        for part in mine:
            inside[np.searchsorted(offsets, part.start) : np.searchsorted(offsets, part.end)] = True
        if not inside.all():
            problems.append(f"{topic}/{partition}: fates outside the batch: {_some(offsets[~inside])}")
    for part in batch.slices:
        here = told.filter(
            (pc.field("topic") == part.topic)
            & (pc.field("partition") == part.partition)
            & (pc.field("offset") >= part.start)
            & (pc.field("offset") < part.end)
        )
        offsets = np.sort(here["offset"].to_numpy())
        crc = zlib.crc32(offsets.astype("<i8").tobytes())
        if offsets.size != part.records or part.offsets_crc not in (None, crc):
            problems.append(
                f"{part.topic}/{part.partition}: {part.records} records in [{part.start}, {part.end}), "
                f"{offsets.size} fates"
            )
    for table, held in table_rows.HOLDING.items():
        if table == SKETCHES and _of_before(files, columns):
            continue
        wanted = told.filter(pc.is_in(told["fate"], pa.array(held))).select(place)
        found = _read(files, table, place, columns)
        for text, one, other in (
            ("fate without a row in", wanted, found),
            ("row without a fate in", found, wanted),
        ):
            odd = one.join(other, keys=list(place), join_type="left anti")
            if odd.num_rows or (one is found and found.num_rows != wanted.num_rows):
                problems.append(f"{text} {table}: {odd.num_rows} offsets, e.g. {odd.slice(0, 5).to_pylist()}")
    if problems:
        raise LakeError(f"batch {batch.batch_id} is not whole: " + "; ".join(problems))


def _of_before(files: Sequence[DataFile], columns: Callable[[DataFile, Sequence[str]], pa.Table]) -> bool:
    """Whether an earlier version wrote a batch: its articles have their sketches in a column."""
    if any(file.table == SKETCHES for file in files):
        return False
    articles = _read(files, "articles", (COLUMN, "withheld"), columns)
    return pc.all(pc.or_(pc.is_valid(articles[COLUMN]), pc.is_valid(articles["withheld"]))).as_py() is True


def _read(
    files: Sequence[DataFile],
    table: str,
    names: Sequence[str],
    columns: Callable[[DataFile, Sequence[str]], pa.Table],
) -> pa.Table:
    empty = schemas.TABLES[table].arrow.empty_table().select(list(names))
    parts = [columns(file, names).cast(empty.schema) for file in files if file.table == table]
    return pa.concat_tables([empty, *parts])


def _by_partition(rows: pa.Table) -> Iterator[tuple[str, int, np.ndarray]]:
    for group in rows.group_by(["topic", "partition"]).aggregate([("offset", "list")]).to_pylist():
        yield group["topic"], group["partition"], np.sort(np.array(group["offset_list"], dtype=np.int64))


def _some(offsets: np.ndarray) -> str:
    return ", ".join(map(str, offsets[:5])) + (" …" if offsets.size > 5 else "")
