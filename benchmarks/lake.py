"""The lake's speed: is a commit as fast in a large lake as in a new one, and how fast are audit and compact?

    python benchmarks/lake.py --rows 10000000 --batch 20000

Rows are made up and short: what is measured is the lake's own work. Times of commits are given in CPU seconds
too, because other processes on the machine don't change those. Compaction is compared, in the same run, with
pyarrow alone, which reads the same files and writes their rows, sorted, as one file of the same settings.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import synthetic
from newsmill.config import LakeConfig
from newsmill.lake import compaction, files
from newsmill.lake.audit import audit
from newsmill.lake.lake import ORDER, Lake
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import LiveFile, Tables

TOLD: list[dict[str, object]] = []
START, HOUR = 1_790_000_000_000_000, 3_600_000_000


def commit_times(
    config: LakeConfig, *, batches: int, size: int, words: int, an_hour: int
) -> tuple[list[float], list[float]]:
    """Wall and CPU seconds of begin and commit of each batch."""
    lake = Lake.open(config)
    first = lake.begin(list(synthetic.slices(0, 0, size)), now=START)
    made = synthetic.rows(first, words=words)
    lake.abandon(first)
    wall, cpu = [], []
    for number in range(batches):
        slices = list(synthetic.slices(0, number * size, (number + 1) * size))
        clocks = time.perf_counter(), time.process_time()
        batch = lake.begin(slices, now=START + number // an_hour * HOUR + number)
        begun = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
        written = [
            files.write(config.path, table, rows, ingested_at=batch.ingested_at)
            for table, rows in synthetic.moved(made, batch, number).items()
        ]
        clocks = time.perf_counter(), time.process_time()
        lake.commit(batch, written)
        wall.append(begun[0] + time.perf_counter() - clocks[0])
        cpu.append(begun[1] + time.process_time() - clocks[1])
    lake.release()
    return wall, cpu


def tenths(times: Sequence[float]) -> tuple[float, float]:
    """Medians of the first and the last tenth."""
    tenth = max(1, len(times) // 10)
    return statistics.median(times[:tenth]), statistics.median(times[-tenth:])


def closed_hour(tables: Tables) -> list[LiveFile]:
    """The files of `articles` of the oldest hour."""
    live = list(tables.files(tables.load("articles")))
    oldest = min(file.hour for file in live)
    return [file for file in live if file.hour == oldest]


def by_pyarrow_alone(group: Sequence[LiveFile], folder: Path) -> float:
    """CPU seconds of reading files, sorting their rows and writing them as one."""
    start = time.process_time()
    schema = TABLES["articles"]
    rows = pa.concat_tables(pq.read_table(file.uri, partitioning=None) for file in group)
    with (folder / "alone.parquet").open("wb") as file:
        files.encode(schema, files.sort(schema, rows), file)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="fates in the lake at the end")
    parser.add_argument("--batch", type=int, default=5_000, help="offsets of a batch")
    parser.add_argument("--words", type=int, default=300, help="words of a body")
    parser.add_argument("--batches-an-hour", type=int, default=12)
    parser.add_argument("--write", type=Path, help="also write a page, e.g. docs/quality/lake.md")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lake-bench-"))
    config = LakeConfig(path=str(folder / "lake"))
    rows_a_batch = arguments.batch // synthetic.GROUP * synthetic.RECORDS_A_GROUP
    batches = arguments.rows // rows_a_batch
    wall, cpu = commit_times(
        config,
        batches=batches,
        size=arguments.batch,
        words=arguments.words,
        an_hour=arguments.batches_an_hour,
    )
    tell(batches=batches, rows=batches * rows_a_batch, files_a_day_at_288_batches=288 * len(ORDER))
    for name, times in (("wall", wall), ("cpu", cpu)):
        first, last = tenths(times)
        tell(
            **{
                f"commit_{name}_s": [round(first, 3), round(last, 3)],
                f"commit_{name}_ratio": round(last / first, 2),
            }
        )
    tables = Tables.open(config)
    group = closed_hour(tables)
    alone = by_pyarrow_alone(group, folder)
    start = time.process_time()
    merged = next(iter(compaction.compact(tables)))
    ours = time.process_time() - start
    size = sum(file.bytes for file in group) / 1e6
    unpacked = (
        sum(pq.read_metadata(f.uri.removeprefix("file://")).row_group(0).total_byte_size for f in group) / 1e6
    )
    tell(
        compact_table=merged.table,
        compact_files=merged.files,
        compact_mb=round(size, 1),
        compact_unpacked_mb=round(unpacked, 1),
        compact_unpacked_mb_a_cpu_s=round(unpacked / ours, 1),
        pyarrow_unpacked_mb_a_cpu_s=round(unpacked / alone, 1),
        compact_to_pyarrow=round(alone / ours, 2),
    )
    kept = tables.load("fate").snapshots()
    for since in (None, kept[-3].snapshot_id):
        report = audit(config.path, since=since)
        tell(
            audit="whole" if since is None else "since a snapshot",
            seconds=report.seconds,
            files_read=report.files_read,
            findings=len(report.findings),
        )
    shutil.rmtree(folder)
    if arguments.write is not None:
        arguments.write.write_text(page(sys.argv[1:]), encoding="utf-8")


def tell(**figures: object) -> None:
    print(json.dumps(figures), flush=True)
    TOLD.append(figures)


def page(arguments: Sequence[str]) -> str:
    """All that was told, as Markdown."""
    lines = [
        "# Speed of the lake",
        "",
        f"Made by `python benchmarks/lake.py {' '.join(arguments)}`, {datetime.now(UTC):%Y-%m-%d}, on "
        f"{os.cpu_count()} cores that other work shared; do not edit. Pairs are medians of the first and of "
        "the last tenth of the commits.",
        "",
        "| figure | value |",
        "|---|---|",
    ]
    for figures in TOLD:
        lines += [f"| {name.replace('_', ' ')} | {value} |" for name, value in figures.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
