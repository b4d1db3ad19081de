"""A batch takes no more memory than there is room for; one record always has room."""

from __future__ import annotations

import random
import sys

import pytest

from newsmill.errors import TooLarge
from newsmill.runtime.batch_memory import BASE_MB, LEAST_MB, Room

CHANCE = random.Random(1)
NOISE = "".join(CHANCE.choices("abcdefghijklmnopqrstuvwxyz ", k=1_000_000))


def taken(room: Room, *texts: str) -> int:
    """How many drafts of these texts fit."""
    count = 0
    with pytest.raises(TooLarge, match="records take"):
        while True:
            room.take_texts(texts)
            count += 1
    return count


def test_one_record_always_has_room() -> None:
    room = Room(1)
    room.take_texts([NOISE * 20])
    assert room.fits() == 1


def test_more_room_takes_more_records() -> None:
    small, large = taken(Room(BASE_MB + LEAST_MB), NOISE), taken(Room(BASE_MB + 4 * LEAST_MB), NOISE)
    assert large >= 3 * small > 0


def test_what_packs_badly_or_is_wide_takes_more() -> None:
    counts = [taken(Room(1000), body) for body in ("a" * 1_000_000, NOISE, "\u4e00" * 1_000_000)]
    assert counts[0] > counts[1] and counts[0] > counts[2]


def test_what_was_cut_from_a_page_counts_as_its_body() -> None:
    assert 0.4 < taken(Room(1000), NOISE, NOISE) / taken(Room(1000), NOISE) < 0.6


def test_what_was_found_in_a_text_counts() -> None:
    plain, rich = Room(1000), Room(1000)
    plain.take_texts([NOISE])
    rich.take_texts([NOISE], CHANCE.randbytes(len(NOISE)))
    assert rich.taken > 1.5 * plain.taken


def test_records_that_fit_leave_some_room() -> None:
    room = Room(1000)
    fitting = taken(room, NOISE)
    assert 0.5 * fitting < room.fits() < fitting


def test_nothing_taken_means_no_bound() -> None:
    assert Room(1000).fits() == sys.maxsize


def test_payloads_of_quarantined_records_count() -> None:
    room = Room(1000)
    with pytest.raises(TooLarge):
        for _ in range(1000):
            room.take_payload(CHANCE.randbytes(9_000_000))
