"""A lake made fit for its place and its catalog: adopted after a move or a copy, recovered after a loss."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError
from sqlalchemy.exc import DBAPIError, IntegrityError

from newsmill.config import LakeConfig
from newsmill.errors import ConfigError, LakeError
from newsmill.lake import catalogs, hints, identity, lease, locations, storage, trouble
from newsmill.lake.identity import CATALOG_FILE, Identity
from newsmill.lake.storage import LocalStorage, Storage
from newsmill.lake.upkeep import relocation, whole
from newsmill.lake.upkeep.whole import Found

_NEW_CATALOG: Final = f"{CATALOG_FILE}.new"


@dataclass(frozen=True)
class Mended:
    """The lake as it is now."""

    id: str
    location: str
    was_at: str
    catalog: str
    namespace: str
    records: int  # fates in the ledger
    tables: dict[str, int]  # number of the newest metadata


def adopt(config: LakeConfig, *, moved: bool = False, own_catalog: bool = False) -> Mended:
    """Make a copied or moved lake a lake at the place where it is. Reads no file of the place it came from.

    Args:
        config: The lake, and the catalog and namespace that it shall have, where these are not its own file.
        moved: It is the same lake, and the old place is gone: it keeps its id, and its tables their UUIDs and
            their place in the catalog. Else it is a copy and gets new ones.
        own_catalog: The copy's catalog shall be a file in it.

    Raises:
        ConfigError: There is no lake, the catalog of the lake it was copied from would be needed, or it was
            not moved: its old place still holds it.
        LakeError: It is at its place already, its tables don't fit each other, or somebody writes it.
    """
    store = storage.at(config.path)
    found = whole.find(store)
    note = identity.read(store)
    was_at = next(iter(found.values())).top if note is None else note.location
    if all(locations.same(top, store.uri("")) for top in (was_at, *(table.top for table in found.values()))):
        raise ConfigError(f"{identity.place(store)}: is at its place already: there is nothing to adopt")
    if moved and note is not None:
        _check_gone(note)
    properties, namespace = _wanted(config, note, moved=moved, own_catalog=own_catalog)
    held = lease.acquire(store, config.lease_s)
    try:
        records = whole.check(store, found)
        tables = {}
        for name in whole.names(found):
            table_uuid = found[name].uuid if moved else str(uuid.uuid4())
            path = relocation.relocate(store, found[name], table_uuid)
            tables[name] = Found(name, path, found[name].metadata | {"table-uuid": table_uuid})
        return _registered(store, tables, properties, namespace, note if moved else None, records, was_at)
    finally:
        held.release()


def _check_gone(note: identity.Identity) -> None:
    """Raises ConfigError where a lake is still at the place it was moved from: two would have one id."""
    try:
        left = identity.read(storage.at(note.location))
    except OSError:  # a place that can't be read is no lake that anybody uses from here
        return
    if left is not None and left.id == note.id:
        raise ConfigError(
            f"{note.location}: the lake is still there: leave --moved out, and the copy gets an id of its own"
        )


def recover(config: LakeConfig) -> Mended:
    """Make the catalog of a lake name the newest whole metadata of its tables.

    Args:
        config: The lake, and its catalog: else it is the noted one, else a file in the lake.

    Raises:
        ConfigError: There is no lake.
        LakeError: It is a copy or was moved, its tables don't fit each other, or somebody writes it.
    """
    store = storage.at(config.path)
    identity.check_exists(store)
    note = identity.read(store)
    if note is not None:
        identity.check_place(store, note.location)
    found = whole.find(store)
    for table in found.values():
        identity.check_place(store, table.top)
    properties = catalogs.properties(config)
    if note is not None and not config.catalog:
        properties = note.catalog | properties
    namespace = config.namespace if config.catalog or note is None else note.namespace
    held = lease.acquire(store, config.lease_s)
    try:
        records = whole.check(store, found)
        found = {name: _first_named(store, table) for name, table in found.items()}
        place = identity.place(store)
        return _registered(store, found, properties, namespace, note, records, place)
    finally:
        held.release()


def _first_named(store: Storage, table: Found) -> Found:
    """A table whose metadata is there under its first name: the library counts on by that one only."""
    if not whole.second(table.path):
        return table
    path = f"{table.table}/metadata/{table.number:05d}-{uuid.uuid4()}.metadata.json"
    store.copy(table.path, path)
    return Found(table.table, path, table.metadata)


def _wanted(
    config: LakeConfig, note: Identity | None, *, moved: bool, own_catalog: bool
) -> tuple[dict[str, str], str]:
    """Catalog (none: a file in the lake) and namespace of an adopted lake."""
    if own_catalog:
        return {}, config.namespace
    given = catalogs.properties(config)
    noted = {} if note is None else note.catalog
    properties = given if config.catalog else noted | given
    namespace = config.namespace if config.catalog or note is None or not moved else note.namespace
    told, _ = identity.shown(properties)
    if properties and not moved and note is not None and (told, namespace) == (noted, note.namespace):
        raise ConfigError(
            f"{config.path}: its catalog, {identity.described(noted)}, has the lake that it was copied from, "
            f"as {note.namespace}: give the copy a namespace (--set lake.namespace=…), another catalog, or "
            "--own-catalog; where the lake was moved and its old place is gone: --moved"
        )
    return properties, namespace


def _registered(
    store: Storage,
    tables: Mapping[str, Found],
    properties: dict[str, str],
    namespace: str,
    note: Identity | None,
    records: int,
    was_at: str,
) -> Mended:
    """Let catalog, hints and note name the tables, in this order: cut off, it is done again."""
    if properties:
        try:
            _register(catalogs.external(properties), store, tables, namespace, ours=note is not None)
        except DBAPIError as error:
            raise trouble.plain(error) from error
    elif isinstance(store, LocalStorage):
        _new_file(store, tables, namespace)
    else:
        raise ConfigError(
            "lake.catalog: is needed for an object store, e.g. {type: sql, uri: postgresql://…}"
        )
    for name, table in tables.items():
        hints.point(store, name, table.path)
    told, hidden = identity.shown(properties)
    noted = Identity(
        id=identity.new_id() if note is None else note.id,
        location=store.uri("").rstrip("/"),
        tables={name: table.uuid for name, table in tables.items()},
        catalog=told,
        hidden=hidden,
        namespace=namespace,
    )
    identity.write(store, noted)
    return Mended(
        id=noted.id,
        location=identity.place(store),
        was_at=was_at,
        catalog=identity.described(told),
        namespace=namespace,
        records=records,
        tables={name: table.number for name, table in tables.items()},
    )


def _new_file(store: LocalStorage, tables: Mapping[str, Found], namespace: str) -> None:
    """A catalog of the lake's own in place of the one that is there.

    Raises:
        OSError: The disk is full. The one that is there stays.
        LakeError: The database refuses.
    """
    left = (_NEW_CATALOG, f"{_NEW_CATALOG}-journal")
    for name in left:
        store.delete(name)
    try:
        catalog = catalogs.own(store, _NEW_CATALOG)
        try:
            _register(catalog, store, tables, namespace, ours=True)
        finally:
            catalog.close()
        for suffix in ("-journal", "-wal", "-shm"):
            store.delete(CATALOG_FILE + suffix)  # of the old one: SQLite would take it for the new one's
        os.replace(store.root / _NEW_CATALOG, store.root / CATALOG_FILE)
    except DBAPIError as error:
        raise trouble.plain(error) from error
    finally:
        for name in left:
            store.delete(name)
    storage.sync_folder(store.root)


def _register(
    catalog: Catalog, store: Storage, tables: Mapping[str, Found], namespace: str, *, ours: bool
) -> None:
    """Let a catalog name the tables; `ours`: what it has under their names, and is gone, was this lake's."""
    folder = tuple(namespace.split("."))
    with suppress(NamespaceAlreadyExistsError, IntegrityError):
        catalog.create_namespace(folder)
    known = {name: _known(catalog, (*folder, name), store, table, ours) for name, table in tables.items()}
    for name in whole.names(tables):
        if known[name] == tables[name].path:
            continue
        if known[name] is not None:
            catalog.drop_table((*folder, name))
        catalog.register_table((*folder, name), store.uri(tables[name].path))


def _known(catalog: Catalog, name: tuple[str, ...], store: Storage, table: Found, ours: bool) -> str | None:
    """Path of the metadata that the catalog knows of a table; empty if that is gone; None: it knows none.

    Raises:
        LakeError: It is another lake's table, or newer than what was found.
    """
    try:
        known = catalog.load_table(name)
    except NoSuchTableError:
        return None
    except FileNotFoundError:
        if ours:
            return ""
        raise _taken(name) from None
    if str(known.metadata.table_uuid) != table.uuid:
        raise _taken(name)
    path = locations.below(store.uri(""), known.metadata_location) or ""
    if path and hints.number(path.rsplit("/", 1)[1]) > table.number:
        raise LakeError(
            f"{'.'.join(name)}: the catalog is newer than what is whole: {path}; run `newsmill audit`"
        )
    return path


def _taken(name: tuple[str, ...]) -> LakeError:
    return LakeError(
        f"{'.'.join(name)}: the catalog has this table of another lake: choose another namespace with "
        "--set lake.namespace=…"
    )
