from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker import Broker
from newsmill.cli import app
from newsmill.config import LakeConfig
from newsmill.lake.writer import Lake

pytestmark = pytest.mark.kafka


def test_report_shows_what_waits_at_the_broker_when_it_is_asked(kafka: Broker, tmp_path: Path) -> None:
    topic = kafka.topic(partitions=2)
    kafka.send(topic, [b"<html>"] * 7, partition=1)
    Lake.open(LakeConfig(path=str(tmp_path / "lake"))).release()
    out = tmp_path / "report.html"
    settings = [f"kafka.bootstrap={topic.bootstrap}", f"kafka.topic={topic.topic}"]
    sets = [part for setting in settings for part in ("--set", setting)]
    result = CliRunner().invoke(app, ["report", str(tmp_path / "lake"), "-o", str(out), *sets])
    assert result.exit_code == 0, result.output
    html = out.read_text(encoding="utf-8")
    assert re.search(rf"{topic.topic} / 1</span>.*?<span class=\"value\">7<", html)
    assert "7 records in 2 partitions have no fate yet" in html


def test_report_makes_no_lake_when_there_is_none_at_the_path(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(tmp_path / "lake"), "--set", "kafka.topic=pages"])
    assert result.exit_code != 0
    assert list(tmp_path.iterdir()) == []
