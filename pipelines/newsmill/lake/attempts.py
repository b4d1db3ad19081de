"""How often a batch was begun, durably, so that one that kills its process is cut and not done for ever.

The ledger's note of a pending batch counts the tries that were begun and not ended in order. Where that
many were in vain, the batch is forgotten, and the ledger notes its range as suspect: up to its end,
batches are half as large. So the record that kills is found by halving, also among many partitions; a
batch of it alone is quarantined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from pyiceberg.table import Table, Transaction

from newsmill.lake.staging import set_properties
from newsmill.records import Record

if TYPE_CHECKING:
    from newsmill.lake.ledger import Batch

SUSPECTS: Final = "newsmill.suspects"

MOST_ATTEMPTS: Final = 2
"""Tries of one batch that may end without a word; then it is cut."""

Change = Callable[[Callable[[Table, Transaction], bool]], Table]


class Suspect(Record, frozen=True, kw_only=True):
    """Where a partition's part of the range ends in which some record kills the process."""

    topic: str
    partition: int
    end: int


class Suspects(Record, frozen=True, kw_only=True):
    """A range in which some record kills the process, and how many records to read of it at once."""

    records: int
    ends: tuple[Suspect, ...]

    def passed(self, committed: dict[tuple[str, int], int]) -> bool:
        """Whether all of it is committed."""
        return all(committed.get((end.topic, end.partition), 0) >= end.end for end in self.ends)


_SUSPECTS: Final = msgspec.json.Decoder(Suspects)


def suspects(ledger: Table) -> Suspects | None:
    """The range that a state of the ledger notes as suspect."""
    noted = ledger.properties.get(SUSPECTS)
    return None if noted is None else _SUSPECTS.decode(noted)


def cut(batch: Batch, known: Suspects | None) -> Suspects:
    """What to note of a batch whose tries were in vain: its range, to be read by halves.

    >>> from newsmill.lake.writer import Batch
    >>> from newsmill.records import OffsetRange
    >>> part = OffsetRange(topic="t", partition=0, start=0, end=9, records=9, bytes=0)
    >>> cut(Batch(batch_id="b", sequence=1, ingested_at=1, slices=(part,)), None).records
    4
    """
    ends: dict[tuple[str, int], int] = {}
    if known is not None:
        ends.update({(end.topic, end.partition): end.end for end in known.ends})
    for part in batch.slices:
        key = part.topic, part.partition
        ends[key] = max(part.end, ends.get(key, 0))
    return Suspects(
        records=max(1, batch.records // 2),
        ends=tuple(Suspect(topic=t, partition=p, end=end) for (t, p), end in sorted(ends.items())),
    )


def note(table: Table, transaction: Transaction, found: Suspects, *, forget: str) -> None:
    """Stage the note of a suspect range, and forget the pending batch, in one swap."""
    noted = {SUSPECTS: msgspec.json.encode(found).decode()}
    set_properties(table, transaction, noted, remove=[forget])
