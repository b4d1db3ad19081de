"""What the words beside a name say of its sense: persons, firms, teams and things that bear places' names."""

import pytest

from newsmill.knowledge.enricher import Enricher
from newsmill.records import Enrichment


def read(enricher: Enricher, text: str, language: str = "en") -> Enrichment:
    return enricher.enrich_text(text, language=language)


def places(enricher: Enricher, text: str, language: str = "en") -> list[tuple[str, str | None, str | None]]:
    found = read(enricher, text, language).places
    return sorted((m.text, p.country, p.admin1) for p in found for m in p.mentions)


def entities(enricher: Enricher, text: str, language: str = "en") -> set[tuple[str, str]]:
    return {(m.text, e.coarse) for e in read(enricher, text, language).entities for m in e.mentions}


@pytest.mark.parametrize(
    ("text", "person", "place"),
    [
        ("Jordan Hale, 29, of Aurora, Colorado, was held. Jordan's brother paid.", "Jordan", "Aurora"),
        ("Paris Whitlock, a nurse from Leeds, won. Whitlock thanked Paris's parents.", "Paris", "Leeds"),
        ("Georgia Bell won the race in Berlin. Georgia said she was tired.", "Georgia", "Berlin"),
    ],
)
def test_place_is_a_person_when_the_text_names_one_in_full(
    enricher: Enricher, text: str, person: str, place: str
) -> None:
    found = {name for name, _, _ in places(enricher, text)}
    assert place in found
    assert person not in found
    assert (person, "PER") in entities(enricher, text)


def test_country_stays_a_place_when_it_stands_where_only_a_place_can(enricher: Enricher) -> None:
    text = "Jordan Hale flew to Amman. Officials in Jordan said Jordan would pay."
    assert ("Jordan", "JO", None) in places(enricher, text)


@pytest.mark.parametrize(
    ("text", "firm"),
    [
        ("Kellogg's will close a plant next spring. Shares of Kellogg's fell.", "Kellogg's"),
        ("Wendy's will open ten restaurants in Dallas.", "Wendy's"),
        ("Macy's has closed its shop in Dallas.", "Macy's"),
    ],
)
def test_name_with_an_apostrophe_is_a_firm_when_a_clause_follows(
    enricher: Enricher, text: str, firm: str
) -> None:
    assert (firm, "ORG") in entities(enricher, text)
    assert all(not firm.startswith(name) for name, _, _ in places(enricher, text))


def test_owner_stays_a_place_when_what_it_owns_follows(enricher: Enricher) -> None:
    assert places(enricher, "Paris's bakers struck.") == [("Paris", "FR", "11")]


def test_towns_are_teams_when_a_score_follows(enricher: Enricher) -> None:
    text = "Georgetown beat Villanova 71-64 on Saturday. The game was played in Denver, and Denver cheered."
    assert {name for name, _, _ in places(enricher, text)} == {"Denver"}
    assert {("Georgetown", "ORG"), ("Villanova", "ORG")} <= entities(enricher, text)


@pytest.mark.parametrize(
    "text",
    [
        "Turkey prices rise. A turkey costs more.",
        "Chile peppers burned. He ate a chile pepper.",
        "China plates broke. The china was packed in straw.",
        "Cork floors are back. A cork floor costs less.",
    ],
)
def test_place_is_a_thing_when_it_only_opens_sentences_and_stands_in_small_letters_too(
    enricher: Enricher, text: str
) -> None:
    assert places(enricher, text) == []


def test_place_is_a_thing_when_many_places_open_sentences_too(enricher: Enricher) -> None:
    towns = (
        "Paris Berlin Madrid Rome Vienna Prague Budapest Athens Lisbon Dublin Oslo Stockholm Helsinki "
        "Tallinn Riga Vilnius Kyiv Minsk Bucharest Sofia Belgrade Zagreb Brussels Amsterdam Copenhagen"
    ).split()
    text = " ".join(f"{town} is cold." for town in ("Turkey", *towns))
    assert "Turkey" in {name for name, _, _ in places(enricher, text)}
    assert "Turkey" not in {name for name, _, _ in places(enricher, f"{text} A turkey costs more.")}


def test_place_stays_one_when_it_stands_inside_a_sentence_too(enricher: Enricher) -> None:
    assert places(enricher, "Turkey sells turkey. He flew to Turkey.") == [("Turkey", "TR", None)] * 2


