"""Rows of the lake as JSON, one form in all commands that print them."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, date, datetime, time
from typing import Any


def json_line(row: Any) -> str:
    r"""A row on one line, without the line's end.

    Times are ISO 8601, of a known zone in UTC with `Z`; bytes are Base64; numbers that JSON has not are null;
    everything else that it has not is its text. Texts stay as they are, in UTF-8.

    >>> json_line({"at": datetime(2026, 11, 30, 6, 30, tzinfo=UTC), "key": b"\x00\x01", "share": math.nan})
    '{"at": "2026-11-30T06:30:00Z", "key": "AAE=", "share": null}'
    """
    return json.dumps(jsonable(row), ensure_ascii=False, allow_nan=False)


def jsonable(value: Any) -> Any:
    """The same value, of the types that JSON has."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): jsonable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [jsonable(inner) for inner in value]
        case bytes():
            return base64.b64encode(value).decode()
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case _:
            return str(value)
