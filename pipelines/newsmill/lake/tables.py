"""The lake's Iceberg tables: made with fixed field ids, read by their files, changed by compare-and-swap.

Each change is staged on the newest state of a table and swapped in only if the table's snapshot is
still the same; else it is staged again on the newer state. So a check that is made while staging holds
for the commit as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.manifest import DataFile as IcebergFile, ManifestEntryStatus
from pyiceberg.schema import index_name_by_id
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableRequirement, TableUpdate
from pyiceberg.table.update.snapshot import ExpireSnapshots
from sqlalchemy.exc import IntegrityError

from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import catalogs, database, hints, identity, layout, lease, locations, storage, trouble
from newsmill.lake.columns import TableSchema
from newsmill.lake.identity import Identity
from newsmill.lake.retention import Retention
from newsmill.lake.schemas import LEDGER, SCHEMA_VERSION, TABLES
from newsmill.lake.storage import Storage
from newsmill.runtime import failpoints

_MISSING_TRIES = 20
"""How often metadata that the catalog names is looked for, while a writer may be going on."""

_Loaded = TypeVar("_Loaded")

_PROPERTIES = {
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": str(hints.KEPT_METADATA),
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "30",
    "commit.retry.num-retries": "10",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.metrics.default": "none",
}


@dataclass(frozen=True)
class LiveFile:
    """A data file that readers see. `sequence` grows with each commit to the table."""

    uri: str
    rows: int
    bytes: int
    sequence: int
    hours: range  # hours since 1970 of ingested_at
    entry: IcebergFile


class Tables:
    """All tables of one lake."""

    def __init__(
        self,
        catalog: Catalog,
        store: Storage,
        namespace: str,
        patience_s: float | None = None,
        retention: Retention | None = None,
    ) -> None:
        self.store = store
        self.names: tuple[str, ...] = tuple(TABLES)
        """Those that are there: a lake of before lacks the newer ones until it is written."""
        self.retention = retention or Retention()
        self._catalog = catalog
        self._namespace = tuple(namespace.split("."))
        self._patience_s = patience_s

    @classmethod
    def make(cls, config: LakeConfig) -> Tables:
        """Open the tables; make the lake where there is none.

        Raises:
            ConfigError: An object store without a catalog.
            LakeError: The lake is another one than its note says, its catalog is lost or old, or a table's
                field ids are not those of this version, or of an earlier one.
        """
        store = storage.at(config.path)
        if isinstance(store, storage.LocalStorage):
            storage.make_folders(store.root)
        return cls._prepared(config, store)

    @classmethod
    def open(cls, config: LakeConfig) -> Tables:
        """Open the tables of a lake that is there, to keep it in shape.

        Raises:
            ConfigError: There is no lake.
            LakeError: As `make`.
        """
        store = storage.at(config.path)
        _waiting(config, store, identity.check_exists)
        return cls._prepared(config, store)

    @classmethod
    def open_readonly(cls, config: LakeConfig) -> Tables:
        """Open the tables of a lake that is there, and change nothing.

        Raises:
            ConfigError: There is no lake.
            LakeError: As `make`.
        """
        store = storage.at(config.path)
        _waiting(config, store, identity.check_exists)
        note = _waiting(config, store, identity.read)
        tables = cls._connected(config, store, note, make=False)
        known = tables._known(note)
        for name, table in known.items():
            if table is not None:
                _check_columns(table, TABLES[name])
            elif TABLES[name].since == 1:
                raise identity.lost(store, f"its catalog does not know the table {name}")
        tables.names = tuple(name for name, table in known.items() if table is not None)
        return tables

    @classmethod
    def _prepared(cls, config: LakeConfig, store: Storage) -> Tables:
        """The tables, brought to this version, and noted."""
        if not _waiting(config, store, identity.exists):
            catalogs.check_stray(config, store)
        with lease.alone(store):
            note = _waiting(config, store, identity.read)
            new = not _waiting(config, store, identity.exists)
            tables = cls._connected(config, store, note, make=new)
            known, found = tables._known(note), {}
            for name in sorted(known, key=lambda name: name == LEDGER):
                found[name] = table = known[name] or tables.retry(partial(tables._create, TABLES[name]))
                tables.point(table)
                _evolve(tables, table, TABLES[name])
            tables._note(note, found, config)
        return tables

    @classmethod
    def _connected(cls, config: LakeConfig, store: Storage, note: Identity | None, *, make: bool) -> Tables:
        """The tables as the catalog that the settings name knows them, else the one that the lake notes."""
        if note is not None:
            identity.check_place(store, note.location)
        namespace = config.namespace if note is None or config.catalog else note.namespace
        catalog = trouble.retry(
            lambda: catalogs.connect(config, store, note, make=make), store.uri(""), config.patience_s
        )
        kept = Retention(days=config.snapshot_days, raw_days=config.raw_days)
        return cls(catalog, store, namespace, config.patience_s, kept)

    def _known(self, note: Identity | None) -> dict[str, Table | None]:
        """The tables that the catalog knows, if they are what the lake says of itself.

        Raises:
            LakeError: They are not.
        """
        if note is None:
            identity.check_hinted(self.store)
        whole = hints.read(self.store, LEDGER) != ""  # the ledger is made last
        found: dict[str, Table | None] = {}
        for name in TABLES:
            hint = hints.read(self.store, name)  # before the catalog: a writer moves the catalog first
            try:
                table = self._load_known(name)
            except NoSuchTableError:
                first = TABLES[name].since == 1 and name != LEDGER
                noted = name in note.tables if note is not None else whole and first
                if hints.number(hint) > 0 or noted:
                    raise identity.lost(self.store, f"its catalog does not know the table {name}") from None
                found[name] = None
                continue
            location = table.location().removesuffix(f"/{name}")
            if note is None and not hint and not locations.same(location, self.store.uri("")):
                raise LakeError(
                    f"{identity.place(self.store)}: the catalog has {'.'.join(table.name())} of the lake at "
                    f"{location}: lakes that share a catalog need a lake.namespace each"
                )
            identity.check_place(self.store, location)
            if note is not None and note.tables.get(name) not in (None, str(table.metadata.table_uuid)):
                raise identity.lost(
                    self.store, f"its catalog knows another table {name}: {table.metadata.table_uuid}"
                )
            version = table.metadata_location.rsplit("/", 1)[1]
            if hints.number(hint) > hints.number(version):
                raise identity.lost(
                    self.store, f"its catalog is older than its tables: {name} is at {version}, was at {hint}"
                )
            found[name] = table
        return found

    def _load_known(self, name: str) -> Table:
        for _ in range(_MISSING_TRIES):
            with suppress(FileNotFoundError):  # of a catalog put back, or a writer just went on
                return self.retry(
                    lambda: self._catalog.load_table((*self._namespace, name)), passed=FileNotFoundError
                )
            time.sleep(0.1)
        raise identity.lost(self.store, f"its catalog names metadata of {name} that is not there any more")

    def _note(self, note: Identity | None, found: Mapping[str, Table], config: LakeConfig) -> None:
        """Note what the lake is, where that is not noted yet."""
        told, hidden = identity.shown(catalogs.properties(config))
        noted = Identity(
            id=identity.new_id() if note is None else note.id,
            location=self.store.uri("").rstrip("/"),
            tables={name: str(table.metadata.table_uuid) for name, table in found.items()},
            catalog=told if note is None else note.catalog,
            hidden=hidden if note is None or config.catalog else note.hidden,
            namespace=".".join(self._namespace),
            schema=SCHEMA_VERSION,
        )
        if noted != note:
            identity.write(self.store, noted)

    def load(self, name: str) -> Table:
        """The newest state of a table."""
        return self.retry(lambda: self._catalog.load_table((*self._namespace, name)))

    def retry(
        self, call: Callable[[], _Loaded], *, passed: type[Exception] | tuple[type[Exception], ...] = ()
    ) -> _Loaded:
        """The call's result, however long catalog or store are away; `lake.patience_s` may limit it.

        Args:
            call: May be called many times.
            passed: Errors that are the caller's.

        Raises:
            Transient: They were away for too long.
            LakeError: The catalog is broken.
        """
        return trouble.retry(call, self.store.uri(""), self._patience_s, passed=passed)

    def files(self, table: Table, *, after: int = 0) -> Iterator[LiveFile]:
        """The data files that readers of this state see.

        Args:
            table: As loaded.
            after: Only those with a greater sequence number.
        """
        snapshot = table.current_snapshot()
        ingested_at = table.schema().find_field("ingested_at").field_id
        for manifest in snapshot.manifests(table.io) if snapshot else ():
            if after and manifest.sequence_number <= after:
                continue
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                if entry.status != ManifestEntryStatus.DELETED and (entry.sequence_number or 0) > after:
                    file = entry.data_file
                    yield LiveFile(
                        uri=file.file_path,
                        rows=file.record_count,
                        bytes=file.file_size_in_bytes,
                        sequence=entry.sequence_number or 0,
                        hours=layout.hours(table, ingested_at, file),
                        entry=file,
                    )

    def change(self, name: str, stage: Callable[[Table, Transaction], bool]) -> Table:
        """Change a table by compare-and-swap.

        Args:
            name: The table.
            stage: Stages the change on the newest state of the table, and says whether there is any. Called
                again when somebody else was faster. What it checks of the table's properties and snapshot
                still holds when its change is swapped in.

        Returns:
            The table after the change.

        Raises:
            Transient: Others keep the table or the catalog busy, or they are away, for longer than
                `lake.patience_s`.
        """
        return self.retry(lambda: self._changed(name, stage))

    def _changed(self, name: str, stage: Callable[[Table, Transaction], bool]) -> Table:
        table = self.load(name)
        _leave_retries_to_us(table)
        transaction = _Change(table)
        if not stage(table, transaction):
            self.point(table)  # who changed it before may have been killed before it did
            return table
        failpoints.reach(f"table.staged.{name}")
        transaction.commit_transaction()
        failpoints.reach(f"table.changed.{name}")
        self.point(table)
        return table

    def point(self, table: Table) -> None:
        """Let readers that have no catalog find a table's metadata: see `hints`."""
        hints.point(self.store, table.name()[-1], self.store.path(table.metadata_location))

    def close(self) -> None:
        """Close connections to the catalog."""
        self._catalog.close()

    def expire(self, name: str, keep: Retention | None = None) -> int:
        """Forget the snapshots that are not to be kept. Their files stay until `gc`."""
        kept = keep or self.retention
        count = 0

        def stage(table: Table, transaction: Transaction) -> bool:
            nonlocal count
            ids = kept.forgotten(table)
            count = len(ids)
            if ids:
                ExpireSnapshots(transaction).by_ids(ids).commit()
            return bool(ids)

        self.change(name, stage)
        return count

    def _create(self, schema: TableSchema[Any]) -> Table:
        """Make a table with our own field ids: `Catalog.create_table` would give it new ones.

        Readers without a catalog find it first: a table that is in the catalog always has its hint.
        """
        location = self.store.uri(schema.name)
        metadata = layout.new(schema, location, _PROPERTIES | {"write.data.path": f"{location}/data"})
        name = f"{location}/metadata/00000-{metadata.table_uuid}.metadata.json"
        io = storage.DurableIO(self._catalog.properties)
        ToOutputFile.table_metadata(metadata, io.new_output(name))
        hints.point(self.store, schema.name, self.store.path(name))
        with suppress(NamespaceAlreadyExistsError, IntegrityError):  # another process was faster
            self._catalog.create_namespace(self._namespace)
        with suppress(TableAlreadyExistsError):
            self._catalog.register_table((*self._namespace, schema.name), name)
        return self.load(schema.name)


