"""Other stories on a story's page: the next article, an archive's, a teaser with its whole lead.

Such a story brings its own headline, as a link, in a frame of its own that doesn't hold the page's title.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from newsmill.page.passages import HEADINGS, Frame, Passage

_LINKED: Final = 0.8
_HEADLINE_WORDS: Final = 3
_STORY_WORDS: Final = 40
_MOST_SHARE: Final = 0.6
_LEVELS: Final = 6
_NO_STORY: Final = HEADINGS | {"p", "a", "td", "tr"}
_ALONE: Final = ("article",)
"""Frames that are a story of their own, whatever the second extractor says."""


def other_stories(
    passages: Sequence[Passage], kept: Sequence[int], title: int, voted: frozenset[int] | None
) -> list[int]:
    """Those of the kept passages that are another story's.

    Args:
        passages: All passages of the page.
        kept: Those that were chosen.
        title: Where the page's title stands; -1 where it doesn't.
        voted: What the second extractor chose; None where it was not asked.
    """
    holders = set()
    frame: Frame | None = passages[title].frame if title >= 0 else None
    while frame is not None:
        holders.add(id(frame))
        frame = frame.parent
    if not holders or not kept:
        return []
    where = range(max(0, kept[0] - 3), kept[-1] + 1)
    if not any(_may_be_headline(passages[n]) for n in where):
        return []
    total = sum(passages[n].words for n in kept)
    members: dict[int, tuple[Frame, list[int]]] = {}
    for n in where:
        frame = passages[n].frame
        for _ in range(_LEVELS):
            if frame is None or id(frame) in holders:
                break
            if frame.tag not in _NO_STORY:
                members.setdefault(id(frame), (frame, []))[1].append(n)
            frame = frame.parent
    chosen = set(kept)
    found: set[int] = set()
    for frame, block in members.values():
        if not _has_a_linked_headline(passages, block):
            continue
        own = [n for n in block if n in chosen]
        words = sum(passages[n].words for n in own)
        if not own or total - words < _STORY_WORDS or words > _MOST_SHARE * total:
            continue
        if frame.tag in _ALONE or (voted is not None and not voted.intersection(own)):
            found.update(own)
    return sorted(found)


def _may_be_headline(p: Passage) -> bool:
    return p.link_share > _LINKED and (p.words >= _HEADLINE_WORDS or not p.text.isascii())


def _has_a_linked_headline(passages: Sequence[Passage], block: Sequence[int]) -> bool:
    """Whether the first heading of a block, with nothing but labels before it, is a link of some words."""
    for n in block[:3]:
        p = passages[n]
        if p.frame.tag in HEADINGS or p.link_share > _LINKED:
            if _may_be_headline(p):
                return len(block) > 1
        elif p.words > _HEADLINE_WORDS:
            return False
    return False
