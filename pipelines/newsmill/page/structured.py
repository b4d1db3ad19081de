"""What a page says of itself in JSON-LD: read leniently, within bounds, nothing fetched.

`@context` and `@id` are never followed. Pages write broken JSON; what can be repaired without guessing
(comments, CDATA marks, raw control characters, trailing commas) is repaired, the rest is left out.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from newsmill import strings
from newsmill.page.document import Element

Node = dict[str, Any]

ARTICLE_TYPES: Final = frozenset(
    """
    Article NewsArticle AnalysisNewsArticle AskPublicNewsArticle BackgroundNewsArticle OpinionNewsArticle
    ReportageNewsArticle ReviewNewsArticle LiveBlogPosting BlogPosting SatiricalArticle TechArticle
    ScholarlyArticle AdvertiserContentArticle Report SocialMediaPosting Review ClaimReview CriticReview
    """.split()
)
_LONGEST: Final = 2_000_000
_MOST_NODES: Final = 20_000
_OPENING = re.compile(r"<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[")
_CLOSING = re.compile(r"(?:-->|(?://\s*)?\]\]>|/\*\s*\]\]>\s*\*/)\Z")
_CLOSING_WINDOW = 100  # characters at the end in which a closing is looked for
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


def nodes(root: Element) -> list[Node]:
    """All JSON-LD objects of a page, outer before inner, in document order."""
    found: list[Node] = []
    for script in root.iter("script"):
        kind = (script.get("type") or "").strip().lower()
        if not kind.startswith("application/ld+json") or not script.text:
            continue
        value = _parsed(script.text)
        if value is not None:
            found.extend(_objects(value, _MOST_NODES - len(found)))
    return found


def article(found: Iterable[Node]) -> Node:
    """The object that describes the page's article: the richest of an article type; empty if none."""
    best: Node = {}
    best_score = 0
    for node in found:
        kinds = types(node)
        if not kinds & ARTICLE_TYPES:
            continue
        score = 1 + sum(
            key in node for key in ("headline", "datePublished", "author", "articleBody", "publisher")
        )
        if score > best_score:
            best, best_score = node, score
    return best


def types(node: Node) -> set[str]:
    """The object's `@type`s without a vocabulary's prefix."""
    kinds = node.get("@type")
    return {
        str(kind).rpartition("/")[2].rpartition(":")[2]
        for kind in (kinds if isinstance(kinds, list) else [kinds])
    }


def text(value: Any) -> str | None:
    """A string, from a string, a number or an object with a name or `@value`."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("name") or value.get("@value") or value.get("headline")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return " ".join(strings.line(strings.unescaped(value)).split()) or None


def texts(value: Any) -> list[str]:
    """All strings of a value that may be one or a list."""
    values = value if isinstance(value, list) else [value]
    return [found for item in values if (found := text(item))]


def links(value: Any) -> list[str]:
    """URLs of images and the like: strings, or objects with `url` or `contentUrl`."""
    found = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            item = item.get("url") or item.get("contentUrl") or item.get("@id")
        if isinstance(item, str) and (link := strings.line(item).strip()):
            found.append(link)
    return found


def truth(value: Any) -> bool | None:
    """A boolean that may be written as a string."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower().rpartition("/")[2]
        return {"true": True, "yes": True, "false": False, "no": False}.get(word)
    return None


def _parsed(source: str) -> Any:
    if len(source) > _LONGEST:
        return None
    source = _unwrapped(source.strip()).rstrip(";")
    for attempt in (source, _TRAILING_COMMA.sub(r"\1", source)):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _unwrapped(source: str) -> str:
    """The source without the comment or CDATA marks around it."""
    if opening := _OPENING.match(source):
        source = source[opening.end() :].lstrip()
    source = source.rstrip("; \t\r\n")
    if closing := _CLOSING.search(source, max(0, len(source) - _CLOSING_WINDOW)):
        source = source[: closing.start()].rstrip()
    return source


def _objects(value: Any, most: int) -> Iterator[Node]:
    waiting: deque[Any] = deque([value])
    while waiting and most > 0:
        item = waiting.popleft()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            if "@type" in item:
                most -= 1
                yield item
            waiting.extend(inner for inner in item.values() if isinstance(inner, (dict, list)))
