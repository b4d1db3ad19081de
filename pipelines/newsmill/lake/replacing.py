"""Putting new rows of some records in place of those that they had: the commit of a replay.

The new files are noted in the ledger first; from there on the replacement is decided, and whoever opens
the lake next finishes it. Each table is then changed in one swap, which takes the records' old rows out
and brings the new ones in; the ledger is last. Done again, a step that is done changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.table import Table, Transaction

from newsmill.lake import edition, files as data_files, flattening, rewriting, texts
from newsmill.lake.files import DataFile
from newsmill.lake.places import PLACE, RAW
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.lake.sketch_rows import COLUMN, SKETCHES
from newsmill.lake.sketches import with_sketches
from newsmill.lake.staging import append, replace, set_properties
from newsmill.lake.tables import LiveFile, Tables
from newsmill.records import Micros, Record

NOTED = "newsmill.replacing"
OPERATION = {"newsmill.operation": "replay"}
_REPLACED = ("articles", SKETCHES, "quarantine")
_APPENDED = "cluster_events"
_NO_MATTER: Final = {"updated_at": None, COLUMN: None, **dict.fromkeys(RAW)}

_Place = tuple[str, int, int]
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


def changed(tables: Tables, replacement: Replacement) -> Replacement | None:
    """What of a replacement is not as it was, and carries its time; none where all is as it was.

    The new rows of a record are left out where they are those that it has. Of the others, those that
    differ get the time of the replacement as `updated_at`, but where they only differ in where the raw record
    is. Cluster events are always new.
    """
    new: dict[str, dict[_Place, dict[str, Any]]] = {}
    old: dict[str, dict[_Place, dict[str, Any]]] = {}
    places, hours = _replaced(tables, replacement)
    offsets = pc.unique(places["offset"])
    for name in (*_REPLACED, LEDGER):
        parts = [_rows(tables, file) for file in replacement.files if file.table == name]
        new[name] = {_place(row): row for part in parts for row in part.to_pylist()}
        old[name] = {}
        for file in tables.files(tables.load(name)):
            if not hours.isdisjoint(file.hours):
                rows = rewriting.read(tables, TABLES[name], [file])
                mine = rows.filter(pc.is_in(rows["offset"], offsets))
                old[name] |= {_place(row): row for row in mine.to_pylist()}
    differ = {
        name: {place for place in new[LEDGER] if not _same(new[name].get(place), old[name].get(place))}
        for name in new
    }
    moved = {
        place
        for place, row in new[LEDGER].items()
        if (was := old[LEDGER].get(place)) is not None and any(row[name] != was[name] for name in RAW)
    }
    touched = moved.union(*differ.values())
    kept = [file for file in replacement.files if file.table == _APPENDED]
    if not touched and not kept:
        return None
    for name, rows_by_place in new.items():
        rows = [
            {**row, "updated_at": replacement.at if place in differ[name] else old[name][place]["updated_at"]}
            for place, row in rows_by_place.items()
            if place in touched
        ]
        kept += _written(tables, name, rows)
    return Replacement(at=replacement.at, files=tuple(kept))


def _written(tables: Tables, name: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[DataFile]:
    """Files of rows, those of each batch of their own."""
    schema, root = TABLES[name], tables.store.uri("").rstrip("/")
    if rows:
        made = pa.Table.from_pylist(list(rows), schema=schema.arrow)
        times = made["ingested_at"].cast(pa.int64())
        for at in sorted(pc.unique(times).to_pylist()):
            yield data_files.write(root, name, made.filter(pc.equal(times, at)), ingested_at=at)


def _same(new: Mapping[str, Any] | None, old: Mapping[str, Any] | None) -> bool:
    """Whether a record's row is as it was, but for its time, and for where its sketch and raw record are."""
    if new is None or old is None:
        return new is old
    return {**new, **_NO_MATTER} == {**old, **_NO_MATTER}


def _place(row: Mapping[str, Any]) -> _Place:
    return row["topic"], row["partition"], row["offset"]


def hand_on(tables: Tables, replacement: Replacement) -> int:
    """Keep the texts that rows to be replaced have and others rely on; how many were handed on."""
    places, hours = _replaced(tables, replacement)
    wanted = set(zip(*(places[name].to_pylist() for name in PLACE), strict=True))
    offsets = pc.unique(places["offset"])

    def leaving(rows: pa.Table) -> pa.ChunkedArray:
        mask = pc.is_in(rows["offset"], offsets).to_numpy().copy()
        for at in mask.nonzero()[0].tolist():
            mask[at] = tuple(rows[name][at].as_py() for name in PLACE) in wanted
        return pa.chunked_array([pa.array(mask)])

    return texts.hand_on(
        tables,
        leaving,
        PLACE,
        hours=hours,
        coming=replacement.files,
        why="replay",
        at=replacement.at,
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
    files = with_sketches(tables, replacement.files)
    replacement = msgspec.structs.replace(replacement, files=files)
    places, hours = _replaced(tables, replacement)
    for name in _REPLACED:
        tables.change(name, partial(_swap, tables, name, replacement, places, hours))
    coming = [_rows(tables, file) for file in replacement.files if file.table == "articles"]
    articles = pa.concat_tables([TABLES["articles"].arrow.empty_table(), *coming])
    flattening.follow(tables, articles, places, hours, "replay")
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
    mine = [_rows(tables, file) for file in replacement.files if file.table == LEDGER]
    ledger = pa.concat_tables([TABLES[LEDGER].arrow.empty_table(), *mine])
    times = pc.unique(ledger["ingested_at"].cast(pa.int64())).to_pylist()
    return ledger.select(PLACE), {data_files.hour(at) for at in times}


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
        if hours.isdisjoint(file.hours):
            continue
        rows = rewriting.read(tables, TABLES[name], [file])
        rest, _ = rewriting.apart(rows, places)
        if rest.num_rows < rows.num_rows:
            old.append(file)
            if rest.num_rows:
                kept.append(rewriting.write(tables, TABLES[name], rest)[0].path)
    if old or new:
        set_properties(table, transaction, edition.raised(table))
        replace(table, transaction, old, [*kept, *(file.path for file in new)], OPERATION)
    return bool(old or new)


def _append(tables: Tables, replacement: Replacement, table: Table, transaction: Transaction) -> bool:
    live = {file.uri for file in tables.files(table)}
    new = [f.path for f in replacement.files if f.table == _APPENDED and f.path not in live]
    if new:
        append(table, transaction, new, OPERATION)
    return bool(new)


def _rows(tables: Tables, file: DataFile) -> pa.Table:
    with tables.store.open(tables.store.path(file.path)) as opened:
        return pq.ParquetFile(opened, page_checksum_verification=True).read()
