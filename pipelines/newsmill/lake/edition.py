"""What a cache of rows of `articles` was made of, and whether the lake still holds just that, and more.

Batches are appended. Whatever else changes rows (a takedown, a replay) raises the table's edition; merging
files, or filling enrichment anew, leaves what a cache needs as it is.
"""

from __future__ import annotations

from typing import Final

from pyiceberg.table import Table

from newsmill.lake.tables import Tables
from newsmill.records import Micros, Record

EDITION: Final = "newsmill.edition"
"""Property of a table: how often rows that were there were changed."""

NEUTRAL: Final = frozenset({"compact", "enrich"})
"""Operations that replace files and change no row's identity, text or sketch."""


class Source(Record, frozen=True, kw_only=True):
    """Rows of `articles` up to a batch."""

    table: str  # its UUID
    edition: int
    until: Micros  # ingest time of the last batch
    rows: int

    def may_be_among(self, now: Source) -> bool:
        """Whether these rows are among those that are there now, unless their number tells otherwise."""
        same = (self.table, self.edition) == (now.table, now.edition)
        return same and self.until <= now.until and self.rows <= now.rows


def of(table: Table) -> int:
    """The edition of a state of a table."""
    return int(table.properties.get(EDITION, 0))


def raised(table: Table) -> dict[str, str]:
    """The property that a change of rows sets."""
    return {EDITION: str(of(table) + 1)}


def source(tables: Tables, until: Micros) -> Source:
    """The rows of `articles` that are there now, with the ingest time of the last committed batch."""
    table = tables.load("articles")
    files = tables.retry(lambda: list(tables.files(table)))
    return Source(
        table=str(table.metadata.table_uuid),
        edition=of(table),
        until=until,
        rows=sum(live.rows for live in files),
    )
