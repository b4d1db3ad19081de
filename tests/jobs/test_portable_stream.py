"""The endless job on real parts: Kafka, prism as a separate job service, an external worker pool.

Each run starts the command as users do. What it wrote is judged by the audit, which shares no code
with the writer, and compared row by row with what the direct runner makes of the same topic.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import NewPartitions

from newsmill.config import KafkaConfig, LakeConfig
from newsmill.lake.audit import Report, audit
from newsmill.lake.lake import Lake
from newsmill.ops import prism
from newsmill.ops.prism import DevPrism

RECORDS = int(os.environ.get("NEWSMILL_STREAM_RECORDS", "240"))
"""Records of the tests that compare runners; the nightly run sets 20000."""
PARTITIONS = 4
BATCH = max(60, RECORDS // 8)
WORDS = (
    "harbour council bridge tariff storm ferry election budget glacier orchard museum strike river court "
    "railway village minister teacher hospital island festival drought treaty airport farmer engineer"
).split()

pytestmark = pytest.mark.kafka


def page(seed: int, *, day: int = 1, extra: str = "") -> bytes:
    """A small page; the same seed and extra give the same page."""
    rng = random.Random(seed)
    sentences = [
        " ".join(
            rng.choice(WORDS) + (str(rng.randint(2, 99)) if rng.random() < 0.2 else "") for _ in range(16)
        )
        for _ in range(12)
    ]
    body = "".join(f"<p>{sentence.capitalize()}.</p>" for sentence in [*sentences, extra] if sentence)
    title = f"{rng.choice(WORDS).capitalize()} {rng.choice(WORDS)} {seed}"
    return (
        f'<html lang="en"><head><title>{title}</title>'
        f'<meta property="article:published_time" content="2026-11-{day:02d}T08:00:00Z"></head>'
        f"<body><article><h1>{title}</h1>{body}</article></body></html>"
    ).encode()


@dataclass(frozen=True)
class Sent:
    """One record to send."""

    partition: int
    value: bytes | None
    url: str | None

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        return [] if self.url is None else [("url", self.url.encode()), ("content-type", b"text/html")]


def mixture(count: int, *, seed: int = 7) -> list[Sent]:
    """Stories, copies on other sites and partitions, redeliveries, changed stories, broken records."""
    rng = random.Random(seed)
    sent: list[Sent] = []
    stories: list[tuple[int, str]] = []
    for number in range(count):
        partition, roll = rng.randrange(PARTITIONS), rng.random()
        if roll < 0.70 or not stories:
            url = f"https://site{number % 50}.example/story/{number}"
            stories.append((number, url))
            sent.append(Sent(partition, page(number, day=1 + number % 20), url))
        elif roll < 0.80:
            story, _ = rng.choice(stories)
            sent.append(Sent(partition, page(story, day=21), f"https://copy{number % 9}.example/{number}"))
        elif roll < 0.87:
            story, url = rng.choice(stories)
            sent.append(Sent(partition, page(story, day=1 + story % 20), url))
        elif roll < 0.93:
            story, url = rng.choice(stories)
            sent.append(Sent(partition, page(story, day=22, extra=f"Changed at {number}"), url))
        elif roll < 0.96:
            sent.append(Sent(partition, None, None))
        elif roll < 0.98:
            sent.append(Sent(partition, page(number), None))
        else:
            sent.append(Sent(partition, page(number), "https://[broken/"))
    return sent


def send(kafka: Any, config: KafkaConfig, records: Sequence[Sent]) -> None:
    """Send all and wait until the broker has them."""
    producer = kafka.producer(linger_ms=20)
    try:
        futures = [
            producer.send(config.topic, value=r.value, key=b"k", headers=r.headers, partition=r.partition)
            for r in records
        ]
        for future in futures:
            future.get(timeout=120)
    finally:
        producer.close()


@dataclass
class Job:
    """One endless job: job service, worker pool and the command that submits and waits."""

    kafka: KafkaConfig
    lake: Path
    folder: Path
    arguments: tuple[str, ...] = ()
    failpoint: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Job:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.service = self._stack.enter_context(DevPrism(log=self.folder / "prism.log"))
        armed = {"NEWSMILL_TEST": "1", "NEWSMILL_FAILPOINT": self.failpoint} if self.failpoint else {}
        self.pool = self._start(
            [sys.executable, "-m", "newsmill.ops.worker_pool", "--address", "127.0.0.1:0"],
            "pool.log",
            env={**os.environ, **armed},
            stdout=subprocess.PIPE,
        )
        assert self.pool.stdout is not None
        at = self.pool.stdout.readline().decode().split()[-1]
        self.command = self._start(
            [
                sys.executable, "-m", "newsmill", "run", "--runner", "prism", *self.arguments,
                *settings(self.kafka, self.lake),
                "--set", f"portable.job_endpoint={self.service.endpoint}",
                "--set", f"portable.worker_pool={at}",
            ],
            "command.log",
        )  # fmt: skip
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _start(self, command: list[str], log: str, **options: Any) -> subprocess.Popen[bytes]:
        out = self._stack.enter_context((self.folder / log).open("ab"))
        process = subprocess.Popen(command, stderr=out, **({"stdout": out} | options))
        self._stack.callback(_end, process)
        return process

    def workers(self) -> list[int]:
        """Process ids of the pool's workers."""
        children = Path(f"/proc/{self.pool.pid}/task/{self.pool.pid}/children")
        found = [
            int(pid)
            for task in children.parents[1].iterdir()
            for pid in (task / "children").read_text().split()
        ]
        return [p for p in found if b"newsmill.ops.worker" in Path(f"/proc/{p}/cmdline").read_bytes()]

    def ended(self, *, within_s: float = 240) -> int:
        """The command's exit code, once it ends."""
        return self.command.wait(timeout=within_s)

    def logs(self) -> str:
        """The ends of all logs, for a failure's message."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}"
            for log in sorted(self.folder.glob("*.log"))
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def settings(kafka: KafkaConfig, lake: Path) -> list[str]:
    """The options that both runners get."""
    given = {
        "kafka.bootstrap": kafka.bootstrap,
        "kafka.topic": kafka.topic,
        "lake.path": str(lake),
        "batch.max_records": BATCH,
        "batch.max_wait_s": 1,
    }
    return [part for key, value in given.items() for part in ("--set", f"{key}={value}")]


def run_direct(kafka: KafkaConfig, lake: Path) -> None:
    """What the job is compared with."""
    subprocess.run(
        [sys.executable, "-m", "newsmill", "run", "--once", *settings(kafka, lake)],
        check=True,
        capture_output=True,
        timeout=1200,
    )


def committed(lake: Path) -> int:
    """Offsets in the lake."""
    if not (lake / "catalog.db").exists():
        return 0
    return sum(Lake.look(LakeConfig(path=str(lake))).committed().values())


def wait_for(lake: Path, offsets: int, job: Job, *, within_s: float = 120) -> None:
    """Wait until the lake has so many offsets; the job must run meanwhile."""
    deadline = time.monotonic() + within_s
    while committed(lake) < offsets:
        assert job.command.poll() is None, job.logs()
        assert time.monotonic() < deadline, f"{committed(lake)} of {offsets}\n{job.logs()}"
        time.sleep(0.3)


def assert_right(report: Report) -> None:
    assert report.right, json.dumps([vars(f) for f in report.findings], indent=1, default=str)


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    if problems := prism.missing():
        pytest.skip("; ".join(problems))
    prism.binary()


@pytest.fixture(scope="module")
def topic(kafka: Any) -> KafkaConfig:
    """A topic that is full when the jobs begin."""
    config = kafka.topic(partitions=PARTITIONS)
    send(kafka, config, mixture(RECORDS))
    return config


@pytest.fixture(scope="module")
def direct(topic: KafkaConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake that the direct runner makes of the topic."""
    lake = tmp_path_factory.mktemp("direct") / "lake"
    run_direct(topic, lake)
    return lake


