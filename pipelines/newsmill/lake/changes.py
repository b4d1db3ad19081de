"""What changed in a table since a time: the rows themselves, with what became of them.

Read as any reader reads, without the catalog and without a trace. A row comes in the state that it has now,
however often it changed. Whoever puts the rows in the place of those with the same key, and takes out those
that are removed, has the table as it was at `Changes.until`, or newer, but for where raw records are: that is
no change of a row. In a flat table a record has many rows, and all of them are told where one changed: they
take the place of all that the record had.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import StaticTable

from newsmill.errors import ConfigError, LakeError
from newsmill.lake import change_order, flattening, reader
from newsmill.lake.change_order import Change
from newsmill.lake.flat import FLAT, Flat
from newsmill.lake.ledger import UNTIL, late_batches
from newsmill.lake.places import PLACE
from newsmill.lake.rows import HOLDING
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.records import Micros

Followed = Literal["articles", "fate", "quarantine", "cluster_events", "article_entities", "article_places"]
FOLLOWED: Final[tuple[Followed, ...]] = (
    *("articles", "fate", "quarantine", "cluster_events"),
    *("article_entities", "article_places"),
)
"""Tables that can be followed. `takedowns` is in the order of the clock, not in that of the lake."""

KINDS: Final = ("inserted", "updated", "taken_down", "removed")
"""What becomes of a row. One that a replay made of a record that had none before is `updated`."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHANGE: Final = pa.field("change", pa.string(), nullable=False)


@dataclass(frozen=True)
class Changes:
    """What changed in one table after `since`, up to `until`: the next `since`."""

    table: str
    since: Micros
    until: Micros  # before `since`, where that is later than all changes that can be seen
    schema: pa.Schema  # `change`, and the table's columns
    rows: Iterator[pa.RecordBatch]
    waiting: tuple[Change, ...]  # changes under way, or cut off, behind which nothing is told


def read(lake: str, table: Followed, since: Micros) -> Changes:
    """The changes of a table after a time of the lake, in no order.

    Args:
        lake: Folder of the lake, or its URI.
        table: Which.
        since: What an earlier reading gave as `until`; 0 for all rows.

    Raises:
        ConfigError: There is no lake.
        LakeError: It is not the lake that its note tells of, or a file is missing; or a flat table lacks rows
            that an earlier version wrote.
    """
    ledger = reader.table(lake, LEDGER)  # before the others: what it says is visible, is
    if table in FLAT and not flattening.is_filled(lake, table, ledger):
        raise LakeError(
            f"{table} does not tell of all articles yet, since an earlier version wrote some: the next "
            "`newsmill run` or `newsmill replay` fills it"
        )
    until = change_order.visible_until(ledger)
    waiting = tuple(change_order.under_way(ledger.properties))
    columns = TABLES[table].arrow
    schema = pa.schema([_CHANGE, *(field.with_nullable(True) for field in columns)])
    late = [at for at, changed in late_batches(ledger.properties) if at <= since <= changed]
    rows = _rows(lake, table, schema, since, until, late) if since < until else iter(())
    return Changes(table, since, until, schema, rows, waiting)


def time_of(lake: str, snapshot: int) -> Micros:
    """The time up to which all changes were visible when a snapshot of the ledger was the newest.

    Raises:
        ConfigError: The ledger has no such snapshot, or not any more; or it was written before these notes.
    """
    ledger = reader.table(lake, LEDGER)
    found = ledger.metadata.snapshot_by_id(snapshot)
    if found is None:
        raise ConfigError(f"{LEDGER} has no snapshot {snapshot}, or not any more: give a time")
    told = [
        int(until)
        for one in ledger.snapshots()
        if (one.sequence_number or 0) <= (found.sequence_number or 0)
        and one.summary is not None
        and (until := one.summary[UNTIL]) is not None
    ]
    if not told:
        raise ConfigError(f"no batch up to the snapshot {snapshot} of {LEDGER} tells its time: give a time")
    return max(told)


