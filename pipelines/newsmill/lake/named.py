"""Which files of the lake's folder metadata names: now, and ever."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from pyiceberg.exceptions import ValidationError as NotMetadata
from pyiceberg.io import FileIO
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil
from pyiceberg.table.snapshots import Snapshot

from newsmill.errors import LakeError
from newsmill.lake import hints, locations
from newsmill.lake.tables import Tables


def files(tables: Tables, table: Table, *, forgetting: Collection[int] = ()) -> set[str]:
    """Paths of all files that the kept snapshots of a table need.

    Args:
        tables: The lake.
        table: As loaded.
        forgetting: Ids of snapshots that do not count.

    Raises:
        LakeError: A snapshot's manifests can't be read: what they name is unknown; or a file is elsewhere.
    """
    versions = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    versions |= {hints.second_name(version) for version in versions}
    kept = [s for s in table.metadata.snapshots if s.snapshot_id not in forgetting]
    return paths(tables, versions | _of(kept, table.io))


def _of(snapshots: Sequence[Snapshot], io: FileIO) -> set[str]:
    """Addresses of all files that snapshots need."""
    named: set[str] = set()
    read: set[str] = set()
    for snapshot in snapshots:
        named.add(snapshot.manifest_list)
        try:
            for manifest in snapshot.manifests(io):
                if manifest.manifest_path not in read:
                    read.add(manifest.manifest_path)
                    entries = manifest.fetch_manifest_entry(io, discard_deleted=True)
                    named.update(entry.data_file.file_path for entry in entries)
        except (OSError, ValueError, EOFError) as error:
            raise LakeError(f"{snapshot.manifest_list}: {error}; nothing was removed") from error
    return named | read


def paths(tables: Tables, addresses: set[str]) -> set[str]:
    """The paths that addresses may mean, in any spelling."""
    root = tables.store.uri("")
    found: set[str] = set()
    for address in addresses:
        paths = locations.readings(root, address)
        if not paths:
            raise LakeError(f"{address} is not inside the lake {root}: nothing was removed")
        found |= paths
    return found


def snapshots(tables: Tables, path: str) -> Sequence[Snapshot] | None:
    """The snapshots of a metadata file; None where it is torn, or no metadata."""
    metadata: TableMetadata
    try:
        with tables.store.open(path) as file:
            metadata = TableMetadataUtil.parse_obj(json.loads(bytes(file.read())))
    except (OSError, ValueError, NotMetadata):  # pydantic's error is a ValueError, the library's is not
        return None
    return metadata.snapshots


def what_is_left(tables: Tables, snapshot: Snapshot, io: FileIO) -> set[str]:
    """Paths that a snapshot names, as far as its manifests are there yet."""
    try:
        return paths(tables, _of([snapshot], io))
    except LakeError:
        return locations.readings(tables.store.uri(""), snapshot.manifest_list)


def ever(tables: Tables) -> set[str]:
    """Paths of the files that metadata or a snapshot named, as far back as metadata is kept."""
    found: set[str] = set()
    for name in tables.names:
        table = tables.load(name)
        seen: set[int] = set()
        log = [tables.store.path(entry.metadata_file) for entry in table.metadata.metadata_log]
        current = tables.store.path(table.metadata_location)
        found |= {version for path in (current, *log) for version in (path, hints.second_name(path))}
        there = [path for path in log if tables.store.size(path) is not None]
        earlier = [snapshot for path in there for snapshot in snapshots(tables, path) or ()]
        for snapshot in (*table.metadata.snapshots, *earlier):
            if snapshot.snapshot_id not in seen:
                seen.add(snapshot.snapshot_id)
                found |= what_is_left(tables, snapshot, table.io)
    return found
