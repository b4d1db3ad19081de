"""Who wrote a story: bylines in any script, without roles, days, places and papers."""

from __future__ import annotations

import json

import pytest

from newsmill.page import bylines
from story_pages import paragraphs, read, story


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        ("Ada Holm 4 April 2026", ["Ada Holm"]),
        ("Ada Holm April 4, 2026", ["Ada Holm"]),
        ("Ada Holm in Orrin and Per Lund in Tollen", ["Ada Holm", "Per Lund"]),
        ("By ADA HOLM, PER LUND and EVA STRAND", ["Ada Holm", "Per Lund", "Eva Strand"]),
        ("Ada Holm Chief Political Correspondent", ["Ada Holm"]),
        ("Senior Reporter Ada Holm", ["Ada Holm"]),
        ("Ada Holm, Reuters", ["Ada Holm"]),
        ("Ada Holm for the Orrin Post", ["Ada Holm"]),
        ("Автор: Анна Белова", ["Анна Белова"]),
        ("Συντάκτης: Νίκος Μάρκου", ["Νίκος Μάρκου"]),
        ("记者：孙小雨", ["孙小雨"]),
        ("文／陳大文", ["陳大文"]),
        ("文｜晨报 周远", ["周远"]),
        ("来源：晨报 作者：孙小雨 周远", ["孙小雨", "周远"]),
        ("取材・文＝田中花子", ["田中花子"]),
        ("이하늘 기자", ["이하늘"]),
        ("奥林网北岸频道 记者 禾雨 李树", ["禾雨", "李树"]),
        ("作者：周远 点击数：12", ["周远"]),
        ("作者：巴特·诺尔森", ["巴特·诺尔森"]),
        ("（记者 周远 通讯员 林雨）", ["周远", "林雨"]),
        ("（奥林社記者周小遠東岸28日電）", ["周小遠"]),
        ("記者周小遠／東岸報導", ["周小遠"]),
        ("本报记者周远 摄", []),
        ("记者：水车什么时候转？", []),
        ("（记者周远从市磨坊局获悉", []),
        ("作者简介：周远", []),
        ("外国记者巴特·诺尔森(Bart", []),
        ("Oscar de la Torre", ["Oscar de la Torre"]),
        ("The Orrin Post", []),
        ("Editorial Team", []),
    ],
)
def test_names_are_split_from_what_stands_around_them(byline: str, names: list[str]) -> None:
    assert bylines.split(byline, ["The Orrin Post"]) == names


@pytest.mark.parametrize(
    ("around", "names"),
    [
        (
            "<div class=byline>By <span class=author>Ada Holm</span><span class=author>Per Lund</span></div>",
            ("Ada Holm", "Per Lund"),
        ),
        ("<div class=x1><a href='/writers/aholm'>Ada Holm</a></div>", ("Ada Holm",)),
        (
            "<div class='writer-card'><span class='author-card__info__name'>Ada Holm</span></div>",
            ("Ada Holm",),
        ),
        ("<div class=q><span>By</span><span>by ADA HOLM</span></div>", ("Ada Holm",)),
    ],
)
def test_byline_is_found_when_only_its_shape_tells(around: str, names: tuple[str, ...]) -> None:
    assert story(around + paragraphs()).authors == names


def test_byline_under_the_headline_wins_over_the_owner_in_meta_tags() -> None:
    head = (
        '<meta name="author" content="Orrin Verlag"><meta name="copyright" content="(c) Orrin Verlag 2026">'
    )
    page = story(f"<p>By <a rel=author href=/a>Ada Holm</a></p>{paragraphs()}", head)
    assert page.authors == ("Ada Holm",)


def test_byline_of_a_teaser_above_the_headline_is_not_the_storys() -> None:
    teaser = "<ul><li><h3><a href=/o>Rye is dear</a></h3><span class=byline>By Odd Moe</span></li></ul>"
    page = read(f"{teaser}<h1>A mill turns again on the Orrin</h1><p>By Ada Holm</p>{paragraphs()}")
    assert page.authors == ("Ada Holm",)


def test_reporter_in_brackets_at_the_end_is_the_writer() -> None:
    texts = "".join(
        f"<p>{text}</p>"
        for text in (
            "老磨坊周五重新开始转动，此前停了整整八年。",
            "木匠们用落叶松做了新的水轮，铁匠锻造了车轴。（记者 孙小雨）",
        )
    )
    assert story(texts, title="老磨坊重新转动", lang="zh").authors == ("孙小雨",)


