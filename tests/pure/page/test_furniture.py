"""What stands in a story is kept unless the page shows that it is something else."""

from __future__ import annotations

import pytest

from newsmill.page.lines import furniture_rule
from story_pages import STORY, TITLE, paragraphs, read, story

READERS = (
    "At last somebody has done something for the valley, my father worked at that mill until the flood came.",
    (
        "And who pays for the flour that nobody will buy, I ask, when the road to Tollen has been broken "
        "for years?"
    ),
    "Lovely news, we shall come with the children on the first Sunday and bring our own bread to compare.",
)


@pytest.mark.parametrize(
    "sentence",
    [
        "Advertising for the mill will begin once the stones have been dressed, the miller said.",
        "Copyright in the old drawings is held by the county, which lent them for the summer.",
        "Subscribe to the idea that a mill can pay its way and you are an optimist, said the baker.",
        "Comments from the village were kinder than the miller had feared at first.",
        "Share a loaf from the mill and you will know why it had to turn again.",
        "Source water for the race comes from two springs above the church.",
        "Newsletter und Plakate warben für das Mühlenfest, zu dem mehr als tausend Gäste kamen.",
        "Publicité et bénévoles ont attiré plus de mille visiteurs au moulin dimanche.",
    ],
)
def test_sentence_that_begins_like_furniture_is_kept(sentence: str) -> None:
    assert furniture_rule(sentence, 0.0) is None
    page = story(paragraphs(STORY[:3]) + f"<p>{sentence}</p>" + paragraphs(STORY[3:]))
    assert sentence in page.body


@pytest.mark.parametrize(
    "line",
    [
        "Advertisement",
        "Subscribe to our newsletter",
        "Read more: <a href=/q>Bakers want rye</a>",
        "© 2026 The Orrin Post.",
    ],
)
def test_line_of_furniture_goes_with_its_rule(line: str) -> None:
    page = story(paragraphs(STORY[:3]) + f"<p>{line}</p>" + paragraphs(STORY[3:]))
    assert page.body.split("\n") == list(STORY)
    assert any(removal.text.startswith(line[:9]) for removal in page.extraction.removed)


@pytest.mark.parametrize(
    "name",
    [
        "social-history",
        "printmaking",
        "caption-essay",
        "underwriters",
        "latest-stones",
        "banner-body",
        "noprint",
    ],
)
def test_prose_is_kept_when_its_class_holds_the_word_of_a_role(name: str) -> None:
    page = story(
        paragraphs(STORY[:2]) + f"<div class='{name}'><p>{STORY[2]}</p></div>" + paragraphs(STORY[3:])
    )
    assert STORY[2] in page.body


def test_paragraphs_that_are_one_link_are_kept() -> None:
    page = story(
        paragraphs(STORY[:1])
        + "".join(f"<div class=w><p><a href='/{n}'>{text}</a></p></div>" for n, text in enumerate(STORY[1:3]))
        + paragraphs(STORY[3:])
    )
    assert page.body.split("\n") == list(STORY)


def test_body_comes_once_when_the_page_holds_it_in_several_layouts() -> None:
    copies = "".join(f"<div class='{name}'>{paragraphs()}</div>" for name in ("phone", "desk", "print"))
    assert story(copies).body.split("\n") == list(STORY)


def test_readers_are_left_out_when_no_class_tells() -> None:
    said = "".join(f"<div class='k1'><b>miller{n}</b><p>{text}</p></div>" for n, text in enumerate(READERS))
    page = read(f"<h1>{TITLE}</h1><div>{paragraphs()}</div><div class='z'><h3>3 replies</h3>{said}</div>")
    assert page.body.split("\n") == list(STORY)


def test_people_who_are_quoted_are_kept_when_they_have_headings() -> None:
    said = "".join(f"<section><h3>Voice {n}</h3><p>{text}</p></section>" for n, text in enumerate(READERS))
    page = story(paragraphs() + said)
    assert all(text in page.body for text in READERS)


def test_menu_in_a_table_goes_and_rows_of_a_table_are_lines_without_empty_cells() -> None:
    menu = "<table><tr><td>Home</td><td></td><td>Valley</td><td></td><td>Sport</td></tr></table>"
    data = (
        "<table><tr><th>Village</th><th>Joiners</th></tr><tr><td>Orrin</td><td></td><td>4</td></tr></table>"
    )
    page = read(f"{menu}<div><h1>{TITLE}</h1>{paragraphs(STORY[:3])}{data}{paragraphs(STORY[3:])}</div>")
    assert "Valley" not in page.body and "| |" not in page.body
    assert all(text in page.body for text in STORY)


def test_removal_names_the_leading_reasons_when_the_weights_decide() -> None:
    others = "".join(
        f"<div class='related-card'><img src=x><h3><a href=/{n}>Other story {n}</a></h3><p>Of a town "
        f"far away {n}</p></div>"
        for n in range(6)
    )
    page = story(paragraphs() + f"<div class='related'>{others}</div>")
    assert "far away" not in page.body
    (rule, *_) = [removal.rule for removal in page.extraction.removed if "far away" in removal.text]
    assert rule and rule != "weight"
