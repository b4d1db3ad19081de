"""No pattern costs the square of a page: each against texts made from its own syntax."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pattern_shapes import is_anchored, patterns, texts

SMALL, LARGE = 400, 3_200
MOST = 1.6
CHEAP_S = 0.003
DEAR_S = 0.05

BOUNDED = {
    "copies.origin._closing": 400,
    "copies.origin._dateline": 300,
    "page.bylines._CUT": 400,
    "page.bylines._LAST_RANK": 400,
    "page.bylines._NOISE": 400,
    "page.bylines._SPLIT": 400,
    "page.lines._PATTERN": 300,
    "page.titles._SEPARATOR": 500,
    "knowledge.recognisers.statistical._POSSESSIVE": 200,
}
"""Patterns that cost more than their text's length, and the most characters that they are given."""

PATTERNS = patterns()


def cost(pattern: Any, text: Any, *, anchored: bool) -> float:
    start = time.thread_time()
    if anchored:
        pattern.match(text)
    else:
        for _ in pattern.finditer(text):
            pass
    return time.thread_time() - start


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_costs_no_more_than_its_text(name: str) -> None:
    pattern = PATTERNS[name]
    anchored = is_anchored(name)
    most = BOUNDED.get(name)
    for told, make in texts(pattern):
        if most is not None:
            assert min(cost(pattern, make(most), anchored=anchored) for _ in range(2)) < DEAR_S, told
            continue
        for _ in range(3):
            large = cost(pattern, make(LARGE), anchored=anchored)
            if large < CHEAP_S:
                break
            small = cost(pattern, make(SMALL), anchored=anchored)
            if large < MOST * LARGE / SMALL * max(small, CHEAP_S / 8):
                break
        else:
            pytest.fail(f"{told}: {SMALL} characters {small:.4f} s, {LARGE} characters {large:.4f} s")


def test_patterns_of_all_rooms_are_found() -> None:
    assert len(PATTERNS) > 150
    assert {name.split(".")[0] for name in PATTERNS} == {"page", "copies", "knowledge", "sources"}
    assert BOUNDED.keys() <= PATTERNS.keys()
