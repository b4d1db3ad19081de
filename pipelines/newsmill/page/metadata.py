"""What a page says of itself: title, people, times, links, rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from newsmill import urls
from newsmill.page import authors, dates, rights, structured, titles
from newsmill.page.passages import HEADINGS, Passage, fold, in_heading
from newsmill.page.structured import Node
from newsmill.page.tree import Elements
from newsmill.records import RawPage, Rights

_MOST: Final = 30
_MOST_CLAIMS: Final = 200  # tags or links of images that are looked at
_LONGEST_TITLE: Final = 500
_LONGEST_DESCRIPTION: Final = 2_000
_LONGEST_NAME: Final = 200
_LONGEST_LINK: Final = 2_000
_LARGE: Final = 1_500_000
_LONGEST_LINE: Final = 300
_LINK: Final = 0.8
_OPENING_BEFORE: Final = 4
_OPENING_AFTER: Final = 8
_OPENING_WORDS: Final = 30


@dataclass(frozen=True, slots=True)
class Facts:
    """What is read before the text is selected, since the selection needs it."""

    meta: Mapping[str, list[str]]
    nodes: Sequence[Node]
    article: Node
    title: str | None
    titles: tuple[str, ...]  # all that the page gives as its title, the site's name cut off
    description: str | None
    site_name: str | None
    sites: tuple[str, ...]
    canonical: str | None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is read beside the text."""

    authors: tuple[str, ...]
    byline: str | None
    published: dates.Stamp | None
    modified: dates.Stamp | None
    publisher: str | None
    source_organization: str | None
    section: str | None
    tags: tuple[str, ...]
    images: tuple[str, ...]
    html_lang: str | None
    is_accessible_for_free: bool | None
    rights: Rights
    cuts: tuple[str, ...] = ()  # marks: of what the page names more than is kept


def facts(elements: Elements, url: str, passages: Sequence[Passage]) -> Facts:
    """Read meta tags and JSON-LD, and choose the title.

    Args:
        elements: The page.
        url: Where it came from.
        passages: All its passages, since a title is a line that a reader sees.
    """
    meta = _meta(elements)
    nodes = structured.nodes(elements.named("script"))
    canonical = _canonical(elements, meta, url)
    headings = _headings(passages)
    head_title = elements.named("title")[:1]
    document_title = " ".join(" ".join(head_title[0].itertext()).split()) if head_title else None
    article = structured.article(
        nodes,
        canonical or url,
        [
            title
            for title in (document_title, _first(meta, "og:title"), _first(meta, "twitter:title"), *headings)
            if title
        ],
    )
    site = _first(meta, "og:site_name", "application-name", "apple-mobile-web-app-title")
    publisher = structured.text(article.get("publisher"))
    sites = [name for name in (site, publisher) if name]
    if canonical:
        sites.extend(_domain_names(canonical))
    claims = [
        claim
        for claim in (
            structured.text(article.get("headline")),
            _first(meta, "og:title"),
            _first(meta, "twitter:title"),
            _first(meta, "dc.title", "parsely-title", "sailthru.title", "title", "headline"),
        )
        if claim
    ]
    title = titles.choose(
        headings=headings,
        claimed=claims,
        document_title=document_title,
        sites=sites,
        lines=_lines(passages),
        is_french=(_language(elements, meta, article) or "").lower().startswith("fr"),
    )
    everything = [title, *claims, document_title, *headings[:_MOST]]
    names = {titles.squeezed(name) for name in sites}
    return Facts(
        meta=meta,
        nodes=nodes,
        article=article,
        title=title[:_LONGEST_TITLE] if title else None,
        titles=tuple(
            dict.fromkeys(
                form
                for text in everything
                if text
                for form in (text, titles.without_site(text[:_LONGEST_TITLE], names))
            )
        ),
        description=_clip(
            _first(meta, "og:description", "description", "twitter:description", "dc.description")
            or structured.text(article.get("description")),
            _LONGEST_DESCRIPTION,
        ),
        site_name=_clip(site, _LONGEST_NAME),
        sites=tuple(sites),
        canonical=canonical,
    )


