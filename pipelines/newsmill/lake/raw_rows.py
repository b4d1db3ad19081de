"""Rows of the ledger that point to raw records: which are somebody's, and letting records go.

A record goes by its whole file: the others of it are written to a new one, the rows of all of them point
there in one change of the ledger, and the old file is garbage, or is removed at once. So each row points to
its record at any time, or to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newsmill.errors import LakeError, Rejected
from newsmill.lake import raw_files, rewriting
from newsmill.lake.content import Tombstone
from newsmill.lake.files import DataFile
from newsmill.lake.places import RAW, file_place
from newsmill.lake.raw_files import COLUMNS, FOLDER, SUFFIX
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.lake.storage import Listed, Storage, Writable
from newsmill.lake.tables import LiveFile, Tables
from newsmill.records import Fate, FilePlace, Micros
from newsmill.urls import site, url_key

DAY_US: Final = 86_400_000_000

_SCHEMA: Final = pa.schema([TABLES[LEDGER].arrow.field(name) for name in COLUMNS])

Gone = Callable[[pa.Table], Any]
"""Which rows, of those that point to a record, shall not any more; of tables with `COLUMNS`."""


@dataclass
class LetGo:
    """What was, or would be, let go."""

    records: int = 0
    files: list[str] = field(default_factory=list)  # raw files that no row points into any more
    rewritten: int = 0  # files of the ledger


def of(tables: Tables, uri: str) -> pa.Table:
    """The rows of a file of the ledger that point to a record, with `COLUMNS`; none in files of before."""
    with tables.store.open(tables.store.path(uri)) as opened:
        parquet = pq.ParquetFile(opened)
        if "raw_file" not in parquet.schema_arrow.names:
            return _SCHEMA.empty_table()
        if not parquet.read(columns=["raw_file"], use_threads=False)["raw_file"].drop_null():
            return _SCHEMA.empty_table()
        rows = parquet.read(columns=list(COLUMNS), use_threads=False).cast(_SCHEMA)
    return rows.filter(pc.is_valid(rows["raw_file"]))


def taken_down(tombstones: Sequence[Tombstone]) -> Gone:
    """Rows of pages that were taken down."""
    domains = {t.value for t in tombstones if t.kind == "domain"}
    urls = {t.value for t in tombstones if t.kind == "url"}
    sites = domains | {site(url) for url in urls}

    def gone(rows: pa.Table) -> Any:
        named = zip(rows["url"].to_pylist(), rows["domain"].to_pylist(), strict=True)
        told = [
            domain in domains or (domain in sites and _key(url) in urls) if domain is not None else False
            for url, domain in named
        ]
        return pa.chunked_array([pa.array(told, pa.bool_())])

    return gone


def kept_no_more(before: Micros | None) -> Gone:
    """Rows of days that are over, and of records that a replay withheld."""

    def gone(rows: pa.Table) -> Any:
        withheld = pc.equal(rows["fate"], Fate.WITHHELD.value)
        if before is None:
            return withheld
        return pc.or_(withheld, pc.less(rows["ingested_at"].cast(pa.int64()), before))

    return gone


def first_kept(days: float | None, now_s: float) -> Micros | None:
    """The first moment of ingest whose records stay: the beginning of a day; None where all do.

    >>> first_kept(1.0, 1_700_000_000.0) == 1_699_833_600_000_000
    True
    """
    return None if days is None else (int(now_s * 1e6) - int(days * DAY_US)) // DAY_US * DAY_US


def visible(tables: Tables, *, without: Gone | None = None) -> set[str]:
    """The raw files that rows which readers see point into.

    Args:
        tables: The lake.
        without: Leaves out what these rows point to.
    """
    found: set[str] = set()
    for live in tables.files(tables.load(LEDGER)):
        rows = of(tables, live.uri)
        if without is not None:
            rows = rows.filter(pc.invert(without(rows)))
        found |= raw_files.named(rows)
    return found


def decided(tables: Tables, files: Iterable[DataFile]) -> set[str]:
    """The raw files that files of a batch point into."""
    mine = [file for file in files if file.table == LEDGER]
    return {name for file in mine for name in raw_files.named(of(tables, file.path))}


def check_there(tables: Tables, files: Sequence[DataFile]) -> None:
    """Raises LakeError where a batch points into a file that is not there."""
    if lost := raw_files.missing(tables.store, decided(tables, files)):
        raise LakeError(f"{lost[0]}: is missing, and rows point to raw records in it")


def erase_undecided(tables: Tables, files: Sequence[DataFile], tombstones: Sequence[Tombstone]) -> bool:
    """Remove raw files with what was taken down, of a batch that is not decided; whether there was any."""
    gone, found = taken_down(tombstones), False
    for file in (file for file in files if file.table == LEDGER):
        if tables.store.size(tables.store.path(file.path)) is None:
            continue
        rows = of(tables, file.path)
        lost = raw_files.missing(tables.store, raw_files.named(rows))
        doomed = raw_files.named(rows.filter(gone(rows)))
        for name in doomed:
            tables.store.delete(name)
        found = found or bool(lost or doomed)
    return found


def unseen(tables: Tables, needed: Collection[str]) -> list[Listed]:
    """Raw files of newsmill's making that are not needed."""
    there = (found for found in tables.store.walk(FOLDER) if found.path.endswith(SUFFIX) and not found.link)
    return [found for found in there if found.path not in needed]


