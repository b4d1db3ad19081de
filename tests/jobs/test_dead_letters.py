"""Quarantined records on a topic of their own: each at least once, whatever happens to it; real Kafka."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from broker import Broker
from newsmill.cli.run import broker_problems, portable_problems
from newsmill.config import Config, KafkaConfig, LakeConfig
from newsmill.errors import Transient
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.runners.batch_sources import KafkaSource
from newsmill.runners.direct import MicroBatchRunner
from newsmill.sources import dead_letters

pytestmark = pytest.mark.kafka

BROKEN = [b"<p>one", b"\xff\x00two", b"<p>three"]


@pytest.fixture
def config(kafka: Broker, tmp_path: Path) -> Config:
    """A topic with three records that have no URL, and where they shall go."""
    topic = kafka.topic()
    kafka.send(topic, BROKEN, key=b"k", headers=[("x", b"1")])
    letters = kafka.topic().topic
    return Config(
        kafka=topic.model_copy(update={"dead_letter_topic": letters}),
        lake=LakeConfig(path=str(tmp_path / "lake")),
    )


def run(config: Config) -> None:
    lake = Lake.open(config.lake)
    try:
        mill = MicroBatchRunner(config, KafkaSource(config), lake, clock=lambda: 1_790_000_000_000_000)
        mill.run(once=True, stop=threading.Event(), watches=())
    finally:
        lake.release()


def sent(config: KafkaConfig) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    """Key, value and headers of all that is on the dead-letter topic."""
    assert config.dead_letter_topic is not None
    where = TopicPartition(config.dead_letter_topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=config.bootstrap, enable_auto_commit=False)
    try:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        end, found = consumer.end_offsets([where])[where], []
        while consumer.position(where) < end:
            found += consumer.poll(1000).get(where, [])
    finally:
        consumer.close()
    return [(record.key, record.value, dict(record.headers)) for record in found]


def test_quarantined_records_are_sent_with_what_they_held_and_why_they_were_rejected(config: Config) -> None:
    run(config)
    found = sent(config.kafka)
    assert [(key, value) for key, value, _ in found] == [(b"k", value) for value in BROKEN]
    for offset, (_, _, headers) in enumerate(found):
        assert headers["x"] == b"1"
        assert headers["newsmill-position"].decode() == f"{config.kafka.topic}/0/{offset}"
        assert headers["newsmill-code"].startswith(b"E_")
        assert headers["newsmill-stage"] == b"decode"
        assert headers["newsmill-value"] == b"whole"
    run(config)
    assert len(sent(config.kafka)) == len(BROKEN)


def test_nothing_is_committed_while_the_topic_is_away_and_nothing_is_lost(
    kafka: Broker, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "SEND_S", 4.0)
    letters = config.kafka.dead_letter_topic
    assert letters is not None
    admin = kafka.admin()
    admin.delete_topics([letters])
    admin.close()
    hurried = config.kafka.model_copy(update={"patience_s": 2.0})
    with pytest.raises(Transient, match="tried for 2 s"):
        run(config.model_copy(update={"kafka": hurried}))
    assert Lake.open_readonly(config.lake).committed() == {}
    assert len(broker_problems(config)) == 1
    kafka.dev.make_topic(letters)
    run(config)
    positions = {headers["newsmill-position"] for _, _, headers in sent(config.kafka)}
    assert positions == {f"{config.kafka.topic}/0/{n}".encode() for n in range(len(BROKEN))}
    report = audit(config.lake.path, broker=config.kafka)
    assert (report.findings, report.fates) == ([], {"quarantined": len(BROKEN)})


def test_value_that_the_topic_does_not_take_is_left_out(kafka: Broker, config: Config) -> None:
    small = kafka.topic(settings={"max.message.bytes": "2000"}).topic
    config = config.model_copy(update={"kafka": config.kafka.model_copy(update={"dead_letter_topic": small})})
    kafka.send(config.kafka, [bytes(range(256)) * 40])
    run(config)
    found = sent(config.kafka)
    assert sorted(headers["newsmill-value"] for _, _, headers in found) == [b"omitted", *[b"whole"] * 3]
    assert {headers["newsmill-bytes"] for _, value, headers in found if not value} == {b"10240"}


def test_settings_that_can_not_work_are_told_before_the_start(config: Config) -> None:
    same = config.kafka.model_copy(update={"dead_letter_topic": config.kafka.topic})
    assert "round for ever" in broker_problems(config.model_copy(update={"kafka": same}))[0]
    absent = config.kafka.model_copy(update={"dead_letter_topic": "absent"})
    (told,) = broker_problems(config.model_copy(update={"kafka": absent}))
    assert told.startswith("kafka.dead_letter_topic: the broker has no topic 'absent'")
    assert any("dead_letter_topic" in told for told in portable_problems(config, flink=False, attach=False))
