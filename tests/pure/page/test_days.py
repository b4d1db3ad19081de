"""When a story was published: never after the page was received, and published before updated."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsmill.config import InputConfig, PageConfig
from newsmill.page.analysis import read_page_any
from newsmill.page.dates import LATEST, _visible
from newsmill.records import Position, RawPage
from story_pages import paragraphs, story


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("2004年7月16日08:19 [ 孙小雨 ] 来源：[ 晨报 ]", "2004-07-16"),
        ("二〇〇四年七月十六日", "2004-07-16"),
        ("二○一二年十二月三十一日", "2012-12-31"),
        ("中華民國101年1月16日", "2012-01-16"),
        ("令和6年4月3日", "2024-04-03"),
        ("2024년 4월 3일 입력", "2024-04-03"),
        ("21 ม.ค.2561", "2018-01-21"),
        ("2005-04-05 06:40更新", "2005-04-05"),
        ("تم نشره الجمعة 24 نيسان / أبريل 2020 09:22 مساءً", "2020-04-24"),
        ("الأحد 3 كانون الثاني/يناير 2021", "2021-01-03"),
        ("Updated 9 May 2020. First published 3 May 2020.", "2020-05-03"),
    ],
)
def test_day_is_read_when_it_is_written_in_another_form(line: str, day: str) -> None:
    found = _visible([line], LATEST, month_first=False)
    assert found[:1] == [day]


@pytest.mark.parametrize(
    "line",
    [
        "<p>Mill fair on 12 June 2027</p>",
        "<p>Opens: <time datetime='2026-05-01'>1 May 2026</time></p>",
        "<p>Ends <time datetime='2061-01-01T10:00:00Z'>then</time></p>",
    ],
)
def test_no_day_is_given_when_the_only_one_is_after_the_page_was_received(line: str) -> None:
    assert story(line + paragraphs()).published_on is None


def test_time_labelled_as_first_wins_when_the_updated_one_stands_before_it() -> None:
    times = (
        "<ul><li>Last changed: <time datetime='2025-06-01T10:00:00Z'>1 June</time></li>"
        "<li>Posted: <time datetime='2024-02-02T10:00:00Z'>2 February</time></li></ul>"
    )
    assert story(times + paragraphs()).published_on == "2024-02-02"


STATED = """<html lang="en"><head><title>The mill</title><script type="application/ld+json">
{"@type":"NewsArticle","headline":"The mill","datePublished":"2026-11-20T10:00:00Z"}</script></head>
<body><h1>The mill</h1><p>The water mill began to turn again after the flood.</p></body></html>"""


def micros(iso: str) -> int:
    return int(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("fetched", "received", "day"),
    [
        (0, micros("2026-11-21"), "2026-11-20"),
        (micros("1970-01-20"), micros("2026-11-21"), "2026-11-20"),
        (micros("2020-01-01"), micros("2026-11-21"), None),
        (micros("2026-11-21"), 0, "2026-11-20"),
        (micros("2026-11-21"), micros("2020-01-01"), None),
        (0, None, "2026-11-20"),
        (0, 0, "2026-11-20"),
        (micros("2026-11-21") * 1000, micros("2026-11-01"), None),
        (-1, micros("2026-11-01"), None),
        (micros("2026-10-01"), micros("2026-11-01"), None),
        (micros("2026-11-01"), None, None),
    ],
)
def test_publishers_day_is_bounded_by_the_earliest_plausible_time_of_receipt(
    fetched: int | None, received: int | None, day: str | None
) -> None:
    raw = RawPage(
        position=Position(topic="t", partition=0, offset=0),
        url="https://paper.example/1",
        body=STATED.encode(),
        fetched_at=fetched,
        received_at=received,
    )
    assert read_page_any(raw, page=PageConfig(), input=InputConfig())[0].published_on == day


def ld(fields: str) -> str:
    return f'<script type="application/ld+json">{{"@type":"NewsArticle","headline":"x",{fields}}}</script>'


@pytest.mark.parametrize(
    "head",
    [
        ld('"datePublished":"2025-02-30T10:00:00Z"'),
        ld('"datePublished":"2025-11-31"'),
        ld('"datePublished":"2025-11"'),
        ld('"datePublished":"2025"'),
        ld('"datePublished":null,"dateModified":"2025-11-20T10:00:00Z"'),
        ld('"datePublished":"2026-12-31"'),
        '<meta property="article:published_time" content="2025-02-30">',
        '<meta property="article:published_time" content="2025-11">',
        '<meta property="og:updated_time" content="2025-11-20T10:00:00Z">',
    ],
)
def test_no_day_is_given_when_the_page_states_none_of_its_publication(head: str) -> None:
    assert story(paragraphs(), head).published_on is None


@pytest.mark.parametrize(
    "inner",
    [
        "<time datetime='2025-02-30'>then</time>" + paragraphs(),
        paragraphs() + "<p>The miller was born on 4 July 1996 in London.</p>" + paragraphs(),
        "<p>The miller was born on 4 July 1996 in London.</p>" + paragraphs(),
        "<p>Der Müller wurde am 4. Juli 1996 in London geboren.</p>" + paragraphs(),
        paragraphs() + "<footer>Copyright 2024-05-06 The Orrin Post</footer>",
        paragraphs() + "<footer>© 6 May 2024 The Orrin Post. All rights reserved.</footer>",
    ],
)
def test_day_of_prose_or_of_a_copyright_notice_is_not_that_of_publication(inner: str) -> None:
    assert story(inner).published_on is None


@pytest.mark.parametrize(
    "inner",
    [
        "<p>Orrin, 4 July 2024</p>" + paragraphs(),
        "<p>By Ada Holm, 4 July 2024</p>" + paragraphs(),
        "<p>Pressemitteilung vom 4. Juli 2024 | Orrin – Die Mühle dreht sich wieder.</p>" + paragraphs(),
        paragraphs() + "<div class=submitted>Submitted by ada on 4 July 2024 - 18:55</div>",
        paragraphs() + "<div class=post-date>4 July 2024</div>",
        paragraphs() + "<p>Published on 4 July 2024.</p>",
        paragraphs() + "<script>var page = {'publishDate': '2024-07-04T10:00'}</script>",
        paragraphs() + "<script>var page = {publishDate:'2024-07-04T10:00'}</script>",
    ],
)
def test_dateline_is_the_day_of_publication_when_nothing_else_tells(inner: str) -> None:
    assert story(inner).published_on == "2024-07-04"


def test_footers_day_of_change_is_not_that_of_publication_when_the_page_says_so_as_data() -> None:
    head = ld('"datePublished":null,"dateModified":"2025-11-20T10:00:00Z"')
    page = story(paragraphs() + "<footer>Last updated 20 November 2025</footer>", head)
    assert page.published_on is None and page.modified_at is not None


@pytest.mark.parametrize(
    "sentence",
    [
        "<p>The dam broke on <time datetime=2018-03-03>3 March 2018</time>, and the wheel went.</p>",
        "<p>The dam <b>broke on <time datetime=2018-03-03>that day</time></b> and the wheel went.</p>",
        "<ul><li>The dam broke in <a href=/x>May</a> <time datetime=2018-03-03>2018</time>, all.</li></ul>",
    ],
)
def test_time_within_a_sentence_is_not_that_of_publication(sentence: str) -> None:
    assert story(paragraphs() + sentence).published_on is None
    assert story(f"{paragraphs()}{sentence}<p><time datetime=2020-05-03>3 May</time></p>").published_on == (
        "2020-05-03"
    )


@pytest.mark.parametrize(
    "byline",
    [
        "<p>By Ada Holm <time datetime=2020-05-03>3 May 2020</time></p>",
        "<p>Orrin, <time datetime=2020-05-03>3 May 2020</time> - The mill turns again.</p>",
        "<p>First published on <time datetime=2020-05-03>3 May 2020</time> in the Orrin Post.</p>",
        "<div><span>News</span> <time datetime=2020-05-03></time></div>",
    ],
)
def test_time_beside_a_byline_or_in_a_dateline_is_that_of_publication(byline: str) -> None:
    assert story(byline + paragraphs()).published_on == "2020-05-03"
