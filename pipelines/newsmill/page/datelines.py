"""Whether a day that stands on a page can be the one on which it was published.

A day of running prose, of a copyright notice or of a change is not. A search of the whole source finds such
days too, and makes days of what is none (30 February, a month alone): what it finds counts only where the day
stands whole in the URL, in a line of its own, or in data whose name says that it is of the publication.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from newsmill.page.tree import Element

CHANGED: Final = re.compile(
    r"updat|modif|chang|aktualisier|geänder|stand\b|mise? à jour|actualiz|aggiorna|atualiza|bijgewerkt"
    r"|gewijzigd"
    r"|oppdater|opdater|uppdater|päivitet|обновл|измен|оновл|ενημ[εέ]ρωσ|güncel|更新|修改|수정",
    re.IGNORECASE,
)
COPYRIGHT: Final = re.compile(r"copyright|©|\(c\)|rights reserved|alle rechte|tous droits", re.IGNORECASE)
PUBLISHED: Final = (
    r"publi\w{0,12}|posted|veröffentlicht|gepostet|created|написан\w{0,4}|опублик\w{0,8}|δημοσ\w{0,12}"
    r"|发布|發布|发表|公開|掲載|등록|입력"
)
"""Words that stand before a day of publication, as a part of a pattern."""

FIRST: Final = re.compile(rf"{PUBLISHED}|original|first|erst", re.IGNORECASE)

_LABEL: Final = re.compile(rf"(?:{PUBLISHED}|erstellt)\W{{0,4}}(?:\w{{1,3}}\W{{1,2}}){{0,2}}$", re.IGNORECASE)
_OPENS_LINE: Final = re.compile(
    r"\W{0,4}(?:gespeichert|eingestellt|geschrieben|veröffentlicht|erstellt|submitted|posted|published|written"
    r"|publi[ée]|publicado|pubblicato|dieser (?:artikel|beitrag) wurde|this (?:article|post|entry) was"
    r"|cet article a été|este artículo fue)\b",
    re.IGNORECASE,
)
_NAMED: Final = re.compile(
    r"publi|creat|post|issue|upload|pub_?date|display|release|date|time", re.IGNORECASE
)
_NOT_NAMED: Final = re.compile(
    r"updat|modif|chang|expir|start|end|birth|death|valid|copyright|event|until|now|current|server",
    re.IGNORECASE,
)
_IN_SCRIPT: Final = re.compile(
    r"(?<![\w:.-])((?:[\w.-]|:(?=\w)){3,40}+)[\"']?\s{0,3}[:=]\s{0,3}[\"']((?:19|20)\d{2})[-/.]?(\d{2})[-/.]?(\d{2})"
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_HAN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_STOPS: Final = (".", "!", "?", "…", "。", "！", "？", ".”", '."', "।")
_BEHIND_DATELINE: Final = re.compile(r"\s{0,3}(?:\([^)]{1,40}\)\s{0,3})?[-–—:|•\])】]|\s{0,3}$")
_FEWEST_OF_PROSE: Final = 3  # words in small letters
_FEWEST_HAN: Final = 8
_LONGEST_LINE: Final = 400
_LONGEST_VALUE: Final = 80
_BEFORE: Final = 30
_NEAR_LABEL: Final = 60
_MOST_LINES: Final = 3_000
_MOST_SCRIPT: Final = 1_000_000

_INLINE: Final = frozenset(("a", "abbr", "b", "em", "font", "i", "small", "span", "strong", "u"))
_MOST_INLINE: Final = 3
_MOST_SIBLINGS: Final = 8

Days = Callable[[str], Iterable[tuple[int, int, str]]]
"""From a text to (begin, end, day) of what is written like a day; the day is empty where it can't be one."""


def is_running(text: str, start: int, end: int) -> bool:
    """Whether what stands there in a line is within a sentence, and neither labelled nor a dateline.

    >>> line = "He was born on 4 July 1996 in London."
    >>> is_running(line, 15, 26), is_running("By Ada Holm, 4 July 1996", 13, 24)
    (True, False)
    """
    before, behind = text[:start], text[end:]
    if _LABEL.search(before[-_BEFORE:]) or (start < _NEAR_LABEL and _OPENS_LINE.match(text)):
        return False
    small_before, small = _small(before), _small(before) + _small(behind)
    if small_before <= 1 and _BEHIND_DATELINE.match(behind):
        return False
    if len(_HAN.findall(text)) >= _FEWEST_HAN and text.rstrip().endswith(_STOPS):
        return len(_HAN.findall(before)) > 2 and not before.rstrip().endswith(("(", "（", "[", "【", "："))
    return small >= _FEWEST_OF_PROSE and (text.rstrip().endswith(_STOPS) or small_before > 1)


