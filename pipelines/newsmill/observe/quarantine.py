"""What is in quarantine: which records, why, and their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from newsmill.errors import ConfigError
from newsmill.lake import reader
from newsmill.lake.places import position_of
from newsmill.records import Position
from newsmill.urls import site

UNKNOWN: Final = "unknown site"
"""Site of a record whose URL is none."""

_LISTED: Final = (
    *("topic", "partition", "offset", "code", "stage", "url", "message", "payload_bytes"),
    *("ingested_at", "recorded_at"),
)


@dataclass(frozen=True)
class Filter:
    """Which records; conditions that are set must all hold."""

    code: str | None = None
    site: str | None = None  # registrable domain of the URL
    since: datetime | None = None  # first seen at or after
    until: datetime | None = None  # first seen before

    def rows(self) -> pc.Expression:
        """What a file can be asked for."""
        condition = pc.field("ingested_at") >= _time(self.since or datetime(1970, 1, 1, tzinfo=UTC))
        if self.until is not None:
            condition &= pc.field("ingested_at") < _time(self.until)
        return condition if self.code is None else condition & (pc.field("code") == self.code)


def site_of(url: str | None) -> str:
    """The site of a record that has no domain, since it was quarantined.

    >>> site_of("https://news.example.org/a"), site_of(None)
    ('example.org', 'unknown site')
    """
    return site(url) or UNKNOWN


def records(lake: str, wanted: Filter) -> list[dict[str, Any]]:
    """Quarantined records with their site, newest first; without payload, headers and stack.

    Raises:
        ConfigError: There is no lake.
    """
    table = reader.rows(lake, "quarantine").to_table(columns=list(_LISTED), filter=wanted.rows())
    newest = table.sort_by(
        [("ingested_at", "descending"), ("partition", "ascending"), ("offset", "ascending")]
    )
    found: dict[Position, dict[str, Any]] = {}
    for row in newest.to_pylist():
        site = site_of(row["url"])
        if wanted.site in (None, site):
            place = position_of(row)
            found.setdefault(place, {**row, "site": site})
    return list(found.values())


def record(lake: str, place: Position) -> dict[str, Any] | None:
    """One quarantined record whole, as it was seen last; None where it is not in quarantine."""
    condition = (
        (pc.field("offset") == place.offset)
        & (pc.field("partition") == place.partition)
        & (pc.field("topic") == place.topic)
    )
    rows = reader.rows(lake, "quarantine").to_table(filter=condition).sort_by([("ingested_at", "descending")])
    return rows.slice(0, 1).to_pylist()[0] if rows.num_rows else None


def place_of(text: str) -> Position:
    """A place as it is printed: topic/partition/offset.

    Raises:
        ConfigError: It is none.
    """
    parts = text.rsplit("/", 2)
    if len(parts) != 3 or not parts[0] or not all(p.isascii() and p.isdecimal() for p in parts[1:]):
        raise ConfigError(f"{text}: must be topic/partition/offset, as `newsmill quarantine list` prints it")
    return Position(topic=parts[0], partition=int(parts[1]), offset=int(parts[2]))


def _time(at: datetime) -> pa.Scalar:
    return pa.scalar(at, pa.timestamp("us", "UTC"))
