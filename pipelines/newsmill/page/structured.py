"""What a page says of itself in JSON-LD: read leniently, within bounds, nothing fetched.

`@context` and `@id` are never followed. Pages write broken JSON; what can be repaired without guessing
(comments, CDATA marks, escaped quotes, raw control characters, needless and missing commas) is repaired,
the rest is left out.
"""

from __future__ import annotations

import html
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from newsmill import strings
from newsmill.page.tree import Element

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
_DEEPEST: Final = 4
_OPENING = re.compile(r"<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[")
_CLOSING = re.compile(r"(?:-->|(?://\s*)?\]\]>|/\*\s*\]\]>\s*\*/)\Z")
_CLOSING_WINDOW = 100  # characters at the end in which a closing is looked for
_LEXEMES: Final = re.compile(
    r'"(?:[^"\\]++|\\.)*+"?'  # a string; one without an end goes on to the end of all
    r"|/\*.*?(?:\*/|\Z)|//[^\n]*|<!--|-->"  # comments and what is left of them
    r"|[\s,]+",  # blanks and commas
    re.DOTALL,
)
_MOST_VALUES: Final = 50


def nodes(scripts: Iterable[Element]) -> list[Node]:
    """All JSON-LD objects of a page's scripts, outer before inner, in document order."""
    found: list[Node] = []
    for script in scripts:
        kind = (script.get("type") or "").strip().lower()
        if not kind.startswith("application/ld+json") or not script.text:
            continue
        value = _parsed(script.text)
        if value is not None:
            found.extend(_objects(value, _MOST_NODES - len(found)))
    return found


def article(found: Iterable[Node], address: str = "", titles: Sequence[str] = ()) -> Node:
    """The object that describes the page's article: the richest of an article type; empty if none.

    An object that names another address and another headline than the page's describes another article.
    The parts of a live page (its updates) never stand for the page.

    Args:
        found: All objects of the page.
        address: The page's own address, as canonical as it is known; empty when unknown.
        titles: What else the page gives as its title: `<title>`, meta tags, headings.
    """
    found = list(found)
    parts = {id(part) for node in found for part in _parts(node)}
    candidates = [node for node in found if types(node) & ARTICLE_TYPES and id(node) not in parts]
    own = [(_kinship(node, address, titles), node) for node in candidates]
    best: Node = {}
    best_score = (0, 0)
    nearest = max((kin for kin, _ in own), default=0)
    for kin, node in own:
        if kin < 0 and (nearest > kin or len(own) > 1):
            continue
        score = (kin, 1 + sum(key in node for key in _TELLING))
        if score > best_score or not best:
            best, best_score = node, score
    return best


_TELLING: Final = ("headline", "datePublished", "author", "articleBody", "publisher")
_WORD: Final = re.compile(r"\w+")


def _parts(node: Node) -> Iterator[Node]:
    for key in ("liveBlogUpdate", "comment", "hasPart", "isPartOf", "mentions", "relatedLink"):
        value = node.get(key)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield part


def _kinship(node: Node, address: str, titles: Sequence[str]) -> int:
    """Whether an object is about this page: 1 by its headline or address, -1 about another, 0 unknown."""
    headline = text(node.get("headline") or node.get("name"))
    same_title: bool | None = None
    if headline and titles:
        same_title = any(_are_alike(headline, title) for title in titles)
    stated = [link for key in ("url", "mainEntityOfPage", "@id") for link in _addresses(node.get(key))]
    same_address = any(_path(link) == _path(address) for link in stated) if stated and address else None
    if same_title or same_address:
        return 1
    return -1 if same_title is False else 0


def _addresses(value: Any) -> list[str]:
    return [link for link in links(value) if "/" in link]


