"""Names in other cases than the first, and short names that one language has."""

import pytest

from growth import cpu_ratio
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.entries import data
from newsmill.knowledge.forms import first_cases, languages, press_names
from newsmill.knowledge.gazetteer import Gazetteer
from newsmill.knowledge.names import fold
from newsmill.knowledge.recognisers.cues import ends_as_surname, words_of


def places(enricher: Enricher, text: str, language: str) -> set[tuple[str, str | None]]:
    found = enricher.enrich_text(text, language=language).places
    return {(m.text, p.country) for p in found for m in p.mentions}


def entities(enricher: Enricher, text: str, language: str) -> set[tuple[str, str]]:
    found = enricher.enrich_text(text, language=language).entities
    return {(m.text, e.coarse) for e in found for m in e.mentions}


@pytest.mark.parametrize(
    ("language", "form", "name"),
    [
        ("ru", "москвы", "москва"), ("ru", "москвой", "москва"), ("ru", "берлине", "берлин"),
        ("ru", "россии", "россия"), ("ru", "казанью", "казань"), ("ru", "китаем", "китай"),
        ("uk", "києва", "київ"), ("uk", "харкові", "харків"), ("uk", "тернополя", "тернопіль"),
        ("be", "мінску", "мінск"), ("be", "беларусі", "беларусь"),
        ("pl", "warszawie", "warszawa"), ("pl", "budapeszcie", "budapeszt"), ("pl", "rosji", "rosja"),
        ("cs", "praze", "praha"), ("cs", "brně", "brno"), ("sk", "bratislave", "bratislava"),
        ("hr", "zagrebu", "zagreb"), ("hr", "hrvatskoj", "hrvatska"), ("sr", "београду", "београд"),
        ("fi", "helsingissä", "helsinki"), ("fi", "turussa", "turku"), ("fi", "pariisissa", "pariisi"),
        ("et", "tallinnas", "tallinn"), ("et", "eestis", "eesti"), ("lv", "latvijas", "latvija"),
        ("lt", "vilniuje", "vilnius"), ("lt", "lietuvos", "lietuva"),
        ("hu", "budapestről", "budapest"), ("hu", "berlinből", "berlin"), ("el", "αθήνας", "αθήνα"),
        ("ko", "서울에서", "서울"), ("ko", "중국은", "중국"), ("tr", "ankaraya", "ankara"),
    ],
)  # fmt: skip
def test_form_leads_to_the_first_case(language: str, form: str, name: str) -> None:
    assert fold(name) in first_cases(fold(form), language)


def test_word_is_no_form_of_itself_nor_cut_to_nothing() -> None:
    for language in languages():
        for word in ("рима", "roma", "서울", "oslo", "a", ""):
            assert word not in first_cases(word, language)
            assert all(len(name) >= 2 for name in first_cases(word, language))


def test_endless_word_is_no_form() -> None:
    assert first_cases("а" * 1_000, "ru") == ()


def test_tables_name_their_columns_and_languages_once() -> None:
    rows = [line.split("\t") for line in data("endings.tsv").decode().splitlines() if line[:1] != "#"]
    assert all(len(row) == 3 and row[1] and row[2].split() for row in rows)
    assert languages() >= set("ru uk be bg pl cs sk hr sr fi et lv lt hu tr ko el".split())


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("ru", "Он прилетел в Москву из Берлина.", {("Москву", "RU"), ("Берлина", "DE")}),
        ("pl", "Przyleciał do Warszawy z Berlina.", {("Warszawy", "PL"), ("Berlina", "DE")}),
        ("hu", "Az elnök Berlinből Budapestre érkezett.", {("Berlinből", "DE"), ("Budapestre", "HU")}),
        ("tr", "Cumhurbaşkanı Berlin'den Ankara'ya döndü.", {("Berlin", "DE"), ("Ankara", "TR")}),
        ("fi", "Hän lensi Berliinistä Helsinkiin.", {("Berliinistä", "DE"), ("Helsinkiin", "FI")}),
        ("lv", "Viņš ieradās Londonā no Berlīnes.", {("Londonā", "GB"), ("Berlīnes", "DE")}),
        ("fr", "Il a quitté l'Italie pour Paris.", {("Italie", "IT"), ("Paris", "FR")}),
        ("ru", "Президент США прибыл в Соединенные Штаты.", {("США", "US"), ("Соединенные Штаты", "US")}),
    ],
)  # fmt: skip
def test_places_are_found_in_every_case(
    enricher: Enricher, language: str, text: str, expected: set[tuple[str, str]]
) -> None:
    assert places(enricher, text, language) == expected


