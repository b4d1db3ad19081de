"""Tries of a batch are counted durably; a range that kills is noted, and read by halves."""

from __future__ import annotations

from pathlib import Path

import pytest

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake.writer import Lake

NOW = 1_790_000_000_000_000


@pytest.fixture
def config(tmp_path: Path) -> LakeConfig:
    return LakeConfig(path=str(tmp_path / "lake"))


def test_tries_are_counted_across_restarts(config: LakeConfig) -> None:
    lake = Lake.open(config)
    batch = lake.begin(list(synthetic.slices(0, 0, 20)), now=NOW)
    assert batch.attempts == 1
    lake.release()
    again = Lake.open(config)
    pending = again.pending()
    assert pending == batch
    assert again.attempt(batch).attempts == 2
    again.blame(batch, "MemoryError")
    again.forgive(batch)
    found = again.pending()
    assert found is not None and (found.attempts, found.why) == (1, "MemoryError")
    again.commit(found, synthetic.write(config.path, found))
    assert again.pending() is None
    again.release()


def test_batch_tried_in_vain_is_forgotten_and_its_range_is_noted_until_it_is_committed(
    config: LakeConfig,
) -> None:
    lake = Lake.open(config)
    batch = lake.begin(list(synthetic.slices(0, 0, 40)), now=NOW)
    found = lake.suspect(batch)
    assert found.records == batch.records // 2
    assert lake.pending() is None
    lake.release()
    again = Lake.open(config)
    assert again.suspects() == found
    half = again.begin(list(synthetic.slices(0, 0, 20)), now=NOW)
    quarter = again.suspect(half)
    assert quarter.records == half.records // 2
    assert quarter.ends == found.ends
    for start in (0, 20):
        part = again.begin(list(synthetic.slices(0, start, start + 20)), now=NOW)
        assert again.suspects() == quarter
        again.commit(part, synthetic.write(config.path, part))
    assert again.suspects() is None
    again.release()


def test_range_is_forgotten_once_its_record_is_found(config: LakeConfig) -> None:
    lake = Lake.open(config)
    lake.suspect(lake.begin(list(synthetic.slices(0, 0, 40)), now=NOW))
    lake.trust()
    lake.trust()
    assert lake.suspects() is None
    lake.release()


def test_decided_batch_is_not_cut(config: LakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.open(config)
    batch = lake.begin(list(synthetic.slices(0, 0, 20)), now=NOW)
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "_publish", lambda self, decided: None)
        lake.commit(batch, synthetic.write(config.path, batch))
    with pytest.raises(LakeError, match="can't be cut"):
        lake.suspect(batch)
    lake.release()
