"""Putting new rows of some records in place of those that they had: the commit of a replay.

The new files are noted in the ledger first; from there on the replacement is decided, and whoever opens
the lake next finishes it. Each table is then changed in one swap, which takes the records' old rows out
and brings the new ones in; the ledger is last. Done again, a step that is done changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.table import Table, Transaction

from newsmill.lake import files as data_files, rewriting, texts
from newsmill.lake.files import DataFile
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.lake.tables import LiveFile, Tables, append, replace, set_properties
from newsmill.records import Micros, Record

NOTED = "newsmill.replacing"
OPERATION = {"newsmill.operation": "replay"}
_REPLACED = ("articles", "quarantine")
_APPENDED = "cluster_events"

ChangeLedger = Callable[[Callable[[Table, Transaction], bool]], Table]


class Replacement(Record, frozen=True, kw_only=True):
    """New files of records that had rows before; `at` is the time of the replay's events."""

    at: Micros
    files: tuple[DataFile, ...]


_REPLACEMENTS: Final = msgspec.json.Decoder(Replacement)


def noted(ledger: Table) -> Replacement | None:
    """The replacement that is decided and not finished."""
    text = ledger.properties.get(NOTED)
    return None if text is None else _REPLACEMENTS.decode(text)


def note(replacement: Replacement, table: Table, transaction: Transaction) -> bool:
    """Stage the note on the ledger."""
    set_properties(table, transaction, {NOTED: msgspec.json.encode(replacement).decode()})
    return True


def hand_on(tables: Tables, replacement: Replacement) -> int:
    """Keep the texts that rows to be replaced have and others rely on; how many were handed on."""
    places, hours = _replaced(tables, replacement)
    wanted = set(zip(*(places[name].to_pylist() for name in rewriting.PLACE), strict=True))
    offsets = pc.unique(places["offset"])

    def leaving(rows: pa.Table) -> pa.ChunkedArray:
        mask = pc.is_in(rows["offset"], offsets).to_numpy().copy()
        for at in mask.nonzero()[0].tolist():
            mask[at] = tuple(rows[name][at].as_py() for name in rewriting.PLACE) in wanted
        return pa.chunked_array([pa.array(mask)])

    return texts.hand_on(
        tables, leaving, rewriting.PLACE, hours=hours, coming=replacement.files, why="replay"
    ).texts


def publish(
    tables: Tables, replacement: Replacement, change_ledger: ChangeLedger, properties: dict[str, str]
) -> None:
    """Change all tables, the ledger last.

    Args:
        tables: The lake.
        replacement: As noted.
        change_ledger: Changes the ledger if it is still ours.
        properties: Set on the ledger with the last step.
    """
    places, hours = _replaced(tables, replacement)
    for name in _REPLACED:
        tables.change(name, partial(_swap, tables, name, replacement, places, hours))
    tables.change(_APPENDED, partial(_append, tables, replacement))

    def last(table: Table, transaction: Transaction) -> bool:
        if NOTED not in table.properties:
            return False
        set_properties(table, transaction, properties, remove=[NOTED])
        _swap(tables, LEDGER, replacement, places, hours, table, transaction)
        return True

    change_ledger(last)


def _replaced(tables: Tables, replacement: Replacement) -> tuple[pa.Table, set[int]]:
    """The records that get new rows, and the hours in which they were first seen."""
    mine = [file for file in replacement.files if file.table == LEDGER]
    ledger = pa.concat_tables(_rows(tables, file) for file in mine)
    times = pc.unique(ledger["ingested_at"].cast(pa.int64())).to_pylist()
    return ledger.select(rewriting.PLACE), {data_files.hour(at) for at in times}


def _swap(
    tables: Tables,
    name: str,
    replacement: Replacement,
    places: pa.Table,
    hours: set[int],
    table: Table,
    transaction: Transaction,
) -> bool:
    live = list(tables.files(table))
    new = [file for file in replacement.files if file.table == name]
    if new and {file.path for file in new} <= {file.uri for file in live}:
        return False
    old: list[LiveFile] = []
    kept: list[str] = []
    for file in live:
        if file.hour not in hours:
            continue
        rows = rewriting.read(tables, TABLES[name], [file])
        rest = _without(rows, places)
        if rest.num_rows < rows.num_rows:
            old.append(file)
            if rest.num_rows:
                kept.append(rewriting.write(tables, TABLES[name], rest)[0].path)
    if old or new:
        replace(table, transaction, old, [*kept, *(file.path for file in new)], OPERATION)
    return bool(old or new)


def _append(tables: Tables, replacement: Replacement, table: Table, transaction: Transaction) -> bool:
    live = {file.uri for file in tables.files(table)}
    new = [f.path for f in replacement.files if f.table == _APPENDED and f.path not in live]
    if new:
        append(table, transaction, new, OPERATION)
    return bool(new)


def _without(rows: pa.Table, places: pa.Table) -> pa.Table:
    """The rows of other records."""
    numbered = rows.select(rewriting.PLACE).append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    rest = numbered.join(places, keys=list(rewriting.PLACE), join_type="left anti")["row"]
    return rows.take(rest.take(pc.sort_indices(rest)))


def _rows(tables: Tables, file: DataFile) -> pa.Table:
    with tables.store.open(tables.store.path(file.path)) as opened:
        return pq.ParquetFile(opened, page_checksum_verification=True).read()
