"""The catalogue of hostile pages: what each is, and the fates that it may have."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from dataclasses import dataclass, field
from typing import Any

import brotli
import zstandard

from newsmill.records import Position, RawPage

SENTENCE = "The minister told the house on Tuesday that the harbour plan would go ahead as agreed. "
TITLE = "Harbour plan goes ahead"
PARAGRAPHS = "".join(f"<p>{SENTENCE * 2}Paragraph {n}.</p>" for n in range(5))
GOOD = (
    f"<html><head><title>{TITLE}</title></head>"
    f"<body><article><h1>{TITLE}</h1>{PARAGRAPHS}</article></body></html>"
)


@dataclass(frozen=True)
class Case:
    """One bad input, and the fates that it may have."""

    name: str
    body: bytes
    fates: set[str]  # "article", a `NotArticleReason`, or a code
    fields: dict[str, Any] = field(default_factory=dict)


def html(*, head: str = "", before: str = "", after: str = "", title: str = TITLE) -> bytes:
    page = GOOD.replace("<title>", head + "<title>", 1).replace(TITLE, title)
    return page.replace("<article>", before + "<article>").replace("</body>", after + "</body>").encode()


def nested(depth: int) -> bytes:
    return ("<html><body>" + "<div>" * depth + PARAGRAPHS + "</div>" * depth + "</body></html>").encode()


def ld(source: str) -> bytes:
    return html(head=f'<script type="application/ld+json">{source}</script>')


ARTICLE = {"article"}
SLOW = {"article", "no_text", "not_html", "E_NODES", "E_TIMEOUT", "E_OOM"}
_RANDOM = random.Random(20211108)

CASES = [
    Case("no bytes", b"", {"empty"}),
    Case("blanks only", b" \n\t" * 9, {"empty"}),
    Case("150 nested elements", nested(150), ARTICLE),
    Case("250 nested elements", nested(250), {"E_NESTING"}),
    Case("254 nested elements", nested(254), {"E_NESTING"}),
    Case("3,000 nested elements", nested(3_000), {"E_NESTING"}),
    Case("100,000 nested elements", nested(100_000), {"E_NESTING"}),
    Case(
        "a good article, deep junk, more text",
        html(after="<div>" * 400 + "x" + "</div>" * 400 + PARAGRAPHS),
        {"E_NESTING"},
    ),
    Case("300,000 open b", b"<b>" * 300_000 + PARAGRAPHS.encode(), {"E_NESTING", "E_NODES"}),
    Case("300,000 open a", b"<a>" * 300_000 + PARAGRAPHS.encode(), {"E_NESTING", "E_NODES"}),
    Case("400,000 open p", b"<p>" * 400_000 + PARAGRAPHS.encode(), {"E_NESTING", "E_NODES"}),
    Case("100,000 open tables", b"<table>" * 100_000 + PARAGRAPHS.encode(), {"E_NESTING", "E_NODES"}),
    Case("2 million tags", b"<i>" * 2_000_000, {"E_NODES"}),
    Case("one million <", b"<" * 1_000_000, {"no_text", "E_TIMEOUT"}),
    Case("200,000 open comments", b"<!--" * 200_000 + html(), {"article", "no_text"}),
    Case("200,000 open scripts", b"<script>" * 200_000 + html(), SLOW),
    Case("one open font a paragraph", html().replace(b"<p>", b"<p><font>"), ARTICLE),
    Case("50,000 tiny paragraphs", b"<p>a b</p>" * 50_000, SLOW),
    Case("400,000 tiny paragraphs", b"<p>a b</p>" * 400_000, {"E_NODES"}),
    Case("30,000 rows", b"<table>" + b"<tr><td>a</td><td>b</td></tr>" * 30_000, SLOW),
    Case("a row of 100,000 cells", b"<table><tr>" + b"<td>x" * 100_000, SLOW),
    Case("40,000 links in a list", b"<ul>" + b"<li><a href=x>a link</a></li>" * 40_000, SLOW),
    Case("8 MB of plain words", b"word " * 1_600_000, {"not_html"}),
    Case("8 MB in one paragraph", b"<p>" + b"word and more. " * 530_000, SLOW),
    Case("one word of 9 MB", b"<p>" + b"x" * 9_000_000, SLOW),
    Case("11 MB", b"<p>" + b"x" * 11_000_000, {"E_SIZE"}),
    Case("an attribute of 4 MB", html(before=f'<p class="{"x" * 4_000_000}">'), SLOW),
    Case(
        "an image of 2 MB in the page",
        html(before=f'<img src="data:image/png;base64,{"A" * 2_000_000}">'),
        SLOW,
    ),
    Case("a million digits", html(before="<p>" + "1" * 1_000_000 + "</p>"), SLOW),
    Case("60,000 dates", html(after="<p>" + "2020-01-01 " * 60_000 + "</p>"), SLOW),
    Case(
        "a colspan of 2**53",
        html(after="<table><tr><td colspan=9007199254740991 rowspan=-1>x</table>"),
        ARTICLE,
    ),
    Case("bogus entities", html(before="&bogus;&#0;&#xD800;&#x110000;" * 10_000), ARTICLE),
    Case(
        "an external entity",
        b'<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + html().replace(b"Tuesday", b"&x;"),
        ARTICLE,
    ),
    Case(
        "a billion laughs",
        b'<!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + html().replace(b"Tuesday", b"&b;"),
        ARTICLE,
    ),
    Case("NUL and control characters", html().replace(b"house", b"ho\0us\x01e\x7f"), ARTICLE),
    Case("UTF-16 without a mark", GOOD.encode("utf-16-le"), ARTICLE),
    Case("UTF-16 BE without a mark", GOOD.encode("utf-16-be"), ARTICLE),
    Case("UTF-32 without a mark", GOOD.encode("utf-32-le"), ARTICLE),
    Case("UTF-7", "<p>+AGE-</p>".encode("utf-7") + html(), ARTICLE, {"charset": "utf-7"}),
    Case("EBCDIC", GOOD.encode("cp500"), {"article", "not_html", "E_DECODE"}),
    Case(
        "Shift JIS labelled UTF-8",
        (
            "<html><body><article><h1>港</h1>" + "<p>" + "東京都は十五日、新しい計画を発表した。" * 9 + "</p>"
        ).encode("cp932"),
        ARTICLE,
        {"charset": "utf-8"},
    ),
    Case(
        "overlong UTF-8",
        html(before="<p>A</p>").replace(b">A<", b">\xc0\xaf\xe0\x80\xaf\xf8\x88\x80\x80\x80<"),
        ARTICLE,
    ),
    Case("half a character at the end", html() + b"\xe2\x82", ARTICLE),
    Case(
        "surrogates in UTF-8", html(before="<p>B</p>").replace(b">B<", b">\xed\xa0\x80\xed\xb0\x80<"), ARTICLE
    ),
    Case("a charset that nobody knows", html(), ARTICLE, {"charset": "x-nonsense"}),
    Case(
        "three charsets at once",
        html(head="<meta charset=koi8-r><meta charset=big5>"),
        ARTICLE,
        {"charset": "utf-16"},
    ),
    Case("random bytes", _RANDOM.randbytes(300_000), {"E_DECODE", "not_html", "no_text"}),
    *(
        Case(f"random bytes behind the mark of {name}", bom + _RANDOM.randbytes(40_000), {"E_DECODE"})
        for name, bom in (("UTF-8", b"\xef\xbb\xbf"), ("UTF-16", b"\xff\xfe"), ("UTF-16 BE", b"\xfe\xff"))
    ),
    Case("a gzip bomb", gzip.compress(b"a" * 100_000_000, 9), {"E_DECOMP"}, {"content_encoding": "gzip"}),
    Case("a gzip bomb unannounced", gzip.compress(b"a" * 100_000_000, 9), {"E_DECOMP"}),
    Case("a brotli bomb", brotli.compress(b"a" * 50_000_000), {"E_DECOMP"}, {"content_encoding": "br"}),
    Case("a zstd bomb", zstandard.compress(b"a" * 50_000_000), {"E_DECOMP"}, {"content_encoding": "zstd"}),
    Case("a deflate bomb", zlib.compress(b"a" * 50_000_000), {"E_DECOMP"}, {"content_encoding": "deflate"}),
    Case(
        "four layers of gzip",
        gzip.compress(gzip.compress(gzip.compress(gzip.compress(html())))),
        {"E_DECOMP"},
    ),
    Case("gzip in two members", gzip.compress(html()[:99]) + gzip.compress(html()[99:]), ARTICLE),
    Case(
        "gzip torn off",
        gzip.compress(_RANDOM.randbytes(5_000))[:3_000],
        {"E_DECOMP"},
        {"content_encoding": "gzip"},
    ),
    Case("brotli torn off", brotli.compress(html())[:80], {"E_DECOMP"}, {"content_encoding": "br"}),
    Case("zstd torn off", zstandard.compress(html())[:80], {"E_DECOMP"}, {"content_encoding": "zstd"}),
    Case("plain text that is said to be gzip", html(), ARTICLE, {"content_encoding": "gzip"}),
    Case("plain text that is said to be brotli", html(), ARTICLE, {"content_encoding": "br"}),
    Case("an encoding nobody knows", html(), ARTICLE, {"content_encoding": "middle-out, identity"}),
    Case(
        "brotli over gzip", brotli.compress(gzip.compress(html())), ARTICLE, {"content_encoding": "gzip, br"}
    ),
    Case("a PDF", b"%PDF-1.7\n%\xe2\xe3", {"not_html"}),
    Case("a PNG", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, {"not_html"}),
    Case("a ZIP", b"PK\x03\x04" + b"\0" * 99, {"not_html"}),
    Case("an MP4", b"\0\0\0\x18ftypmp42" + b"\0" * 99, {"not_html"}),
    Case("a program", b"\x7fELF" + b"\0" * 99, {"not_html"}),
    Case("a pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x02os\x8c\x06system\x93.", {"not_html"}),
    Case("JSON", json.dumps({"a": [1, 2, "<b>"]}).encode(), {"not_html"}),
    Case(
        "an RSS feed", b"<?xml version='1.0'?><rss version='2.0'><channel><item/></channel></rss>", {"feed"}
    ),
    Case("an Atom feed", b'<feed xmlns="http://www.w3.org/2005/Atom"><entry/></feed>', {"feed"}),
    Case("a sitemap", b"<?xml version='1.0'?><urlset></urlset>", {"feed"}),
    Case("nothing but a URL", b"http://127.0.0.1:9/x", {"not_html"}),
    Case(
        "a canonical link to the cloud's secrets",
        html(head="<link rel=canonical href=http://169.254.169.254/latest>"),
        ARTICLE,
    ),
    Case(
        "a base elsewhere",
        html(head="<base href=http://127.0.0.1:9/><link rel=stylesheet href=a.css>"),
        ARTICLE,
    ),
    Case(
        "a meta refresh", html(head="<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>"), ARTICLE
    ),
    Case(
        "the year 9999", html(head='<meta property="article:published_time" content="9999-12-31">'), ARTICLE
    ),
    Case("the year 0", html(head='<meta property="article:published_time" content="0000-00-00">'), ARTICLE),
    Case("JSON-LD of 200,000 brackets", ld("[" * 200_000), ARTICLE),
    Case("JSON-LD with 6,000 digits", ld('{"@type":"NewsArticle","wordCount":' + "9" * 6_000 + "}"), ARTICLE),
    Case(
        "JSON-LD that refers to itself",
        ld('{"@type":"NewsArticle","@id":"#a","author":{"@id":"#a"}}'),
        ARTICLE,
    ),
    Case(
        "JSON-LD of the wrong types",
        ld(
            '{"@type":["NewsArticle",5,null,{}],"author":[[{"name":5}],null,3],"headline":{"x":[1]},'
            '"datePublished":[{}],"image":[null,{"url":3}],"publisher":[],"keywords":{"a":1},'
            '"isAccessibleForFree":[],"license":{"@id":[]},"articleBody":{"a":[]},"wordCount":{}}'
        ),
        ARTICLE,
    ),
    Case("JSON-LD of 3 MB", ld('{"@type":"NewsArticle","headline":"' + "x" * 3_000_000 + '"}'), SLOW),
    Case("a title of 1 MB", html(title="A" * 1_000_000), SLOW),
    Case("a title of 10,000 marks", html(title="Z" + "\u0301" * 10_000), ARTICLE),
    Case("a title of 20,000 separators", html(title=" | ".join(["a"] * 20_000)), SLOW),
    Case("an author of 100 KB", html(head=f'<meta name="author" content="{"by A " * 20_000}">'), ARTICLE),
    Case("100,000 question marks", html(before="<p>" + "?" * 100_000 + "x</p>"), ARTICLE),
    Case("100,000 dashes", html(before="<p>" + "- " * 50_000 + "x</p>"), ARTICLE),
    Case("1/1/1/1/…", html(before="<p>" + "1/" * 50_000 + "</p>"), SLOW),
    Case("a@a@a@…", html(before="<p>" + "a@" * 50_000 + "</p>"), ARTICLE),
    Case("a frameset", b'<frameset><frame src="http://127.0.0.1:9/"></frameset>', {"no_text"}),
    Case("plaintext", b"<plaintext>" + html(), {"article", "no_text"}),
    Case("everything in a template", b"<template>" + html() + b"</template>", {"article", "no_text"}),
    Case("everything in noscript", b"<html><body><noscript>" + html() + b"</noscript>", ARTICLE),
    Case("an error page", b"<title>404 Not Found</title><h1>Not Found</h1>", {"error_page"}, {"status": 404}),
    Case(
        "an error page that says it is fine",
        b"<title>Page not found</title><p>Try the home page.",
        {"error_page"},
    ),
    Case(
        "a captcha", b"<title>Just a moment...</title><p>Checking your browser before accessing.", {"captcha"}
    ),
    Case("a consent page", b"<title>Before you continue</title><p>We value your privacy.", {"consent_page"}),
    Case("a login", b"<title>Sign in</title><form><input></form><p>Forgot your password?", {"login_wall"}),
]


def page(case: Case, offset: int = 0) -> RawPage:
    fields: dict[str, Any] = {"url": f"https://example.org/{offset}", **case.fields}
    return RawPage(position=Position(topic="t", partition=0, offset=offset), body=case.body, **fields)
