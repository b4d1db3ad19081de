"""Who wrote it: names of people, apart from the byline as printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from newsmill.page import structured
from newsmill.page.document import Element
from newsmill.page.passages import Passage
from newsmill.page.structured import Node

MOST: Final = 12
"""Most authors of a page."""

_MOST_CLAIMS: Final = 100  # texts of one source that are looked at
_LONGEST_BYLINE: Final = 200
_CREDIT_WORDS: Final = 14
_CREDIT_SPACES: Final = 5
_LONGEST_NAMES: Final = 300
_NEVER: Final = -1

_LEAD_IN: Final = re.compile(
    r"^(?:(?:written|posted|published|reported|story|words|text|article|analysis|opinion"
    r"|(?:ein(?:e)? )?(?:blog )?(?:artikel|beitrag|kommentar|gastbeitrag|kolumne|analyse|reportage"
    r"|interview|essay|gastkommentar)"
    r"|geschrieben|verfasst|erstellt|eingestellt|veröffentlicht|rechtsanwalt|publié|publicado|escrito"
    r"|scritto|propos recueillis|(?:von )?unserem? \w+)\s+)?"
    r"(?:by|von|vom|par|por|di|da|door|av|af|od|autor(?:in|en|es)?(?=\s*:|\s)|auteurs?|authors?|autore"
    r"|text|texte?|foto|redakteur(?:in)?|автор)\b\s*:?\s*",
    re.IGNORECASE,
)
_CUT: Final = re.compile(
    r"\s*(?:[|•·;/\n]|\s[-–—]\s|\bfor the\b|\bin\s[A-ZÄÖÜ]|\bpublished\b|\bveröffentlicht\b|\bupdated\b"
    r"|\bposted\b"
    r"|\bon\s+(?:\w+day|\d)|\bam\s+\d|\bvom\s+\d|\bin:|\bhace\s+\d|\btiempo de\b"
    r"|(?<=\w)\s+(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mo|di|mi|do|fr|sa|so)\b[\s,]"
    r"|\d{1,2}[./:]\d).*$",
    re.IGNORECASE | re.DOTALL,
)
_SPLIT: Final = re.compile(
    r"\s*[;,|&\n•·]\s*|\s+(?:and|und|et|y|e|og|och|en|with|mit|avec|con|im"
    r" gespräch mit|in conversation with)\s+|\s+/\s+"
)
_NOISE: Final = re.compile(
    r"\([^)]*\)|\[[^\]]*\]|https?://\S+|\S+@\S+|@\w+|\b(?:follow|view|see|read|more|all posts|articles?"
    r" by|biography|bio|email|profile|kontakt|mehr)\b.*$",
    re.IGNORECASE,
)
_ROLE: Final = re.compile(
    r"\b(?:staff|editors?|reporters?|correspondent|correspondents|writers?|journalists?|producer"
    r"|columnist|contributors?|bureau|desk|team"
    r"|redaktion|redaktionsteam|redaktionell|redaktor|redakteur(?:in)?|redacción|redaction|rédaction"
    r"|redazione|redakcja|redaktsiya|agency|agencies|agentur(?:en)?|news"
    r"|newsroom|press|media|magazine|magazin|online|gmbh|inc|ltd|llc|association|foundation|institut"
    r"|university|ministerium|admin|administrator|webmaster"
    r"|user|guest|gast|anonymous|unknown|webteam|web|blog|presse|pressestelle|newswire|service|services"
    r"|network|company|office|department|chief|director|professor"
    r"|community|digital|today|times|post|herald|tribune|gazette|daily|weekly|journal|zeitung|editorial"
    r"|weitere|artikel|articles?|author|autor(?:in|en)?|nachrichtenagentur|stories|newsdesk|gesponserte"
    r"|sponsored|dienstleistung|inhalte"
    r"|webredaktion)\b|redaktion\b|(?:leiter|sprecher|präsident|minister|referent)(?:in)?\b|\.(?:com|de"
    r"|org|net|co|at|ch)\b",
    re.IGNORECASE,
)
_AGENCIES: Final = frozenset(
    """
    afp ap apa ani ansa efe dpa reuters upi ians pti sda ats kna epd sid tass xinhua ritzau ntb tt afx
    bloomberg belga lusa anp mti ctk pap agerpres stringer wires agencies
    """.split()
)
_PARTICLES: Final = frozenset(
    """
    von van der den de del della di da dos du la le el al bin ibn ten ter zu zur af av y e und of the st mc jr
    sr
    """.split()
)
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
    r"|widget|sidebar|kommentar|reply|more-|teaser|card|list",
    re.IGNORECASE,
)
_NO_PEN_NAME: Final = re.compile(
    r"(?:posted|published|written|by|von|weiter|more|mehr|home|kurz|veröffentlicht|updated|share|no|the)",
    re.IGNORECASE,
)
_EXACT: Final = re.compile(r"author[-_]{0,2}name|\bauthor\b|\bbyline\b|\bauteur\b|\bautor\b", re.IGNORECASE)
_CREDIT: Final = re.compile(
    r"^(?:(?:ein(?:e)?|a) \w+ )?(?:by|von|par|por|di|door|av|af|autor(?:in|en)?|auteurs?|authors?"
    r"|text(?:e)?|erstellt von|\w+beitrag von|\w+ beitrag von|geschrieben von|written by|posted"
    r" by)\b[: ]",
    re.IGNORECASE,
)


def read(
    root: Element,
    article: Node,
    found: Sequence[Node],
    meta: Mapping[str, list[str]],
    passages: Sequence[Passage],
    sites: Iterable[str],
) -> tuple[tuple[str, ...], str | None]:
    """(names of people, byline as printed) of a page.

    One name more than `MOST` tells that there are more.

    The page's JSON-LD is believed first, then its meta tags, then what looks like a byline. Names of the
    site itself, of agencies, roles and addresses are no people; the byline keeps them.
    """
    names_of_site = {_key(site) for site in sites if site}
    byline: str | None = None
    short: tuple[str, ...] = ()
    sources: tuple[tuple[Callable[[], list[str]], set[str]], ...] = (
        (lambda: _from_json_ld(article, found), names_of_site),
        (lambda: _from_meta(meta), names_of_site),
        (lambda: _from_dom(root), set()),  # a person's own site may bear the name
        (lambda: _from_passages(passages), set()),
    )
    for candidates, excluded in sources:
        raw = [text for text in candidates()[:_MOST_CLAIMS] if text]
        if not raw:
            continue
        byline = byline or "; ".join(dict.fromkeys(raw))[:_LONGEST_BYLINE]
        people = _people(raw, excluded)
        if short and not any(_key(name).startswith(_key(short[0])) for name in people):
            continue
        if people and not short and all(" " not in name for name in people) and all(map(str.isascii, people)):
            short = people  # a first name or an account's name: a byline may have the whole name
        elif people:
            return people, byline
    return short, byline


def _people(raw: Sequence[str], sites: set[str]) -> tuple[str, ...]:
    people: dict[str, str] = {}
    for text in raw:
        for name in split(text) or filter(None, [_pen_name(text)]):
            key = _key(name)
            if key and not any(key in site for site in sites):
                people.setdefault(key, name)
    return tuple(people.values())[: MOST + 1]


def _pen_name(text: str) -> str | None:
    """A single word that stands where an author does."""
    text = _LEAD_IN.sub("", text).strip(" -–—|:,·•")
    if (
        not 2 < len(text) <= 30
        or _ROLE.search(text)
        or text.casefold() in _AGENCIES
        or _NO_PEN_NAME.match(text)
    ):
        return None
    return (
        text
        if text.replace("_", "a").replace(".", "a").replace("-", "a").isalnum() and not text.isdigit()
        else None
    )


def split(byline: str) -> list[str]:
    """Names of people in a byline.

    >>> split("By Jane Doe and Max van der Berg, Reuters")
    ['Jane Doe', 'Max van der Berg']
    >>> split("Staff Reporter")
    []
    """
    text = _NOISE.sub(" ", " ".join(byline.split())[:400])
    text = _LEAD_IN.sub("", text.strip(" -–—|:,·•")).strip()
    text = _CUT.sub("", text)
    return [name for part in _SPLIT.split(text) if (name := _name(part))]


def _name(part: str) -> str | None:
    part = _LEAD_IN.sub("", part).strip(" -–—|:,·•.\"'“”*")
    words = part.split()
    if not 2 <= len(words) <= 5 or len(part) > 60:
        if not (len(words) == 1 and not part.isascii() and 2 <= len(part) <= 5):
            return None
        return part
    if _ROLE.search(part) or part.casefold() in _AGENCIES or any(c.isdigit() for c in part):
        return None
    if not all(_is_name_word(word) or word.casefold().strip(".") in _PARTICLES for word in words):
        return None
    return part if not part.isupper() or not part.isascii() else part.title()


def _is_name_word(word: str) -> bool:
    first = word.lstrip("('’\"“")[:1]
    return first.isupper() or (first.isalpha() and first.lower() == first.upper())


def _key(text: str) -> str:
    return "".join(re.findall(r"\w+", text.casefold()))


def _from_json_ld(article: Node, found: Sequence[Node]) -> list[str]:
    value = article.get("author") or article.get("creator")
    by_id = {node["@id"]: node for node in found if isinstance(node.get("@id"), str)}
    items = value[:_MOST_CLAIMS] if isinstance(value, list) else [value]
    return [name for item in items for name in _authors(item, by_id)]


def _authors(item: Any, by_id: dict[str, Node]) -> list[str]:
    if isinstance(item, dict):
        if "name" not in item and isinstance(item.get("@id"), str):
            item = by_id.get(item["@id"], item)
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
    for name in _META:
        stated = meta.get(name, [])[:_MOST_CLAIMS]
        values = [value for value in stated if not value.startswith(("http", "/", "@"))]
        if name == "twitter:data1" and "by" not in " ".join(meta.get("twitter:label1", ())).lower():
            continue
        if any(split(value) for value in values):
            return values
        first = first or values
    return first


def _from_dom(root: Element) -> list[str]:
    """Texts of elements that say they hold the author, most telling first, from the first that has names."""
    marked: list[tuple[int, str, Element]] = []
    credits: list[str] = []
    for element in root.iter(*_BYLINE_TAGS):
        rank = _rank(element)
        if rank is None:
            continue
        text = _text_of(element)
        if not 2 < len(text) < _LONGEST_BYLINE:
            continue
        if len(marked) + len(credits) >= _MOST_CLAIMS:
            break
        if split(text) or (rank < 2 and _pen_name(text)):
            marked.append((rank, text, element))
        elif rank < 2 and text.count(" ") < _CREDIT_SPACES:
            credits.append(text)
    if not marked:
        return credits[:1]
    best = min(rank for rank, _, _ in marked)
    near = [(text, element) for rank, text, element in marked if rank == best]
    if best:
        return [near[0][0]]
    around = near[0][1].getparent()
    around = around if around is None or around.getparent() is None else around.getparent()
    return list(dict.fromkeys(text for text, element in near if around in list(element.iterancestors())))


def _text_of(element: Element) -> str:
    """The words of an element; no more than tells that they are too many for a byline."""
    parts, size = [], 0
    for part in element.itertext():
        parts.append(part[: 2 * _LONGEST_BYLINE])
        size += len(part.strip())
        if size > 2 * _LONGEST_BYLINE:
            break
    return " ".join(" ".join(parts).split())


def _from_passages(passages: Sequence[Passage]) -> list[str]:
    """A short line "By Jane Doe", the first on the page."""
    for p in passages:
        if p.words <= _CREDIT_WORDS and _CREDIT.match(p.text) and split(p.text):
            return [p.text]
    return []


def _rank(element: Element) -> int | None:
    """How surely an element holds the author: 0 says so by its markup, 1 and 2 by a name; None is not."""
    get = element.get
    names = f"{get('class') or ''} {get('id') or ''} {get('data-testid') or ''}"
    by_name = _rank_of(names[:_LONGEST_NAMES])
    if by_name == _NEVER:
        return None
    if get("rel") == "author" or "author" in (get("itemprop") or "") or element.tag == "byline":
        return 0
    return by_name


@lru_cache(maxsize=20_000)
def _rank_of(names: str) -> int | None:
    """How surely a class, an id or a test id says "author": 1 or 2; `_NEVER` where it says something else."""
    if _DOM_NOT.search(names):
        return _NEVER
    if not _DOM.search(names):
        return None
    return 1 if _EXACT.search(names) else 2
