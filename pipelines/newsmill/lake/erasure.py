"""Files of the lake's folder that hold content which was taken down, and that no reader sees.

They are replaced small files, leftovers of crashes, unfinished files, and files of batches under way. What
no batch can wait for is removed. A file that a batch may still commit is replaced by one without the content,
with a note beside it, under its name and `.emptied`, that says which: the endless job follows it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newsmill.errors import LakeError
from newsmill.lake import content, provenance, raw_rows, rewriting, texts
from newsmill.lake.content import CONTENT, Tombstone
from newsmill.lake.files import DataFile
from newsmill.lake.schemas import TABLES
from newsmill.lake.storage import TEMPORARY, Listed
from newsmill.lake.tables import Tables
from newsmill.records import Micros

NOTE: Final = ".emptied"
"""Ending of the note beside a file that was replaced by one without content."""

_TOLD_AT_LEAST: Final = {
    "articles": frozenset({"url_key", "domain", "body"}),
    "copy_sketches": frozenset({"article_id", "domain", "sketch"}),
    "quarantine": frozenset({"url", "payload"}),
    "article_entities": frozenset({"article_id", "domain", "entity_id"}),
    "article_places": frozenset({"article_id", "domain", "geonameid"}),
}
"""Columns that show that somebody else's file has rows of a table, as an export has."""

UNFINISHED_S: Final = 60.0
"""An unfinished file that nobody wrote to for so long belongs to a process that is gone."""


def tombstones(tables: Tables) -> list[Tombstone]:
    """All that was taken down, in an order that the same tombstones always have."""
    columns = ["ingested_at", "kind", "value", "reason"]
    noted = tables.retry(lambda: tables.load("takedowns").scan().to_arrow()).select(columns)
    rows = noted.sort_by([(name, "ascending") for name in columns]).to_pylist()
    return [Tombstone(row["kind"], row["value"], row["reason"], row["ingested_at"]) for row in rows]


def unseen_with_content(tables: Tables, taken_down: Sequence[Tombstone]) -> Iterator[tuple[str, Listed]]:
    """(table, file) of each file of the lake that no reader sees and that holds such content, or is torn."""
    for name in (name for name in CONTENT if name in tables.names):
        there = [found for found in tables.store.walk(name) if found.path.endswith(".parquet")]
        visible = {tables.store.path(live.uri) for live in tables.files(tables.load(name))}
        unseen = [found for found in there if found.path not in visible]
        for found in provenance.of_the_lake(tables, unseen):
            if _holds(tables, name, found.path, taken_down):
                yield name, found


def unseen_raw_with_content(tables: Tables, taken_down: Sequence[Tombstone]) -> list[Listed]:
    """Raw files that no visible row points into, and that hold such content, or are torn."""
    seen = raw_rows.visible(tables)
    return [
        found
        for found in raw_rows.unseen(tables, seen)
        if provenance.made(found) and raw_rows.holds(tables.store, found.path, taken_down)
    ]


def foreign_with_content(tables: Tables, taken_down: Sequence[Tombstone]) -> list[str]:
    """Paths of files that are not of the lake's making and hold such content, or may: they can't be read.

    All Parquet files of the lake's folder are looked at, and unfinished files by their names. Symbolic links
    are not followed: what they lead to is not in the folder.
    """
    there = [
        found
        for found in tables.store.walk("")
        if found.path.endswith((".parquet", ".tmp")) and not found.link and not provenance.made(found)
    ]
    own = {found.path for found in provenance.of_the_lake(tables, there)}
    return sorted(
        found.path
        for found in there
        if found.path not in own
        and (found.path.endswith(".tmp") or _foreign_holds(tables, found.path, taken_down))
    )


def erase(tables: Tables, taken_down: Sequence[Tombstone], *, committed_at: Micros) -> int:
    """Take such content out of all files that readers don't see; how many files were removed.

    May run beside the writer. A file that is written meanwhile is emptied when its batch is committed.

    Args:
        tables: The lake; no kept snapshot names a file that is to go.
        taken_down: All tombstones.
        committed_at: Time of the last committed batch: rows of later ones may still be waited for.
    """
    raw = unseen_raw_with_content(tables, taken_down)
    for found in raw:
        tables.store.delete(found.path)
    removed = len(raw)
    for name, found in unseen_with_content(tables, taken_down):
        rows = _rows(tables, name, found.path)
        waited_for = rows is not None and not CONTENT[name].goes
        if waited_for and rewriting.latest(rows) > committed_at:
            _stand_in(tables, name, found.path, rows, taken_down)
        tables.store.delete(found.path)
        removed += 1
    return removed + _unfinished(tables)


