"""What the checker sees: the lake's tables as the catalog, the metadata and the manifests name them.

No code is shared with the writer, nor is the Iceberg library used: what the writer did wrong must not look
right because both make the same mistake. Only the list of columns (`lake.schemas`), which is the promise that
both are held to, is the same.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from typing import Any, TypeVar
from urllib.parse import quote

import fastavro
import msgspec
import pyarrow as pa
import pyarrow.fs

from newsmill.errors import ConfigError, Displaced, LakeError
from newsmill.lake.schemas import SCHEMA_VERSION, TABLES as PROMISED

TABLES = ("fate", "articles", "cluster_events", "quarantine", "takedowns")
"""The ledger first: what other tables hold beyond it belongs to a commit under way."""

FLAT = ("article_entities", "article_places")
"""Tables that lakes of before schema 6 lack."""

SKETCHES = "copy_sketches"
"""A table that lakes of before schema 7 lack."""

LATER = (*FLAT, SKETCHES)
"""Tables that are filled from `articles` where an earlier version wrote."""

NOTE = "lake.json"
"""What the lake notes of itself."""

CATALOG = "catalog.db"
"""The lake's own catalog, where it has no other."""

_ADDED, _DELETED = 1, 2  # status of a manifest entry, Iceberg specification, "Manifest Entry Fields"

_VERSION = re.compile("[^/\\x00]{1,100}")
"""What a version-hint.text can say: an Iceberg writer's has a number and a UUID."""
_LOCAL = re.compile("file:(?://(?:localhost)?)?(?=/)")

_TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}


_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MADE = [
    re.compile(shape)
    for shape in (
        r"/_temp/[0-9a-f]{32}\.tmp$",
        r"/data/dt=[\d-]{10}/hour=\d\d/[0-9a-f]{64}\.parquet$",
        r"/raw/dt=[\d-]{10}/hour=\d\d/[0-9a-f]{64}\.warc\.gz$",
        rf"/data/([^/=]+=[^/]*/)+\d{{5}}-\d+-{_UUID}(-\d+)?\.parquet$",
        rf"/metadata/(\d+-{_UUID}|v\d+)(\.gz)?\.metadata\.json$",
        rf"/metadata/(snap-\d+-(\d+-)?{_UUID}|{_UUID}-m\d+|optimized-m-{_UUID}|adopted-{_UUID})\.avro$",
    )
]


T = TypeVar("T")


class _Told(msgspec.Struct):
    """What a note says of itself."""

    schema: int = 0


class _Note(msgspec.Struct):
    """What the lake notes of itself: at least that."""

    location: str
    tables: dict[str, str]  # UUIDs
    catalog: dict[str, str]


class _Snapshot(msgspec.Struct, rename="kebab"):
    """At least what a snapshot of Iceberg's metadata says."""

    snapshot_id: int
    sequence_number: int
    timestamp_ms: int
    manifest_list: str


class _Metadata(msgspec.Struct, rename="kebab"):
    """At least what Iceberg's metadata says of a table."""

    location: str
    table_uuid: str
    current_schema_id: int
    schemas: list[dict[str, Any]]
    properties: dict[str, str] = {}
    snapshots: list[_Snapshot] = []


@dataclass(frozen=True)
class VisibleFile:
    """A data file of the current snapshot, as its manifest describes it."""

    uri: str
    rows: int
    bytes: int
    hours: range  # hours since 1970: the partition: an hour, a day or a month
    added_ms: int  # time of the snapshot that added it; 0 when that one is forgotten


