"""Signs of many texts at once: the same as patterns find in each."""

from __future__ import annotations

import re

from hypothesis import given, settings, strategies as st

from newsmill.page.lines import ends_sentence
from newsmill.page.passages import fold, length
from newsmill.page.signs import folded, signs_of

PATTERNS = (r"\d", "[,;，、；]", "[|•·»›/▸]", r"[^\W\d_a-zß-öø-ÿа-яα-ω](?<!\w.)")
SENTENCE_END = re.compile(r"[.!?…。！？؟।]['\"”’»›)\]）」』]*$")
SIGNS = "aZéÉжЖ日_ 7٣,;、|»•\t😀𝔸𠀋\ue000\U000e0041"


@settings(deadline=None)
@given(st.lists(st.text(SIGNS, min_size=1, max_size=8), max_size=5))
def test_signs_are_counted_as_patterns_find_them_when_texts_stand_together(texts: list[str]) -> None:
    found = signs_of(texts).tolist()
    assert found == [[len(re.findall(pattern, text)) for pattern in PATTERNS] for text in texts]


@settings(deadline=None)
@given(st.text(".!。a \"”)'", max_size=10))
def test_a_sentence_ends_when_marks_of_quotation_stand_behind_its_end(text: str) -> None:
    assert ends_sentence(text) == bool(SENTENCE_END.search(text[-8:]))


LINE = st.text("aZ_ 7ßİΣσ'’,日ก가\u0301😀𠀋", max_size=8)


@settings(deadline=None)
@given(st.lists(LINE, max_size=6))
def test_lines_are_folded_and_counted_as_each_alone_when_they_stand_together(lines: list[str]) -> None:
    assert folded(lines) == [(fold(line), length(line)) for line in lines]


def test_lines_are_folded_when_they_are_too_long_to_be_taken_at_once() -> None:
    lines = ["One, two. " * 15_000, "Ä, b" * 60_000, "c"] * 2
    assert folded(lines) == [(fold(line), length(line)) for line in lines]
