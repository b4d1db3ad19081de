"""Forms: what newsrooms fill anew each day are stories of their own, and their copies are still found."""

from __future__ import annotations

import random

import pytest

from forms import FORMS, filled
from newsmill.copies.sketches import Sketch
from newsmill.records import Fate
from newsroom import at, fed, folded, index, made, story

EDITS = {
    "dateline": lambda text: f"SALEM (XPA) - {text}",
    "closing line": lambda text: f"{text}\n(Reporting by the Salem desk)",
    "cut": lambda text: text[: len(text) * 4 // 5],
    "more below": lambda text: f"{text}\nSalem is the seat of the county. 塞勒姆是该县的县治，人口约有八千。",
}


def fillings(name: str, count: int, first: int = 0) -> list[Sketch]:
    sketches = []
    for number in range(first, first + count):
        title, text = filled(FORMS[name], number)
        sketches.append(made(text, f"{name} {number}", 100 * len(name) + number, title=title))
    return sketches


@pytest.mark.parametrize("name", FORMS)
def test_two_fillings_of_a_form_are_two_stories(name):
    sketches = fillings(name, 6)
    for a in range(6):
        for b in range(a):
            resolution = index().resolve("b", [sketches[a], sketches[b]])
            assert {d.fate for d in resolution.decisions.values()} == {Fate.ARTICLE}, (a, b)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", FORMS)
def test_copy_of_a_filling_is_found_among_the_others(name, edit):
    title, text = filled(FORMS[name], 2)
    copy = made(EDITS[edit](text), "copy", 10**6, title=title)
    resolution = index().resolve("b", [*fillings(name, 5), copy])
    told = resolution.decisions[copy.position]
    assert told.fate is Fate.COPY
    assert told.duplicate.matched_id == fillings(name, 1, 2)[0].article_id
    assert told.duplicate.opening is not None
    assert told.duplicate.opening > 0.8


def sale(price: int, bid: int, offer: int) -> str:
    return (
        f"The exchange of Torrell said a seat on its floor for grain futures sold for {price} crowns. The "
        f"exchange said the bid is {bid} crowns and the offer is {offer} crowns at the close.\n"
        f"{story(900, 40)}\n{story(price, 40)}"
    )


TWO_SALES = (
    "The exchange of Torrell said a seat on its floor for grain futures sold for 200 crowns. It also told "
    "that a second seat sold for 100 crowns, down from the one before. At the close 100 crowns were bid, 300 "
    f"crowns were the offer.\n{story(900, 40)}\n{story(901, 40)}"
)


def test_form_is_learnt_from_the_stream_where_nothing_tells_two_of_its_fillings_apart():
    """Two sales at one price: alone they could be one; beside three other sales they are two."""
    title = "Seat sold in Torrell"
    pair = [made(sale(200, 100, 200), "a", 1, title=title), made(TWO_SALES, "b", 2, title=title)]
    others = [
        made(sale(n, n - 20, n + 90), f"other {n}", 10 + n, title="Seat sold in Torrell")
        for n in (417, 52, 63)
    ]
    groups, _ = folded(fed(pair)[1])
    assert sorted(map(len, groups)) == [2]
    for order in ([*pair, *others], [*others, *pair], [pair[0], *others, pair[1]]):
        for sizes in ([], [1] * 5, [2, 2]):
            groups, _ = folded(fed(order, sizes)[1])
            assert sorted(map(len, groups)) == [1] * 5


@pytest.mark.parametrize("seed", range(3))
def test_final_clusters_are_the_same_whatever_the_order_when_most_texts_are_forms(seed):
    rng = random.Random(seed)
    sketches = [
        sketch for name in ("seats", "money market", "quakes", "地震") for sketch in fillings(name, 7)
    ]
    for name in ("seats", "quakes", "地震"):
        for n, edit in enumerate(EDITS.values()):
            title, text = filled(FORMS[name], n)
            sketches.append(made(edit(text), f"copy of {name} {n}", 5000 + len(sketches), title=title))
    expected, leaders = folded(fed(sketches)[1])
    assert max(map(len, expected)) < 6
    for _ in range(4):
        shuffled = rng.sample(sketches, len(sketches))
        _, events = fed(shuffled, [rng.choice((1, 2, 7)) for _ in range(20)])
        assert folded(events) == (expected, leaders)


def test_sketch_of_a_row_from_before_openings_were_kept_is_still_compared():
    title, text = filled(FORMS["quakes"], 1)
    old = at(made(text, "old", 1, title=title), opening=b"", marks=b"", words=b"")
    copy = made(EDITS["dateline"](text), "copy", 2, title=title)
    told = index().resolve("b", [old, copy]).decisions[copy.position]
    assert told.fate is Fate.COPY
    assert told.duplicate.opening == 1.0
