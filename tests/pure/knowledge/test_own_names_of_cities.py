"""Cities under their names in their own languages, and in those of others."""

import pytest

from names_by_language import ABROAD, OWN, cases
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.gazetteer import Gazetteer

CASES = cases(OWN)
PRESS = 2e6  # weight of a division with names of the press


def test_cases_are_of_many_languages() -> None:
    assert len(CASES) > 80
    assert len({language for language, _, _ in CASES}) > 30


@pytest.mark.parametrize(("language", "english", "own"), CASES, ids=[own for _, _, own in CASES])
def test_own_name_means_the_city_when_a_division_is_named_for_it(
    kb: Gazetteer, language: str, english: str, own: str
) -> None:
    best = kb.spelled(own, language)[0]
    assert (best.type, best.entity_id) == ("city", kb.spelled(english, "en")[0].entity_id)
    assert best.wikidata_id is not None
    assert best.lat is not None


@pytest.mark.parametrize(("language", "english", "abroad"), cases(ABROAD))
def test_town_is_found_under_its_name_abroad_when_nothing_else_in_the_text_is_of_its_country(
    enricher: Enricher, language: str, english: str, abroad: str
) -> None:
    (place,) = enricher.enrich_text(f"Xxxx xxx xxxx {abroad}.", language=language).places
    best = enricher.enrich_text(f"They met in {english} then.", language="en").places[0]
    assert (place.name, place.country, place.lat) == (best.name, best.country, best.lat)


def test_no_division_outranks_the_main_city_in_it_that_bears_the_same_name(kb: Gazetteer) -> None:
    """But for those with names of the press in `divisions.yaml`: Quebec, New York, São Paulo."""
    outranked = []
    for name in kb.names():
        best, *others = kb.lookup(name)
        if best.type not in ("admin1", "admin2") or best.weight >= PRESS:
            continue
        for city in others:
            same = (city.country, city.admin1) == (best.country, best.admin1)
            main = city.population >= max(15_000, min(100_000, 0.05 * best.population))
            if city.type == "city" and same and main and city.weight >= 0.5 * city.population:
                outranked.append((name, best.name, city.name))
    assert outranked == []


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("pl", "Dunaj wylał w Budapeszcie.", {"Danube", "Budapest"}),
        ("cs", "U Dunaje stojí Budapešť.", {"Danube", "Budapest"}),
        ("sl", "Predsednik je prispel na Dunaj.", {"Vienna"}),
        ("fr", "Mexico a tremblé hier.", {"Mexico City"}),
        ("es", "México tembló ayer.", {"Mexico"}),
        ("nl", "Toeristen in Venetië betalen.", {"Venice"}),
        ("uk", "Британія підтримала Україну.", {"United Kingdom", "Ukraine"}),
    ],
)
def test_name_that_two_languages_have_is_what_its_own_language_means(
    enricher: Enricher, language: str, text: str, expected: set[str]
) -> None:
    assert {place.name for place in enricher.enrich_text(text, language=language).places} == expected
