"""Hundreds of kills, and what they did to the lake: nothing, or the soak fails.

    python benchmarks/soak.py --kills 500 --seed 1

Each named place of the commit protocol is hit at several seeds, with a kill, a kill with a power cut, and a
full disk; writers sleep past their lease; the rest are kills at random times, every third with a power cut,
while two readers loop. Then each mutant, a writer that lacks one thing which the protocol needs, must be
found out. Scenarios run two at a time, each on a lake of its own. The last line is the verdict; the exit
code is 1 unless it is `right`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import faults
from faults import FAILPOINTS, Work
from lake_readers import watched
from mutants import MUTANTS

ROUND = 25
"""Kills of one lake; then it is finished, checked, and a new one is begun."""


class Soak:
    """Runs scenarios beside each other; counts what was done and what went wrong."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(jobs)
        self._lock = threading.Lock()
        self._running: list[Future[None]] = []
        self.figures: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter(lost=0, repeated=0, reader_errors=0, other=0)
        self.problems: list[str] = []
        self.records = 0
        self.reads = 0
        self.restarts_s: list[float] = []
        self.after_commit = 0
        self.caught = 0

    def run(self, what: str, work: Work, scenario: Callable[[Work], list[str]], *, kills: int = 1) -> None:
        """Run one scenario on a lake of its own, with readers looping, when there is a place for it."""
        self._running.append(self._threads.submit(self._run, what, work, scenario, kills))

    def mutant(self, mutant: str, work: Work) -> None:
        """Find a mutant out."""
        self._running.append(self._threads.submit(self._find, mutant, work))

    def wait(self) -> None:
        """Wait for all that was begun."""
        for running in self._running:
            running.result()
        self._threads.shutdown()

    def _run(self, what: str, work: Work, scenario: Callable[[Work], list[str]], kills: int) -> None:
        with watched(work.root) as seen:
            problems = scenario(work)
        shutil.rmtree(work.root.parent)
        with self._lock:
            self.wrong.update(_kind(problem) for problem in problems)
            self.wrong["reader_errors"] += len(seen)
            self.problems += [f"{what}: {problem}" for problem in (*problems, *seen)]
            self.figures[what.split(" ")[0]] += kills
            self.records += work.records
            self.reads += seen.reads
            print(f"{what}: {'; '.join([*problems, *seen]) or 'right'}", flush=True)

    def _find(self, mutant: str, work: Work) -> None:
        found = faults.CAUGHT_BY[mutant](replace(work, mutant=mutant))
        with self._lock:
            self.caught += bool(found)
            print(f"mutant without {mutant}: {'caught, ' + found[0] if found else 'NOT CAUGHT'}", flush=True)

    def work(self, **settings: int) -> Work:
        """A new lake."""
        return Work(Path(tempfile.mkdtemp(dir=self._folder)) / "lake", **settings)


def _kind(problem: str) -> str:
    """What a finding of the verdict counts as."""
    if "more than one" in problem or "twice" in problem or "not of the stream" in problem:
        repeated = "not of the stream 0" not in problem
        return "repeated" if repeated else "lost"
    if "C1" in problem or "without" in problem or "missing" in problem:
        return "lost"
    return "other"


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=500, help="kills at random times")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5, help="how often each named place is hit")
    parser.add_argument(
        "--batch", type=int, default=400, help="offsets of a batch, of each of two partitions; one a kill"
    )
    parser.add_argument(
        "--write", type=Path, help="also write the scoreboard as a page, e.g. docs/quality/soak.md"
    )
    parser.add_argument("--jobs", type=int, default=2, help="scenarios at a time")
    arguments = parser.parse_args()
    start = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    soak = Soak(folder, arguments.jobs)
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        chance = random.Random(seed)
        for place in FAILPOINTS:
            nth, work = chance.choice((1, 1, 2)), soak.work(end=200, batch=100)
            if seed % 2:
                soak.run(
                    f"killed_at {place} seed {seed}",
                    work,
                    lambda w, p=place, n=nth: faults.killed_at(w, p, nth=n),
                )
            else:
                soak.run(
                    f"power_cut_at {place} seed {seed}",
                    work,
                    lambda w, p=place, n=nth, s=seed: faults.killed_at(w, p, nth=n, power=True, seed=s),
                )
    for place in ("file.before_fsync", "metadata.before_fsync", "commit.decided", "table.staged.fate"):
        soak.run(f"disk_full_at {place}", soak.work(end=200), lambda w, p=place: faults.disk_full_at(w, p))
    for place, nth in (("commit.decided", 1), ("table.staged.articles", 1), ("table.staged.fate", 4)):
        soak.run(
            f"asleep_at {place}", soak.work(end=200), lambda w, p=place, n=nth: faults.asleep_at(w, p, nth=n)
        )
    soak.run("second_writer", soak.work(end=200), faults.second_writer)
    soak.run("locked_catalog", soak.work(end=200), faults.locked_catalog)
    soak.run("beside_upkeep", soak.work(end=400), faults.beside_upkeep)
    for number in range(0, arguments.kills, ROUND):
        kills = min(ROUND, arguments.kills - number)

        def rounds(work: Work, kills: int = kills, seed: int = arguments.seed * 1000 + number) -> list[str]:
            found = faults.killed_at_random(work, kills=kills, seed=seed)
            soak.restarts_s.append(found.restart_s)
            soak.after_commit += found.after_commit
            return found.problems

        work = soak.work(end=arguments.batch * kills, batch=arguments.batch)
        soak.run(f"killed_at_random from kill {number}", work, rounds, kills=kills)
    for mutant in MUTANTS:
        soak.mutant(mutant, soak.work(end=200))
    soak.wait()
    shutil.rmtree(folder, ignore_errors=True)
    right = not soak.problems and soak.caught == len(MUTANTS)
    board = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "commit": _commit(),
        "seeds": f"{arguments.seed}–{arguments.seed + arguments.seeds - 1}",
        "minutes": round((time.monotonic() - start) / 60, 1),
        "records": soak.records,
        "scenarios": dict(soak.figures),
        "reads_meanwhile": soak.reads,
        **soak.wrong,
        "random_kills_after_a_commit": soak.after_commit,
        "restart_s": {
            "median": round(statistics.median(soak.restarts_s), 2),
            "max": round(max(soak.restarts_s), 2),
        },
        "mutants_caught": f"{soak.caught} of {len(MUTANTS)}",
    }
    board["verdict"] = "right" if right else "wrong"
    board["command"] = f"python benchmarks/soak.py {' '.join(sys.argv[1:])}"
    print(json.dumps(board, ensure_ascii=False))
    for problem in soak.problems:
        print(f"violation: {problem}")
    if arguments.write is not None:
        arguments.write.write_text(page(board), encoding="utf-8")
    print(board["verdict"])
    return 0 if right else 1


def page(board: dict[str, Any]) -> str:
    """The scoreboard as Markdown."""
    rows = [(name.replace("_", " "), _told(value)) for name, value in board.items() if name != "command"]
    lines = [
        "# The last soak",
        "",
        f"Made by `{board['command']}`; do not edit. What the figures mean: docs/reliability.md.",
        "",
        "| figure | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
    ]
    return "\n".join(lines) + "\n"


def _told(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_told(inner)} {name.replace('_', ' ')}" for name, inner in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
