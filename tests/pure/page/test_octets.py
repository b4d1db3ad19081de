"""Rare signs in UTF-8."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from newsmill.page.octets import has_controls, holds

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]")
NEIGHBOURS = "a\t\n\r ~\x85\xa0é\u2019\u2029\u202f\u2065\u206a日😀"


@given(st.text(NEIGHBOURS + "\x00\x0b\x1f\x7f\x80\x84\x86\x9f\u202a\u202e\u2066\u2069", max_size=6))
def test_controls_are_seen_when_they_stand_among_their_neighbours(text: str) -> None:
    assert has_controls(text.encode()) == bool(CONTROLS.search(text))


@pytest.mark.parametrize("odd", ["\ud800", "\udfff", "\ufdd0", "\ufdef", "\ufffe", "\uffff"])
def test_surrogates_and_noncharacters_are_seen_when_they_are_encoded(odd: str) -> None:
    assert has_controls(f"one {odd} two".encode("utf-8", "surrogatepass"))


@given(st.text(NEIGHBOURS, max_size=20))
def test_no_controls_are_seen_when_there_are_none(text: str) -> None:
    assert not has_controls(text.encode())


@given(st.binary(max_size=12).map(lambda octets: bytes(b"~{x"[o % 3] for o in octets)))
def test_a_pair_is_found_when_it_stands_anywhere(octets: bytes) -> None:
    assert holds(octets, b"~{") == (b"~{" in octets)


def test_a_pair_is_found_when_its_first_byte_stands_often_before_it() -> None:
    assert holds(b"~ " * 1_000 + b"~{", b"~{")
    assert not holds(b"~ " * 1_000, b"~{")
