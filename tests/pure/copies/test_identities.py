"""Identities: articles by id, in memory and in files."""

from __future__ import annotations

import numpy as np
import pytest

from newsmill.copies.files import Nameless
from newsmill.copies.identities import ARTICLE, Identities


def rows(first: int, count: int, *, revision: int = 1, day: int = 0) -> np.ndarray:
    made = np.zeros(count, dtype=ARTICLE)
    numbers = np.arange(first, first + count, dtype=np.uint64)
    spread = np.stack([numbers * np.uint64(0x9E3779B97F4A7C15), numbers], axis=1)
    made["article"] = np.ascontiguousarray(spread).view("V16").ravel()
    made["revision"], made["day"], made["offset"] = revision, day, numbers
    return made


def test_articles_are_found_and_replaced_when_they_are_few():
    known = Identities()
    known.add(rows(0, 100))
    known.add(rows(50, 100, revision=2))
    found = known.find(rows(40, 200)["article"])
    assert len(known) == 150
    assert sorted(found["offset"].tolist()) == list(range(40, 150))
    assert set(found["revision"][found["offset"] >= 50].tolist()) == {2}


def test_articles_are_found_and_replaced_when_they_are_in_files():
    known = Identities()
    for first in range(0, 1000, 100):
        known.add(rows(first, 100))
        known.rows.fold(Nameless())
        known.known.fold(Nameless())
    known.add(rows(50, 20, revision=2))
    assert known.nbytes == 0
    assert len(known) == 1000
    found = known.find(rows(45, 100)["article"])
    assert sorted(found["offset"][found["revision"] == 2].tolist()) == list(range(50, 70))
    assert len(found) == 100


@pytest.mark.parametrize("until", [-1, 0, 1])
def test_articles_are_forgotten_when_their_day_is_past(until):
    known = Identities()
    known.add(rows(0, 10, day=0))
    known.add(rows(10, 10, day=1))
    known.drop(until)
    assert len(known) == 10 * (1 - until)
    assert len(known.find(rows(0, 20)["article"])) == len(known)
