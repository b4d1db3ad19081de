"""Rare signs in UTF-8."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import given, settings, strategies as st

from newsmill import strings
from newsmill.page.octets import beyond_ascii_led, has_controls, holds

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
SIGNS = "a\t\n\r ~\x00\x0b\x1f\x7f\x80\xa0é\u2019\u202e\ud800日\uffff😀"


@settings(deadline=None)
@given(st.text(SIGNS, max_size=6))
def test_controls_are_seen_when_they_stand_among_their_neighbours(text: str) -> None:
    assert has_controls(text.encode("utf-8", "surrogatepass")) == bool(CONTROLS.search(text))


@settings(deadline=None)
@given(st.text(SIGNS, max_size=20))
def test_characters_beyond_ascii_are_all_given_when_others_stand_between_them(text: str) -> None:
    found = beyond_ascii_led(text.encode("utf-8", "surrogatepass"))
    pairs = zip(text, [*text[1:], " "], strict=False)
    assert found == "".join(sign for sign, following in pairs if max(sign, following) > "\x7f")
    assert strings.beyond_ascii(text) == "".join(sign for sign in text if sign > "\x7f")


@settings(deadline=None)
@given(st.text("ae \u0301\u0323\u1100\u1161가ö\u09c7\u09be“", max_size=12))
def test_normal_form_is_told_by_characters_beyond_ascii_when_marks_stand_on_others(text: str) -> None:
    told = unicodedata.is_normalized("NFC", beyond_ascii_led(text.encode()))
    assert told == unicodedata.is_normalized("NFC", text)


@settings(deadline=None)
@given(st.binary(max_size=12).map(lambda octets: bytes(b"~{x"[o % 3] for o in octets)))
def test_a_pair_is_found_when_it_stands_anywhere(octets: bytes) -> None:
    assert holds(octets, b"~{") == (b"~{" in octets)


def test_a_pair_is_found_when_its_first_byte_stands_often_before_it() -> None:
    assert holds(b"~ " * 1_000 + b"~{", b"~{")
    assert not holds(b"~ " * 1_000, b"~{")
