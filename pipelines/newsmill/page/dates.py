"""When a page was published: from what it says, with the source and how exact it is.

Nothing is guessed from the clock of this machine. A date that only a footer's year hints at is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from htmldate import extractors, find_date

from newsmill.page import structured
from newsmill.page.document import Element
from newsmill.page.structured import Node
from newsmill.records import Micros

EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(2099, 12, 31)
_YEAR_ONLY: Final = "-01-01"
_AHEAD: Final = timedelta(days=2)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_ISO: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2}(?!\d))?)?",
    re.IGNORECASE,
)
_COMPACT: Final = re.compile(
    r"((?:19|20)\d{2})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?(Z|[+-]\d{2}:?\d{2})?"
)
_SLASHED: Final = re.compile(
    r"((?:19|20)\d{2})/(\d{1,2})/(\d{1,2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?(Z|[+-]\d{2}:?\d{2})?"
)
_MONTHS: Final = {
    name: number
    for number, line in enumerate(
        (
            line
            for line in Path(__file__).with_name("months.txt").read_text("utf-8").splitlines()
            if not line.startswith("#")
        ),
        start=1,
    )
    for name in line.split()
}
_MAYBE_DATE: Final = re.compile(r"\d{4}|\d[./-]\d")
_DAY_MONTH: Final = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|[.,-])?\s{0,3}(?:de |of |d’)?\s{0,3}([^\W\d_]{3,12})\b"
    r"\.?,?-?\s{0,3}(?:de |del )?\s{0,3}(\d{4})",
    re.IGNORECASE,
)
_MONTH_DAY: Final = re.compile(
    r"\b([^\W\d_]{3,12})\b\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})", re.IGNORECASE
)
_YEAR_FIRST: Final = re.compile(r"(?<!\d)(\d{4})[-./年]\s?(\d{1,2})[-./月]\s?(\d{1,2})(?!\d)")
_NUMERIC: Final = re.compile(r"(?<![\d.])(\d{1,2}) ?([./|-]) ?(\d{1,2}) ?\2 ?(\d{4}|\d{2})(?!\d)")
_URL_DAY: Final = re.compile(r"/((?:19|20)\d{2})[/_-](0?[1-9]|1[0-2])[/_-](0?[1-9]|[12]\d|3[01])(?:[/_-]|$)")

_DATED_TYPES: Final = frozenset(("WebPage", "ItemPage", "VideoObject", "Recipe", "PodcastEpisode"))
PUBLISHED_NAMES: Final = (
    "article:published_time",
    "og:article:published_time",
    "article:published",
    "og:published_time",
    "datepublished",
    "date_published",
    "published_time",
    "publish-date",
    "publishdate",
    "publish_date",
    "publication_date",
    "originalpublicationdate",
    "pubdate",
    "dc.date.issued",
    "dcterms.issued",
    "dcterms.created",
    "dc.date.created",
    "sailthru.date",
    "parsely-pub-date",
    "cxenseparse:recs:publishtime",
    "rnews:datepublished",
    "article.published",
    "article:post_date",
    "shareaholic:article_published_time",
    "citation_publication_date",
    "og:pubdate",
    "dcterms.date",
    "dc.date",
    "dc:date",
    "date",
    "last-modified-date-original",
    "displaydate",
    "created",
    "article_date_original",
    "article:create",
)
MODIFIED_NAMES: Final = (
    "article:modified_time",
    "og:article:modified_time",
    "og:updated_time",
    "datemodified",
    "last-modified",
    "lastmod",
    "dcterms.modified",
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment that a page states.

    Attributes:
        at: Microseconds since 1970 UTC; a day without a time is its midnight UTC.
        day: The day in the page's own time zone, `YYYY-MM-DD`.
        precision: `second`, `minute` or `day`.
        source: `json_ld`, `meta`, `time_element`, `url` or `text`.
        local: Whether the page gave an offset other than zero, so that `day` is a local one.
    """

    at: Micros
    day: str
    precision: str
    source: str
    local: bool = False


