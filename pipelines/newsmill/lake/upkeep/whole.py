"""A lake as its files tell it, without a catalog: the newest whole metadata of its tables, and if they fit.

A metadata file may have been written and never have become the table's, when a writer died in between. One
that follows on the hinted one is taken all the same: it is what that writer's commit would have been, and
each step of the commit protocol may be done again. What does not follow on it was refused: passed over.
"""

from __future__ import annotations

import io
import json
import shlex
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import duckdb
import fastavro
import msgspec
import pyarrow as pa
import pyarrow.dataset as ds

from newsmill.errors import LakeError
from newsmill.lake import hints, identity, locations, raw_files, replacing
from newsmill.lake.identity import Identity
from newsmill.lake.ledger import PENDING, SEQUENCE, TAKEDOWNS, WRITTEN, Batch
from newsmill.lake.replacing import Replacement
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.lake.sketch_rows import SKETCHES
from newsmill.lake.storage import LocalStorage, Storage

_SUFFIX: Final = ".metadata.json"
_DELETED: Final = 2  # status of a manifest entry, Iceberg specification, "Manifest Entry Fields"
_PLACE: Final = 'topic, partition, "offset"'
_ROWS: Final = (
    ("articles", "fate IN ('article', 'copy', 'revision')"),
    (SKETCHES, "fate IN ('article', 'copy', 'revision')"),
    ("quarantine", "fate = 'quarantined'"),
)


@dataclass(frozen=True)
class Found:
    """The newest whole metadata of a table. `path` is relative to the lake."""

    table: str
    path: str
    metadata: dict[str, Any]

    @property
    def number(self) -> int:
        """How many changes of the table led to it."""
        return _number(self.path)

    @property
    def uuid(self) -> str:
        """The table's."""
        return str(self.metadata["table-uuid"])

    @property
    def top(self) -> str:
        """Where the lake was when it was written."""
        return str(self.metadata["location"]).removesuffix(f"/{self.table}")

    @property
    def properties(self) -> Mapping[str, str]:
        """The table's."""
        return dict(self.metadata.get("properties", {}))


def find(store: Storage) -> dict[str, Found]:
    """The newest whole metadata of each table.

    Raises:
        ConfigError: There is no lake.
        LakeError: A table of the lake is gone, has no metadata that is whole, or has only metadata that is
            older than the lake knows of it.
    """
    identity.check_exists(store)
    note = identity.read(store)
    expected = TABLES.keys() if note is None else note.tables.keys()
    found, problems = {}, []
    for name in TABLES:
        names = _metadata_names(store, name)
        if name not in expected and not names and not hints.read(store, name):
            continue
        try:
            found[name] = _newest(store, name, names, note)
        except LakeError as error:
            problems.append(str(error))
    if problems:
        here = identity.place(store)
        raise LakeError(
            f"{here}: {'; '.join(problems)}. Put back what is missing from a backup, else the whole lake; "
            f"then `newsmill audit {shlex.quote(here)}` looks at all of it. Nothing was changed"
        )
    return found


def check(store: Storage, found: Mapping[str, Found]) -> int:
    """Check that the tables fit each other; how many records the ledger tells of.

    Raises:
        LakeError: A table is ahead of the ledger or lacks rows that it tells of: they are of different times.
    """
    if LEDGER not in found:
        raise LakeError(f"{identity.place(store)}: has no table {LEDGER}, which tells what is committed")
    ledger = found[LEDGER].properties
    batch = msgspec.json.decode(ledger[PENDING], type=Batch) if PENDING in ledger else None
    noted = ledger.get(replacing.NOTED)
    replacement = None if noted is None else msgspec.json.decode(noted, type=Replacement)
    decided = batch.sequence if batch is not None and batch.files else 0
    for name, table in found.items():
        sequence = int(table.properties.get(SEQUENCE, 0))
        if sequence > max(int(ledger.get(SEQUENCE, 0)), decided):
            raise _odd(store, f"{name} has batch {sequence}, and {LEDGER} does not know it")
    files = [*(batch.files if batch else ()), *(replacement.files if replacement else ())]
    for file in files:
        if store.size(inside(found[LEDGER], file.path)) != file.bytes:
            raise _odd(store, f"{file.path} was decided and is not there")
    records = _check_rows(store, found, whole=replacement is None)
    if lost := raw_files.missing(store, _raw(store, found[LEDGER])):
        raise _odd(store, f"{lost[0]} is not there, and {LEDGER} points to raw records in it")
    _check_behind(store, found)
    return records


