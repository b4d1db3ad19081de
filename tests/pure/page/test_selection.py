"""Which passages are the article, on pages made for one question each."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from newsmill.config import InputConfig, PageConfig
from newsmill.demo import PAGES
from newsmill.page.analysis import read_page_any
from newsmill.page.lines import line_rule
from newsmill.page.passages import passages
from newsmill.page.tree import parse
from newsmill.records import Page, Position, RawPage


def prose(word: str, count: int = 4) -> str:
    return "".join(
        f"<p>The {word} of part {n} was told to the council, which heard it and put it off again.</p>"
        for n in range(count)
    )


def read(body: str, head: str = "") -> Page:
    page = f"<html><head><title>A bridge is rebuilt</title>{head}</head><body>{body}</body></html>"
    position = Position(topic="t", partition=0, offset=0)
    raw = RawPage(position=position, url="https://paper.example/1", body=page.encode())
    return read_page_any(raw, page=PageConfig(), input=InputConfig())[0]


def test_story_in_several_containers_is_whole() -> None:
    parts = "".join(
        f"<div class='chunk'>{prose(f'tale{n}')}</div><div class='ad'>Advertisement</div>" for n in range(4)
    )
    body = read(f"<main><h1>A bridge is rebuilt</h1>{parts}</main>").body
    assert all(body.count(f"tale{n}") == 4 for n in range(4))
    assert "Advertisement" not in body


def test_many_comments_are_not_the_story() -> None:
    comments = f"<div id='comments'>{prose('comment', 20)}</div>"
    body = read(f"<article><h1>A bridge is rebuilt</h1>{prose('story')}</article>{comments}").body
    assert body.count("story") == 4 and "comment" not in body


def test_class_of_the_frame_that_holds_the_story_is_not_held_against_it() -> None:
    body = read(f"<div class='share-widget sidebar'><h1>A bridge is rebuilt</h1>{prose('story')}</div>").body
    assert body.count("story") == 4


def test_list_under_a_heading_of_other_stories_goes_with_it() -> None:
    others = (
        "<h3>More stories</h3><ul>"
        + "".join(f"<li><a href=/{n}>Other {n}</a></li>" for n in range(4))
        + "</ul>"
    )
    page = read(f"<article>{prose('story')}{others}{prose('end')}</article>")
    assert "Other" not in page.body and page.body.count("end") == 4
    assert any(removal.rule == "related-line" for removal in page.extraction.removed)


def test_title_is_not_repeated_and_what_stands_above_it_goes() -> None:
    body = read(
        f"<article><p>News</p><h1>A bridge is rebuilt</h1><p>12 May 2020, 10:30</p>{prose('story')}</article>"
    ).body
    assert body.startswith("The story of part 0")


def test_lead_that_the_description_names_is_kept() -> None:
    lead = "After years of debate the town has its bridge back, and the ferry is sold."
    head = f'<meta name="description" content="{lead}">'
    body = read(
        f"<main><h1>A bridge is rebuilt</h1><div class='dek'>{lead}</div><div>{prose('story')}</div></main>",
        head,
    ).body
    assert body.split("\n")[0] == lead


def test_subheads_stay_with_their_text_and_trailing_ones_go() -> None:
    body = read(
        f"<article>{prose('story')}<h2>What comes next</h2>{prose('end')}<h2>Leave us alone</h2></article>"
    ).body
    assert "What comes next" in body and "Leave us alone" not in body


def test_figure_captions_asides_and_author_boxes_go() -> None:
    extra = (
        "<figure><img><figcaption>The bridge when it was new, seen from the town.</figcaption></figure>"
        "<aside><p>Our bridges are the finest in the land, says the mayor of the town.</p></aside>"
        "<div class='author-bio'><p>Jane Doe writes about bridges and has done so for ten years.</p></div>"
    )
    body = read(f"<article>{prose('story', 9)}{extra}</article>").body
    assert body.count("\n") == 8 and "finest" not in body and "Jane" not in body and "seen from" not in body


def test_table_rows_are_lines_and_ruby_and_tooltips_are_left_out() -> None:
    table = "<table><tr><th>Town</th><th>Bridges</th></tr><tr><td>Aa</td><td>3</td></tr></table>"
    found = [
        p.text
        for p in passages(
            parse(
                (
                    table + "<p><ruby>港<rt>みなと</rt></ruby>の<span class=tooltip role=tooltip>x</span></p>"
                ).encode(),
                PageConfig(),
            )
        )
    ]
    assert found == ["Town | Bridges", "Aa | 3", "港の"]


def test_live_ticker_is_marked_and_whole() -> None:
    posts = "".join(
        f"<article class=post><h3>Post {n}</h3>{prose(f'minute{n}', 1)}</article>" for n in range(8)
    )
    head = '<script type="application/ld+json">{"@type":"LiveBlogPosting","headline":"Bridge"}</script>'
    page = read(f"<main><h1>A bridge is rebuilt</h1><div class=feed>{posts}</div></main>", head)
    assert "live_ticker" in page.extraction.marks
    assert sum(f"minute{n}" in page.body for n in range(8)) >= 7


@pytest.mark.parametrize(
    "line",
    [
        "ALSO READ: Polio vax drive resumes",
        "Lesen Sie auch: Die Brücke",
        "À lire aussi : le pont",
        "Subscribe to our newsletter",
        "Follow us on Twitter",
        "2 mins read",
        "Advertisement",
        "© 2020 The Paper",
        "Go to top",
        "Tags: bridge, town",
        "Don't Miss",
        "Next Story",
        "Read more",
    ],
)
def test_furniture_line_has_a_rule(line: str) -> None:
    assert line_rule(line) is not None


@pytest.mark.parametrize(
    "line",
    [
        "Read the letter aloud, the judge said.",
        "Follow the money, he said.",
        "More than 40 people were hurt.",
        "Top officials met on Monday.",
        "The advertisement was withdrawn by the company after a day of protest.",
        "Next week the council will vote.",
        "Popular anger grew.",
        "Share prices fell by 4 percent.",
    ],
)
def test_sentence_has_no_rule(line: str) -> None:
    assert line_rule(line) is None


def test_result_does_not_depend_on_the_hash_seed() -> None:
    code = (
        "import sys, msgspec; from pathlib import Path;"
        "from newsmill.config import *; from newsmill.records import *;"
        "from newsmill.page.analysis import read_page;"
        "raw = RawPage(position=Position(topic='t', partition=0, offset=0), url='https://paper.example/1',"
        f" body=Path({str(PAGES / '33-seed-taliban-ttp.html')!r}).read_bytes());"
        "sys.stdout.buffer.write(msgspec.json.encode(read_page(raw, page=PageConfig(), input=InputConfig())))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1