def test_korean_particle_is_no_part_of_the_name(enricher: Enricher) -> None:
    assert {name for name, _ in places(enricher, "그는 서울에서 베이징으로 갔다.", "ko")} == {
        "서울",
        "베이징",
    }


def test_short_name_counts_in_its_language_only(enricher: Enricher) -> None:
    assert places(enricher, "Ankara ve ABD anlaştı.", "tr") == {("Ankara", "TR"), ("ABD", "US")}
    assert places(enricher, "The ABD met in Ankara.", "en") == {("Ankara", "TR")}


def test_short_names_stand_for_names_that_are_known(kb: Gazetteer) -> None:
    tables = {
        line.split("\t")[0] for line in data("press_names.tsv").decode().splitlines() if line[:1] != "#"
    }
    assert all(kb.lookup(name) for language in tables for name in press_names(language).values())


@pytest.mark.parametrize(
    ("language", "text", "person"),
    [
        ("ru", "Об этом заявил президент Владимир Путин.", "Владимир Путин"),
        ("ru", "Он говорил с Дональдом Трампом.", "Дональдом Трампом"),
        ("uk", "Прем'єр зустрів Володимира Зеленського.", "Володимира Зеленського"),
        ("es", "Lo dijo la ministra Elvira Rodríguez ayer.", "Elvira Rodríguez"),
        ("sv", "Enligt Susanne Bergman är det sant.", "Susanne Bergman"),
        ("de", "Das sagte Bundeskanzlerin Angela Merkel.", "Angela Merkel"),
        ("pl", "Rozmawiał z premierem Donaldem Tuskiem.", "Donaldem Tuskiem"),
    ],
)  # fmt: skip
def test_persons_are_found_by_roles_first_names_and_endings(
    enricher: Enricher, language: str, text: str, person: str
) -> None:
    assert (person, "PER") in entities(enricher, text, language)


@pytest.mark.parametrize(
    ("language", "text", "body"),
    [
        ("es", "Lo confirmó el Ministerio de Fomento en una nota.", "Ministerio de Fomento"),
        ("ru", "Так решил Верховный Суд, сообщило Министерство Обороны.", "Министерство Обороны"),
        ("sv", "Forskare vid Stockholms Universitet säger det.", "Stockholms Universitet"),
        ("id", "Menurut Kementerian Kesehatan, itu benar.", "Kementerian Kesehatan"),
    ],
)  # fmt: skip
def test_bodies_are_found_by_their_words(enricher: Enricher, language: str, text: str, body: str) -> None:
    assert (body, "ORG") in entities(enricher, text, language)


def test_words_of_a_language_are_folded() -> None:
    assert fold("président") in words_of("role", "fr")
    assert words_of("role", "xx") == frozenset()
    assert ends_as_surname("жуковского", "ru")
    assert not ends_as_surname("ов", "ru")


@pytest.mark.parametrize("unit", ["Аб-", "А", "Москвы ", "Соединенных Штатов ", "абв "])
def test_cases_cost_no_more_than_the_length_of_the_text(kb: Gazetteer, unit: str) -> None:
    assert cpu_ratio(lambda text: kb.scan(text, "ru"), lambda n: unit * (n // len(unit)), small=12_000) < 1.6