@dataclass
class TableEvidence:
    """One table."""

    name: str
    metadata: dict[str, Any]
    location: str  # of the metadata
    hint: str | None  # what version-hint.text said before the metadata was looked for; None without one
    files: list[VisibleFile] = field(default_factory=list)
    added: Counter[str] = field(default_factory=Counter)  # how many kept snapshots add a file
    named: set[str] = field(default_factory=set)  # every file that the kept metadata names
    broken: list[str] = field(default_factory=list)  # manifests that can't be read

    @property
    def snapshots(self) -> list[dict[str, Any]]:
        """Kept snapshots, oldest first."""
        return sorted(self.metadata.get("snapshots", []), key=lambda s: int(s["sequence-number"]))

    @property
    def current(self) -> int | None:
        """Id of the current snapshot."""
        found = self.metadata.get("current-snapshot-id")
        return None if found in (None, -1) else int(found)

    @property
    def properties(self) -> dict[str, str]:
        """The table's properties."""
        return dict(self.metadata.get("properties", {}))

    @property
    def columns(self) -> list[dict[str, Any]]:
        """Columns of the current schema."""
        current = self.metadata["current-schema-id"]
        return next(list(s["fields"]) for s in self.metadata["schemas"] if s["schema-id"] == current)

    @property
    def arrow(self) -> pa.Schema:
        """The current schema, as Arrow has it, with the columns that lakes of before lack."""
        found = [(column["name"], _arrow(column["type"])) for column in self.columns]
        names = {name for name, _ in found}
        later = [(c.name, c.type) for c in PROMISED[self.name].columns if c.since > 1 and c.name not in names]
        return pa.schema([*found, *later])


@dataclass
class LakeEvidence:
    """All tables of a lake at one moment."""

    root: str
    tables: dict[str, TableEvidence]
    changing: bool = False  # rows may have been changed between the reading of one table and the next

    def tell_of_all(self, names: Iterable[str]) -> bool:
        """Whether some tables are there, and tell of all articles."""
        newest = [
            int(self.tables[name].properties.get("newsmill.sequence", 0)) if name in self.tables else -1
            for name in ("articles", *names)
        ]
        return min(newest) == newest[0]

    @property
    def committed(self) -> dict[tuple[str, int], int]:
        """The next offset by (topic, partition), as the ledger notes it."""
        noted = json.loads(self.tables["fate"].properties.get("newsmill.committed", "{}"))
        return {(t, int(p)): int(o) for t, parts in noted.items() for p, o in parts.items()}


def gather(lake: str) -> LakeEvidence:
    """Read all that a lake says of itself.

    Raises:
        ConfigError: It is no lake.
        LakeError: It is not the lake that its note tells of, or its metadata can't be read.
    """
    found = _LOCAL.match(lake)
    local = found is not None or "://" not in lake
    root = os.path.realpath(lake[found.end() :] if found else lake) if local else lake.rstrip("/")
    note = _note(root)
    there = (*TABLES, *(name for name in LATER if name in note.get("tables", ())))
    tables = {name: _table(root, name, note) for name in there}
    for name, table in tables.items():
        _check_place(root, str(table.metadata["location"]).removesuffix(f"/{name}"))
        if note and note["tables"].get(name) != table.metadata["table-uuid"]:
            raise LakeError(f"{root}: the table {name} is another one than {NOTE} tells of")
    ledgers = tables["fate"].properties, _table(root, "fate", note).properties
    changing = _changes(ledgers[0]) != _changes(ledgers[1]) or any(
        name.startswith("newsmill.changing.") for name in ledgers[1]
    )
    return LakeEvidence(root, tables, changing)


def _changes(ledger: dict[str, str]) -> dict[str, str]:
    """What the ledger notes of changes of rows, other than by batches."""
    return {name: value for name, value in ledger.items() if name.startswith("newsmill.chang")}


def place(uri: str) -> tuple[Any, str]:
    """The Arrow filesystem and the path of a URI, or of a path of this machine. Nothing in it is escaped."""
    if found := _LOCAL.match(uri):
        return _filesystem("file:///"), uri[found.end() :]
    if uri.startswith("/"):
        return _filesystem("file:///"), uri
    scheme, _, path = uri.partition("://")
    scheme = "s3" if scheme in ("s3a", "s3n") else scheme
    bucket = path.split("/", 1)[0]
    return _filesystem(f"{scheme}://{bucket}"), path


def content(uri: str) -> bytes:
    """All bytes of a file."""
    filesystem, path = place(uri)
    with filesystem.open_input_file(path) as file:
        return bytes(file.read())


