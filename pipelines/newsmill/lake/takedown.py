"""Taking content out for good: of one URL, or of a whole domain.

The tombstone comes first, so that no later batch brings the content back. Then every visible file that
holds it is replaced by one without, older snapshots are forgotten, and the old files are removed at
once. Rows stay, with what identifies them, so that each record keeps its one fate. Copies at other URLs
are other pages: they stay, and get the text that they rely on before it goes.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table, Transaction

from newsmill.config import LakeConfig
from newsmill.errors import LakeError, Rejected
from newsmill.lake import collection, files, replacing, rewriting, texts
from newsmill.lake.files import DataFile
from newsmill.lake.lake import Lake, pending_batch, tombstones
from newsmill.lake.schemas import TABLES
from newsmill.lake.schemas import takedowns as takedown_rows
from newsmill.lake.tables import LEDGER, LiveFile, Tables, append
from newsmill.page.urls import registrable_domain, url_key
from newsmill.records import Micros

KEPT = frozenset(
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

DECIDED_WAIT_S = 60.0
"""How long a batch that is decided may take to become visible."""


@dataclass(frozen=True)
class TakenDown:
    """What a takedown did."""

    kind: str  # url | domain
    value: str
    articles: int
    quarantined: int
    files_rewritten: int
    files_removed: int
    texts_handed_on: int  # to copies at other addresses


def take_down(config: LakeConfig, what: str, *, reason: str, now: Micros, dry_run: bool = False) -> TakenDown:
    """Take down a URL or a domain. May run beside the writer, and again: it then finds nothing more.

    Args:
        config: The lake.
        what: A URL with its scheme, or a domain name.
        reason: Noted in the tombstone and in the rows.
        now: Time of the takedown.
        dry_run: Only count what would be emptied.

    Raises:
        LakeError: It is neither a URL nor a domain, or a writer does not finish its batch.
    """
    kind, value = _named(what)
    tables = Tables.open(config)
    if not dry_run:
        _bury(tables, kind, value, reason, now)
        _wait_for_decided(tables, config)
    handed_on = texts.hand_on(
        tables,
        lambda rows: _articles_of(rows, kind, value),
        _CONTENT["articles"].told_by,
        why="takedown",
        dry_run=dry_run,
    )
    articles = _replace(tables, "articles", kind, value, reason, now, dry_run)
    quarantined = _replace(tables, "quarantine", kind, value, reason, now, dry_run)
    removed = 0 if dry_run else _forget(tables, [*articles.old, *quarantined.old])
    return TakenDown(
        kind=kind,
        value=value,
        articles=articles.rows,
        quarantined=quarantined.rows,
        files_rewritten=len(articles.old) + len(quarantined.old),
        files_removed=removed,
        texts_handed_on=handed_on,
    )


def without_taken_down(lake: Lake, written: Sequence[DataFile]) -> tuple[DataFile, ...]:
    """The files of a batch that is not decided yet, without what was taken down since its pages were read.

    Rows stay and are emptied, as if the takedown had come a moment after the commit. The same tombstones
    give the same files.
    """
    if not any(lake.withheld()):
        return tuple(written)
    noted = lake.tables.load("takedowns").scan().to_arrow().sort_by([(c, "ascending") for c in _TOMBSTONE])
    without: list[DataFile] = []
    for name in {file.table: None for file in written}:
        mine = [file for file in written if file.table == name]
        without += _without(lake, name, mine, noted.select(_TOMBSTONE).to_pylist())
    return tuple(without)


def _without(
    lake: Lake, name: str, mine: Sequence[DataFile], tombstones: Sequence[dict[str, Any]]
) -> list[DataFile]:
    content = _CONTENT.get(name)
    if content is None:
        return list(mine)
    seen = pa.concat_tables(lake.columns(file, content.told_by) for file in mine)
    fitting = [t for t in tombstones if pc.any(content.hits(seen, t["kind"], t["value"])).as_py()]
    if not fitting:
        return list(mine)
    parts = [rewriting.rows_of(lake.tables, TABLES[name], file) for file in mine]
    rows = pa.concat_tables(parts)
    if name == "articles":
        rows = texts.handed_on_inside(rows, _any_of(content, rows, fitting))
    emptied = []
    for file, part in zip(mine, parts, strict=True):
        kept, rows = rows.slice(0, len(part)), rows.slice(len(part))
        for tombstone in fitting:
            hits = content.hits(kept, tombstone["kind"], tombstone["value"])
            kept = _emptied(kept, hits, content, tombstone["reason"], tombstone["ingested_at"])
        same = kept.sort_by(_PLACE_ORDER).equals(part.sort_by(_PLACE_ORDER))
        emptied.append(file if same else rewriting.write(lake.tables, TABLES[name], kept)[0])
    return emptied


def _any_of(content: _Content, rows: pa.Table, tombstones: Sequence[dict[str, Any]]) -> pa.ChunkedArray:
    hits = [content.hits(rows, t["kind"], t["value"]) for t in tombstones]
    return functools.reduce(pc.or_, hits)


def _named(what: str) -> tuple[str, str]:
    try:
        if "://" in what:
            return "url", url_key(what)
        return "domain", registrable_domain(f"https://{what}/")
    except Rejected as error:
        raise LakeError(f"{what}: {error.message}") from error


def _bury(tables: Tables, kind: str, value: str, reason: str, now: Micros) -> None:
    urls, domains = tombstones(tables.load("takedowns"))
    if value in (urls if kind == "url" else domains):
        return
    rows = takedown_rows([(kind, value, reason)], ingested_at=now)
    file = files.publish(tables.store, TABLES["takedowns"], rows, ingested_at=now)

    def stage(table: Table, transaction: Transaction) -> bool:
        append(table, transaction, [file.path], {"newsmill.operation": "takedown"})
        return True

    tables.change("takedowns", stage)


def _wait_for_decided(tables: Tables, config: LakeConfig) -> None:
    """What was decided before the tombstone becomes visible yet; later batches see the tombstone."""
    deadline = time.monotonic() + DECIDED_WAIT_S
    while _decided(tables.load(LEDGER)):
        if time.monotonic() > deadline:
            Lake.open(config, make=False).release()  # its writer is gone: this finishes its batch
            return
        time.sleep(0.2)


def _decided(ledger: Table) -> bool:
    """Whether a batch or a replay is decided and not finished."""
    batch = pending_batch(ledger)
    return (batch is not None and bool(batch.files)) or replacing.noted(ledger) is not None


@dataclass(frozen=True)
class _Emptied:
    rows: int
    old: Sequence[LiveFile]


@dataclass(frozen=True)
class _Content:
    """Which rows of a table hold content of a URL or domain, and the columns that hold it."""

    told_by: tuple[str, ...]
    hits: Callable[[pa.Table, str, str], pa.ChunkedArray]
    columns: frozenset[str]


def _articles_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    column = "url_key" if kind == "url" else "domain"
    return pc.and_(pc.equal(rows[column], value), pc.is_null(rows["withheld"]))


def _quarantined_of(rows: pa.Table, kind: str, value: str) -> pa.ChunkedArray:
    named = [payload and _names(url, kind, value) for url, payload in _urls_with_payload(rows)]
    return pa.chunked_array([pa.array(named, pa.bool_())])


_PLACE_ORDER = [(name, "ascending") for name in rewriting.PLACE]
_TOMBSTONE = ["ingested_at", "kind", "value", "reason"]
_CONTENT = {
    "articles": _Content(
        ("url_key", "domain", "withheld"), _articles_of, frozenset(TABLES["articles"].arrow.names) - KEPT
    ),
    "quarantine": _Content(("url", "payload"), _quarantined_of, frozenset({"payload", "key", "headers"})),
}


def _emptied(rows: pa.Table, hits: pa.ChunkedArray, content: _Content, reason: str, at: Any) -> pa.Table:
    """The rows, hits last and without their content."""
    doomed = rows.filter(hits)
    for name in rows.column_names:
        if name in content.columns:
            doomed = _constant(doomed, name, None)
    if "withheld" in rows.column_names:
        doomed = _constant(_constant(doomed, "withheld", reason), "withheld_at", at)
    return pa.concat_tables([rows.filter(pc.invert(hits)), doomed])


def _urls_with_payload(rows: pa.Table) -> Iterator[tuple[str | None, bool]]:
    return zip(rows["url"].to_pylist(), pc.is_valid(rows["payload"]).to_pylist(), strict=True)


def _names(url: str | None, kind: str, value: str) -> bool:
    if url is None:
        return False
    try:
        return value == (url_key(url) if kind == "url" else registrable_domain(url))
    except Rejected:
        return False


def _constant(rows: pa.Table, name: str, value: Any) -> pa.Table:
    index = rows.schema.get_field_index(name)
    field = rows.schema.field(index)
    return rows.set_column(index, field, pa.array([value] * rows.num_rows, field.type))


def _replace(
    tables: Tables, name: str, kind: str, value: str, reason: str, now: Micros, dry_run: bool
) -> _Emptied:
    """Replace each visible file that holds hits, also when `compact` moves the rows meanwhile."""
    rows, old = 0, []
    again = True
    while again:
        again = False
        for live in tables.files(tables.load(name)):
            content = rewriting.read(tables, TABLES[name], [live])
            hits = _CONTENT[name].hits(content, kind, value)
            if not pc.any(hits).as_py():
                continue
            done = dry_run
            if not dry_run:
                without = _emptied(content, hits, _CONTENT[name], reason, now)
                emptied, _ = rewriting.write(tables, TABLES[name], without)
                done = rewriting.swap(tables, name, [live], [emptied], "takedown")
            if done:
                rows += pc.sum(hits).as_py()
                old.append(live)
            else:
                again = True
    return _Emptied(rows, old)


def _forget(tables: Tables, old: Sequence[LiveFile]) -> int:
    """Forget the snapshots that show the old files, then remove these. Tags keep theirs: an error."""
    for name in ("articles", "quarantine"):
        tables.expire(name, keep=1)
        held = collection.named_files(tables, tables.load(name))
        if kept := [file.uri for file in old if tables.store.path(file.uri) in held]:
            raise LakeError(
                f"a tag or branch of {name} still shows {len(kept)} files with the content: drop it"
            )
    for file in old:
        tables.store.delete(tables.store.path(file.uri))
    return len(old)
