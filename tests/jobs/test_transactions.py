"""Records behind an open transaction of a real broker: every command that looks says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import AbortTransactionSpec, KafkaAdminClient

from broker import Broker
from newsmill.config import KafkaConfig
from newsmill.sources import transactions

pytestmark = pytest.mark.kafka
BEHIND = 10
PAGE = b"<html><head><title>Item</title></head><body><p>Nothing of note.</p></body></html>"


@pytest.fixture(scope="module")
def held(kafka: Broker) -> Iterator[KafkaConfig]:
    """A topic with one record before, and ten behind, a transaction that nobody ends."""
    config = kafka.topic(partitions=2)

    def send(producer: KafkaProducer) -> None:
        headers = [("url", b"https://a.example/s")]
        producer.send(config.topic, PAGE, headers=headers, partition=0).get(30)

    plain = KafkaProducer(bootstrap_servers=config.bootstrap)
    send(plain)
    stuck = KafkaProducer(
        bootstrap_servers=config.bootstrap, transactional_id="stuck", transaction_timeout_ms=600_000
    )
    stuck.init_transactions()
    stuck.begin_transaction()
    send(stuck)
    for _ in range(BEHIND):
        send(plain)
    plain.close()
    yield config
    stuck.abort_transaction()
    stuck.close()


def newsmill(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "newsmill", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=250)


def test_backlog_has_what_is_held_back_and_by_whom(held: KafkaConfig) -> None:
    free, behind = sorted(transactions.backlog(held, {}), key=lambda part: part.held_back)
    assert (free.partition, free.held_back, free.waiting) == (1, 0, 0)
    assert (behind.partition, behind.held_back, behind.waiting, behind.stable_end) == (0, BEHIND + 1, 1, 1)
    (holder,) = transactions.holders(held, [free, behind])
    assert (holder.transactional_id, holder.offset, holder.place) == ("stuck", 1, (held.topic, 0))
    assert f"--topic {held.topic} --partition 0 --start-offset 1" in holder.mend(held.bootstrap)


def test_run_audit_doctor_and_status_tell_of_it(held: KafkaConfig, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    file = tmp_path / "mill.yaml"
    kafka = {"bootstrap": held.bootstrap, "topic": held.topic}
    file.write_text(json.dumps({"kafka": kafka, "lake": {"path": str(lake)}}), encoding="utf-8")
    run = newsmill("run", "--once", "-c", file)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith(
        f"{BEHIND + 1} offsets stand behind an open transaction and can't be read yet\n"
    )
    audit = newsmill("audit", lake, "-c", file)
    assert f", {BEHIND + 1} offsets behind open transactions\n" in audit.stdout
    doctor = newsmill("doctor", "-c", file)
    assert "a transaction of stuck is open since offset 1" in doctor.stdout
    status = newsmill("status", "-c", file, "--json")
    assert status.returncode == 1, status.stderr
    found = json.loads(status.stdout)
    assert sum(part["held_back"] for part in found["lag"]) == BEHIND + 1
    assert any("a transaction of stuck" in need["what"] for need in found["needs"])


def test_command_that_is_named_is_what_the_broker_takes(kafka: Broker) -> None:
    config = kafka.topic()
    producer = KafkaProducer(bootstrap_servers=config.bootstrap, transactional_id="stuck-2")
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(config.topic, PAGE, partition=0).get(30)
    (holder,) = transactions.holders(config, transactions.backlog(config, {}))
    admin = KafkaAdminClient(bootstrap_servers=config.bootstrap)
    (state,) = admin.describe_producers([TopicPartition(config.topic, 0)]).values()
    (owner,) = [p for p in state.active_producers if p.current_transaction_start_offset == holder.offset]
    place = TopicPartition(config.topic, 0)
    admin.abort_transaction(AbortTransactionSpec(place, owner.producer_id, owner.producer_epoch))
    admin.close()
    producer.close(timeout=1)
    assert [part.held_back for part in transactions.backlog(config, {})] == [0]
