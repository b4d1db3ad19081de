"""What readers of a lake see, without its catalog and without a trace: the files of the newest commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow.dataset
from pyiceberg.expressions.parser import parse
from pyiceberg.expressions.visitors import bind
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.table import DataScan, StaticTable

from newsmill.errors import LakeError
from newsmill.lake import hints, identity, storage
from newsmill.lake.schemas import TABLES
from newsmill.strings import quoted


def check(lake: str) -> identity.Identity | None:
    """Check that there is a lake, and that it is the one that its note tells of; the note, if it has one.

    Args:
        lake: Folder of the lake, or its URI.

    Raises:
        ConfigError: There is no lake.
        LakeError: It is a copy, or was moved, or its catalog is lost.
    """
    store = storage.at(lake)
    identity.check_exists(store)
    note = identity.read(store)
    if note is None:
        identity.check_hinted(store)
    else:
        identity.check_place(store, note.location)
    if note is not None and note.own_catalog and store.size(identity.CATALOG_FILE) is None:
        raise identity.lost(store, f"its catalog {identity.CATALOG_FILE} is missing")
    return note


def snapshot_of(lake: str, file: str) -> int | None:
    """The snapshot that brought a data file, by the file's path as a dataset names it.

    Args:
        lake: Folder of the lake, or its URI.
        file: Path of a file of the lake, without the scheme.
    """
    inside = file.rsplit("/data/dt=", 1)[0]
    for entry in table(lake, inside.rsplit("/", 1)[1]).inspect.entries().to_pylist():
        if entry["data_file"]["file_path"].endswith(file):
            return int(entry["snapshot_id"])
    return None


def names(lake: str) -> tuple[str, ...]:
    """The tables that a lake has: one that an earlier version wrote lacks the newer ones until it is written.

    Raises:
        ConfigError: There is no lake.
        LakeError: As `check`.
    """
    note, store = check(lake), storage.at(lake)
    return tuple(
        name
        for name, schema in TABLES.items()
        if (schema.since == 1 or hints.metadata(store, name) if note is None else name in note.tables)
    )


def rows(lake: str, name: str, *, checked: bool = True) -> pyarrow.dataset.FileSystemDataset:
    """The committed rows of one table, with this version's columns (null where a file is older).

    Args:
        lake: Folder of the lake, or its URI.
        name: A name of `lake.schemas.TABLES`.
        checked: Look now whether all files are there; else one that is not is Arrow's error once it is read.

    Raises:
        ConfigError: There is no lake.
        LakeError: It is not the lake that its note tells of, or a data file is missing.
    """
    return _files(lake, name, table(lake, name).scan(), checked=checked)


def not_there(what: str) -> str:
    """What people read of a file that readers see, and that is missing."""
    return f"{what}: is visible and not there; run `newsmill audit`"


def matching(
    lake: str, name: str, found: StaticTable, wanted: str, columns: Sequence[str] | None = None
) -> Iterator[pyarrow.RecordBatch]:
    """The rows of a table for which a condition holds; files that their bounds rule out are not read.

    As `rows` has them, and not as the library does: to it a list of structs that is null is an empty one.

    Args:
        lake: Folder of the lake, or its URI.
        name: A name of `lake.schemas.TABLES`.
        found: That table, as `table` gave it.
        wanted: The condition, as Iceberg writes it.
        columns: Which; all where absent.

    Raises:
        LakeError: A data file is missing.
    """
    condition = expression_to_pyarrow(bind(found.schema(), parse(wanted), case_sensitive=True))
    files = _files(lake, name, found.scan(row_filter=wanted))
    names = None if columns is None else list(columns)
    yield from files.to_batches(names, condition, batch_readahead=2, fragment_readahead=1)


def _files(
    lake: str, name: str, scan: DataScan, *, checked: bool = True
) -> pyarrow.dataset.FileSystemDataset:
    store = storage.at(lake)
    paths = [store.arrow(store.path(task.file.file_path))[1] for task in scan.plan_files()]
    schema, (filesystem, _) = TABLES[name].arrow, store.arrow("")
    if not paths or not checked:
        form = pyarrow.dataset.ParquetFileFormat()
        fragments = [form.make_fragment(path, filesystem) for path in paths]
        return pyarrow.dataset.FileSystemDataset(fragments, schema, form, filesystem)
    try:
        return pyarrow.dataset.dataset(paths, schema=schema, filesystem=filesystem, format="parquet")
    except FileNotFoundError as error:
        raise LakeError(f"{name}: {not_there(str(error))}") from error


def table(lake: str, name: str) -> StaticTable:
    """The newest state of one table. Raises ConfigError and LakeError as `check`."""
    note = check(lake)
    store = storage.at(lake)
    path = hints.metadata(store, name)
    if path is None:
        said = quoted(hints.read(store, name)) or "nothing"
        hint = f"{name}/metadata/version-hint.text names none: {said}"
        raise LakeError(f"{identity.place(store)}: the table {name} has no metadata: {hint}")
    try:
        found = StaticTable.from_metadata(store.uri(path), storage.IO_PROPERTIES)
    except FileNotFoundError as error:
        raise LakeError(f"{identity.place(store)}: the table {name} has no metadata: {error}") from error
    identity.check_place(store, found.location().removesuffix(f"/{name}"))
    if note is not None and note.tables.get(name) != str(found.metadata.table_uuid):
        raise identity.lost(store, f"the table {name} is another one than its note tells of")
    return found
