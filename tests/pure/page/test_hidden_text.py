"""Text that a reader sees, can unfold, or gets from the page's program is kept; else the page is marked."""

from __future__ import annotations

import json

import pytest

from story_pages import STORY, TITLE, paragraphs, read, read_any, story

REST = (
    "The dam was the dearest part, because the river bed had sunk by a yard and had to be filled with stone.",
    "Old photographs helped the joiners, who found no drawing of the wheel in the archive of the county.",
)


@pytest.mark.parametrize(
    "rest",
    [
        "<p><a href='#'>Show the rest</a></p><div style='display: none'>{}</div>",
        "<div class='article-remainder' hidden>{}</div>",
        "<section hidden='until-found'>{}</section>",
        "<mill-part><template shadowrootmode='open'><style>p {{}}</style>{}</template></mill-part>",
    ],
)
def test_folded_rest_of_a_story_is_kept_when_something_unfolds_it(rest: str) -> None:
    page = story(paragraphs() + rest.format(paragraphs(REST)))
    assert all(text in page.body for text in (*STORY, *REST))
    assert "hidden_text" not in page.extraction.marks


def test_hidden_paragraphs_are_kept_when_they_stand_beside_like_ones() -> None:
    page = story(paragraphs() + f"<p style='display:none'>{REST[0]}</p><p hidden>{REST[1]}</p>")
    assert all(text in page.body for text in REST)


@pytest.mark.parametrize(
    "dialog",
    [
        "<div class='cookie-dialog' hidden>{}</div>",
        "<div class='newsletter' style='display:none'>{}</div>",
        "<template id='card'>{}</template>",
        "<dialog>{}</dialog>",
    ],
)
def test_dialogs_and_templates_are_left_out_when_they_stand_in_the_story(dialog: str) -> None:
    page = story(paragraphs() + dialog.format(paragraphs(REST)))
    assert not any(text in page.body for text in REST)


def test_page_is_marked_when_it_hides_prose_that_nothing_unfolds() -> None:
    page = story(paragraphs(STORY[:3]) + f"<div class='x3' hidden>{paragraphs(REST * 2)}</div>")
    assert REST[0] in page.body or (
        "hidden_text" in page.extraction.marks and page.extraction.completeness < 0.8
    )


def test_words_with_an_explanation_stay_and_the_explanation_goes() -> None:
    page = story(
        "<p>The new <span class='has-popover'>sluice</span><span class='popover-content'>A sluice is "
        "a gate for water"
        "</span> was tested for a week before the <span class='tooltip term'>head race</span> was "
        "filled again.</p>" + paragraphs()
    )
    assert "The new sluice was tested for a week before the head race was filled again." in page.body


def test_struck_words_go_and_inserted_ones_stay() -> None:
    page = story(
        f"<p>The wheel weighs <del>two</del> <ins>three</ins> tons and took a <s>year</s> "
        f"summer.</p>{paragraphs()}"
    )
    assert "weighs three tons and took a summer" in page.body


@pytest.mark.parametrize(
    "script",
    [
        '<script id="__NEXT_DATA__" type="application/json">{}</script>',
        "<script>window.__STATE__ = {};</script>",
    ],
)
def test_text_is_read_from_the_state_when_the_markup_holds_none(script: str) -> None:
    state = {
        "props": {"page": {"title": TITLE, "blocks": [{"text": text} for text in STORY]}, "ads": ["a", "b"]}
    }
    page, verdict = read_any(
        f"<html><title>{TITLE}</title><body><div "
        f"id=root></div>{script.format(json.dumps(state))}</body></html>"
    )
    assert verdict is None and page.extraction.method == "state"
    assert page.body.split("\n") == list(STORY)


def test_state_of_other_stories_is_not_read() -> None:
    others = {"teasers": [{"text": text} for text in REST * 2]}
    page, _ = read_any(
        f"<html><title>Tollen elects its first mayor</title><body><p>Short.</p>"
        f"<script type='application/json'>{json.dumps(others)}</script></body></html>"
    )
    assert "dam" not in page.body


def test_updates_of_a_live_page_are_its_text_when_the_markup_holds_none() -> None:
    updates = [
        {
            "@type": "BlogPosting",
            "headline": f"Part {n}",
            "datePublished": f"2026-03-1{n}T10:00:00Z",
            "articleBody": text,
        }
        for n, text in enumerate(STORY)
    ]
    live = {
        "@type": "LiveBlogPosting",
        "headline": TITLE,
        "coverageStartTime": "2026-03-09T08:00:00Z",
        "author": {"@type": "Person", "name": "Ada Holm"},
        "liveBlogUpdate": updates,
    }
    page = read("<div id=app></div>", f'<script type="application/ld+json">{json.dumps(live)}</script>')
    assert all(text in page.body for text in STORY)
    assert "live_ticker" in page.extraction.marks and page.published_on == "2026-03-09"
    assert page.authors == ("Ada Holm",)
