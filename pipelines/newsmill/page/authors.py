"""Who wrote it: names of people, apart from the byline as printed."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from newsmill.page import bylines, structured, unspaced_names
from newsmill.page.bylines import pen_name, person, split
from newsmill.page.passages import Passage, in_heading
from newsmill.page.structured import Node
from newsmill.page.tree import Element, Elements

MOST: Final = 12
"""Most authors of a page."""

_MOST_CLAIMS: Final = 100  # texts of one source that are looked at
_FEWEST_NAME: Final = 2
_LONGEST_BYLINE: Final = 200
_CREDIT_WORDS: Final = 14
_CREDIT_SPACES: Final = 5
_LONGEST_NAMES: Final = 300
_NEVER: Final = -1
_BEFORE_HEADLINE: Final = 4
_NEAR: Final = 60
_NEAR_LEVELS: Final = 6
_AROUND_STORY: Final = 6
_SHORT_LINE: Final = 80
_CREDIT_LINE: Final = 60
_TAIL: Final = 30
_PROFILE: Final = re.compile(
    r"/(?:authors?|autor(?:es|en)?|auteurs?|writers?|contributors?|profiles?|people|staff|journalists?|reporters?|by"
    r"|redaktion|columnists?|correspondents?|bylines?|person|team)(?:/|\?|=)[^/]",
    re.IGNORECASE,
)
_OWNERS: Final = (
    "copyright",
    "publisher",
    "article:publisher",
    "og:site_name",
    "web_author",
    "designer",
    "generator",
)
_OWNER_NOTICE: Final = re.compile(r"copyright|\(c\)|©|all rights reserved|\d{4}|[-–,.]", re.IGNORECASE)

_BYLINE_TAGS: Final = (
    "a",
    "span",
    "div",
    "p",
    "address",
    "li",
    "strong",
    "em",
    "h3",
    "h4",
    "h5",
    "cite",
    "small",
    "ul",
    "author",
    "byline",
)
_DOM: Final = re.compile(
    r"author|byline|aut[oe]u?r|writer|journalist|contributor|redakteur|verfasser|posted-?by|submitted"
    r"|username|\bfn\b|\bbyl\b",
    re.IGNORECASE,
)
_DOM_NOT: Final = re.compile(
    r"comment|bio(?:graph|s?[-_ ]|$)|related|avatar|image|img|photo|social|follow|share|description|about"
    r"|footer|role|job|title|email|twitter"
    r"|widget|sidebar|kommentar|reply|more-|teaser|(?<!v)card|(?<!na)(?<!umn)list|\borg\b",
    re.IGNORECASE,
)
_TELLING: Final = frozenset(("class", "id", "data-testid", "rel", "itemprop"))
_EXACT: Final = re.compile(
    r"author[\w-]{0,40}name|\bauthor\b|\bbyline\b|\bauteur\b|\bautor\b",
    re.IGNORECASE,
)
_AUTHORS_NAME: Final = re.compile(r"author(?:-card)?[\w-]{0,20}[-_]name(?![\w-])", re.IGNORECASE)
_ACCOUNT: Final = re.compile(r"(?<![\w-])user-?name(?![\w-])", re.IGNORECASE)
_CREDIT: Final = re.compile(
    r"^(?:(?:ein(?:e)?|a) \w+ )?(?:(?:by){1,2}|von|par|por|di|door|av|af|autor(?:in|en)?|auteurs?|authors?"
    r"|text(?:e)?|erstellt von|\w+beitrag von|\w+ beitrag von|geschrieben von|written by|posted"
    r" by)\b[: ]",
    re.IGNORECASE,
)


def read(
    elements: Elements,
    article: Node,
    found: Sequence[Node],
    meta: Mapping[str, list[str]],
    passages: Sequence[Passage],
    sites: Sequence[str],
    story: tuple[int, int],
) -> tuple[tuple[str, ...], str | None]:
    """(names of people, byline as printed) of a page.

    One name more than `MOST` tells that there are more.

    The page's JSON-LD is believed first, then a byline under the headline, then its meta tags, then what else
    looks like a byline. Names of the site itself, of agencies, roles and addresses are no people; the byline
    keeps them.

    Args:
        elements: The page.
        article: Its JSON-LD article.
        found: All its JSON-LD objects.
        meta: Its meta tags.
        passages: All its passages.
        sites: Names that the site and its publisher go by.
        story: Where the text begins and ends among the passages; both -1 where there is none.
    """
    names_of_site = {_key(site) for site in sites if site}
    byline: str | None = None
    short: tuple[str, ...] = ()
    claims: list[tuple[list[str], set[str]]] = []
    stated = _stated(article, found)
    persons = _persons(stated)
    marked = cache(lambda: _Marked(elements))  # a walk through the whole page, which few pages need
    sources: tuple[tuple[Callable[[], list[str]], set[str]], ...] = (
        (lambda: [name for item in stated for name in _names(item)], names_of_site),
        (lambda: marked().under_headline if _says_author(elements) else [], set()),
        (lambda: _from_meta(meta), names_of_site),
        (lambda: _credited(passages, story), set()),
        (lambda: marked().behind_headline, set()),  # a person's own site may bear the name
        (lambda: _from_passages(passages, story), set()),
        (lambda: marked().profiles, names_of_site),
        (lambda: marked().texts, set()),
        (lambda: _credited(passages, story, editors=True), set()),
    )
    for candidates, excluded in sources:
        raw = [text for text in candidates()[:_MOST_CLAIMS] if text]
        if not raw:
            continue
        lines = filter(None, map(bylines.printed, dict.fromkeys(raw)))
        byline = byline or "; ".join(dict.fromkeys(lines))[:_LONGEST_BYLINE] or None
        claims.append((raw, excluded))
        people = _people(raw, excluded, sites, persons, cut_roles=False)
        if short and not any(_plain_key(name).startswith(_plain_key(short[0])) for name in people):
            continue
        if people and not short and all(" " not in name for name in people) and all(map(str.isascii, people)):
            short = people  # a first name or an account's name: a byline may have the whole name
        elif people:
            return people, byline
    if not short:
        for raw, excluded in claims:
            if people := _people(raw, excluded, sites, persons, cut_roles=True):
                return people, byline
    return short, byline


def _people(
    raw: Sequence[str], sites: set[str], outlets: Sequence[str], persons: Collection[str], *, cut_roles: bool
) -> tuple[str, ...]:
    people: dict[str, str] = {}
    for text in raw:
        names = split(text, outlets, cut_roles=cut_roles)
        is_cut = names[:1] != [text] and text.endswith(tuple(names[:1]))
        if text in persons and (not names or is_cut) and (whole := person(text)):
            names = [whole]
        names = names or [name for name in [pen_name(text)] if name]
        for name in names:
            key = _key(name)
            if key and not any(key in site for site in sites):
                people.setdefault(key, name)
    if len(people) > 1:
        own = [_key(outlet) for outlet in outlets]
        people = {
            key: name
            for key, name in people.items()
            if not (unspaced_names.is_han(name) and any(key in outlet for outlet in own))
        } or people
    return tuple(people.values())[: MOST + 1]


def _key(text: str) -> str:
    return "".join(re.findall(r"\w+", text.casefold()))


def _plain_key(text: str) -> str:
    """A name's letters without their marks, to compare it with an account's name."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum())


