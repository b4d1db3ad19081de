"""Removing files that nobody can see any more: leftovers of crashes, and of snapshots that are forgotten.

A file goes only when no kept snapshot names it, it is older than the grace time, and it does not belong
to the batch that is under way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from pyiceberg.table import Table

from newsmill.errors import ConfigError, LakeError
from newsmill.lake import files, hints, replacing
from newsmill.lake.lake import pending_batch
from newsmill.lake.schemas import TABLES
from newsmill.lake.storage import TEMPORARY, Listed
from newsmill.lake.tables import KEPT_SNAPSHOTS, LEDGER, Tables

LEAST_GRACE_S = 3600.0
"""A shorter grace time could take files that a slow worker just wrote."""

_OURS = (".parquet", ".avro", ".metadata.json", ".tmp")


@dataclass(frozen=True)
class Garbage:
    """A file that was, or would be, removed."""

    path: str
    bytes: int
    age_s: float


def collect(
    tables: Tables, *, grace_s: float, keep_snapshots: int = KEPT_SNAPSHOTS, dry_run: bool = False
) -> Iterator[Garbage]:
    """Forget old snapshots, then remove what no snapshot names.

    Args:
        tables: The lake.
        grace_s: Younger files stay. At least an hour.
        keep_snapshots: Snapshots of each table that stay readable; tags and branches always do.
        dry_run: Only say what would go; snapshots are kept too.

    Raises:
        ConfigError: The grace time is too short.
    """
    if grace_s < LEAST_GRACE_S:
        raise ConfigError(f"grace time: must be at least {LEAST_GRACE_S:.0f} s, got {grace_s:.0f} s")
    if not dry_run:
        for name in TABLES:
            tables.expire(name, keep=keep_snapshots)
    for found in unseen(tables):
        age_s = time.time() - found.modified_s
        if age_s > grace_s:
            if not dry_run:
                tables.store.delete(found.path)
            yield Garbage(found.path, found.bytes, age_s)


def unseen(tables: Tables) -> Iterator[Listed]:
    """All files of ours that no kept snapshot names and that no batch under way may need."""
    yield from (found for found in tables.store.walk(TEMPORARY) if found.path.endswith(_OURS))
    for name in TABLES:
        # Listed before the snapshots are read: what is written after that is not on the list.
        there = [found for found in tables.store.walk(name) if found.path.endswith(_OURS)]
        ledger = tables.load(LEDGER)
        named = named_files(tables, tables.load(name)) | _decided(ledger)
        batch = pending_batch(ledger)
        growing = None if batch is None else files.folder(name, batch.ingested_at) + "/"
        for found in there:
            waits = growing is not None and found.path.startswith(growing)
            if not waits and tables.store.uri(found.path) not in named:
                yield found


def _decided(ledger: Table) -> set[str]:
    """Files that the ledger notes: a batch or a replay that the next writer will finish."""
    batch, replacement = pending_batch(ledger), replacing.noted(ledger)
    noted = [*(batch.files if batch else ()), *(replacement.files if replacement else ())]
    return {file.path for file in noted}


def named_files(tables: Tables, table: Table) -> set[str]:
    """Full addresses of all files that the kept snapshots of a table need.

    Raises:
        LakeError: A snapshot's manifests can't be read: what they name is unknown.
    """
    versions = {table.metadata_location, *(entry.metadata_file for entry in table.metadata.metadata_log)}
    named = versions | {hints.second_name(version) for version in versions}
    read: set[str] = set()
    for snapshot in table.metadata.snapshots:
        named.add(snapshot.manifest_list)
        try:
            for manifest in snapshot.manifests(table.io):
                if manifest.manifest_path not in read:
                    read.add(manifest.manifest_path)
                    entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
                    named.update(entry.data_file.file_path for entry in entries)
        except (OSError, ValueError, EOFError) as error:
            raise LakeError(f"{snapshot.manifest_list}: {error}; nothing was removed") from error
    return named | read
