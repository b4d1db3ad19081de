"""The endless job beside the direct runner, on the same topic in one run; and its memory over time.

Both read the same records with the same settings. The endless job runs as it is deployed: prism as a
separate job service, an external worker pool, the command that submits. What is printed beside pages a
second says where the difference goes: CPU seconds of each process, and busy seconds of each transform.

The soak samples the resident memory of each process, of the endless job or of the direct runner. After a
warm-up, a line is fitted; what the copies index needs for the texts that came meanwhile is subtracted. It
ends with a verdict, and exit code 1 where memory is not flat or a process is too large.

The peak is that of the direct runner at full speed, without a statistical model and with the English one.

Usage: python benchmarks/endless.py [--pages N] [--write docs/quality/endless.md]
       python benchmarks/endless.py --peak [--pages N] [--write docs/performance.md]
       python benchmarks/endless.py --soak MINUTES [--runner direct] [--rate PAGES_A_SECOND] [--write PAGE]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kafka import KafkaProducer

from measuring import measure, write_section
from newsmill.config import CopiesConfig, KafkaConfig, LakeConfig
from newsmill.copies.files import Nameless
from newsmill.copies.index import CopyIndex
from newsmill.dev.local_kafka import MESSAGE_BYTES, DevKafka
from newsmill.dev.prism import DevPrism
from newsmill.flow.steps.remember import seeds
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from shared_data import shared_folder
from throughput import pages

PARTITIONS = 4
BATCH = 500
"""Most records of a batch of the soak."""
TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP = 0.4
"""Part of a soak in which processes start, and fill what they keep."""
FLAT_MB_A_MINUTE = 0.5
WORKER_MB = 500
"""Most that a worker may take without a statistical model."""
MODEL_MB = 1_200
"""Most that a worker may take with the English model."""
PEAK_BATCH = 400
"""Records of a batch in which the peak is looked for."""
HOLDER = {"prism": "worker", "direct": "command"}
"""Which process has the copies index."""


@dataclass(frozen=True)
class Measured:
    """One run of one runner."""

    runner: str
    seconds: float
    pages: int
    stages: dict[str, float]
    cpu: dict[str, float]

    @property
    def cpu_seconds(self) -> float:
        """Of all its processes."""
        return sum(self.cpu.values())


def send(kafka: DevKafka, topic: str, count: int, *, start: int = 0, rate: float | None = None) -> None:
    """Send pages to all partitions in turn, at once or at a rate."""
    shared = shared_folder()
    assert kafka.running is not None
    producer = KafkaProducer(
        bootstrap_servers=kafka.running.bootstrap, acks="all", linger_ms=20, max_request_size=MESSAGE_BYTES
    )
    began = time.monotonic()
    for number, page in enumerate(islice(pages(shared), start, start + count)):
        headers = [("url", page.url.encode()), ("content-type", b"text/html")]
        producer.send(topic, value=page.body, headers=headers, partition=number % PARTITIONS)
        if rate is not None and (ahead := number / rate - (time.monotonic() - began)) > 0:
            time.sleep(ahead)
    producer.close(timeout=120)


def settings(kafka: KafkaConfig, lake: Path, records: int) -> list[str]:
    given = {
        "kafka.bootstrap": kafka.bootstrap,
        "kafka.topic": kafka.topic,
        "lake.path": lake,
        "batch.max_records": records,
        "batch.max_wait_s": 5,
    }
    return [part for key, value in given.items() for part in ("--set", f"{key}={value}")]


def tree(pid: int) -> Iterator[int]:
    """A process and all that it started; those that end meanwhile are passed over."""
    yield pid
    for task in Path(f"/proc/{pid}").glob("task/*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, of all that it started, and of their children that have ended."""
    total = 0
    for one in tree(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def resident_mb(pid: int) -> float:
    """Resident memory of one process; 0 where it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def run_command(kafka: KafkaConfig, lake: Path, records: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "newsmill", "-q", "run", *more, *settings(kafka, lake, records)]


def run_direct(kafka: KafkaConfig, lake: Path, records: int) -> Measured:
    run = measure("direct", run_command(kafka, lake, records, "--once", "--json"))
    told = json.loads(run.output)
    return Measured(
        "direct",
        run.seconds,
        told["records"],
        told["stage_seconds"],
        {
            "command": run.first_cpu_seconds,
            "extraction processes": run.cpu_seconds - run.first_cpu_seconds,
        },
    )


@contextmanager
def services(folder: Path) -> Iterator[tuple[DevPrism, subprocess.Popen[str], str]]:
    """A job service and a worker pool: both, and the pool's address."""
    with ExitStack() as stack:
        prism = stack.enter_context(DevPrism(log=folder / "prism.log"))
        out = stack.enter_context((folder / "pool.log").open("wb"))
        pool = subprocess.Popen(
            [sys.executable, "-m", "newsmill.workers.worker_pool", "--address", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )
        stack.callback(pool.wait)
        stack.callback(pool.terminate)
        assert pool.stdout is not None
        yield prism, pool, pool.stdout.readline().split()[-1]


def submit(kafka: KafkaConfig, lake: Path, records: int, prism: DevPrism, pool: str, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "newsmill", "-q", "run", "--runner", "prism", *more,
        *settings(kafka, lake, records),
        "--set", f"portable.job_endpoint={prism.endpoint}", "--set", f"portable.worker_pool={pool}",
    ]  # fmt: skip


def run_prism(kafka: KafkaConfig, lake: Path, records: int, folder: Path) -> Measured:
    with services(folder) as (prism, pool, at), (folder / "command.log").open("wb") as out:
        start = time.monotonic()
        process = subprocess.Popen(
            submit(kafka, lake, records, prism, at, "--once", "--json"), stdout=subprocess.PIPE, stderr=out
        )
        most = {"prism": 0.0, "pool and workers": 0.0, "command": 0.0}
        while process.poll() is None:
            for name, pid in (("prism", prism.pid), ("pool and workers", pool.pid), ("command", process.pid)):
                most[name] = max(most[name], cpu_seconds(pid))
            time.sleep(0.5)
        seconds = time.monotonic() - start
        assert process.stdout is not None
        output = process.stdout.read()
    if process.returncode:
        sys.exit((folder / "command.log").read_text()[-4000:])
    told = json.loads(output)
    return Measured("prism", seconds, told["records"], told["stage_seconds"], most)


def compare(kafka: DevKafka, folder: Path, count: int, write: Path | None) -> None:
    topic = "compared"
    kafka.make_topic(topic, partitions=PARTITIONS)
    send(kafka, topic, count)
    batch = max(100, count // 4)
    direct = run_direct(kafka.kafka(topic), folder / "direct", batch)
    prism = run_prism(kafka.kafka(topic), folder / "prism", batch, folder)
    report = audit(str(folder / "prism"), broker=kafka.kafka(topic), same_as=str(folder / "direct"))
    if not report.right:
        sys.exit(json.dumps([vars(finding) for finding in report.findings], default=str, indent=1))
    stages = sorted({*direct.stages, *prism.stages}, key=lambda n: -prism.stages.get(n, 0))

    def ms(run: Measured, value: float | None) -> str:
        return "" if value is None else f"{1000 * value / run.pages:.1f}"

    text = "\n".join(
        [
            f"`python benchmarks/endless.py --pages {count}`: {count} pages in batches of {batch}, "
            f"{os.cpu_count()} cores, one run of each after the other; start and end included; the rows of "
            "both are equal.",
            "",
            "| | direct | prism |",
            "| --- | ---: | ---: |",
            f"| pages a second | {direct.pages / direct.seconds:.1f} | {prism.pages / prism.seconds:.1f} |",
            f"| seconds | {direct.seconds:.1f} | {prism.seconds:.1f} |",
            f"| CPU, ms a page | {ms(direct, direct.cpu_seconds)} | {ms(prism, prism.cpu_seconds)} |",
            *(
                f"| of it {name} | {ms(direct, direct.cpu.get(name))} | {ms(prism, prism.cpu.get(name))} |"
                for name in direct.cpu | prism.cpu
            ),
            *(
                f"| {name} busy, ms a page | {ms(direct, direct.stages.get(name))} "
                f"| {ms(prism, prism.stages.get(name))} |"
                for name in stages
            ),
            "",
            f"prism / direct: {direct.seconds / prism.seconds:.2f}.",
        ]
    )
    print(text)
    if write is not None:
        write_section(write, "compared", text)


ROLES = {
    "newsmill.workers.worker": "worker",
    "newsmill.page.sandbox_child": "extraction process",
    "newsmill.workers.worker_pool": "pool",
    "newsmill": "command",
}


def role(pid: int) -> str:
    """What a process is, by the module that it runs."""
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    module = arguments[arguments.index("-m") + 1] if "-m" in arguments else ""
    return ROLES.get(module, Path(arguments[0]).name)


def sample(roots: Sequence[int], lake: Path) -> dict[str, float]:
    """Resident MB by role, mean where there are several; records and articles that the lake has."""
    found = defaultdict(list)
    for pid in (one for root in roots for one in tree(root)):
        with suppress(OSError):
            found[role(pid)].append(resident_mb(pid))
    seen = {name: statistics.fmean(sizes) for name, sizes in found.items()}
    if (lake / "catalog.db").exists():
        look = Lake.open_readonly(LakeConfig(path=str(lake)))
        files = look.tables.files(look.tables.load("articles"))
        return {**seen, "records": sum(look.committed().values()), "articles": sum(f.rows for f in files)}
    return {**seen, "records": 0, "articles": 0}


def index_growth_mb(lake: Path, before: int) -> float:
    """By how much the copies index grows with all articles of this lake but the first ones."""
    index = CopyIndex(CopiesConfig(), files=Nameless())
    rows = list(
        seeds(Lake.open_readonly(LakeConfig(path=str(lake))).recent(days=CopiesConfig().horizon_days))
    )
    index.seed(rows[:before])
    small = index.nbytes
    index.seed(rows[before:])
    return (index.nbytes - small) / 1e6


def peak(kafka: DevKafka, folder: Path, count: int, write: Path | None) -> None:
    topic = "peak"
    kafka.make_topic(topic, partitions=PARTITIONS)
    send(kafka, topic, count)
    rows, small = [], True
    english = ("--set", "enrich.models=[en]")
    for name, more, limit in (("none", (), WORKER_MB), ("English", english, MODEL_MB)):
        command = run_command(kafka.kafka(topic), folder / f"peak-{name}", PEAK_BATCH, "--once", *more)
        run = measure(f"peak, model: {name}", command)
        fits = run.peak_mb <= limit
        small &= fits
        rows.append(
            f"| {name} | {run.peak_mb:.0f} | {limit} | {run.peak_children_mb:.0f} "
            f"| {'small enough' if fits else '**TOO LARGE**'} |"
        )
    text = "\n".join(
        [
            f"`python benchmarks/endless.py --peak --pages {count}`: {count} pages in batches of "
            f"{PEAK_BATCH}, {os.cpu_count()} cores, at full speed; the most resident MB.",
            "",
            "| statistical model | command | limit | extraction processes together | |",
            "| --- | ---: | ---: | ---: | --- |",
            *rows,
        ]
    )
    print(text)
    if write is not None:
        write_section(write, "peak", text)
    if not small:
        sys.exit(1)


@dataclass(frozen=True)
class Growth:
    """A line through the memory of one kind of process after the warm-up."""

    mean_mb: float
    most_mb: float
    mb_a_minute: float
    error: float  # standard error of the slope

    @classmethod
    def of(cls, minutes: Sequence[float], sizes: Sequence[float]) -> Growth:
        """By least squares."""
        line = statistics.linear_regression(minutes, sizes)
        rest = [y - line.slope * x - line.intercept for x, y in zip(minutes, sizes, strict=True)]
        spread = math.sqrt(sum(r * r for r in rest) / max(1, len(rest) - 2))
        around = math.sqrt(statistics.pvariance(minutes) * len(minutes))
        return cls(statistics.fmean(sizes), max(sizes), line.slope, spread / around)


def run_soak(
    kafka: DevKafka, folder: Path, minutes: float, rate: float, runner: str
) -> list[dict[str, float]]:
    """Samples every ten seconds of a job that reads what comes at a rate."""
    topic, lake = "soak", folder / "soak"
    kafka.make_topic(topic, partitions=PARTITIONS)
    samples: list[dict[str, float]] = []
    others: tuple[int, ...] = ()
    with ExitStack() as stack:
        if runner == "prism":
            prism, pool, at = stack.enter_context(services(folder))
            command, others = submit(kafka.kafka(topic), lake, BATCH, prism, at), (pool.pid, prism.pid)
        else:
            command = run_command(kafka.kafka(topic), lake, BATCH)
        out = stack.enter_context((folder / "soak.log").open("wb"))
        process = subprocess.Popen(command, stderr=out)
        stack.callback(process.kill)
        sender = subprocess.Popen(
            [
                sys.executable, __file__, "--send-to", str(kafka.data),
                "--pages", str(round(minutes * 60 * rate)), "--rate", str(rate),
            ]
        )  # fmt: skip
        stack.callback(sender.kill)
        began = time.monotonic()
        while (past := time.monotonic() - began) < minutes * 60 and process.poll() is None:
            time.sleep(10)
            samples.append({"minute": past / 60} | sample((*others, process.pid), lake))
            print("  ".join(f"{key} {value:.1f}" for key, value in samples[-1].items()), flush=True)
        sender.terminate()
        sender.wait()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=120)
    if code:
        sys.exit((folder / "soak.log").read_text()[-6000:])
    return samples


def soak(kafka: DevKafka, folder: Path, minutes: float, rate: float, runner: str, write: Path | None) -> None:
    samples = run_soak(kafka, folder, minutes, rate, runner)
    holder = HOLDER[runner]
    lake = folder / "soak"
    later = [s for s in samples if s["minute"] >= WARM_UP * minutes]
    at = [s["minute"] for s in later]
    roles = sorted(set.intersection(*map(set, later)) - {"minute", "records", "articles"})
    lines = {name: Growth.of(at, [s[name] for s in later]) for name in roles}
    articles = round(later[-1]["articles"] - later[0]["articles"])
    needed = index_growth_mb(lake, round(later[0]["articles"])) / (at[-1] - at[0])
    over = {name: g.mb_a_minute - (needed if name == holder else 0.0) for name, g in lines.items()}
    audited = audit(str(lake)).right
    flat = all(slope + 2 * lines[name].error <= FLAT_MB_A_MINUTE for name, slope in over.items())
    small = lines[holder].most_mb <= WORKER_MB
    rows = [
        f"| {name} | {g.mean_mb:.0f} | {g.most_mb:.0f} | {g.mb_a_minute:+.2f} ± {2 * g.error:.2f} "
        f"| {needed if name == holder else 0:.2f} | {over[name]:+.2f} |"
        for name, g in lines.items()
    ]
    verdict = (
        f"**{'Flat' if flat else 'GROWING'}** (limit: {FLAT_MB_A_MINUTE:g} MB a minute beyond the index, "
        f"two standard errors included); {holder} **{'small enough' if small else 'TOO LARGE'}** "
        f"(limit: {WORKER_MB} MB); audit **{'right' if audited else 'WRONG'}**."
    )
    text = "\n".join(
        [
            f"`python benchmarks/endless.py --soak {minutes:g} --runner {runner} --rate {rate:g}`: "
            f"{samples[-1]['records']:.0f} records, {os.cpu_count()} cores. Resident memory of one process "
            f"of a kind; lines through the samples after the first {WARM_UP:.0%} of the time, ± two standard "
            "errors.",
            "",
            "| process | mean, MB | most, MB | MB a minute | of it the copies index | beyond it |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            f"{articles} articles came while the lines were drawn.",
            verdict,
        ]
    )
    print(text)
    if write is not None:
        write_section(write, "memory", text)
    if not (flat and small and audited):
        sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--peak", action="store_true", help="memory at full speed, with and without a model")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES")
    parser.add_argument("--runner", choices=tuple(HOLDER), default="prism", help="of the soak")
    parser.add_argument("--rate", type=float, default=4.0, help="pages a second of the soak")
    parser.add_argument("--write", type=Path, help="put the table into this page")
    parser.add_argument("--send-to", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.send_to is not None:
        send(DevKafka(data=given.send_to), "soak", given.pages, rate=given.rate)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with DevKafka(data=folder / "kafka") as kafka:
            if given.soak:
                soak(kafka, folder, given.soak, given.rate, given.runner, given.write)
            elif given.peak:
                peak(kafka, folder, given.pages, given.write)
            else:
                compare(kafka, folder, given.pages, given.write)


if __name__ == "__main__":
    main()
