"""What readers of a lake see, without its catalog and without a trace: the files of the newest commit."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import pyarrow.dataset
import pyarrow.fs
from pyiceberg.table import StaticTable

from newsmill.errors import ConfigError, LakeError
from newsmill.lake.schemas import TABLES


def rows(lake: str, table: str) -> pyarrow.dataset.Dataset:
    """The committed rows of one table, with this version's columns (null where a file is older).

    Args:
        lake: Folder of the lake, or its URI.
        table: A name of `lake.schemas.TABLES`.

    Raises:
        ConfigError: There is no lake.
        LakeError: A data file is missing or no Parquet.
    """
    root = lake.rstrip("/")
    if not urlsplit(root).scheme:
        root = os.path.abspath(root)
    try:
        found = StaticTable.from_metadata(f"{root}/{table}")
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{lake}: no newsmill lake (it has no table {table})") from None
    uris = [task.file.file_path for task in found.scan().plan_files()]
    schema = TABLES[table].arrow
    if not uris:
        return pyarrow.dataset.dataset(schema.empty_table())
    filesystem, _ = pyarrow.fs.FileSystem.from_uri(uris[0])
    paths = [pyarrow.fs.FileSystem.from_uri(uri)[1] for uri in uris]
    try:
        return pyarrow.dataset.dataset(paths, schema=schema, filesystem=filesystem, format="parquet")
    except (FileNotFoundError, pyarrow.ArrowInvalid) as error:
        raise LakeError(f"{table}: {error}") from error
