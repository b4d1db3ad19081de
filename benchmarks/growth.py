"""CPU of a page by shape and size, from 10 kB to 9 MB.

    python benchmarks/growth.py [--shape NAME]… [--to BYTES] [--write docs/quality/limits.md]

A row a shape: what became of the largest page, CPU seconds of each size, and how much faster than the page
its cost grew between the first size that costs more than 0.15 s and the last. The last line is the verdict;
the exit code is 1 when a shape grows more than 1.3 times as fast as its page.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from measuring import write_section
from page_costs import stages
from page_shapes import SHAPES

SIZES = (10_000, 100_000, 1_000_000, 9_000_000)
MOST = 1.3
CHEAP_S = 0.15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", action="append", choices=list(SHAPES), help="only this one")
    parser.add_argument("--to", type=int, default=SIZES[-1], help="largest page, bytes")
    parser.add_argument("--write", type=Path, help="put the table into this page")
    options = parser.parse_args()
    sizes = [size for size in SIZES if size <= options.to]
    told = [f"{size / 1000:,.0f} kB" for size in sizes]
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    lines = [
        f"Made by `make growth`, {where}: CPU seconds by size of the page.",
        "",
        f"| shape | fate | {' | '.join(told)} | growth | dearest |",
        "| --- | --- |" + " --: |" * (len(sizes) + 1) + " --- |",
    ]
    print("\n".join(lines))
    failed = []
    for shape in options.shape or SHAPES:
        costs, fate, dearest = [], "", ""
        for size in sizes:
            spent, fate = stages(SHAPES[shape](size))
            costs.append(sum(spent.values()))
            dearest = max(spent, key=lambda stage: spent[stage])
        growth = _growth(sizes, costs)
        if growth > MOST:
            failed.append(shape)
        shown = " | ".join(f"{cost:.2f}" for cost in costs)
        lines.append(f"| {shape} | {fate} | {shown} | {growth:.2f} | {dearest} |")
        print(lines[-1], flush=True)
    shapes = options.shape or SHAPES
    verdict = f"{len(failed)} of {len(shapes)} shapes grow more than {MOST} x linear: {failed}"
    if options.write is not None:
        write_section(options.write, "growth", "\n".join([*lines, "", f"{verdict}."]))
    print(verdict)
    return 1 if failed else 0


def _growth(sizes: list[int], costs: list[float]) -> float:
    """Cost of a byte of the largest page, in those of the smallest page whose cost is worth measuring."""
    first = next((n for n, cost in enumerate(costs) if cost > CHEAP_S), len(costs) - 1)
    return costs[-1] / costs[first] * sizes[first] / sizes[-1]


if __name__ == "__main__":
    sys.exit(main())