def listed(folder: str) -> Iterator[tuple[str, int, bool]]:
    """(address, bytes, whether it is a symbolic link) of all below a folder. Links are not followed."""
    filesystem, path = place(folder)
    if path.startswith("/"):
        for above, folders, names in os.walk(path):
            for name in (*names, *folders):
                found = os.path.join(above, name)
                link = os.path.islink(found)
                with suppress(FileNotFoundError):
                    if link or name in names:
                        yield folder + found[len(path) :], os.lstat(found).st_size, link
        return
    for info in filesystem.get_file_info(pyarrow.fs.FileSelector(path, recursive=True, allow_not_found=True)):
        if info.is_file:
            yield folder + info.path[len(path) :], info.size, False


def of_a_lake(uri: str) -> bool:
    """Whether a file's name and place are such as newsmill or an Iceberg writer gives."""
    return any(shape.search(uri) for shape in _MADE)


@cache
def _filesystem(root: str) -> Any:
    filesystem, _ = pyarrow.fs.FileSystem.from_uri(root)
    return filesystem


def _note(root: str) -> dict[str, Any]:
    """What the lake notes of itself; empty for one of before there were notes."""
    filesystem, folder = place(root)
    known = (NOTE, "fate/metadata/version-hint.text")  # `fate` is the last table that is made
    if not any(filesystem.get_file_info(f"{folder}/{path}").is_file for path in known):
        raise ConfigError(f"{root}: no newsmill lake")
    if filesystem.get_file_info(f"{folder}/{NOTE}").type == pyarrow.fs.FileType.NotFound:
        return {}
    told = _object(f"{root}/{NOTE}")
    if (schema := _says(_Told, told, f"{root}/{NOTE}").schema) > SCHEMA_VERSION:
        raise LakeError(
            f"{root}: a newer newsmill has written this lake: its tables have schema {schema}, this version "
            f"knows {SCHEMA_VERSION}"
        )
    note: dict[str, Any] = told.get("lake", told)  # of before schema 7, all in one object
    _says(_Note, note, f"{root}/{NOTE}")
    _check_place(root, note["location"])
    if not note["catalog"] and not filesystem.get_file_info(f"{folder}/{CATALOG}").is_file:
        mend = f"newsmill lake recover {shlex.quote(root)}"
        raise LakeError(f"{root}: its catalog {CATALOG} is missing. `{mend}` mends it")
    return note


def _check_place(root: str, location: str) -> None:
    if _here(root, f"{location}/x") != f"{root}/x":
        raise Displaced(root, location)


def _object(uri: str) -> dict[str, Any]:
    """The JSON object of a file."""
    try:
        found = msgspec.json.decode(content(uri), type=dict[str, Any])
    except (OSError, ValueError) as error:
        raise LakeError(f"{uri}: can't be read: {error}") from error
    return found


def metadata(uri: str) -> dict[str, Any]:
    """The metadata of a table, with at least what Iceberg's must say.

    Raises:
        LakeError: The file is not there, or is something else.
    """
    found = _object(uri)
    _says(_Metadata, found, uri)
    return found


def _says(least: type[T], found: Any, uri: str) -> T:
    """What is sure to be in an object that was found in a file."""
    try:
        return msgspec.convert(found, least)
    except msgspec.ValidationError as error:
        raise LakeError(f"{uri}: can't be read: {error}") from error


def _table(root: str, name: str, note: dict[str, Any]) -> TableEvidence:
    hint = _hint(root, name)  # first: a writer moves the catalog first, and may do so at any moment
    location = _metadata_location(root, name, note)
    table = TableEvidence(name, metadata(location), location, hint)
    here = partial(_here, root)
    versions = {location, *(entry["metadata-file"] for entry in table.metadata.get("metadata-log", []))}
    table.named = set(map(here, versions | set(map(_numbered, versions))))
    times = {s["snapshot-id"]: int(s["timestamp-ms"]) for s in table.snapshots}
    entries: dict[str, list[dict[str, Any]]] = {}
    for snapshot in table.snapshots:
        id = snapshot["snapshot-id"]
        listing = here(snapshot["manifest-list"])
        table.named.add(listing)
        try:
            manifests = _avro(listing)
            entries |= {
                path: _avro(path) for m in manifests if (path := here(m["manifest_path"])) not in entries
            }
        except (OSError, ValueError, EOFError) as error:
            table.broken.append(f"{listing}: {error}")
            continue
        for manifest in manifests:
            path = here(manifest["manifest_path"])
            table.named.add(path)
            for entry in entries[path]:
                if entry["status"] == _DELETED:
                    continue
                file = entry["data_file"]
                adder = entry["snapshot_id"] or manifest["added_snapshot_id"]
                uri = here(file["file_path"])
                table.named.add(uri)
                table.added[uri] += entry["status"] == _ADDED and adder == id
                if id == table.current:
                    table.files.append(
                        VisibleFile(
                            uri=uri,
                            rows=file["record_count"],
                            bytes=file["file_size_in_bytes"],
                            hours=_hours(file["partition"]),
                            added_ms=times.get(adder, 0),
                        )
                    )
    return table


