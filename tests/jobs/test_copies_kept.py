"""The copies index between runs: taken from its folder, or made anew from the lake; it decides the same."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from newsmill.config import Config, CopiesConfig, LakeConfig
from newsmill.copies.files import MANIFEST
from newsmill.copies.sketches import Sketch
from newsmill.flow.steps.remember import Memory
from newsmill.lake import reader
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep.compaction import compact
from newsmill.lake.upkeep.garbage_collection import unseen
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.urls import article_id
from newsroom import reworded, story
from wirelake import AT, MINUTE, Kept, Press, Sent, press_day, retitled

HOUR = 60 * MINUTE
ANEW = "made anew from the lake"


@pytest.fixture
def config(tmp_path: Path) -> LakeConfig:
    return LakeConfig(path=str(tmp_path / "lake"))


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="newsmill")
    return caplog


def rows(config: LakeConfig) -> list[dict[str, object]]:
    columns = ["offset", "fate", "revision", "duplicate", "article_id"]
    return reader.rows(config.path, "articles").to_table(columns=columns).sort_by("offset").to_pylist()


def next_day(press: Press) -> None:
    press.send(
        Sent("https://g.example/one", reworded(story(1), 9, 0.04)),
        Sent("https://wire.example/one", story(8), "Another story"),
        Sent("https://h.example/six", story(6), "Museum opens"),
        Sent("https://f.example/six", story(6), "Museum opens"),
    )


def day_after(path: Path, *, kept: bool) -> list[dict[str, object]]:
    """The rows of two days, with an index that is or isn't there after the first."""
    config = LakeConfig(path=str(path))
    first = Kept(config)
    press_day(first)
    first.close()
    if not kept:
        shutil.rmtree(path / "_copies")
    second = Kept(config)
    next_day(second)
    second.close()
    return rows(config)


def test_decisions_are_the_same_when_the_index_is_taken_and_when_it_is_made_anew(tmp_path, told):
    taken = day_after(tmp_path / "one", kept=True)
    assert ANEW not in told.text
    assert taken == day_after(tmp_path / "two", kept=False)
    assert told.text.count(ANEW) == 1
    assert [row["fate"] for row in taken[-3:]] == ["copy", "revision", "copy"]


def restarted(config: LakeConfig, told: pytest.LogCaptureFixture) -> bool:
    """Whether a start takes the index that is there."""
    told.clear()
    again = Kept(config)
    again.close()
    return ANEW not in told.text


@pytest.fixture
def lake(config: LakeConfig) -> LakeConfig:
    press = Kept(config)
    press_day(press)
    press.close()
    return config


def test_batches_that_the_index_does_not_know_are_learnt_at_a_start(lake, told):
    folder = Path(lake.path) / "_copies"
    shutil.copytree(folder, folder.with_name("_older"))
    press = Kept(lake)
    next_day(press)
    press.send(Sent("https://z.example/z", story(77), "Last"), at=AT + 5 * HOUR)
    press.close()
    shutil.rmtree(folder)
    folder.with_name("_older").rename(folder)  # as if it had been killed before it published
    told.clear()
    press = Kept(lake)
    assert ANEW not in told.text
    press.send(Sent("https://q.example/z", story(77), "Last"), Sent("https://z.example/z", story(77), "Last"))
    found = rows(lake)[-1]
    assert (found["fate"], found["duplicate"]["copy_type"]) == ("copy", "exact")
    assert sum(row["offset"] >= 16 for row in rows(lake)) == 2  # z is a redelivery
    press.close()


def test_index_is_taken_when_files_were_merged_or_enriched(lake, told):
    press = Kept(lake)
    press.send(Sent("https://z.example/z", story(77), "Last"), at=AT + 5 * HOUR)
    press.close()
    assert any(merged.table == "articles" for merged in compact(Tables.open(lake)))
    assert restarted(lake, told)


