"""A record that kills the process that runs its batch costs one record, not the job; real kills."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from broker import Broker
from newsmill.config import KafkaConfig, LakeConfig
from newsmill.errors import NewsmillError
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1500)]
MOST_RESTARTS = 30
WORD = "quicksand"


def page(n: int, text: str) -> bytes:
    told = "".join(
        f"<p>Item {n * 7 + k}: {text} {'the harbour and its ships ' * 6}{n}.</p>" for k in range(6)
    )
    return (
        f"<html><head><title>Report {n}</title></head><body><article>{told}</article></body></html>".encode()
    )


@pytest.fixture
def topic(kafka: Broker) -> KafkaConfig:
    """Nine pages over two partitions; one of them is poison."""
    config = kafka.topic(partitions=2)
    producer = kafka.producer()
    for n in range(9):
        url = f"https://site.example/{n}".encode()
        text = WORD if n == 5 else "a report"
        producer.send(config.topic, page(n, text), headers=[("url", url)], partition=n % 2)
    producer.close()
    return config


def start(config: KafkaConfig, lake: Path, action: str, *sets: str, memory: int = 0) -> subprocess.Popen[str]:
    settings = [
        f"kafka.bootstrap={config.bootstrap}",
        f"kafka.topic={config.topic}",
        f"lake.path={lake}",
        "enrich.enabled=false",
        *sets,
    ]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "newsmill", "run", "--once"),
            *(part for setting in settings for part in ("--set", setting)),
        ],
        env={**os.environ, "NEWSMILL_TEST": "1", "NEWSMILL_POISON": f"{WORD}:{action}" if action else ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory))) if memory else None,
        start_new_session=True,
    )


def supervised(
    config: KafkaConfig, lake: Path, action: str, *sets: str, memory: int = 0
) -> tuple[list[int], str]:
    """Restart the command until it ends in order; (how it ended each time, all that it said)."""
    codes, told = [], ""
    while not codes or codes[-1]:
        process = start(config, lake, action, *sets, memory=memory)
        _, said = process.communicate(timeout=300)
        codes.append(process.returncode)
        told += said
        assert len(codes) <= MOST_RESTARTS, told
    return codes, told


def quarantined(lake: Path) -> list[dict[str, object]]:
    files = sorted((lake / "quarantine" / "data").rglob("*.parquet"))
    columns = ["topic", "partition", "offset", "stage", "code", "message", "payload"]
    return [row for file in files for row in pq.read_table(file, columns=columns).to_pylist()]


def check_one_is_lost(config: KafkaConfig, lake: Path, why: str) -> None:
    report = audit(str(lake), broker=config)
    assert (report.findings, report.records) == ([], 9)
    assert report.fates["quarantined"] == 1
    (row,) = quarantined(lake)
    assert (row["code"], row["stage"]) == ("E_POISON", "batch")
    assert (row["partition"], row["offset"], row["payload"]) == (1, 2, page(5, WORD))
    assert "tried 2 times alone" in str(row["message"]) and why in str(row["message"])


def test_record_that_kills_the_process_is_found_by_halving_and_quarantined_whole(
    topic: KafkaConfig, tmp_path: Path
) -> None:
    codes, told = supervised(topic, tmp_path / "lake", "kill")
    assert set(codes[:-1]) == {-signal.SIGKILL}
    assert len(codes) <= 2 * 4 + 1, told
    assert "it is looked for in batches of 4" in told and "it is looked for in batches of 1" in told
    check_one_is_lost(topic, tmp_path / "lake", "was killed")


@pytest.mark.parametrize(
    ("action", "why", "sets", "memory"),
    [
        ("raise", "RuntimeError: a record of this test", (), 0),
        ("eat", "MemoryError", (), 6 << 30),
        ("sleep", "stood still", ("batch.stall_s=10",), 0),
        ("spin", "stood still", ("batch.stall_s=10",), 0),
    ],
)
def test_record_that_breaks_its_batch_in_any_other_way_costs_one_record_only(
    topic: KafkaConfig, tmp_path: Path, action: str, why: str, sets: tuple[str, ...], memory: int
) -> None:
    codes, told = supervised(topic, tmp_path / "lake", action, "batch.max_records=1", *sets, memory=memory)
    assert set(codes[:-1]) == {1}
    assert len(codes) == 3, told
    check_one_is_lost(topic, tmp_path / "lake", why)


def under_way(lake: Path) -> bool:
    try:
        pending = Lake.open_readonly(LakeConfig(path=str(lake))).pending()
    except NewsmillError:  # it is not made yet
        return False
    return pending is not None and pending.attempts == 1


def test_try_that_was_told_to_end_does_not_count(topic: KafkaConfig, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for _ in range(3):
        process = start(topic, lake, "sleep")
        deadline = time.monotonic() + 300
        while not under_way(lake):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.2)
        time.sleep(2)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=100)
        assert process.returncode == 128 + signal.SIGTERM, told
        pending = Lake.open_readonly(LakeConfig(path=str(lake))).pending()
        assert pending is not None and (pending.attempts, pending.records) == (0, 9)
    codes, _ = supervised(topic, lake, "")
    assert codes == [0]
    report = audit(str(lake), broker=topic)
    assert (report.findings, report.fates.get("quarantined", 0)) == ([], 0)
