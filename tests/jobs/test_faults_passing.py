"""Trouble that passes: brokers, partitions and catalogs that are away are waited for, and told of once."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from broker import Broker, SecondBroker
from newsmill.config import KafkaConfig, LakeConfig
from newsmill.dev import local_kafka
from newsmill.dev.local_kafka import DevKafka
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.runtime import retrying
from newsmill.sources.brokers import close_idle

pytestmark = pytest.mark.kafka
NOWHERE = KafkaConfig(bootstrap="127.0.0.1:1", topic="pages")
BACK = "is back after"


class Job:
    """`newsmill run`, and what it has said so far."""

    def __init__(self, config: KafkaConfig, lake: Path, *sets: str, once: bool = True) -> None:
        settings = [
            f"kafka.bootstrap={config.bootstrap}",
            f"kafka.topic={config.topic}",
            f"lake.path={lake}",
            "batch.max_records=20",
            *sets,
        ]
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "newsmill", "run", *(("--once",) if once else ())),
                *(part for setting in settings for part in ("--set", setting)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines += iter(self.process.stderr.readline, "")

    def said(self, part: str) -> list[str]:
        return [line for line in self.lines if part in line]

    def wait_for(self, part: str) -> None:
        until(lambda: bool(self.said(part)), f"{part!r} was not said: {self.lines}")

    def ended(self) -> int:
        code = self.process.wait(timeout=300)
        self._reading.join()
        assert "Traceback" not in "".join(self.lines), "".join(self.lines)
        return code


@contextmanager
def job(config: KafkaConfig, lake: Path, *sets: str, once: bool = True) -> Iterator[Job]:
    started = Job(config, lake, *sets, once=once)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            os.killpg(started.process.pid, signal.SIGKILL)
            started.process.wait()


def until(true: Callable[[], bool], message: str, limit_s: float = 200) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, message
        time.sleep(0.1)


def answer(port: int, path: str) -> tuple[int, list[str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, json.load(response)["problems"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["problems"]
    except urllib.error.URLError as error:
        return 0, [str(error)]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[DevKafka]:
    """A broker of its own at a fixed port, since it is killed and started again."""
    if problems := local_kafka.missing():
        pytest.skip("; ".join(problems))
    with DevKafka(data=tmp_path / "broker", port=free_port()) as dev:
        yield dev
        close_idle()


def fill(dev: DevKafka, pages: int, *, partitions: int = 2) -> None:
    producer = Broker(dev).producer()
    text = "".join(f"<p>Item {n}: {'the harbour and its ships ' * 6}.</p>" for n in range(6))
    for n in range(pages):
        page = f"<html><head><title>Report {n}</title></head><body><article>{text}{n}</article></body>"
        url = f"https://site{n % 3}.example/{n}".encode()
        producer.send("pages", page.encode(), headers=[("url", url)], partition=n % partitions)
    producer.close()


def kill(dev: DevKafka) -> None:
    running = dev.running
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)


def test_broker_that_is_not_there_at_the_start_and_goes_away_again_is_waited_for(
    dev: DevKafka, tmp_path: Path
) -> None:
    """Each absence is told of once at its beginning and once at its end; /ready gives the reason."""
    dev.make_topic("pages", partitions=2)
    config, lake, port = dev.kafka("pages"), tmp_path / "lake", free_port()
    fill(dev, 60)
    kill(dev)
    with job(config, lake, f"metrics.port={port}", "batch.max_wait_s=1", once=False) as run:
        run.wait_for(f"waiting for kafka at {config.bootstrap}: no broker answers")
        until(lambda: answer(port, "/ready")[0] == 503, "ready without a broker")
        dev.start(attached=True)
        run.wait_for("batch committed")
        until(lambda: answer(port, "/ready") == (200, []), "not ready though the broker is there")
        kill(dev)
        until(lambda: len(run.said("waiting for kafka")) == 2, "the second absence was not told")
        code, problems = answer(port, "/ready")
        assert code == 503
        assert problems[0].startswith(f"waiting for kafka at {config.bootstrap} for")
        assert answer(port, "/health") == (200, [])
        time.sleep(8)
        dev.start(attached=True)
        until(lambda: answer(port, "/ready") == (200, []), "not ready though the broker is back")
        until(lambda: not audit(str(lake), broker=config).findings, "the rest was not read")
        until(lambda: audit(str(lake)).records == 60, "the rest was not read")
        run.process.send_signal(signal.SIGTERM)
        assert run.ended() == 0
        told = len(run.said("waiting for kafka"))
        assert told == len(run.said(BACK))
        assert told in (2, 3)  # a broker that starts may answer, and be away once more
    assert audit(str(lake), broker=config).findings == []


def test_partition_without_a_leader_is_waited_for(dev: DevKafka, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    with SecondBroker(dev, tmp_path / "second") as second:
        second.make_topic("pages", leaders=(1, 2))
        fill(dev, 60)
        config = dev.kafka("pages")
        second.kill()
        until(lambda: second.leader("pages", 1) == -1, "the partition still has a leader")
        with job(config, lake) as run:
            run.wait_for("waiting for kafka")
            assert "pages" in run.said("waiting for kafka")[0]
            assert run.process.poll() is None
            second.start()
            assert run.ended() == 0
            assert run.said(BACK)
        report = audit(str(lake), broker=config)
        assert (report.findings, report.records) == ([], 60)
        close_idle()


def test_a_limit_ends_the_run_with_one_line(tmp_path: Path) -> None:
    with job(NOWHERE, tmp_path / "lake", "kafka.patience_s=3") as run:
        assert run.ended() == 1
    assert "tried for 3 s: no broker answers" in run.lines[-1]


def test_run_that_waits_stops_when_it_is_told_to(tmp_path: Path) -> None:
    with job(NOWHERE, tmp_path / "lake", once=False) as run:
        run.wait_for("waiting for kafka")
        run.process.send_signal(signal.SIGTERM)
        assert run.ended() == 0
    assert "told to stop while waiting for kafka" in run.lines[-1]


def test_locked_catalog_is_waited_for_and_told_of_each_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Ten minutes, of half a second each."""
    monkeypatch.setattr(retrying, "EVERY_S", 0.5)
    monkeypatch.setattr(retrying, "QUIET_S", 0.1)
    monkeypatch.setattr(retrying, "LONGEST_S", 0.1)
    catalog = f"sqlite:///{tmp_path}/lake/catalog.db?timeout=0.05"
    config = LakeConfig(path=str(tmp_path / "lake"), catalog={"type": "sql", "uri": catalog})
    (tmp_path / "lake").mkdir()
    lake = Lake.open(config)
    locked, done = threading.Event(), threading.Event()

    def told() -> list[str]:
        return [r.getMessage() for r in caplog.records if "the catalog or store of" in r.getMessage()]

    def hold() -> None:
        with closing(sqlite3.connect(tmp_path / "lake" / "catalog.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            locked.set()
            while len(told()) < 11:
                time.sleep(0.05)
            other.execute("COMMIT")
            done.set()

    caplog.set_level("INFO")
    threading.Thread(target=hold).start()
    assert locked.wait(10)
    lake.heartbeat()
    assert lake.pending() is None and done.is_set()
    lake.release()
    first, *minutes, last = told()
    assert first.startswith("waiting for the catalog or store of file://") and "locked" in first
    assert last.startswith("the catalog or store of") and BACK in last
    assert len(minutes) in (10, 11) and all(line.startswith("still waiting for") for line in minutes)
    assert retrying.troubles() == []


def test_catalog_locked_under_a_run_is_waited_for(kafka: Broker, tmp_path: Path) -> None:
    config, lake = kafka.topic(), tmp_path / "lake"
    kafka.send(config, [b"<p>broken"] * 60)
    Lake.open(LakeConfig(path=str(lake))).release()
    with closing(sqlite3.connect(lake / "catalog.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with job(config, lake) as run:
            run.wait_for("waiting for the catalog")
            time.sleep(3)
            assert run.process.poll() is None
            other.execute("COMMIT")
            assert run.ended() == 0
            assert len(run.said("waiting for the catalog")) == len(run.said(BACK)) == 1
    report = audit(str(lake), broker=config)
    assert (report.findings, report.records) == ([], 60)
