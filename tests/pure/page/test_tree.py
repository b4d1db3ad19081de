"""Elements of very many attributes, which the parser compares with one another, and what looks like it."""

from __future__ import annotations

import pytest

from newsmill.config import PageConfig
from newsmill.errors import Code, Rejected
from newsmill.page.tree import parse


@pytest.mark.parametrize("between", ["a{n} ", 'a{n}="x y" ', 'a{n}=""', "a{n}='x'\n"])
def test_element_of_very_many_attributes_is_rejected(between: str) -> None:
    many = "".join(between.replace("{n}", str(n)) for n in range(20_000))
    with pytest.raises(Rejected) as caught:
        parse(f"<p {many}>x</p>".encode(), PageConfig())
    assert caught.value.code is Code.NODES


@pytest.mark.parametrize(
    "page",
    [
        '<meta name="description" content="{words}"><p>x</p>',
        "<div data-page='{words}'><p>x</p></div>",
        '<div data-page="{{&quot;a&quot;: 1 = {words}}}"><p>x</p></div>',
        "<script>if (a<b) {{ c = '{words}' }}</script><p>x</p>",
        '<script type=\'application/ld+json\'>{{"articleBody": "{words}"}}</script><p>x</p>',
        "<p>{words}</p>",
        "<p>a < b and c<d {words}</p>",
    ],
)
def test_long_value_or_text_is_no_attribute(page: str) -> None:
    root = parse(page.format(words="many words = " * 4_000).encode(), PageConfig())
    assert root.find(".//p") is not None


@pytest.mark.parametrize("levels", [300, 100_000])
def test_nesting_that_is_too_deep_is_told_with_the_setting(levels: int) -> None:
    with pytest.raises(Rejected, match=r"page\.max_depth \(\d+\)") as caught:
        parse(b"<div>" * levels, PageConfig())
    assert caught.value.code is Code.NESTING and "HUGE" not in str(caught.value)
