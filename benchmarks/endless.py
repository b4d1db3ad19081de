"""The endless job beside the direct runner, on the same topic in one run; and its memory over time.

Both read the same records with the same settings. The endless job runs as it is deployed: prism as a
separate job service, an external worker pool, the command that submits. What is printed beside pages a
second says where the difference goes: CPU seconds of each process, and busy seconds of each transform.

Usage: python benchmarks/endless.py [--pages N] [--soak MINUTES] [--rate PAGES_A_SECOND] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from newsmill.config import KafkaConfig, LakeConfig
from newsmill.lake.audit import audit
from newsmill.lake.lake import Lake
from newsmill.ops.devcluster import MESSAGE_BYTES, DevKafka
from newsmill.ops.prism import DevPrism
from throughput import pages

PARTITIONS = 4
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """One run of one runner."""

    runner: str
    seconds: float
    pages: int
    stages: dict[str, float]
    cpu: dict[str, float]


def send(kafka: DevKafka, topic: str, count: int, *, start: int = 0, rate: float | None = None) -> None:
    """Send pages to all partitions in turn, at once or at a rate."""
    shared = Path(os.environ.get("NEWSMILL_SHARED", Path(__file__).parents[2] / "shared"))
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


def memory_mb(pid: int) -> float:
    """Resident memory of a process and all that it started."""
    total = 0
    for one in tree(pid):
        with suppress(OSError):
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return total / 1024


def run_direct(kafka: KafkaConfig, lake: Path, records: int, log: Path) -> Measured:
    command = [
        sys.executable,
        "-m",
        "newsmill",
        "-q",
        "run",
        "--once",
        "--json",
        *settings(kafka, lake, records),
    ]
    with log.open("wb") as out:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out)
        output, _ = process.communicate()
    if process.returncode:
        sys.exit(log.read_text()[-4000:])
    told = json.loads(output)
    used = os.times()
    return Measured(
        "direct",
        time.monotonic() - start,
        told["records"],
        told["stage_seconds"],
        {"all": used.children_user + used.children_system},
    )


@contextmanager
def services(folder: Path) -> Iterator[tuple[DevPrism, subprocess.Popen[str], str]]:
    """A job service and a worker pool: both, and the pool's address."""
    with ExitStack() as stack:
        prism = stack.enter_context(DevPrism(log=folder / "prism.log"))
        out = stack.enter_context((folder / "pool.log").open("wb"))
        pool = subprocess.Popen(
            [sys.executable, "-m", "newsmill.ops.worker_pool", "--address", "127.0.0.1:0"],
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


def compare(kafka: DevKafka, folder: Path, count: int, *, as_json: bool) -> None:
    topic = "compared"
    kafka.make_topic(topic, partitions=PARTITIONS)
    send(kafka, topic, count)
    batch = max(100, count // 4)
    runs = [
        run_direct(kafka.kafka(topic), folder / "direct", batch, folder / "direct.log"),
        run_prism(kafka.kafka(topic), folder / "prism", batch, folder),
    ]
    report = audit(str(folder / "prism"), broker=kafka.kafka(topic), same_as=str(folder / "direct"))
    if as_json:
        print(json.dumps({"runs": [vars(run) for run in runs], "equal": report.right}))
        return
    print(f"{count} pages, batches of {batch}, {os.cpu_count()} cores, whole run with start and end")
    for run in runs:
        print(f"\n{run.runner}: {run.pages / run.seconds:.1f} pages/s ({run.pages} in {run.seconds:.1f} s)")
        for name, cpu in run.cpu.items():
            print(f"  CPU of {name}: {cpu:.1f} s, {1000 * cpu / run.pages:.1f} ms a page")
        for name, busy in sorted(run.stages.items(), key=lambda item: -item[1]):
            print(f"  {name} busy {busy:.1f} s")
    print(f"\nratio prism/direct: {runs[0].seconds / runs[1].seconds:.2f}; rows equal: {report.right}")
    if not report.right:
        sys.exit(json.dumps([vars(finding) for finding in report.findings], default=str, indent=1))


def soak(kafka: DevKafka, folder: Path, minutes: float, rate: float, *, as_json: bool) -> None:
    topic = "soak"
    kafka.make_topic(topic, partitions=PARTITIONS)
    lake = folder / "soak"
    samples: list[dict[str, Any]] = []
    with ExitStack() as stack:
        prism, pool, at = stack.enter_context(services(folder))
        out = stack.enter_context((folder / "soak.log").open("wb"))
        process = subprocess.Popen(submit(kafka.kafka(topic), lake, 500, prism, at), stderr=out)
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
            done = sum(Lake.look(LakeConfig(path=str(lake))).committed().values())
            samples.append(
                {
                    "minute": past / 60,
                    "workers_mb": memory_mb(pool.pid),
                    "prism_mb": memory_mb(prism.pid),
                    "records": done,
                }
            )
            if not as_json:
                print("  ".join(f"{key} {value:.1f}" for key, value in samples[-1].items()), flush=True)
        sender.terminate()
        sender.wait()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=120)
    if code:
        sys.exit((folder / "soak.log").read_text()[-6000:])
    later = samples[len(samples) // 2 :]
    slopes = {
        key: statistics.linear_regression([s["minute"] for s in later], [s[key] for s in later]).slope
        for key in ("workers_mb", "prism_mb")
    }
    report = audit(str(lake))
    if as_json:
        print(json.dumps({"samples": samples, "slopes": slopes, "exit": code, "right": report.right}))
        return
    print(f"{samples[-1]['records']} records in {minutes:g} minutes; exit code {code}; audit {report.right}")
    for key, slope in slopes.items():
        print(f"{key}: {slope:+.2f} MB a minute over the second half")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES")
    parser.add_argument("--rate", type=float, default=10.0, help="pages a second of the soak")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--send-to", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.send_to is not None:
        send(DevKafka(data=given.send_to), "soak", given.pages, rate=given.rate)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with DevKafka(data=folder / "kafka") as kafka:
            if given.soak:
                soak(kafka, folder, given.soak, given.rate, as_json=given.json)
            else:
                compare(kafka, folder, given.pages, as_json=given.json)


if __name__ == "__main__":
    main()