def empty(tables: Tables, undecided: Sequence[DataFile], taken_down: Sequence[Tombstone]) -> None:
    """Put files without the content in the place of those of a batch that is not decided."""
    for file in undecided:
        path = tables.store.path(file.path)
        rows = _rows(tables, file.table, path)
        if rows is not None:
            _stand_in(tables, file.table, path, rows, taken_down)
        tables.store.delete(path)


def _stand_in(tables: Tables, name: str, path: str, rows: pa.Table, taken_down: Sequence[Tombstone]) -> None:
    """Write a file's rows without the content, and the note that leads from its name to that file."""
    if name == "articles":
        rows = texts.handed_on_inside(rows, content.of_any(name, rows, taken_down))
    written, _ = rewriting.write(tables, TABLES[name], content.emptied(name, rows, taken_down))
    tables.store.replace(path + NOTE, msgspec.json.encode(written))


def followed(tables: Tables, file: DataFile) -> DataFile:
    """The file that stands for one that was written: itself, or what a takedown put in its place.

    Raises:
        LakeError: The file is gone.
    """
    path = tables.store.path(file.path)
    while tables.store.size(path) is None:
        try:
            with tables.store.open(path + NOTE) as note:
                file = msgspec.json.decode(bytes(note.read()), type=DataFile)
        except FileNotFoundError:
            raise LakeError(f"{file.path}: is missing") from None
        path = tables.store.path(file.path)
    return file


def forget(tables: Tables, written: Sequence[DataFile], committed: Sequence[DataFile]) -> None:
    """Remove the files of a batch that were not committed, since others without content were."""
    for file in {file.path for file in written} - {file.path for file in committed}:
        path = tables.store.path(file)
        tables.store.delete(path)
        tables.store.delete(path + NOTE)


def _holds(tables: Tables, name: str, path: str, taken_down: Sequence[Tombstone]) -> bool:
    try:
        with tables.store.open(path) as opened:
            parquet = pq.ParquetFile(opened)
            rows = parquet.read(columns=list(CONTENT[name].told_by), use_threads=False)
    except FileNotFoundError:
        return False
    except (pa.ArrowInvalid, OSError):
        return True
    return bool(pc.any(content.of_any(name, rows, taken_down)).as_py())


def _foreign_holds(tables: Tables, path: str, taken_down: Sequence[Tombstone]) -> bool:
    """Whether a file of whatever columns holds such content, or can't be read."""
    try:
        with tables.store.open(path) as opened:
            parquet = pq.ParquetFile(opened)
            for name in (n for n in CONTENT if _TOLD_AT_LEAST[n].issubset(parquet.schema_arrow.names)):
                rows = parquet.read(columns=list(CONTENT[name].told_by), use_threads=False)
                for column in set(CONTENT[name].told_by).difference(rows.column_names):
                    rows = rows.append_column(column, pa.nulls(len(rows)))
                if pc.any(content.of_any(name, rows, taken_down)).as_py():
                    return True
    except FileNotFoundError:
        return False
    except (pa.ArrowException, OSError):  # no Parquet, or columns of these names with other types
        return True
    return False


def _rows(tables: Tables, name: str, path: str) -> pa.Table | None:
    """All rows of a file; none of one that is torn or gone."""
    try:
        with tables.store.open(path) as opened:
            return rewriting.upgraded(TABLES[name], pq.ParquetFile(opened).read(use_threads=False))
    except (FileNotFoundError, pa.ArrowInvalid, OSError):
        return None


def dead_unfinished(tables: Tables) -> list[Listed]:
    """Unfinished files of processes that are gone."""
    return [found for found in tables.store.walk(TEMPORARY) if provenance.made(found) and _is_dead(found)]


def _is_dead(unfinished: Listed) -> bool:
    return time.time() - unfinished.modified_s > UNFINISHED_S


def _unfinished(tables: Tables) -> int:
    """Remove unfinished files of processes that are gone; wait for the others until they have their names."""
    removed, waiting = 0, {found.path for found in tables.store.walk(TEMPORARY) if provenance.made(found)}
    while left := [found for found in tables.store.walk(TEMPORARY) if found.path in waiting]:
        for found in left:
            if _is_dead(found):
                tables.store.delete(found.path)
                removed += 1
        time.sleep(0.2)
    return removed
