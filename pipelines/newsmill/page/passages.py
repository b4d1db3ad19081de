"""A page as a list of passages: runs of text between block boundaries, with where each stands.

Extraction decides passage by passage, so every decision can be shown and undone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lxml import etree

from newsmill.page.document import Element

_SKIPPED: Final = frozenset(
    """
    script style template svg iframe button select option textarea input canvas object embed audio video
    math datalist dialog map noframes head title meta link rt rp
    """.split()
)
_NEVER: Final = frozenset(("script", "style", "template", "svg", "head", "title", "textarea", "noframes"))
_BLOCK: Final = frozenset(
    """
    address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form
    h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol p pre section summary table tbody td tfoot th
    thead tr ul caption noscript
    """.split()
)
HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))

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
    r"|visually|noprint|alert|banner|toast|drawer|offcanvas",
}
"""What a class, an id or a test id says of an element's part in the page: words that themes share."""

BIT: Final = {name: 1 << n for n, name in enumerate(ROLES)}
_ROLE_PATTERNS: Final = tuple((BIT[name], re.compile(pattern)) for name, pattern in ROLES.items())
_WORD: Final = re.compile(r"\w+")
_INVISIBLE = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\xad]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_LONGEST_NAMES: Final = 300
_NAMES: Final = ("class", "id", "data-testid", "data-component")
_CELLS: Final = frozenset(("td", "th"))
_ASIDE_SPAN: Final = re.compile(
    r"tool-?tip|pop-?(?:up|over)|rollover|hover-?card|sr-?only|screen-?reader|visually-?hidden"
    r"|visuallyhidden|a11y",
    re.IGNORECASE,
)
"""Inline elements that are shown only on a pointer's touch, or only to screen readers."""


@dataclass(slots=True)
class Frame:
    """A block element on the way from the root to a passage."""

    tag: str
    parent: Frame | None
    depth: int
    roles: int  # own roles, as bits
    all_roles: int  # own and inherited
    simple_row: bool = False  # a table's row whose cells are one line of text together


@dataclass(slots=True)
class Passage:
    """One run of text."""

    text: str
    frame: Frame
    link_chars: int
    words: int
    _folded: str | None = None

    @property
    def folded(self) -> str:
        """The text as `fold` gives it."""
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    @property
    def link_share(self) -> float:
        """Share of the characters that are inside links, 0–1."""
        return self.link_chars / max(1, len(self.text))


def fold(text: str) -> str:
    """Words of a text in lower case with one space between: for comparing."""
    return " ".join(_WORD.findall(text.lower()))


def _holds_the_page(tag: str, element: Element) -> bool:
    """Whether an element that is passed over has swallowed the page: a button left open, a hidden body."""
    return tag not in _NEVER and element.find(".//p") is not None and element.find(".//h1") is not None


def _is_simple_row(row: Element) -> bool:
    """Whether no cell of a table's row holds a block, so that the row is one line of text."""
    return len(row) > 1 and not any(child.tag in _BLOCK for cell in row for child in cell)


def roles_of(names: str) -> int:
    """Role bits of an element's class, id and test id, e.g. `"ArticleBody main"`."""
    return _roles_of_all(names[:_LONGEST_NAMES])


@lru_cache(maxsize=20_000)
def _roles_of_all(names: str) -> int:
    bits = 0
    for name in names.split():
        bits |= _roles_of_one(name)
    return bits


@lru_cache(maxsize=50_000)
def _roles_of_one(name: str) -> int:
    lowered = _CAMEL.sub("-", name).lower()
    return sum(bit for bit, pattern in _ROLE_PATTERNS if pattern.search(lowered))


def passages(root: Element) -> list[Passage]:
    """All visible passages of a page in document order.

    The walk uses no recursion. Text of buttons, scripts, forms' fields and templates is left out.
    """
    walk = _Walk()
    walk.run(root)
    return walk.found


class _Walk:
    def __init__(self) -> None:
        self.found: list[Passage] = []
        self._parts: list[str] = []
        self._link_chars = 0

    def run(self, root: Element) -> None:
        frame = top = Frame("html", None, 0, 0, 0)
        links = 0  # links that are open here
        walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
        passed = False  # whether the next end is that of an element passed over
        for event, element in walk:
            if event == "start":
                tag = element.tag
                if tag == "br":
                    self._flush(frame)
                    continue
                named = dict(element.items())
                if self._is_passed(tag, named, element):
                    walk.skip_subtree()
                    passed = True
                    continue
                if tag in _CELLS and frame.simple_row:
                    if self._parts:
                        self._parts.append(" | ")
                elif tag in _BLOCK:
                    self._flush(frame)
                    frame = _frame(element, tag, named, frame)
                elif tag == "a":
                    links += 1
                if element.text:
                    self._add(element.text, links)
                continue
            if event == "end" and not passed:
                tag = element.tag
                if tag in _BLOCK and not (tag in _CELLS and frame.simple_row):
                    self._flush(frame)
                    frame = frame.parent or top
                elif tag == "a":
                    links -= 1
            passed = False
            if element.tail:
                self._add(element.tail, links)
        self._flush(top)

    @staticmethod
    def _is_passed(tag: str, named: Mapping[str, str], element: Element) -> bool:
        """Whether an element's text is not the page's: passed over, hidden, or shown at a touch only."""
        style = named.get("style")
        if (
            tag in _SKIPPED or "hidden" in named or (style is not None and _HIDDEN_STYLE.search(style))
        ) and not _holds_the_page(tag, element):
            return True
        names = named.get("class")
        return (
            names is not None
            and tag not in _BLOCK
            and tag != "a"
            and _ASIDE_SPAN.search(names[:_LONGEST_NAMES]) is not None
        )

    def _add(self, text: str, links: int) -> None:
        self._parts.append(text)
        if links:
            self._link_chars += len(text.strip())

    def _flush(self, frame: Frame) -> None:
        if self._parts:
            text = "".join(self._parts)
            if not text.isascii():
                text = _INVISIBLE.sub("", text)
            text = " ".join(text.split())
            if text:
                self.found.append(Passage(text, frame, self._link_chars, text.count(" ") + 1))
            self._parts.clear()
        self._link_chars = 0


def _frame(element: Element, tag: str, named: Mapping[str, str], parent: Frame) -> Frame:
    roles = 0
    if named:
        names = " ".join([value for name in _NAMES if (value := named.get(name))])
        roles = roles_of(names) if names else 0
    if tag == "noscript":
        roles |= BIT["hidden"]
    row = tag == "tr" and _is_simple_row(element)
    return Frame(tag, parent, parent.depth + 1, roles, parent.all_roles | roles, row)
