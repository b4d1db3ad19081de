"""The main job as a user runs it: real Kafka, real processes, real kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pytest
from kafka import TopicPartition

from newsmill.cli.ingest import ingest
from newsmill.config import KafkaConfig
from newsmill.demo import EXPECTED, PAGES, differences

pytestmark = pytest.mark.kafka


def command(config: KafkaConfig, lake: Path, *arguments: str) -> list[str]:
    settings = [f"kafka.bootstrap={config.bootstrap}", f"kafka.topic={config.topic}", f"lake.path={lake}"]
    sets = [part for setting in settings for part in ("--set", setting)]
    return [sys.executable, "-m", "newsmill", "run", *sets, *arguments]


def run(config: KafkaConfig, lake: Path, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        command(config, lake, "--once", "--json", *arguments), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def audit(config: KafkaConfig, lake: Path) -> dict[str, object]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "newsmill", "audit", str(lake), "--json"),
            *("--bootstrap", config.bootstrap, "--topic", config.topic),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def samples(kafka) -> KafkaConfig:
    config = kafka.topic(partitions=3)
    ingest([PAGES], topic=config.topic, bootstrap=config.bootstrap)
    return config


@pytest.fixture
def many(kafka) -> KafkaConfig:
    """400 short pages over two partitions."""
    config = kafka.topic(partitions=2)
    for partition in (0, 1):
        pages = [
            f"<html><head><title>Report {n}</title></head><body><article><h1>Report {n}</h1>"
            + "".join(
                f"<p>Item {n * 7 + k} of {partition}: {'the harbour and its ships ' * 6}{n}.</p>"
                for k in range(6)
            )
            + "</article></body></html>"
            for n in range(200)
        ]
        producer = kafka.producer()
        for n, page in enumerate(pages):
            url = f"https://site{partition}.example/{n}".encode()
            producer.send(config.topic, page.encode(), headers=[("url", url)], partition=partition)
        producer.close()
    return config


def test_run_brings_every_sample_to_its_fate_and_adds_nothing_when_it_is_run_again(
    samples: KafkaConfig, tmp_path: Path
) -> None:
    first = run(samples, tmp_path / "lake")
    assert first["records"] == len(EXPECTED)
    assert differences(tmp_path / "lake") == []
    again = run(samples, tmp_path / "lake")
    assert again["records"] == again["files"] == 0
    audit(samples, tmp_path / "lake")


def test_lake_reads_the_same_from_duckdb_pyarrow_and_polars(samples: KafkaConfig, tmp_path: Path) -> None:
    total = run(samples, tmp_path / "lake", "--set", "batch.max_records=10")
    assert total["batches"] == 4
    data = tmp_path / "lake" / "articles" / "data"
    query = f"SELECT url, title, lang FROM read_parquet('{data}/**/*.parquet') ORDER BY ALL"
    by_duckdb = duckdb.sql(query).fetchall()
    by_pyarrow = ds.dataset(data, format="parquet").to_table(columns=["url", "title", "lang"]).to_pylist()
    by_polars = pl.scan_parquet(data / "**" / "*.parquet").select("url", "title", "lang").collect().to_dicts()
    assert len(by_duckdb) == sum(total["fates"].get(fate, 0) for fate in ("article", "copy", "revision"))
    key = lambda row: (row["url"], row["title"] or "")  # noqa: E731
    assert sorted(by_pyarrow, key=key) == sorted(by_polars, key=key)
    assert {(r["url"], r["title"]) for r in by_pyarrow} == {row[:2] for row in by_duckdb}


def test_run_loses_and_repeats_nothing_when_it_is_killed_in_the_middle(
    many: KafkaConfig, tmp_path: Path
) -> None:
    lake, batches = tmp_path / "lake", ("--once", "--set", "batch.max_records=60")
    for pause in (0.0, 0.7, 1.4):
        process = subprocess.Popen(
            command(many, lake, *batches), stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "batch committed" in line:
                break
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    run(many, lake, "--set", "lake.lease_s=2")
    rows = ds.dataset(lake / "fate" / "data", format="parquet").count_rows()
    assert rows >= 400
    report = audit(many, lake)
    assert report


def test_run_finishes_its_batch_and_stops_when_it_is_told_to(many: KafkaConfig, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    process = subprocess.Popen(
        command(many, lake, "--set", "batch.max_records=50"), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "batch committed" in line:
            break
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 0, rest
    assert "stopping" in rest
    run(many, lake)
    audit(many, lake)


UNUSED = ("apache_beam", "grpc", "trafilatura", "tldextract", "requests", "langdetect")


def test_run_imports_no_pipeline_and_starts_no_reader_when_nothing_waits(kafka, tmp_path: Path) -> None:
    arguments = command(kafka.topic(), tmp_path / "lake", "--once", "--json")[3:]
    program = (
        "import json, sys\n"
        "from newsmill.__main__ import main\n"
        "from newsmill.page import zygote\n"
        "zygote.Zygote = None  # a reader that is started fails\n"
        f"sys.argv = ['newsmill', *{arguments!r}]\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        f"print(json.dumps([name for name in {UNUSED!r} if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    totals, unused = map(json.loads, done.stdout.splitlines())
    assert (totals["records"], unused) == (0, [])


def test_run_names_partition_and_offsets_when_retention_took_them(
    kafka, many: KafkaConfig, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    first = run(many, lake)
    assert first["records"] == 400
    kafka.send(many, [b"<p>later</p>"] * 8, headers=[("url", b"https://later.example/1")])
    admin = kafka.admin()
    admin.delete_records({TopicPartition(many.topic, 0): 205})
    admin.close()
    done = subprocess.run(command(many, lake, "--once"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "partition 0" in done.stderr and "200" in done.stderr and "205" in done.stderr
    run(many, lake, "--on-data-loss", "skip")
    ledger = ds.dataset(lake / "fate" / "data", format="parquet").to_table().to_pylist()
    gaps = [(r["partition"], r["offset"], r["offset_end"]) for r in ledger if r["fate"] == "gap"]
    assert gaps == [(0, 200, 205)]
    audit(many, lake)


def test_run_lists_all_that_is_wrong_before_it_starts(tmp_path: Path) -> None:
    config = tmp_path / "mill.yaml"
    config.write_text("kafka:\n  bootstrap: 127.0.0.1\n  topik: x\nlake:\n  path: /proc/none/lake\n")
    done = subprocess.run(
        [sys.executable, "-m", "newsmill", "run", "-c", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert f"{config}:3: kafka.topik: unknown key; did you mean topic?" in done.stderr
    assert f"{config}:2: kafka.bootstrap: " in done.stderr  # one that is only away is waited for
    assert "lake.path: /proc" in done.stderr
