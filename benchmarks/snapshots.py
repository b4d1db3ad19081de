"""What a commit costs and what metadata takes while snapshots are kept by time, over thousands of commits.

    python benchmarks/snapshots.py --commits 5000 --write docs/quality/snapshots.md

Each commit has a few rows, so that the lake's own work is measured. Snapshots carry the time of the real
clock; so that days pass, the clock that commits see is put forward by `--minutes` a commit. `gc` runs once
a day of that clock, with the settings' own rule; `compact` does not, so all files of data stay.
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
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import synthetic
from measuring import markdown
from newsmill.config import LakeConfig
from newsmill.lake import files
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import garbage_collection
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake


class Clock:
    """The real clock, put forward."""

    def __init__(self) -> None:
        self._time, self.ahead_s = time.time, 0.0

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self._time() + self.ahead_s


def run(folder: Path, *, commits: int, minutes: float, every: int) -> Iterator[dict[str, object]]:
    """A line for each `every` commits."""
    config = LakeConfig(path=str(folder / "lake"), lease_s=365 * 86_400)
    clock = Clock()
    with mock.patch("time.time", clock):
        lake = Lake.open(config)
        start = int(clock() * 1e6)
        size = synthetic.GROUP
        first = lake.begin(list(synthetic.slices(0, 0, size)), now=start)
        made = synthetic.rows(first, words=5)
        lake.abandon(first)
        cpu: list[float] = []
        next_gc, gc_s = clock() + 86_400, 0.0
        for number in range(commits):
            clock.ahead_s += minutes * 60
            begun = time.process_time()
            parts = list(synthetic.slices(0, number * size, (number + 1) * size))
            batch = lake.begin(parts, now=int(clock() * 1e6))
            beginning = time.process_time() - begun
            written = [
                files.write(config.path, table, rows, ingested_at=batch.ingested_at)
                for table, rows in synthetic.moved(made, batch, number).items()
            ]
            begun = time.process_time()
            lake.commit(batch, written)
            cpu.append(beginning + time.process_time() - begun)
            if clock() >= next_gc:
                next_gc += 86_400
                begun = time.process_time()
                list(garbage_collection.collect(Tables.open(config), grace_s=86_400))
                gc_s += time.process_time() - begun
            if (number + 1) % every == 0:
                yield measured(lake.tables, config, clock, number + 1, cpu, gc_s)
                cpu.clear()
                gc_s = 0.0
        lake.release()
        report = audit(config.path)
        yield {"commits": commits, "findings of the audit": len(report.findings)}


def measured(
    tables: Tables, config: LakeConfig, clock: Clock, commits: int, cpu: Sequence[float], gc_s: float
) -> dict[str, object]:
    """What there is of the ledger, which changes most often."""
    table = tables.load("fate")
    snapshots = table.metadata.snapshots
    folder = Path(config.path, "fate", "metadata")
    seen: dict[int, int] = {}
    for path in folder.iterdir():
        seen[path.stat().st_ino] = path.stat().st_size  # second names are hard links
    oldest = min(snapshot.timestamp_ms for snapshot in snapshots) / 1000
    return {
        "commits": commits,
        "snapshots": len(snapshots),
        "oldest, days": round((clock() - oldest) / 86_400, 1),
        "metadata file, KB": round(
            Path(table.metadata_location.removeprefix("file://")).stat().st_size / 1e3
        ),
        "files of metadata": len(seen),
        "metadata folder, MB": round(sum(seen.values()) / 1e6, 1),
        "CPU s a commit": round(statistics.median(cpu), 3),
        "CPU s of gc": round(gc_s, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--commits", type=int, default=5_000)
    parser.add_argument("--minutes", type=float, default=5.0, help="of the clock between two commits")
    parser.add_argument("--every", type=int, default=288, help="commits between two lines")
    parser.add_argument("--write", type=Path, help="also write a page, e.g. docs/quality/snapshots.md")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lake-bench-"))
    told = []
    try:
        for line in run(folder, commits=arguments.commits, minutes=arguments.minutes, every=arguments.every):
            print(json.dumps(line), flush=True)
            told.append(line)
    finally:
        shutil.rmtree(folder)
    if arguments.write is not None:
        arguments.write.write_text(page(sys.argv[1:], told), encoding="utf-8")


def page(arguments: Sequence[str], told: Sequence[dict[str, object]]) -> str:
    """All that was told, as Markdown."""
    *rows, last = told
    lines = [
        "# Snapshots that are kept by time",
        "",
        f"Made by `python benchmarks/snapshots.py {' '.join(arguments)}`, {datetime.now(UTC):%Y-%m-%d}, on "
        f"{os.cpu_count()} cores that others shared; do not edit. The ledger's figures; `gc` once a day of "
        f"the commits' clock. An audit of it all at the end: {last['findings of the audit']} findings.",
        "",
        *markdown(rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
