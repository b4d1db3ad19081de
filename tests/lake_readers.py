"""Readers that loop beside a writer, in a process of their own, and what they saw and must not see."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "newsmill.lake.upkeep.compaction",
        "newsmill.lake.verification.audit",
        "pyiceberg.catalog.sql",
        "duckdb_extensions",
    ]
)
"""Processes are forked from one that has everything imported, so that hundreds of them take minutes."""


class Readers:
    """Two readers in a process of their own, in a loop: DuckDB and pyiceberg, both without the catalog."""

    def __init__(self, root: Path) -> None:
        self._stop = SERVER.Event()
        self._results = SERVER.SimpleQueue()
        self._process = SERVER.Process(
            target=_read_on, args=(root, os.getpid(), self._stop, self._results), daemon=True
        )
        self._process.start()

    def stop(self) -> tuple[int, list[str]]:
        """(how often they read, what they saw that no reader may see)."""
        self._stop.set()
        reads, problems = self._results.get()
        self._process.join()
        return reads, problems


def _read_on(root: Path, owner: int, stop: Any, results: Any) -> None:
    reads, problems = 0, []
    readers = (_DuckReader(root), _IcebergReader(root))
    try:
        while (not stop.is_set() or reads < len(readers)) and Path(f"/proc/{owner}").exists():
            problems += readers[reads % len(readers)].read()
            reads += 1
            time.sleep(0.02)
    except Exception:  # noqa: BLE001 - whatever a reader sees is a finding
        problems.append(traceback.format_exc())
    results.put((reads, problems))


class _DuckReader:
    def __init__(self, root: Path) -> None:
        from duckdb_extensions import import_extension

        self._root = root
        self._most = 0
        for extension in ("avro", "iceberg"):
            import_extension(extension)

    def read(self) -> list[str]:
        import duckdb

        if not (self._root / "fate" / "metadata" / "version-hint.text").exists():
            return []
        with duckdb.connect(config={"threads": 1}) as connection:
            for extension in ("avro", "iceberg"):
                connection.load_extension(extension)
            fates = connection.sql(
                f"""SELECT partition, "offset", fate FROM iceberg_scan('{self._root}/fate')"""
            ).to_arrow_table()
            articles = connection.sql(
                f"""SELECT partition, "offset" FROM iceberg_scan('{self._root}/articles')"""
            ).to_arrow_table()
        problems = _look(fates, articles, self._most)
        self._most = max(self._most, fates.num_rows)
        return [f"DuckDB: {problem}" for problem in problems]


class _IcebergReader:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._most = 0

    def read(self) -> list[str]:
        from pyiceberg.table import StaticTable

        tables = []
        for name in ("fate", "articles"):
            folder = self._root / name / "metadata"
            if not (folder / "version-hint.text").exists():
                return []
            version = (folder / "version-hint.text").read_text()
            table = StaticTable.from_metadata(f"file://{folder}/v{version}.metadata.json")
            tables.append(table.scan(selected_fields=("partition", "offset", "fate")).to_arrow())
        problems = _look(*tables, self._most)
        self._most = max(self._most, tables[0].num_rows)
        return [f"pyiceberg: {problem}" for problem in problems]


def _look(fates: Any, articles: Any, most: int) -> list[str]:
    """What is wrong with what a reader saw: the ledger was read first, so its rows must have articles."""
    problems = []
    places = list(zip(fates["partition"].to_pylist(), fates["offset"].to_pylist(), strict=True))
    if len(places) < most:
        problems.append(f"saw {len(places)} fates after {most}")
    if len(set(places)) != len(places):
        problems.append("saw a fate twice")
    there = list(zip(articles["partition"].to_pylist(), articles["offset"].to_pylist(), strict=True))
    if len(set(there)) != len(there):
        problems.append("saw an article twice")
    told = zip(places, fates["fate"].to_pylist(), strict=True)
    missing = {place for place, fate in told if fate in ("article", "copy", "revision")} - set(there)
    if missing:
        problems.append(f"saw {len(missing)} fates without their article")
    return problems


class Seen(list[str]):
    """What readers saw and must not see, and how often they read."""

    reads = 0


@contextmanager
def watched(root: Path) -> Iterator[Seen]:
    """Readers loop meanwhile; what they saw and must not see is in the list afterwards."""
    problems = Seen()
    readers = Readers(root)
    try:
        yield problems
    finally:
        reads, seen = readers.stop()
        problems += seen
        problems.reads = reads
        if not reads:
            problems.append("no reader read anything")
