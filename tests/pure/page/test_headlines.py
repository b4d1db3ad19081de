"""The title is what a reader sees, without site, section and time, in any script."""

from __future__ import annotations

import pytest

from newsmill.page import titles
from newsmill.page.titles import Line
from story_pages import TITLE, paragraphs, read


@pytest.mark.parametrize(
    ("document", "shown", "title"),
    [
        ("老磨坊重新转动_地方_奥林网", "老磨坊重新转动", "老磨坊重新转动"),
        ("老磨坊重新转动-地方新闻-奥林网", "老磨坊重新转动", "老磨坊重新转动"),
        ("水車小屋が再び回る｜暮らし｜オリン新聞", "水車小屋が再び回る", "水車小屋が再び回る"),
        ("Мельница снова мелет | Район - Оринский листок", "Мельница снова мелет", "Мельница снова мелет"),
        ("The Orrin Post > Valley > " + TITLE, TITLE, TITLE),
        ("post.example: " + TITLE, TITLE, TITLE),
    ],
)
def test_title_is_the_line_that_a_reader_sees_between_separators(
    document: str, shown: str, title: str
) -> None:
    lines = [Line("Home", False, True), Line(shown, False), Line("A line of no title.", False)]
    assert titles.choose(headings=[], claimed=[], document_title=document, sites=[], lines=lines) == title


@pytest.mark.parametrize(
    "title",
    [
        "Le village inaugure « Le Grand Moulin »",
        "Мельница «Орин» снова мелет",
        "»Die Mühle«",
        "„Mühle“ › «Orrin»",
    ],
)
def test_guillemets_stay_when_they_quote(title: str) -> None:
    assert titles.without_site(title, set()) == title


@pytest.mark.parametrize(
    "heading",
    [
        "<div style='display:none'><h1>Something went wrong!</h1></div><h2>{}</h2>",
        "<h1>Farm Desk - Mill Desk</h1><div><b>{}</b></div>",
        "<h1><svg><text>Orrin Post</text></svg></h1><h2>{}</h2>",
        "<dialog><h1>Our letter</h1></dialog><h2>{}</h2>",
    ],
)
def test_brand_and_hidden_boxes_are_no_titles(heading: str) -> None:
    page = read(heading.format(TITLE) + paragraphs(), title=f"{TITLE} - The Orrin Post")
    assert page.title == TITLE


def test_markup_in_a_claimed_title_goes() -> None:
    page = read(
        paragraphs(), f'<meta property="og:title" content="&lt;i&gt;{TITLE}&lt;/i&gt;">', title="Post"
    )
    assert page.title == TITLE