def files(store: Storage, found: Found, *, every: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """(kind, record) of what the metadata needs: `list`, `manifest`, `data`, each record with its path.

    Args:
        store: The lake.
        found: The table.
        every: All kept snapshots, not the current one only.
    """
    current = found.metadata.get("current-snapshot-id")
    seen: set[str] = set()
    for snapshot in found.metadata.get("snapshots", []):
        if not every and snapshot["snapshot-id"] != current:
            continue
        listing = inside(found, snapshot["manifest-list"])
        yield "list", {"path": listing, "snapshot": snapshot}
        for manifest in avro(store, listing):
            path = inside(found, manifest["manifest_path"])
            if path in seen:
                continue
            seen.add(path)
            yield "manifest", {"path": path, **manifest}
            for entry in avro(store, path):
                if entry["status"] != _DELETED:
                    file = entry["data_file"]
                    yield "data", {"path": inside(found, file["file_path"]), **file}


def inside(found: Found, location: str) -> str:
    """The path of a location that a table's metadata names, relative to the lake wherever that is now.

    Raises:
        LakeError: It was outside of the lake.
    """
    path = locations.below(found.top, location)
    if path is None:
        raise LakeError(f"{found.path}: names {location}, which is not below {found.top}")
    return path


def avro(store: Storage, path: str) -> list[dict[str, Any]]:
    """The records of an Avro file."""
    with store.open(path) as file:
        return list(fastavro.reader(io.BytesIO(bytes(file.read()))))


def _check_behind(store: Storage, found: Mapping[str, Found]) -> None:
    """Raises LakeError where a table is older than the ledger, which notes what was committed to it."""
    ledger = found[LEDGER]
    for name, sequence in json.loads(ledger.properties.get(WRITTEN, "{}")).items():
        if name not in found or int(found[name].properties.get(SEQUENCE, 0)) < sequence:
            raise _odd(store, f"{name} lacks batch {sequence}, which {LEDGER} tells of")
    snapshots = ledger.metadata.get("snapshots", [])
    buried = any(s.get("summary", {}).get("newsmill.operation") == "takedown" for s in snapshots)
    told = max(int(ledger.properties.get(TAKEDOWNS, 0)), int(buried))
    tombs = files(store, found["takedowns"]) if "takedowns" in found else ()
    rows = sum(record["record_count"] for kind, record in tombs if kind == "data")
    if rows < told:
        raise _odd(store, f"takedowns has {rows} tombstones, and {LEDGER} tells of {told}")


def _metadata_names(store: Storage, table: str) -> list[str]:
    """Paths of the metadata files of a table, under first and second names."""
    return [listed.path for listed in store.walk(f"{table}/metadata") if listed.path.endswith(_SUFFIX)]


def _newest(store: Storage, table: str, names: Sequence[str], note: Identity | None) -> Found:
    hinted = _read(store, table, hints.metadata(store, table))
    candidates = sorted(_candidates(store, table, names, hinted), key=_age, reverse=True)
    if hinted is not None:
        candidates.append(hinted)
    problems = []
    for found in candidates:
        try:
            _check_whole(store, found)
        except (LakeError, OSError, ValueError, EOFError, KeyError) as error:
            problems.append(f"{found.path}: {error}")
        else:
            _check_newest(store, found, [] if hinted else names, note, problems)
            return found
    uuid = "" if note is None else f", which {identity.NOTE} names with UUID {note.tables.get(table)},"
    if not names:
        raise LakeError(f"the table {table}{uuid} is gone: {table}/metadata has no metadata file")
    raise LakeError(f"no metadata of {table} is whole: {'; '.join(problems) or 'no file can be read'}")


def _check_newest(
    store: Storage, found: Found, names: Sequence[str], note: Identity | None, problems: Sequence[str]
) -> None:
    """Check that nothing in the lake tells of newer metadata of a table, or of another table.

    Args:
        store: The lake.
        found: The newest whole metadata.
        names: Metadata files that are signs of what there was.
        note: What the lake notes of itself.
        problems: Why newer metadata is not whole.

    Raises:
        LakeError: Something does.
    """
    table = found.table
    hint = f"{table}/metadata/version-hint.text"
    signs = [(hints.number(hints.read(store, table)), hint), *((_number(path), path) for path in names)]
    location = _catalogued(store, found)
    if location is not None:
        signs.append((_number(location), identity.CATALOG_FILE))
    number, sign = max(signs, key=lambda sign: sign[0])
    if number > found.number:
        why = "".join(f"; {problem}" for problem in problems)
        raise LakeError(
            f"the newest metadata of {table} is gone: {sign} tells of number {number}, and the newest that "
            f"is whole is {found.path}, of before the last {number - found.number} changes{why}"
        )
    if note is None or not locations.same(found.top, note.location):
        return
    if (noted := note.tables.get(table)) not in (None, found.uuid):
        raise LakeError(
            f"the table {table} with UUID {noted}, which {identity.NOTE} names, is gone: "
            f"{found.path} is of another, {found.uuid}"
        )


def _catalogued(store: Storage, found: Found) -> str | None:
    """Location of the table's metadata that the lake's own catalog names, where that file can be read."""
    if not isinstance(store, LocalStorage) or store.size(identity.CATALOG_FILE) is None:
        return None
    address = f"file:{quote(str(store.root / identity.CATALOG_FILE))}?mode=ro"
    query = "SELECT metadata_location FROM iceberg_tables WHERE table_name = ?"
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(address, uri=True)) as connection:
        named = [str(location) for (location,) in connection.execute(query, (found.table,))]
        mine = [location for location in named if locations.below(found.top, location) is not None]
        return max(mine, key=_number, default=None)
    return None


