"""One page, from bytes to text and metadata: the whole of what happens inside the sandbox.

bytes ─ decompress ─ decode ─ parse within limits ─ passages ─┬─ select ─ body
                                     └─ trafilatura's vote ───┘      └─ metadata, rights, verdict
"""

from __future__ import annotations

import re
from copy import copy
from typing import Final

import msgspec
from lxml import etree, html
from trafilatura import bare_extraction
from trafilatura.settings import MANUALLY_CLEANED, MANUALLY_STRIPPED, Extractor

from newsmill import strings
from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.page import (
    classify,
    decoding,
    foreign_extractors,
    metadata,
    overrides,
    preparation,
    states,
    structured,
)
from newsmill.page.known import known
from newsmill.page.metadata import Facts
from newsmill.page.passages import Passage, fold, length, passages
from newsmill.page.selection import Selection, select
from newsmill.page.tree import Element, Elements, compose, parse
from newsmill.page.weighing import Weights
from newsmill.records import Extraction, NotArticle, NotArticleReason, Page, RawPage, Removal

TRUNCATED_SHARE: Final = 0.6
"""With less than this share of the words of its JSON-LD articleBody, a page hides the rest of its text."""

MOST_VOTED: Final = 7_000
"""Elements of a page up to which a second extractor is asked, whose cost grows with their square. Of a
thousand pages of news one has more."""

NO_VOTE: Final = "no-vote"
"""Mark: the page has more elements than `MOST_VOTED`, and a second extractor was not asked."""

MOST_REMOVED: Final = 300
"""Removed passages that are kept with the page, the first ones."""

REMOVED_CUT: Final = "removed-cut"
"""Mark: more passages than `MOST_REMOVED` were removed."""

HIDDEN_SHARE: Final = 0.2
"""A page is marked when it hides more prose than this share of its text in the article's frame."""

