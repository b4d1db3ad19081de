"""The status of a lake: what is said of writers, batches, quarantine, drift and what needs a hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import synthetic
from newsmill.cli.status import lines
from newsmill.config import Config, KafkaConfig, LakeConfig
from newsmill.errors import ConfigError
from newsmill.observe import doctor
from newsmill.observe.status import FULL_BYTES, MANY_FILES, Status, TableSize, _needs, status
from newsmill.sources.transactions import Backlog, Holder

AT = 1_790_000_000 + 600
RECORDS = 152  # of 160 offsets, some are holes


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("status") / "a lake"
    return synthetic.made(folder, batches=2, size=40, partitions=(0, 1))


@pytest.fixture
def found(lake: Path) -> Status:
    return status(Config(lake=LakeConfig(path=str(lake))), broker=False, now=AT)


def needs(found: Status) -> list[str]:
    return [need.what for need in _needs(found, Path("a mill.yaml"), "broker:9092")]


def test_status_counts_the_fates_of_the_last_hour(found: Status, lake: Path) -> None:
    assert found.records_hour == sum(found.fates_hour.values()) == RECORDS
    assert found.committed == {f"{synthetic.TOPIC}/0": 80, f"{synthetic.TOPIC}/1": 80}
    assert found.pages_per_second == round(RECORDS / 3600, 2)
    later = status(Config(lake=LakeConfig(path=str(lake))), broker=False, now=AT + 4000)
    assert later.records_hour == 0
    assert later.quarantine_day == found.quarantine_day != []
    assert status(Config(lake=LakeConfig(path=str(lake))), broker=False, now=AT + 90_000).quarantine_day == []


def test_quarantine_is_told_by_code_with_sites(found: Status) -> None:
    for row in found.quarantine_day:
        assert row["records"] >= sum(row["sites"].values()) > 0
    total = sum(row["records"] for row in found.quarantine_day)
    assert total == found.fates_hour["quarantined"]


def test_writer_is_none_when_its_process_has_ended(found: Status) -> None:
    assert found.writer is not None
    assert (found.writer.pid, found.writer.alive) == (os.getpid(), False) or found.writer.alive


def test_writer_is_told_while_it_lives_and_after_it_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from newsmill.config import LakeConfig; from newsmill.lake.writer import Lake\n"
        "Lake.open(LakeConfig(path=sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lake")]
    config = Config(lake=LakeConfig(path=str(tmp_path / "lake")))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writing:
        assert writing.stdout is not None and writing.stdout.readline() == b"open\n"
        alive = status(config, broker=False).writer
        assert alive is not None and alive.alive and alive.pid == writing.pid
        assert alive.since_s is not None and alive.since_s <= alive.beat_s + 1
        writing.kill()
    dead = status(config, broker=False).writer
    assert dead is not None and not dead.alive and dead.pid == alive.pid


def test_status_leaves_no_trace(lake: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in lake.rglob("*")}
    status(Config(lake=LakeConfig(path=str(lake))), broker=False)
    assert {p: p.stat().st_mtime_ns for p in lake.rglob("*")} == before


def test_status_of_no_lake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no newsmill lake"):
        status(Config(lake=LakeConfig(path=str(tmp_path))), broker=False)


def test_status_is_json_and_text(found: Status) -> None:
    made = json.loads(json.dumps(found.as_dict()))
    assert made["records_hour"] == RECORDS and made["lag"] is None
    assert {"lake", "writer", "committed", "waiting", "last hour", "disk", "to do"} <= {
        line[:12].strip() for line in lines(found)
    }


def test_broker_that_is_away_is_told_and_not_waited_for(lake: Path) -> None:
    config = Config(lake=LakeConfig(path=str(lake)), kafka=KafkaConfig(bootstrap="127.0.0.1:1"))
    found = status(config, broker=True, now=AT)
    assert found.lag is None and found.broker
    assert needs(found)[0].startswith("the broker does not answer: ")


HOLDER = Holder(
    topic="t",
    partition=1,
    offset=7,
    producer_id=3,
    transactional_id="stuck",
    wrote_last=datetime(2026, 11, 1, tzinfo=UTC),
)
ONE_WAITS = Backlog(topic="t", partition=0, waiting=1, held_back=0, stable_end=9)
LAG = [
    Backlog(topic="t", partition=0, waiting=5, held_back=0, stable_end=9),
    Backlog(topic="t", partition=1, waiting=0, held_back=11, stable_end=7),
]


def test_each_trouble_names_its_command(found: Status) -> None:
    late = found.at + timedelta(hours=2)
    troubles = {
        "1 record waits and nobody": replace(found, lag=[ONE_WAITS], writer=None),
        "1 of 33 records of the last hour is in": replace(
            found, drift_day=[], fates_hour={"article": 1, "quarantined": 1}, records_hour=33
        ),
        "5 records wait and nobody writes": replace(found, lag=LAG, writer=None),
        "5 records wait and nothing was committed for ": replace(
            found, lag=LAG, at=late, writer=replace(found.writer, alive=True) if found.writer else None
        ),
        "t partition 1: a transaction of stuck is open since offset 7": replace(found, holders=[HOLDER]),
        "t partition 1: 11 offsets stand behind an open transaction at offset 7": replace(found, lag=LAG),
        "a batch of 9 records was tried 3 times and did not end: killed": replace(
            found, pending={"records": 9, "attempts": 3, "why": "killed"}
        ),
        "articles has 501 small files": replace(
            found, tables=[TableSize("articles", MANY_FILES + 1, 10_000_000, 3)]
        ),
        "articles has 900 snapshots": replace(found, tables=[TableSize("articles", 2, 10, 900)]),
        "1.0 of 100.0 GB of the disk are free": replace(
            found, disk_free=1_000_000_000, disk_total=100_000_000_000
        ),
        "the disk is full, or nearly: 0.1 of 64.0 MB are free; free some space": replace(
            found, disk_free=100_000, disk_total=64_000_000
        ),
        "the disk is full, or nearly: 900.0 of 2,000.0 MB are free": replace(
            found, disk_free=900_000_000, disk_total=2_000_000_000
        ),
        f"6 of {RECORDS} records of the last hour are in quarantine": replace(
            found, fates_hour={"article": RECORDS - 6, "quarantined": 6}
        ),
    }
    for said, state in troubles.items():
        found_needs = list(_needs(state, Path("a mill.yaml"), "broker:9092"))
        (need,) = [need for need in found_needs if need.what.startswith(said)]
        assert need.command.startswith(("newsmill ", "kafka-transactions.sh --bootstrap-server broker:9092 "))


def test_status_and_doctor_agree_when_the_disk_is_full(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(lake=LakeConfig(path=str(lake)))
    for free, full in ((FULL_BYTES - 1, True), (FULL_BYTES, False)):
        usage = SimpleNamespace(free=free, used=0, total=2 * free)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, usage=usage: usage)
        (found,) = doctor._disk(config)
        assert (found.verdict is doctor.Verdict.WRONG) is full
        state = status(config, broker=False, now=AT)
        assert any(need.startswith("the disk is full") for need in needs(state)) is full
        assert any(f"{'1,000.0 MB' if full else '1.0 GB'} of the disk free" in line for line in lines(state))


def test_lake_that_is_well_needs_nothing(found: Status) -> None:
    well = replace(
        found, fates_hour={"article": RECORDS}, drift_day=[], disk_free=5 * 10**10, disk_total=10**11
    )
    assert needs(well) == []
