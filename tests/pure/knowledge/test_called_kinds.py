"""A word beside a name tells whether a state or a town is meant."""

import pytest

from newsmill.knowledge.enricher import Enricher


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The governor of New York spoke.", {("New York", "admin1")}),
        ("en", "The state of New York sued. She lives in New York.",
         {("New York", "admin1"), ("New York City", "city")}),
        ("en", "She lives in New York.", {("New York City", "city")}),
        ("en", "Brian Kemp, governor of Georgia, and the state of Israel.",
         {("Georgia", "admin1"), ("Israel", "country")}),
        ("pt", "O governador de São Paulo falou.", {("São Paulo", "admin1")}),
        ("pt", "A cidade de São Paulo parou.", {("São Paulo", "city")}),
        ("de", "Der Gouverneur von New York klagt.", {("New York", "admin1")}),
        ("de", "Der Bundesstaat New York klagt.", {("New York", "admin1")}),
        ("fr", "L'État de New York porte plainte.", {("New York", "admin1")}),
        ("pl", "Gubernator stanu Nowy Jork.", {("New York", "admin1")}),
        ("ru", "Губернатор штата Нью-Йорк.", {("New York", "admin1")}),
        ("fi", "New Yorkin osavaltio haastoi.", {("New York", "admin1")}),
        ("hu", "New York állam pert indított.", {("New York", "admin1")}),
        ("es", "La ciudad de México y el presidente de México.",
         {("Mexico City", "city"), ("Mexico", "country")}),
        ("fr", "Koweït City accueille le sommet.", {("Kuwait City", "city")}),
        ("fr", "Luxembourg-Ville aussi.", {("Luxembourg", "city")}),
        ("pt", "A Cidade do Panamá parou.", {("Panama City", "city")}),
        ("it", "La città di Lussemburgo, e il Lussemburgo.",
         {("Luxembourg", "city"), ("Luxembourg", "country")}),
        ("en", "Manchester City beat Leicester City.", set()),
    ],
)  # fmt: skip
def test_place_is_what_the_word_beside_its_name_calls_it(
    enricher: Enricher, language: str, text: str, expected: set[tuple[str, str]]
) -> None:
    found = enricher.enrich_text(text, language=language, statistical=False).places
    assert {(place.name, place.kind) for place in found} == expected


def test_governor_is_a_person_when_the_name_is_no_states(enricher: Enricher) -> None:
    found = enricher.enrich_text("Gouverneur Newsom sprach.", language="de", statistical=False)
    assert [entity.type for entity in found.entities] == ["person"]