def instant(at: Micros) -> datetime:
    """A time of the lake as one of the clock."""
    return _EPOCH + timedelta(microseconds=at)


def micros(at: datetime) -> Micros:
    """The other way round."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def _rows(
    lake: str, name: Followed, schema: pa.Schema, since: Micros, until: Micros, late: Sequence[Micros]
) -> Iterator[pa.RecordBatch]:
    table = reader.table(lake, name)
    wanted = [_between(table, since, until), *(f"ingested_at == '{instant(at).isoformat()}'" for at in late)]
    for batch in reader.matching(lake, name, table, " or ".join(f"({one})" for one in wanted)):
        yield _shaped(batch, schema, _kinds(batch, since, late))
    if name in FLAT:
        yield from _without_items(lake, FLAT[name], schema, since, until)
        yield from _removed(lake, HOLDING["articles"], schema, since, until)
    elif name in HOLDING:
        yield from _removed(lake, HOLDING[name], schema, since, until)


def _between(table: StaticTable, since: Micros, until: Micros) -> str:
    """Rows that last changed after one time and not after another. Rows of before schema 5 only came."""
    came, changed = (
        f"{column} > '{instant(since).isoformat()}' and {column} <= '{instant(until).isoformat()}'"
        for column in ("ingested_at", "updated_at")
    )
    if "updated_at" not in table.schema().column_names:
        return came
    return f"({changed}) or (updated_at is null and {came})"


def _kinds(rows: pa.RecordBatch, since: Micros, late: Sequence[Micros]) -> pa.Array:
    ingested = rows["ingested_at"].cast(pa.int64())
    new = pc.or_(pc.greater(ingested, since), pc.is_in(ingested, pa.array(late, pa.int64())))
    kinds = pc.if_else(new, "inserted", "updated")
    if "withheld" not in rows.schema.names:
        return kinds
    return pc.if_else(pc.is_valid(rows["withheld"]), "taken_down", kinds)


def _removed(
    lake: str, holding: Sequence[str], schema: pa.Schema, since: Micros, until: Micros
) -> Iterator[pa.RecordBatch]:
    """The records that were known before, and to which a replay gave a fate without a row in the table.

    What they were before is not known any more, so some may have had none.
    """
    table = reader.table(lake, LEDGER)
    held = ", ".join(f"'{fate}'" for fate in holding)
    gone = f"fate not in ({held}) and ingested_at <= '{instant(since).isoformat()}'"
    for batch in reader.matching(lake, LEDGER, table, f"({_between(table, since, until)}) and {gone}", PLACE):
        yield _shaped(batch, schema, pa.array(["removed"] * len(batch), pa.string()))


def _without_items(
    lake: str, flat: Flat, schema: pa.Schema, since: Micros, until: Micros
) -> Iterator[pa.RecordBatch]:
    """The records whose row of `articles` was there, changed, and has nothing for a flat table now."""
    table = reader.table(lake, "articles")
    wanted = f"({_between(table, since, until)}) and ingested_at <= '{instant(since).isoformat()}'"
    for batch in reader.matching(lake, "articles", table, wanted, (*PLACE, flat.column)):
        none = batch.filter(pc.equal(pc.fill_null(pc.list_value_length(batch[flat.column]), 0), 0))
        yield _shaped(none.select(PLACE), schema, pa.array(["removed"] * len(none), pa.string()))


def _shaped(rows: pa.RecordBatch, schema: pa.Schema, kinds: pa.Array) -> pa.RecordBatch:
    """Rows with all columns, null where they are not told."""
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.schema.names
        else pa.array([None] * len(rows), field.type)  # `pa.nulls` has null parts, where a struct wants them
        for field in schema
        if field.name != _CHANGE.name
    ]
    return pa.RecordBatch.from_arrays([kinds.cast(pa.string()), *columns], schema=schema)
