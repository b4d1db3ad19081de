"""Origin: what an article says of its source, and what it does not."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from newsmill.copies.credits import names, read
from newsmill.copies.origin import _needed, attribute
from newsroom import draft

STORY = "The minister said on Monday that the bridge would open.\nWork began in May."


def origin(body, *, domain="example.org", language="en", **page):
    made = draft(body, url=f"https://{domain}/a", offset=1, title="A title", domain=domain, language=language)
    return attribute(msgspec.structs.replace(made, page=msgspec.structs.replace(made.page, **page)))


TAGGED = (
    "Officials made a clear demand that these groups be denied space…reports Asian Lite News\n"
    "Days before the capital fell, officials were already in talks.\n"
    "They sought action against the groups, Express Tribune reported.\n"
    "A list was shared, the report said.\n"
    "“I can neither confirm nor deny it,” the ambassador told The Express Tribune.\n"
    "The talks went on for a week."
)


def test_source_of_the_sentences_is_the_origin_and_the_tag_line_of_the_site_is_not():
    found = origin(TAGGED, domain="asianlite.com", site_name="Asian Lite News")
    assert (found.agency, found.domain, found.method) == (
        "The Express Tribune",
        "tribune.com.pk",
        "attribution",
    )
    assert found.evidence == "Express Tribune reported"
    assert TAGGED[found.start : found.end] == found.evidence
    assert 0.5 < found.confidence <= 0.8


@pytest.mark.parametrize(
    "byline", ["Von Petra Sauer", "Petra Sauer", "Anna Petra", "Petra Sauer und Jan Beck"]
)
def test_given_name_of_who_signs_is_no_agency(byline):
    assert origin(STORY, byline=byline) is None


@pytest.mark.parametrize("byline", ["Petra", "AMMAN, Petra", "Petra - Amman", "dpa Berlin", "Reuters Staff"])
def test_sign_of_an_agency_in_a_byline_names_it(byline):
    assert origin(STORY, byline=byline).method == "byline"


def test_tag_line_alone_is_no_origin():
    assert origin("They met…reports Asian Lite News\nIt was late.", domain="asianlite.com") is None


DATELINES = [
    ("en", "LONDON, Nov 8 (Reuters) - Shares rose on Monday.", "Reuters"),
    ("en", "WASHINGTON (AP) — The House voted on Monday.", "Associated Press"),
    ("en", "(AP) — The House voted on Monday.", "Associated Press"),
    ("en", "New Delhi, Nov 8 (PTI) The minister said on Monday.", "Press Trust of India"),
    ("en", "BEIJING, Nov. 8 (Xinhua) -- The ministry said.", "Xinhua"),
    ("en", "Reuters, London: Shares rose on Monday.", "Reuters"),
    ("de", "Berlin (dpa) - Der Minister sagte am Montag.", "Deutsche Presse-Agentur"),
    ("de", "Berlin/dpa – Der Minister sagte am Montag.", "Deutsche Presse-Agentur"),
    ("fr", "Paris (AFP) – Le ministre a déclaré lundi.", "Agence France-Presse"),
    ("es", "MADRID, 8 Nov. (EUROPA PRESS) - El ministro dijo.", "Europa Press"),
    ("es", "Madrid, 25 nov (EFE).- El ministro dijo.", "Agencia EFE"),
    ("es", "Bogotá (EFE). El ministro dijo.", "Agencia EFE"),
    ("es", "EFE.- El ministro dijo.", "Agencia EFE"),
    ("es", "Madrid, 25 nov, EFE.- El ministro dijo.", "Agencia EFE"),
    ("it", "(ANSA) - ROMA, 8 NOV - Il ministro ha detto.", "ANSA"),
    ("pt", "Lisboa, 08 nov 2021 (Lusa) - O ministro disse.", "Lusa"),
    ("tr", "ANKARA (AA) - Bakan dedi.", "Anadolu Agency"),
    ("id", "Jakarta (ANTARA) - Menteri mengatakan.", "Antara"),
    ("ru", "МОСКВА, 8 ноя — РИА Новости. Министр сказал.", "RIA Novosti"),
    ("ar", "القاهرة (رويترز) - قال الوزير يوم الاثنين", "Reuters"),
    ("zh", "新华社北京11月8日电（记者王明）外交部发言人说", "Xinhua"),
    ("ja", "【ワシントン共同】大統領は8日、", "Kyodo News"),
    ("ja", "[東京 8日 ロイター] 株価は上昇した", "Reuters"),
    ("ko", "(서울=연합뉴스) 김철수 기자 = 대통령은", "Yonhap News Agency"),
]
CLOSINGS = [
    ("en", "(Reuters)", "Reuters"),
    ("en", "— AP", "Associated Press"),
    ("en", "IANS", "IANS"),
    ("en", "(PTI/ANI)", "Press Trust of India"),
    ("en", "(With inputs from ANI)", "Asian News International"),
    ("en", "Copyright 2021 The Associated Press. All rights reserved.", "Associated Press"),
    ("en", "(Reporting by Jane Doe in London; Editing by John Smith)", "Reuters"),
    ("en", "This article was originally published on The Conversation. Read it there.", "The Conversation"),
    ("en", "This story was first published in the Riverbend Chronicle.", "Riverbend Chronicle"),
    ("de", "Quelle: dpa", "Deutsche Presse-Agentur"),
    ("fr", "Source : AFP", "Agence France-Presse"),
    ("es", "Con información de EFE", "Agencia EFE"),
    ("it", "Fonte: ANSA", "ANSA"),
    ("nl", "Bron: ANP", "ANP"),
    ("pl", "Źródło: PAP", "PAP"),
    ("ru", "Источник: ТАСС", "TASS"),
    ("uk", "Джерело: Укрінформ", "Ukrinform"),
    ("tr", "Kaynak: AA", "Anadolu Agency"),
    ("ar", "المصدر: وكالة الأناضول", "Anadolu Agency"),
    ("hi", "(भाषा)", "Press Trust of India"),
    ("zh", "来源：新华社", "Xinhua"),
]
REPORTED = [
    ("en", "The deal is near, according to the Financial Times.", "Financial Times"),
    ("en", "He told the Riverbend Gazette on Monday that it was so.", "the Riverbend Gazette"),
    ("en", "The Times of India reported the case.", "The Times of India"),
    ("de", "Das berichtete die Zeitung Bild am Montag.", "Bild"),
    ("fr", "Selon le quotidien Le Monde, la loi passera.", "Le Monde"),
    ("es", "Según informó El País, la ley pasará.", "El País"),
    ("pt", "A lei passará, informou o jornal O Globo.", "O Globo"),
    ("nl", "Dat meldt persbureau Reuters maandag.", "Reuters"),
    ("pl", "Tak podaje agencja Reuters.", "Reuters"),
    ("ru", "Об этом сообщает ТАСС.", "TASS"),
    ("uk", "Про це повідомляє Укрінформ.", "Ukrinform"),
    ("tr", "Reuters'ın haberine göre bakan gitti.", "Reuters"),
    ("vi", "Theo hãng tin Reuters, bộ trưởng đã đi.", "Reuters"),
    ("fa", "به گزارش ایرنا وزیر گفت", "IRNA"),
    ("zh", "据路透社报道，外交部发言人说。", "Reuters"),
    ("hi", "रॉयटर्स के अनुसार मंत्री गए।", "Reuters"),
]


@pytest.mark.parametrize(("language", "line", "agency"), DATELINES)
def test_dateline_names_the_agency(language, line, agency):
    body = f"{line}\n{STORY}"
    found = origin(body, language=language)
    assert (found.agency, found.method) == (agency, "dateline")
    assert body[found.start : found.end] == found.evidence


@pytest.mark.parametrize(("language", "line", "agency"), CLOSINGS)
def test_closing_line_names_the_agency(language, line, agency):
    body = f"{STORY}\n{line}"
    found = origin(body, language=language)
    assert (found.agency, found.method) == (agency, "closing_line")
    assert body[found.start : found.end] == found.evidence


@pytest.mark.parametrize("ending", [" (Reuters)", " — Reuters", " Reuters"])
def test_closing_sign_is_found_at_the_end_of_the_last_sentence(ending):
    assert origin(STORY + ending).evidence.strip(" —()") == "Reuters"


@pytest.mark.parametrize(("language", "line", "outlet"), REPORTED)
def test_attribution_in_the_text_names_the_outlet(language, line, outlet):
    body = f"{STORY}\n{line}\n{STORY}"
    found = origin(body, language=language)
    assert (found.agency, found.method) == (outlet, "attribution")
    assert body[found.start : found.end] == found.evidence


REPORTING = [
    (language, phrase)
    for language, rows in read("attributions.yaml").items()
    for phrase in rows.get("reported", ())
]


@pytest.mark.parametrize(("language", "phrase"), REPORTING)
def test_letters_that_are_looked_for_first_are_in_whatever_a_phrase_matches(language, phrase):
    needed = _needed(phrase)

    @settings(max_examples=30, derandomize=True, database=None, deadline=None)
    @given(st.from_regex(phrase.replace("NAME", "Reuters"), fullmatch=True))
    def holds(text):
        assert not needed or any(letters in text for letters in needed)

    holds()


def test_most_phrases_have_letters_that_are_looked_for_first():
    assert sum(bool(_needed(phrase)) for language, phrase in REPORTING if language in ("en", "de")) >= 8


def test_evidence_of_every_kind_covers_at_least_ten_languages():
    for cases in (DATELINES, CLOSINGS, REPORTED):
        assert len({language for language, *_ in cases}) >= 10
    assert len(read("attributions.yaml")) >= 20


@pytest.mark.parametrize(
    "body",
    [
        "Police reported two deaths. The Health Ministry reported five.",
        "According to the Medical Examiner, he drowned. He told Judge Mary Brown so.",
        "Photo: AP\nThe bridge opened.",
        "The bridge opened.\n(Photo by Jim Doe/AP)",
        "The bridge opened.\n(Reporting by staff; Editing by the night desk)",
        "AAP won in Delhi. RSS reported to the court. The app reported an error.",
        "She reads the Guardian and Reuters every day.",
        "",
    ],
)
def test_text_that_credits_nobody_has_no_origin(body):
    assert origin(body) is None


@pytest.mark.parametrize("domain", ["reuters.com", "thomsonreuters.com"])
def test_agency_is_no_origin_on_its_own_site(domain):
    assert origin(f"LONDON (Reuters) - {STORY}", domain=domain) is None


def test_byline_of_an_agency_is_the_origin():
    for page in ({"byline": "By Jane Doe, Associated Press"}, {"authors": ("AFP",)}):
        found = origin(STORY, **page)
        assert (found.method, found.start) == ("byline", None)


def test_canonical_on_another_site_is_the_origin_and_on_this_site_it_is_not():
    found = origin(STORY, canonical_url="https://www.theguardian.com/world/a")
    assert (found.method, found.domain, found.agency) == ("canonical", "theguardian.com", "The Guardian")
    assert found.url == "https://www.theguardian.com/world/a"
    assert origin(STORY, canonical_url="https://news.example.org/a") is None
    assert origin(STORY, canonical_url="javascript:alert(1)") is None


def test_declared_source_is_the_origin_and_the_sites_publisher_is_not():
    assert origin(STORY, source_organization="Deutsche Presse-Agentur").method == "json_ld"
    assert origin(STORY, publisher="Reuters").agency == "Reuters"
    assert origin(STORY, publisher="Example Media Group") is None
    assert origin(STORY, source_organization="Example", domain="example.org") is None


def test_surer_evidence_wins():
    found = origin(f"LONDON (Reuters) - The Guardian reported it.\n{STORY}")
    assert (found.agency, found.method) == ("Reuters", "dateline")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "hostile",
    [
        "A " * 50_000,
        "the " * 40_000,
        "(" * 100_000,
        "Aa " * 40_000 + "reported",
        "（" * 60_000,
        "According to " + "A B " * 25_000,
        "Reuters " * 20_000,
        "据" * 100_000,
        "a report " * 20_000,
        "\n".join(["( " * 150] * 300),
        "Source: " * 20_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_time_is_bounded_whatever_the_text(hostile, language):
    start = time.process_time()
    origin(hostile, language=language)
    assert time.process_time() - start < 2


def test_lists_have_no_name_twice_for_different_agencies():
    seen = {}
    for row in read("agencies.yaml"):
        for name in (*row.get("names", ()), *row.get("codes", ())):
            assert seen.setdefault(name, row["name"]) == row["name"]
    assert not set(names().codes) & {name for row in read("agencies.yaml") for name in row.get("names", ())}
