"""The metrics of a real run on a real topic agree with its lake, and promtool finds no fault with them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import story_pages
from broker import Broker
from newsmill.cli.ingest import ingest
from newsmill.config import KafkaConfig
from newsmill.demo import EXPECTED, PAGES
from newsmill.lake import reader

pytestmark = pytest.mark.kafka
PATIENCE_S = 150


class Run:
    """An endless run with its endpoint on a free port."""

    def __init__(self, config: KafkaConfig, lake: Path, **environment: str) -> None:
        settings = (
            *(f"kafka.bootstrap={config.bootstrap}", f"kafka.topic={config.topic}", f"lake.path={lake}"),
            *("metrics.port=0", "batch.max_wait_s=1"),
        )
        sets = [part for setting in settings for part in ("--set", setting)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "newsmill", "run", *sets],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{") and json.loads(line).get("event") == "serving metrics":
                self.base = f"http://127.0.0.1:{json.loads(line)['port']}"
                return
        raise AssertionError(f"no endpoint; exit code {self.process.wait()}")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.base + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def samples(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def await_records(self, records: int) -> dict[str, list[tuple[dict[str, str], float]]]:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = self.samples()
            if sum(value for _, value in found.get("newsmill_records_total", ())) >= records:
                return found
            time.sleep(0.2)
        raise AssertionError(f"{records} records were not counted in {PATIENCE_S} s: {found}")


@pytest.fixture
def run(kafka: Broker, tmp_path: Path) -> Iterator[Run]:
    config = kafka.topic(partitions=2)
    ingest([PAGES], topic=config.topic, bootstrap=config.bootstrap)
    started = Run(config, tmp_path / "lake")
    yield started
    started.process.kill()
    started.process.wait()


def test_run_is_ready_counts_what_the_ledger_has_and_ends_in_peace_when_told(
    run: Run, tmp_path: Path
) -> None:
    found = run.await_records(len(EXPECTED))
    assert run.get("/ready")[0] == run.get("/health")[0] == 200
    ledger = reader.rows(str(tmp_path / "lake"), "fate").to_table(columns=["fate", "reason"]).to_pylist()
    counted = Counter(
        {(labels["fate"], labels["reason"]): int(value) for labels, value in found["newsmill_records_total"]}
    )
    assert counted == Counter((row["fate"], row["reason"] or "") for row in ledger)
    assert sum(value for _, value in found["newsmill_lag_records"]) == 0
    for _, until in found["newsmill_complete_until_timestamp_seconds"]:
        assert abs(time.time() - until) < PATIENCE_S
    assert found["newsmill_stage_seconds_total"]
    if promtool := shutil.which("promtool"):
        checked = subprocess.run(
            [promtool, "check", "metrics"],
            input=run.get("/metrics")[1],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(timeout=60) == 0


def test_run_that_is_told_to_stop_in_a_batch_is_not_ready_and_tells_systemd(
    kafka: Broker, tmp_path: Path
) -> None:
    config = kafka.topic()
    story = f"<article>{story_pages.paragraphs()}<p>quicksand</p></article>"
    page = f"<html><title>A mill turns</title><body>{story}</body></html>"
    kafka.send(config, [page.encode()], headers=[("url", b"https://a.example/1")])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        poison = {"NEWSMILL_TEST": "1", "NEWSMILL_POISON": "quicksand:sleep"}
        run = Run(config, tmp_path / "lake", NOTIFY_SOCKET=str(tmp_path / "notify"), **poison)

        def await_told(wanted: str) -> None:
            while wanted not in manager.recv(4096).decode():
                pass

        try:
            await_told("READY=1")
            await_told("WATCHDOG=1")
            await_told("STATUS=batch under way: ")
            assert run.get("/ready") == (200, '{"problems": []}\n')
            run.process.send_signal(signal.SIGTERM)
            await_told("STOPPING=1")
            assert run.get("/ready") == (503, '{"problems": ["stopping"]}\n')
            assert run.get("/health")[0] == 200
            assert json.loads(run.get("/live.json")[1])["problems"] == ["stopping"]
            run.process.send_signal(signal.SIGTERM)
            _, said = run.process.communicate(timeout=60)
            assert run.process.returncode == 128 + signal.SIGTERM
            assert said.endswith(
                "stopped by a second SIGTERM: the batch under way is done again by the next run\n"
            )
        finally:
            run.process.kill()
            run.process.wait()
