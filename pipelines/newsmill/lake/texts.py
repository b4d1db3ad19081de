"""Texts that rows share: a row without its body has it in any row with the same `body_hash`.

Before the last row that has a text loses it, the text is handed on to a row that relies on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newsmill.lake import rewriting
from newsmill.lake.files import DataFile
from newsmill.lake.places import PLACE
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import LiveFile, Tables
from newsmill.records import Micros

Leaving = Callable[[pa.Table], pa.ChunkedArray]
"""Says of rows of `articles` which of them are about to lose their body."""

_ARTICLES = TABLES["articles"]
_TOLD_BY = ("topic", "partition", "offset", "ingested_at", "body_hash", "withheld")


class _Heir(NamedTuple):
    """A row that relies on a text; the first to be written comes first."""

    ingested_at: int
    place: tuple[str, int, int]
    uri: str


@dataclass(frozen=True)
class HandedOn:
    """Texts that were, or would be, given to other rows, and the files of these rows as they were."""

    texts: int = 0
    files: frozenset[str] = frozenset()


def hand_on(
    tables: Tables,
    leaving: Leaving,
    told_by: Sequence[str],
    *,
    hours: AbstractSet[int] | None = None,
    coming: Sequence[DataFile] = (),
    why: str,
    at: Micros = 0,
    dry_run: bool = False,
) -> HandedOn:
    """Give each text that would go, and that another row relies on, to the first such row.

    May run beside the writer, and again: it then finds nothing more to do.

    Args:
        tables: The lake.
        leaving: Which rows will lose their body.
        told_by: The columns that `leaving` looks at.
        hours: Hours of ingest in which these rows are; all where absent.
        coming: Files that will be visible then: what their rows have stays.
        why: Noted with the snapshots.
        at: Time of the change, which the rows that get a text carry; see `change_order`.
        dry_run: Only count.

    Returns:
        What was handed on.

    Raises:
        LakeError: A file is torn.
    """
    columns = tuple(dict.fromkeys((*_TOLD_BY, *told_by)))
    while True:
        live = list(tables.files(tables.load("articles")))
        going = _going(tables, live, leaving, columns, hours)
        if not going:
            return HandedOn()
        heirs = _heirs(tables, live, leaving, columns, set(going) - _held(tables, coming))
        done = HandedOn(len(heirs), frozenset(heir.uri for heir in heirs.values()))
        if dry_run or not heirs:
            return done
        by_uri = {file.uri: file for file in live}
        texts = dict(_texts(tables, (by_uri[going[hash]] for hash in heirs), heirs))
        wills: dict[str, dict[tuple[str, int, int], str]] = defaultdict(dict)
        for hash, heir in heirs.items():
            wills[heir.uri][heir.place] = texts[hash]
        if all(_filled(tables, by_uri[uri], bodies, why, at) for uri, bodies in wills.items()):
            return done


def handed_on_inside(rows: pa.Table, leaving: pa.ChunkedArray) -> pa.Table:
    """The rows of a batch, with the texts that would go given to the first rows that rely on them."""
    gone = rows.filter(pc.and_(leaving, pc.is_valid(rows["body"])))
    texts = dict(zip(gone["body_hash"].to_pylist(), gone["body"].to_pylist(), strict=True))
    left = rows.filter(pc.and_(pc.invert(leaving), pc.is_valid(rows["body"])))
    for hash in {None, *left["body_hash"].to_pylist()}:
        texts.pop(hash, None)
    columns = (rows[name].to_pylist() for name in ("body_hash", "body", *PLACE))
    by_place = sorted(enumerate(zip(*columns, strict=True)), key=lambda numbered: numbered[1][2:])
    bodies, stay = rows["body"].to_pylist(), pc.invert(leaving).to_pylist()
    for number, (hash, body, *_) in by_place:
        if stay[number] and body is None and hash in texts:
            bodies[number] = texts.pop(hash)
    return _with_bodies(rows, bodies)


def _with_bodies(rows: pa.Table, bodies: Sequence[str | None]) -> pa.Table:
    index = rows.schema.get_field_index("body")
    return rows.set_column(index, rows.schema.field(index), pa.array(bodies, pa.string()))


def _going(
    tables: Tables,
    live: Iterable[LiveFile],
    leaving: Leaving,
    columns: Sequence[str],
    hours: AbstractSet[int] | None,
) -> dict[str, str]:
    """The file that has each text that is about to go, by the text's hash."""
    going: dict[str, str] = {}
    for file in live:
        if hours is None or not hours.isdisjoint(file.hours):
            rows = read_columns(tables, file.uri, columns)
            mask = leaving(rows)
            if pc.any(mask).as_py():
                bodies = read_columns(tables, file.uri, ["body"])["body"]
                has = pc.and_(mask, pc.is_valid(bodies))
                going |= dict.fromkeys(rows.filter(has)["body_hash"].drop_null().to_pylist(), file.uri)
    return going


