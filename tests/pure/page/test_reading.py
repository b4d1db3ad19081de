"""What the pipeline's extraction processes give of a page."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Rejected
from newsmill.page.analysis import read_page
from newsmill.page.reading import ParsedPage, read
from newsmill.page.sandbox import Sandbox
from newsmill.records import NotArticle, Page, Position, RawPage

TEXT = "".join(
    f"<p>Der Hafenmeister zählte vor Mittag das Schiff Nummer {n}, das aus dem Norden in den Hafen kam.</p>"
    for n in range(40)
)


def page(body: str) -> RawPage:
    position = Position(topic="t", partition=0, offset=0)
    return RawPage(position=position, url="https://blatt.example/hafen", body=body.encode())


def test_reading_in_the_sandbox_is_the_reading_in_this_process() -> None:
    article = page(f"<html lang=de><title>Schiffe</title><body><h1>Schiffe</h1>{TEXT}</body></html>")
    with Sandbox(
        page=PageConfig(processes=1), input=InputConfig(), read="newsmill.page.reading:read", gives=ParsedPage
    ) as sandbox:
        found, nothing = sandbox.map([article, page("<html><body></body></html>")])
    assert isinstance(found, ParsedPage) and found.language.code == "de" and "Nummer 39" in found.page.body
    assert found == read(article, page=PageConfig(), input=InputConfig())
    assert isinstance(nothing, NotArticle)


@pytest.mark.parametrize(
    "title",
    [
        "Before you continue",
        "Ihre Datenschutz-Einstellungen",
        "Vos choix de confidentialité",
        "Configuración de cookies",
        "La tua privacy è importante",
        "Cookie-instellingen",
    ],
)
def test_page_is_a_consent_page_when_it_asks_for_consent_in_any_of_these_languages(title: str) -> None:
    words = "Some words here. " * 10
    html = f"<html><title>{title}</title><body><h1>{title}</h1><p>{words}</p></body></html>"
    assert read(page(html), page=PageConfig(), input=InputConfig()) == NotArticle(reason="consent_page")


def test_time_of_an_element_is_taken_when_the_shown_day_is_the_same() -> None:
    lines = (f"The lock keeper of Rotterdam counted {n} ships, and the tide turned late." for n in range(20))
    story = "".join(f"<p>{line}</p>" for line in lines)
    html = (
        "<html><head><title>Late</title></head><body><article><h1>Late but turning</h1>"
        '<div><time itemprop="datePublished" datetime="2026-11-10T16:45:00+00:00">'
        "November 10, 2026 16:45</time></div>"
        f"{story}</article></body></html>"
    )
    found = read(page(html), page=PageConfig(), input=InputConfig())
    assert isinstance(found, ParsedPage)
    assert (found.page.published_source, found.page.published_precision) == ("time_element", "second")


def test_page_says_the_same_when_its_letters_are_decomposed() -> None:
    title = "José Núñez llegó a Málaga"
    html = f"""<html lang="es"><head><title>{title} | El Día</title>
      <link rel="canonical" href="https://blatt.example/pe\u0301rez">
      <meta name="description" content="La crónica de José Núñez">
      <script type="application/ld+json">{{"@type": "NewsArticle", "headline": "{title}",
      "author": {{"name": "Andrés Peña"}}}}</script></head><body><article><h1>{title}</h1>
      <p>El juez José María Pérez habló en Cá&shy;diz con los periodistas, según la Unión Europea.</p>
      <p>España tendrá en Málaga una nueva sesión el próximo año, y los señores diputados discutirán allí.</p>
      </article></body></html>"""
    right, told = (
        read_page(page(unicodedata.normalize(form, html)), page=PageConfig(), input=InputConfig())
        for form in ("NFC", "NFD")
    )
    assert isinstance(right, Page) and isinstance(told, Page)
    assert right.title == title
    assert "Cádiz" in right.body
    assert msgspec.structs.replace(told, canonical_url=None) == msgspec.structs.replace(
        right, canonical_url=None
    )
    assert unicodedata.is_normalized("NFC", told.body)
    assert told.canonical_url == unicodedata.normalize("NFD", right.canonical_url or "")


@pytest.mark.parametrize(
    ("declared", "is_fault"),
    [
        ("image/png", False),
        ("Application/PDF; x=y", False),
        ("application/vnd.ms-excel", False),
        ("text/html", True),
        ("application/xhtml+xml", True),
        ("application/octet-stream", True),
        (None, True),
    ],
)
def test_bytes_that_are_no_text_are_no_page_when_their_type_says_so_and_else_a_fault(
    declared: str | None, is_fault: bool
) -> None:
    body = bytes(range(128, 256)) * 20 + bytes(range(32)) * 80
    raw = msgspec.structs.replace(page(""), body=body, content_type=declared)
    if is_fault:
        with pytest.raises(Rejected, match="E_DECODE"):
            read(raw, page=PageConfig(), input=InputConfig())
    else:
        assert read(raw, page=PageConfig(), input=InputConfig()) == NotArticle(reason="not_html")
    article = page(f"<html lang=de><title>Schiffe</title><body><h1>Schiffe</h1>{TEXT}</body></html>")
    found = read(
        msgspec.structs.replace(article, content_type=declared), page=PageConfig(), input=InputConfig()
    )
    assert isinstance(found, ParsedPage)