def _candidates(store: Storage, table: str, names: Sequence[str], hinted: Found | None) -> Iterator[Found]:
    """Metadata that the hint names, under its first name, and what follows on it; without a hint, all."""
    all_found = [found for path in names if (found := _read(store, table, path))]
    if hinted is None:
        yield from all_found
        return
    all_found = [found for found in all_found if not second(found.path)]
    first = [found for found in all_found if found.metadata == hinted.metadata]
    yield from first
    known = {found.path.rsplit("/", 1)[1] for found in first}
    for found in all_found:
        log = {e["metadata-file"].rsplit("/", 1)[1] for e in found.metadata.get("metadata-log", [])}
        if found.uuid == hinted.uuid and log & known:
            yield found


def _age(found: Found) -> tuple[int, int, bool]:
    return found.number, int(found.metadata["last-updated-ms"]), not second(found.path)


def _number(path: str) -> int:
    return hints.number(path.rsplit("/", 1)[1])


def second(path: str) -> bool:
    """Whether a metadata file is one under its second name: see `hints`."""
    return path.rsplit("/", 1)[1].startswith("v")


def _read(store: Storage, table: str, path: str | None) -> Found | None:
    """A metadata file; None where there is none, or it is torn."""
    if path is None or store.size(path) is None:
        return None
    with store.open(path) as file:
        content = bytes(file.read())
    try:
        metadata = json.loads(content)
        complete = {"location", "table-uuid", "last-updated-ms"} <= metadata.keys()
    except (ValueError, AttributeError):
        return None
    return Found(table, path, metadata) if complete else None


