"""What readers of a lake see, without its catalog and without a trace: the files of the newest commit."""

from __future__ import annotations

import pyarrow.dataset
import pyarrow.fs
from pyiceberg.table import StaticTable

from newsmill.errors import ConfigError, LakeError
from newsmill.lake import locations
from newsmill.lake.schemas import TABLES


def snapshot_of(lake: str, file: str) -> int | None:
    """The snapshot that brought a data file, by the file's path as a dataset names it.

    Args:
        lake: Folder of the lake, or its URI.
        file: Path of a file of the lake, without the scheme.
    """
    inside = file.rsplit("/data/dt=", 1)[0]
    for entry in _table(lake, inside.rsplit("/", 1)[1]).inspect.entries().to_pylist():
        if entry["data_file"]["file_path"].endswith(file):
            return int(entry["snapshot_id"])
    return None


def rows(lake: str, table: str) -> pyarrow.dataset.FileSystemDataset:
    """The committed rows of one table, with this version's columns (null where a file is older).

    Args:
        lake: Folder of the lake, or its URI.
        table: A name of `lake.schemas.TABLES`.

    Raises:
        ConfigError: There is no lake.
        LakeError: A data file is missing or no Parquet.
    """
    found = _table(lake, table)
    uris = [task.file.file_path for task in found.scan().plan_files()]
    schema = TABLES[table].arrow
    if not uris:
        nowhere = pyarrow.fs.LocalFileSystem()
        return pyarrow.dataset.FileSystemDataset([], schema, pyarrow.dataset.ParquetFileFormat(), nowhere)
    filesystem, _ = locations.place(uris[0])
    paths = [locations.place(uri)[1] for uri in uris]
    try:
        return pyarrow.dataset.dataset(paths, schema=schema, filesystem=filesystem, format="parquet")
    except (FileNotFoundError, pyarrow.ArrowInvalid) as error:
        raise LakeError(f"{table}: {error}") from error


def _table(lake: str, name: str) -> StaticTable:
    if problem := locations.problem(lake):
        raise ConfigError(f"{lake}: {problem}")
    root = locations.root(lake)
    try:
        return StaticTable.from_metadata(f"{root}/{name}")
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{lake}: no newsmill lake (it has no table {name})") from None