def _path(address: str) -> str:
    """What of an address tells pages of one site apart."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    return f"{parts.path.rstrip('/')}?{parts.query}"


def _are_alike(a: str, b: str) -> bool:
    """Whether most words of the shorter text are in the longer; characters, where there are no blanks."""
    left, right = _tokens(a), _tokens(b)
    fewer, more = sorted((left, right), key=len)
    return bool(fewer) and len(fewer & more) >= 0.5 * len(fewer)


def _tokens(title: str) -> set[str]:
    found = _WORD.findall(title[:500].casefold())
    return {part for word in found for part in ([word] if word.isascii() or len(word) < 12 else word)}


def body(article: Node) -> str:
    """The text of an article's object as written: its articleBody, or the updates of a live page."""
    stated = article.get("articleBody")
    if isinstance(stated, str) and stated.strip():
        return stated
    parts = []
    for update in flat(article.get("liveBlogUpdate")):
        if isinstance(update, dict):
            parts += [part for key in ("headline", "articleBody") if isinstance(part := update.get(key), str)]
    return "\n".join(parts)


def types(node: Node) -> set[str]:
    """The object's `@type`s without a vocabulary's prefix."""
    kinds = node.get("@type")
    return {
        str(kind).rpartition("/")[2].rpartition(":")[2]
        for kind in (kinds if isinstance(kinds, list) else [kinds])
    }


def text(value: Any) -> str | None:
    """A string, from a string, a number or an object with a name or `@value`."""
    for _ in range(_DEEPEST):
        if not isinstance(value, list):
            break
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("name") or value.get("@value") or value.get("headline")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return " ".join(strings.composed(strings.line(strings.unescaped(value))).split()) or None


def texts(value: Any) -> list[str]:
    """All strings of a value that may be one, a list, or lists within lists."""
    return [found for item in flat(value) if (found := text(item))]


def flat(value: Any) -> list[Any]:
    """A value as a list; of lists within lists, the items of all."""
    items = [value]
    for _ in range(_DEEPEST):
        if not any(isinstance(item, list) for item in items):
            break
        items = [inner for item in items for inner in (item if isinstance(item, list) else [item])]
    return [item for item in items if not isinstance(item, list)]


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
    """The value of a script, or the list of its values; None when it is beyond repair."""
    if len(source) > _LONGEST:
        return None
    source = _unwrapped(source.strip()).rstrip(";")
    for attempt in (source, _mended(source), _mended(html.unescape(source)) if "&quot;" in source else ""):
        values = _values(attempt)
        if values:
            return values if len(values) > 1 else values[0]
    return None


def _unwrapped(source: str) -> str:
    """The source without the comment or CDATA marks around it."""
    if opening := _OPENING.match(source):
        source = source[opening.end() :].lstrip()
    source = source.rstrip("; \t\r\n")
    if closing := _CLOSING.search(source, max(0, len(source) - _CLOSING_WINDOW)):
        source = source[: closing.start()].rstrip()
    return source


def _values(source: str) -> list[Any]:
    """The JSON values that stand one after another in a text; none where anything else stands between."""
    decoder = json.JSONDecoder(strict=False)
    found: list[Any] = []
    at, end = 0, len(source)
    while len(found) < _MOST_VALUES:
        while at < end and source[at] in " \t\r\n,;":
            at += 1
        if at >= end:
            break
        try:
            value, at = decoder.raw_decode(source, at)
        except (ValueError, RecursionError):
            return []
        found.append(value)
    return found


def _mended(source: str) -> str:
    """JSON without comments and needless commas, and with commas between objects that lack them.

    Strings are left as they are. Each character is looked at once.
    """
    parts: list[str] = []
    at = 0
    last = ""  # the last character that is no blank
    for match in _LEXEMES.finditer(source):
        plain, lexeme = source[at : match.start()], match.group()
        at = match.end()
        if plain:
            parts.append(plain)
            last = plain[-1]
        if lexeme[0] == '"':
            parts.append(lexeme)
            last = '"'
        elif "," in lexeme and not lexeme.startswith(("/", "<", "-")):
            following = source[at : at + 1]
            if last not in ("", "{", "[", ",") and following not in ("", "}", "]"):
                parts.append(",")
                last = ","
        elif not lexeme.startswith(("/", "<", "-")):
            parts.append(" ")
    parts.append(source[at:])
    return "".join(parts)


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