def test_stream_gives_the_rows_of_the_direct_runner(topic: KafkaConfig, direct: Path, tmp_path: Path) -> None:
    with Job(topic, tmp_path / "lake", tmp_path / "job", ("--once",)) as job:
        assert job.ended(within_s=1200) == 0, job.logs()
    report = audit(str(tmp_path / "lake"), broker=topic, same_as=str(direct))
    assert_right(report)
    assert report.records == RECORDS
    assert set(report.fates) == {"article", "copy", "revision", "redelivery", "not_article", "quarantined"}


def test_records_and_partitions_that_come_while_it_runs_are_read(kafka: Any, tmp_path: Path) -> None:
    config = kafka.topic(partitions=2)
    lake = tmp_path / "lake"
    records = [r for r in mixture(240, seed=11) if r.value is not None]
    early = [Sent(r.partition % 2, r.value, r.url) for r in records[:80]]
    late = records[80:]
    with Job(config, lake, tmp_path / "job") as job:
        send(kafka, config, early)
        wait_for(lake, len(early), job)
        admin = kafka.admin()
        try:
            admin.create_partitions({config.topic: NewPartitions(total_count=PARTITIONS)})
        finally:
            admin.close()
        for start in range(0, len(late), 40):
            send(kafka, config, late[start : start + 40])
        wait_for(lake, len(records), job)
        job.command.send_signal(signal.SIGTERM)
        assert job.ended() == 0, job.logs()
    assert_right(audit(str(lake), broker=config))


@pytest.mark.parametrize("victim", ["job service", "worker", pytest.param("pool", marks=pytest.mark.slow)])
def test_nothing_is_lost_or_twice_when_a_process_is_killed(
    topic: KafkaConfig, direct: Path, tmp_path: Path, victim: str
) -> None:
    lake = tmp_path / "lake"
    with Job(topic, lake, tmp_path / "first", ("--once",)) as job:
        wait_for(lake, 1, job)
        [worker] = job.workers()
        pid = {"job service": job.service.pid, "worker": worker, "pool": job.pool.pid}[victim]
        os.kill(pid, signal.SIGKILL)
        assert job.ended() == 1, job.logs()
    assert committed(lake) < RECORDS
    finish(topic, lake, tmp_path / "second", direct)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("begin.noted@2", marks=pytest.mark.slow),
        pytest.param("commit.checked@2", marks=pytest.mark.slow),
        "commit.decided@2",
        pytest.param("commit.appended.articles@2", marks=pytest.mark.slow),
        pytest.param("commit.done@2", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_lost_or_twice_when_the_committer_is_killed(
    topic: KafkaConfig, direct: Path, tmp_path: Path, place: str
) -> None:
    lake = tmp_path / "lake"
    with Job(topic, lake, tmp_path / "first", ("--once",), failpoint=f"{place}:kill") as job:
        assert job.ended() == 1, job.logs()
    assert 0 < committed(lake) < RECORDS
    finish(topic, lake, tmp_path / "second", direct)


def finish(topic: KafkaConfig, lake: Path, folder: Path, direct: Path) -> None:
    """A new job on the same lake reads the rest; then all is as if nothing had happened."""
    with Job(topic, lake, folder, ("--once",)) as job:
        assert job.ended(within_s=1200) == 0, job.logs()
    report = audit(str(lake), broker=topic, same_as=str(direct))
    assert_right(report)
    assert report.records == RECORDS
