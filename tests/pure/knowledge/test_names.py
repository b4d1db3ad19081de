from hypothesis import given, strategies as st

from newsmill.knowledge.names import fold, is_acronym, key


@given(st.text())
def test_folding_keeps_the_number_of_characters(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_key_joins_spellings_of_one_name() -> None:
    assert key("São Paulo") == key("SAO  PAULO") == key("sao\npaulo")
    assert key("Côte d’Ivoire") == "cote d'ivoire"


def test_acronyms_are_short_and_in_capitals() -> None:
    assert [is_acronym(n) for n in ("ISI", "U.N.", "Nato", "GREENPEACE", "A")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@given(st.lists(st.text(st.characters(exclude_characters="`"), max_size=20), min_size=1, max_size=20))
def test_folding_is_the_same_when_a_name_stands_in_a_long_text(names: list[str]) -> None:
    letters = "".join(names) + "Zürich — “Łódź”\n" * 20
    assert fold(letters) == "".join(map(fold, letters))