def published(
    root: Element,
    article: Node,
    found: Sequence[Node],
    meta: Mapping[str, list[str]],
    opening: Sequence[str],
    *,
    month_first: bool,
    url: str | None,
    fetched_at: Micros | None,
    searched: bool,
    extensive: bool,
) -> Stamp | None:
    """The best-founded publication time of a page.

    Args:
        root: The tree. Call this last: the text search may change it.
        article: The page's JSON-LD article object.
        found: All JSON-LD objects.
        meta: Meta tags by lower-case name.
        opening: The short passages around the title, where a reader sees the date. They decide the day
            of a time that is given in UTC only.
        month_first: Whether 2/1/2024 is in February here.
        url: The page's URL; a day in its path counts.
        fetched_at: Nothing later than two days after this is believed.
        searched: Whether the tree may be searched: that is slow where it has very many elements.
        extensive: Whether the whole source may be searched too: its patterns are slow on megabytes.
    """
    latest = LATEST
    if fetched_at is not None:
        latest = min(latest, (_EPOCH + timedelta(microseconds=fetched_at) + _AHEAD).date())
    in_url = (
        parse("-".join(match.groups()), "url", latest) if url and (match := _URL_DAY.search(url)) else None
    )
    stamp = _stated(article, found, meta, latest)
    if stamp is not None and stamp.local:
        return stamp
    visible = _visible(opening, latest, month_first=month_first)
    if stamp is not None:
        return _on_the_readers_day(stamp, [*visible, *([in_url.day] if in_url else [])])
    marked = _time_element(root, latest)
    if len(set(visible)) == 1:
        shown = parse(visible[0], "text", latest)
        return marked if marked and shown and marked.day == shown.day else shown
    if marked:
        return marked
    if in_url:
        return in_url
    if visible:
        return parse(visible[0], "text", latest)
    if not searched:
        return None
    text = find_date(
        root,
        extensive_search=extensive,
        original_date=True,
        min_date=EARLIEST.isoformat(),
        max_date=latest.isoformat(),
        url=url,
    )
    return parse(text, "text", latest) if text and not text.endswith(_YEAR_ONLY) else None


class _OwnParser:
    """Reads the dates in words for which htmldate asks dateparser.

    dateparser imports 200 modules and takes seconds for the first text that it can't read. On 1,300
    evaluation pages it finds three dates that matter, and so does this.
    """

    def get_date_data(self, text: str) -> dict[str, datetime | None]:
        """As dateparser's: the first day that the text names."""
        days = _visible([text], LATEST, month_first=False)
        return {"date_obj": datetime.fromisoformat(days[0]) if days else None}


extractors.get_external_parser = _OwnParser
extractors.month_words = _MONTHS.keys


def _stated(
    article: Node, found: Sequence[Node], meta: Mapping[str, list[str]], latest: date
) -> Stamp | None:
    """The time in JSON-LD or in a meta tag."""
    for key in ("datePublished", "dateCreated", "uploadDate"):
        if stamp := parse(structured.text(article.get(key)), "json_ld", latest):
            return stamp
    for name in PUBLISHED_NAMES:
        for value in meta.get(name, ()):
            if stamp := parse(value, "meta", latest):
                return stamp
    dated = (node.get("datePublished") for node in found if structured.types(node) & _DATED_TYPES)
    stamps = (parse(structured.text(value), "json_ld", latest) for value in dated)
    return next((stamp for stamp in stamps if stamp), None)


def _on_the_readers_day(stamp: Stamp, days: Sequence[str]) -> Stamp:
    """The same moment on the day that the page shows, where that is the day before or after."""
    if stamp.day in days:
        return stamp
    own = date.fromisoformat(stamp.day)
    near = [day for day in days if abs((date.fromisoformat(day) - own).days) == 1]
    return replace(stamp, day=near[0]) if near else stamp


