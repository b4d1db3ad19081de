"""Small pages with invented texts, for tests of what is read from them."""

from __future__ import annotations

from datetime import UTC, datetime

from newsmill.config import InputConfig, PageConfig
from newsmill.page.analysis import read_page_any
from newsmill.records import NotArticle, Page, Position, RawPage

TITLE = "A mill turns again on the Orrin"
STORY = (
    (
        "The water mill at Orrin began to turn again on Friday, eight years after a flood took its wheel "
        "and its dam."
    ),
    (
        "Joiners from three villages cut the new wheel from larch, and a smith in Tollen forged the axle "
        "in one piece."
    ),
    (
        "The mill will grind flour for the school and for two bakers, who say they have waited long "
        "enough for it."
    ),
    (
        "Visitors may come on Sundays, when the miller opens the upper floor and explains how the stones "
        "are dressed."
    ),
    (
        "A second mill further down the valley is to follow, if the county pays the half that it "
        "promised last spring."
    ),
)
RECEIVED = datetime(2026, 4, 2, 12, tzinfo=UTC)


def paragraphs(texts: tuple[str, ...] = STORY) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def read_any(html: str, url: str = "https://paper.example/1") -> tuple[Page, NotArticle | None]:
    raw = RawPage(
        position=Position(topic="t", partition=0, offset=0),
        url=url,
        body=html.encode(),
        received_at=int(RECEIVED.timestamp() * 1e6),
    )
    return read_page_any(raw, page=PageConfig(), input=InputConfig())


def read(
    body: str, head: str = "", *, title: str = TITLE, lang: str = "en", url: str = "https://paper.example/1"
) -> Page:
    top = f'<head><meta charset="utf-8"><title>{title}</title>{head}</head>'
    return read_any(f'<html lang="{lang}">{top}<body>{body}</body></html>', url)[0]


def story(inner: str, head: str = "", **options: str) -> Page:
    """A page with its title as h1 and then what is given, in an article."""
    return read(
        f"<main><article><h1>{options.get('title', TITLE)}</h1>{inner}</article></main>", head, **options
    )
