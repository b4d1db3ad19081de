"""Which URLs a record seems to be of, without decoding it: for records that can't be decoded."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Final

LOOKED_AT: Final = 1_000_000
"""So many bytes of a value are searched: envelopes and the head of a page name its URL there. Heads with all
their styles and scripts inside are some hundred kilobytes."""

MOST: Final = 20
"""Most URLs of one value."""

_URL: Final = rb"(https?://[^\s\"'<>\\\x00-\x20]{1,2000})"
_NAMED: Final = re.compile(
    rb"(?:\"(?:final_?|target_?|page_?|canonical_?)?ur[li]\"\s{0,9}:\s{0,9}\"|WARC-Target-URI:[ <]{0,3})"
    + _URL,
    re.IGNORECASE,
)
_TAG: Final = re.compile(rb"<(?:link|meta)\s([^<>]{1,5000})", re.IGNORECASE)
_OWN: Final = re.compile(rb"\brel\s{0,9}=[\s\"']{0,9}canonical\b|=[\s\"']{0,9}og:url\b", re.IGNORECASE)
_TARGET: Final = re.compile(rb"\b(?:href|content)\s{0,9}=[\s\"']{0,9}" + _URL, re.IGNORECASE)
_MOST_TAGS: Final = 2_000
_FIRST: Final = re.compile(rb"[^<{]{0,200}?" + _URL)
"""Of a binary envelope: near its beginning."""


def claimed_urls(
    value: bytes | None, key: bytes | None, headers: Sequence[tuple[str, bytes | None]]
) -> Iterator[str]:
    """URLs by which a record names its page, most plausible first; none may be there, or a wrong one.

    >>> list(claimed_urls(b'{"url": "https://a.example/1", "body"', None, ()))
    ['https://a.example/1']
    """
    for text in (*(content for _, content in headers), key):
        if text is not None and (found := re.match(_URL, text[:2048])):
            yield found[1].decode("utf-8", "replace")
    if value is not None:
        head = value[:LOOKED_AT].replace(b"\\/", b"/").replace(b'\\"', b'"')
        if first := _FIRST.match(head[:4096]):
            yield first[1].decode("utf-8", "replace")
        for number, named in enumerate(_NAMED.finditer(head)):
            if number == MOST:
                break
            yield named[1].decode("utf-8", "replace")
        yield from own_urls(head)


def own_urls(page: bytes) -> Iterator[str]:
    """The absolute URLs by which a page names itself: of its canonical link, or for social networks.

    >>> list(own_urls(b"<link href='https://a.example/1?x=1&amp;y' rel='canonical'>"))
    ['https://a.example/1?x=1&y']
    """
    told = 0
    for number, tag in enumerate(_TAG.finditer(page[:LOOKED_AT])):
        if number == _MOST_TAGS or told == MOST:
            return
        if _OWN.search(tag[1]) and (target := _TARGET.search(tag[1])):
            told += 1
            yield html.unescape(target[1].decode("utf-8", "replace"))
