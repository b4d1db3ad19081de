"""Strings: what no field may hold goes, what languages need stays, and no text costs its square."""

from __future__ import annotations

import re
import sys
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


@settings(max_examples=400, deadline=None, derandomize=True)
@given(ANY_TEXT | st.text(alphabet="ae\u0301\u0344\u200b\u200c\u200d\u00adกខ\u00a0كﻣक्👩", max_size=90))
def test_composed_text_stays_as_it_is_the_second_time(text: str) -> None:
    once = strings.composed(text)
    assert strings.composed(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert strings.composed(strings.prose(once)) == strings.prose(once)


def test_normal_form_is_told_by_few_characters_when_any_of_them_may_compose() -> None:
    second = {
        chr(int(part, 16))
        for code in range(sys.maxunicode + 1)
        for part in unicodedata.decomposition(chr(code)).split()[1:]
        if not unicodedata.decomposition(chr(code)).startswith("<")
    }
    jamo = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    marks = {chr(code) for code in range(sys.maxunicode + 1) if unicodedata.combining(chr(code))}
    for sign in second | jamo | marks:
        for text in (f"e{sign}", f"e{sign}\u0323", f"ö “{sign}”", f"\u1100{sign}"):
            assert strings.is_nfc(text, strings.beyond_ascii(text)) == unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize(
    ("text", "composed"),
    [
        ("Jose\u0301 Nu\u0301n\u0303ez", "José Núñez"),
        ("Bundes\u00adkanz\u00adlerin", "Bundeskanzlerin"),
        ("Auf\u200clage, a\u200bb, \ufeffx, \u200eA\u200f", "Auflage, ab, x, A"),
        ("10\u202f000\u00a0€\u3000東京", "10 000 € 東京"),
        ("ﻣﺤﻤﺪ ﷲ", "محمد الله"),
        ("كتاب\u061c\u200f", "كتاب"),
        ("کتابخانه\u200cهای روستایی می\u200c\u200cشوند", "کتابخانه\u200cهای روستایی می\u200cشوند"),
        ("क्\u200dष 👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥", "क्\u200dष 👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥"),
        ("ភាសា\u200bខ្មែរ ภาษา\u200bไทย", "ភាសា\u200bខ្មែរ ภาษา\u200bไทย"),
        ("ＮＨＫ ① ﬁ", "ＮＨＫ ① ﬁ"),
        ("한국", "한국"),
    ],
)
def test_text_is_composed_and_keeps_what_its_script_needs(text: str, composed: str) -> None:
    assert strings.composed(text) == composed


def test_links_stay_as_they_are_when_a_record_is_cleaned() -> None:
    link = "https://e.example/Jose\u0301"
    page = Page(
        title="Jose\u0301",
        body="Jose\u0301",
        canonical_url=link,
        images=(link,),
        extraction=Extraction(method="m", reason="r"),
    )
    cleaned = strings.cleaned(page)
    assert (cleaned.title, cleaned.body) == ("José", "José")
    assert (cleaned.canonical_url, cleaned.images) == (link, (link,))


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
    assert cpu_ratio(strings.nfkc, lambda n: "a" + "\u0315\u0300" * (n // 2), small=40_000) < 2


def test_references_are_resolved_and_numbers_beyond_all_characters_go() -> None:
    assert strings.unescaped("a &amp; b &#8211; &#x41; &#" + "9" * 5_000 + ";c") == "a & b – A c"