def _check_whole(store: Storage, found: Found) -> None:
    for kind, record in files(store, found):
        size = store.size(record["path"])
        wanted = record.get("file_size_in_bytes") if kind == "data" else record.get("manifest_length")
        if size is None or (wanted is not None and size != wanted):
            what = "is missing" if size is None else f"has {size} bytes, not {wanted}"
            raise LakeError(f"{record['path']} {what}")


def _check_rows(store: Storage, found: Mapping[str, Found], *, whole: bool) -> int:
    """Check that each fate has its row and each row its fate; how many fates there are."""
    committed = json.loads(found[LEDGER].properties.get("newsmill.committed", "{}"))
    known = [
        {"topic": topic, "partition": int(partition), "next": offset}
        for topic, parts in committed.items()
        for partition, offset in parts.items()
    ]
    schema = pa.schema([("topic", pa.string()), ("partition", pa.int32()), ("next", pa.int64())])
    with duckdb.connect() as connection:
        connection.register("committed", pa.Table.from_pylist(known, schema=schema))
        for name in (LEDGER, *(name for name, _ in _ROWS)):
            connection.register(name, _rows(store, name, found.get(name)))
        for name, fates in _ROWS if whole else ():
            if name == SKETCHES and _is_behind(found):
                continue
            fate = f"(SELECT * FROM {LEDGER} WHERE {fates})"
            rows = (
                f'(SELECT {_PLACE} FROM {name} JOIN committed USING (topic, partition) WHERE "offset" < next)'
            )
            for left, right, what in (
                (fate, rows, f"{name} lacks rows that {LEDGER} tells of"),
                (rows, fate, f"{name} has rows that {LEDGER} does not tell of"),
            ):
                odd = f"SELECT count(*) FROM {left} l ANTI JOIN {right} r USING ({_PLACE})"
                ((count,),) = connection.execute(odd).fetchall()
                if count:
                    raise _odd(store, f"{what}: {count}")
        ((records,),) = connection.execute(f"SELECT count(*) FROM {LEDGER} WHERE fate <> 'gap'").fetchall()
    return int(records)


def _is_behind(found: Mapping[str, Found]) -> bool:
    """Whether `copy_sketches` is not there, or an earlier version wrote since: the next writer fills it."""
    numbers = [
        int(found[name].properties.get(SEQUENCE, 0)) if name in found else -1
        for name in ("articles", SKETCHES)
    ]
    return numbers[1] < numbers[0]


def _rows(store: Storage, name: str, found: Found | None) -> ds.Dataset:
    paths = [r["path"] for kind, r in files(store, found) if kind == "data"] if found is not None else []
    if not paths:
        return ds.dataset(TABLES[name].arrow.empty_table())
    full: Callable[[str], str] = lambda path: store.arrow(path)[1]  # noqa: E731
    filesystem, _ = store.arrow("")
    schema = TABLES[name].arrow
    return ds.dataset(list(map(full, paths)), schema=schema, format="parquet", filesystem=filesystem)


def _raw(store: Storage, ledger: Found) -> set[str]:
    """The raw files that rows of the ledger point into."""
    return raw_files.named(_rows(store, LEDGER, ledger).to_table(columns=["raw_file"]))


def _odd(store: Storage, what: str) -> LakeError:
    return LakeError(
        f"{identity.place(store)}: {what}. The tables are of different times: was the copy made while the "
        "lake was written? Copy it again with the run stopped, or put back a whole backup. "
        "Nothing was changed"
    )


def names(found: Mapping[str, Found]) -> Sequence[str]:
    """The tables, the ledger last, as tables are made and committed."""
    return sorted(found, key=lambda name: name == LEDGER)