def _visible(opening: Sequence[str], latest: date, *, month_first: bool) -> list[str]:
    """Days named in short passages, in their order."""
    found: list[tuple[int, int, str]] = []
    for index, text in enumerate(opening):
        if not _MAYBE_DATE.search(text):
            continue
        for match in _DAY_MONTH.finditer(text):
            found.append(
                (index, match.start(), _day(match[3], _MONTHS.get(match[2].lower(), 0), match[1], latest))
            )
        for match in _MONTH_DAY.finditer(text):
            found.append(
                (index, match.start(), _day(match[3], _MONTHS.get(match[1].lower(), 0), match[2], latest))
            )
        for match in _YEAR_FIRST.finditer(text):
            found.append((index, match.start(), _day(match[1], match[2], match[3], latest)))
        for match in _NUMERIC.finditer(text):
            first, second = match[1], match[3]
            if (month_first and match[2] == "/") or int(second) > 12:
                first, second = second, first
            year = match[4] if len(match[4]) == 4 else "20" + match[4]
            found.append((index, match.start(), _day(year, second, first, latest)))
    return [day for _, _, day in sorted(found) if day]


def _day(year: str, month: str | int, day: str, latest: date) -> str:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return ""
    return found.isoformat() if EARLIEST <= found <= latest else ""


def modified(article: Node, meta: Mapping[str, list[str]]) -> Stamp | None:
    """When the page says it was last changed."""
    if stamp := parse(structured.text(article.get("dateModified")), "json_ld", LATEST):
        return stamp
    values = (value for name in MODIFIED_NAMES for value in meta.get(name, ()))
    return next((stamp for value in values if (stamp := parse(value, "meta", LATEST))), None)


def parse(text: str | None, source: str, latest: date) -> Stamp | None:
    """Read an ISO 8601, RFC 2822 or epoch time; anything else, and what can't be, is None.

    >>> parse("2021-11-08T06:30:00+00:00", "meta", LATEST).at
    1636353000000000
    >>> parse("0000-00-00", "meta", LATEST)
    """
    if not text:
        return None
    text = text.strip()[:80]
    if text.isdigit() and len(text) in (10, 13):
        moment = _EPOCH + timedelta(seconds=int(text[:10]))
        return _stamp(moment, "second", source, latest)
    for pattern in (_ISO, _SLASHED, _COMPACT):
        match = pattern.match(text)
        if match is None:
            continue
        year, month, day, hour, minute, second, zone = match.groups()
        try:
            moment = datetime(
                int(year),
                int(month),
                int(day),
                int(hour or 0),
                int(minute or 0),
                min(59, int(second or 0)),
                tzinfo=_zone(zone),
            )
        except ValueError:
            continue
        precision = "second" if second else "minute" if minute else "day"
        return _stamp(moment, precision, source, latest)
    if re.match(r"[A-Za-z]{3},? ", text) or re.match(r"\d{1,2} [A-Za-z]{3} \d{4}", text):
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return _stamp(moment, "second", source, latest)
    return None


def _stamp(moment: datetime, precision: str, source: str, latest: date) -> Stamp | None:
    if not EARLIEST <= moment.date() <= latest:
        return None
    delta = moment - _EPOCH
    micros = (delta.days * 86_400 + delta.seconds) * 1_000_000
    return Stamp(micros, moment.date().isoformat(), precision, source, bool(moment.utcoffset()))


def _zone(text: str | None) -> timezone:
    if not text or text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0))
    if offset > timedelta(hours=14):
        return UTC
    return timezone(-offset if text[0] == "-" else offset)


def _time_element(root: Element, latest: date) -> Stamp | None:
    """The first time that is marked as published, else the first `<time>` that isn't a change's."""
    marked, plain = [], []
    for element in root.iter("time", "abbr", "meta", "span", "p", "div"):
        tag = element.tag
        prop = (element.get("itemprop") or element.get("property") or "").lower()
        value = (
            element.get("datetime")
            or element.get("content")
            or (element.get("title") if tag == "abbr" else None)
        )
        if value is None:
            continue
        if "datepublished" in prop or element.get("pubdate") is not None:
            marked.append(value)
        elif (
            tag in ("time", "abbr")
            and "modified" not in prop
            and "updat" not in (element.get("class") or "").lower()
        ):
            plain.append(value)
    for value in marked:
        if stamp := parse(value, "time_element", latest):
            return stamp
    return next((stamp for value in plain if (stamp := parse(value, "time_element", latest))), None)
