"""What a start costs: CPU of each command over next to nothing, and of a run over nothing and over two pages.

Each is a process of its own, started as a user starts it, with bytecode kept. Figures are the least of the
rounds: what else the machine does only adds to them.

Usage: python benchmarks/starts.py [--rounds N] [--write-docs [docs/performance.md]]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import islice
from pathlib import Path

from measuring import PAGE, Run, measure, write_section
from newsmill.dev.local_kafka import DevKafka
from newsmill.sources.warc import write_warc
from shared_data import shared_folder
from throughput import pages, send

ROUNDS = 5
FEW = 2


def commands(bootstrap: str, scratch: Path) -> dict[str, list[str]]:
    """What is started, by what it is called in the table."""
    newsmill = [sys.executable, "-m", "newsmill"]

    def run(topic: str) -> list[str]:
        settings = (f"kafka.bootstrap={bootstrap}", f"kafka.topic={topic}", f"lake.path={scratch / topic}")
        return [*newsmill, "run", "--once", *(part for setting in settings for part in ("--set", setting))]

    lake = str(scratch / "few")
    return {
        "`newsmill --help`": [*newsmill, "--help"],
        "`newsmill run --once`, nothing waits": run("none"),
        f"`newsmill run --once`, {FEW} pages": run("few"),
        "`newsmill status`": [*newsmill, "status", lake],
        "`newsmill audit`": [*newsmill, "audit", lake],
        "`newsmill report`": [*newsmill, "report", lake, "--out", str(scratch / "report.html")],
        "`newsmill doctor`": [*newsmill, "doctor", *run("few")[5:]],
    }


def table(runs: dict[str, list[Run]], rounds: int) -> str:
    """The figures, a row a command."""
    lines = [
        f"`python benchmarks/starts.py --rounds {rounds}`: CPU seconds, the least of the rounds; the most "
        "resident MB. *Others* are the extraction processes, of which what they share counts once.",
        "",
        "| | CPU s of the command | of others | MB of the command | of others together |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, done in runs.items():
        least = min(done, key=lambda run: run.cpu_seconds)
        others = least.cpu_seconds - least.first_cpu_seconds
        lines.append(
            f"| {name} | {least.first_cpu_seconds:.1f} | {others:.1f} "
            f"| {max(run.peak_mb for run in done):.0f} | {max(run.peak_children_mb for run in done):.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write-docs", type=Path, nargs="?", const=PAGE)
    options = parser.parse_args()
    runs: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory(prefix="starts-") as name, DevKafka(data=Path(name, "kafka")) as broker:
        scratch = Path(name)
        few = scratch / "few.warc.gz"
        write_warc(few, islice(pages(shared_folder()), FEW))
        bootstrap = broker.kafka("none").bootstrap
        broker.make_topic("none", partitions=1)
        for turn in range(options.rounds + 1):  # the first makes what is made once a machine
            send(few, broker, f"few-{turn}", 1)
            for what, command in commands(bootstrap, scratch).items():
                fresh = [part.replace("topic=few", f"topic=few-{turn}") for part in command]
                measured = measure(what, fresh)
                if turn:
                    runs.setdefault(what, []).append(measured)
    report = table(runs, options.rounds)
    print(report)
    if options.write_docs:
        write_section(options.write_docs, "starts", report)


if __name__ == "__main__":
    main()
