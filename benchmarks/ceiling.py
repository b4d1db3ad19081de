"""What the command alone can do: pages a second of its own process, with extraction that costs nothing.

Extraction processes answer from a recording (`recorded.py`), so that two cores show what a machine with many
would be held up by. Entities are on. Each row is a run of its own; a run over two pages is taken off.

Usage: python benchmarks/ceiling.py [--pages N] [--rounds N] [--slots N …] [--inputs …] [--write-docs]
The exit code is 1 where less than is asked is reached.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final

import recorded
from measuring import HERE, PAGE, Run, measure, write_section
from newsmill.config import Config
from newsmill.dev.local_kafka import DevKafka
from newsmill.sources.warc import write_warc
from shared_data import shared_folder
from throughput import PARTITIONS, pages, send

INPUTS: Final = ("WARC", "Kafka")
SLOTS: Final = (2, 8, 32)
FEW: Final = 2
ASKED_MS: Final = 4.0
"""Most CPU of the command a page: 250 pages a second of one core."""


def run(source: str, scratch: Path, slots: int, articles: int) -> Run:
    """One run with so many slots; all of its pages must become rows."""
    command = [sys.executable, "-m", "peers.newsmill_direct", source, str(scratch / "out"), str(slots)]
    path = os.pathsep.join(map(str, (scratch, HERE)))
    done = measure(f"{slots} slots", ["env", f"PYTHONPATH={path}", *command, "entities"])
    shutil.rmtree(scratch / "out")
    fates = json.loads(done.output.splitlines()[-1])
    if fates["articles"] != articles:
        sys.exit(f"{fates['articles']} of {articles} pages became rows: {fates['fates']}")
    return done


def row(label: str, slots: int, runs: list[Run], starts: list[Run], count: int) -> tuple[str, float]:
    """A row of the table, and the CPU of the command a page in milliseconds."""
    more = count - FEW
    seconds = statistics.median(r.seconds - s.seconds for r, s in zip(runs, starts, strict=True))
    spent = statistics.median(
        (r.first_cpu_seconds - s.first_cpu_seconds) * 1000 / more for r, s in zip(runs, starts, strict=True)
    )
    others = statistics.median(
        (r.cpu_seconds - r.first_cpu_seconds - s.cpu_seconds + s.first_cpu_seconds) * 1000 / more
        for r, s in zip(runs, starts, strict=True)
    )
    peak = max(r.peak_mb for r in runs)
    cells = (label, slots, f"{more / seconds:.0f}", f"{spent:.1f}", f"{others:.1f}", f"{peak:.0f}")
    return f"| {' | '.join(map(str, cells))} |", spent


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS)
    parser.add_argument("--inputs", nargs="+", choices=INPUTS, default=INPUTS)
    parser.add_argument("--write-docs", type=Path, nargs="?", const=PAGE)
    options = parser.parse_args()
    lines = [
        f"`python benchmarks/ceiling.py {' '.join(sys.argv[1:])}`, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} from elsewhere at the start: medians, without what a run over two pages "
        "takes; *others* are extraction processes that answer from a recording.",
        "",
        "| input | slots | pages a second | CPU ms a page of the command | of others | command, MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    slow: list[str] = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ceiling-")))
        made = list(islice(pages(shared_folder()), options.pages))
        recorded.record(made, scratch, Config())
        articles = [page for page in made if page.url in recorded.read_back(scratch)]
        sources: dict[str, tuple[str, str]] = {}
        for label, part in (("few", articles[:FEW]), ("many", articles)):
            write_warc(scratch / f"{label}.warc.gz", part)
        warcs = [scratch / f"{label}.warc.gz" for label in ("many", "few")]
        if "WARC" in options.inputs:
            sources["WARC"] = str(warcs[0]), str(warcs[1])
        if "Kafka" in options.inputs:
            broker = stack.enter_context(DevKafka(data=scratch / "kafka"))
            many, few = (send(warc, broker, warc.name.partition(".")[0], PARTITIONS) for warc in warcs)
            sources["Kafka"] = many, few
        for label, (many, few) in sources.items():
            for slots in options.slots:
                runs, starts = [], []
                for _ in range(options.rounds):
                    starts.append(run(few, scratch, slots, FEW))
                    runs.append(run(many, scratch, slots, len(articles)))
                line, spent = row(label, slots, runs, starts, len(articles))
                lines.append(line)
                if spent > ASKED_MS:
                    slow.append(f"{label}, {slots} slots: {spent:.1f} ms a page, asked {ASKED_MS:.1f}")
    report = "\n".join(lines) + "\n"
    print(report, *slow, sep="\n")
    if options.write_docs:
        write_section(options.write_docs, "ceiling", report)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