def test_index_is_made_anew_when_something_was_taken_down(lake, told):
    take_down(lake, "wire.example", now=AT + HOUR)
    assert not restarted(lake, told)
    assert sum(ANEW in line for line in told.messages) == 1
    press = Kept(lake)
    press.memory.keep(ending=True)
    press.close()
    assert restarted(lake, told)


def test_no_byte_of_what_was_taken_down_stays_in_the_folder_when_a_run_goes_on(config):
    press = Kept(config)
    press_day(press)
    written = reader.rows(config.path, "copy_sketches").to_table().to_pylist()
    mine = article_id("https://wire.example/one")
    sketches = [Sketch.decode(row["sketch"]) for row in written if row["article_id"] == mine]
    folder = Path(config.path) / "_copies"
    held = b"".join(path.read_bytes() for path in folder.iterdir())
    assert all(sketch.hashes in held for sketch in sketches)
    take_down(config, "https://wire.example/one", now=AT + HOUR)
    next_day(press)
    press.close()
    assert not b"".join(path.read_bytes() for path in folder.iterdir())


def test_takedown_removes_the_index_when_no_run_is_under_way(lake, told):
    folder = Path(lake.path) / "_copies"
    command = [sys.executable, "-m", "newsmill", "takedown", lake.path, "https://wire.example/one"]
    subprocess.run([*command, "--dry-run"], check=True)
    assert (folder / MANIFEST).exists()
    subprocess.run(command, check=True)
    assert [path.name for path in folder.iterdir()] == ["lock"]
    assert not restarted(lake, told)


def test_index_is_made_anew_when_records_were_replayed(lake, told):
    press = Kept(lake)
    retitled(press, 2, "Ferry line is sold", AT + 9 * HOUR)
    press.close()
    assert not restarted(lake, told)


def test_index_is_made_anew_when_the_lake_was_put_back(config, told):
    press = Kept(config)
    press_day(press)
    press.close()
    shutil.copytree(config.path, config.path + "-older", ignore=shutil.ignore_patterns("_copies"))
    press = Kept(config)
    next_day(press)
    press.close()
    shutil.copytree(Path(config.path) / "_copies", Path(config.path + "-older") / "_copies")
    shutil.rmtree(config.path)
    Path(config.path + "-older").rename(config.path)
    assert not restarted(config, told)


def test_index_is_made_anew_when_settings_changed(lake, told):
    owned = Kept(lake)
    owned.close()
    told.clear()
    press = Press(lake)
    Memory(Config(lake=lake, copies=CopiesConfig(horizon_days=3)), press.lake).close()
    press.close()
    assert ANEW in told.text


def test_index_is_in_the_folder_that_settings_name(lake, tmp_path):
    press = Press(lake)
    named = tmp_path / "fast disk" / "index"
    memory = Memory(Config(lake=lake, copies=CopiesConfig(folder=named)), press.lake)
    memory.keep(ending=True)
    assert (named / MANIFEST).exists()
    memory.close()
    press.close()


def test_a_second_process_decides_without_the_folder_that_the_first_has(lake, told):
    first = Kept(lake)
    second = Memory(Config(lake=lake), first.lake)
    assert "another process has it" in told.text
    assert second.index.texts == first.index.texts
    second.close()
    first.close()


def test_a_folder_that_can_not_be_made_is_told_and_the_run_goes_on(lake, told, tmp_path):
    (tmp_path / "file").write_text("")
    press = Press(lake)
    memory = Memory(Config(lake=lake, copies=CopiesConfig(folder=tmp_path / "file" / "in")), press.lake)
    assert "can't be kept" in told.text
    assert memory.index.texts > 0
    press.close()


def test_keepers_leave_the_index_alone_and_the_audit_is_clean(lake):
    tables = Tables.open(lake)
    assert not [found for found in unseen(tables) if "_copies" in found.path]
    report = audit(lake.path)
    assert report.right
    assert report.orphans == 0
    assert not report.foreign
