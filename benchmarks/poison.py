"""What is left of the throughput when some pages hang, crash or eat memory, and whether all fates are right.

    python benchmarks/poison.py [--pages 300] [--write docs/quality/limits.md]
    python benchmarks/poison.py --whole 10000 [--write docs/quality/limits.md]

Real pages, and among them, evenly, pages that do in their extraction process what `poisons.py` says. Each
row is one run of the direct runner over a WARC file with the default settings, without enrichment: what a
poisoned page costs counts most where the others cost least. The exit code is 1 where a fate is wrong, or
where less than is asked is left.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import duckdb
import msgspec
from duckdb_extensions import import_extension

import poisons
from measuring import HERE, Run, measure, write_section
from newsmill.config import Config
from newsmill.errors import Code, Rejected
from newsmill.page.sandbox import Sandbox
from newsmill.records import ParsedPage, RawPage
from newsmill.sources.warc import write_warc
from shared_data import shared_folder
from throughput import pages

_POISONED: Final = 20
"""Most poisoned pages of a row: they cost what they cost, however many there are."""

_TRIES: Final = 21
"""Pages that crash, for the price of one."""

SHARES: Final = (1, 10, 50)
"""Percent of the pages."""

TABLE: Final = ("hang", "crash", "memory", "sleep")
ASKED: Final = {("hang", 1): 0.6, ("crash", 10): 0.6}
"""Least share of the throughput that must be left."""

_SITE: Final = """import sys
if "newsmill.page.sandbox_child" in sys.orig_argv:
    import poisons
    from newsmill.page import reading
    reading.read = poisons.read
"""
"""Read by Python at its start: the extraction processes read with `poisons.read`."""


_TABLE: Final = """
Made by `python benchmarks/poison.py {arguments}`, Python {python}, {cores} cores, load {load:.1f} from
elsewhere at the start. *Left*: honest pages a second, in those of the clean run before it, both
without the start; by the CPU time of all processes, and by the clock (– where there was other work).

A page whose process dies, and the fork in its place, take {replaced:.0f} ms together (median of {tries}).

