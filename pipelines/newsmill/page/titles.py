"""The title as a reader sees it, without the site's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from newsmill import strings

_SEPARATOR: Final = re.compile(r"\s+[|｜–—·•»«›‹/:~>-]\s+|\s*[|｜]\s*|\s+::\s+|\s+[-–—]|[-–—]\s+")
_ANY_SEPARATOR: Final = re.compile(r"\s*[|｜»›•·_>]+\s*|\s+[-–—/~‹«:]+\s+|:\s+|[-–—]+\s+|\s+[-–—]+")
_UNSPACED_SEPARATOR: Final = re.compile(r"\s*(?:[|｜»›•·_>]+|-+|–+|—+|\s[/~‹«:]+\s|:\s)\s*")
_WORD: Final = re.compile(r"\w+")
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,9})(?:\s[^<>]*|/)?>")
_ALONE: Final = frozenset(("br", "wbr", "img", "hr"))
_IN_TEXT: Final = frozenset(
    """
    a abbr b bdi bdo big center cite del div em font h1 h2 h3 h4 h5 h6 i ins mark nobr p q s small span strike
    strong sub sup time tt u
    """.split()
)
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
_BEFORE_MARK: Final = re.compile(r"(\w) +([:,.]) ")
_DATED: Final = re.compile(r"^[\W\d]*\d[\W\d]*(?:[^\W\d]{1,12}[\W\d]*){0,3}$")
_LABELS: Final = ("|", "｜", "»", "›", "«", "•", "::", "_", ">")
_PATH_MARKS: Final = ("»", "›")
_SAME: Final = 0.4
_FEW: Final = 3
_LONGEST_TIME: Final = 60
_WORDS_OF_DAY: Final = 6
_LONGEST: Final = 500
_MOST: Final = 50
_MOST_PARTS: Final = 8
_LABEL_WORDS: Final = 6


@dataclass(frozen=True, slots=True)
class Line:
    """A short line that a reader sees: its text, and whether it is marked up as a heading."""

    text: str
    is_heading: bool
    is_link: bool = False


def choose(
    *,
    headings: Sequence[str],
    claimed: Sequence[str],
    document_title: str | None,
    sites: Iterable[str],
    lines: Iterable[Line] = (),
    is_french: bool = False,
) -> str | None:
    """The title of a page.

    The visible heading wins when the head of the page confirms it, since the head's titles are often
    written for search engines or with the site's name. Where no h1 is confirmed, the line that a reader sees
    and that the head's title holds between two separators is the title; where there is none, the page's
    only h1.

    Args:
        headings: The texts of the page's visible h1 elements, in order.
        claimed: JSON-LD headline, og:title, twitter:title: whichever there are, best first.
        document_title: The `<title>`.
        sites: Names the site goes by, and its domain.
        lines: The short lines that a reader sees, in order; gone through only where they are needed.
        is_french: Whether a blank stands before a colon by the language's own rules.
    """
    names = {folded for site in sites if (folded := squeezed(site))}
    headings = [plain(heading) for heading in headings[:_MOST]]
    claimed = [text for claim in claimed if (text := plain(claim))]
    document_title = plain(document_title) if document_title else ""
    title = _chosen(headings, claimed, document_title, names, lines)
    if title is None or is_french:
        return title
    return _BEFORE_MARK.sub(r"\1\2 ", title)


def _chosen(
    headings: Sequence[str],
    claimed: Sequence[str],
    document_title: str,
    names: set[str],
    lines: Iterable[Line],
) -> str | None:
    claims = [cut for claim in claimed if (cut := without_site(claim, names))]
    documented = without_site(document_title, names) if document_title else ""
    confirming = [*claims, documented] if documented else claims
    best, score = None, 0.0
    for heading in headings:
        if squeezed(heading) in names:
            continue
        likeness = max((_likeness(heading, claim) for claim in confirming), default=0.0)
        if likeness > score or (
            likeness == score > 0 and best is not None and _size(best) < min(_FEW, _size(heading))
        ):
            best, score = without_site(heading, names), likeness
    if best is not None and (score >= _SAME or not confirming):
        if not claims and _is_part(best, document_title):
            other = _shown(lines, [document_title], {*names, squeezed(best)})
            if other is not None and other.is_heading and squeezed(best) not in squeezed(other.text):
                return other.text
        return _without_additions(best, claims, documented)
    shown = _shown(lines, [document_title, *claimed], names)
    if shown is not None:
        return shown.text
    own = [heading for heading in headings if (name := squeezed(heading)) and name not in names]
    if len(own) == 1 and not _is_part(own[0], document_title) and (not claims or _size(own[0]) >= _FEW):
        return own[0]
    return claims[0] if claims else documented or (headings[0] if headings else None)


def plain(title: str) -> str:
    """A title as one line without markup, at most 500 characters."""
    title = title[: 4 * _LONGEST]
    if "<" in title or "&" in title:
        title = _without_markup(strings.unescaped(title))
    return " ".join(strings.composed(title).split())[:_LONGEST]


def _without_markup(title: str) -> str:
    """A title without the tags that format it; what else is written as a tag is what it speaks of.

    >>> _without_markup("<b>Port</b> reopens<br>"), _without_markup("Why <tag> and <b> stay")
    (' Port  reopens ', 'Why <tag> and <b> stay')
    """
    tags = [(tag[1], tag[2].lower()) for tag in _TAG.finditer(title)]
    paired = {name for end, name in tags if not end and ("/", name) in tags and name in _IN_TEXT} | _ALONE
    return _TAG.sub(lambda tag: " " if tag[2].lower() in paired else tag[0], title)


def _shown(lines: Iterable[Line], titles: Sequence[str], names: set[str]) -> Line | None:
    """The line that a reader sees and that a title of the head holds between separators."""
    wanted: dict[str, float] = {}
    for title in titles:
        for at, part in _stretches(title):
            key, size = squeezed(part), _size(part)
            if size >= _FEW - (part == title) and key not in names:
                wanted[key] = max(wanted.get(key, 0.0), size + 2.0 * (at == 0))
    begins = {key[0] for key in wanted}
    longest = max(map(len, wanted), default=0)
    best, best_score = None, 0.0
    for line in lines:
        first = _WORD.search(line.text)
        if first is None or first.group()[0].casefold()[:1] not in begins or len(line.text) > 2 * longest:
            continue
        score = wanted.get(squeezed(line.text), 0.0)
        if score:
            score += 6 if line.is_heading else -4 * line.is_link
            if score > best_score:
                best, best_score = line, score
    return best


def _is_part(heading: str, title: str) -> bool:
    """Whether a heading stands in a title of the head as a site's or section's name does.

    Such names stand behind other parts, or first in a path that is written with "»".

    >>> _is_part("The Daily Ferry", "Ferry stops - The Daily Ferry")
    True
    >>> _is_part("Ferry stops", "Ferry stops - The Daily Ferry")
    False
    >>> _is_part("Ferry blog", "Ferry blog » Archive » Why the ferry stops")
    True
    """
    key = squeezed(heading)
    places = {at for at, part in _stretches(title) if squeezed(part) == key}
    is_path = any(mark in title for mark in _PATH_MARKS)
    return key != squeezed(title) and bool(places) and (is_path or 0 not in places)


def _stretches(title: str) -> Iterator[tuple[int, str]]:
    """(place, text) of every run of parts of a title between separators."""
    separator = _UNSPACED_SEPARATOR if _UNSPACED.search(title) else _ANY_SEPARATOR
    cuts = list(separator.finditer(title))[: _MOST_PARTS - 1]
    starts = [0, *(cut.end() for cut in cuts)]
    ends = [*(cut.start() for cut in cuts), len(title)]
    for first, start in enumerate(starts):
        for end in ends[first:]:
            yield first, title[start:end]


def _without_additions(heading: str, claims: Sequence[str], documented: str) -> str:
    """A heading without what the head leaves out: a kicker or a day before it, a time behind it.

    A heading that a claim has word by word is whole; a colon that only markup shows is taken from the claim.
    """
    words = _WORD.findall(heading.casefold())
    claimed = [(claim, _WORD.findall(claim.casefold())) for claim in claims]
    forms = [*claimed, (documented, _WORD.findall(documented.casefold()))]
    if any(form == words for _, form in claimed):
        same = [claim for claim, form in forms if form == words]
        return max([heading, *same], key=lambda title: title.count(":"))
    for claim, form in forms:
        if len(form) < _FEW or claim.endswith(("…", "...")):
            continue
        if words[-len(form) :] == form:
            return claim if len(form) < len(words) or claim.count(":") > heading.count(":") else heading
        if words[: len(form)] == form and _is_time(words[len(form) :]):
            return claim
        at = _starts_at(words, form)
        if at and _is_time(words[:at]):
            return heading[list(_WORD.finditer(heading))[at].start() :]
    return heading


def _is_time(words: Sequence[str]) -> bool:
    return _DATED.match(" ".join(words)[:_LONGEST_TIME]) is not None


def _starts_at(words: Sequence[str], form: Sequence[str]) -> int | None:
    """Behind how many words, of a day's few, the rest of a heading begins a claim that goes on."""
    return next(
        (
            at
            for at in range(1, _WORDS_OF_DAY)
            if len(words) - at >= _FEW and form[: len(words) - at] == words[at:]
        ),
        None,
    )


