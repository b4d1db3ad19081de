"""Roles by an element's names: the letters that a pattern begins with rule out no name that it matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from newsmill.page.roles import BIT, ROLES, openings, roles_of

WORDS = sorted(
    {word for pattern in ROLES.values() for word in re.findall("[a-z]+", pattern)} | {"x", "post", "7"}
)


def by_patterns(names: str) -> int:
    parts = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower() for name in names.split()]
    return sum(
        BIT[role] for role, pattern in ROLES.items() if any(re.search(pattern, part) for part in parts)
    )


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["", "-", "_", " "])), max_size=8))
def test_roles_are_those_of_the_patterns_when_names_are_made_of_their_words(
    parts: list[tuple[str, str]],
) -> None:
    names = "".join(word + mark for word, mark in parts)
    assert roles_of(names) == by_patterns(names)


@given(st.text("abdegnorstuv-_ 19ADR", max_size=30))
def test_roles_are_those_of_the_patterns_when_names_are_any(names: str) -> None:
    assert roles_of(names) == by_patterns(names)


@pytest.mark.parametrize("pattern", ["ab", "ads?", "a.c", "abc+", "(?:abc", "abc)"])
def test_openings_refuse_a_pattern_when_it_is_too_short_or_has_other_signs(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern of roles|in it"):
        openings(pattern)