def _stated(article: Node, found: Sequence[Node]) -> list[Any]:
    """The authors of the JSON-LD article; in place of a reference stands the object that it names."""
    by_id = {node["@id"]: node for node in found if isinstance(node.get("@id"), str)}

    def resolved(item: Any) -> Any:
        if isinstance(item, dict) and "name" not in item and isinstance(item.get("@id"), str):
            return by_id.get(item["@id"], item)
        return item

    items = structured.flat(article.get("author") or article.get("creator"))
    return [resolved(item) for item in items[:_MOST_CLAIMS]]


def _persons(stated: Sequence[Any]) -> frozenset[str]:
    """Names of authors of the type Person: data, no lines of text."""
    return frozenset(
        name
        for item in stated
        if isinstance(item, dict) and "Person" in structured.types(item)
        for name in structured.texts(item.get("name"))
    )


def _names(item: Any) -> list[str]:
    if isinstance(item, dict):
        if structured.types(item) & {"Organization", "NewsMediaOrganization"}:
            name = structured.text(item.get("name"))
            return [name] if name else []
        return structured.texts(item.get("name"))
    name = structured.text(item)
    return [name] if name and not name.startswith("http") else []


_META: Final = (
    "author",
    "article:author",
    "article:author_name",
    "parsely-author",
    "sailthru.author",
    "dc.creator",
    "dcterms.creator",
    "dc:creator",
    "byl",
    "citation_author",
    "og:author",
    "og:article:author",
    "cxenseparse:author",
    "authors",
    "article.author",
    "autor",
    "shareaholic:article_author_name",
    "twitter:data1",
)


