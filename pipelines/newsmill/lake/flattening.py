"""The flat tables: written in the commits of `articles`, changed with its rows, filled in lakes of before.

What they hold follows from `articles` alone, so nothing of them is noted in the ledger: whatever was cut off
is worked out again. A flat table is whole where it has the number of the newest batch of `articles`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.table import Table, Transaction

from newsmill.errors import LakeError
from newsmill.lake import files as data_files, reader, rewriting
from newsmill.lake.columns import TableSchema
from newsmill.lake.files import DataFile
from newsmill.lake.flat import FLAT, Flat
from newsmill.lake.ledger import SEQUENCE, WRITTEN
from newsmill.lake.retention import Retention
from newsmill.lake.staging import replace, set_properties
from newsmill.lake.tables import LiveFile, Tables
from newsmill.runtime import failpoints

FILLED: Final = "fill"
"""Operation of the snapshot that fills a flat table anew."""

_log = logging.getLogger(__name__)


def made(tables: Tables, flat: Flat, articles: Iterable[str]) -> list[DataFile]:
    """The files of a flat table for files of `articles`, one each. The same articles give the same files.

    Raises:
        FileNotFoundError: One is gone.
    """
    written = []
    for uri in articles:
        rows = flat.rows(tables.retry(partial(_read, tables, flat, uri), passed=FileNotFoundError))
        if rows.num_rows:
            written.append(tables.retry(partial(published, tables, flat.schema, rows)))
    return written


def follow(
    tables: Tables, articles: pa.Table, places: pa.Table, hours: AbstractSet[int], why: str
) -> dict[str, set[str]]:
    """Put what follows from rows of `articles` in the place of what the flat tables have of their records.

    Args:
        tables: The lake; may be written meanwhile.
        articles: The rows as they are now.
        places: Topic, partition and offset of the records, of those without such a row too.
        hours: Hours of ingest of the records.
        why: Noted with the snapshots.

    Returns:
        The files that were written, by table.
    """
    written: dict[str, set[str]] = {name: set() for name in FLAT}
    for name, flat in FLAT.items():
        asked = _Asked(flat.rows(articles), places, hours, why, written[name])
        tables.change(name, partial(_follow, tables, flat, asked))
    return written


def forget(tables: Tables, files: Mapping[str, AbstractSet[str]]) -> None:
    """Remove files of rows of `articles` that changed meanwhile, by a takedown maybe, which knew them not."""
    for name, mine in files.items():
        if gone := mine - {file.uri for file in tables.files(tables.load(name))}:
            tables.expire(name, Retention.newest(1))
            for uri in gone:
                tables.store.delete(tables.store.path(uri))


def is_whole(lake: str) -> bool:
    """Whether the flat tables of a lake are there and tell of all of its articles.

    Raises:
        ConfigError: There is no lake.
        LakeError: It is not the lake that its note tells of.
    """
    articles = reader.table(lake, "articles")  # before the others, which follow it
    there = reader.names(lake)
    return all(name in there and _whole(reader.table(lake, name), articles) for name in FLAT)


def is_filled(lake: str, name: str, ledger: Table) -> bool:
    """Whether a flat table is there and tells of all articles that are visible by a state of the ledger.

    A batch that is being published may be in `articles` and not in the flat table yet.
    """
    articles = reader.table(lake, "articles")
    needed = sequence_of(articles)
    if needed > sequence_of(ledger):
        needed = json.loads(ledger.properties.get(WRITTEN, "{}")).get("articles", 0)
    return name in reader.names(lake) and sequence_of(reader.table(lake, name)) >= needed


def _whole(flat: Table, articles: Table) -> bool:
    return sequence_of(flat) >= sequence_of(articles)


def fill(tables: Tables) -> None:
    """Make the flat tables of a lake that did not have them, or that an earlier version wrote since.

    May run beside keepers: it begins again when rows of `articles` changed meanwhile. Only the lake's one
    writer may do it.
    """
    articles = tables.load("articles")
    missing = [name for name in FLAT if not _whole(tables.load(name), articles)]
    if not missing:
        return
    _log.info("filling %s from the rows of articles, once", " and ".join(missing))
    earlier: dict[str, set[str]] = {name: set() for name in missing}
    while _filled(tables, earlier) != newest_snapshot(tables):
        pass


def _filled(tables: Tables, earlier: dict[str, set[str]]) -> int | None:
    """Fill tables; the snapshot of `articles` that they tell of, if nothing of it is gone already.

    Args:
        tables: The lake.
        earlier: By table, the files of earlier tries, which are removed; filled with those of this one.
    """
    articles = tables.load("articles")
    snapshot = articles.metadata.current_snapshot_id
    live = [file.uri for file in tables.retry(lambda: list(tables.files(articles)))]
    for name in earlier:
        try:
            files = {file.path for file in made(tables, FLAT[name], live)}
        except FileNotFoundError as error:
            if snapshot == newest_snapshot(tables):
                raise LakeError(f"articles: a file is missing: {error}") from error
            return snapshot  # a takedown removed what it replaced
        failpoints.reach(f"fill.written.{name}")
        tables.change(name, partial(_fill, tables, files, sequence_of(articles)))
        forget(tables, {name: earlier[name]})
        earlier[name] |= files
    return snapshot


def newest_snapshot(tables: Tables) -> int | None:
    """The newest snapshot of `articles`."""
    return tables.load("articles").metadata.current_snapshot_id


def sequence_of(table: Table) -> int:
    """The number of the newest batch that a table has."""
    return int(table.properties.get(SEQUENCE, 0))


def _fill(
    tables: Tables, files: AbstractSet[str], sequence: int, table: Table, transaction: Transaction
) -> bool:
    if any(tables.store.size(tables.store.path(uri)) is None for uri in files):
        return False  # a takedown changed the articles meanwhile, and took its content out of these
    set_properties(table, transaction, {SEQUENCE: str(sequence)})
    live = list(tables.files(table))
    there = {file.uri for file in live}
    replace(
        table,
        transaction,
        [file for file in live if file.uri not in files],
        sorted(files - there),
        {"newsmill.operation": FILLED},
    )
    return True


@dataclass(frozen=True)
class _Asked:
    rows: pa.Table  # of the flat table, as they shall be
    places: pa.Table
    hours: AbstractSet[int]
    why: str
    written: set[str]  # filled


def _follow(tables: Tables, flat: Flat, asked: _Asked, table: Table, transaction: Transaction) -> bool:
    old: list[LiveFile] = []
    held = [flat.schema.arrow.empty_table()]
    for file in tables.files(table):
        if asked.hours.isdisjoint(file.hours):
            continue
        _, mine = _apart(tables, flat, file, asked)
        if mine.num_rows:
            old.append(file)
            held.append(mine)
    if _same(flat, pa.concat_tables(held), asked.rows):
        return False
    rests = (_apart(tables, flat, file, asked)[0] for file in old)
    new = [rewriting.write(tables, flat.schema, rest)[0].path for rest in rests if rest.num_rows]
    new += [file.path for file in _by_day(tables, flat, asked.rows)]
    asked.written.update(new)
    replace(table, transaction, old, new, {"newsmill.operation": asked.why})
    return True


def _apart(tables: Tables, flat: Flat, file: LiveFile, asked: _Asked) -> tuple[pa.Table, pa.Table]:
    """The rows of a file that stay, and those of the records asked for."""
    return rewriting.apart(rewriting.read(tables, flat.schema, [file]), asked.places)


def _same(flat: Flat, one: pa.Table, other: pa.Table) -> bool:
    """Whether rows say the same; when their articles last changed is no matter."""
    if one.num_rows != other.num_rows:
        return False
    order = [(name, "ascending") for name in flat.schema.key]
    plain = (rows.drop_columns(["updated_at"]).sort_by(order) for rows in (one, other))
    return bool(next(plain).equals(next(plain)))


def _by_day(tables: Tables, flat: Flat, rows: pa.Table) -> Iterator[DataFile]:
    days = pc.floor_temporal(rows["ingested_at"], unit="day")
    for day in pc.unique(days).sort():
        yield published(tables, flat.schema, rows.filter(pc.equal(days, day)))


def published(tables: Tables, schema: TableSchema[Any], rows: pa.Table) -> DataFile:
    """Rows that follow others, as a file that is not visible yet."""
    ordered = data_files.sort(schema, rows)
    return data_files.publish(tables.store, schema, ordered, ingested_at=rewriting.latest(rows))


def _read(tables: Tables, flat: Flat, uri: str) -> pa.Table:
    with tables.store.open(tables.store.path(uri)) as opened:
        parquet = pq.ParquetFile(opened, page_checksum_verification=True)
        return parquet.read(columns=list(flat.read), use_threads=False)
