"""A small lake of the made-up stream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import synthetic
from newsmill.config import LakeConfig
from newsmill.lake.lake import Lake


@pytest.fixture
def config(tmp_path: Path) -> LakeConfig:
    return LakeConfig(path=str(tmp_path / "lake"))


@pytest.fixture
def lake(config: LakeConfig) -> Iterator[Lake]:
    opened = Lake.open(config)
    yield opened
    opened.release()


@pytest.fixture
def filled(lake: Lake, config: LakeConfig) -> Lake:
    """Two batches of 40 offsets in each of two partitions."""
    synthetic.fill(lake, config.path, batches=2, size=40, partitions=(0, 1))
    return lake
