"""The endless job on a real Flink, whose every process is killed in turn: what stays right, and how fast.

    NEWSMILL_FLINK_JOB_SERVER_JAR=beam-runners-flink-….jar make flink

Beam's job server is given as a jar; Flink of the same version comes from Maven. All are processes of their
own on loopback: a JobManager, two TaskManagers with a pool each, the job server, Kafka and the command.

One topic grows while jobs run, are killed, stopped, restored, rescaled and drained; batches are full, so that
the lake must at last have the very rows that the direct runner makes of the topic. A second topic, of pages
that come one by one, shows how fresh commits are, what checkpoints take and that an idle job stays as it is.
The last line is the verdict.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from endless import cpu_seconds, resident_mb, run_prism, send, tree
from flink_cluster import Cluster, wait
from flink_mill import Arriving, Mill, Wrong, committed
from measuring import write_section
from newsmill.dev.local_kafka import DevKafka

VARIABLE: Final = "NEWSMILL_FLINK_JOB_SERVER_JAR"
PARTITIONS: Final = 4
PROGRESS_S: Final = 60.0
"""The next commit after a kill, at the latest; or what a start took in this run, where that is longer."""
CHECKPOINT_S: Final = 15.0
"""The longest checkpoint under load."""
LEAST_OF_PRISM: Final = 0.8
FRESH_WAIT_S: Final = 5.0
IDLE_GROWTH: Final = 1.1
"""Most that the state and the memory of an idle job may grow by."""
BOUNDED: Final = (2, 77)
"""From this Beam on, its Flink runner keeps one state for all that a planner puts off; before, one for each
time, for ever (github.com/apache/beam/pull/39191)."""


class Suite:
    """The rows of the table, and what is wrong."""

    def __init__(self, cluster: Cluster, kafka: DevKafka, folder: Path) -> None:
        self.cluster, self.kafka, self.folder = cluster, kafka, folder
        self.rows: list[tuple[str, str, bool]] = []
        self._start_s = 0.0

    def tell(self, what: str, found: str, right: bool = True) -> None:
        """A row of the table."""
        self.rows.append((what, found, right))
        print(f"{time.strftime('%H:%M:%S')} {'right' if right else 'WRONG'}  {what}: {found}", flush=True)

    @contextmanager
    def tried(self, what: str) -> Iterator[None]:
        """What goes wrong inside is a row of the table."""
        try:
            yield
        except (Wrong, TimeoutError, subprocess.TimeoutExpired, RuntimeError) as error:
            self.tell(what, f"{type(error).__name__}: {error}"[:1500], False)

    def breaks(self, least: int, batch: int) -> None:
        """Everything dies in turn, jobs are stopped, restored, rescaled and drained; the rows are right."""
        topic = "flink-breaks"
        self.kafka.make_topic(topic, partitions=PARTITIONS)
        mill = Mill(self.cluster, self.kafka.kafka(topic), self.folder / "breaks",
                    {"batch.max_records": batch, "batch.max_wait_s": 3600})  # fmt: skip
        arriving = Arriving(self.kafka, mill, least, batch)
        arriving.start()
        try:
            command = mill.command(portable__parallelism=1)
            self._start_s = mill.advance(within_s=900)
            self.tell("first commit after the start, one worker", f"{self._start_s:.0f} s")
            command = self._stopped_and_restored(mill, command)
            for victim in ("worker", "pool 0", "TaskManager 0"):
                with self.tried(f"kill -9 of a {victim.rstrip(' 0')}"):
                    self._killed(mill, victim)
            command = self._job_server_and_command(mill, command)
            command = self._job_manager(mill, command)
            self._drained(mill, command)
        finally:
            arriving.enough.set()
        arriving.join()
        command, start = mill.command("--once"), time.monotonic()
        with self.tried("all pages, with --once"):
            mill.ends(command, 0, 900)
            took = time.monotonic() - start
            self.tell("`--once` after all of it ends by itself, with its start", f"{took:.0f} s")
        direct = self.folder / "direct"
        given = {"kafka.bootstrap": mill.kafka.bootstrap, "kafka.topic": topic, "lake.path": direct,
                 "batch.max_records": batch, "batch.max_wait_s": 3600}  # fmt: skip
        options = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
        subprocess.run([sys.executable, "-m", "newsmill", "-q", "run", "--once", *options], check=True)
        with self.tried("rows equal to the direct runner's"):
            found = mill.audited(same_as=direct)
            self.tell(
                "rows equal to the direct runner's, audit clean", f"{found} pages", found == arriving.sent
            )

    def _stopped_and_restored(self, mill: Mill, command: subprocess.Popen[bytes]) -> Any:
        with self.tried("savepoint, stop, restore with two workers"):
            start = time.monotonic()
            savepoint = self.cluster.stop(mill.job(), drain=False)
            took = time.monotonic() - start
            mill.ends(command, 0)
            before = mill.audited()
            command = mill.command(portable__savepoint=savepoint)
            again = mill.advance()
            restored = self.cluster.ask("GET", f"/jobs/{mill.job()}/checkpoints")["latest"]["restored"]
            self.tell(
                "stop with a savepoint; restored with parallelism 2 in place of 1",
                f"stopped in {took:.0f} s at {before} pages, next commit {again:.0f} s after the start",
                restored is not None and restored["is_savepoint"],
            )
        return command

    def _killed(self, mill: Mill, victim: str) -> None:
        if victim == "worker":
            pids = [pid for number in (0, 1) for pid in self.cluster.workers(number)]
            os.kill(pids[0], signal.SIGKILL)
        else:
            self.cluster.kill(victim)
            kind, number = victim.split()
            start = self.cluster.start_pool if kind == "pool" else self.cluster.start_task_manager
            start(int(number))
        took = mill.advance()
        found = mill.audited()
        self.tell(
            f"kill -9 of a {victim.rstrip(' 0')}: next commit, audit clean", f"{took:.0f} s, {found} pages",
            took <= max(PROGRESS_S, self._start_s),
        )  # fmt: skip

    def _job_server_and_command(self, mill: Mill, command: subprocess.Popen[bytes]) -> Any:
        with self.tried("kill -9 of the job server, then of the command"):
            job = mill.job()
            self.cluster.kill("job server")
            ended = mill.ends(command, 1)
            told = "--attach" in mill.log.read_text()
            took = mill.advance()
            self.cluster.start_job_server()
            self.cluster.await_job_server()
            self.tell(
                "kill -9 of the job server: the command ends and says how to follow, the job goes on",
                f"ended in {ended:.0f} s, next commit {took:.0f} s", told and mill.job() == job,
            )  # fmt: skip
            second = mill.command()
            mill.ends(second, 2)
            refused = "runs already" in mill.log.read_text()
            command = mill.following()
            mill.advance()
            command.kill()
            command.wait()
            took = mill.advance()
            command = mill.following()
            mill.advance()
            right = refused and mill.job() == job and command.poll() is None
            self.tell("a second job of the name is refused; `--attach` follows it, also after kill -9",
                      f"next commit {took:.0f} s", right)  # fmt: skip
        return command

    def _job_manager(self, mill: Mill, command: subprocess.Popen[bytes]) -> Any:
        with self.tried("kill -9 of the JobManager, no high availability"):
            self.cluster.kill("JobManager")
            self.cluster.start_job_manager()
            ended = mill.ends(command, 1)
            slots = self.cluster.await_slots()
            before = mill.audited()
            command = mill.command()
            took = mill.advance()
            self.tell(
                "kill -9 of the JobManager without high availability: the command ends, a new run goes on",
                f"ended in {ended:.0f} s, slots back {slots:.0f} s later, next commit {took:.0f} s after the "
                f"new start; audit clean at {before} pages",
            )
        return command

    def _drained(self, mill: Mill, command: subprocess.Popen[bytes]) -> None:
        with self.tried("stop with --drain"):
            mill.advance()
            job, start = mill.job(), time.monotonic()
            self.cluster.stop(job, drain=True)
            mill.ends(command, 0)
            took = time.monotonic() - start
            found = self.cluster.rest.job(job)
            state = found.state if found else "unknown"
            self.tell("stop with --drain: the job ends by itself", f"{state} in {took:.0f} s, audit clean at "
                      f"{mill.audited()} pages", state == "FINISHED")  # fmt: skip

    def fresh(self, count: int, rate: float, idle_s: float) -> None:
        """Pages come one by one; then none; then the job is cancelled."""
        topic = "flink-fresh"
        self.kafka.make_topic(topic, partitions=PARTITIONS)
        mill = Mill(self.cluster, self.kafka.kafka(topic), self.folder / "fresh",
                    {"batch.max_wait_s": FRESH_WAIT_S, "portable.checkpoint_interval_s": 10})  # fmt: skip
        command = mill.command()
        job = mill.job()
        send(self.kafka, topic, PARTITIONS)
        mill.advance(PARTITIONS)
        early = self.cluster.ask("GET", f"/jobs/{job}/checkpoints")["counts"]["failed"]
        seen: list[tuple[float, int]] = []
        stop = threading.Event()

        def look() -> None:
            while not stop.wait(0.3):
                seen.append((time.monotonic(), committed(mill.lake)))

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        start = time.monotonic()
        send(self.kafka, topic, count, start=PARTITIONS, rate=rate)
        with self.tried("commits of what arrives"):
            wait("all", 300, lambda: committed(mill.lake) >= count + PARTITIONS)
        stop.set()
        looking.join()
        ages = []
        for number in range(count):
            sent = start + number / rate
            at = next((t for t, have in seen if have > number + PARTITIONS), time.monotonic())
            ages.append(at - sent)
        ages.sort()
        p50, p95 = ages[len(ages) // 2], ages[math.ceil(0.95 * len(ages)) - 1]
        busy = statistics.median(self._batch_seconds(seen) or [0.0])
        limit = 2 * (FRESH_WAIT_S + busy)
        self.tell(
            f"{count} pages, {rate:g} a second, `max_wait_s` {FRESH_WAIT_S:g}: arrival to commit",
            f"median {p50:.1f} s, p95 {p95:.1f} s (limit {limit:.1f} s), worst {ages[-1]:.1f} s",
            p95 <= limit,
        )  # fmt: skip
        self._checkpoints(job, early)
        self._idle(mill, job, idle_s)
        self._cancelled(mill, command, job)

    def _batch_seconds(self, seen: Sequence[tuple[float, int]]) -> list[float]:
        """Seconds between commits, less the wait: what a batch takes of itself."""
        changes = [t for (t, have), (_, before) in zip(seen[1:], seen, strict=False) if have != before]
        return [max(0.0, b - a - FRESH_WAIT_S) for a, b in pairwise(changes)]

    def _checkpoints(self, job: str, early: int) -> None:
        """Those that failed `early` came while tasks were starting."""
        found = self.cluster.ask("GET", f"/jobs/{job}/checkpoints")
        longest = found["summary"]["end_to_end_duration"]["max"] / 1000
        state = found["summary"]["state_size"]["max"] / 1e6
        completed, failed = found["counts"]["completed"], found["counts"]["failed"] - early
        self.tell(
            "checkpoints meanwhile",
            f"{completed} completed, {failed} failed; longest {longest:.1f} s, largest {state:.1f} MB",
            longest <= CHECKPOINT_S and not failed,
        )

    def _idle(self, mill: Mill, job: str, seconds: float) -> None:
        names = self.cluster.names()
        roots = [self.cluster.pid(name) for name in names]

        def look() -> tuple[float, float, float]:
            last = self.cluster.rest.checkpoints(job).latest.completed
            memory = sum(resident_mb(p) for root in roots for p in tree(root))
            return (last.state_size / 1e6 if last else 0.0), memory, sum(map(cpu_seconds, roots))

        time.sleep(min(60, seconds / 4))
        state, memory, cpu = look()
        start = time.monotonic()
        time.sleep(seconds)
        state_after, memory_after, cpu_after = look()
        cores = (cpu_after - cpu) / (time.monotonic() - start)
        minutes = (time.monotonic() - start) / 60
        bounded = tuple(int(part) for part in self.cluster.beam.split(".")[:2]) >= BOUNDED
        grown = (
            f"; {(state_after - state) / minutes:.2f} MB a minute, of Beam before 2.77 (apache/beam#39191)"
        )
        self.tell(
            f"{minutes:.1f} minutes without pages: state, memory and CPU of all processes",
            f"{state:.2f} → {state_after:.2f} MB{'' if bounded else grown}; "
            f"{memory:.0f} → {memory_after:.0f} MB; {cores:.2f} cores",
            (state_after <= state * IDLE_GROWTH + 0.1 or not bounded)
            and memory_after <= memory * IDLE_GROWTH,
        )

    def _cancelled(self, mill: Mill, command: subprocess.Popen[bytes], job: str) -> None:
        with self.tried("SIGTERM"):
            command.send_signal(signal.SIGTERM)
            took = mill.ends(command, 0)
            found = self.cluster.rest.job(job)
            state = found.state if found else "unknown"
            self.tell("SIGTERM to the command: the job", f"{state} in {took:.0f} s, audit clean at "
                      f"{mill.audited()} pages", state == "CANCELED")  # fmt: skip

    def throughput(self, count: int) -> None:
        """Beside prism, on one topic, without the start."""
        topic = "flink-throughput"
        self.kafka.make_topic(topic, partitions=PARTITIONS)
        send(self.kafka, topic, count)
        batch = max(50, count // 20)
        more: dict[str, object] = {"batch.max_records": batch, "batch.max_wait_s": 5,
                                   "portable.checkpoint_interval_s": 30}  # fmt: skip
        mill = Mill(self.cluster, self.kafka.kafka(topic), self.folder / "throughput", more)
        rates: dict[str, float] = {}
        with self.tried("throughput"):
            command = mill.command("--once")
            rates["flink"] = self._rate(mill.lake, count, lambda: command.poll() is not None)
            mill.ends(command, 0)
            prism = self.folder / "prism"
            running = threading.Thread(target=run_prism, args=(mill.kafka, prism, batch, self.folder))
            running.start()
            rates["prism"] = self._rate(prism, count, lambda: not running.is_alive())
            running.join()
            share = rates["flink"] / rates["prism"]
            self.tell(
                f"pages a second from the first commit to the last, {count} pages: Flink, prism",
                f"{rates['flink']:.1f}, {rates['prism']:.1f}: {share:.2f} of prism", share >= LEAST_OF_PRISM,
            )  # fmt: skip

    def _rate(self, lake: Path, count: int, ended: Callable[[], bool]) -> float:
        wait("first commit", 600, lambda: committed(lake) or ended())
        first, start = committed(lake), time.monotonic()
        wait("last commit", 1200, lambda: committed(lake) >= count or ended())
        if committed(lake) < count:
            raise Wrong(f"only {committed(lake)} of {count} pages")
        return (count - first) / (time.monotonic() - start)


def table(suite: Suite, command: str) -> str:
    """What a part found, as it is put into the docs."""
    lines = [
        f"`{command}`: newsmill on Python {sys.version.split()[0]} with Beam {version('apache-beam')}, "
        f"Flink {suite.cluster.version} with Beam {suite.cluster.beam}'s job server, {os.cpu_count()} cores.",
        "",
        "| what | found | |",
        "| --- | --- | --- |",
        *(f"| {what} | {found} | {'right' if good else '**WRONG**'} |" for what, found, good in suite.rows),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--pages", type=int, default=3000, help="at least, of the topic that is read while all breaks"
    )
    parser.add_argument("--fresh", type=int, default=600, help="pages that come one by one")
    parser.add_argument("--rate", type=float, default=3.0, help="of these, a second")
    parser.add_argument("--idle", type=float, default=600.0, metavar="SECONDS")
    parser.add_argument("--throughput", type=int, default=2400, help="pages that are read beside prism")
    parser.add_argument("--only", choices=("breaks", "fresh", "throughput"), action="append")
    parser.add_argument("--folder", type=Path, help="keep logs and lakes there")
    parser.add_argument("--write", type=Path, help="put each part's table into this page, once it ended")
    given = parser.parse_args()
    jar = os.environ.get(VARIABLE, "")
    if not Path(jar).is_file():
        sys.exit(
            f"{VARIABLE} must name Beam's job server for Flink: beam-runners-flink-….jar, from Maven Central"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        kafka = stack.enter_context(DevKafka(data=folder / "kafka"))
        cluster = stack.enter_context(Cluster(Path(jar), folder / "flink"))
        parts: dict[str, tuple[str, Callable[[Suite], None]]] = {
            "breaks": (
                f"--pages {given.pages}",
                lambda suite: suite.breaks(given.pages, max(20, given.pages // 40)),
            ),
            "fresh": (
                f"--fresh {given.fresh} --rate {given.rate:g} --idle {given.idle:g}",
                lambda suite: suite.fresh(given.fresh, given.rate, given.idle),
            ),
            "throughput": (
                f"--throughput {given.throughput}",
                lambda suite: suite.throughput(given.throughput),
            ),
        }
        right = True
        for part in given.only or parts:
            options, tried = parts[part]
            suite = Suite(cluster, kafka, folder)
            tried(suite)
            right &= all(row[2] for row in suite.rows)
            text = table(suite, f"python benchmarks/flink_live.py --only {part} {options}")
            print(text)
            if given.write is not None:
                write_section(given.write, part, text)
    print("right" if right else "WRONG")
    if not right:
        sys.exit(1)


if __name__ == "__main__":
    main()
