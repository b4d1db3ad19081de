"""Whatever keepers do to a lake, in whatever order: each row that readers saw is there, gone text is gone."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from keeping import STEPS, House


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(STEPS), min_size=2, max_size=6),
)
def test_no_row_is_lost_in_any_sequence_of_housekeeping_that_ends_with_gc(
    seed: int, steps: list[str]
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="keepers-"))
    try:
        house = House(folder, seed)
        for step in (*steps, "gc"):
            house.do(step)
            assert house.problems == []
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "steps",
    [
        ("commit", "compact", "copy", "commit", "gc"),
        ("commit", "other_engine", "gc", "compact", "gc"),
        ("back_up_catalog", "commit", "lose_catalog", "commit", "gc"),
        ("die", "move", "commit", "gc"),
        ("die", "copy", "gc", "commit"),
        ("replay", "compact", "lose_catalog", "gc"),
        ("other_engine", "move", "other_engine", "gc"),
    ],
    ids=" ".join,
)
def test_no_row_is_lost_when_it_goes_as_it_went_wrong_once(steps: tuple[str, ...], tmp_path: Path) -> None:
    house = House(tmp_path, seed=7)
    for step in steps:
        house.do(step)
    assert house.problems == []
