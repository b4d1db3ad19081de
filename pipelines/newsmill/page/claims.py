"""Which URLs a record seems to be of, without decoding it: for records that can't be decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

LOOKED_AT: Final = 65_536
"""So many bytes of a value are searched: envelopes and the head of a page name its URL there."""

MOST: Final = 20
"""Most URLs of one value."""

_URL: Final = rb"(https?://[^\s\"'<>\\\x00-\x20]{1,2000})"
_NAMED: Final = re.compile(
    rb"(?:\"(?:final_?|target_?|page_?)?ur[li]\"\s{0,9}:\s{0,9}\"|WARC-Target-URI:[ <]{0,3}|"
    rb"rel=[\"']?canonical[\"']?\s{1,9}href=[\"']?|og:url[\"']?\s{1,9}content=[\"']?)" + _URL,
    re.IGNORECASE,
)
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
        head = value[:LOOKED_AT].replace(b"\\/", b"/")
        if first := _FIRST.match(head[:4096]):
            yield first[1].decode("utf-8", "replace")
        for number, named in enumerate(_NAMED.finditer(head)):
            if number == MOST:
                return
            yield named[1].decode("utf-8", "replace")
