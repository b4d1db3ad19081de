from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import pytest
from hypothesis import given, settings, strategies as st

from newsmill.knowledge.recognisers import Rules
from newsmill.knowledge.spans import COARSE


@dataclass(frozen=True)
class Known:
    coarse: str
    role: str = "name"
    prior: float = 1.0
    importance: float = 0.8


class Gazetteer:
    names: ClassVar = {
        "kabul": Known("LOC"), "london": Known("LOC"), "paris": Known("LOC"), "kenya": Known("LOC"),
        "ashford": Known("LOC", importance=0.5),
        "united states": Known("LOC"), "turkey": Known("LOC", importance=0.9),
        "uae": Known("LOC", "capitals"),
        "israel": Known("LOC"), "german": Known("LOC", "demonym"), "south korean": Known("LOC", "demonym"),
        "british": Known("LOC", "demonym"), "airbus": Known("ORG"), "reuters": Known("ORG"),
        "moskau": Known("LOC"), "россия": Known("LOC"), "españa": Known("LOC"),
    }  # fmt: skip

    def lookup(self, surface: str) -> Sequence[Known]:
        known = self.names.get(surface.lower())
        return (known,) if known else ()

    def places_without_case(self) -> Iterator[tuple[str, float]]:
        yield "北京", 2e7


RULES = Rules(Gazetteer())


def names(text: str, language: str = "en") -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.coarse) for s in RULES.recognise(text, language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The talks in Kabul went on.", [("Kabul", "LOC")]),
        ("A spokesman for Arup Holdings Ltd said so.", [("Arup Holdings Ltd", "ORG")]),
        ("It was the Ministry of Water and nobody else.", [("Ministry of Water", "ORG")]),
        ("They asked the Food and Drug Administration again.", [("Food and Drug Administration", "ORG")]),
        ("We met President Grace Okello there.", [("Grace Okello", "PER")]),
        ("We met German Foreign Minister Jane Doe there.", [("German", "MISC"), ("Jane Doe", "PER")]),
        (
            "She is the envoy to Kenya Mansoor Ahmed Khan named.",
            [("Kenya", "LOC"), ("Mansoor Ahmed Khan", "PER")],
        ),
        ("He met Ursula von der Leyen today.", [("Ursula von der Leyen", "PER")]),
        ("They won the Kenya Cup twice.", [("Kenya Cup", "MISC")]),
        ("A boat on Lake Turkana sank.", [("Lake Turkana", "LOC")]),
        ("It orders the Airbus A350 today.", [("Airbus", "ORG"), ("A350", "MISC")]),
        (
            "The London-based firm and a post-Brexit deal.",
            [("London-based", "MISC"), ("post-Brexit", "MISC")],
        ),
        (
            "A UAE-Israel summit, South Korean officials said.",
            [("UAE-Israel", "MISC"), ("South Korean", "MISC")],
        ),
    ],
)
def test_name_gets_its_type_from_its_words_and_neighbours(text: str, expected: list[tuple[str, str]]) -> None:
    assert names(text) == expected


def test_dateline_is_a_place_and_its_agency_an_organisation() -> None:
    assert names("ZINDER, May 4 (Tellus) - Rain fell.") == [("ZINDER", "LOC"), ("Tellus", "ORG")]


def test_dateline_is_found_when_the_text_is_tokenised() -> None:
    assert names("ZINDER ( Tellus ) - Rain fell .") == [("ZINDER", "LOC"), ("Tellus", "ORG")]


@pytest.mark.parametrize(
    "text",
    [
        "Rain fell. Meanwhile the river rose.",
        "Economists expect more.",
        'He said: "Please go."',
        "On Monday in May it rained.",
    ],
)
def test_opening_of_a_sentence_is_no_name(text: str) -> None:
    assert names(text) == []


def test_opening_of_a_sentence_is_a_name_when_the_text_has_it_inside_too() -> None:
    assert ("Apple", "ORG") in names("Apple fell. Shares of Apple Inc fell, and Apple said nothing.")


def test_country_is_found_when_its_name_is_a_common_word_that_opens_the_sentence() -> None:
    assert names("Turkey voted.") == [("Turkey", "LOC")]


def test_surname_takes_the_type_of_the_full_name_in_the_same_text() -> None:
    found = names("In London the judge Mary Ashford spoke. Later Ashford left.")
    assert [coarse for name, coarse in found if name == "Ashford"] == ["PER"]


def test_acronym_takes_the_type_of_what_it_stands_for() -> None:
    found = names("The Kenya Open Cup (KOC) is near. The KOC begins in May.")
    assert found == [("Kenya Open Cup", "MISC"), ("KOC", "MISC"), ("KOC", "MISC")]


def test_headline_words_are_no_names_when_they_are_common() -> None:
    found = names("Rising Prices Hit Poor Families Hard In Kabul\n\nPrices rose.")
    assert found == [("Kabul", "LOC")]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "de",
            "Der Minister Olaf Schneider reiste am Montag nach Moskau.",
            [("Olaf Schneider", "PER"), ("Moskau", "LOC")],
        ),
        ("es", "El presidente Pedro Sánchez habló en España.", [("Pedro Sánchez", "PER"), ("España", "LOC")]),
        (
            "ru",
            "Президент Владимир Иванов заявил, что Россия готова.",
            [("Владимир Иванов", "PER"), ("Россия", "LOC")],
        ),
        ("zh", "国务院总理在北京主持召开会议。", [("国务院", "ORG"), ("北京", "LOC")]),
    ],
)
def test_names_with_evidence_are_found_in_other_languages(
    language: str, text: str, expected: list[tuple[str, str]]
) -> None:
    assert names(text, language) == expected


def test_nouns_are_no_names_when_the_language_capitalises_them() -> None:
    assert names("Die Regierung lobte den Entwurf und die Pläne der Opposition.", "de") == []
    assert names("Der Mann sagte, das Kind habe den Strom im Blick. Menschen und Stunden.", "de") == []


def test_lower_case_particle_joins_only_a_name_when_the_language_has_it_as_a_preposition() -> None:
    assert names("El ministro de España habló.", "es") == [("España", "LOC")]
    assert names("Ursula von der Leyen kam.", "de") == [("Ursula von der Leyen", "PER")]
    assert "Rentenpaket" not in str(names("Sie wollen in Berlin das Rentenpaket beschließen.", "de"))


@settings(max_examples=200, deadline=None)
@given(
    st.text(
        alphabet=st.one_of(st.sampled_from(list("ABab .,'’-()\n\"&@1İßǅ")), st.characters()), max_size=200
    ),
    st.sampled_from(["en", "de", "ru", "und"]),
)
def test_spans_are_exact_ordered_and_apart_whatever_the_text(text: str, language: str) -> None:
    spans = RULES.recognise(text, language)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert all(span.coarse in COARSE for span in spans)
    assert all(text[span.start : span.end] == text[span.start : span.end].strip() for span in spans)


@pytest.mark.parametrize(
    "text",
    [
        "President " * 60_000,
        "A and " * 60_000,
        "Bank of " * 60_000,
        "(A) - " * 60_000,
        "O'" * 300_000,
        "U." * 300_000,
    ],
)
def test_names_are_found_in_bounded_time_when_the_text_is_hostile(text: str) -> None:
    RULES.recognise("Warm up.", "en")
    started = time.thread_time()
    RULES.recognise(text, "en")
    assert time.thread_time() - started < 3.0


def test_threads_find_the_same() -> None:
    text = "We met President Grace Okello in Kabul. Okello spoke of Arup Holdings Ltd."
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: tuple(names(text)), range(64)))) == 1
