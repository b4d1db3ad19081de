"""An audit against a broker compares the lake with its own topic, or says why it can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker import Broker
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError
from newsmill.lake.verification.audit import audit
from wirelake import TOPIC, Press, press_day

pytestmark = pytest.mark.kafka


@pytest.fixture
def lake(tmp_path: Path) -> str:
    press = Press(LakeConfig(path=str(tmp_path / "lake")))
    press_day(press)
    press.close()
    return press.config.path


def test_audit_refuses_when_the_lake_has_nothing_of_the_topic(kafka: Broker, lake: str) -> None:
    other = kafka.topic()
    with pytest.raises(ConfigError, match=f"no record of topic '{other.topic}', only of {TOPIC}; .*--topic"):
        audit(lake, broker=other)


def test_audit_refuses_when_the_broker_has_no_such_topic(kafka: Broker, lake: str) -> None:
    gone = kafka.topic().model_copy(update={"topic": TOPIC})
    with pytest.raises(ConfigError, match=f"the broker has no topic '{TOPIC}'"):
        audit(lake, broker=gone)
