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


@pytest.mark.parametrize(
    ("headings", "claimed", "document", "shown", "title"),
    [
        # the only h1 is the headline, though the head is written for search engines
        (
            ["What does a mill cost?"],
            ["Mill prices: all you need to know"],
            "Mill prices",
            [],
            "What does a mill cost?",
        ),
        (["Welcome!"], [], "Orrin Mill Society", [], "Welcome!"),
        # an h1 with the blog's name, the headline in a lesser heading
        (
            ["Mill diary"],
            [],
            "Why the old wheel turns again : Mill diary",
            [Line("Why the old wheel turns again", True)],
            "Why the old wheel turns again",
        ),
        (
            ["Mill diary"],
            [],
            "Mill diary » Archive » Why the old wheel turns",
            [Line("Why the old wheel turns", True, True)],
            "Why the old wheel turns",
        ),
        # a headline beside a blog's name in a lesser heading
        (
            ["Why the old wheel turns"],
            [],
            "Why the old wheel turns – The mill diary",
            [Line("The mill diary", True, True)],
            "Why the old wheel turns",
        ),
        # a brand's h1, the headline a bold line
        (
            ["Mill Desk - Farm Desk"],
            [],
            "Post.example: The old wheel turns again",
            [Line("The old wheel turns again", False)],
            "The old wheel turns again",
        ),
        # a section's h1 and the headline's h1 are both confirmed
        (
            ["News", "The old wheel turns again"],
            ["The old wheel turns again"],
            "News - Orrin Post",
            [],
            "The old wheel turns again",
        ),
        # a kicker that the head confirms belongs to it, one that it leaves out goes
        (
            ["Dispute over water: Mill stands still"],
            ["Mill stands still", "Dispute over water: Mill stands still"],
            None,
            [],
            "Dispute over water: Mill stands still",
        ),
        (
            ["Dispute over water Mill stands still again"],
            ["Mill stands still again"],
            None,
            [],
            "Mill stands still again",
        ),
        # invisible breaks in words, a day before the headline
        (
            ["Energy Water\u00admill stands still"],
            ["Water\u200bmill stands still"],
            None,
            [],
            "Watermill stands still",
        ),
        (
            ["3. Mai 2022 Die alte Mühle steht wieder still"],
            ["Die alte Mühle steht wieder still - Amt Orrin"],
            None,
            [],
            "Die alte Mühle steht wieder still",
        ),
        # two words that are the whole of a claimed title
        (
            ["so to say"],
            ["Mill pictures"],
            "Mill pictures - Ann Orrin photos",
            [Line("Mill pictures", True, True), Line("Ann Orrin photos", True)],
            "Mill pictures",
        ),
    ],
)
def test_title_is_the_headline_when_head_and_headings_differ(
    headings: list[str], claimed: list[str], document: str | None, shown: list[Line], title: str
) -> None:
    assert (
        titles.choose(headings=headings, claimed=claimed, document_title=document, sites=[], lines=shown)
        == title
    )


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("Why the &lt;canvas&gt; tag won the browsers' war", "Why the <canvas> tag won the browsers' war"),
        ("Ships &lt;tag&gt; of Port Alder return", "Ships <tag> of Port Alder return"),
        ("&lt;b&gt;Ships&lt;/b&gt; of Port Alder&lt;br&gt;return", "Ships of Port Alder return"),
        ("Prices &lt;5 at Port Alder fall", "Prices <5 at Port Alder fall"),
    ],
)
def test_what_is_written_as_a_tag_stays_in_the_title_unless_it_formats(written: str, title: str) -> None:
    page = read(f"<h1>{written}</h1>{paragraphs()}", title=written)
    assert page.title == title
