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
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import NewPartitions

from newsmill.config import KafkaConfig, LakeConfig
from newsmill.dev import prism
from newsmill.dev.prism import DevPrism
from newsmill.flow.elements.batches import AHEAD
from newsmill.lake.verification.audit import audit
from newsmill.lake.verification.findings import Report
from newsmill.lake.writer import Lake

RECORDS = 240
"""Records of the tests that compare runners, a kill at a time."""
BATCH = 60
MANY = int(os.environ.get("NEWSMILL_STREAM_RECORDS", "2000"))
"""Records of the test that kills every process in turn, in twenty batches; `make stream` has more."""
LARGE_BATCH = max(20, MANY // 20)
AHEAD_OF_LAKE = (AHEAD + 3) * LARGE_BATCH
"""So many records more than the lake has are always sent: full batches can be planned, so they are those
that the direct runner makes, though most records come while the job runs."""
PARTITIONS = 4
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
    batch: int = BATCH
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Job:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.service = self._stack.enter_context(DevPrism(log=self.folder / "prism.log"))
        armed = {"NEWSMILL_TEST": "1", "NEWSMILL_FAILPOINT": self.failpoint} if self.failpoint else {}
        self.pool = self._start(
            [sys.executable, "-m", "newsmill.workers.worker_pool", "--address", "127.0.0.1:0"],
            "pool.log",
            env={**os.environ, **armed},
            stdout=subprocess.PIPE,
        )
        assert self.pool.stdout is not None
        at = self.pool.stdout.readline().decode().split()[-1]
        self.command = self._start(
            [
                sys.executable, "-m", "newsmill", "run", "--runner", "prism", *self.arguments,
                *settings(self.kafka, self.lake, self.batch),
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
        return [p for p in found if b"newsmill.workers.worker" in Path(f"/proc/{p}/cmdline").read_bytes()]

    def ended(self, *, within_s: float = 240) -> int:
        """The command's exit code, once it ends."""
        return self.command.wait(timeout=within_s)

    def failed(self) -> int:
        """The command's exit code after a worker's death, within minutes.

        Prism does not notice the death of a worker that has no bundle just then: its job runs on and does
        nothing, until an operator ends it.
        """
        try:
            return self.command.wait(timeout=100)
        except subprocess.TimeoutExpired:
            os.kill(self.service.pid, signal.SIGKILL)
            return self.command.wait(timeout=100)

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


def settings(kafka: KafkaConfig, lake: Path, batch: int) -> list[str]:
    """The options that both runners get."""
    given = {
        "kafka.bootstrap": kafka.bootstrap,
        "kafka.topic": kafka.topic,
        "lake.path": str(lake),
        "batch.max_records": batch,
        "batch.max_wait_s": 1,
    }
    return [part for key, value in given.items() for part in ("--set", f"{key}={value}")]


def direct_command(kafka: KafkaConfig, lake: Path, batch: int) -> list[str]:
    """What the job is compared with."""
    return [sys.executable, "-m", "newsmill", "-q", "run", "--once", *settings(kafka, lake, batch)]


def committed(lake: Path) -> int:
    """Offsets in the lake."""
    if not (lake / "lake.json").exists():
        return 0
    return sum(Lake.open_readonly(LakeConfig(path=str(lake))).committed().values())


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
    subprocess.run(direct_command(topic, lake, BATCH), check=True, capture_output=True, timeout=240)
    return lake


def test_stream_gives_the_rows_of_the_direct_runner(topic: KafkaConfig, direct: Path, tmp_path: Path) -> None:
    with Job(topic, tmp_path / "lake", tmp_path / "job", ("--once",)) as job:
        assert job.ended() == 0, job.logs()
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


def test_topic_made_again_stops_the_job_until_losses_are_skipped(kafka: Any, tmp_path: Path) -> None:
    """It has grown past the committed offset, so that nothing but its id tells."""
    config, lake = kafka.topic(), tmp_path / "lake"
    records = [Sent(0, r.value, r.url) for r in mixture(60, seed=3) if r.value is not None]
    old, new = records[:10], records[10:40]
    send(kafka, config, old)
    with Job(config, lake, tmp_path / "first", ("--once",)) as job:
        assert job.ended() == 0, job.logs()
    kafka.make_again(config)
    send(kafka, config, new)
    with Job(config, lake, tmp_path / "second", ("--once",)) as job:
        assert job.ended() == 1, job.logs()
        assert "it was deleted and made again" in job.logs()
    assert committed(lake) == len(old)
    with Job(config, lake, tmp_path / "third", ("--once", "--on-data-loss", "skip")) as job:
        assert job.ended() == 0, job.logs()
    assert committed(lake) == len(new)
    report = audit(str(lake), broker=config)
    assert_right(report)
    assert report.records == len(new)


def test_nothing_is_lost_or_twice_when_the_pool_is_killed(
    topic: KafkaConfig, direct: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    with Job(topic, lake, tmp_path / "first", ("--once",)) as job:
        wait_for(lake, 1, job)
        os.kill(job.pool.pid, signal.SIGKILL)
        assert job.ended() == 1, job.logs()
    assert committed(lake) < RECORDS
    finish(topic, lake, tmp_path / "second", direct)


@pytest.mark.parametrize(
    "place", ["begin.noted", "commit.checked", "commit.appended.articles", "commit.done"]
)
def test_nothing_is_lost_or_twice_when_the_committer_is_killed(
    topic: KafkaConfig, direct: Path, tmp_path: Path, place: str
) -> None:
    lake = tmp_path / "lake"
    with Job(topic, lake, tmp_path / "first", ("--once",), failpoint=f"{place}@2:kill") as job:
        assert job.failed() == 1, job.logs()
    assert 0 < committed(lake) < RECORDS
    finish(topic, lake, tmp_path / "second", direct)


def finish(topic: KafkaConfig, lake: Path, folder: Path, direct: Path) -> None:
    """A new job on the same lake reads the rest; then all is as if nothing had happened."""
    with Job(topic, lake, folder, ("--once",)) as job:
        assert job.ended() == 0, job.logs()
    report = audit(str(lake), broker=topic, same_as=str(direct))
    assert_right(report)
    assert report.records == RECORDS


class Arriving(threading.Thread):
    """Sends records while jobs run: always so many more than the lake has."""

    def __init__(self, kafka: Any, topic: KafkaConfig, lake: Path, records: Sequence[Sent]) -> None:
        super().__init__(name="arriving", daemon=True)
        self._kafka, self._topic, self._lake, self._records = kafka, topic, lake, records
        self.sent = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        while self.sent < len(self._records) and not self.stopped.wait(0.1):
            wanted = committed(self._lake) + AHEAD_OF_LAKE
            if wanted > self.sent:
                send(self._kafka, self._topic, self._records[self.sent : wanted])
                self.sent = wanted


@pytest.mark.timeout(1200)
def test_many_records_are_those_of_the_direct_runner_though_every_process_is_killed_in_turn(
    kafka: Any, tmp_path: Path
) -> None:
    """Records arrive meanwhile; each job goes on from the lake; the last one drains and ends."""
    topic = kafka.topic(partitions=PARTITIONS)
    lake, direct = tmp_path / "lake", tmp_path / "direct"
    arriving = Arriving(kafka, topic, lake, mixture(MANY))
    arriving.start()
    with ExitStack() as stack:
        stack.callback(arriving.stopped.set)
        for number, victim in enumerate(("job service", "worker")):
            with Job(topic, lake, tmp_path / victim, batch=LARGE_BATCH) as job:
                wait_for(lake, (1 + 4 * number) * LARGE_BATCH, job, within_s=300)
                assert arriving.sent < MANY
                [worker] = job.workers()
                os.kill(job.service.pid if victim == "job service" else worker, signal.SIGKILL)
                assert job.failed() == 1, job.logs()
        place = "commit.decided@3:kill"
        with Job(topic, lake, tmp_path / "committer", failpoint=place, batch=LARGE_BATCH) as job:
            assert job.failed() == 1, job.logs()
        assert committed(lake) < MANY
        with Job(topic, lake, tmp_path / "drained", ("--once",), batch=LARGE_BATCH) as job:
            arriving.join()
            compared = subprocess.Popen(direct_command(topic, direct, LARGE_BATCH))
            stack.callback(_end, compared)
            assert job.ended(within_s=600) == 0, job.logs()
        assert compared.wait(timeout=600) == 0
    report = audit(str(lake), broker=topic, same_as=str(direct))
    assert_right(report)
    assert report.records == MANY
    assert set(report.fates) == {"article", "copy", "revision", "redelivery", "not_article", "quarantined"}
