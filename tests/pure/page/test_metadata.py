"""Titles, people, times, links and rights of pages made for the purpose."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsmill.config import InputConfig, PageConfig
from newsmill.page import bylines, dates, titles
from newsmill.page.analysis import read_page_any
from newsmill.records import Page, Position, RawPage

TEXT = (
    "<p>The council voted on Monday to rebuild the old bridge after years of debate about its cost.</p>" * 4
)


def ld(members: str) -> str:
    return f'<script type="application/ld+json">{{"@type":"NewsArticle",{members}}}</script>'


def read(head: str = "", body: str = "", url: str = "https://paper.example/news/1", **fields: object) -> Page:
    page = f"<html><head>{head}</head><body><article><h1>Council votes to rebuild the bridge</h1>{body}{TEXT}"
    raw = RawPage(position=Position(topic="t", partition=0, offset=0), url=url, body=page.encode(), **fields)  # type: ignore[arg-type]
    return read_page_any(raw, page=PageConfig(), input=InputConfig())[0]


@pytest.mark.parametrize(
    ("headings", "claimed", "document", "sites", "title"),
    [
        (["Bridge to be rebuilt"], [], "Bridge to be rebuilt | The Paper", [], "Bridge to be rebuilt"),
        ([], ["Bridge to be rebuilt - The Paper"], None, ["The Paper"], "Bridge to be rebuilt"),
        (["The Paper"], ["Bridge to be rebuilt"], None, ["The Paper"], "Bridge to be rebuilt"),
        (
            ["News", "Bridge to be rebuilt"],
            ["Bridge to be rebuilt"],
            "News - Paper",
            [],
            "Bridge to be rebuilt",
        ),
        (["Traffic Bridge to be rebuilt"], ["Bridge to be rebuilt"], None, [], "Bridge to be rebuilt"),
        (
            ["Bridge to be rebuilt at last"],
            ["Bridge plan passes council"],
            None,
            [],
            "Bridge to be rebuilt at last",
        ),
        (
            ["Navigation", "Services", "To the top"],
            ["Bridge plan passes council"],
            None,
            [],
            "Bridge plan passes council",
        ),
        (["Sign in"], ["Bridge plan passes council"], None, [], "Bridge plan passes council"),
        ([], [], "Bridge to be rebuilt – paper.example", ["paper.example"], "Bridge to be rebuilt"),
        ([], [], None, [], None),
    ],
)
def test_title_is_what_a_reader_sees(
    headings: list[str], claimed: list[str], document: str | None, sites: list[str], title: str | None
) -> None:
    assert titles.choose(headings=headings, claimed=claimed, document_title=document, sites=sites) == title


@pytest.mark.parametrize(
    ("byline", "people"),
    [
        ("By Jane Doe", ["Jane Doe"]),
        ("By Jane Doe and Max van der Berg, Reuters", ["Jane Doe", "Max van der Berg"]),
        ("Von Anna Müller", ["Anna Müller"]),
        ("Par Jean-Pierre Dupont et Marie Curie", ["Jean-Pierre Dupont", "Marie Curie"]),
        ("Staff Reporter", []),
        ("Reuters", []),
        ("Redaktion", []),
        ("JANE DOE", ["Jane Doe"]),
        ("Jane Doe | 12 May 2020", ["Jane Doe"]),
        ("jane@paper.example", []),
    ],
)
def test_byline_gives_people_only(byline: str, people: list[str]) -> None:
    assert bylines.split(byline) == people


def test_agency_is_kept_in_the_byline_when_no_person_is_named() -> None:
    page = read(ld('"author":{"@type":"Organization","name":"AFP"}'))
    assert page.authors == () and page.byline == "AFP"


def test_author_is_found_in_a_byline_element() -> None:
    assert read(body='<div class="byline">By <a rel="author" href="/x">Jane Doe</a></div>').authors == (
        "Jane Doe",
    )


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2021-11-08T06:30:00+00:00", "2021-11-08T06:30:00"),
        ("2021-11-08T06:30:00.123Z", "2021-11-08T06:30:00"),
        ("2021-11-08T06:30+05:30", "2021-11-08T01:00:00"),
        ("2021-11-08 06:30:00 -0500", "2021-11-08T11:30:00"),
        ("2021-11-08", "2021-11-08T00:00:00"),
        ("20211108", "2021-11-08T00:00:00"),
        ("2021/11/08 06:30", "2021-11-08T06:30:00"),
        ("1636353000", "2021-11-08T06:30:00"),
        ("1636353000000", "2021-11-08T06:30:00"),
        ("Mon, 08 Nov 2021 06:30:00 GMT", "2021-11-08T06:30:00"),
    ],
)
def test_time_is_read_in_the_forms_pages_use(text: str, iso: str) -> None:
    stamp = dates.parse(text, "meta", dates.LATEST)
    assert stamp is not None
    assert stamp.at == int(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    "text", ["", "0000-00-00", "2021-02-31", "9999-12-31", "yesterday", "12:30", "1985-01-01", "Mon, 99"]
)
def test_time_is_none_when_it_is_no_time(text: str) -> None:
    assert dates.parse(text, "meta", dates.LATEST) is None


def test_day_is_the_readers_when_the_time_is_in_utc() -> None:
    page = read(ld('"datePublished":"2023-11-09T03:28:35Z"'), body="<p>Nov. 8, 2023</p>")
    assert page.published_on == "2023-11-08" and page.published_source == "json_ld"
    assert page.published_at == int(datetime(2023, 11, 9, 3, 28, 35, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    "shown",
    [
        "8 November 2023",
        "November 8, 2023",
        "8. November 2023",
        "8 de noviembre de 2023",
        "08.11.2023",
        "2023年11月8日",
    ],
)
def test_day_is_read_where_a_reader_sees_it(shown: str) -> None:
    page = read(body=f"<p>{shown}</p>")
    assert (page.published_on, page.published_source, page.published_precision) == (
        "2023-11-08",
        "text",
        "day",
    )


def test_date_is_absent_when_the_page_has_none() -> None:
    assert read(body="<footer>© 2019 The Paper</footer>").published_at is None


def test_later_than_the_fetch_is_not_believed() -> None:
    fetched = int(datetime(2021, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert (
        read('<meta property="article:published_time" content="2030-01-01">', fetched_at=fetched).published_at
        is None
    )


def test_rights_are_carried_and_headers_win() -> None:
    head = '<meta name="tdm-reservation" content="0"><meta name="robots" content="index, noai">'
    page = read(head, headers={"tdm-reservation": "1", "tdm-policy": "https://paper.example/policy"})
    assert page.rights.tdm_reservation is True and page.rights.reserved and page.rights.noai
    assert page.rights.policy_url == "https://paper.example/policy"
    assert read().rights.reserved is False


def test_paywall_is_marked() -> None:
    page = read(ld('"isAccessibleForFree":"False","wordCount":900'))
    assert page.is_accessible_for_free is False
    assert "paywall" in page.extraction.marks and page.extraction.completeness < 0.2


def test_stated_body_is_taken_when_the_page_shows_less() -> None:
    hidden = " ".join([TEXT[3 : TEXT.index("</p>")]] * 20)
    page = read(ld(f'"articleBody":"{hidden}"'))
    assert page.extraction.method == "json_ld" and page.body == hidden


def test_links_of_a_page_hold_no_password() -> None:
    head = (
        '<link rel=canonical href="https://ann:secret@paper.example/news/1">'
        '<meta property="og:image" content="https://ann:secret@paper.example/1.jpg">'
        '<link rel=license href="https://ann:secret@paper.example/licence">'
        '<meta name="tdm-policy" content="https://ann:secret@paper.example/policy">'
    )
    page = read(head)
    assert page.canonical_url == "https://paper.example/news/1"
    assert page.images == ("https://paper.example/1.jpg",)
    assert page.rights.license == "https://paper.example/licence"
    assert page.rights.policy_url == "https://paper.example/policy"