def chinese(*lines: str, title: str = "老磨坊重新转动", head: str = "") -> tuple[str, ...]:
    """The authors of a Chinese story with these lines; None stands for its text."""
    text = (
        "老磨坊周五重新开始转动，此前停了整整八年，村民们来到河边看水轮。",
        "木匠们用落叶松做了新的水轮，铁匠锻造了车轴，全部费用由村里的合作社承担。",
        "合作社说，第一批面粉将在集市日卖给两岸的村民，价格和从前一样。",
    )
    shown = "".join(f"<p>{line}</p>" for each in lines for line in (text if each == "…" else (each,)))
    return story(shown, head, title=title, lang="zh").authors


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (("本报实习生 周远 林雨", "本报记者 孙小雨", "…"), ("周远", "林雨", "孙小雨")),
        (
            ("时间：2004年10月21日14:18 作者：周远 | 我来说两句", "综合", "本地", "民生", "天气", "…"),
            ("周远",),
        ),
        (("…", "文：禾间尺", "我的博客", "上一篇"), ("禾间尺",)),
        (("…", "来源：奥林晨报", "编辑：山禾"), ("山禾",)),
        (("…", "（周远）"), ("周远",)),
        (("□ 周远", "…"), ("周远",)),
        (("…", "（周远 摄）"), ()),
    ],
)
def test_writer_of_a_chinese_story_is_found_when_a_line_credits_him(
    lines: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert chinese(*lines) == names


def test_writer_is_the_name_before_the_titles_colon_when_it_is_a_line_as_well() -> None:
    assert chinese("禾莉：老磨坊重新转动", "禾莉", "…", title="北岸论坛") == ("禾莉",)


def test_firm_in_the_meta_tags_is_no_writer_when_its_name_is_chinese() -> None:
    assert chinese("…", "（周远）", head='<meta name="author" content="大禾网络">') == ("周远",)


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        ("<p>On <span class='author vcard'><a class='url fn n' href=/x>Ada</a></span></p>", ("Ada",)),
        ("<p class='journalist'>Ada Holm</p>", ("Ada Holm",)),
        ("<div class=vcard><b class='fn org'>Orrin Valley</b></div>", ()),
        ("<div class=submitted>3 May <span class=username>millwheel</span></div>", ("millwheel",)),
    ],
)
def test_class_names_the_writer_when_it_holds_a_longer_word(byline: str, names: tuple[str, ...]) -> None:
    assert story(byline + paragraphs()).authors == names


def test_reader_who_comments_is_no_writer_when_his_account_is_marked_as_one() -> None:
    comments = "<div><span class=username>millwheel</span><p>I was there as a child.</p></div>"
    assert story(paragraphs() * 8 + "<p>Read more</p>" * 30 + comments).authors == ()


def stated_as(kind: str, name: str) -> tuple[str, ...]:
    author = json.dumps({"@type": "NewsArticle", "headline": "x", "author": {"@type": kind, "name": name}})
    return story(paragraphs(), f'<script type="application/ld+json">{author}</script>').authors


@pytest.mark.parametrize(
    "name",
    [
        "Ann Writer",
        "Emily Post",
        "Bill Press",
        "John Editor",
        "Mary Reporter",
        "Peter Gast",
        "Hugh Herald",
        "Ada Holm",
        "Karl von und zu Ahlen",
        "von und zu Ahlen",
        "von der Ahlen",
        "Di Stefano",
    ],
)
def test_name_is_kept_when_the_page_gives_it_to_a_person_as_data(name: str) -> None:
    assert stated_as("Person", name) == (name,)


@pytest.mark.parametrize(
    "name",
    [
        "Staff Writer",
        "Court Reporter",
        "Orrin Court Reporter",
        "Orrin staff reporter",
        "News Desk",
        "Orrin Web Desk",
        "Associated Press",
        "Los Angeles Times",
        "Editorial Team",
        "Guest Author",
    ],
)
def test_office_or_paper_is_nobody_when_the_page_calls_it_a_person(name: str) -> None:
    assert stated_as("Person", name) == ()


def test_names_in_a_line_are_split_when_the_page_calls_it_a_person() -> None:
    assert stated_as("Person", "By Ada Holm and Per Lund") == ("Ada Holm", "Per Lund")
    assert stated_as("Person", "von Ada Holm") == ("Ada Holm",)
    assert stated_as("Person", "ADA HOLM") == ("Ada Holm",)


def test_von_und_zu_is_part_of_one_name_in_a_line() -> None:
    assert bylines.split("Von Karl von und zu Ahlen und Ada Holm") == ["Karl von und zu Ahlen", "Ada Holm"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('O\'Brien "Bob" <b>', 'O\'Brien "Bob"'),
        ('Sean "Red" Quill', 'Sean "Red" Quill'),
        ("<b>Anna Holt</b>", "Anna Holt"),
        ('"Anna Holt"', "Anna Holt"),
        ("Anna “Annie” Holt", "Anna “Annie” Holt"),
    ],
)
def test_nickname_keeps_its_quotation_marks_and_tags_go(written: str, name: str) -> None:
    assert bylines.split(written) == [name]
    assert bylines.split(f"By {written}") == [name]


@pytest.mark.parametrize("text", ['"' * 400, "<b" * 4_000, "“" * 400, "<b >" * 1_000, '" <' * 900])
def test_marks_alone_name_nobody(text: str) -> None:
    assert bylines.split(text) == []