def _waiting(config: LakeConfig, store: Storage, ask: Callable[[Storage], _Loaded]) -> _Loaded:
    """What a store says, however long it is away."""
    return trouble.retry(lambda: ask(store), store.uri(""), config.patience_s)


class _Change(Transaction):
    """A transaction that works out its metadata once a step.

    The library's copies all of it, each snapshot included, each of the dozen times that it looks, which
    made a commit slower with every snapshot: 4 times after 150 (benchmarks/lake.py).

    A snapshot is not dated before the table's last change: readers and catalogs in Java refuse that.
    """

    _seen: tuple[TableMetadata, int, TableMetadata] | None = None

    def _apply(
        self, updates: tuple[TableUpdate, ...], requirements: tuple[TableRequirement, ...] = ()
    ) -> Transaction:
        newest = database.newest_ms(self._table.metadata)
        return super()._apply(tuple(database.not_before(u, newest) for u in updates), requirements)

    @property
    def table_metadata(self) -> TableMetadata:
        """The table's metadata with the changes staged so far."""
        base, staged = self._table.metadata, len(self._updates)
        if self._seen is None or self._seen[0] is not base or self._seen[1] != staged:
            self._seen = (base, staged, super().table_metadata if staged else base)
        return self._seen[2]


def _check_columns(table: Table, schema: TableSchema[Any]) -> None:
    """Raises LakeError where a column is not this version's."""
    found = {path: id for id, path in index_name_by_id(table.schema()).items()}
    odd = sorted(path for path, id in found.items() if schema.field_ids.get(path) != id)
    if odd:
        raise LakeError(f"{schema.name}: columns of another version of newsmill: {', '.join(odd)}")


def _evolve(tables: Tables, table: Table, schema: TableSchema[Any]) -> None:
    """Bring a table made by an earlier version to this one's columns and layout."""
    _check_columns(table, schema)
    if not layout.updates(table, schema)[0]:
        return

    def stage(table: Table, transaction: Transaction) -> bool:
        updates, requirements = layout.updates(table, schema)
        if updates:
            transaction._apply(updates, requirements)
        return bool(updates)

    tables.change(schema.name, stage)


def _leave_retries_to_us(table: Table) -> None:
    """Turn the library's own retries off: they would commit without asking our checks again."""
    properties = {**table.metadata.properties, "commit.retry.num-retries": "0"}
    table.metadata = database.settled(table.metadata).model_copy(update={"properties": properties})
