"""The order in which a lake's rows change, so that whoever follows them misses none.

Each row has the time of its last change, `updated_at`, in the lake's own order: a batch's rows that of the
batch, a replay's that of the replay, and what a takedown or an enricher changes a moment after the newest
of these. `visible_until` is the time up to which all changes can be seen; it stands still while something
is under way that was noted before, since only then its changes may become visible.

So a change that is not of a batch or a replay is noted in the ledger first, with its time, and the note is
taken out when all of it is visible. Each step of that is a snapshot of the ledger of its own: two of them
can't be staged on the same state. What is cut off leaves its note, and is to be done again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
from pyiceberg.table import Table, Transaction

from newsmill.lake import replacing
from newsmill.lake.ledger import CHANGED_AT, Batch, last_change, pending_batch
from newsmill.lake.schemas import LEDGER
from newsmill.lake.staging import append, set_properties
from newsmill.lake.tables import Tables
from newsmill.records import Micros, Record

NOTES: Final = "newsmill.changing."
"""Beginning of the properties of the ledger that note what is under way."""

DEPARTURES: Final = "replay that takes articles out of their stories"
"""A change that the next replay finishes where it was cut off, whatever it is asked to do."""


class Change(Record, frozen=True, kw_only=True):
    """A change of rows that is under way."""

    what: str  # for people
    at: Micros


_CHANGES: Final = msgspec.json.Decoder(Change)


@contextmanager
def changing(tables: Tables, what: str) -> Iterator[Micros]:
    """The time of a change of visible rows, that all of its rows carry as `updated_at`.

    Args:
        tables: The lake; may be written meanwhile.
        what: Names the change: one that was cut off is finished under the same name.

    Raises:
        Transient: Catalog or store are away for too long.
    """
    note = NOTES + hashlib.blake2b(what.encode(), digest_size=8).hexdigest()
    begun: list[Micros] = []

    def begin(table: Table, transaction: Transaction) -> bool:
        begun.append(last_change(table.properties) + 1)
        change = Change(what=what, at=begun[-1])
        set_properties(table, transaction, {note: msgspec.json.encode(change).decode()})
        append(table, transaction, [], {"newsmill.operation": "change"})
        return True

    def end(table: Table, transaction: Transaction) -> bool:
        last = max(last_change(table.properties), begun[-1])
        set_properties(table, transaction, {CHANGED_AT: str(last)}, remove=[note])
        append(table, transaction, [], {"newsmill.operation": "change"})
        return True

    tables.change(LEDGER, begin)
    yield begun[-1]
    tables.change(LEDGER, end)


def under_way(properties: Mapping[str, str]) -> list[Change]:
    """The noted changes that are not finished, in order."""
    found = [_CHANGES.decode(value) for name, value in properties.items() if name.startswith(NOTES)]
    return sorted(found, key=lambda change: (change.at, change.what))


def visible_until(ledger: Table, *, committed: Batch | None = None) -> Micros:
    """The time up to which all changes are visible; 0 in a lake without rows.

    What is read of the other tables after this state of the ledger was read holds all of them.

    Args:
        ledger: A state of it.
        committed: The pending batch, where this is asked of the state that its commit makes.
    """
    batch, replacement = pending_batch(ledger), replacing.noted(ledger)
    last = last_change(ledger.properties)
    waiting = [change.at for change in under_way(ledger.properties)]
    if committed is not None:
        last = max(last, committed.ingested_at)
    elif batch is not None:
        waiting.append(batch.ingested_at)
    if replacement is not None:
        waiting.append(replacement.at)
    return min([last, *(at - 1 for at in waiting)])
