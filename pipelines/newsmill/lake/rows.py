"""Rows of the tables, made of records: each column's value is what `schemas` says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from newsmill.lake.schemas import TABLES
from newsmill.lake.values import NumberedEvent, Quarantined, Takedown
from newsmill.records import Article, ClusterEvent, Failure, FateRow, Micros

GAP = "gap"
"""`fate` of a ledger row that stands for a range of offsets which the broker lost before they were read."""

_OF_ARTICLES: Final = ("article", "copy", "revision")

HOLDING: Final = {
    "articles": _OF_ARTICLES,
    "copy_sketches": _OF_ARTICLES,
    "quarantine": ("quarantined",),
}
"""Fates of the records that have a row in a table; of all others it has none."""


def articles(rows: Sequence[Article]) -> pa.Table:
    """Rows of `articles`."""
    return TABLES["articles"].rows(rows)


def copy_sketches(rows: Sequence[Article]) -> pa.Table:
    """Rows of `copy_sketches`, one for each row of `articles`."""
    return TABLES["copy_sketches"].rows(rows)


def cluster_events(rows: Sequence[ClusterEvent]) -> pa.Table:
    """Rows of `cluster_events`: all events of one batch, in the order in which they happened."""
    return TABLES["cluster_events"].rows(NumberedEvent(seq, event) for seq, event in enumerate(rows))


def fates(rows: Sequence[FateRow]) -> pa.Table:
    """Rows of `fate`."""
    return TABLES["fate"].rows(rows)


def gaps(rows: Sequence[tuple[str, int, int, int]], *, reason: str, ingested_at: Micros) -> pa.Table:
    """Rows of `fate` for (topic, partition, first offset, first offset after) ranges that are lost."""
    return pa.Table.from_pylist(
        [
            {
                "topic": topic,
                "partition": partition,
                "offset": start,
                "offset_end": end,
                "fate": GAP,
                "reason": reason,
                "ingested_at": ingested_at,
                "updated_at": ingested_at,
            }
            for topic, partition, start, end in rows
        ],
        schema=TABLES["fate"].arrow,
    )


def quarantine(rows: Sequence[Failure], *, ingested_at: Micros) -> pa.Table:
    """Rows of `quarantine`."""
    return TABLES["quarantine"].rows(Quarantined(failure, ingested_at) for failure in rows)


def takedowns(rows: Sequence[tuple[str, str, str]], *, ingested_at: Micros) -> pa.Table:
    """Rows of `takedowns` for (kind, value, reason) triples."""
    return TABLES["takedowns"].rows(Takedown(*row, ingested_at) for row in rows)
