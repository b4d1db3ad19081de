"""Places that are only part of a name, or stand for something that is named for them."""

import pytest

from growth import cpu_ratio
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.mentions import Found
from newsmill.knowledge.wider import widened


def entities(enricher: Enricher, text: str) -> dict[str, tuple[str, str | None]]:
    found = enricher.enrich_text(text, language="en").entities
    return {m.text: (e.coarse, e.wikidata_id) for e in found for m in e.mentions}


def places(enricher: Enricher, text: str) -> set[tuple[str, str | None]]:
    return {(m.text, p.country) for p in enricher.enrich_text(text, language="en").places for m in p.mentions}


@pytest.mark.parametrize(
    ("text", "whole", "part"),
    [
        ("Boats to the Aran Islands were cancelled.", "Aran Islands", "Aran"),
        ("Hikers crossed the Lugo Mountains in June.", "Lugo Mountains", "Lugo"),
        ("Rain fell on the Leeds Plateau yesterday.", "Leeds Plateau", "Leeds"),
    ],
)
def test_town_is_none_when_a_feature_goes_on_with_its_name(
    enricher: Enricher, text: str, whole: str, part: str
) -> None:
    assert entities(enricher, text)[whole] == ("LOC", None)
    assert part not in {name for name, _ in places(enricher, text)}


def test_known_islands_stay_what_they_are(enricher: Enricher) -> None:
    assert entities(enricher, "The Faroe Islands voted, and the Cook Islands did not.") == {
        "Faroe Islands": ("LOC", "Q4628"),
        "Cook Islands": ("LOC", "Q26988"),
    }


def test_side_of_a_state_is_no_link_to_it_and_gives_its_place(enricher: Enricher) -> None:
    text = "Snow fell in Eastern Oregon on Sunday."
    assert entities(enricher, text) == {"Eastern Oregon": ("LOC", None)}
    assert ("Oregon", "US") in places(enricher, text)
    assert entities(enricher, "Snow fell in West Virginia.")["West Virginia"] == ("LOC", "Q1371")


def test_state_with_that_word_is_a_team_but_where_it_is_told_from_its_city(enricher: Enricher) -> None:
    found = entities(
        enricher, "Oregon State beat Kansas State on Saturday, before the Ohio State Police came."
    )
    assert found["Oregon State"] == found["Kansas State"] == ("ORG", None)
    assert found["Ohio State Police"][0] == "ORG"
    assert entities(enricher, "He lives in Washington State.").get("Washington State") != ("ORG", None)


def test_state_is_a_team_when_it_has_a_coach(enricher: Enricher) -> None:
    found = entities(enricher, "He was named Nebraska's head coach. Nebraska has lost four games.")
    assert found["Nebraska"][0] == "ORG"
    assert entities(enricher, "Nebraska's governor spoke.")["Nebraska"][0] == "LOC"


def test_goods_that_are_named_for_a_town_are_no_place(enricher: Enricher) -> None:
    text = "Brent crude fell 2 percent. Brent settled at $80 a barrel in London."
    assert entities(enricher, text)["Brent"] == ("MISC", None)
    assert {name for name, _ in places(enricher, text)} == {"London"}


def test_country_behind_a_word_for_where_it_lies_is_a_country(enricher: Enricher) -> None:
    for word in ("Neighbouring", "Neighboring", "Landlocked"):
        assert entities(enricher, f"{word} Chad closed its border.") == {"Chad": ("LOC", "Q657")}


def test_faith_is_no_link_when_it_tells_what_somebody_is(enricher: Enricher) -> None:
    assert entities(enricher, "A Buddhist monk met Hindu leaders.").get("Hindu") == ("MISC", None)
    assert entities(enricher, "Prayers of Hindus were heard.")["Hindus"] == ("MISC", "Q10090")


def test_what_is_based_in_a_name_is_based_in_the_city(enricher: Enricher) -> None:
    assert entities(enricher, "A Washington-based charity paid.")["Washington"] == ("LOC", "Q61")


def test_short_forms_take_the_entity_of_the_long_one(enricher: Enricher) -> None:
    found = entities(enricher, "British Airways cut flights, and BA said so. Kenya Airways did not.")
    assert found["BA"] == found["British Airways"] == ("ORG", "Q8766")
    assert found["Kenya Airways"][0] == "ORG"
    found = entities(enricher, "The Dow Jones industrial average rose. The Dow is up 12 percent.")
    assert found["Dow"][1] == "Q180816"
    assert entities(enricher, "He took a US Airways flight.")["US Airways"][0] == "ORG"


def test_widening_costs_no_more_than_its_length() -> None:
    def cost(text: str) -> list[Found]:
        unit = len("Northern Oman Islands. ")
        at = range(0, len(text) - unit, unit)
        mentions = [
            Found(start=i + 9, end=i + 13, text="Oman", folded="oman", candidates=(), coarse="LOC")
            for i in at
        ]
        return widened(text, mentions)

    assert cpu_ratio(cost, lambda n: "Northern Oman Islands. " * (n // 23), small=20_000) < 1.5
