"""What each question of the guide reads of a lake, and what it costs, after `compact`.

    python benchmarks/questions.py --rows 10000 --days 2 --write docs/quality/questions.md

The questions are those of docs/guide/questions.md, asked as `newsmill sql` asks them, over a made-up press
whose articles name entities and places by Zipf's law. Files and bytes are counted where they are read:
DuckDB is given the same files through a file system that counts. Bytes are those of rows, without footers;
what a question reads twice counts twice. CPU seconds are those of the whole process, with DuckDB's threads,
without the counting: the least of three.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
from pyarrow import fs

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import made_press
from flat import Namers
from made_press import SITES, MadeUpPress
from measuring import markdown
from newsmill.config import LakeConfig
from newsmill.lake import reader
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction
from newsmill.observe import questions

GUIDE = Path(__file__).parents[1] / "docs" / "guide" / "questions.md"
ASKED = re.findall(
    r"^([A-Z][^\n]*\?)(?: \*\(also Spark and Trino\)\*)?\n\n```sql\n(.*?);\n```",
    GUIDE.read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
"""(question, query)."""

WORDS, AGENCIES = 200, 12


class Newsroom:
    """Batches of all tables that agree with each other: what one names, the others have."""

    def __init__(self) -> None:
        self._press, self._namers = MadeUpPress(WORDS), Namers()

    def put(self, made: dict[str, pa.Table], at: int) -> dict[str, pa.Table]:
        """The batch with articles of many sites, some of agencies, some behind a paywall."""
        kept = made["articles"]
        new = self._namers.put(self._press.rows(kept, at))
        domains = new["domain"].to_pylist()
        sites = [int(domain[4:8]) for domain in domains]
        told: dict[str, Any] = {
            "article_id": kept["article_id"],
            "duplicate": kept["duplicate"],
            "is_accessible_for_free": [site % 10 > 0 for site in sites],
            "origin": [_origin(site) for site in sites],
        }
        by_offset = dict(zip(kept["offset"].to_pylist(), domains, strict=True))
        found = made | {"articles": _with(new, told)}
        for table in ("fate", "cluster_events", "copy_sketches"):
            rows = zip(made[table]["offset"].to_pylist(), made[table]["domain"].to_pylist(), strict=True)
            found[table] = _with(made[table], {"domain": [by_offset.get(o, known) for o, known in rows]})
        return found


def _origin(site: int) -> dict[str, Any] | None:
    if site % 5:
        return None
    return {"method": "byline", "confidence": 0.9, "agency": f"Agency {site % AGENCIES}"}


def _with(rows: pa.Table, columns: dict[str, Any]) -> pa.Table:
    for name, values in columns.items():
        field = rows.schema.field(name)
        column = values if isinstance(values, pa.ChunkedArray) else pa.array(values, field.type)
        rows = rows.set_column(rows.schema.get_field_index(name), field, column)
    return rows


class Counting(fs.FileSystemHandler):  # type: ignore[misc]
    """Files of this machine, for reading; what is read of each is counted."""

    def __init__(self) -> None:
        self._files, self._lock = fs.LocalFileSystem(), threading.Lock()
        self._footers: dict[str, int] = {}
        self.opened: set[str] = set()
        self.bytes: Counter[str] = Counter()  # of rows, by file: footers don't count

    def open_input_file(self, path: str) -> pa.NativeFile:
        """The file, counted as opened."""
        with self._lock:
            self.opened.add(path)
            if path not in self._footers:
                size = os.path.getsize(path)
                self._footers[path] = size - pq.read_metadata(path).serialized_size - 8
        return pa.PythonFile(_Counted(path, self), mode="r")

    def read(self, path: str, start: int, end: int) -> None:
        """Bytes of a file were read."""
        with self._lock:
            self.bytes[path] += max(0, min(end, self._footers[path]) - start)

    def get_file_info(self, paths: Sequence[str]) -> Any:
        """As the machine has it."""
        return self._files.get_file_info(paths)

    def get_type_name(self) -> str:
        """Of the file system."""
        return "counting"

    def normalize_path(self, path: str) -> str:
        """As it is."""
        return path

    def _none(self, *_: Any) -> Any:
        raise NotImplementedError

    open_input_stream = get_file_info_selector = copy_file = create_dir = delete_dir = _none
    delete_dir_contents = delete_file = delete_root_dir_contents = move = _none
    open_append_stream = open_output_stream = _none


class _Counted:
    """A file as Arrow reads it."""

    closed = False

    def __init__(self, path: str, counts: Counting) -> None:
        self._file = Path(path).open("rb")  # noqa: SIM115 closed by Arrow
        self._path, self._counts = path, counts

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        found = self._file.read(size)
        self._counts.read(self._path, start, start + len(found))
        return found

    def seek(self, to: int, whence: int = 0) -> int:
        return self._file.seek(to, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self.closed = True
        self._file.close()


def reads(lake: str, query: str) -> tuple[int, Counting]:
    """Rows of the answer, and what was read for it."""
    counts, duck = Counting(), questions.connect(lake)
    kind = pyarrow.dataset.ParquetFileFormat()
    for name in TABLES:
        rows = reader.rows(lake, name)
        counted = pyarrow.dataset.FileSystemDataset.from_paths(
            rows.files, schema=rows.schema, format=kind, filesystem=fs.PyFileSystem(counts)
        )
        duck.register(name, counted)
    return len(duck.sql(query).fetchall()), counts


def cost(lake: str, query: str) -> float:
    """CPU seconds of a question, the least of three."""
    times = []
    for _ in range(3):
        duck = questions.connect(lake)
        before = time.process_time()
        duck.sql(query).fetchall()
        times.append(time.process_time() - before)
    return min(times)


def asked(lake: str, live: dict[str, int]) -> Iterator[dict[str, object]]:
    """A line for each question.

    Args:
        lake: Its folder.
        live: Bytes of each file of its newest commit.
    """
    for question, query in ASKED:
        rows, counts = reads(lake, query)
        if not counts.opened <= live.keys():
            raise SystemExit(f"{question}: reads files that are not of the newest commit")
        tables = Counter(Path(path).relative_to(lake).parts[0] for path in counts.opened)
        yield {
            "question": question,
            "rows of the answer": rows,
            "files opened of each table": ", ".join(f"{name} {n}" for name, n in sorted(tables.items())),
            "of all files": f"{len(counts.opened)} of {len(live)}",
            "of which more than the footer is read": sum(counts.bytes[path] > 0 for path in counts.opened),
            "share of the lake's bytes": f"{counts.bytes.total() / sum(live.values()):.1%}",
            "CPU s": f"{cost(lake, query):.2f}",
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="articles of the lake")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--write", type=Path, help="also write a page, e.g. docs/quality/questions.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lake-bench-") as folder:
        config = LakeConfig(path=str(Path(folder) / "lake"))
        batches = arguments.days * 24
        list(made_press.fill(config, rows=arguments.rows, batches=batches, put=Newsroom().put))
        list(compaction.compact(Tables.open(config)))
        tables = Tables.open_readonly(config)
        live = {
            file.uri.removeprefix("file://"): file.bytes
            for name in TABLES
            for file in tables.files(tables.load(name))
        }
        counts = {name: reader.rows(config.path, name).count_rows() for name in TABLES}
        held = ", ".join(f"{n:,} rows of {name}" for name, n in counts.items() if n)
        print(held, flush=True)
        told = []
        for line in asked(config.path, live):
            print(json.dumps(line), flush=True)
            told.append(line)
    if arguments.write is not None:
        arguments.write.write_text(page(sys.argv[1:], held, told), encoding="utf-8")


def page(arguments: Sequence[str], held: str, told: Sequence[dict[str, object]]) -> str:
    """All that was told, as Markdown."""
    lines = [
        "# What the questions of the guide read",
        "",
        f"Made by `python benchmarks/questions.py {' '.join(arguments)}`, {datetime.now(UTC):%Y-%m-%d}, on "
        f"{os.cpu_count()} cores that others shared; do not edit. A made-up press of {SITES:,} sites, one "
        f"commit an hour, bodies of {WORDS} words, after `compact`: {held}. The "
        "[questions](../guide/questions.md) are asked as `newsmill sql` asks them, over the whole lake: each "
        "opens the files of the tables that it names, and reads the columns that it names. What is read "
        "twice counts twice. CPU seconds are the least of three.",
        "",
        *markdown(told),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
