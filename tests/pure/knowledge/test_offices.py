"""Names behind offices: the name is the person's, and what belongs to the office is its own."""

from __future__ import annotations

import pytest

from names_by_language import PERSONS
from newsmill.config import EnrichConfig
from newsmill.knowledge.enricher import Enricher
from newsmill.knowledge.recognisers.offices import is_office
from newsmill.knowledge.recognisers.statistical import MODELS


def of_type(enricher: Enricher, text: str, language: str, coarse: str) -> list[str]:
    found = enricher.enrich_text(text, language=language)
    mentions = [(m.start, m.text) for e in found.entities if e.coarse == coarse for m in e.mentions]
    return [name for _, name in sorted(mentions)]


@pytest.fixture(scope="module")
def tagging() -> Enricher:
    taggers = {MODELS[name].language: name for name in sorted(MODELS) if MODELS[name].missing is None}
    return Enricher.open(EnrichConfig(models=tuple(taggers.values())))


@pytest.mark.parametrize(("language", "text", "persons"), PERSONS)
def test_person_in_office_is_the_name_alone(
    enricher: Enricher, language: str, text: str, persons: list[str]
) -> None:
    assert of_type(enricher, text, language, "PER") == persons


@pytest.mark.parametrize(("language", "text", "persons"), [case for case in PERSONS if case[0] != "en"])
def test_person_in_office_stays_the_name_alone_when_a_tagger_reads_too(
    tagging: Enricher, language: str, text: str, persons: list[str]
) -> None:
    assert of_type(tagging, text, language, "PER") == persons


@pytest.mark.parametrize(
    ("language", "text", "places"),
    [
        ("ru", "Президент России Владимир Путин встретился.", ["России"]),
        ("uk", "Прем'єр-міністр Великої Британії Кір Стармер заявив.", ["Великої Британії"]),
        ("ro", "Președintele României Nicușor Dan a vorbit.", ["României"]),
        ("fa", "وزیر خارجه روسیه سرگئی لاوروف گفت.", ["روسیه"]),
        ("fi", "Pääministeri puhui Tampereella.", ["Tampereella"]),
        ("ar", "وصلت المساعدات إلى غزة أمس، وفي برلين.", ["غزة", "برلين"]),
        ("ar", "غزة", ["غزة"]),
        ("ja", "フランス大統領とイスラエル首相が会談。", ["フランス", "イスラエル"]),
        ("ko", "현직 대통령은 러시아 대통령을 만났다.", ["러시아"]),
        ("zh", "德国总理默茨会见了他。", ["德国"]),
        ("hr", "Posjetio je Novi Sad.", ["Novi Sad"]),
        ("en", "He flew to Novi Sad.", ["Novi Sad"]),
    ],
)  # fmt: skip
def test_place_beside_an_office_or_alone_is_a_place(
    enricher: Enricher, language: str, text: str, places: list[str]
) -> None:
    assert of_type(enricher, text, language, "LOC") == places
    assert "PER" not in of_type(enricher, text.partition(" ")[2], language, places[0])


@pytest.mark.parametrize(
    ("language", "text", "body"),
    [
        ("en", "Mayo Clinic doctors said so.", "Mayo Clinic"),
        ("es", "Habló con Petróleos Mexicanos ayer.", "Petróleos Mexicanos"),
        ("pt", "O Congresso Nacional aprovou a lei.", "Congresso Nacional"),
        ("pl", "Mówiła o Unii Europejskiej.", "Unii Europejskiej"),
        ("tr", "Dün de Türk Hava Yolları ile gitti.", "Türk Hava Yolları"),
    ],
)
def test_body_is_one_by_its_first_or_last_word(
    enricher: Enricher, language: str, text: str, body: str
) -> None:
    assert of_type(enricher, text, language, "ORG") == [body]
    found = enricher.enrich_text(text, language=language)
    assert language == "en" or not found.places


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The Secretary of State said so."),
        ("ru", "Об этом сообщил Кремль. Минобороны сообщило иное."),
        ("ko", "현직 대통령은 국방 장관을 만났다."),
        ("zh", "总理明日出席会议，主席马上离开。"),
    ],
)
def test_office_is_no_person(enricher: Enricher, language: str, text: str) -> None:
    assert of_type(enricher, text, language, "PER") == []