def _from_meta(meta: Mapping[str, list[str]]) -> list[str]:
    first: list[str] = []
    owners = {_key(owner) for name in _OWNERS for value in meta.get(name, ()) for owner in _owner(value)}
    for name in _META:
        values = [
            value
            for value in meta.get(name, [])[:_MOST_CLAIMS]
            if not value.startswith(("http", "/", "@")) and _key(value) not in owners
        ]
        if name == "twitter:data1" and "by" not in " ".join(meta.get("twitter:label1", ())).lower():
            continue
        if any(split(value) for value in values):
            return values
        first = first or values
    return first


def _owner(value: str) -> list[str]:
    """The name in a notice such as "Copyright (c) Jane Doe 2022"."""
    return [value, _OWNER_NOTICE.sub(" ", value)]


def _says_author(elements: Elements) -> bool:
    """Whether a page's markup says of anything that it is the author."""
    return bool(elements.named("byline")) or any(
        element.get("rel") == "author" or "author" in (element.get("itemprop") or "")
        for element in elements.all
    )


class _Marked:
    """Elements that say they hold the author.

    Attributes:
        texts: Those of the most telling elements.
        behind_headline: The same, where they stand behind the first h1.
        under_headline: The same, where their markup says so as well.
        profiles: Names that link to a page of authors, behind the first h1.
    """

    def __init__(self, elements: Elements) -> None:
        marked: list[tuple[int, str, Element]] = []
        credits: list[str] = []
        self.profiles: list[str] = []
        is_behind = not elements.named("h1")
        after = 0
        for element in elements.named("h1", *_BYLINE_TAGS):
            tag = element.tag
            if tag == "h1":
                is_behind = True
                continue
            after += is_behind
            if not element.keys() and tag != "byline":
                continue
            if (
                tag == "a"
                and is_behind
                and after < _NEAR
                and len(self.profiles) < _FEWEST_NAME
                and _PROFILE.search((element.get("href") or "")[:_LONGEST_NAMES])
            ):
                name = _text_of(element)
                if split(name):
                    self.profiles.append(name)
            rank = _rank(element)
            if rank is None:
                continue
            text = _text_of(element)
            if not 2 < len(text) < _LONGEST_BYLINE:
                continue
            if len(marked) + len(credits) >= _MOST_CLAIMS:
                break
            if is_behind and after < _NEAR and _ACCOUNT.search((element.get("class") or "")[:_LONGEST_NAMES]):
                rank = min(rank, 1)  # further below, readers who comment have such names
            rank += 0 if is_behind else _BEFORE_HEADLINE
            if split(text) or (rank < 2 and pen_name(text)):
                marked.append((rank, text, element))
            elif rank < 2 and text.count(" ") < _CREDIT_SPACES:
                credits.append(text)
        self.texts = _telling(marked) if marked else credits[:1]
        best = min((rank for rank, _, _ in marked), default=_NEVER)
        self.under_headline = self.texts if best == 0 else []
        self.behind_headline = self.texts if best < _BEFORE_HEADLINE else []


def _telling(marked: Sequence[tuple[int, str, Element]]) -> list[str]:
    """The texts of the most telling elements, innermost and near one another."""
    best = min(rank for rank, _, _ in marked)
    near = [(text, element) for rank, text, element in marked if rank == best]
    outer = {
        id(above) for _, element in near for above in itertools.islice(element.iterancestors(), _NEAR_LEVELS)
    }
    innermost = [(text, element) for text, element in near if id(element) not in outer]
    first = near[0][1]
    inside = [
        text
        for text, element in innermost
        if first in list(itertools.islice(element.iterancestors(), _NEAR_LEVELS))
    ]
    if len(inside) > 1:
        return list(dict.fromkeys(inside))
    if best:
        return [near[0][0]]
    around = first.getparent()
    around = around if around is None or around.getparent() is None else around.getparent()
    return list(
        dict.fromkeys(
            text
            for text, element in near
            if around in list(itertools.islice(element.iterancestors(), _NEAR_LEVELS))
        )
    )


