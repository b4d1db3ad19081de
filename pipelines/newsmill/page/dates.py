"""When a page was published: from what it says, with the source and how exact it is.

Nothing is guessed from the clock of this machine. A date that only a footer's year hints at is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from htmldate import extractors, find_date

from newsmill.page import structured, time_elements
from newsmill.page.datelines import CHANGED, COPYRIGHT, FIRST, is_running, is_stated
from newsmill.page.structured import Node
from newsmill.page.tree import Elements
from newsmill.records import Micros

EARLIEST: Final = date(1990, 1, 1)
LATEST: Final = date(2099, 12, 31)
_YEAR_ONLY: Final = "-01-01"
_AHEAD: Final = timedelta(hours=14)
"""Nowhere on earth is it later than this, counted from UTC."""

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
MONTHS: Final = {
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
_MAYBE_DATE: Final = re.compile(r"\d{4}|\d[./-]\d|\d\s?年")
_DAY_MONTH: Final = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|[.,-])?\s{0,3}(?:de |of |d’)?\s{0,3}"
    r"(?:[^\W\d_]{3,12}(?: [^\W\d_]{3,12})? ?/ ?)?([^\W\d_]{3,12})\b"  # both names of an Arabic month
    r"\.?,?-?\s{0,3}(?:de |del )?\s{0,3}(\d{4})",
    re.IGNORECASE,
)
_MONTH_DAY: Final = re.compile(
    r"\b([^\W\d_]{3,12})\b\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})", re.IGNORECASE
)
_YEAR_FIRST: Final = re.compile(r"(?<!\d)(\d{4})\s?[-./年년]\s?(\d{1,2})\s?[-./月월]\s?(\d{1,2})(?!\d)")
_ERAS: Final = {"民國": 1911, "民国": 1911, "令和": 2018, "平成": 1988, "昭和": 1925}
_ERA_YEAR: Final = re.compile(
    r"(民國|民国|令和|平成|昭和)\s?(元|\d{1,3})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日"
)
_NUMERALS: Final = {sign: value for value, sign in enumerate("〇一二三四五六七八九")} | {
    "○": 0,
    "零": 0,
    "Ｏ": 0,
}
_WRITTEN: Final = re.compile(
    r"([〇○零Ｏ一二三四五六七八九]{4})年([一二三四五六七八九十]{1,2})月([一二三四五六七八九十]{1,3})日"
)
_THAI_MONTHS: Final = {
    month: number
    for number, forms in enumerate(
        (
            "ม.ค. มกราคม",
            "ก.พ. กุมภาพันธ์",
            "มี.ค. มีนาคม",
            "เม.ย. เมษายน",
            "พ.ค. พฤษภาคม",
            "มิ.ย. มิถุนายน",
            "ก.ค. กรกฎาคม",
            "ส.ค. สิงหาคม",
            "ก.ย. กันยายน",
            "ต.ค. ตุลาคม",
            "พ.ย. พฤศจิกายน",
            "ธ.ค. ธันวาคม",
        ),
        start=1,
    )
    for month in forms.split()
}
_THAI: Final = re.compile(
    r"(?<!\d)(\d{1,2})\s{0,2}(" + "|".join(map(re.escape, _THAI_MONTHS)) + r")\s{0,2}(?:พ\.ศ\.\s?)?(\d{4})"
)
_BUDDHIST: Final = range(2450, 2650)
_BUDDHIST_AHEAD: Final = 543
_LABEL_BEFORE: Final = 30
_LONGEST_LINE: Final = 400
_LABEL_BEHIND: Final = 4
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
    elements: Elements,
    article: Node,
    found: Sequence[Node],
    meta: Mapping[str, list[str]],
    opening: Sequence[str],
    lines: Sequence[str],
    *,
    month_first: bool,
    url: str | None,
    received: Sequence[Micros],
    searched: bool,
    extensive: bool,
) -> Stamp | None:
    """The best-founded publication time of a page.

    Args:
        elements: The page. Call this last: the text search may change its tree.
        article: The page's JSON-LD article object.
        found: All JSON-LD objects.
        meta: Meta tags by lower-case name.
        opening: The short passages around the title, where a reader sees the date. They decide the day
            of a time that is given in UTC only.
        lines: All passages.
        month_first: Whether 2/1/2024 is in February here.
        url: The page's URL; a day in its path counts.
        received: When the page was there, by each who tells: the crawler, the broker. Nothing later than the
            earliest of them is believed: a page loaded years after its fetch was published before that.
            A time outside `EARLIEST` to `LATEST` is a fault and tells nothing, e.g. 0 or milliseconds.
        searched: Whether the tree may be searched: that is slow where it has very many elements.
        extensive: Whether the whole source may be searched too: its patterns are slow on megabytes.
    """
    latest = _bound(received)
    in_url = (
        parse("-".join(match.groups()), "url", latest) if url and (match := _URL_DAY.search(url)) else None
    )
    stamp = _stated(article, found, meta, latest)
    if stamp is not None and stamp.local:
        return stamp
    visible = _visible(opening, latest, month_first=month_first)
    if stamp is not None:
        return _on_the_readers_day(stamp, [*visible, *([in_url.day] if in_url else [])])
    marked = _time_element(elements, latest)
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
        elements.root,
        extensive_search=extensive,
        original_date=True,
        min_date=EARLIEST.isoformat(),
        max_date=latest.isoformat(),
        url=url,
    )
    if not text or text.endswith(_YEAR_ONLY):
        return None

    def days(written: str) -> Iterator[tuple[int, int, str]]:
        if stamp := parse(written, "text", latest):
            yield 0, len(written), stamp.day
        for first in (month_first, not month_first):
            yield from _days(written, latest, month_first=first)

    changed = modified(article, meta)
    is_own = is_stated(text, elements.root, lines, meta, url, changed.day if changed else None, days)
    return parse(text, "text", latest) if is_own else None


def _bound(received: Sequence[Micros]) -> date:
    """The last day on which the page can have been published."""
    first, last = _micros(EARLIEST), _micros(LATEST)
    plausible = [at for at in received if first <= at <= last]
    if not plausible:
        return LATEST
    return min(LATEST, (_EPOCH + timedelta(microseconds=min(plausible)) + _AHEAD).date())


def _micros(day: date) -> Micros:
    return (day - _EPOCH.date()).days * 86_400_000_000


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
extractors.month_words = MONTHS.keys


def _stated(
    article: Node, found: Sequence[Node], meta: Mapping[str, list[str]], latest: date
) -> Stamp | None:
    """The time in JSON-LD or in a meta tag."""
    for key in ("datePublished", "dateCreated", "uploadDate", "coverageStartTime"):
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
    """Days named in short passages, in their order; those of changes only where there are no others."""
    first: list[str] = []
    changed: list[str] = []
    for text in opening:
        text = text[:_LONGEST_LINE]
        if not _MAYBE_DATE.search(text) and not _WRITTEN.search(text):
            continue
        for start, end, day in sorted(_days(text, latest, month_first=month_first)):
            if not day or COPYRIGHT.search(text) or is_running(text, start, end):
                continue
            before = text[max(0, start - _LABEL_BEFORE) : start]
            is_change = bool(CHANGED.search(before)) and not FIRST.search(before)
            if is_change or CHANGED.match(text[end : end + _LABEL_BEHIND].lstrip("日 :0123456789")):
                changed.append(day)
            else:
                first.append(day)
    return first or changed


def _days(text: str, latest: date, *, month_first: bool) -> Iterator[tuple[int, int, str]]:
    """(begin, end, day) of what is written like a day; the day is empty where it can't be one."""
    for match in _DAY_MONTH.finditer(text):
        yield *match.span(), _day(match[3], MONTHS.get(match[2].lower(), 0), match[1], latest)
    for match in _MONTH_DAY.finditer(text):
        yield *match.span(), _day(match[3], MONTHS.get(match[1].lower(), 0), match[2], latest)
    for match in _YEAR_FIRST.finditer(text):
        yield *match.span(), _day(match[1], match[2], match[3], latest)
    for match in _ERA_YEAR.finditer(text):
        year = _ERAS[match[1]] + (1 if match[2] == "元" else int(match[2]))
        yield *match.span(), _day(str(year), match[3], match[4], latest)
    for match in _WRITTEN.finditer(text):
        year_in_signs = "".join(str(_NUMERALS[sign]) for sign in match[1])
        yield *match.span(), _day(year_in_signs, _counted(match[2]), str(_counted(match[3])), latest)
    for match in _THAI.finditer(text):
        yield *match.span(), _day(match[3], _THAI_MONTHS[match[2]], match[1], latest)
    for match in _NUMERIC.finditer(text):
        first, second = match[1], match[3]
        if (month_first and match[2] == "/") or int(second) > 12:
            first, second = second, first
        year_written = match[4] if len(match[4]) == 4 else "20" + match[4]
        yield *match.span(), _day(year_written, second, first, latest)


def _counted(signs: str) -> int:
    """A number up to 99 in Chinese signs, e.g. `二十三`."""
    tens, ten, ones = signs.partition("十")
    if not ten:
        return _NUMERALS.get(signs, 0)
    return 10 * (_NUMERALS.get(tens, 0) if tens else 1) + (_NUMERALS.get(ones, 0) if ones else 0)


def _day(year: str, month: str | int, day: str, latest: date) -> str:
    number = int(year)
    if number in _BUDDHIST:
        number -= _BUDDHIST_AHEAD
    try:
        found = date(number, int(month), int(day))
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


def _time_element(elements: Elements, latest: date) -> Stamp | None:
    values = time_elements.stated(elements)
    return next((stamp for value in values if (stamp := parse(value, "time_element", latest))), None)