def _headings(passages: Sequence[Passage]) -> list[str]:
    """The texts of the visible h1 elements; of one that holds several lines, the whole."""
    shown: dict[int, list[str]] = {}
    for p in passages:
        if (heading := in_heading(p)) is not None and not p.frame.is_folded:
            shown.setdefault(id(heading), []).append(p.text)
    return [" ".join(parts)[:_LONGEST_DESCRIPTION] for parts in shown.values()]


def _lines(passages: Sequence[Passage]) -> Iterator[titles.Line]:
    """The short lines that a reader sees."""
    for p in passages:
        if len(p.text) <= _LONGEST_LINE and not p.frame.is_folded:
            yield titles.Line(p.text, p.frame.tag in HEADINGS, p.link_share > _LINK)


def read(
    elements: Elements,
    page: Facts,
    passages: Sequence[Passage],
    story: tuple[int, int],
    raw: RawPage,
    *,
    large: bool = False,
) -> Metadata:
    """Read all the rest. Call this last: the search for a date may change the tree.

    Args:
        elements: The page.
        page: From `facts`.
        passages: All passages of the page.
        story: Where the text begins and ends among them; both -1 where there is none.
        raw: The page as it came: its URL, headers and fetch time count.
        large: The tree is too large to be searched for a date.
    """
    article, meta = page.article, page.meta
    lang = _language(elements, meta, article)
    people, byline = authors.read(elements, article, page.nodes, meta, passages, page.sites, story)
    tags, images = _tags(article, meta), _images(article, meta, raw.url)
    counted = (("authors", people, authors.MOST), ("tags", tags, _MOST), ("images", images, _MOST))
    return Metadata(
        authors=tuple(_clip(name, _LONGEST_NAME) or "" for name in people[: authors.MOST]),
        byline=byline,
        published=dates.published(
            elements,
            article,
            page.nodes,
            meta,
            opening(passages, story[0] if story[0] >= 0 else None, page.titles),
            [p.text for p in passages],
            month_first=lang is not None
            and lang.lower().startswith("en")
            and not lang.lower().endswith(("gb", "au", "in", "nz", "ie", "za")),
            url=page.canonical or raw.url,
            received=[at for at in (raw.fetched_at, raw.received_at) if at is not None],
            searched=not large,
            extensive=len(raw.body) < _LARGE,
        ),
        modified=dates.modified(article, meta),
        publisher=_clip(structured.text(article.get("publisher")), _LONGEST_NAME),
        source_organization=_clip(
            structured.text(article.get("sourceOrganization")) or structured.text(article.get("provider")),
            _LONGEST_NAME,
        ),
        section=_clip(
            structured.text(article.get("articleSection"))
            or _first(meta, "article:section", "parsely-section"),
            _LONGEST_NAME,
        ),
        tags=tags[:_MOST],
        images=images[:_MOST],
        html_lang=lang,
        is_accessible_for_free=_accessible(page.nodes, meta),
        rights=rights.read(elements, article, meta, raw.headers),
        cuts=tuple(f"{name}-cut" for name, found, most in counted if len(found) > most),
    )


def opening(passages: Sequence[Passage], first_prose: int | None, titles: Sequence[str] = ()) -> list[str]:
    """The short passages around the title: kicker, date, byline.

    Where no heading is the title, they stand above the text.
    """
    title = next((n for n, p in enumerate(passages) if in_heading(p) is not None), None)
    if title is None:
        folded = {fold(text) for text in titles if text}
        before = passages[: first_prose if first_prose is not None else 0]
        title = next((n for n, p in enumerate(before) if p.folded in folded), None)
    if title is None:
        if first_prose is None:
            return []
        title = max(0, first_prose - _OPENING_BEFORE)
    end = first_prose if first_prose is not None and first_prose > title else title + _OPENING_AFTER
    window = passages[max(0, title - _OPENING_BEFORE) : end + 1]
    return [p.text for p in window if p.words < _OPENING_WORDS and not p.frame.is_folded]