def _held(tables: Tables, files: Iterable[DataFile]) -> set[str]:
    """Hashes of the texts that rows of files have."""
    held: set[str] = set()
    for file in files:
        if file.table == "articles":
            rows = read_columns(tables, file.path, ["body_hash", "body"])
            held |= set(rows.filter(pc.is_valid(rows["body"]))["body_hash"].drop_null().to_pylist())
    return held


def _heirs(
    tables: Tables, live: Iterable[LiveFile], leaving: Leaving, columns: Sequence[str], hashes: set[str]
) -> dict[str, _Heir]:
    """The first row that relies on each text, of those that no other row has."""
    wanted, held = pa.array(sorted(hashes), pa.string()), set[str]()
    heirs: dict[str, _Heir] = {}
    for file in live if hashes else ():
        rows = read_columns(tables, file.uri, columns)
        stays = pc.and_(pc.invert(leaving(rows)), pc.is_null(rows["withheld"]))
        mask = pc.and_(stays, pc.is_in(rows["body_hash"], wanted))
        if not pc.any(mask).as_py():
            continue
        has = pc.is_valid(read_columns(tables, file.uri, ["body"])["body"])
        held |= set(rows.filter(pc.and_(mask, has))["body_hash"].to_pylist())
        poor = rows.filter(pc.and_(mask, pc.invert(has)))
        times = poor["ingested_at"].cast(pa.int64()).to_pylist()
        for hash, at, place in zip(poor["body_hash"].to_pylist(), times, _places(poor), strict=True):
            heir = _Heir(at, place, file.uri)
            heirs[hash] = min(heirs.get(hash, heir), heir)
    return {hash: heir for hash, heir in heirs.items() if hash not in held}


def _texts(tables: Tables, files: Iterable[LiveFile], hashes: Collection[str]) -> Iterator[tuple[str, str]]:
    for file in {file.uri: file for file in files}.values():
        rows = read_columns(tables, file.uri, ["body_hash", "body"])
        mask = pc.and_(
            pc.is_valid(rows["body"]), pc.is_in(rows["body_hash"], pa.array(list(hashes), pa.string()))
        )
        found = rows.filter(mask)
        yield from zip(found["body_hash"].to_pylist(), found["body"].to_pylist(), strict=True)


def _filled(
    tables: Tables, live: LiveFile, bodies: dict[tuple[str, int, int], str], why: str, at: Micros
) -> bool:
    """Give rows of a visible file their bodies; false where somebody else replaced the file meanwhile."""
    rows = rewriting.read(tables, _ARTICLES, [live])
    filled = [
        bodies.get(place, body) for place, body in zip(_places(rows), rows["body"].to_pylist(), strict=True)
    ]
    heirs = pa.array([place in bodies for place in _places(rows)], pa.bool_())
    changed = rewriting.stamped(_with_bodies(rows, filled), heirs, at)
    written, _ = rewriting.write(tables, _ARTICLES, changed)
    return rewriting.swap(tables, "articles", [live], [written], why)


def _places(rows: pa.Table) -> list[tuple[str, int, int]]:
    return list(zip(*(rows[name].to_pylist() for name in PLACE), strict=True))


def read_columns(tables: Tables, uri: str, columns: Sequence[str]) -> pa.Table:
    """Some columns of `articles` in a file; those that its version lacks are null."""
    with tables.store.open(tables.store.path(uri)) as opened:
        parquet = pq.ParquetFile(opened, page_checksum_verification=True)
        there = [name for name in columns if name in parquet.schema_arrow.names]
        rows = parquet.read(columns=there, use_threads=False)
    for name in columns:
        if name not in there:
            rows = rows.append_column(_ARTICLES.arrow.field(name), pa.nulls(len(rows), pa.string()))
    return rows.select(list(columns))
