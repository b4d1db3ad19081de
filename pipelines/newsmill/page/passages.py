"""A page as a list of passages: runs of text between block boundaries, with where each stands.

Extraction decides passage by passage, so every decision can be shown and undone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

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
    "body": r"article[-_]?(?:body|text|content)|(?:story|post|entry|news|page)[-_]?(?:body|text|content)"
    r"|body[-_]?(?:text|copy|content)|richtext|rich-text|prose|articlebody|content[-_]?body|fulltext"
    r"|bodytext",
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
    "lead": r"lead(?:[-_ ]|$|text|par)|(?:^|[-_ ])lede?(?:[-_ ]|$)|standfirst|(?:^|[-_ ])dek(?:[-_ ]|$)"
    r"|intro|summary|excerpt|sub[-_]?(?:title|head)|deck|abstract|teaser-text|chapo|vorspann"
    r"|abstrakt|description",
    "title": r"headline|title",
    "hidden": r"hidden|modal|popup|pop-up|overlay|tooltip|cookie|consent|gdpr|screen-reader|sr-only"
    r"|visually|noprint|alert|banner|toast|drawer|offcanvas",
    "embed": r"embed|tweet|twitter|instagram|pullquote|pull-quote",
    "card": r"card|list-?item|thumb|(?:^|[-_ ])item(?:[-_ ]|$)|tile|grid|feed|listing",
    "facts": r"fact[-_]?box|info[-_]?box|infobox|sidebar-box|key[-_]?(?:points|facts|takeaways)"
    r"|highlights|callout",
}
"""What a class, an id or a test id says of an element's part in the page: words that themes share."""

BIT: Final = {name: 1 << n for n, name in enumerate(ROLES)}
_ROLE_PATTERNS: Final = tuple((BIT[name], re.compile(pattern)) for name, pattern in ROLES.items())
_SPACES = re.compile(r"\s+")
_INVISIBLE = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\xad]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_LONGEST_NAME: Final = 300
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
    signature: int  # equal for elements of the same tag and names under equal parents (3 levels)
    hidden: bool
    all_roles: int  # own and inherited
    tags: frozenset[str]  # own and inherited tags
    article: int  # number of the innermost <article>, 0 outside
    body: bool  # inside an element marked itemprop=articleBody
    simple_row: bool = False  # a table's row whose cells are one line of text together


@dataclass(slots=True)
class Passage:
    """One run of text."""

    text: str
    frame: Frame
    link_chars: int
    words: int
    links: int
    bold: bool  # all of it in b or strong
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def link_share(self) -> float:
        """Share of the characters that are inside links, 0–1."""
        return self.link_chars / max(1, len(self.text))


def _holds_the_page(tag: str, element: Element) -> bool:
    """Whether an element that is passed over has swallowed the page: a button left open, a hidden body."""
    return tag not in _NEVER and element.find(".//p") is not None and element.find(".//h1") is not None


def _is_simple_row(row: Element) -> bool:
    """Whether no cell of a table's row holds a block, so that the row is one line of text."""
    return len(row) > 1 and not any(child.tag in _BLOCK for cell in row for child in cell)


@lru_cache(maxsize=20_000)
def roles_of(names: str) -> int:
    """Role bits of an element's class, id and test id, e.g. `"ArticleBody main"`."""
    lowered = _CAMEL.sub("-", names[:_LONGEST_NAME]).lower()
    bits = 0
    for bit, pattern in _ROLE_PATTERNS:
        if pattern.search(lowered):
            bits |= bit
    return bits


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
        self._links = 0
        self._bold_chars = 0
        self._articles = 0
        self._signatures: dict[tuple[object, ...], int] = {}

    def run(self, root: Element) -> None:
        top = Frame("html", None, 0, 0, 0, False, 0, frozenset(), 0, False)
        # (element, frame, link depth, bold depth, entered)
        stack: list[tuple[Element, Frame, int, int, bool]] = [(root, top, 0, 0, False)]
        while stack:
            element, frame, link, bold, entered = stack.pop()
            if entered:
                if element.tag in ("td", "th") and frame.simple_row:
                    self._tail(element, frame, link, bold)
                elif element.tag in _BLOCK:
                    self._flush(frame)
                    self._tail(element, frame.parent or frame, link, bold)
                else:
                    self._tail(
                        element, frame, link - (element.tag == "a"), bold - (element.tag in ("b", "strong"))
                    )
                continue
            tag = element.tag
            if not isinstance(tag, str) or (
                (tag in _SKIPPED or self._is_hidden(element)) and not _holds_the_page(tag, element)
            ):
                self._tail(element, frame, link, bold)
                continue
            if tag == "br":
                self._flush(frame)
                self._tail(element, frame, link, bold)
                continue
            if tag in ("td", "th") and frame.simple_row:
                if self._parts:
                    self._parts.append(" | ")
                stack.append((element, frame, link, bold, True))
            elif tag in _BLOCK:
                self._flush(frame)
                frame = self._frame(element, tag, frame)
                stack.append((element, frame, link, bold, True))
            elif (names := element.get("class")) and tag != "a" and _ASIDE_SPAN.search(names[:_LONGEST_NAME]):
                self._tail(element, frame, link, bold)
                continue
            else:
                link, bold = link + (tag == "a"), bold + (tag in ("b", "strong"))
                if tag == "a":
                    self._links += 1
                stack.append((element, frame, link, bold, True))
            if element.text:
                self._add(element.text, link, bold)
            for child in reversed(element):
                stack.append((child, frame, link, bold, False))
        self._flush(top)

    def _tail(self, element: Element, frame: Frame, link: int, bold: int) -> None:
        if element.tail:
            self._add(element.tail, link, bold)

    def _add(self, text: str, link: int, bold: int) -> None:
        self._parts.append(text)
        if link or bold:
            size = len(text.strip())
            if link:
                self._link_chars += size
            if bold:
                self._bold_chars += size

    def _flush(self, frame: Frame) -> None:
        if self._parts:
            text = "".join(self._parts)
            if not text.isascii():
                text = _INVISIBLE.sub("", text)
            text = _SPACES.sub(" ", text).strip()
            if text:
                self.found.append(
                    Passage(
                        text=text,
                        frame=frame,
                        link_chars=self._link_chars,
                        words=text.count(" ") + 1,
                        links=self._links,
                        bold=self._bold_chars >= 0.9 * len(text),
                    )
                )
            self._parts.clear()
        self._link_chars = self._links = self._bold_chars = 0

    def _frame(self, element: Element, tag: str, parent: Frame) -> Frame:
        get = element.get
        names = " ".join(filter(None, (get("class"), get("id"), get("data-testid"), get("data-component"))))
        roles = roles_of(names) if names else 0
        if tag == "noscript":
            roles |= BIT["hidden"]
        article = parent.article
        if tag == "article":
            self._articles += 1
            article = self._articles
        key = (tag, get("class"), parent.signature)
        signature = self._signatures.setdefault(key, len(self._signatures) + 1)
        return Frame(
            tag=tag,
            parent=parent,
            depth=parent.depth + 1,
            roles=roles,
            signature=signature,
            hidden=parent.hidden,
            all_roles=parent.all_roles | roles,
            tags=parent.tags if tag in parent.tags else parent.tags | {tag},
            article=article,
            body=parent.body or get("itemprop") == "articleBody",
            simple_row=tag == "tr" and _is_simple_row(element),
        )

    @staticmethod
    def _is_hidden(element: Element) -> bool:
        style = element.get("style")
        return element.get("hidden") is not None or (
            style is not None and _HIDDEN_STYLE.search(style) is not None
        )
