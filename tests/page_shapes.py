"""Pages of any size in the shapes that make a step slow: what is repeated, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LEAD: Final = (
    "<p>The harbour council of Tarnby decided on Tuesday to open the old ferry again, after a long wait and "
    "many letters from the shopkeepers of the western bank.</p>"
)
Shape = Callable[[int], str]


def _page(body: str, head: str = "", title: str = "Ferry opens again") -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head>'
        f"<body><main><article><h1>Ferry opens again</h1>{LEAD}{body}</article></main></body></html>"
    )


def _grown(unit: str, size: int) -> str:
    return unit * max(1, size // len(unit.encode()))


def _in_body(unit: str, before: str = "<p>", after: str = "</p>") -> Shape:
    return lambda size: _page(before + _grown(unit, size) + after)


def _in_head(unit: str, before: str = "", after: str = "") -> Shape:
    return lambda size: _page(LEAD * 3, head=before + _grown(unit, size) + after)


def _numbered(unit: str, size: int) -> str:
    """Units that differ: `{n}` in each is its number."""
    count = max(1, size // len(unit.encode()))
    return "".join(unit.replace("{n}", str(n)) for n in range(count))


def _numbered_body(unit: str, before: str = "", after: str = "") -> Shape:
    return lambda size: _page(before + _numbered(unit, size) + after)


def _ld(unit: str, before: str, after: str) -> Shape:
    """JSON-LD with what is repeated between a beginning and an end."""
    return lambda size: _page(
        LEAD * 3,
        head='<script type="application/ld+json">'
        + before
        + _grown(unit, size).rstrip(",")
        + after
        + "</script>",
    )


_LD: Final = '{"@type":"NewsArticle","headline":"Ferry opens again",'

SHAPES: Final[dict[str, Shape]] = {
    # characters of a text
    "marks of two classes": _in_body("\u0315\u0300"),
    "marks on letters": _in_body("a\u0301\u0316\u0323 "),
    "marks as references": _in_body("&#789;&#768;"),
    "Thai": _in_body("กรุงเทพมหานครเป็นเมืองหลวง"),
    "Japanese sentences": _in_body("緑川市議会は月曜日、渡し船を今秋から再開することを決めた。"),
    "Chinese paragraphs": _in_body(
        "<p>市议会星期一决定，渡口停航十一年后将重新开放。工程师说需要整个夏天。</p>", "", ""
    ),
    "Korean": _in_body("시의회는 월요일에 나룻배를 다시 열기로 했다. "),
    "Arabic": _in_body("قرر مجلس المدينة يوم الاثنين إعادة فتح العبارة. "),
    "Hindi": _in_body("नगर परिषद ने सोमवार को नौका फिर से खोलने का निर्णय लिया। "),
    "one letter": _in_body("a"),
    "one capital": _in_body("A "),
    "one word": _in_body("has "),
    "blanks": _in_body(" "),
    "blanks that are not broken": _in_body("&nbsp;"),
    "line breaks": _in_body("<br>\n"),
    "quotes": _in_body("“‘"),
    "quotes behind a stop": _in_body("' ", "<p>."),
    "dashes": _in_body("A – B — "),
    "hyphens": _in_body("A-"),
    "full stops": _in_body("A."),
    "digits": _in_body("1"),
    "dates": _in_body("1 May 2021 "),
    "numbers with signs": _in_body("1.2-3/4:"),
    "underscores": _in_body("_"),
    "emoji": _in_body("👩‍👩‍👧"),
    "controls": _in_body("\x01\x1b"),
    "controls as references": _in_body("&#27;"),
    "references": _in_body("&amp;"),
    "references without an end": _in_body("&amp"),
    "references to nothing": _in_body("&#999999999999;"),
    "turning characters": _in_body("\u202e\u2066"),
    "mojibake": _in_body("Ã¤â€œ"),
    "halves of characters": _in_body("&#xd83d;"),
    # words of a text
    "names of places": _in_body("London, Paris, Springfield, Athens, Texas, "),
    "names of people": _in_body("John Smith met Mary Jones. "),
    "acronyms": _in_body("Bank Of England (BOE) "),
    "brackets": _in_body("(AB) "),
    "particles": _in_body("de la ", "<p>Ana ", "Cruz</p>"),
    "credits": _in_body("according to a report in Reuters said "),
    "sentences": _in_body("The council said on Monday that the ferry will open again in autumn. "),
    "different sentences": _numbered_body(
        "<p>Number {n} of the council said that the ferry opens again.</p>"
    ),
    "same paragraphs": _in_body("<p>The council said that the ferry opens again in the autumn.</p>", "", ""),
    "short lines": _in_body("<p>Share</p>", "", ""),
    "bylines": _in_body("<p>By Jane Doe</p>", "", ""),
    "addresses": _in_body("a@b.example https://x.example/y ", "<p>"),
    # markup
    "nested lists": _in_body("<ul><li>a</li></ul>", "<ul><li>", "</li></ul>"),
    "elements left open": _in_body("<b>x", "<p>"),
    "paragraphs left open": _in_body("<p>x", ""),
    "links": _in_body('<a href="/a">Read more about the ferry</a> ', "<p>"),
    "linked headings": _in_body(
        '<h2><a href="/a">Another story of the town</a></h2><p>Its text.</p>', "", ""
    ),
    "list of links": _in_body('<li><a href="/a">Another story</a></li>', "<ul>", "</ul>"),
    "one table": _in_body("<tr><td>a</td><td>b</td></tr>", "<table>", "</table>"),
    "one row": _in_body("<td>a</td>", "<table><tr>", "</tr></table>"),
    "tables": _in_body("<table><tr><td>a</td></tr></table>", "", ""),
    "comments": _in_body("<!-- a -->", "", ""),
    "empty comments first": lambda size: "<?xml version='1.0'?>" + _grown("<!---->", size) + _page(""),
    "blanks first": lambda size: " \n" * (size // 2) + _page(LEAD * 3),
    "attributes of one element": lambda size: _page(f"<p {_numbered('a{n} ', size)}>x</p>"),
    "one long attribute": lambda size: _page(f'<p title="{_grown("a", size)}">x</p>'),
    "one long class": lambda size: _page(f'<p class="{_grown("author ", size)}">x</p>'),
    "classes that differ": _numbered_body('<p class="a{n} nav">x</p>'),
    "authors": _numbered_body('<span class="author">Jane Doe {n}</span> '),
    "authors in one another": lambda size: _page(
        '<div class="author">' * 60 + _grown("Jane Doe ", size) + "</div>" * 60
    ),
    "hidden elements": _in_body("<div hidden><p>a</p></div>", "", ""),
    "hidden in one another": lambda size: _page(
        "<div hidden>" * 60 + _grown("<p>Some words.</p>", size) + "<h1>a</h1>" + "</div>" * 60
    ),
    "text that unfolds": _in_body(
        "<details><summary>Item</summary><p>The ferry opens again.</p></details>", "", ""
    ),
    "much that unfolds at once": _in_body(
        "<p>The ferry opens again.</p>", "<details><summary>All</summary>", "</details>"
    ),
    "scripts": _in_body("<script>var a = 1;</script>", "", ""),
    "one script": _in_body("a = '<p>';", "<script>", "</script>"),
    "forms": _in_body("<form><input><select><option>a</select></form>", "", ""),
    "images": _in_body('<figure><img src="a.jpg"><figcaption>A ferry.</figcaption></figure>', "", ""),
    "times": _in_body('<time datetime="2021-05-01">1 May</time> ', "<p>"),
    "headings": _in_body("<h1>Ferry opens again</h1>", "", ""),
    "less-than signs": _in_body("<", "<p>"),
    "CDATA": _in_body("<![CDATA[x]]>", "<p>"),
    # the head
    "long title": lambda size: _page(LEAD * 3, title=_grown("Ferry | ", size)),
    "titles": _in_head("<title>Ferry</title>"),
    "meta tags": _in_head('<meta name="author" content="By Jane Doe, Max Roe">'),
    "one meta tag": _in_head("By Jane Doe, ", '<meta name="author" content="', '">'),
    "keywords": _in_head("ferry, ", '<meta name="keywords" content="', '">'),
    "images of the head": _in_head('<meta property="og:image" content="/a.jpg">'),
    "description": _in_head("A ferry. ", '<meta name="description" content="', '">'),
    "dates of the head": _in_head('<meta name="date" content="yesterday">'),
    "long canonical link": _in_head("a/", '<link rel="canonical" href="https://a.example/', '">'),
    "links of the head": _in_head('<link rel="alternate" href="/a">'),
    # structured data
    "JSON-LD, deep": lambda size: _page(
        LEAD * 3,
        head='<script type="application/ld+json">'
        + '{"a":' * (size // 6)
        + "1"
        + "}" * (size // 6)
        + "</script>",
    ),
    "JSON-LD, lists in lists": lambda size: _page(
        LEAD * 3,
        head='<script type="application/ld+json">' + "[" * (size // 2) + "]" * (size // 2) + "</script>",
    ),
    "JSON-LD, wide": _ld('{"@type":"Thing","name":"x"},', '{"@graph":[', "]}"),
    "JSON-LD, authors": _ld('{"@type":"Person","name":"Jane Doe"},', _LD + '"author":[', "]}"),
    "JSON-LD, keywords": _ld('"ferry",', _LD + '"keywords":[', "]}"),
    "JSON-LD, images": _ld('"/a.jpg",', _LD + '"image":[', "]}"),
    "JSON-LD, types": _ld('"Thing",', '{"@type":[', "]}"),
    "JSON-LD, blanks": _ld(" ", _LD + '"a":', "x"),
    "JSON-LD, commas": _ld(", ", _LD + '"a":1', "x}"),
    "JSON-LD, closing marks": _ld("]]> ", _LD, "x}"),
    "JSON-LD, headline": _ld("Ferry - ", '{"@type":"NewsArticle","headline":"', '"}'),
    "JSON-LD, text": _ld("The ferry opens again. ", _LD + '"articleBody":"', '"}'),
    "JSON-LD, text of markup": _ld("<p>The ferry opens again.", _LD + '"articleBody":"', '"}'),
    "JSON-LD, references in text": _ld("&#27;&amp;", _LD + '"description":"', '"}'),
    "JSON-LD, halves of characters": _ld("\\ud83d", _LD + '"description":"', '"}'),
    "JSON-LD, digits": _ld("1", _LD + '"a":', "}"),
    "JSON-LD, scripts": _in_head('<script type="application/ld+json">{"@type":"Thing"}</script>'),
    "JSON-LD, text beside lines": lambda size: _page(
        _numbered("<p>Line {n} of the page.</p>", size // 2),
        head='<script type="application/ld+json">'
        + _LD
        + '"articleBody":"'
        + _grown("Other words of the text. ", size // 2)
        + '"}</script>',
    ),
}
