"""Measuring runs as processes of their own, and putting their tables into pages of the docs."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
WORKERS = os.cpu_count() or 1
TICK = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LOOK_S = 0.05
SHARED_LOOKS = 10
"""Memory of other processes is asked for at every such look only: the kernel walks over all of it."""


@dataclass(frozen=True)
class Run:
    """One measured run: of the process that was started and all that it started."""

    name: str
    seconds: float
    cpu_seconds: float
    first_cpu_seconds: float  # of the first process alone
    peak_mb: float  # of the first process, resident
    peak_children_mb: float  # of all others together: what forks share counts once
    broker_cpu_seconds: float = 0.0
    output: str = ""


def measure(name: str, command: Sequence[str], *, broker: int | None = None) -> Run:
    """Run a command to its end.

    Args:
        name: What to call the run.
        command: Run in this folder, with bytecode kept as an installed package keeps it.
        broker: Process id of the Kafka that it reads from.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = cpu_seconds(broker) if broker else 0.0
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment | {"PYTHONPATH": str(HERE), "HF_HUB_OFFLINE": "1"},
        start_new_session=True,
    )
    watch = _Watch(process.pid)
    output, error = process.communicate()
    seconds = time.monotonic() - start
    spent, first_spent, peak, children = watch.stop()
    if process.returncode != 0:
        sys.exit(f"{name} failed:\n{error.decode(errors='replace')[-3000:]}")
    print(f"{name}: {seconds:.1f} s, {spent:.1f} s of CPU", file=sys.stderr)
    return Run(
        name=name,
        seconds=seconds,
        cpu_seconds=spent,
        first_cpu_seconds=first_spent,
        peak_mb=peak,
        peak_children_mb=children,
        broker_cpu_seconds=cpu_seconds(broker) - before if broker else 0.0,
        output=output.decode(),
    )


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


class _Watch:
    """Watches the memory and the CPU time of a session of processes."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._peaks = (0.0, 0.0)
        self._ticks: dict[int, int] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> tuple[float, float, float, float]:
        """(CPU seconds, those of the first process, its peak MB, peak MB of the others together)."""
        self._end.set()
        self._thread.join()
        first, others = self._peaks
        first_ticks = self._ticks.get(self._session, 0)  # none where it ended before it was looked at
        return sum(self._ticks.values()) / TICK, first_ticks / TICK, first, others

    def _watch(self) -> None:
        looks = 0
        while not self._end.wait(LOOK_S):
            looks += 1
            first, others = self._peaks[0], 0.0
            for entry in Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                try:
                    fields = _stat(int(entry.name))
                    if int(fields[3]) != self._session:
                        continue
                    if looks % SHARED_LOOKS == 0 and int(entry.name) != self._session:
                        others += _proportional_mb(entry)
                except (FileNotFoundError, ProcessLookupError):
                    continue
                self._ticks[int(entry.name)] = int(fields[11]) + int(fields[12])
                if int(entry.name) == self._session:
                    first = int(fields[21]) * PAGE_BYTES / 1e6
            self._peaks = max(self._peaks[0], first), max(self._peaks[1], others)


def _proportional_mb(process: Path) -> float:
    """Resident memory of a process, where what it shares with others counts as its part of them."""
    found = re.search(r"^Pss: +(\d+) kB$", (process / "smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def spread(values: Sequence[float], digits: int) -> str:
    """Median, and least to most in brackets."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def markdown(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The lines of a table in Markdown, headed by the keys that all rows have."""
    return [
        f"| {' | '.join(rows[0])} |",
        f"|{'---|' * len(rows[0])}",
        *(f"| {' | '.join(map(str, row.values()))} |" for row in rows),
    ]


def write_section(page: Path, name: str, text: str) -> None:
    """Put a text between the marks `<!-- name -->` and `<!-- /name -->` of a page."""
    marks = f"<!-- {name} -->", f"<!-- /{name} -->"
    whole, found = re.subn(
        f"{marks[0]}.*?{marks[1]}",
        lambda _: f"{marks[0]}\n{text.strip()}\n{marks[1]}",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if not found:
        sys.exit(f"{page} has no marks {marks[0]} {marks[1]}")
    page.write_text(whole, encoding="utf-8")
