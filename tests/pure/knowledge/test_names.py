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
