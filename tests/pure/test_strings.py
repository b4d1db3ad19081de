"""Strings: what no field may hold goes, what languages need stays, and no text costs its square."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from growth import cpu_ratio
from newsmill import strings
from newsmill.records import Extraction, Page, Removal

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=200)


def is_clean(text: str) -> bool:
    return not any(
        unicodedata.category(c) in ("Cc", "Cs") or 0x202A <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069
        for c in text
    )


@settings(max_examples=300, deadline=None, derandomize=True)
@given(ANY_TEXT)
def test_any_text_is_clean_and_stays_as_it_is_the_second_time(text: str) -> None:
    for rule in (strings.line, strings.prose):
        once = rule(text)
        assert is_clean(once.replace("\n", "") if rule is strings.prose else once)
        assert rule(once) == once
        once.encode()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ANY_TEXT)
def test_offsets_stay_when_a_text_is_cleaned_in_place(text: str) -> None:
    cleaned = strings.in_place(text)
    assert len(cleaned) == len(text)
    cleaned.encode()


@pytest.mark.parametrize(
    "text",
    [
        "کتابخانه‌های روستایی باز می‌شوند",
        "क्‍ष and 👩‍👩‍👧",
        "Straße, Łódź, 東京、ひらがな",
        "Zürich " + "e\u0301",
        "mit Soft\u00adhyphen und schmalem\u202fLeerzeichen",
        "שלום\u200f (abc)",
    ],
)
def test_field_keeps_what_its_language_needs(text: str) -> None:
    assert strings.line(text) == text


def test_record_is_cleaned_whatever_its_depth() -> None:
    removal = Removal(rule="r", text="x\x1b[2J\ny", paragraph=0)
    page = Page(
        title="a\x07b\nc",
        body="one\x00\r\ntwo",
        authors=("J\ud83d", "K"),
        extraction=Extraction(method="m", reason="r", removed=(removal,), candidates={"a\x1b": 1}),
    )
    cleaned = strings.cleaned(page)
    assert (cleaned.title, cleaned.body, cleaned.authors) == ("ab c", "one\ntwo", ("J", "K"))
    assert cleaned.extraction.removed[0].text == "x[2J y"
    assert cleaned.extraction.candidates == {"a": 1}
    assert strings.cleaned(cleaned) is cleaned


def test_normal_form_is_that_of_unicode_when_marks_are_few() -> None:
    text = "e\u0316\u0301 ﬁ Å ①" + "\u0315\u0300" * 15
    assert strings.nfkc(text) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize("length", [29, 30, 31, 32, 61, 95])
def test_run_of_marks_is_broken_wherever_it_stands(length: int) -> None:
    for before in range(63):
        for mark in ("\u0301", "\u064e", "\U0001e8d0"):
            safe = strings.stream_safe("क" * before + mark * length + "क" * 40)
            runs = [len(run) for run in re.split("[^\u0301\u064e\U0001e8d0]+", safe) if run]
            assert max(runs) == min(length, 30) and sum(runs) == length


def test_normal_form_costs_no_square_of_a_run_of_marks() -> None:
    assert cpu_ratio(strings.nfkc, lambda n: "a" + "\u0315\u0300" * (n // 2), small=40_000) < 1.3


def test_references_are_resolved_and_numbers_beyond_all_characters_go() -> None:
    assert strings.unescaped("a &amp; b &#8211; &#x41; &#" + "9" * 5_000 + ";c") == "a & b – A c"
