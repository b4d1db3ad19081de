"""`newsmill raw` gives a page from where its row says that it is, and says when it is gone."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import TopicPartition
from typer.testing import CliRunner

from broker import Broker
from newsmill.cli import app
from newsmill.config import Config, LakeConfig
from newsmill.demo import PAGES
from newsmill.lake import reader
from newsmill.lake.schemas import TABLES
from newsmill.lake.writer import Lake
from newsmill.runners.batch_sources import FileSource, KafkaSource, Source
from newsmill.runners.direct import MicroBatchRunner
from newsmill.sources import files

AT = 1_790_000_000_000_000
URL = "https://www.coastline-daily.example/energy/4471.html"


def milled(config: Config, pages: Source) -> None:
    lake = Lake.open(config.lake)
    try:
        mill = MicroBatchRunner(config, pages, lake, clock=lambda: AT)
        mill.run(once=True, stop=threading.Event(), watches=())
    finally:
        lake.release()


def asked(*arguments: object) -> tuple[int, bytes, str]:
    ended = CliRunner().invoke(app, ["raw", *map(str, arguments)])
    return ended.exit_code, ended.stdout_bytes, str(ended.exception)


def place(lake: Path) -> dict[str, object]:
    rows = reader.rows(str(lake), "articles").to_table(columns=["url", *SOURCE]).to_pylist()
    (found,) = [row for row in rows if row["url"] == URL]
    return found


SOURCE = ("source_file", "source_offset", "source_length")


@pytest.fixture
def warc(demo_lake: Path, tmp_path: Path) -> Path:
    """A WARC file of the sample pages that the test may spoil."""
    return Path(shutil.copy(demo_lake.parent / "pages.warc.gz", tmp_path / "pages.warc.gz"))


def test_page_of_a_warc_file_is_read_by_seek_until_it_is_gone(warc: Path, tmp_path: Path) -> None:
    config = Config(lake=LakeConfig(path=str(tmp_path / "lake")))
    milled(config, FileSource(config, [warc]))
    row, content = place(tmp_path / "lake"), warc.read_bytes()
    start, end = row["source_offset"], row["source_offset"] + row["source_length"]  # type: ignore[operator]
    assert URL.encode() in gzip.decompress(content[start:end])
    warc.write_bytes(bytes(start) + content[start:end])
    code, body, _ = asked(config.lake.path, URL)
    assert (code, body) == (0, sample(URL))
    warc.write_bytes(bytes(len(content)))
    code, body, told = asked(config.lake.path, URL)
    assert (code, body) == (1, b"")
    assert f"is not there any more: {warc} was changed since, and has another page in its place" in told
    warc.unlink()
    code, body, told = asked(config.lake.path, URL)
    assert (code, body) == (1, b"")
    assert f"is not there any more: there is no {warc}" in told


def test_page_of_a_file_that_was_named_from_another_folder_says_so(
    warc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(lake=LakeConfig(path=str(tmp_path / "lake")))
    monkeypatch.chdir(tmp_path)
    milled(config, FileSource(config, [Path("pages.warc.gz")]))
    assert asked(config.lake.path, URL)[:2] == (0, sample(URL))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, _, told = asked(config.lake.path, URL)
    assert code == 1
    assert f"there is no {tmp_path / 'elsewhere' / 'pages.warc.gz'}; the run named it pages.warc.gz" in told


def test_page_of_a_lake_of_before_is_found_from_the_beginning_of_its_file(
    warc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows have no place in a file; what is written next has, and what was written reads as null."""
    config = Config(lake=LakeConfig(path=str(tmp_path / "lake")))
    with monkeypatch.context() as before:
        for name in ("articles", "fate", "quarantine"):
            columns = tuple(column for column in TABLES[name].columns if column.since < 6)
            before.setitem(TABLES, name, replace(TABLES[name], columns=columns))
        milled(config, FileSource(config, [warc]))
    assert place(tmp_path / "lake") == dict.fromkeys(SOURCE) | {"url": URL}
    assert asked(config.lake.path, URL)[:2] == (0, sample(URL))
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a.html").write_text(
        '<link rel="canonical" href="http://late.example/1"><p>Late.</p>'
    )
    milled(config, FileSource(config, [tmp_path / "later"]))
    assert place(tmp_path / "lake") == dict.fromkeys(SOURCE) | {"url": URL}
    told = reader.rows(config.lake.path, "fate").to_table(columns=["source_file"])["source_file"]
    assert told.drop_null().to_pylist() == [f"{tmp_path}/later/a.html"]


@pytest.mark.kafka
def test_page_of_a_topic_is_given_until_the_topic_lacks_it(
    kafka: Broker, demo_lake: Path, tmp_path: Path
) -> None:
    topic = kafka.topic()
    config = Config(lake=LakeConfig(path=str(tmp_path / "lake")), kafka=topic)
    for record in files.read([demo_lake.parent / "pages.warc.gz"]):
        headers = [(name, value or b"") for name, value in record.headers]
        kafka.send(topic, [record.value], key=record.key, headers=headers)
    milled(config, KafkaSource(config))
    row = place(tmp_path / "lake")
    assert row == dict.fromkeys(SOURCE) | {"url": URL}
    broker = ("--set", f"kafka.bootstrap={topic.bootstrap}", "--set", f"kafka.topic={topic.topic}")
    assert asked(config.lake.path, URL, *broker)[:2] == (0, sample(URL))
    (fate,) = [
        row for row in reader.rows(config.lake.path, "fate").to_table().to_pylist() if row["url"] == URL
    ]
    urn = f"{topic.topic}/0/{fate['offset']}"
    assert asked(config.lake.path, urn, *broker)[:2] == (0, sample(URL))
    admin = kafka.admin()
    admin.delete_records({TopicPartition(topic.topic, 0): fate["offset"] + 1})
    admin.close()
    code, body, told = asked(config.lake.path, URL, *broker)
    assert (code, body) == (1, b"")
    assert f"{urn} is not there any more" in told


def sample(url: str) -> bytes:
    """The body of the sample page of an address."""
    for described in PAGES.rglob("*.json"):
        if json.loads(described.read_bytes()).get("url") == url:
            return next(f for f in described.parent.glob(f"{described.stem}*") if f != described).read_bytes()
    raise LookupError(url)
