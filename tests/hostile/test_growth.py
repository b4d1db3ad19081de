"""No page costs more than its length, whatever its shape; `benchmarks/growth.py` grows them to 9 MB."""

from __future__ import annotations

import pytest

from page_costs import stages
from page_shapes import SHAPES

SMALL, LARGE = 40_000, 320_000
MOST = 1.3
"""Times the growth of the page that its cost may grow."""

CHEAP_S = 0.15
"""CPU of a large page below which there is nothing to grow: 4 s at 9 MB."""


@pytest.mark.parametrize("shape", SHAPES)
def test_page_costs_no_more_than_its_length(shape: str) -> None:
    ratio = 0.0
    for _ in range(3):  # a neighbour on the machine can make one measurement dear
        large = sum(stages(SHAPES[shape](LARGE))[0].values())
        if large < CHEAP_S:
            return
        small = sum(stages(SHAPES[shape](SMALL))[0].values())
        ratio = large / small * SMALL / LARGE
        if ratio < MOST:
            return
    pytest.fail(
        f"{LARGE // SMALL} times the page cost {ratio:.1f} times as much for each byte: {large:.2f} s"
    )


def test_shapes_are_of_all_kinds_and_grow() -> None:
    assert len(SHAPES) >= 100
    for name, make in SHAPES.items():
        small, large = len(make(10_000).encode()), len(make(80_000).encode())
        assert 10_000 <= small < 14_000 and 75_000 <= large < 110_000, (name, small, large)
