"""Figures: shares as they are, and what makes a copy of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from newsmill.copies.figures import Kind, compare
from newsmill.copies.links import _rows
from newsroom import cut, made, reworded, story, title_of


def figures(a, b):
    found = compare(_rows([a]), _rows([b]), 0.6)
    return float(found.jaccard[0]), float(found.of_a[0]), float(found.of_b[0]), Kind(int(found.kind[0]))


def test_shares_are_exact_when_texts_are_short():
    text = story(1, 120)
    _, of_whole, of_half, _ = figures(made(text, "a", 1), made(cut(text, 0.5), "b", 2))
    assert of_half == 1.0
    assert of_whole == pytest.approx(0.48, abs=0.02)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_shares_are_near_the_truth_when_texts_are_long(share):
    text = story(2, 3000)
    jaccard, of_whole, of_part, _ = figures(made(text, "a", 1), made(cut(text, share), "b", 2))
    assert of_part == 1.0
    assert of_whole == pytest.approx(share, abs=0.1)
    assert jaccard == pytest.approx(share, abs=0.1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.integers(0, 5), st.floats(0.1, 1), st.floats(0, 0.3))
def test_comparison_is_symmetric(first, second, share, words):
    a, b = made(story(first), "a", 1), made(cut(reworded(story(second), 7, words), share), "b", 2)
    jaccard, of_a, of_b, kind = figures(a, b)
    assert figures(b, a) == (jaccard, of_b, of_a, kind)


def test_pairs_are_compared_as_if_each_were_alone():
    sketches = [made(cut(reworded(story(n % 5), n), 0.4 + n % 3 / 5), f"{n}", n) for n in range(40)]
    rows = _rows(sketches)
    left, right = np.triu_indices(40, 1)
    together = compare(rows[left], rows[right], 0.6)
    for place, (a, b) in enumerate(zip(left, right, strict=True)):
        alone = compare(rows[[a]], rows[[b]], 0.6)
        assert [float(column[place]) for column in together] == [float(column[0]) for column in alone]


def test_strangers_are_nothing():
    assert figures(made(story(1), "a", 1), made(story(2), "b", 2)) == (0, 0, 0, Kind.NOTHING)


def test_report_of_the_same_form_with_other_numbers_is_no_copy():
    form = (
        "The main index closed at {} points on the day, {} percent from the session before it. Volume was {} "
        "million shares against {} million on average. Northside moved {} percent after its report while the "
        "bond yield stood at {} percent. Crude for next month settled at {} dollars and gold at {} dollars."
    )
    monday = form.format(17099, 3, 857, 443, 8, 5, 84, 1710)
    friday = form.format(18777, 2, 612, 501, 1, 6, 79, 1695)
    title = "Stocks close lower"
    assert figures(made(monday, "a", 1, title=title), made(friday, "b", 2, title=title))[3] is Kind.FORM
    corrected = monday.replace("857", "875")
    assert figures(made(monday, "a", 1, title=title), made(corrected, "b", 2, title=title))[3] is Kind.COPY


def test_short_text_inside_one_about_something_else_is_embedded():
    brief, feature = story(3, 60), story(4, 160)
    larger = feature + "\n" + brief
    a, b = made(brief, "a", 1), made(larger, "b", 2, title=title_of(feature))
    assert figures(a, b)[3] is Kind.EMBEDDED
    titled = made(brief + "\n" + feature, "b", 2, title=title_of(brief))
    assert figures(a, titled)[3] is Kind.COPY


def test_third_of_a_text_is_enough_when_titles_agree_and_not_without():
    text = story(5, 200)
    part = cut(text, 0.45) + "\n" + story(6, 120)
    a, titled = made(text, "a", 1), made(part, "b", 2, title=title_of(text))
    untitled = made(part, "b", 2, title="")
    assert figures(a, titled)[3] is Kind.COPY
    assert figures(made(text, "a", 1, title=""), untitled)[3] is Kind.NOTHING


@pytest.mark.parametrize(("words", "kind"), [(40, Kind.NOTHING), (300, Kind.COPY)])
def test_a_third_in_common_under_one_title_is_a_copy_unless_the_texts_are_briefs(words, kind):
    lead = story(1, words // 2)
    a, b = (
        made(f"{lead}\n{story(n, words - words // 2)}", f"{n}", n, title=title_of(lead)) for n in (11, 12)
    )
    _, of_a, of_b, found = figures(a, b)
    assert 0.3 < max(of_a, of_b) < 0.6
    assert found is kind
