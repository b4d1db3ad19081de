"""What the ledger's properties note: batches, offsets, the owner; and how they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from pyiceberg.table import Table

from newsmill.errors import LakeError
from newsmill.lake.files import DataFile
from newsmill.records import Gap, Micros, OffsetRange, Record

EPOCH = "newsmill.epoch"


OWNER = "newsmill.owner"


COMMITTED = "newsmill.committed"


TOPIC_IDS = "newsmill.topic-ids"


PENDING = "newsmill.pending"


SEQUENCE = "newsmill.sequence"


BATCH = "newsmill.batch"


INGESTED_AT = "newsmill.ingested-at"


CHANGED_AT = "newsmill.changed-at"
"""Time of the last change of visible rows that was not of a batch or a replay: see `change_order`."""


LATE = "newsmill.late"
"""Batches that became visible after a change with a later time: see `late_batches`."""


_KEPT_LATE = 100


UNTIL = "newsmill.until"
"""In the summary of a snapshot of the ledger: the time up to which all changes are visible with it."""


RANGES = "newsmill.ranges"


TAKEDOWNS = "newsmill.takedowns"
"""How many tombstones there are, at least."""


WRITTEN = "newsmill.written"
"""The last batch that each other table has files of, by table: what a table that was put back lacks."""


class Batch(Record, frozen=True, kw_only=True):
    """A micro-batch that was begun. `files` are known once it is decided."""

    batch_id: str
    sequence: int
    ingested_at: Micros
    slices: tuple[OffsetRange, ...]
    gaps: tuple[Gap, ...] = ()
    files: tuple[DataFile, ...] = ()
    attempts: int = 0  # tries that were begun, and not ended in order
    why: str | None = None  # what ended the last one, where the process lived to tell

    @property
    def records(self) -> int:
        """How many records it reads."""
        return sum(part.records for part in self.slices)


def pending_batch(ledger: Table) -> Batch | None:
    """The batch that a state of the ledger notes as begun and not committed."""
    noted = ledger.properties.get(PENDING)
    return None if noted is None else _BATCHES.decode(noted)


_BATCHES: Final = msgspec.json.Decoder(Batch)
"""Made at import: msgspec crashes where two threads meet a type first (see `flow.elements.coder`)."""


def tombstones(takedowns: Table) -> tuple[frozenset[str], frozenset[str]]:
    """(URL keys, registrable domains) that were taken down."""
    rows = takedowns.scan(selected_fields=("kind", "value")).to_arrow().to_pylist()
    keys = frozenset(row["value"] for row in rows if row["kind"] == "url")
    return keys, frozenset(row["value"] for row in rows if row["kind"] == "domain")


def spans_of(batch: Batch) -> list[tuple[str, int, int, int]]:
    """(topic, partition, first offset, offset after the last) of all that a batch covers, joined."""
    ranges: list[OffsetRange | Gap] = [*batch.slices, *batch.gaps]
    joined: list[tuple[str, int, int, int]] = []
    for topic, partition, start, end in sorted((r.topic, r.partition, r.start, r.end) for r in ranges):
        if joined and joined[-1][:2] == (topic, partition) and joined[-1][3] == start:
            start = joined.pop()[2]
        joined.append((topic, partition, start, end))
    return joined


def last_change(properties: Mapping[str, str]) -> Micros:
    """The newest time that a visible row may have been changed at, in the ledger's properties."""
    return max(int(properties.get(name, 0)) for name in (INGESTED_AT, CHANGED_AT))


def late_batches(properties: Mapping[str, str]) -> list[tuple[Micros, Micros]]:
    """(time of the batch, newest change before it became visible) of batches that were planned before that.

    Whoever has followed the changes up to a time between the two, both included, has not seen the batch.
    """
    return [(at, changed) for at, changed in json.loads(properties.get(LATE, "[]"))]


def with_late(properties: Mapping[str, str], batch: Batch) -> dict[str, str]:
    """What the ledger notes of a batch that becomes visible after a change with a later time."""
    changed = int(properties.get(CHANGED_AT, 0))
    if batch.ingested_at > changed:
        return {}
    late = [*late_batches(properties), (batch.ingested_at, changed)][-_KEPT_LATE:]
    return {LATE: json.dumps(late), CHANGED_AT: str(changed + 1)}


def batch_id_of(ranges: Sequence[OffsetRange | Gap]) -> str:
    """The id of a batch: 32 hex digits made of what it covers."""
    text = json.dumps(sorted((r.topic, r.partition, r.start, r.end) for r in ranges))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def check_adjacent(ranges: Sequence[OffsetRange | Gap], committed: Mapping[tuple[str, int], int]) -> None:
    """Raise LakeError unless the ranges of each partition follow each other from its committed offset."""
    following = dict(committed)
    for part in sorted(ranges, key=lambda r: (r.topic, r.partition, r.start)):
        key = (part.topic, part.partition)
        if part.start != following.get(key, part.start) or part.end < part.start:
            raise LakeError(
                f"{part.topic}/{part.partition}: a batch from {part.start} can't follow {following[key]}"
            )
        following[key] = part.end


def offsets_of(properties: Mapping[str, str]) -> dict[tuple[str, int], int]:
    """The committed offsets in the ledger's properties, by (topic, partition)."""
    noted = json.loads(properties.get(COMMITTED, "{}"))
    return {(topic, int(p)): offset for topic, parts in noted.items() for p, offset in parts.items()}


def topic_ids_of(properties: Mapping[str, str]) -> dict[str, str]:
    """The broker's id of each topic that was committed, in the ledger's properties."""
    found: dict[str, str] = json.loads(properties.get(TOPIC_IDS, "{}"))
    return found


def offsets_json(offsets: Mapping[tuple[str, int], int]) -> str:
    """Committed offsets as the ledger's properties hold them."""
    nested: dict[str, dict[str, int]] = {}
    for (topic, partition), offset in sorted(offsets.items()):
        nested.setdefault(topic, {})[str(partition)] = offset
    return json.dumps(nested)
