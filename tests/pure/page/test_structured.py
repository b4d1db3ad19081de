"""JSON-LD is repaired where there is one way to read it, and only the page's own article is believed."""

from __future__ import annotations

import json
import time

import pytest

from newsmill.config import PageConfig
from newsmill.page import structured
from newsmill.page.tree import parse
from story_pages import STORY, TITLE, paragraphs, story

ARTICLE = (
    '{"@type":"NewsArticle","headline":"A mill","datePublished":"2026-03-10",'
    '"author":{"@type":"Person","name":"Ada Holm"}}'
)


def nodes(source: str) -> list[structured.Node]:
    page = f"<html><head><script type='application/ld+json'>{source}</script></head><body></body></html>"
    return structured.nodes(parse(page.encode(), PageConfig()).iter("script"))


@pytest.mark.parametrize(
    "source",
    [
        ARTICLE,
        ARTICLE.replace('"', "&quot;"),
        "// about the story\n" + ARTICLE,
        ARTICLE.replace(',"author"', ', // who\n"author"'),
        ARTICLE.replace("{", "{ /* begin */", 1),
        ARTICLE[:-1] + ",}",
        ARTICLE.replace("}}", "},,}"),
        ARTICLE + '{"@type":"WebPage"}',
        ARTICLE + ";",
        "<!-- " + ARTICLE + " -->",
        "/* <![CDATA[ */" + ARTICLE + "/* ]]> */",
    ],
)
def test_article_is_read_when_its_json_can_be_repaired(source: str) -> None:
    article = structured.article(nodes(source))
    assert (article.get("datePublished"), structured.text(article.get("author"))) == (
        "2026-03-10",
        "Ada Holm",
    )


def test_slashes_and_commas_in_strings_stay_when_the_rest_is_repaired() -> None:
    (node, *_) = nodes('{"@type":"Article","headline":"a // b, /* c */ ,]","x":[1,],}')
    assert node["headline"] == "a // b, /* c */ ,]"


@pytest.mark.parametrize(
    "source", ["/*" * 50_000, '"' + "\\" * 100_000, "{" * 100_000, "/" * 100_000 + "*", " ," * 50_000]
)
def test_broken_json_costs_no_square_of_its_length(source: str) -> None:
    def cost(text: str) -> float:
        start = time.thread_time()
        structured._parsed(text)
        return time.thread_time() - start

    cost(source)
    small, large = cost(source[: len(source) // 4]), cost(source)
    assert large < 16 * max(small, 0.002)


def test_other_article_is_not_believed_when_it_is_the_richer_one() -> None:
    own = {
        "@type": "NewsArticle",
        "headline": TITLE,
        "datePublished": "2026-03-10",
        "author": {"name": "Ada Holm"},
    }
    other = {
        "@type": "NewsArticle",
        "headline": "Rye is dear in Tollen",
        "url": "https://paper.example/rye",
        "datePublished": "2020-01-01",
        "author": {"name": "Odd Moe"},
        "publisher": {"name": "The Orrin Post"},
        "articleBody": "Rye has become dear in Tollen, and bakers say they know why. " * 30,
    }
    page = story(
        paragraphs(STORY[:2]), f'<script type="application/ld+json">{json.dumps([other, own])}</script>'
    )
    assert page.published_on == "2026-03-10" and page.authors == ("Ada Holm",)
    assert "Rye" not in page.body


def test_authors_in_lists_within_lists_are_all_read() -> None:
    node = {
        "@type": "NewsArticle",
        "headline": TITLE,
        "author": [[{"name": "Ada Holm"}, [{"name": "Per Lund"}]]],
    }
    page = story(paragraphs(), f'<script type="application/ld+json">{json.dumps(node)}</script>')
    assert page.authors == ("Ada Holm", "Per Lund")
