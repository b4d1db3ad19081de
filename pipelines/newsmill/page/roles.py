"""What an element's names (class, id, test id) say of its part in the page.

A page names its elements a hundred ways, and most names say nothing. So a pattern is tried only on a name
that has the three letters with which something that it matches begins.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import Final

ROLES: Final[dict[str, str]] = {
    "related": r"related|recirc|recommend|outbrain|taboola|more[-_]?(?:from|on|stories|news|articles)"
    r"|read[-_]?(?:more|next|also)"
    r"|also[-_]?read|see[-_]?also|most[-_]?(?:read|popular|viewed|shared)|popular|trending|latest"
    r"|next[-_]?(?:up|article|post|story)"
    r"|prev(?:ious)?[-_]?(?:article|post|story)|you[-_]?may|similar|suggest|further|linkbox|link-box"
    r"|infinite|upnext"
    r"|post[-_]?nav|teaser|weitere|verwandt|lire[-_]?aussi|leggi|relacionad|correlat|crosslink"
    r"|promo[-_]?link|read[-_]?on",
    "promo": r"promo|advert|(?:^|[-_ ])ads?(?:[-_ ]|$)|sponsor|dfp|commercial|affiliate|partner|shop"
    r"|deal|coupon|donat|support-us|membership|appeal",
    "subscribe": r"newsletter|subscri|sign[-_]?up|signin|login|regist|paywall|piano|regwall|abo(?:[-_]"
    r"|nn)|mailing|optin|cta",
    "share": r"share|sharing|social|follow|facebook|whatsapp|addthis|sociable|print|toolbar|tool-bar",
    "comments": r"comment(?!ary)|disqus|respond|reply|kommentar|discussion|forum",
    "nav": r"(?:^|[-_ ])nav(?:[-_ ]|$)|navigation|navbar|menu|bread[-_]?crumb|pagination|pager"
    r"|skip[-_]?link|topbar|masthead|sitemap|toc(?:[-_ ]|$)|table-of-contents",
    "footer": r"footer|colophon|copyright|disclaimer|legal",
    "sidebar": r"sidebar|side-bar|(?:^|[-_ ])(?:rail|aside|side)(?:[-_ ]|$)|widget|right[-_]?(?:col|rail)"
    r"|column-right|secondary",
    "author": r"author|byline|(?:^|[-_ ])bio(?:[-_ ]|$)|contributor|writer|autor|about-the",
    "meta": r"(?:^|[-_ ])meta(?:[-_ ]|data|$)|timestamp|date(?:line|time)?(?:[-_ ]|$)"
    r"|pub(?:lish)?[-_]?date|posted-on|kicker|eyebrow|category|read(?:ing)?[-_]?time|updated"
    r"|post-info|article-info",
    "tags": r"(?:^|[-_ ])tags?(?:[-_ ]|$)|tag[-_]?list|keyword|topics?(?:[-_ ]|$)",
    "caption": r"caption|credit|(?:photo|image|picture|media|figure|gallery|slideshow|carousel|video"
    r"|player|lightbox)",
    "title": r"headline|title",
    "hidden": r"hidden|modal|popup|pop-up|overlay|tooltip|cookie|consent|gdpr|screen-reader|sr-only"
    r"|visually|alert|banner|toast|drawer|offcanvas",
}
"""What a class, an id or a test id says of an element's part in the page: words that themes share."""

BIT: Final = {name: 1 << n for n, name in enumerate(ROLES)}
LONGEST_NAMES: Final = 300
"""Characters of an element's names that are read."""

_PATTERNS: Final = {BIT[name]: re.compile(pattern) for name, pattern in ROLES.items()}
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_NUMBERS: Final = dict.fromkeys(b"123456789", "0")
"""No role has a digit in it, and names that differ in their numbers only (`post-1234`) are known as one."""

_BOUND: Final = "-"
"""What parts the words of a name, and stands for its ends."""

_LETTERS: Final = 3
_ITEM: Final = re.compile(r"\(\?[:!]|\[[^\]]+\]|[a-z-]|[|)^$]")


@lru_cache(maxsize=20_000)
def roles_of(names: str) -> int:
    """Role bits of an element's class, id and test id, e.g. `"ArticleBody main"`."""
    bits = 0
    for name in names[:LONGEST_NAMES].translate(_NO_NUMBERS).split():
        bits |= _of_one(name)
    return bits


@lru_cache(maxsize=50_000)
def _of_one(name: str) -> int:
    lowered = _CAMEL.sub("-", name).lower()
    may_be = 0
    for word in lowered.replace("_", _BOUND).split(_BOUND):
        may_be |= _may_be(word)
    bits = 0
    while may_be:
        bit = may_be & -may_be
        may_be -= bit
        if _PATTERNS[bit].search(lowered):
            bits |= bit
    return bits


@lru_cache(maxsize=10_000)
def _may_be(word: str) -> int:
    """The roles that a name with this word between its hyphens may have."""
    bounded, bits = f"{_BOUND}{word}{_BOUND}", 0
    for at in range(len(bounded) - _LETTERS + 1):
        bits |= _OPENINGS.get(bounded[at : at + _LETTERS], 0)
    return bits


def openings(pattern: str) -> frozenset[str]:
    """The first three characters of all that a pattern of `ROLES` can match; a hyphen is any bound of a word.

    Patterns are made of small letters, hyphens, sets of characters, groups, `^`, `$` and `?`.

    Raises:
        ValueError: The pattern has something else in it, matches what is shorter, or bounds a word within
            its first three characters.

    >>> sorted(openings("ads?(?:-|$)|bio"))
    ['ad-', 'ads', 'bio']
    """
    found, at = _alternatives(pattern, 0)
    if at != len(pattern) or any(len(opening) < _LETTERS or opening[1] == _BOUND for opening in found):
        raise ValueError(f"{pattern}: is no pattern of roles")
    return frozenset(found)


def _alternatives(pattern: str, at: int) -> tuple[set[str], int]:
    """What a group's alternatives can begin with, and where the group ends."""
    found: set[str] = set()
    begun = {""}
    while at < len(pattern) and pattern[at] != ")":
        item = _ITEM.match(pattern, at)
        if item is None:
            raise ValueError(f"{pattern}: has {pattern[at]!r} in it")
        at = item.end()
        if item[0] == "|":
            found, begun = found | begun, {""}
            continue
        if item[0] == "(?:":
            options, at = _alternatives(pattern, at)
            at += 1
        elif item[0] == "(?!":
            options, at = {""}, _alternatives(pattern, at)[1] + 1
        elif item[0] in "^$":
            options = {_BOUND if item[0] == "$" else ""}
        else:
            options = {_BOUND if sign in "_ " else sign for sign in item[0].strip("[]")}
        if pattern.startswith("?", at):
            options, at = options | {""}, at + 1
        begun = {(opening + option)[:_LETTERS] for opening in begun for option in options}
    return found | begun, at


def _by_openings() -> dict[str, int]:
    bits: dict[str, int] = defaultdict(int)
    for name, pattern in ROLES.items():
        for opening in openings(pattern):
            bits[opening] |= BIT[name]
    return dict(bits)


_OPENINGS: Final = _by_openings()