def test_town_is_a_noun_when_a_german_article_stands_before_it(enricher: Enricher) -> None:
    assert places(enricher, "Der Preis steigt, weil der Kanton ein Drittel zahlt.", "de") == []
    assert places(enricher, "Er flog nach Berlin, und in der Schweiz stieg er um.", "de") != []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Vor der nächsten Wahl wird gespart. Bei der Wahl am Sonntag geht es um viel.", []),
        ("In einer leeren Halle brannte es. In Halle lachte man, nahe Leipzig.", ["Halle", "Leipzig"]),
        ("Die Stadt Halle plant viel. Die neue Halle wird groß.", ["Halle"]),
        ("Das alte Köln und das schöne Wien. Die ehemalige Köln-Trainerin ging.", ["Köln", "Köln", "Wien"]),
        ("Sie flog in die kleine Schweiz.", ["Schweiz"]),
        ("Seine neue Heimat liebt er.", []),
        ("Paris badet in der Seine. Seine Brücken sind alt.", ["Paris", "Seine", "Seine"]),
    ],
)
def test_german_noun_is_no_town_when_its_article_or_adjective_is_not_neuter(
    enricher: Enricher, text: str, names: list[str]
) -> None:
    assert sorted(name for name, *_ in places(enricher, text, "de")) == names


def test_longer_name_behind_an_elided_article_is_found_when_the_article_begins_a_shorter_one(
    enricher: Enricher,
) -> None:
    found = enricher.enrich_text("L'Union européenne vote. L'Haÿ-les-Roses attend.", language="fr").entities
    assert [e.mentions[0].text for e in found] == ["Union européenne", "L'Haÿ-les-Roses"]


def test_qualifier_binds_its_own_mention(enricher: Enricher) -> None:
    text = "Springfield, Illinois, and Springfield, Missouri, both lost power. Springfield is dark."
    found = [p for p in places(enricher, text) if p[0] == "Springfield"]
    assert found == [("Springfield", "US", "IL"), ("Springfield", "US", "MO"), ("Springfield", "US", "MO")]


def test_name_is_told_apart_from_a_qualified_one_in_its_sentence(enricher: Enricher) -> None:
    text = "The mayor of Oxford visited Oxford, Mississippi, on Monday."
    found = [p for p in places(enricher, text) if p[0] == "Oxford"]
    assert found == [("Oxford", "GB", "ENG"), ("Oxford", "US", "MS")]


def test_bare_mentions_take_the_sense_of_the_qualified_one(enricher: Enricher) -> None:
    text = (
        "A fair opened in Springfield. The mayor of Springfield, Missouri, was content. Springfield has room."
    )
    assert {p[2] for p in places(enricher, text)} == {"MO"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("April Rowe and May Tilden were elected.", "April Rowe"),
        ("April Rowe and May Tilden were elected.", "May Tilden"),
        ("The club said August Brandt had won.", "August Brandt"),
        ("June Harper and April Stone met on Monday in May.", "April Stone"),
    ],
)
def test_month_is_a_first_name_when_a_surname_follows(enricher: Enricher, text: str, name: str) -> None:
    assert (name, "PER") in entities(enricher, text)


@pytest.mark.parametrize(
    "text",
    ["In June Harper left.", "Since May Tilden has led it.", "June German exports fell.", "In May Day."],
)
def test_month_is_a_month_when_a_preposition_stands_before_or_no_surname_behind(
    enricher: Enricher, text: str
) -> None:
    assert all(not name.startswith(("June", "May")) for name, _ in entities(enricher, text))


def test_plural_is_no_organisation_when_it_only_opens_a_sentence(enricher: Enricher) -> None:
    text = "Truckers blocked it. Dispatchers waited. Protesters sang. Skippers swore. Firefighters came."
    assert entities(enricher, text) == set()
    assert ("Rangers", "ORG") in entities(enricher, "Rangers won. In the end the Rangers said so.")


def test_well_known_body_is_an_organisation_whatever_its_last_word(enricher: Enricher) -> None:
    assert ("Islamic State", "ORG") in entities(enricher, "Islamic State claimed the attack in Kabul.")


def test_name_with_a_particle_is_one_person(enricher: Enricher) -> None:
    text = "Jean-Luc de la Tour signed in Galway."
    assert ("Jean-Luc de la Tour", "PER") in entities(enricher, text)
    assert {name for name, _, _ in places(enricher, text)} == {"Galway"}


def test_region_beside_its_city_leaves_the_city_a_place(enricher: Enricher) -> None:
    text = "Talks resumed in Geneva on Monday, and Geneva police closed two bridges."
    assert {p[1] for p in places(enricher, text)} == {"CH"}
