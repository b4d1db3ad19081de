"""The table `copy_sketches`: filled in lakes of before, and in batches that an earlier version wrote.

A batch's sketches are files of their own beside those of its articles: noted, decided and appended with them.
Up to schema 6 a sketch was a column of `articles`; rows for those are made of it. The table is whole where it
has the number of the newest batch of `articles`: until then, no keeper lets go of the column.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence, Set as AbstractSet
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.table import Table, Transaction

from newsmill.errors import LakeError
from newsmill.lake import flattening, rewriting
from newsmill.lake.files import DataFile
from newsmill.lake.flattening import newest_snapshot, published, sequence_of
from newsmill.lake.ledger import INGESTED_AT, SEQUENCE, WRITTEN
from newsmill.lake.places import PLACE
from newsmill.lake.schemas import LEDGER
from newsmill.lake.sketch_rows import COLUMN, COPY_SKETCHES, MADE_OF, SKETCHES, of_articles
from newsmill.lake.staging import replace, set_properties
from newsmill.lake.tables import LiveFile, Tables
from newsmill.records import Micros
from newsmill.runtime import failpoints

_READ: Final = (*MADE_OF, "withheld")

_log = logging.getLogger(__name__)


def is_whole(tables: Tables) -> bool:
    """Whether the table is there and tells of all articles."""
    needed = sequence_of(tables.load("articles"))  # before the other, which follows it
    return SKETCHES in tables.names and sequence_of(tables.load(SKETCHES)) >= needed


def is_filled(tables: Tables) -> bool:
    """Whether the table is there and tells of all articles of committed batches."""
    needed = _committed(tables)[0]
    return SKETCHES in tables.names and sequence_of(tables.load(SKETCHES)) >= needed


def with_sketches(tables: Tables, files: Sequence[DataFile]) -> tuple[DataFile, ...]:
    """The files of a batch or a replay, and those of its sketches where an earlier version wrote them.

    The same files give the same.

    Raises:
        LakeError: One is gone.
    """
    made: list[DataFile] = []
    if all(file.table != SKETCHES for file in files):
        for file in files:
            if file.table == "articles":
                try:
                    rows = tables.retry(partial(_read, tables, file.path), passed=FileNotFoundError)
                except FileNotFoundError as error:
                    raise LakeError(f"a file of the batch is gone: {error}") from error
                made.append(tables.retry(partial(published, tables, COPY_SKETCHES, of_articles(rows))))
    return (*files, *made)


def fill(tables: Tables) -> None:
    """Make the rows of a lake that did not have the table, or that an earlier version wrote since.

    A batch that is decided brings its own. May run beside keepers: it begins again when rows of `articles`
    changed meanwhile. Only the lake's one writer may do it.
    """
    if is_filled(tables):
        return
    _log.info("filling %s from the rows of articles, once", SKETCHES)
    earlier: set[str] = set()
    while _filled(tables, earlier) != newest_snapshot(tables):
        pass


def _filled(tables: Tables, earlier: set[str]) -> int | None:
    """Add what is missing; the snapshot of `articles` that it is of, if nothing of it is gone already.

    Args:
        tables: The lake.
        earlier: Files of earlier tries, removed where they are not visible; filled with those of this one.
    """
    number, until = _committed(tables)
    articles = tables.load("articles")
    snapshot = articles.metadata.current_snapshot_id
    known = _known(tables)
    written: set[str] = set()
    renewed = [known.select(PLACE).slice(0, 0)]
    stay = [renewed[0]]
    for file in tables.retry(lambda: list(tables.files(articles))):
        try:
            rows = tables.retry(partial(_read, tables, file.uri), passed=FileNotFoundError)
        except FileNotFoundError as error:
            if snapshot == newest_snapshot(tables):
                raise LakeError(f"articles: a file is missing: {error}") from error
            earlier |= written
            return snapshot  # a takedown removed what it replaced
        rows = rows.filter(pc.less_equal(rows["ingested_at"].cast(pa.int64()), until))
        if known.num_rows:
            stay.append(rows.select(PLACE))
            rows = _later(rows, known)
            renewed.append(rows.select(PLACE))
        if rows.num_rows:
            written.add(tables.retry(partial(published, tables, COPY_SKETCHES, of_articles(rows))).path)
    gone = known.select(PLACE).join(pa.concat_tables(stay), keys=list(PLACE), join_type="left anti")
    failpoints.reach(f"fill.written.{SKETCHES}")
    leave = pa.concat_tables([*renewed, gone.cast(renewed[0].schema)])
    replaced: set[str] = set()
    tables.change(SKETCHES, partial(_fill, tables, written, leave, number, replaced))
    flattening.forget(tables, {SKETCHES: earlier | replaced})
    earlier |= written
    return snapshot


def _known(tables: Tables) -> pa.Table:
    """The places of the rows that are there, and when these last changed."""
    found = [_changed(COPY_SKETCHES.arrow.empty_table())]
    columns = [*PLACE, "ingested_at", "updated_at"]
    for file in tables.files(tables.load(SKETCHES)):
        found.append(_changed(rewriting.columns(tables, COPY_SKETCHES, file, columns)))
    return pa.concat_tables(found)


def _changed(rows: pa.Table) -> pa.Table:
    at = pc.coalesce(rows["updated_at"], rows["ingested_at"]).cast(pa.int64())
    return rows.select(PLACE).append_column("at", at)


def _later(articles: pa.Table, known: pa.Table) -> pa.Table:
    """The rows that the table lacks, and those that an earlier version changed since."""
    numbered = _changed(articles).append_column("row", pa.array(range(articles.num_rows), pa.int64()))
    joined = numbered.join(known, keys=list(PLACE), right_suffix=" there").sort_by("row")
    own = pc.or_(pc.is_valid(articles[COLUMN]), pc.is_valid(articles["withheld"]))
    later = pc.and_(own, pc.fill_null(pc.greater(joined["at"], joined["at there"]), False))
    return articles.filter(pc.or_(pc.is_null(joined["at there"]), later))


def _fill(
    tables: Tables,
    written: AbstractSet[str],
    leave: pa.Table,
    sequence: int,
    replaced: set[str],
    table: Table,
    transaction: Transaction,
) -> bool:
    if any(tables.store.size(tables.store.path(uri)) is None for uri in written):
        return False  # a takedown changed the articles meanwhile, and took its content out of these
    set_properties(table, transaction, {SEQUENCE: str(sequence)})
    there = {file.uri for file in tables.files(table)}
    old: list[LiveFile] = []
    rests: list[str] = []
    for file in tables.files(table) if leave.num_rows else ():
        if file.uri not in written:
            rows = rewriting.read(tables, COPY_SKETCHES, [file])
            rest, mine = rewriting.apart(rows, leave)
            if mine.num_rows:
                old.append(file)
                rests += [rewriting.write(tables, COPY_SKETCHES, rest)[0].path] if rest.num_rows else []
    replaced.update(file.uri for file in old)
    new = [*rests, *sorted(written - there)]
    replace(table, transaction, old, new, {"newsmill.operation": flattening.FILLED})
    return True


def _committed(tables: Tables) -> tuple[int, Micros]:
    """The number of the newest committed batch that has articles, and the time of the newest of all."""
    ledger = tables.load(LEDGER)
    newest, last = sequence_of(tables.load("articles")), sequence_of(ledger)
    if newest > last:  # it is being published
        newest = json.loads(ledger.properties.get(WRITTEN, "{}")).get("articles", last)
    return newest, int(ledger.properties.get(INGESTED_AT, 0))


def _read(tables: Tables, uri: str) -> pa.Table:
    """What is needed of a file of `articles`; of one of before schema 5 without the time of a last change."""
    with tables.store.open(tables.store.path(uri)) as opened:
        rows = pq.ParquetFile(opened, page_checksum_verification=True).read(
            columns=list(_READ), use_threads=False
        )
    if "updated_at" in rows.column_names:
        return rows
    kind = COPY_SKETCHES.arrow.field("updated_at").type
    return rows.append_column("updated_at", pa.nulls(rows.num_rows, kind))