| poison | of them | pages | left, CPU | left, clock | asked | fates |
| --- | ---: | ---: | ---: | ---: | ---: | --- |"""

_WHOLE: Final = """
Made by `python benchmarks/poison.py {arguments}`: {count:,} pages with 1 % of each kind ({kinds}) in one
run: {codes}; no other page is quarantined; fates that are wrong: {wrong}. {run.cpu_seconds:.0f} s of CPU, the
command at most {run.peak_mb:.0f} MB, its other processes together {run.peak_children_mb:.0f} MB (shared pages
counted for each)."""


@dataclass(frozen=True)
class Ended:
    """A run, and what became of its pages."""

    pages: int
    run: Run
    wrong: list[str]
    codes: Counter[str]


def poisoned(count: int, kinds: dict[str, int]) -> Iterator[RawPage]:
    """Pages of which each kind has its percentage, spread evenly.

    Args:
        count: How many.
        kinds: Percent of the pages by kind.
    """
    due = dict.fromkeys(kinds, 0.0)
    for page in islice(pages(shared_folder()), count):
        for kind, percent in kinds.items():
            due[kind] += percent / 100
        kind = max(due, key=lambda name: due[name], default="")
        if kind and due[kind] >= 1:
            due[kind] -= 1
            page = msgspec.structs.replace(
                page, body=poisons.page_of(page.body, kind), url=f"{page.url}?{kind}"
            )
        yield page


def run(scratch: Path, name: str, count: int, kinds: dict[str, int]) -> Ended:
    """One run over so many pages."""
    warc, lake = scratch / f"{name}.warc.gz", scratch / name
    write_warc(warc, poisoned(count, kinds))
    (scratch / "sitecustomize.py").write_text(_SITE)
    path = os.pathsep.join(map(str, (scratch, HERE)))
    program = HERE / "peers" / "newsmill_direct.py"
    ended = measure(name, ["env", f"PYTHONPATH={path}", sys.executable, str(program), str(warc), str(lake)])
    return Ended(count, ended, *fates(lake, count))


def fates(lake: Path, count: int) -> tuple[list[str], Counter[str]]:
    """(what is wrong, how many pages have each code), as DuckDB reads the tables."""
    with duckdb.connect() as connection:
        for extension in ("avro", "iceberg"):
            import_extension(extension)
            connection.load_extension(extension)
        told = f"SELECT url FROM iceberg_scan('{lake}/fate')"
        urls = [url for (url,) in connection.sql(told).fetchall()]
        held = f"SELECT url, code FROM iceberg_scan('{lake}/quarantine')"
        codes = dict(connection.sql(held).fetchall())
    wrong = [f"{len(urls)} fates of {count} pages"] if len(urls) != count or len(set(urls)) != count else []
    for url in urls:
        kind = url.rpartition("?")[2]
        wanted = poisons.KINDS.get(kind)
        if codes.get(url) != wanted:
            wrong.append(f"{url}: {codes.get(url)}, not {wanted}")
    return wrong, Counter(codes.values())


def left(clean: Ended, start: Ended, ended: Ended, seconds: str) -> float:
    """Honest pages a second of a run, in those of the clean run, both without the start."""
    idle = getattr(start.run, seconds)
    a_page, clean_page = (
        (getattr(one.run, seconds) - idle) / (one.pages - sum(one.codes.values())) for one in (ended, clean)
    )
    return float(clean_page / a_page)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=300, help="of a row at most")
    parser.add_argument("--whole", type=int, help="in place of the table: pages of one run with all kinds")
    parser.add_argument("--write", type=Path, help="put the result into this page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="poison-") as folder:
        text, wrong = whole(Path(folder), given.whole) if given.whole else table(Path(folder), given.pages)
    print(text)
    for one in wrong[:20]:
        print(f"violation: {one}")
    if given.write is not None:
        write_section(given.write, "poisoned-run" if given.whole else "poison", text)
    return 1 if wrong else 0


def replaced_s() -> float:
    """Seconds that a page whose process dies takes, until the fork in its place is ready: the median."""
    config = Config()
    page = config.page.model_copy(update={"processes": 1})
    [honest] = islice(pages(shared_folder()), 1)
    crash = msgspec.structs.replace(honest, body=poisons.page_of(honest.body, "crash"))
    os.environ["PYTHONPATH"] = str(HERE)  # the extraction processes', which read with `poisons.read`
    with Sandbox(page=page, input=config.input, read="poisons:read", gives=ParsedPage) as sandbox:

        def seconds(*read: RawPage) -> float:
            start = time.perf_counter()
            outcomes = [outcome for one in read for outcome in sandbox.map([one])]
            took = time.perf_counter() - start
            assert isinstance(outcomes.pop(), ParsedPage), outcomes
            assert all(isinstance(o, Rejected) and o.code is Code.CRASH for o in outcomes), outcomes
            return took

        seconds(honest)

        alone = statistics.median(seconds(honest) for _ in range(_TRIES))
        return statistics.median(seconds(crash, honest) for _ in range(_TRIES)) - alone


def table(scratch: Path, pages: int) -> tuple[str, list[str]]:
    """What is left of the throughput by kind and share, and what is wrong."""
    run(scratch, "warm", 2, {})
    quiet = os.getloadavg()[0] < 1
    lines = [
        _TABLE.format(
            arguments=" ".join(sys.argv[1:]),
            python=platform.python_version(),
            cores=os.cpu_count(),
            load=os.getloadavg()[0],
            replaced=1000 * replaced_s(),
            tries=_TRIES,
        )
    ]
    wrong: list[str] = []
    for kind in TABLE:
        start, clean = run(scratch, f"start-{kind}", 2, {}), run(scratch, f"clean-{kind}", pages, {})
        wrong += clean.wrong
        for percent in SHARES:
            count = min(pages, _POISONED * 100 // percent)
            ended = run(scratch, f"{kind}-{percent}", count, {kind: percent})
            by_cpu = left(clean, start, ended, "cpu_seconds")
            by_clock = f"{left(clean, start, ended, 'seconds'):.0%}" if quiet else "–"
            quiet &= os.getloadavg()[0] < 2 * (os.cpu_count() or 1)
            asked = ASKED.get((kind, percent))
            wrong += ended.wrong
            if asked and by_cpu < asked:
                wrong.append(f"{percent} % {kind}: {by_cpu:.0%} left, not {asked:.0%}")
            told = f"{sum(ended.codes.values())} {poisons.KINDS[kind]}"
            cells = (
                *(kind, f"{percent} %", f"{ended.pages:,}", f"{by_cpu:.0%}", by_clock),
                *(f"{asked:.0%}" if asked else "", "**WRONG**" if ended.wrong else told),
            )
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    return "\n".join(lines), wrong


def whole(scratch: Path, count: int) -> tuple[str, list[str]]:
    """What became of a run with 1 % of each kind, and what is wrong."""
    ended = run(scratch, "whole", count, dict.fromkeys(poisons.KINDS, 1))
    text = _WHOLE.format(
        arguments=" ".join(sys.argv[1:]),
        count=count,
        kinds=", ".join(poisons.KINDS),
        codes=", ".join(f"{number} {code}" for code, number in sorted(ended.codes.items())),
        wrong=len(ended.wrong),
        run=ended.run,
    )
    return text, ended.wrong


if __name__ == "__main__":
    sys.exit(main())