def _small(text: str) -> int:
    return sum(word[0].islower() for word in _WORD.findall(text[:_LONGEST_LINE]))


def is_in_sentence(element: Element) -> bool:
    """Whether an element is a part of running prose, as a day that a story tells of."""
    frame = element.getparent()
    for _ in range(_MOST_INLINE):
        if frame is None or frame.tag not in _INLINE:
            break
        element, frame = frame, frame.getparent()
    if frame is None:
        return False
    before = [(frame.text or "")[-_LONGEST_LINE:]]
    for sibling in reversed([*islice(element.itersiblings(preceding=True), _MOST_SIBLINGS)]):
        before += [*_texts(sibling), (sibling.tail or "")[-_LONGEST_LINE:]]
    behind = [(element.tail or "")[:_LONGEST_LINE]]
    for sibling in islice(element.itersiblings(), _MOST_SIBLINGS):
        behind += [*_texts(sibling), (sibling.tail or "")[:_LONGEST_LINE]]
    first, own, last = (" ".join(" ".join(part).split()) for part in (before, _texts(element), behind))
    first, last = first[-_LONGEST_LINE:], last[:_LONGEST_LINE]
    return is_running(f"{first} {own} {last}", len(first) + 1, len(first) + 1 + len(own))


def _texts(element: Element) -> list[str]:
    """The texts in an element; no more than a sentence has."""
    return [text[:_LONGEST_LINE] for text in islice(element.itertext(), _MOST_SIBLINGS)]


def is_stated(
    day: str,
    root: Element,
    lines: Sequence[str],
    meta: Mapping[str, list[str]],
    url: str | None,
    modified: str | None,
    days: Days,
) -> bool:
    """Whether a day, `YYYY-MM-DD`, stands where a publication's does.

    Args:
        day: The day.
        root: The tree.
        lines: The texts of its passages.
        meta: Its meta tags by lower-case name.
        url: The page's URL.
        modified: The day on which the page says, as data, that it was changed. A line that says so of another
            day counts: a page that shows no other day calls its own so.
        days: Reads the days in a text.
    """
    digits = day.replace("-", "")
    if url and digits in re.sub(r"(?<=\d)[-/_](?=\d)", "", url):
        return True
    if any(
        _is_named(name) and day in _found(value, days) for name, values in meta.items() for value in values
    ):
        return True
    if any(day in _found(value, days) for value in _attributes(root)):
        return True
    if any(_is_in_line(day, line[:_LONGEST_LINE], modified, days) for line in islice(lines, _MOST_LINES)):
        return True
    return digits in _of_scripts(root)


def _is_named(name: str) -> bool:
    return bool(_NAMED.search(name)) and not _NOT_NAMED.search(name)


def _found(value: str, days: Days) -> set[str]:
    return {day for _, _, day in days(value)} if len(value) <= _LONGEST_VALUE else set()


def _is_in_line(day: str, line: str, modified: str | None, days: Days) -> bool:
    if COPYRIGHT.search(line):
        return False
    return any(
        found == day
        and not is_running(line, start, end)
        and not (day == modified and CHANGED.search(line[max(0, start - _BEFORE) : start]))
        for start, end, found in days(line)
    )


def _attributes(root: Element) -> Iterator[str]:
    """Short values of attributes that are named like a date's, and of elements whose class is."""
    for element in root.iter(
        "time", "abbr", "span", "div", "p", "a", "li", "small", "article", "section", "meta"
    ):
        if _NOT_NAMED.search(
            (element.get("itemprop") or element.get("property") or element.get("class") or "")[:80]
        ):
            continue
        if element.tag in ("time", "abbr") and is_in_sentence(element):
            continue
        is_marked = element.tag in ("time", "abbr") or _NAMED.search((element.get("itemprop") or "")[:80])
        for name, value in element.items():
            if name in ("datetime", "title", "content") and not is_marked:
                continue
            if name in ("datetime", "title", "content") or (name.startswith("data-") and _is_named(name)):
                yield value


def _of_scripts(root: Element) -> set[str]:
    """Days, as `YYYYMMDD`, that scripts give to a name of a publication."""
    left, found = _MOST_SCRIPT, set()
    for script in root.iter("script"):
        text = (script.text or "")[:left]
        left -= len(text)
        found |= {"".join(match.groups()[1:]) for match in _IN_SCRIPT.finditer(text) if _is_named(match[1])}
    return found
