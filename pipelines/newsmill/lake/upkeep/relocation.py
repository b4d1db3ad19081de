"""A table's metadata written anew for another place: the files are where they are, only their names change.

All of Iceberg's metadata holds full locations: the metadata file itself, the list of manifests of each
snapshot, and each manifest. They are written beside the old ones. Data files are neither read nor written.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import fastavro

from newsmill.errors import LakeError
from newsmill.lake import locations, replacing
from newsmill.lake.ledger import PENDING
from newsmill.lake.storage import Storage
from newsmill.lake.upkeep import whole
from newsmill.lake.upkeep.whole import Found

_NOTED = (PENDING, replacing.NOTED)
"""Properties of the ledger that name files, as JSON."""


def relocate(store: Storage, found: Found, table_uuid: str) -> str:
    """Write a table's metadata for the place where it is now.

    Args:
        store: Where the lake is now.
        found: The table, as it was written for another place.
        table_uuid: What it shall have.

    Returns:
        Path of the new metadata file.

    Raises:
        LakeError: It names a file outside of the lake, or has delete files: these hold locations themselves.
    """
    moved: dict[str, str] = {}
    for kind, record in whole.files(store, found, every=True):
        if kind == "list":
            _rewrite_list(store, found, record["path"], moved)
    metadata = _mapped(found, store, found.metadata)
    for snapshot in metadata.get("snapshots", []):
        snapshot["manifest-list"] = store.uri(moved[whole.inside(found, _old(found, snapshot))])
    metadata |= {"table-uuid": table_uuid, "metadata-log": []}
    path = f"{found.table}/metadata/{found.number + 1:05d}-{uuid.uuid4()}.metadata.json"
    store.replace(path, json.dumps(metadata).encode())
    return path


def _old(found: Found, snapshot: Mapping[str, Any]) -> str:
    """The location of a snapshot's list of manifests, as it was."""
    for known in found.metadata["snapshots"]:
        if known["snapshot-id"] == snapshot["snapshot-id"]:
            return str(known["manifest-list"])
    raise LookupError(snapshot["snapshot-id"])


def _rewrite_list(store: Storage, found: Found, path: str, moved: dict[str, str]) -> None:
    """A list of manifests, and the manifests that it names; once each."""
    if path in moved:
        return

    def manifest(record: dict[str, Any]) -> dict[str, Any]:
        if record.get("content", 0):
            raise LakeError(
                f"{path}: the table {found.table} has delete files of another engine: let that one rewrite "
                "its data files first"
            )
        old = whole.inside(found, record["manifest_path"])
        if old not in moved:
            moved[old] = _rewrite(store, found, old, entry)
        return record | {"manifest_path": store.uri(moved[old]), "manifest_length": store.size(moved[old])}

    def entry(record: dict[str, Any]) -> dict[str, Any]:
        file = record["data_file"]
        here = store.uri(whole.inside(found, file["file_path"]))
        return record | {"data_file": file | {"file_path": here}}

    moved[path] = _rewrite(store, found, path, manifest)


def _rewrite(
    store: Storage, found: Found, path: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> str:
    """An Avro file with changed records under a new name: same schema, same header."""
    with store.open(path) as file:
        reader = fastavro.reader(io.BytesIO(bytes(file.read())))
        records = [change(dict(record)) for record in reader]
    header = {key: value for key, value in reader.metadata.items() if not key.startswith("avro.")}
    written = io.BytesIO()
    fastavro.writer(
        written,
        reader.writer_schema,
        records,
        codec=reader.codec,
        metadata=header,
    )
    name = path.rsplit("/", 1)[1]
    prefix = "-".join(name.split("-")[:3]) if name.startswith("snap-") else "adopted"
    new = f"{found.table}/metadata/{prefix}-{uuid.uuid4()}.avro"
    store.replace(new, written.getvalue())
    return new


def _mapped(found: Found, store: Storage, value: Any) -> Any:
    """A value of JSON with each location below the old place put below the new one."""
    if isinstance(value, dict):
        return {
            key: json.dumps(_mapped(found, store, json.loads(inner)))
            if key in _NOTED
            else _mapped(found, store, inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_mapped(found, store, inner) for inner in value]
    if isinstance(value, str) and (path := _path(found, value)) is not None:
        return store.uri(path)
    return value


def _path(found: Found, text: str) -> str | None:
    """The path relative to the lake, where a text is a location below its old place."""
    if not text.startswith(("/", "file:")) and "://" not in text:
        return None
    return locations.below(found.top, text)
