"""What of a row is content, which a takedown takes out, and which rows are of a URL or a domain."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from newsmill.errors import Rejected, Stage
from newsmill.lake.flat import FLAT
from newsmill.lake.schemas import TABLES
from newsmill.page.claims import claimed_urls
from newsmill.records import Micros
from newsmill.urls import article_id, registrable_domain, url_key

EMPTIED: Final = "taken down"
"""What people read in the place of a text that a takedown emptied."""


@dataclass(frozen=True)
class Tombstone:
    """What was taken down, when and why."""

    kind: str  # url | domain
    value: str
    reason: str
    at: Any  # time, as Arrow gives it


@dataclass(frozen=True)
class Content:
    """Of a table that holds content: the columns that tell whose a row is and whether it is empty."""

    told_by: tuple[str, ...]
    hits: Callable[[pa.Table, str, str], pa.ChunkedArray]
    goes: bool = False  # a row is content as a whole


def _articles_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    column = "url_key" if kind == "url" else "domain"
    mine = pc.or_(pc.equal(rows[column], value), also_of(rows, kind, value))
    return pc.and_(mine, pc.is_null(rows["withheld"]))


def also_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    """Rows whose page led there: by a redirect, or by its canonical link."""
    led = pa.chunked_array([pa.array([False] * len(rows), pa.bool_())])
    for name in ALSO_TOLD_BY:
        urls = rows[name].cast(pa.string())
        there = {url for url in pc.unique(urls).to_pylist() if url is not None and _is_of(url, kind, value)}
        if there:
            led = pc.or_(led, pc.is_in(urls, pa.array(sorted(there), pa.string())))
    return led


ALSO_TOLD_BY: Final = ("final_url", "canonical_url")
"""Addresses of a page besides the one that identifies it."""


def _flat_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    if kind == "url":
        return pc.equal(rows["article_id"], article_id(value))
    return pc.equal(rows["domain"], value)


def _sketches_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    mine = pc.or_(_flat_of(rows, kind, value), also_of(rows, kind, value))
    return pc.and_(mine, pc.is_valid(rows["sketch"]))


def _quarantined_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    named = [
        row["payload"] is not None and any(_is_of(url, kind, value) for url in _urls(row))
        for row in rows.select(CONTENT["quarantine"].told_by).to_pylist()
    ]
    return pa.chunked_array([pa.array(named, pa.bool_())])


def _urls(row: Mapping[str, Any]) -> Iterable[str]:
    """The URLs that a row may be of; a record that was never decoded counts under all that it claims."""
    named = () if row["url"] is None else (row["url"],)
    if named and row["stage"] not in (Stage.DECODE, Stage.BATCH):
        return named
    headers = [(header["name"], header["value"]) for header in row["headers"] or ()]
    return (*named, *claimed_urls(row["payload"], row["key"], headers))


def _is_of(url: str, kind: str, value: str) -> bool:
    try:
        return value == (url_key(url) if kind == "url" else registrable_domain(url))
    except Rejected:
        return False


CONTENT: Final = {
    "articles": Content(("url_key", "domain", "withheld", *ALSO_TOLD_BY), _articles_of),
    "copy_sketches": Content(("article_id", "domain", *ALSO_TOLD_BY, "sketch"), _sketches_of),
    "quarantine": Content(("url", "stage", "payload", "key", "headers"), _quarantined_of),
    **{name: Content(("article_id", "domain"), _flat_of, goes=True) for name in FLAT},
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


def emptied(
    table: str, rows: pa.Table, tombstones: Sequence[Tombstone], *, at: Micros | None = None
) -> pa.Table:
    """The rows without the content of what was taken down; those that lost it come last, or go.

    Args:
        table: Name of the table.
        rows: With all columns, or some.
        tombstones: What was taken down.
        at: Time of the change, where readers see the rows already; see `change_order`.
    """
    if CONTENT[table].goes:
        return rows.filter(pc.invert(of_any(table, rows, tombstones)))
    for tombstone in tombstones:
        hits = CONTENT[table].hits(rows, tombstone.kind, tombstone.value)
        if pc.any(hits).as_py():
            doomed = rows.filter(hits)
            for column in TABLES[table].columns:
                if not column.kept and column.name in rows.column_names:
                    doomed = _constant(doomed, column.name, "" if column.required else None)
            if "withheld" in rows.column_names:
                doomed = _constant(
                    _constant(doomed, "withheld", tombstone.reason), "withheld_at", tombstone.at
                )
            if at is not None:
                doomed = _constant(doomed, "updated_at", at)
            rows = pa.concat_tables([rows.filter(pc.invert(hits)), doomed])
    return rows


def _constant(rows: pa.Table, name: str, value: Any) -> pa.Table:
    index = rows.schema.get_field_index(name)
    field = rows.schema.field(index)
    return rows.set_column(index, field, pa.array([value] * rows.num_rows, field.type))
