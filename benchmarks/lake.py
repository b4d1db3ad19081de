"""The lake's speed: is a commit as fast in a large lake as in a new one, and how fast are audit and compact?

    python benchmarks/lake.py --rows 10000000 --batch 20000

Rows are made up: what is measured is the lake's own work. Times of commits are given in CPU seconds
too, because other processes on the machine don't change those. Bodies of the first hours, which are
compacted, are words of a vocabulary of 20,000 by Zipf's law, so that they pack about as text does; later
ones repeat. `compact` reads, checks hashes, sorts, writes, reads all of it again and compares. It is set
against pyarrow alone, in the same run and in turn, with the same sort and the same settings of the file: once
as it is (read, sort, write), once with its rows read again and compared.
Speeds are MB of rows in memory (Arrow) a CPU second.
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
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import synthetic
from newsmill.config import LakeConfig
from newsmill.lake import files
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import LiveFile, Tables
from newsmill.lake.upkeep import compaction
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

TOLD: list[dict[str, object]] = []
COMPACTED_HOURS = 3
START, HOUR = 1_790_035_200_000_000, 3_600_000_000  # midnight


def commit_times(
    config: LakeConfig, *, batches: int, size: int, words: int, an_hour: int
) -> tuple[list[float], list[float]]:
    """Wall and CPU seconds of begin and commit of each batch."""
    lake = Lake.open(config)
    first = lake.begin(list(synthetic.slices(0, 0, size)), now=START)
    made = synthetic.rows(first, words=words)
    lake.abandon(first)
    wall, cpu = [], []
    bodies = Bodies(words)
    for number in range(batches):
        slices = list(synthetic.slices(0, number * size, (number + 1) * size))
        if number < COMPACTED_HOURS * an_hour:
            made = bodies.put(made)
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


class Bodies:
    """Texts that pack about as prose does."""

    def __init__(self, words: int) -> None:
        self._random, self._words = np.random.default_rng(1), words
        letters = self._random.integers(97, 123, (20_000, 10), dtype=np.uint8)
        lengths = self._random.integers(2, 11, 20_000)
        told = [bytes(word[:length]).decode() for word, length in zip(letters, lengths, strict=True)]
        self._vocabulary = np.array(told, dtype=object)
        share = 1 / np.arange(1, 20_001)
        self._share = share / share.sum()

    def put(self, made: dict[str, pa.Table]) -> dict[str, pa.Table]:
        """The same rows with new bodies."""
        rows = made["articles"]
        chosen = self._random.choice(20_000, (rows.num_rows, self._words), p=self._share)
        texts = pa.array([" ".join(self._vocabulary[text]) for text in chosen], pa.string())
        index = rows.schema.get_field_index("body")
        return made | {"articles": rows.set_column(index, rows.schema.field(index), texts)}


def tenths(times: Sequence[float]) -> tuple[float, float]:
    """Medians of the first and the last tenth."""
    tenth = max(1, len(times) // 10)
    return statistics.median(times[:tenth]), statistics.median(times[-tenth:])


def closed_hours(tables: Tables) -> list[list[LiveFile]]:
    """The files of `articles` that are joined first, by what they are joined to."""
    live = list(tables.files(tables.load("articles")))
    plans = compaction.plans(tables, TABLES["articles"], live, compaction.TARGET_BYTES)
    return [list(plan.files) for plan in islice(plans, COMPACTED_HOURS)]


def by_pyarrow_alone(group: Sequence[LiveFile], folder: Path) -> tuple[float, float]:
    """CPU seconds of reading files, sorting their rows and writing them as one; the same and reading that."""
    start = time.process_time()
    schema = TABLES["articles"]
    rows = pa.concat_tables(pq.read_table(file.uri, partitioning=None) for file in group)
    ordered = files.sort(schema, rows)
    with (folder / "alone.parquet").open("wb") as file:
        files.encode(schema, ordered, file)
    written = time.process_time() - start
    again = pq.ParquetFile(folder / "alone.parquet", page_checksum_verification=True).read()
    assert again.equals(ordered)
    return written, time.process_time() - start


def compaction_speed(tables: Tables, folder: Path) -> None:
    """Compact the closed hours of `articles`, in turn with pyarrow."""
    hours = closed_hours(tables)
    by_pyarrow_alone(hours[0], folder)  # what is loaded at a first use
    merges = compaction.compact(tables)
    held = ours = alone = alone_read = 0.0
    counts: Counter[str] = Counter()
    for group in hours:
        written, read = by_pyarrow_alone(group, folder)
        alone, alone_read = alone + written, alone_read + read
        start = time.process_time()
        merged = next(merges)
        ours += time.process_time() - start
        assert (merged.table, merged.files) == ("articles", len(group)) and merged.into
        counts.update(files=merged.files, rows=merged.rows, bytes=merged.bytes)
        held += sum(pq.read_table(f.uri, partitioning=None).nbytes for f in group) / 1e6
    tell(
        compact_hours=len(hours),
        compact_files=counts["files"],
        compact_rows=counts["rows"],
        compact_packed_mb=round(counts["bytes"] / 1e6, 1),
        compact_mb_a_cpu_s=round(held / ours, 1),
        pyarrow_mb_a_cpu_s=round(held / alone, 1),
        pyarrow_with_reading_again_mb_a_cpu_s=round(held / alone_read, 1),
        compact_to_pyarrow=round(alone / ours, 2),
        compact_to_pyarrow_with_reading_again=round(alone_read / ours, 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="fates in the lake at the end")
    parser.add_argument("--batch", type=int, default=5_000, help="offsets of a batch")
    parser.add_argument("--words", type=int, default=30, help="words of a body")
    parser.add_argument("--batches-an-hour", type=int, default=12)
    parser.add_argument("--write", type=Path, help="also write a page, e.g. docs/quality/lake.md")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lake-bench-"))
    config = LakeConfig(path=str(folder / "lake"))
    rows_a_batch = arguments.batch // synthetic.GROUP * synthetic.RECORDS_A_GROUP
    batches = arguments.rows // rows_a_batch
    if batches <= COMPACTED_HOURS * arguments.batches_an_hour:
        least = (COMPACTED_HOURS * arguments.batches_an_hour + 1) * rows_a_batch
        parser.error(f"{COMPACTED_HOURS} hours have to be over, for compact: --rows of {least} and more")
    wall, cpu = commit_times(
        config,
        batches=batches,
        size=arguments.batch,
        words=arguments.words,
        an_hour=arguments.batches_an_hour,
    )
    tables = Tables.open(config)
    live = {name: sum(1 for _ in tables.files(tables.load(name))) for name in tables.names}
    tell(batches=batches, rows=batches * rows_a_batch, files_a_batch=round(sum(live.values()) / batches, 1))
    for name, times in (("wall", wall), ("cpu", cpu)):
        first, last = tenths(times)
        tell(
            **{
                f"commit_{name}_s": [round(first, 3), round(last, 3)],
                f"commit_{name}_ratio": round(last / first, 2),
            }
        )
    compaction_speed(tables, folder)
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
        "the last tenth of the commits. Tables are partitioned by month; `compact` joins files of an hour, "
        "of a day and of a span of five days "
        "([0067](../decisions/0067-spans-of-days-cut-by-language-and-site.md)): measured are hours, of which "
        "most files are.",
        "",
        "| figure | value |",
        "|---|---|",
    ]
    for figures in TOLD:
        lines += [f"| {name.replace('_', ' ')} | {value} |" for name, value in figures.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