def _meta(elements: Elements) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in elements.named("meta"):
        name = tag.get("property") or tag.get("name") or tag.get("itemprop") or tag.get("http-equiv")
        content = tag.get("content")
        if name and content and (value := " ".join(content[:20_000].split())):
            found.setdefault(name.strip().lower(), []).append(value)
    return found


def _first(meta: Mapping[str, list[str]], *names: str) -> str | None:
    return next((value for name in names for value in meta.get(name, ())), None)


def _clip(text: str | None, most: int) -> str | None:
    return text[:most] if text else None


def _canonical(elements: Elements, meta: Mapping[str, list[str]], url: str) -> str | None:
    claimed = next(
        (
            link.get("href")
            for link in elements.named("link")
            if (link.get("rel") or "").lower() == "canonical" and link.get("href")
        ),
        None,
    )
    claimed = claimed or _first(meta, "og:url", "twitter:url")
    if not claimed or len(claimed) > _LONGEST_LINK:
        return None
    try:
        absolute = urljoin(url, claimed.strip())
        return urls.without_login(absolute) if urlsplit(absolute).scheme in ("http", "https") else None
    except ValueError:
        return None


def _domain_names(url: str) -> list[str]:
    domain = urls.site(url)
    return [] if domain is None else [domain, domain.partition(".")[0]]


def _language(elements: Elements, meta: Mapping[str, list[str]], article: Node) -> str | None:
    html = elements.named("html")
    stated = (
        html[0].get("lang") or html[0].get("{http://www.w3.org/XML/1998/namespace}lang") if html else None
    )
    stated = (
        stated
        or _first(meta, "content-language", "og:locale", "language", "dc.language")
        or structured.text(article.get("inLanguage"))
    )
    if not stated:
        return None
    code = stated.split(",")[0].strip().replace("_", "-")
    return code if 2 <= len(code) <= 12 and code[:2].isalpha() and code.isascii() else None


def _tags(article: Node, meta: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The page's keywords; one more than `_MOST` tells that there are more."""
    stated = (
        structured.texts(article.get("keywords"))
        or meta.get("article:tag")
        or meta.get("news_keywords")
        or meta.get("keywords")
        or []
    )
    parts = [part.strip() for text in stated[:_MOST_CLAIMS] for part in text.split(",", _MOST_CLAIMS)]
    return tuple(dict.fromkeys(part[:_LONGEST_NAME] for part in parts[:_MOST_CLAIMS] if part))[: _MOST + 1]


def _images(article: Node, meta: Mapping[str, list[str]], url: str) -> tuple[str, ...]:
    """Links of the page's images; one more than `_MOST` tells that there are more."""
    stated = [
        *structured.links(article.get("image")),
        *meta.get("og:image", ()),
        *meta.get("twitter:image", ()),
    ]
    absolute = []
    for link in stated[:_MOST_CLAIMS]:
        try:
            joined = urljoin(url, link)
        except ValueError:
            continue
        if joined.startswith(("http://", "https://")) and len(joined) <= _LONGEST_LINK:
            absolute.append(urls.without_login(joined))
    return tuple(dict.fromkeys(absolute))[: _MOST + 1]


def _accessible(nodes: Sequence[Node], meta: Mapping[str, list[str]]) -> bool | None:
    for node in nodes:
        if "isAccessibleForFree" in node and structured.types(node) & (
            structured.ARTICLE_TYPES | {"WebPage", "CreativeWork"}
        ):
            return structured.truth(node["isAccessibleForFree"])
    tier = (_first(meta, "article:content_tier", "og:article:content_tier") or "").lower()
    return {"free": True, "metered": False, "locked": False}.get(tier)