def _hours(partition: dict[str, Any]) -> range:
    """The hours of a file's partition, by the name and value of its only field."""
    ((name, value),) = partition.items()
    if name.endswith("_month"):
        first, after = (date(1970 + month // 12, month % 12 + 1, 1) for month in (value, value + 1))
        return range(*(24 * (day - date(1970, 1, 1)).days for day in (first, after)))
    if not name.endswith("_day"):
        return range(value, value + 1)
    day = (value - date(1970, 1, 1)).days if isinstance(value, date) else value
    return range(24 * day, 24 * day + 24)


def _hint(root: str, name: str) -> str | None:
    try:
        return content(f"{root}/{name}/metadata/version-hint.text").decode().strip()
    except (OSError, ValueError):
        return None


def _here(root: str, uri: str) -> str:
    """A file's address as this lake would write it, links followed; that of a file elsewhere as it is."""
    folder, path = place(root)[1], place(uri)[1]
    paths = [path]
    if uri.startswith(("file:", "/")):
        paths += [f"{os.path.realpath(os.path.dirname(path))}/{os.path.basename(path)}"]
    inside = [found[len(folder) :] for found in paths if found.startswith(f"{folder}/")]
    return f"{root}{inside[0]}" if inside else uri


def _metadata_location(root: str, name: str, note: dict[str, Any]) -> str:
    catalog = f"{root}/{CATALOG}"
    if not note.get("catalog") and os.path.exists(catalog):
        address = f"file:{quote(catalog)}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=60)) as connection:
            rows = connection.execute(
                "SELECT metadata_location FROM iceberg_tables WHERE table_name = ?", (name,)
            ).fetchall()
        if not rows:
            raise LakeError(f"{root}: has no table {name} in its catalog")
        if len(rows) > 1:
            raise LakeError(f"{root}: has {len(rows)} tables {name} in its catalog, not one")
        _check_place(root, str(rows[0][0]).rsplit(f"/{name}/metadata/", 1)[0])
        return str(rows[0][0])
    try:
        version = content(f"{root}/{name}/metadata/version-hint.text").decode().strip()
    except OSError as error:
        raise LakeError(f"{root}: is no lake: {error}") from error
    if problem := hint_problem(version):
        raise LakeError(f"{root}/{name}/metadata/version-hint.text: {problem}")
    return f"{root}/{name}/metadata/{'v' * version.isdecimal()}{version}.metadata.json"


def hint_problem(version: str) -> str | None:
    """Why what a hint says can be no version's name, with the beginning of it; None if it can."""
    return None if _VERSION.fullmatch(version) else f"names no metadata: {version[:80]!r}"


def _numbered(version: str) -> str:
    """The second name of a metadata file, for readers without a catalog: its number alone."""
    folder, name = version.rsplit("/", 1)
    number = name.split("-", 1)[0]
    return f"{folder}/v{int(number)}.metadata.json" if number.isdecimal() else version


def _avro(uri: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = list(fastavro.reader(io.BytesIO(content(uri))))
    return found


def _arrow(type: Any) -> pa.DataType:
    if isinstance(type, str):
        return _TYPES[type]
    if type["type"] == "list":
        return pa.list_(_arrow(type["element"]))
    if type["type"] == "map":
        return pa.map_(_arrow(type["key"]), _arrow(type["value"]))
    return pa.struct([(column["name"], _arrow(column["type"])) for column in type["fields"]])
