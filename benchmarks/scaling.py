"""How cost grows: with processes, with partitions, and with the size of a page.

Usage: python benchmarks/scaling.py [--pages N] [--json] [--write-docs [docs/performance.md]]
The growth of the copies index is measured by `benchmarks/copies.py`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from measuring import PAGE, Run, measure, write_section
from newsmill.dev.local_kafka import DevKafka
from newsmill.sources.warc import write_warc
from shared_data import shared_folder
from throughput import pages, send

PROCESSES = (1, 2, 16)
PARTITIONS = (1, 4, 16)
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
DIRECT = [sys.executable, "-m", "peers.newsmill_direct"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write-docs", type=Path, nargs="?", const=PAGE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        scratch = Path(name)
        warc = scratch / "pages.warc.gz"
        write_warc(warc, islice(pages(shared_folder()), options.pages))
        by_processes = {n: _run([*DIRECT, str(warc)], n, scratch) for n in PROCESSES}
        with DevKafka(data=scratch / "kafka") as broker:
            topics = {n: send(warc, broker, f"pages-{n}", n) for n in PARTITIONS}
            by_partitions = {n: _run([*DIRECT, topic], 2, scratch) for n, topic in topics.items()}
        sized = [sys.executable, "-m", "peers.page_sizes"]
        by_size = {n: measure(f"{n} bytes", [*sized, str(n)]) for n in SIZES}
    report = "\n".join(
        (
            f"`python benchmarks/scaling.py --pages {options.pages}`",
            "",
            *_table("processes", by_processes, options.pages),
            "",
            *_table("partitions, read by 2 processes", by_partitions, options.pages),
            "",
            *_sizes(by_size),
        )
    )
    if options.json:
        tables = {"processes": by_processes, "partitions": by_partitions, "bytes": by_size}
        figures = {name: {n: asdict(run) for n, run in runs.items()} for name, runs in tables.items()}
        print(json.dumps({"pages": options.pages} | figures))
    else:
        print(report)
    if options.write_docs:
        write_section(options.write_docs, "scaling", report)


def _run(command: list[str], processes: int, scratch: Path) -> Run:
    output = scratch / "out"
    run = measure(f"{Path(command[-1]).name} {processes}", [*command, str(output), str(processes)])
    shutil.rmtree(output)
    return run


def _table(what: str, runs: dict[int, Run], total: int) -> list[str]:
    return [
        f"| {what} | pages a second | CPU ms a page | peak memory of the driver, MB | of its children, MB |",
        "| ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {n} | {total / run.seconds:.1f} | {run.cpu_seconds * 1000 / total:.1f} | {run.peak_mb:.0f} "
            f"| {run.peak_children_mb:.0f} |"
            for n, run in runs.items()
        ),
    ]


def _sizes(runs: dict[int, Run]) -> list[str]:
    figures = {size: json.loads(run.output) for size, run in runs.items()}
    return [
        "| bytes of the page | fate | CPU ms: read the page | language | sketch | CPU ms a 100 kB "
        "| memory added, MB |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {size:,} | {f['fate']} | {f['read_ms']:.1f} | {f['language_ms']:.1f} | {f['sketch_ms']:.1f} "
            f"| {(f['read_ms'] + f['language_ms'] + f['sketch_ms']) / size * 1e5:.2f} | {f['added_mb']:.0f} |"
            for size, f in figures.items()
        ),
    ]


if __name__ == "__main__":
    main()
