"""The title as a reader sees it, without the site's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

_SEPARATOR: Final = re.compile(r"\s+[|–—·•»«›‹/:~-]\s+|\s*[|»«›]\s*|\s+::\s+|\s+[-–—]|[-–—]\s+")
_WORD: Final = re.compile(r"\w+")
_SAME: Final = 0.4
_FEW: Final = 3
_LONGEST: Final = 500
_MOST: Final = 50


def choose(
    *,
    headings: Sequence[str],
    claimed: Sequence[str],
    document_title: str | None,
    sites: Iterable[str],
) -> str | None:
    """The title of a page.

    The visible heading wins when the head of the page confirms it, since the head's titles are often
    written for search engines or with the site's name.

    Args:
        headings: The texts of the page's h1 elements, in order.
        claimed: JSON-LD headline, og:title, twitter:title: whichever there are, best first.
        document_title: The `<title>`.
        sites: Names the site goes by, and its domain.
    """
    names = {folded for site in sites if (folded := squeezed(site))}
    headings = [heading[:_LONGEST] for heading in headings[:_MOST]]
    claims = [cut for claim in claimed if (cut := without_site(claim[:_LONGEST], names))]
    documented = without_site(document_title[:_LONGEST], names) if document_title else ""
    confirming = [*claims, documented] if documented else claims
    best, score = None, 0.0
    for heading in headings:
        if squeezed(heading) in names:
            continue
        likeness = max((_likeness(heading, claim) for claim in confirming), default=0.0)
        if likeness > score:
            best, score = without_site(heading, names), likeness
    if best is not None and (score >= _SAME or not confirming):
        return _without_kicker(best, confirming)
    if claims:
        return claims[0]
    if len(headings) == 1 and squeezed(headings[0]) not in names and len(_WORD.findall(headings[0])) > 2:
        return headings[0]
    return documented or (headings[0] if headings else None)


def _without_kicker(heading: str, claims: Sequence[str]) -> str:
    """The claim that a heading ends with: what stands before it in the heading is a kicker."""
    words = _WORD.findall(heading.casefold())
    for claim in claims:
        end = _WORD.findall(claim.casefold())
        if len(end) >= _FEW and words[-len(end) :] == end:
            return claim if len(end) < len(words) or claim.count(":") > heading.count(":") else heading
    return heading


def without_site(title: str, names: set[str]) -> str:
    """A title without the parts at its ends that name the site.

    >>> without_site("Taliban toughen stance - Asian Lite News", {"asianlitenews"})
    'Taliban toughen stance'
    >>> without_site("Spurs sack Pochettino | Football | The Paper", set())
    'Spurs sack Pochettino'
    """
    title = " ".join(title.split())
    while True:
        cuts = list(_SEPARATOR.finditer(title))
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


def _is_label(head: str, separator: str, tail: str) -> bool:
    """Whether what stands behind a separator is a label and not part of the sentence."""
    words = len(_WORD.findall(tail))
    before = len(_WORD.findall(head))
    if separator in ("|", "»", "›", "«", "•", "::"):
        return words <= 6 and before >= max(2, words - 1)
    return False


def squeezed(text: str) -> str:
    """Letters and digits of a text in lower case, with nothing between: for comparing names."""
    return "".join(_WORD.findall(text.casefold()))


def _likeness(a: str, b: str) -> float:
    """Dice coefficient of the two titles' words, 0–1."""
    left, right = set(_WORD.findall(a.casefold())), set(_WORD.findall(b.casefold()))
    return 2 * len(left & right) / (len(left) + len(right)) if left and right else 0.0