_FEWEST_STATED: Final = 50
_FEWEST_SHOWN: Final = 60
_SHORT: Final = 200
_PART: Final = 6
_NEARLY_ALL: Final = 0.8
_COMPARED: Final = 50_000
_MOST_SEARCHED: Final = 200_000_000  # characters searched for the lines of one page
_LONGEST_STATED: Final = 1_000_000
_CHARSET: Final = re.compile(r"charset\s*+=\s*+[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_OPTIONS: Final = Extractor(output_format="python", fast=True, comments=False)
_NO_TEXT: Final = tuple(tag for tag in MANUALLY_CLEANED if tag != "form")  # a form may hold the page
_ENDINGS: Final = ("…", "...", "[…]", "[...]", "(…)", "read more", "weiterlesen", "continue reading")


def prepare(*, page: PageConfig, input: InputConfig) -> None:
    """Load what reading a page needs; afterwards no file is opened and no module imported.

    Raises:
        ConfigError: When `page.site_overrides` can't be read, or a plug-in not be made.
    """
    preparation.import_late()
    if page.site_overrides is not None:
        overrides.load(page.site_overrides)
    foreign_extractors.open_all(page)
    read_page_any(preparation.SAMPLE, page=page, input=input)


def read_page(raw: RawPage, *, page: PageConfig, input: InputConfig) -> Page | NotArticle:
    """Read a page, or say why it is no article.

    Nothing is fetched, whatever the page names. The result depends on the arguments alone.

    Raises:
        Rejected: `E_SIZE`, `E_DECOMP`, `E_DECODE`, `E_NODES` or `E_NESTING` when the page can't be read.
    """
    found, verdict = read_page_any(raw, page=page, input=input)
    return verdict or found


def read_page_any(
    raw: RawPage, *, page: PageConfig, input: InputConfig, weights: Weights | None = None
) -> tuple[Page, NotArticle | None]:
    """As `read_page`, but what text there is comes along even when it is no article's.

    `weights` stand for the package's own where others are to be measured.
    """
    if len(raw.body) > input.max_value_bytes:
        raise Rejected(Code.SIZE, f"{len(raw.body)} bytes, more than {input.max_value_bytes}")
    body = decoding.decompress(raw.body, raw.content_encoding, input)
    if not body.strip():
        return _nothing(NotArticleReason.EMPTY)
    if decoding.binary_kind(body) is not None:
        return _nothing(NotArticleReason.NOT_HTML)
    try:
        text = decoding.to_text(body, raw.charset or _charset_in(raw.content_type))
    except Rejected:
        if _NEVER_TEXT.match(raw.content_type or ""):
            return _nothing(NotArticleReason.NOT_HTML)
        raise
    if reason := classify.by_start(text.text):
        return _nothing(reason, text.charset)
    root = parse(text.utf8, page)
    if not text.is_composed:
        compose(root.iter())
    shown = overrides.apply(root, raw.url, page.site_overrides) if page.site_overrides is not None else root
    raw = msgspec.structs.replace(raw, body=text.utf8)
    found, verdict = _read(Elements(root), shown, raw, text, page, weights)
    return strings.cleaned(found), verdict


def _read(
    elements: Elements,
    shown: Element,
    raw: RawPage,
    text: decoding.Text,
    limits: PageConfig,
    weights: Weights | None,
) -> tuple[Page, NotArticle | None]:
    """Read a page whose text is looked for in the part `shown` of its tree.

    A large page is read without those whose cost is the square of its elements: the second extractor,
    and the search for a date in the whole source.
    """
    root, large = elements.root, len(elements) > MOST_VOTED
    url = raw.final_url or raw.url
    found = passages(shown)
    facts = metadata.facts(elements, url, found if shown is root else passages(root))
    stated_as_written = structured.body(facts.article)
    stated = structured.text(stated_as_written) or ""

    page_says = known(
        title=facts.title, titles=facts.titles, description=facts.description or "", stated=stated
    )
    selection = select(found, page_says, None if large else lambda: second_opinion(shown), weights)
    body = "\n".join(found[n].text for n in selection.kept)
    hidden = ""
    if length(body) < _FEWEST_SHOWN and length(stated) < _FEWEST_SHOWN:
        hidden = _paragraphs(states.text(root))
        if length(hidden) < _FEWEST_SHOWN or _is_other_story(facts, body, hidden):
            hidden = ""
    given = foreign_extractors.first_text(limits, text.text, url=url, own=body)
    cuts = [NO_VOTE] if large and not selection.is_sure else []
    extraction = _extraction(body, stated, hidden, found, selection, facts, text, cuts)
    if given is not None:
        body = given.text
        extraction = _given(extraction, given, stated, facts, text)
    elif extraction.method == "json_ld":
        body = _paragraphs(stated_as_written)
    elif extraction.method == "state":
        body = hidden
    story = (selection.kept[0], selection.kept[-1]) if selection.kept else (-1, -1)
    rest = metadata.read(elements, facts, found, story, raw, large=large)
    page = Page(
        title=facts.title,
        body=body,
        description=facts.description,
        authors=rest.authors,
        published_at=rest.published.at if rest.published else None,
        published_on=rest.published.day if rest.published else None,
        published_source=rest.published.source if rest.published else None,
        published_precision=rest.published.precision if rest.published else None,
        modified_at=rest.modified.at if rest.modified else None,
        canonical_url=facts.canonical,
        site_name=facts.site_name,
        publisher=rest.publisher,
        source_organization=rest.source_organization,
        section=rest.section,
        tags=rest.tags,
        images=rest.images,
        html_lang=rest.html_lang,
        is_accessible_for_free=rest.is_accessible_for_free,
        byline=rest.byline,
        rights=rest.rights,
        extraction=msgspec.structs.replace(extraction, marks=extraction.marks + rest.cuts),
    )
    reason = classify.by_content(
        facts,
        found,
        body,
        url,
        has_date=rest.published is not None and rest.published.source != "text",
        status=raw.status,
    )
    return page, NotArticle(reason=reason) if reason else None


def second_opinion(root: Element) -> str:
    """The text that Trafilatura finds, from a copy of the tree without what it would throw away itself."""
    tree = copy(root)
    etree.strip_elements(tree, *_NO_TEXT, with_tail=False)
    etree.strip_tags(tree, *MANUALLY_STRIPPED)
    document = bare_extraction(tree, options=_OPTIONS)
    return (document.text or "") if document is not None else ""


def _extraction(
    body: str,
    stated: str,
    hidden: str,
    found: list[Passage],
    selection: Selection,
    facts: Facts,
    text: decoding.Text,
    cuts: list[str],
) -> Extraction:
    """Which candidate is the body, why, and how far to trust it."""
    second = selection.second
    own, claimed = length(body) if body else 0, length(stated) if stated else 0
    method, reason = "passages", "the selected passages"
    if (
        claimed > _FEWEST_SHOWN
        and own < TRUNCATED_SHARE * claimed
        and not _is_other_text(body, stated)
        and not _holds(body, stated)
    ):
        method, reason = "json_ld", "the page shows less than its JSON-LD articleBody"
    elif hidden:
        method, reason = "state", "the page's program shows this text, its markup holds none"
    elif selection.is_voted:
        method, reason = "trafilatura", "no passage weighed enough"
    words = {"json_ld": claimed, "state": length(hidden) if hidden else 0}.get(method, own)
    marks = [*text.marks, *cuts]
    if len(selection.removed) > MOST_REMOVED:
        marks.append(REMOVED_CUT)
    if selection.hidden_words > HIDDEN_SHARE * own and method == "passages":
        marks.append("hidden_text")
    if classify.is_live(facts):
        marks.append("live_ticker")
    completeness = _completeness(words, claimed, facts, body, marks)
    if "hidden_text" in marks:
        completeness = min(completeness, own / (own + selection.hidden_words))
    return Extraction(
        method=method,
        reason=reason,
        candidates={
            "passages": len(body),
            "trafilatura": len(second),
            **({"json_ld": len(stated)} if stated else {}),
            **({"state": len(hidden)} if hidden else {}),
        },
        agreement=round(_overlap(body, second), 3) if body and second else None,
        completeness=round(completeness, 3),
        marks=tuple(marks),
        charset=text.charset,
        removed=tuple(
            Removal(rule=rule, text=found[n].text[:2_000], paragraph=n)
            for n, rule in selection.removed[:MOST_REMOVED]
        ),
    )


def _given(
    extraction: Extraction, given: foreign_extractors.Text, stated: str, facts: Facts, text: decoding.Text
) -> Extraction:
    """How the body was got, where a plug-in gave it."""
    marks = [*text.marks]
    claimed = length(stated) if stated else 0
    completeness = _completeness(length(given.text), claimed, facts, given.text, marks)
    return msgspec.structs.replace(
        extraction,
        method=given.name,
        reason="the first plug-in that had a text",
        candidates={**extraction.candidates, given.name: len(given.text)},
        completeness=round(completeness, 3),
        marks=tuple(marks),
    )


def _completeness(words: int, claimed: int, facts: Facts, body: str, marks: list[str]) -> float:
    """How much of the article is here, 0–1; adds the marks that say why not all.

    The measure is the page's own word count where it gives one (JSON-LD `wordCount` or articleBody), else 1,
    less for a paywall, a cut-off end, or a title of which the text has nothing.
    """
    if not words:
        return 0.0
    complete = 1.0
    counted = structured.text(facts.article.get("wordCount"))
    stated = max(claimed, int(counted) if counted and counted.isdecimal() and len(counted) < 7 else 0)
    if stated >= _FEWEST_STATED:
        complete = min(1.0, words / stated)
    if any(structured.truth(node.get("isAccessibleForFree")) is False for node in facts.nodes):
        marks.append("paywall")
        complete = min(complete, 0.5) if words < _SHORT else complete
    if body.rstrip().lower().endswith(_ENDINGS):
        marks.append("truncated")
        complete = min(complete, 0.5)
    if facts.title and not _shares_words(facts.title, body):
        marks.append("title-not-in-text")
        complete *= 0.8
    return complete


def _shares_words(title: str, body: str) -> bool:
    wanted = {word for word in fold(title).split() if len(word) > 3}
    return not wanted or any(wanted.intersection(fold(line).split()) for line in body.splitlines())


def _overlap(first: str, second: str) -> float:
    """Dice coefficient of two texts' distinct words, 0–1."""
    left, right = set(fold(first[:_COMPARED]).split()), set(fold(second[:_COMPARED]).split())
    return 2 * len(left & right) / (len(left) + len(right)) if left or right else 1.0


def _is_other_text(body: str, stated: str) -> bool:
    """Whether the text on the page is something else than the stated body, not a part of it."""
    folded, searched, looked_at, known = fold(stated), 0, 0, 0
    for line in map(fold, body.splitlines()):
        searched += len(folded)
        if searched > _MOST_SEARCHED:
            break
        looked_at += len(line)
        known += len(line) if line in folded else 0
    return bool(body) and known < 0.5 * looked_at


def _holds(body: str, stated: str) -> bool:
    """Whether a text has nearly all that another says, which may say it twice."""
    words, own = fold(stated[:_COMPARED]).split(), fold(body[:_COMPARED]).split()
    known = {tuple(own[n : n + _PART]) for n in range(len(own) - _PART + 1)}
    parts = [tuple(words[n : n + _PART]) for n in range(0, len(words) - _PART + 1, _PART)]
    return bool(parts) and sum(part in known for part in parts) >= _NEARLY_ALL * len(parts)


def _is_other_story(facts: Facts, shown: str, hidden: str) -> bool:
    """Whether a text of the page's state has nothing of the page's title, description and visible text."""
    known = set(fold(f"{facts.title or ''} {facts.description or ''} {shown[:_COMPARED]}").split())
    wanted = {word for word in known if len(word) > 3}
    return bool(wanted) and len(wanted.intersection(fold(hidden[:_COMPARED]).split())) < 0.3 * len(wanted)


def _paragraphs(stated: str) -> str:
    """A JSON-LD articleBody as paragraphs; markup in it is read as such."""
    stated = strings.composed(strings.prose(stated[:_LONGEST_STATED]))
    if "<" in stated and ">" in stated:
        return "\n".join(p.text for p in passages(html.fragment_fromstring(stated, create_parent="div")))
    return "\n".join(
        line for part in strings.unescaped(stated).splitlines() if (line := " ".join(part.split()))
    )


_NEVER_TEXT: Final = re.compile(
    r"\s*(?:(?:image|audio|video|font|model)/"
    r"|application/(?!octet-stream|(?:[^;\s]{0,99}\+)?(?:xml|xhtml|html)))",
    re.IGNORECASE,
)
"""Declared types of bytes that were never meant as a page; what is a page all the same is read as one."""


def _charset_in(content_type: str | None) -> str | None:
    match = _CHARSET.search(content_type or "")
    return match.group(1) if match else None


def _nothing(reason: NotArticleReason, charset: str = "utf-8") -> tuple[Page, NotArticle]:
    extraction = Extraction(method="none", reason=reason, completeness=0.0, charset=charset)
    return Page(title=None, body="", extraction=extraction), NotArticle(reason=reason)
