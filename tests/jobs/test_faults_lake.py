"""What a crash at any place of the commit protocol does to readers: nothing."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import faults
from faults import FAILPOINTS, Work
from lake_readers import watched
from mutants import MUTANTS


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path / "lake", end=200, batch=100, partitions=(0, 1))


@pytest.mark.parametrize("place", FAILPOINTS)
def test_writer_killed_loses_and_repeats_nothing_at_each_place(work: Work, place: str) -> None:
    with watched(work.root) as seen:
        problems = faults.killed_at(work, place, nth=random.Random(place).choice((1, 2)))
    assert problems + seen == []


@pytest.mark.parametrize("place", [place for place in FAILPOINTS if not place.startswith("commit.appended")])
def test_power_cut_loses_and_repeats_nothing_at_each_place(work: Work, place: str) -> None:
    assert faults.killed_at(work, place, power=True, seed=1) == []


@pytest.mark.parametrize(
    "place", ["file.before_fsync", "metadata.before_fsync", "commit.decided", "table.staged.fate"]
)
def test_full_disk_is_an_error_and_leaves_nothing_half_visible(work: Work, place: str) -> None:
    assert faults.disk_full_at(work, place) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_writer_stops_on_a_really_full_disk_and_goes_on_when_it_has_space(small_disk: Path) -> None:
    work = Work(small_disk / "lake", end=400, batch=100)
    assert faults.Writer(work).result() in ("OSError", "LakeError")
    assert faults.verdict(work, whole=False) == []
    subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
    assert faults.Writer(work).result() == "done"
    assert faults.verdict(work, whole=True) == []


@pytest.mark.parametrize(
    ("place", "nth"), [("commit.decided", 1), ("table.staged.articles", 1), ("table.staged.fate", 4)]
)
def test_writer_that_slept_past_its_lease_is_refused_when_it_wakes(work: Work, place: str, nth: int) -> None:
    with watched(work.root) as seen:
        problems = faults.asleep_at(work, place, nth=nth)
    assert problems + seen == []


def test_second_writer_gets_an_error_and_the_first_goes_on(work: Work) -> None:
    assert faults.second_writer(work) == []


def test_writer_waits_when_the_catalog_is_locked(work: Work) -> None:
    assert faults.locked_catalog(work) == []


def test_upkeep_beside_a_writer_that_is_killed_disturbs_nobody(work: Work) -> None:
    with watched(work.root) as seen:
        problems = faults.beside_upkeep(work)
    assert problems + seen == []


def test_kills_at_random_times_lose_and_repeat_nothing(tmp_path: Path) -> None:
    work = Work(tmp_path / "lake", end=2_000, batch=100)
    with watched(work.root) as seen:
        found = faults.killed_at_random(work, kills=12, seed=1, power=False)
    assert found.problems + seen == []


@pytest.mark.parametrize("mutant", MUTANTS)
def test_suite_fails_when_the_writer_lacks(tmp_path: Path, mutant: str) -> None:
    work = Work(tmp_path / "lake", end=200, batch=100, mutant=mutant)
    assert faults.CAUGHT_BY[mutant](work) != []
