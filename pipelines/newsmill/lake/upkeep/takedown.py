"""Taking content out for good: of one URL, or of a whole domain.

The tombstone comes first, so that no later batch brings the content back. Then every visible file that
holds it is replaced by one without, older snapshots are forgotten, and the old files are removed at
once. Rows stay, with what identifies them, so that each record keeps its one fate. Copies at other URLs
are other pages: they stay, and get the text that they rely on before it goes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table, Transaction
from pyiceberg.table.refs import MAIN_BRANCH

from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, LakeError, Rejected
from newsmill.lake import content, erasure, files, named, provenance, raw_rows, replacing, rewriting, texts
from newsmill.lake.change_order import changing
from newsmill.lake.content import CONTENT, Tombstone
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import INGESTED_AT, TAKEDOWNS, pending_batch, tombstones
from newsmill.lake.places import PLACE
from newsmill.lake.retention import Retention
from newsmill.lake.rows import takedowns as takedown_rows
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.lake.staging import append, set_properties
from newsmill.lake.tables import LiveFile, Tables
from newsmill.lake.writer import Lake
from newsmill.records import Micros
from newsmill.urls import is_public_suffix, registrable_domain, url_key

REASON = "taken down"
"""Reason that is noted where none is given."""

DECIDED_WAIT_S = 60.0
"""How long a batch that is decided may take to become visible."""


@dataclass(frozen=True)
class TakenDown:
    """What a takedown did, or would do."""

    kind: str  # url | domain
    value: str
    articles: int  # emptied now
    quarantined: int
    raw: int  # records as they came, let go now
    also: tuple[str, ...]  # keys of pages at other addresses, that led there: taken down with it
    already: int  # rows of articles that were empty before, by this or another takedown
    texts_handed_on: int  # to copies at other addresses
    files_rewritten: int
    files_removed: int
    foreign: tuple[str, ...]  # files in the tables' folders that are not of the lake's making: left
    foreign_with_content: tuple[str, ...]  # of these and other Parquet files: hold it, or can't be read

    @property
    def matched(self) -> bool:
        """Whether the lake has, or had, anything of it."""
        return bool(self.articles or self.quarantined or self.raw or self.already)


def take_down(
    config: LakeConfig, what: str, *, reason: str = REASON, now: Micros, dry_run: bool = False
) -> TakenDown:
    """Take down a URL or a domain. May run beside the writer, and again: it then finds nothing more.

    A page that led there, by a redirect or by its canonical link, is taken down under its own URL, too.

    After it no file of the lake's making holds the content; of a batch that is being written, none does once
    it is committed. Files that somebody else put into the folder are left, and told of. What comes of the URL
    or domain later is withheld, also where nothing matches now.

    Args:
        config: The lake.
        what: A URL with its scheme, or a domain name.
        reason: Noted in the tombstone and in the rows.
        now: Time of the takedown.
        dry_run: Only count.

    Raises:
        ConfigError: It is neither a URL nor a domain of a site.
        LakeError: A writer does not finish its batch, or a tag or branch shows the content.
    """
    kind, value = whose(what)
    tables = Tables.open(config)
    mine = Tombstone(kind, value, reason, datetime.fromtimestamp(now / 1e6, UTC))
    if dry_run:
        return _taken_down(tables, [mine, *_leading_to(tables, mine)], 0, dry_run=True)
    with changing(tables, f"takedown of {value}") as at:
        _bury(tables, [mine], now)
        _wait_for_decided(tables, config)
        others = _leading_to(tables, mine)
        _bury(tables, others, now)
        return _taken_down(tables, [mine, *others], at)


def _leading_to(tables: Tables, mine: Tombstone) -> list[Tombstone]:
    """Tombstones of the pages at other addresses that led to what is taken down."""
    columns = CONTENT["articles"].told_by
    keys: set[str] = set()
    for live in tables.files(tables.load("articles")):
        rows = texts.read_columns(tables, live.uri, columns)
        own = pc.equal(rows["url_key" if mine.kind == "url" else "domain"], mine.value)
        led = pc.and_(content.also_of(rows, mine.kind, mine.value), pc.invert(own))
        keys.update(rows.filter(led)["url_key"].to_pylist())
    return [replace(mine, kind="url", value=key) for key in sorted(keys)]


def _taken_down(
    tables: Tables, marks: Sequence[Tombstone], at: Micros, *, dry_run: bool = False
) -> TakenDown:
    mine, *others = marks
    handed_on = texts.hand_on(
        tables,
        lambda rows: content.of_any("articles", rows, marks),
        CONTENT["articles"].told_by,
        why="takedown",
        at=at,
        dry_run=dry_run,
    )
    emptied = {name: _replace(tables, name, marks, at, dry_run) for name in CONTENT if name in tables.names}
    articles = emptied["articles"]
    replaced = sum(len(one.old) for one in emptied.values())
    taken_down = [*erasure.tombstones(tables), *marks]
    gone = raw_rows.taken_down(marks)
    raw = raw_rows.let_go(tables, gone, "takedown", dry_run=dry_run, at_once=True)
    if dry_run:
        twice = handed_on.files & {live.uri for live in articles.old}  # replaced by the handing on, and again
        unseen = sum(1 for _ in erasure.unseen_with_content(tables, taken_down))
        unseen += len(erasure.unseen_raw_with_content(tables, taken_down))
        removed = replaced + len(twice) + unseen + len(erasure.dead_unfinished(tables))
    else:
        _forget_snapshots(tables, taken_down)
        committed_at = int(tables.load(LEDGER).properties.get(INGESTED_AT, 0))
        removed = erasure.erase(tables, taken_down, committed_at=committed_at)
    removed += len(raw.files)
    return TakenDown(
        kind=mine.kind,
        value=mine.value,
        articles=articles.rows,
        quarantined=emptied["quarantine"].rows,
        raw=raw.records,
        also=tuple(other.value for other in others),
        already=articles.already,
        texts_handed_on=handed_on.texts,
        files_rewritten=replaced + raw.rewritten,
        files_removed=removed,
        foreign=tuple(found.path for found in provenance.foreign(tables)),
        foreign_with_content=tuple(erasure.foreign_with_content(tables, taken_down)),
    )


def without_taken_down(lake: Lake, written: Sequence[DataFile]) -> tuple[DataFile, ...]:
    """The files of a batch that is not decided yet, without what was taken down since its pages were read.

    Rows stay and are emptied, as if the takedown had come a moment after the commit. The same tombstones
    give the same files.

    Raises:
        LakeError: A file is gone.
    """
    if not any(lake.withheld()):
        return tuple(written)
    taken_down = erasure.tombstones(lake.tables)
    without: list[DataFile] = []
    for name in {file.table: None for file in written}:
        mine = [erasure.followed(lake.tables, file) for file in written if file.table == name]
        without += _without(lake, name, mine, taken_down) if name in CONTENT else mine
    return tuple(without)


def _without(
    lake: Lake, name: str, mine: Sequence[DataFile], taken_down: Sequence[Tombstone]
) -> list[DataFile]:
    seen = [lake.columns(file, CONTENT[name].told_by) for file in mine]
    if not any(pc.any(content.of_any(name, rows, taken_down)).as_py() for rows in seen):
        return list(mine)
    parts = [rewriting.rows_of(lake.tables, TABLES[name], file) for file in mine]
    rows = pa.concat_tables(parts)
    if name == "articles":
        rows = texts.handed_on_inside(rows, content.of_any(name, rows, taken_down))
    emptied = []
    for file, part in zip(mine, parts, strict=True):
        kept, rows = rows.slice(0, len(part)), rows.slice(len(part))
        kept = content.emptied(name, kept, taken_down)
        same = kept.sort_by(_PLACE_ORDER).equals(part.sort_by(_PLACE_ORDER))
        emptied.append(file if same else rewriting.write(lake.tables, TABLES[name], kept)[0])
    return emptied


_PLACE_ORDER = [(name, "ascending") for name in PLACE]


def whose(what: str) -> tuple[str, str]:
    """("url", its key) or ("domain", the registrable one) of what somebody named.

    >>> whose("http://www.paper.example/story#top"), whose("www.paper.example")
    (('url', 'https://paper.example/story'), ('domain', 'paper.example'))

    Raises:
        ConfigError: It is neither a URL with its scheme nor a domain that a site can have.
    """
    what = what.strip()
    if not what:
        raise ConfigError(f"nothing is named: {_WANTED}")
    try:
        if "://" in what:
            return "url", url_key(what)
        if set(what) & set("/?#@: "):
            raise ConfigError(f"{what}: is no domain name: {_WANTED}")
        domain = registrable_domain(f"https://{what}/")
    except Rejected as error:
        problem = error.message if "://" in what else "is no domain name"
        raise ConfigError(f"{what}: {problem}: {_WANTED}") from error
    if is_public_suffix(domain):
        raise ConfigError(f"{what}: is a public suffix, sites have their domains below it: {_WANTED}")
    if "." not in domain:
        raise ConfigError(f"{what}: is no domain of a site: {_WANTED}")
    return "domain", domain


_WANTED = "name a URL with its scheme, e.g. https://paper.example/story, or a domain, e.g. paper.example"


def _bury(tables: Tables, marks: Sequence[Tombstone], now: Micros) -> None:
    urls, domains = tombstones(tables.load("takedowns"))
    new = [mark for mark in marks if mark.value not in (urls if mark.kind == "url" else domains)]
    if not new:
        return
    rows = takedown_rows([(mark.kind, mark.value, mark.reason) for mark in new], ingested_at=now)
    file = files.publish(tables.store, TABLES["takedowns"], rows, ingested_at=now)

    def noted(table: Table, transaction: Transaction) -> bool:
        append(table, transaction, [file.path], {"newsmill.operation": "takedown"})
        return True

    def touched(table: Table, transaction: Transaction) -> bool:
        known = max(int(table.properties.get(TAKEDOWNS, 0)), len(urls) + len(domains) + len(new))
        set_properties(table, transaction, {TAKEDOWNS: str(known)})
        append(table, transaction, [], {"newsmill.operation": "takedown"})
        return True

    tables.change("takedowns", noted)
    tables.change(LEDGER, touched)  # who is about to decide a batch must look at the tombstones again


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
    already: int
    old: Sequence[LiveFile]


def _replace(tables: Tables, name: str, marks: Sequence[Tombstone], at: Micros, dry_run: bool) -> _Emptied:
    """Replace each visible file that holds hits, also when `compact` moves the rows meanwhile."""
    rows, old = 0, []
    again = True
    while again:
        again, already = False, 0
        for live in tables.files(tables.load(name)):
            held = rewriting.read(tables, TABLES[name], [live])
            already += sum(content.empty_before(name, held, mark) for mark in marks)
            hits = content.of_any(name, held, marks)
            if not pc.any(hits).as_py():
                continue
            done = dry_run
            if not dry_run:
                empty = content.emptied(name, held, marks, at=at)
                without = [rewriting.write(tables, TABLES[name], empty)[0]] if len(empty) else []
                done = rewriting.swap(tables, name, [live], without, "takedown")
            if done:
                rows += pc.sum(hits).as_py()
                old.append(live)
            else:
                again = True
    return _Emptied(rows, already, old)


def _forget_snapshots(tables: Tables, taken_down: Sequence[Tombstone]) -> None:
    """Forget all snapshots but the newest. What tags and branches show must hold no such content."""
    for name in CONTENT:
        tables.expire(name, Retention.newest(1))
    for name, found in erasure.unseen_with_content(tables, taken_down):
        table = tables.load(name)
        if len(table.refs()) > 1 and found.path in named.files(tables, table):
            raise LakeError(
                f"{found.path} holds the content, and a tag or branch of {name} shows it: drop that one of "
                f"{', '.join(sorted(set(table.refs()) - {MAIN_BRANCH}))}, and take down again"
            )