def _text_of(element: Element) -> str:
    """The words of an element; no more than tells that they are too many for a byline."""
    parts, size = [], 0
    for part in element.itertext():
        parts.append(part[: 2 * _LONGEST_BYLINE])
        size += len(part.strip())
        if size > 2 * _LONGEST_BYLINE:
            break
    return " ".join(" ".join(parts).split())


def _from_passages(passages: Sequence[Passage], story: tuple[int, int]) -> list[str]:
    """A short line "By Jane Doe", the first on the page; in scripts without blanks, near the story's ends."""
    title = next((n for n, p in enumerate(passages) if in_heading(p) is not None), 0)
    for p in itertools.chain(passages[title:], passages[:title]):
        if p.words > _CREDIT_WORDS or p.frame.is_folded:
            continue
        if _CREDIT.match(p.text) and split(p.text):
            return [p.text]
        if not p.text.isascii() and len(p.text) <= _LONGEST_BYLINE:
            labelled = bylines.label_and_rest(p.text)
            if labelled is not None and split(labelled[1]):
                return [labelled[1]]
    for text in _ends(passages, story):
        if names := unspaced_names.in_unspaced_script(text):
            return names
    for text in _ends(passages, story):
        if names := unspaced_names.bracketed(text) or unspaced_names.alone(text):
            return names
    return _in_title(passages, story)


def _credited(passages: Sequence[Passage], story: tuple[int, int], *, editors: bool = False) -> list[str]:
    """Names of the first short line with a label in Chinese, Japanese or Korean, and of those right below it.

    Lines from the title on are looked at, to a few behind the story; inside it those that begin with the
    label.
    """
    first, last = story
    if first < 0:
        return []
    title = next((n for n, p in enumerate(passages[:first]) if in_heading(p) is not None), first)
    start = min(title, max(0, first - 2 * _AROUND_STORY))
    found: list[str] = []
    for n, p in enumerate(passages[start : last + _AROUND_STORY], start):
        names: list[str] = []
        if len(p.text) <= _CREDIT_LINE and not p.text.isascii() and not p.frame.is_folded:
            is_inside = first + 3 <= n < last - 1
            names = unspaced_names.in_credit_line(p.text, editors=editors, is_first=is_inside)
        if found and not names:
            return found
        found += names
    return found


def _in_title(passages: Sequence[Passage], story: tuple[int, int]) -> list[str]:
    """A name before the title's colon that is a line below it as well: `周远：磨坊` and `周远`."""
    first = story[0]
    if first < 0:
        return []
    head = [p.text for p in passages[max(0, first - _AROUND_STORY) : first + 3] if len(p.text) <= _SHORT_LINE]
    return [
        text
        for text in head
        if unspaced_names.is_han(text) and any(line.startswith(f"{text}：") for line in head)
    ][:1]


def _ends(passages: Sequence[Passage], story: tuple[int, int]) -> list[str]:
    """Lines around a story's beginning and its last words, where they are not in ASCII."""
    first, last = story
    if first < 0:
        return []
    head = [p.text for p in passages[max(0, first - _AROUND_STORY) : first + 3] if len(p.text) <= _SHORT_LINE]
    tail = [p.text for p in passages[max(first, last - 2) : last + _AROUND_STORY]]
    ends = [
        text if len(text) <= _SHORT_LINE else text[-_TAIL:] if text[-1:] in "）)】]" else "" for text in tail
    ]
    return [text for text in [*head, *ends] if text and not text.isascii()]


def _rank(element: Element) -> int | None:
    """How surely an element holds the author: 0 says so by its markup, 1 and 2 by a name; None is not."""
    get = element.get
    if _TELLING.isdisjoint(element.keys()):
        return 0 if element.tag == "byline" else None
    names = f"{get('class') or ''} {get('id') or ''} {get('data-testid') or ''}"[:_LONGEST_NAMES]
    by_name = _rank_of(names)
    if by_name == _NEVER:
        return None
    if get("rel") == "author" or "author" in (get("itemprop") or "") or element.tag == "byline":
        return None if by_name is None and _DOM_NOT.search(names) else 0
    return by_name


@lru_cache(maxsize=20_000)
def _rank_of(names: str) -> int | None:
    """How surely a class, an id or a test id says "author": 1 or 2; `_NEVER` where it says more than that."""
    if not _DOM.search(names):
        return None
    if _AUTHORS_NAME.search(names):
        return 1
    if _DOM_NOT.search(names):
        return _NEVER
    return 1 if _EXACT.search(names) else 2
