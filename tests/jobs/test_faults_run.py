"""The main job, as a user runs it, killed and paused at named places of its commit; real Kafka."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from broker import Broker
from lake_readers import watched
from newsmill.config import KafkaConfig
from newsmill.dev.local_kafka import DevKafka
from newsmill.lake.verification.audit import audit
from newsmill.sources.brokers import close_idle

pytestmark = pytest.mark.kafka

PLACES = ("commit.checked@1", "commit.decided@1", "commit.appended.articles@1")
"""Where one job after another is killed, each going on where the last one was."""


@pytest.fixture
def topic(kafka) -> KafkaConfig:
    """90 short pages over two partitions: every tenth broken, every seventh sent again at another URL."""
    config = kafka.topic(partitions=2)
    producer = kafka.producer()
    for n in range(90):
        told = n - 1 if n % 7 == 6 else n
        text = "".join(
            f"<p>Item {told * 5 + k}: {'the harbour and its ships ' * 6}{told}.</p>" for k in range(6)
        )
        page = f"<html><head><title>Report {told}</title></head><body><article>{text}</article></body></html>"
        url = b"no url" if n % 10 == 9 else f"https://site{n % 3}.example/{n}".encode()
        producer.send(config.topic, page.encode(), headers=[("url", url)], partition=n % 2)
    producer.close()
    return config


def start(config: KafkaConfig, lake: Path, failpoint: str = "", *sets: str) -> subprocess.Popen[str]:
    settings = [
        f"kafka.bootstrap={config.bootstrap}",
        f"kafka.topic={config.topic}",
        f"lake.path={lake}",
        "batch.max_records=30",
        *sets,
    ]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "newsmill", "run", "--once"),
            *(part for setting in settings for part in ("--set", setting)),
        ],
        env={**os.environ, "NEWSMILL_TEST": "1", "NEWSMILL_FAILPOINT": failpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, told = process.communicate(timeout=240)
    return process.returncode, told


def test_job_killed_at_each_place_ends_with_the_lake_of_a_job_that_was_not(
    topic: KafkaConfig, tmp_path: Path
) -> None:
    harmed, whole = tmp_path / "harmed", tmp_path / "whole"
    for place in PLACES:
        code, told = ended(start(topic, harmed, f"{place}:kill"))
        assert code == -signal.SIGKILL, f"{place}: {told}"
        assert audit(str(harmed), broker=topic).findings == []
    for lake in (harmed, whole):
        code, told = ended(start(topic, lake))
        assert code == 0, told
    report = audit(str(harmed), broker=topic, same_as=str(whole))
    assert json.dumps(report.as_dict()["findings"]) == "[]"
    assert report.records == report.broker_records == 90
    assert report.fates["quarantined"] == 9


def test_job_that_slept_past_its_lease_is_refused_when_it_wakes(topic: KafkaConfig, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    sleeper = start(topic, lake, "commit.decided@1:stop", "lake.lease_s=1")
    deadline = time.monotonic() + 200
    while Path(f"/proc/{sleeper.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "tT":
        assert sleeper.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1.5)
    code, told = ended(start(topic, lake, "", "lake.lease_s=1"))
    assert code == 0, told
    os.kill(sleeper.pid, signal.SIGCONT)
    code, told = ended(sleeper)
    assert code == 1
    assert "has taken over this lake" in told
    report = audit(str(lake), broker=topic)
    assert (report.findings, report.records) == ([], 90)


def test_job_outlives_a_broker_that_is_killed_and_started_again(java: None, tmp_path: Path) -> None:
    """The same process ends with exit code 0 and all records; the next one finds nothing left to do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lake = tmp_path / "lake"
    with DevKafka(data=tmp_path / "broker", port=port) as dev:
        dev.make_topic("pages", partitions=2)
        config = dev.kafka("pages")
        text = "".join(f"<p>Item {n}: {'the harbour and its ships ' * 6}.</p>" for n in range(6))
        producer = Broker(dev).producer()
        for n in range(60):
            page = f"<html><head><title>Report {n}</title></head><body><article>{text}{n}</article></body>"
            url = f"https://site{n % 3}.example/{n}".encode()
            producer.send("pages", page.encode(), headers=[("url", url)], partition=n % 2)
        producer.close()
        with watched(lake) as seen:
            process = start(config, lake, "", "batch.max_records=20")
            assert process.stderr is not None
            while "batch committed" not in (line := process.stderr.readline()):
                assert line, "the job ended before its first commit"
            running = dev.running
            assert running is not None
            os.kill(running.pid, signal.SIGKILL)
            os.waitpid(running.pid, 0)
            time.sleep(1)
            dev.start(attached=True)
            code, told = ended(process)
            assert (code, "Traceback" in told) == (0, False), told
        report = audit(str(lake), broker=config)
        assert (report.findings, report.records, seen) == ([], 60, [])
        assert set(report.fates) <= {"article", "copy"}
        code, told = ended(start(config, lake))
        assert (code, "batch committed" in told) == (0, False), told
        close_idle(config)
