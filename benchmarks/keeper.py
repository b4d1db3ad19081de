"""Hundreds of random sequences of housekeeping, and what they did to the lake: nothing, or the soak fails.

    python benchmarks/keeper.py --sequences 300 --seed 1

Each sequence is a new lake that is written, merged, collected, replayed, taken down, rewritten by another
engine, copied, moved, and loses its catalog, in random order. After each step a checker of its own (DuckDB
and pyarrow, no code of newsmill) looks whether a row is lost and whether text that was taken down is left.
The last line is the verdict; the exit code is 1 unless it is `right`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

EACH: Final = 20
"""Sequences of one process: each leaves some memory behind."""

Told = tuple[int, list[str], dict[str, int], list[str]]
"""A sequence's seed, its steps, its figures, what was wrong."""


def sequence(seed: int, steps: int) -> Told:
    """Run one sequence."""
    from keeping import STEPS, WEIGHTS, House

    folder = Path(tempfile.mkdtemp(prefix="keeper-"))
    chosen = random.Random(seed).choices(STEPS, WEIGHTS, k=steps)
    try:
        house = House(folder, seed)
        for step in chosen:
            house.do(step)
            if house.problems:
                break
        return seed, chosen, dict(house.figures), house.problems
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sequences(seeds: list[int], steps: int, jobs: int) -> Iterator[Told]:
    """What each sequence told, in order; the processes are made anew now and then.

    Not by `max_tasks_per_child`: a pool may then wait for ever (CPython 115634).
    """
    for first in range(0, len(seeds), each := jobs * EACH):
        some = seeds[first : first + each]
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            yield from pool.map(sequence, some, [steps] * len(some))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sequences", type=int, default=300)
    parser.add_argument("--steps", type=int, default=8, help="of a sequence")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="sequences at a time")
    parser.add_argument("--write", type=Path, help="also write the scoreboard, e.g. docs/quality/keeper.md")
    arguments = parser.parse_args()
    start = time.monotonic()
    figures: Counter[str] = Counter()
    wrong: list[str] = []
    seeds = [arguments.seed * 100_000 + number for number in range(arguments.sequences)]
    done = 0
    try:
        for seed, steps, told, problems in _sequences(seeds, arguments.steps, arguments.jobs):
            done += 1
            figures.update(told)
            wrong += [f"seed {seed} ({', '.join(steps)}): {problem}" for problem in problems]
            print(f"seed {seed}: {'; '.join(problems) or 'right'}", flush=True)
    except BrokenProcessPool as error:
        wrong.append(f"a process died near seed {seeds[done]}: {error}")
    commit = subprocess.run(["git", "describe", "--always"], capture_output=True, text=True).stdout.strip()
    board = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "commit": commit or "unknown",
        "sequences": done,
        "minutes": round((time.monotonic() - start) / 60, 1),
        "files removed by gc": figures.pop("files removed", 0),
        "steps": dict(sorted(figures.items())),
        "sequences with rows lost": sum(" lost" in problem for problem in wrong),
        "sequences with text left": sum("taken down are left" in problem for problem in wrong),
        "other problems": sum(" lost" not in p and "taken down are left" not in p for p in wrong),
        "verdict": "wrong" if wrong else "right",
    }
    print(json.dumps(board, ensure_ascii=False))
    for problem in wrong:
        print(f"violation: {problem}")
    if arguments.write is not None:
        arguments.write.write_text(page(board, " ".join(sys.argv[1:])), encoding="utf-8")
    print(board["verdict"])
    return 1 if wrong else 0


def page(board: dict[str, object], command: str) -> str:
    """The scoreboard as Markdown."""
    told = {
        name: ", ".join(f"{count:,} {step}" for step, count in value.items())
        if isinstance(value, dict)
        else value
        for name, value in board.items()
    }
    return (
        "\n".join(
            [
                "# The last soak of the keepers",
                "",
                f"Made by `python benchmarks/keeper.py {command}`; do not edit. See docs/reliability.md.",
                "",
                "| figure | value |",
                "|---|---|",
                *(
                    f"| {name} | {value:,} |" if isinstance(value, int) else f"| {name} | {value} |"
                    for name, value in told.items()
                ),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
