from __future__ import annotations

from pathlib import Path

import pytest

from broker import Broker
from newsmill.config import Config, EnrichConfig, LakeConfig, PageConfig
from newsmill.observe.doctor import Verdict, examine, wrong

pytestmark = pytest.mark.kafka


def settings(tmp_path: Path) -> Config:
    return Config(
        lake=LakeConfig(path=str(tmp_path / "lake")),
        enrich=EnrichConfig(enabled=False),
        page=PageConfig(processes=1),
    )


def test_doctor_finds_nothing_wrong_when_the_broker_has_the_topic(kafka: Broker, tmp_path: Path) -> None:
    topic = kafka.topic(partitions=2)
    kafka.send(topic, [b"<html>", b"<html>"])
    findings = list(examine(settings(tmp_path).model_copy(update={"kafka": topic})))
    assert not wrong(findings)
    (broker,) = [f for f in findings if f.check == "kafka"]
    assert broker.found == f"topic {topic.topic}: 2 partitions, about 2 records"


def test_doctor_says_how_to_make_the_topic_when_the_broker_lacks_it(kafka: Broker, tmp_path: Path) -> None:
    absent = kafka.topic().model_copy(update={"topic": "no-such-topic"})
    findings = list(examine(settings(tmp_path).model_copy(update={"kafka": absent})))
    (broker,) = [f for f in findings if f.check == "kafka"]
    assert broker.verdict is Verdict.WRONG and "no-such-topic" in broker.found
    assert broker.mend and "newsmill ingest" in broker.mend
