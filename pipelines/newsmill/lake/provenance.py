"""Which files of the lake's folder are of its making: only these does a keeper remove.

A file is of the lake's making where its name and place are those that newsmill or an Iceberg writer (the
Java library of Spark and Flink, pyiceberg) gives, or where metadata of the lake ever named it. A symbolic
link never is. What somebody else put there is foreign: it is left, and told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from newsmill.lake import named
from newsmill.lake.raw_files import FOLDER
from newsmill.lake.schemas import TABLES
from newsmill.lake.storage import TEMPORARY, Listed
from newsmill.lake.tables import Tables

SHOWN: Final = 5
"""Most foreign files that a command names."""

_TABLE: Final = f"(?:{'|'.join(TABLES)})"
_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MADE: Final = tuple(
    re.compile(shape)
    for shape in (
        rf"{TEMPORARY}/[0-9a-f]{{32}}\.tmp",
        rf"{_TABLE}/data/dt=\d{{4}}-\d\d-\d\d/hour=\d\d/[0-9a-f]{{64}}\.parquet(?:\.emptied)?",
        # Iceberg's OutputFileFactory: partition, task, operation, count; pyiceberg leaves the count out
        rf"{_TABLE}/data/(?:[^/=]+=[^/]*/)+\d{{5}}-\d+-{_UUID}(?:-\d+)?\.parquet",
        rf"{FOLDER}/dt=\d{{4}}-\d\d-\d\d/hour=\d\d/[0-9a-f]{{64}}\.warc\.gz",
        rf"{_TABLE}/metadata/(?:\d+-{_UUID}|v\d+)(?:\.gz)?\.metadata\.json",
        rf"{_TABLE}/metadata/(?:snap-\d+-(?:\d+-)?{_UUID}|{_UUID}-m\d+|optimized-m-{_UUID}|adopted-{_UUID})\.avro",
    )
)
_NEVER_TOLD: Final = re.compile(r"(?:.*/)?(?:\..*|version-hint\.text|[^/]*\.(?:stats|puffin))")
"""What is no garbage and not foreign: hints, locks and checksums, statistics that metadata may name."""


def made(found: Listed) -> bool:
    """Whether a file has a name and a place that only newsmill or an Iceberg writer gives."""
    return not found.link and any(shape.fullmatch(found.path) for shape in _MADE)


def of_the_lake(tables: Tables, found: Iterable[Listed]) -> list[Listed]:
    """Those of the files that are of the lake's making."""
    found = list(found)
    odd = any(not made(file) for file in found)
    known = named.ever(tables) if odd else frozenset[str]()
    return [file for file in found if made(file) or (file.path in known and not file.link)]


def foreign(tables: Tables) -> list[Listed]:
    """What lies in the tables' folders, or among unfinished files, and is not of the lake's making."""
    there = [
        file
        for folder in (*TABLES, FOLDER, TEMPORARY)
        for file in tables.store.walk(folder)
        if not made(file) and not _NEVER_TOLD.fullmatch(file.path)
    ]
    own = {file.path for file in of_the_lake(tables, there)}
    return sorted((file for file in there if file.path not in own), key=lambda file: file.path)


def told(paths: list[str]) -> str:
    """How many files there are, and the names of the first.

    >>> told(["a", "b"])
    '2 files: a, b'
    """
    more = ", …" if len(paths) > SHOWN else ""
    return f"{len(paths):,} file{'s' * (len(paths) != 1)}: {', '.join(paths[:SHOWN])}{more}"