def holds(store: Storage, file: str, tombstones: Sequence[Tombstone]) -> bool:
    """Whether a raw file has a record of what was taken down, or is torn, so that it may have one."""
    urls = {t.value for t in tombstones if t.kind == "url"}
    domains = {t.value for t in tombstones if t.kind == "domain"}
    try:
        if not raw_files.whole(store, file):
            return True
        return any(_key(url) in urls or site(url) in domains for url in raw_files.targets(store, file))
    except FileNotFoundError:
        return False
    except LakeError:
        return True


def let_go(tables: Tables, gone: Gone, why: str, *, dry_run: bool = False, at_once: bool = False) -> LetGo:
    """Let records go. May run beside the writer and other keepers, and again: it then finds nothing more.

    Args:
        tables: The lake.
        gone: Which rows shall point to no record.
        why: Noted with the snapshots.
        dry_run: Only count.
        at_once: Remove the old files when no row points into them, though readers may be at it.
    """
    done = LetGo()
    again = True
    while again:
        again = False
        for group in _groups(tables, gone):
            if dry_run or _swapped(tables, group, gone, why):
                doomed = group.doomed
                done.records += group.records
                done.files += sorted(doomed)
                done.rewritten += len(group.live)
                for name in sorted(doomed) if at_once and not dry_run else ():
                    tables.store.delete(name)
            else:
                again = True
    return done


@dataclass
class _Group:
    """Files of the ledger that point into the same raw files, some of which hold records that go."""

    live: list[LiveFile]
    doomed: set[str]
    records: int


def _groups(tables: Tables, gone: Gone) -> list[_Group]:
    """All that there is to do, in groups that can be done one by one."""
    found = []
    for live in tables.files(tables.load(LEDGER)):
        rows = of(tables, live.uri)
        mask = gone(rows)
        doomed = raw_files.named(rows.filter(mask))
        found.append((live, raw_files.named(rows), doomed, pc.sum(mask).as_py() or 0))
    all_doomed = {name for _, _, doomed, _ in found for name in doomed}
    groups: list[_Group] = []
    for live, named, _, records in found:
        touched = named & all_doomed
        if not touched:
            continue
        joined = [group for group in groups if group.doomed & touched]
        merged = _Group(
            [file for group in joined for file in group.live] + [live],
            touched.union(*(group.doomed for group in joined)),
            records + sum(group.records for group in joined),
        )
        groups = [group for group in groups if group not in joined] + [merged]
    return groups


def _swapped(tables: Tables, group: _Group, gone: Gone, why: str) -> bool:
    """Let the rows of a group point elsewhere; false where somebody else replaced a file meanwhile."""
    parts = [rewriting.read(tables, TABLES[LEDGER], [live]) for live in group.live]
    rows = pa.concat_tables(parts)
    places = [file_place(row, RAW) for row in rows.select(RAW).to_pylist()]
    pointing = [place is not None for place in places]
    mask = pc.and_(pc.fill_null(gone(rows.select(COLUMNS)), False), pa.chunked_array([pa.array(pointing)]))
    goes = mask.to_pylist()
    moved: dict[FilePlace, FilePlace] = {}
    for name in sorted(group.doomed):
        stay = {
            p
            for p, leaves in zip(places, goes, strict=True)
            if p is not None and p.file == name and not leaves
        }
        moved |= _moved(tables.store, name, sorted(stay, key=lambda place: place.offset or 0))
    new = [
        None if leaves or place is None else moved.get(place, place)
        for place, leaves in zip(places, goes, strict=True)
    ]
    written, start = [], 0
    for part in parts:
        changed = raw_files.pointed(part, new[start : start + len(part)])
        written.append(rewriting.write(tables, TABLES[LEDGER], changed)[0])
        start += len(part)
    return rewriting.swap(tables, LEDGER, group.live, written, why)


def _moved(store: Storage, name: str, stay: Sequence[FilePlace]) -> Mapping[FilePlace, FilePlace]:
    """Write the records of a file that stay to a new one; where each is then."""
    if not stay:
        return {}

    def write(file: Writable) -> None:
        for run in _runs(stay):
            file.write(raw_files.stored_at(store, run))

    new = store.publish(name.rsplit("/", 1)[0], SUFFIX, write)
    moved, at = {}, 0
    for place in stay:
        moved[place] = FilePlace(file=new.path, offset=at, length=place.length)
        at += place.length or 0
    return moved


_RUN_BYTES: Final = 16_000_000
"""Records that follow each other are copied together, so many bytes at a time."""


def _runs(places: Sequence[FilePlace]) -> Iterator[FilePlace]:
    """Places of one file, in order, those that follow each other as one."""
    run: FilePlace | None = None
    for place in places:
        assert place.offset is not None
        assert place.length is not None
        if run is None or run.offset is None or run.length is None:
            run = place
        elif run.offset + run.length == place.offset and run.length < _RUN_BYTES:
            run = FilePlace(file=place.file, offset=run.offset, length=run.length + place.length)
        else:
            yield run
            run = place
    if run is not None:
        yield run


def _key(url: str | None) -> str | None:
    try:
        return None if url is None else url_key(url)
    except Rejected:
        return None