@pytest.mark.parametrize(
    ("word", "language", "expected"),
    [
        ("bundesaußenminister", "de", True),
        ("министром", "ru", True),
        ("premierul", "ro", True),
        ("fenster", "de", False),
        ("eis", "de", False),
        ("portavoz", "es", True),
    ],
)
def test_office_is_known_in_its_forms_and_compounds(word: str, language: str, expected: bool) -> None:
    assert is_office(word, language) is expected


@pytest.mark.parametrize(
    ("language", "text", "persons", "places"),
    [
        ("en", "Archbishop of Canterbury Sarah Mullally spoke.", ["Sarah Mullally"], ["Canterbury"]),
        ("de", "Hamburgs Erster Bürgermeister Peter Schmidt sprach.", ["Peter Schmidt"], ["Hamburgs"]),
        ("ru", "Глава МИД Венгрии Петер Сийярто прилетел.", ["Петер Сийярто"], ["Венгрии"]),
        ("tr", "Dün Dışişleri Bakanı Hakan Fidan konuştu.", ["Hakan Fidan"], []),
        ("ar", "قال الملك عبد الله الثاني إن باريس", ["عبد الله الثاني"], ["باريس"]),
        ("ko", "우르줄라 폰데어라이엔 집행위원장도 왔다.", ["우르줄라 폰데어라이엔"], []),
        ("sv", "Sveriges statsminister Ulf Kristersson talade.", ["Ulf Kristersson"], ["Sveriges"]),
        ("es", "El gobernador del Banco de Inglaterra habló.", [], []),
        ("ru", "Прибыл президент США Дональд Трамп.", ["Дональд Трамп"], ["США"]),
        ("fa", "نخست‌وزیر هند نارندرا مودی در تهران گفت.", ["نارندرا مودی"], ["هند", "تهران"]),
        ("zh", "总统赖清德说。德国外长瓦德富尔访华。", ["赖清德", "瓦德富尔"], ["德国"]),
        ("ja", "韓国の李在明大統領は、尹錫悦前大統領を批判した。", ["李在明", "尹錫悦"], ["韓国"]),
    ],
)  # fmt: skip
def test_office_within_a_run_parts_the_person_from_the_place(
    enricher: Enricher, language: str, text: str, persons: list[str], places: list[str]
) -> None:
    assert of_type(enricher, text, language, "PER") == persons
    assert of_type(enricher, text, language, "LOC") == places


def test_place_in_the_genitive_is_none_when_it_begins_a_body(enricher: Enricher) -> None:
    assert of_type(enricher, "Hun ringede til Danmarks Radio i dag.", "da", "LOC") == []


@pytest.mark.parametrize(
    ("language", "text", "person"),
    [
        ("ru", "Вчера Владимир Иванов приехал.", "Владимир Иванов"),
        ("uk", "Учора Володимир Бондаренко прибув.", "Володимир Бондаренко"),
        ("cs", "Včera Petr Novák přijel.", "Petr Novák"),
        ("sr", "Јуче Александар Петровић рече.", "Александар Петровић"),
        ("sr", "Danas Ana Petrović govori.", "Ana Petrović"),
        ("ko", "트럼프 대통령과 시진핑 주석이 만났다.", "시진핑"),
    ],
)
def test_word_that_opens_a_sentence_or_is_an_office_is_no_part_of_a_name(
    language: str, text: str, person: str
) -> None:
    found = Enricher.open(EnrichConfig()).enrich_text(text, language=language).entities
    assert person in [m.text for e in found for m in e.mentions]
