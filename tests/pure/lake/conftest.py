"""A small lake of the made-up stream, made once and put back for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import synthetic
from newsmill.config import LakeConfig
from newsmill.lake.writer import Lake
from wirelake import Press, press_day


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all lakes of a session are, one after another: files are noted by their full path."""
    return tmp_path_factory.mktemp("lakes") / "lake"


@pytest.fixture(scope="session")
def made(place: Path) -> Path:
    """A copy of a lake with two batches of 40 offsets in each of two partitions."""
    synthetic.made(place, batches=2, size=40, partitions=(0, 1))
    return Path(shutil.move(place, place.with_name("made")))


@pytest.fixture
def config(place: Path) -> Iterator[LakeConfig]:
    yield LakeConfig(path=str(place))
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def lake(config: LakeConfig) -> Iterator[Lake]:
    """A new one."""
    opened = Lake.open(config)
    yield opened
    opened.release()


@pytest.fixture
def press(config: LakeConfig) -> Iterator[Press]:
    """A day of stories, copies and revisions of both."""
    opened = Press(config)
    press_day(opened)
    yield opened
    opened.close()


@pytest.fixture
def filled(config: LakeConfig, made: Path) -> Iterator[Lake]:
    """The lake of `made`."""
    shutil.copytree(made, config.path)
    opened = Lake.open(config)
    yield opened
    opened.release()