def without_site(title: str, names: set[str]) -> str:
    """A title without the parts at its ends that name the site.

    >>> without_site("Taliban toughen stance - Asian Lite News", {"asianlitenews"})
    'Taliban toughen stance'
    >>> without_site("Spurs sack Pochettino | Football | The Paper", set())
    'Spurs sack Pochettino'
    >>> without_site("青河渡口停运十一年后将重新开放_本地新闻_青河网", set())
    '青河渡口停运十一年后将重新开放'
    >>> without_site("Le projet « La Traversée »", set())
    'Le projet « La Traversée »'
    """
    title = " ".join(title.split())
    while True:
        cuts = [cut for cut in _separators(title) if not _is_quote(title, cut)]
        if not cuts:
            return title
        head, tail = title[: cuts[-1].start()].strip(), title[cuts[-1].end() :].strip()
        first, rest = title[: cuts[0].start()].strip(), title[cuts[0].end() :].strip()
        if head and (squeezed(tail) in names or _is_label(head, cuts[-1].group().strip(), tail)):
            title = head
        elif rest and squeezed(first) in names:
            title = rest
        else:
            return title


_SITE_ENDS: Final = re.compile(
    r"(?:网|網|报|報|新闻|新聞|在线|在線|频道|頻道|中心|门户|时报|時報|日报|日報|ニュース|オンライン|뉴스|일보|신문)$"
)
_CJK_SEPARATOR: Final = re.compile(r"\s*(?:[|｜_]+|-+|――+)\s*|\s+[-–—·•»›/:~>]\s+")


