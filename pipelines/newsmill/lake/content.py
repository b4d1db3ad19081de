"""What of a row is content, which a takedown takes out, and which rows are of a URL or a domain."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from newsmill.errors import Rejected
from newsmill.lake.schemas import TABLES
from newsmill.page.claims import claimed_urls
from newsmill.urls import registrable_domain, url_key

KEPT: Final = frozenset(
    {
        *("article_id", "revision", "fate", "content_hash", "topic", "partition", "offset"),
        *("published_at", "published_source", "published_precision", "modified_at", "fetched_at"),
        *(
            "recorded_at",
            "ingested_at",
            "url",
            "final_url",
            "canonical_url",
            "url_key",
            "domain",
            "body_chars",
        ),
        *("lang", "lang_confidence", "lang_method", "lang_disagrees", "completeness", "rights", "duplicate"),
        *("versions", "withheld", "withheld_at"),
    }
)
"""Columns of `articles` that stay: identity, times, place, and what was decided. All others hold content."""

_EMPTY_TEXT: Final = {"quarantine": ("message", "stack")}
"""Content in columns that are never null."""


@dataclass(frozen=True)
class Tombstone:
    """What was taken down, when and why."""

    kind: str  # url | domain
    value: str
    reason: str
    at: Any  # time, as Arrow gives it


@dataclass(frozen=True)
class Content:
    """Of a table: the columns that tell whose a row is and whether it is empty, and those to empty."""

    told_by: tuple[str, ...]
    hits: Callable[[pa.Table, str, str], pa.ChunkedArray]
    columns: frozenset[str]


def _articles_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    column = "url_key" if kind == "url" else "domain"
    return pc.and_(pc.equal(rows[column], value), pc.is_null(rows["withheld"]))


def _quarantined_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    named = [
        row["payload"] is not None and any(_is_of(url, kind, value) for url in _urls(row))
        for row in rows.select(CONTENT["quarantine"].told_by).to_pylist()
    ]
    return pa.chunked_array([pa.array(named, pa.bool_())])


def _urls(row: Mapping[str, Any]) -> Iterable[str]:
    if row["url"] is not None:
        return (row["url"],)
    headers = [(header["name"], header["value"]) for header in row["headers"] or ()]
    return claimed_urls(row["payload"], row["key"], headers)


def _is_of(url: str, kind: str, value: str) -> bool:
    try:
        return value == (url_key(url) if kind == "url" else registrable_domain(url))
    except Rejected:
        return False


CONTENT: Final = {
    "articles": Content(
        ("url_key", "domain", "withheld"), _articles_of, frozenset(TABLES["articles"].arrow.names) - KEPT
    ),
    "quarantine": Content(
        ("url", "payload", "key", "headers"),
        _quarantined_of,
        frozenset({"payload", "key", "headers", "message", "stack"}),
    ),
}
"""The tables that hold content."""


def of_any(table: str, rows: pa.Table, tombstones: Sequence[Tombstone]) -> pa.ChunkedArray:
    """Which rows hold content of what was taken down."""
    hits = [CONTENT[table].hits(rows, t.kind, t.value) for t in tombstones]
    return functools.reduce(pc.or_, hits, pa.chunked_array([pa.array([False] * len(rows), pa.bool_())]))


def empty_before(table: str, rows: pa.Table, tombstone: Tombstone) -> int:
    """How many rows of it were emptied before."""
    if table != "articles":
        return 0
    column = "url_key" if tombstone.kind == "url" else "domain"
    mine = pc.and_(pc.equal(rows[column], tombstone.value), pc.is_valid(rows["withheld"]))
    return pc.sum(mine).as_py() or 0


def emptied(table: str, rows: pa.Table, tombstones: Sequence[Tombstone]) -> pa.Table:
    """The rows without the content of what was taken down; those that lost it come last."""
    for tombstone in tombstones:
        hits = CONTENT[table].hits(rows, tombstone.kind, tombstone.value)
        if pc.any(hits).as_py():
            doomed = rows.filter(hits)
            for name in rows.column_names:
                if name in CONTENT[table].columns:
                    doomed = _constant(doomed, name, "" if name in _EMPTY_TEXT.get(table, ()) else None)
            if "withheld" in rows.column_names:
                doomed = _constant(
                    _constant(doomed, "withheld", tombstone.reason), "withheld_at", tombstone.at
                )
            rows = pa.concat_tables([rows.filter(pc.invert(hits)), doomed])
    return rows


def _constant(rows: pa.Table, name: str, value: Any) -> pa.Table:
    index = rows.schema.get_field_index(name)
    field = rows.schema.field(index)
    return rows.set_column(index, field, pa.array([value] * rows.num_rows, field.type))
