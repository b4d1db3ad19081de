"""Where records are: the columns of the tables that say so, and what a row says with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from newsmill.records import FilePlace, Position

PLACE: Final = ("topic", "partition", "offset")
"""Where a record stands in its topic, or in what it was read from."""

SOURCE: Final = ("source_file", "source_offset", "source_length")
"""Where it was read from in files."""

RAW: Final = ("raw_file", "raw_offset", "raw_length")
"""Where the lake keeps it as it came; of the ledger."""


def position_of(row: Mapping[str, Any]) -> Position:
    """Where the record of a row stands."""
    return Position(topic=row["topic"], partition=row["partition"], offset=row["offset"])


def file_place(row: Mapping[str, Any], columns: Sequence[str]) -> FilePlace | None:
    """What a row says with `SOURCE` or `RAW`; None where it names no file.

    Rows of a topic, of before schema 6, and of records that are not kept name none.
    """
    file, offset, length = (row[name] for name in columns)
    return None if file is None else FilePlace(file=file, offset=offset, length=length)