def _separators(title: str) -> Iterator[re.Match[str]]:
    return (_CJK_SEPARATOR if _UNSPACED.search(title) else _SEPARATOR).finditer(title)


def _is_quote(title: str, cut: re.Match[str]) -> bool:
    """Whether a mark is one of a pair of guillemets, so that it quotes and doesn't separate."""
    mark = cut.group().strip()
    pairs = {"«": "»", "»": "«", "‹": "›", "›": "‹"}
    return mark in pairs and pairs[mark] in title


def _is_label(head: str, separator: str, tail: str) -> bool:
    """Whether what stands behind a separator is a label and not part of the sentence."""
    if separator in ("-", "") and _UNSPACED.search(tail) and _SITE_ENDS.search(tail):
        return _size(head) >= _size(tail)
    if separator.strip("|｜_>»›«•:-―") or separator in ("-", ":", ""):
        return False
    words, before = _size(tail), _size(head)
    return words <= _LABEL_WORDS and before >= max(2, words - 1)


def _size(text: str) -> int:
    """Words of a title; of a script without blanks, half its characters."""
    unspaced = len(_UNSPACED.findall(text))
    return max(len(_WORD.findall(text)), (unspaced + 1) // 2)


def squeezed(text: str) -> str:
    """Letters and digits of a text in lower case, with nothing between: for comparing names."""
    return "".join(_WORD.findall(text.casefold())).replace("_", "")


def _likeness(a: str, b: str) -> float:
    """Dice coefficient of the two titles' words, 0–1; of their characters, where there are no blanks."""
    left, right = _units(a), _units(b)
    return 2 * len(left & right) / (len(left) + len(right)) if left and right else 0.0


def _units(text: str) -> set[str]:
    folded = text.casefold()
    return set(_WORD.findall(folded)) if not _UNSPACED.search(folded) else set("".join(_WORD.findall(folded)))
