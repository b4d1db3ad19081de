"""`newsmill ingest` and `newsmill dev` against a real broker."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from fastwarc.warc import ArchiveIterator
from typer.testing import CliRunner

from broker import Broker
from newsmill.cli import dev, ingest
from newsmill.config import BatchConfig, InputConfig, KafkaConfig, OnDataLoss
from newsmill.dev import local_kafka
from newsmill.dev.local_kafka import DevKafka
from newsmill.errors import ConfigError
from newsmill.records import RawPage, SourceRecord
from newsmill.sources import files, kafka as source
from newsmill.sources.envelopes import decode

pytestmark = pytest.mark.kafka

app = typer.Typer()
app.command("ingest")(ingest.ingest)
app.add_typer(dev.app, name="dev")
run = CliRunner().invoke


def sent(config: KafkaConfig) -> list[SourceRecord]:
    planned = source.plan(config, {}, BatchConfig(), OnDataLoss.FAIL)
    return [record for piece in planned.slices for record in source.read(config, piece)]


def content(record: SourceRecord) -> tuple[bytes, bytes, object]:
    return record.key or b"", record.value or b"", record.headers


def page(folder: Path, name: str, html: str, **sidecar: object) -> Path:
    path = folder / f"{name}.html"
    path.write_text(html, encoding="utf-8")
    if sidecar:
        path.with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
    return path


@pytest.mark.parametrize("compression", ["zstd", "lz4", "gzip", "none"])
def test_ingested_records_are_those_that_are_read_from_the_files(
    kafka: Broker, tmp_path: Path, compression: str
) -> None:
    config = kafka.topic(partitions=2)
    page(tmp_path, "a", "<p>one", url="http://a.org/1", fetched_at="2026-11-09T09:00:00Z", partition=1)
    page(tmp_path, "b", "<link rel=canonical href=http://a.org/2><p>two")
    page(tmp_path, "c", "<p>again", url="http://a.org/1", partition=1)
    arguments = ["ingest", str(tmp_path), "--topic", config.topic, "--bootstrap", config.bootstrap, "--json"]
    done = run(app, [*arguments, "--compression", compression])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) | {"seconds": 0} == {
        "topic": config.topic, "sent": 3, "bytes": 60, "seconds": 0, "problems": [], "dry_run": False,
    }  # fmt: skip
    found = sent(config)
    read = list(files.read([tmp_path]))
    assert sorted(map(content, found)) == sorted(map(content, read))
    versions = [r for r in found if r.key == read[0].key]
    assert [(r.value, r.position.partition) for r in versions] == [(b"<p>one", 1), (b"<p>again", 1)]


def test_page_that_cannot_be_sent_is_told_and_the_others_are_sent(kafka: Broker, tmp_path: Path) -> None:
    config = kafka.topic()
    page(tmp_path, "a", "<p>no url")
    page(tmp_path, "b", "x" * 10_000_001, url="http://a.org/b")
    page(tmp_path, "c", "<p>good", url="http://a.org/c")
    arguments = ["ingest", str(tmp_path), "--topic", config.topic, "--bootstrap", config.bootstrap]
    done = run(app, arguments)
    assert done.exit_code == 1
    assert "a.html: no URL" in done.stderr
    assert "10000001 bytes, more than input.max_value_bytes" in done.stderr
    assert "sent 1 page " in done.stdout
    assert [record.value for record in sent(config)] == [b"<p>good"]


def test_nothing_is_sent_when_it_is_a_dry_run(kafka: Broker, tmp_path: Path) -> None:
    config = kafka.topic()
    page(tmp_path, "a", "<p>x", url="http://a.org/")
    done = run(
        app,
        ["ingest", str(tmp_path), "--dry-run", "--topic", config.topic, "--bootstrap", config.bootstrap],
    )
    assert "would send 1 page " in done.stdout
    assert sent(config) == []


def test_topic_is_made_when_asked_for(kafka: Broker, tmp_path: Path) -> None:
    topic = f"made-{tmp_path.name}"
    page(tmp_path, "a", "<p>x", url="http://a.org/")
    arguments = ["ingest", str(tmp_path), "--topic", topic, "--bootstrap", kafka.bootstrap]
    with pytest.raises(ConfigError, match=r"the broker has no topic .*--create N makes it"):
        run(app, arguments, catch_exceptions=False)
    assert run(app, [*arguments, "--create", "3"]).exit_code == 0
    assert len(source.lag(kafka.dev.kafka(topic), {})) == 3


def test_demo_pages_pass_through_the_broker_unchanged(kafka: Broker) -> None:
    pages = Path(ingest.__file__).parents[1] / "demo" / "pages"
    config = kafka.topic(partitions=3)
    done = run(
        app, ["ingest", str(pages), "--topic", config.topic, "--bootstrap", config.bootstrap, "--json"]
    )
    assert done.exit_code == 0, done.output

    assert sorted(map(content, sent(config))) == sorted(map(content, files.read([pages])))


def test_dev_commands_start_show_and_stop_a_broker(java: None, tmp_path: Path) -> None:
    folder = ["--data", str(tmp_path / "dev")]
    assert run(app, ["dev", "status", *folder]).exit_code == 1
    try:
        started = run(app, ["dev", "up", *folder, "--port", "0", "--partitions", "2", "--json"])
        assert started.exit_code == 0, started.output
        state = json.loads(started.stdout)
        again = json.loads(run(app, ["dev", "up", *folder, "--json"]).stdout)
        assert again["pid"] == state["pid"]
        assert state["bootstrap"] in run(app, ["dev", "status", *folder]).stdout
        config = KafkaConfig(bootstrap=state["bootstrap"], topic=state["topic"])
        assert len(source.lag(config, {})) == 2
        other = DevKafka(data=tmp_path / "other", port=int(state["bootstrap"].rpartition(":")[2]))
        with pytest.raises(ConfigError, match="is taken by another process"):
            other.start()
    finally:
        stopped = run(app, ["dev", "down", *folder, "--wipe"])
    assert stopped.stdout == "stopped; its data are deleted\n"
    assert not (tmp_path / "dev").exists()
    host, _, port = state["bootstrap"].partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv (util-linux) is missing")
def test_broker_of_a_process_that_was_killed_ends_too(java: None, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from newsmill.dev.local_kafka import DevKafka\n"
        "with DevKafka(data=pathlib.Path(sys.argv[1])): print('up', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "dev")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        running = DevKafka(data=tmp_path / "dev").running
        assert running is not None
        broker = os.pidfd_open(running.pid)
        owner.kill()
    ended, _, _ = select.select([broker], [], [], 30)
    os.close(broker)
    assert ended


def test_wipe_refuses_a_folder_that_is_no_brokers(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ConfigError, match="nothing was deleted"):
        DevKafka(data=tmp_path).wipe()
    assert (tmp_path / "thesis.txt").exists()


def test_missing_java_and_maven_are_told_with_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    java, maven = local_kafka.missing()
    assert "openjdk-17-jre-headless" in java
    assert "apt install maven" in maven
    with pytest.raises(ConfigError):
        DevKafka(data=tmp_path / "dev").start()
    assert not (tmp_path / "dev").exists()


def test_java_that_is_too_old_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = shutil.which("sh")
    java = tmp_path / "java"
    java.write_text(f"#!{shell}\necho 'openjdk version \"11.0.2\"' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert local_kafka.missing()[0].startswith("Java 11 is too old")


def test_warc_is_split_in_pages(kafka: Broker, tmp_path: Path) -> None:
    config = kafka.topic()
    path = tmp_path / "crawl.warc"
    path.write_bytes(b"".join(response(f"http://a.org/{n}", b"<p>%d" % n) for n in range(3)))
    with path.open("rb") as stream:
        assert sum(1 for _ in ArchiveIterator(stream)) == 3
    done = run(app, ["ingest", str(path), "--topic", config.topic, "--bootstrap", config.bootstrap, "--json"])
    assert json.loads(done.stdout)["sent"] == 3
    found = [decode(record, InputConfig()) for record in sent(config)]
    assert [(p.url, p.body, p.status) for p in found if isinstance(p, RawPage)] == [
        (f"http://a.org/{n}", b"<p>%d" % n, 200) for n in range(3)
    ]


def response(url: str, body: bytes) -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    head = (
        f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-11-09T09:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:{body.hex()}>\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"
