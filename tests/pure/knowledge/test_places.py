import pytest

from newsmill.knowledge.enricher import Enricher
from newsmill.records import Place


def places(enricher: Enricher, text: str, url: str | None = None) -> dict[str, Place]:
    found = enricher.enrich_text(text, language="en", url=url).places
    return {m.text: p for p in found for m in p.mentions}


@pytest.mark.parametrize(
    ("text", "name", "country", "admin1"),
    [
        ("A court in Athens, Texas heard the case.", "Athens", "US", "TX"),
        ("A court in Athens, Greece heard the case.", "Athens", "GR", "ESYE31"),
        ("She moved to Paris, Ontario last year.", "Paris", "CA", "08"),
        ("A man from Cambridge, Mass., was held.", "Cambridge", "US", "MA"),
        ("Police in Birmingham, Ala. said so.", "Birmingham", "US", "AL"),
        ("They drove from Reno, NV to Sparks, NV.", "Reno", "US", "NV"),
    ],
)
def test_place_is_bound_by_what_follows_its_comma(
    enricher: Enricher, text: str, name: str, country: str, admin1: str
) -> None:
    place = places(enricher, text)[name]
    assert (place.country, place.admin1) == (country, admin1)


def test_place_follows_the_other_places_of_the_document(enricher: Enricher) -> None:
    text = "From London the fire spread to Woodstock and Stratford, near Kitchener and Guelph, Ontario."
    assert {p.country for p in places(enricher, text).values()} == {"CA"}
    assert places(enricher, "The train from Paddington to London passes Oxford.")["London"].country == "GB"


def test_name_of_many_places_is_none_without_evidence(enricher: Enricher) -> None:
    assert places(enricher, "The fair was held in Springfield.") == {}
    assert places(enricher, "The fair was held in Springfield, Ill.")["Springfield"].admin1 == "IL"


def test_site_tells_the_country(enricher: Enricher) -> None:
    text = "The mayor of Perth opened the bridge."
    assert places(enricher, text, "https://news.example.co.uk/1")["Perth"].country == "GB"
    assert places(enricher, text, "https://news.example.com.au/1")["Perth"].country == "AU"


def test_title_tells_the_place(enricher: Enricher) -> None:
    text = "The mayor of Perth opened the bridge."
    found = enricher.enrich_text(text, language="en", title="New bridge for Scotland after Dundee's").places
    assert [(p.name, p.country) for p in found] == [("Perth", "GB")]


def test_streets_and_persons_are_no_places(enricher: Enricher) -> None:
    found = places(
        enricher, "Mr. Lincoln met Paris Hilton in Madison Avenue after Judge Houston spoke in Boston."
    )
    assert set(found) == {"Boston"}


def test_metonyms_and_demonyms_are_marked(enricher: Enricher) -> None:
    text = "Kabul said the talks in Doha went well. An Afghan delegation stayed in Kabul."
    found = enricher.enrich_text(text, language="en").places
    assert {(p.kind, p.name, m.text) for p in found for m in p.mentions} == {
        ("metonym", "Kabul", "Kabul"),
        ("city", "Doha", "Doha"),
        ("demonym", "Afghanistan", "Afghan"),
        ("city", "Kabul", "Kabul"),
    }


def test_countries_are_ordered_by_evidence(enricher: Enricher) -> None:
    text = "From Lahore and Karachi to Peshawar, Pakistan waited. In Kabul nothing was known."
    assert enricher.enrich_text(text, language="en").countries == ("PK", "AF")


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "de",
            "Die Welt war gestern in Kassel zu Gast. Auch das Kind und die Mutter fuhren nach Köln.",
            "Kassel Köln",
        ),
        (
            "it",
            "Il ministro è partito da Ciampino per gli Stati Uniti. Una visita a Usa e Ha.",
            "Ciampino Stati Uniti Usa",
        ),
        ("cs", "Soud v Brno uvedl, že to není jasné.", "Brno"),
        ("ru", "Самолёт вылетел в Стамбул утром.", "Стамбул"),
        ("zh", "他昨天从北京飞往巴西。", "北京 巴西"),
        ("ar", "وصل الوفد إلى القاهرة أمس", "القاهرة"),
    ],
)
def test_plain_words_of_other_languages_are_no_places(
    enricher: Enricher, language: str, text: str, expected: str
) -> None:
    found = enricher.enrich_text(text, language=language).places
    mentions = sorted((m for p in found for m in p.mentions), key=lambda m: m.start)
    assert " ".join(m.text for m in mentions) == expected


def test_text_without_places_has_none(enricher: Enricher) -> None:
    found = enricher.enrich_text("nothing is named here, nothing at all.", language="en")
    assert (found.places, found.countries, found.entities) == ((), (), ())


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        (
            "en",
            "Panama's president spoke in Panama City.",
            {"Panama": "Panama", "Panama City": "Panama City"},
        ),
        ("en", "Guatemala and Guatemala City were hit.", {"Guatemala": "Guatemala"}),
        (
            "es",
            "El presidente de Paraguay viajó a Asunción.",
            {"Paraguay": "Paraguay", "Asunción": "Asunción"},
        ),
        ("pt", "O governador da Bahia esteve em Salvador.", {"Bahia": "Bahia", "Salvador": "Salvador"}),
        ("pt", "Choveu no Ceará e em Fortaleza.", {"Ceará": "Ceará", "Fortaleza": "Fortaleza"}),
        ("de", "Zwischen Berlin und Frankfurt staute es sich.", {"Frankfurt": "Frankfurt am Main"}),
        ("it", "A Roma e a Milano.", {"Roma": "Rome", "Milano": "Milan"}),
    ],
)
def test_wider_place_is_not_its_main_town_when_the_text_names_that_too(
    enricher: Enricher, language: str, text: str, names: dict[str, str]
) -> None:
    found = {m.text: p.name for p in enricher.enrich_text(text, language=language).places for m in p.mentions}
    assert names.items() <= found.items()


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        ("es", "El ejército entró en la Franja de Gaza y en Cisjordania.", {"Gaza Strip", "West Bank"}),
        ("de", "An der Donau, am Rhein und an der Ostsee.", {"Danube", "Rhine", "Baltic Sea"}),
        ("uk", "У Криму, на Донбасі та біля Чорного моря.", {"Crimea", "Donbas"}),
        ("ar", "قصفت غزة والضفة الغربية.", {"Gaza Strip", "West Bank"}),
        ("zh", "以色列军队进入加沙和约旦河西岸。", {"Israel", "Gaza Strip", "West Bank"}),
        ("ja", "紅海と中東情勢。", {"Red Sea", "Middle East"}),
        ("pl", "Rząd Wielkiej Brytanii ostrzegł.", {"United Kingdom"}),
        ("cs", "Jednání ve Velké Británii.", {"United Kingdom"}),
        ("nl", "In Wit-Rusland en Noord-Ierland.", {"Belarus", "Northern Ireland"}),
        ("vi", "Quân đội Mỹ và Pháp.", {"United States", "France"}),
        ("es", "El presidente de EE.UU. y la República Checa.", {"United States", "Czechia"}),
    ],
)
def test_regions_and_countries_are_found_under_the_names_that_other_languages_give_them(
    enricher: Enricher, language: str, text: str, names: set[str]
) -> None:
    assert {p.name for p in enricher.enrich_text(text, language=language).places} == names
