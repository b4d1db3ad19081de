"""A page is found again as it came, in a file or in quarantine, and not once it is taken down."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import synthetic
from newsmill.cli import app
from newsmill.config import Config, KafkaConfig, LakeConfig
from newsmill.demo import PAGES
from newsmill.errors import ConfigError, LakeError
from newsmill.jobs import raw_page, source_records
from newsmill.lake.upkeep import mending
from newsmill.lake.upkeep.takedown import take_down
from newsmill.records import OffsetRange, Position, SourceRecord
from newsmill.sources import kafka


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.made(tmp_path_factory.mktemp("raw") / "lake", batches=1, size=40)


def test_quarantined_record_is_given_as_it_came(lake: Path) -> None:
    config = Config(lake=LakeConfig(path=str(lake)))
    record = raw_page.record_of(config, f"{synthetic.TOPIC}/0/14")
    assert record is not None and record.value == synthetic.payload(0, 14)
    assert raw_page.record_of(config, "https://nobody.example/") is None


def test_file_that_was_written_is_told_in_one_line(lake: Path, tmp_path: Path) -> None:
    out = tmp_path / "page"
    asked = ["raw", str(lake), f"{synthetic.TOPIC}/0/14", "--record", "-o", str(out)]
    ended = CliRunner().invoke(app, asked)
    size = len(synthetic.payload(0, 14))
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert ended.stderr == f"{size:,} bytes written to {out}\n"
    assert out.stat().st_size == size


def test_record_that_is_nowhere_any_more_is_told(lake: Path) -> None:
    config = Config(lake=LakeConfig(path=str(lake)))
    with pytest.raises(LakeError, match=rf"-c FILE, or .*--set kafka\.topic={synthetic.TOPIC}$"):
        raw_page.record_of(config, f"{synthetic.TOPIC}/0/0")


def test_settings_that_lack_the_broker_are_told_when_only_the_topic_has_the_record(lake: Path) -> None:
    kafka = KafkaConfig(bootstrap="127.0.0.1:9", topic=synthetic.TOPIC, patience_s=0.2)
    config = Config(lake=LakeConfig(path=str(lake)), kafka=kafka)
    with pytest.raises(LakeError, match=r"is in the topic only.*127\.0\.0\.1:9.*--set kafka\.bootstrap=…$"):
        raw_page.record_of(config, f"{synthetic.TOPIC}/0/0")


def test_broker_that_is_not_set_is_asked_once_and_told(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who named no broker waited a minute for one of this machine, which had none."""
    waited: list[float | None] = []
    read = kafka.read

    def nobody_there(config: KafkaConfig, part: OffsetRange) -> Iterator[SourceRecord]:
        waited.append(config.patience_s)
        return read(config.model_copy(update={"bootstrap": "127.0.0.1:9"}), part)

    monkeypatch.setattr(kafka, "read", nobody_there)
    named = ["--set", f"kafka.topic={synthetic.TOPIC}"]
    ended = CliRunner().invoke(app, ["raw", str(lake), f"{synthetic.TOPIC}/0/0", *named])
    assert isinstance(ended.exception, LakeError)
    assert "topic only, and no broker is set: name it with -c FILE, or" in str(ended.exception)
    config = Config(lake=LakeConfig(path=str(lake)), kafka=KafkaConfig(topic=synthetic.TOPIC))
    place = Position(topic=synthetic.TOPIC, partition=0, offset=0)
    with pytest.raises(ConfigError, match="records are in the topic made-up only, and no broker is set"):
        list(source_records.from_topic(config, [place], []))
    assert waited == [0.0, 0.0]


def test_page_of_a_file_is_found_until_it_is_taken_down(demo_lake: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_lake, tmp_path / "copy")
    config = Config(lake=LakeConfig(path=str(tmp_path / "copy")))
    mending.adopt(config.lake)
    url = "https://www.coastline-daily.example/energy/4471.html"
    record = raw_page.record_of(config, url)
    assert record is not None
    page = raw_page.page_of(config, record)
    assert (page.url, page.body) == (url, _sample(b"coastline-daily.example/energy/4471.html"))
    take_down(config.lake, "coastline-daily.example", reason="asked", now=1_990_000_000_000_000)
    with pytest.raises(LakeError, match="was taken down"):
        raw_page.record_of(config, url)


def _sample(mark: bytes) -> bytes:
    """The sample page whose sidecar or head names an address."""
    for file in PAGES.rglob("*.json"):
        if mark in file.read_bytes():
            return next(f for f in file.parent.glob(f"{file.stem}*") if f != file).read_bytes()
    raise LookupError(mark)
