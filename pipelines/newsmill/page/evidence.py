"""What speaks for and against a passage: some hundred numbers each, which the learned weights read.

Nothing here decides. Each number is cheap, is between 0 and 1 or close to it, and knows no site: length
and shape of the text, links, tag and role of the frames around it, what stands near it, how often frames of
its kind occur, and whether the page's own words or a second extractor agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log1p
from typing import Final

import numpy as np

from newsmill.page.frames import Tree
from newsmill.page.known import Known
from newsmill.page.lines import is_opening_line, line_rule
from newsmill.page.passages import HEADINGS, Passage
from newsmill.page.surroundings import (
    AROUND_NAMES,
    FEW_WORDS,
    LINKED,
    NEAR_NAMES,
    Matrix,
    around,
    near,
    title_at,
)

_SENTENCE_END: Final = re.compile(r"[.!?…。！？؟।]['\"”’»›)\]）」』]*$")
_HEAD: Final = 160
_LONGEST_TITLE: Final = 40
_OPENING_WORDS: Final = 15
_QUOTES: Final = "\"“„«'‘「『"
_NAMES_READ: Final = 120
_DIGIT: Final = re.compile(r"\d")
_MARKS: Final = re.compile(r"[,;，、；]")
_BARS: Final = re.compile(r"[|•·»›/▸]")
_UPPER: Final = re.compile(r"[^\W\d_a-zß-öø-ÿа-яα-ω](?<!\w.)")  # what is seldom comes first
_BODY: Final = re.compile(
    r"body|content|entry|text|story|article|post|main|paragraph|detail|inhalt|cuerpo|corps"
)

TAGS: Final = ("p", "li", "td", "div", "blockquote")
_IS_TAG: Final = {tag: [tag == other for other in TAGS] for tag in TAGS}
_NO_TAG: Final = [False] * len(TAGS)


def prose_of(p: Passage) -> float:
    """How much a passage looks like running text: about its number of words, at most 80."""
    if p.frame.tag in HEADINGS or p.frame.tag == "figcaption":
        return 0.0
    ascii_only = p.text.isascii()
    if p.words < 10 and ascii_only:
        return 0.0
    words = p.words if ascii_only else p.length
    if words < 10:
        return 0.0
    weight = float(min(words, 80))
    ends = _SENTENCE_END.search(p.text[-8:]) is not None
    if p.link_chars * 2 > len(p.text):
        return weight * 0.2 if ends else 0.0
    if not ends:
        weight *= 0.4
    return weight * 0.5 if p.frame.tag == "li" else weight


def _own(p: Passage, words: int, rule: str | None, known: Known) -> list[float]:
    """What a passage's own text, tag and the page's words about itself say."""
    text = p.text
    head = text[:_HEAD]
    shown_words = max(1.0, words * len(head) / len(text))
    folded = p.folded
    share_of_title = 0.0
    if known.title and words < _LONGEST_TITLE and not known.title.isdisjoint(folded.split()):
        own = set(folded.split())
        share_of_title = 2 * len(own & known.title) / (len(own) + len(known.title))
    return [
        min(log1p(words), 6.0) / 6,
        _SENTENCE_END.search(text[-8:]) is not None,
        p.link_share,
        min(1.0, len(_DIGIT.findall(head)) * 2 / len(head)),
        min(1.0, len(_MARKS.findall(head)) * 5 / shown_words),
        min(1.0, len(_UPPER.findall(head)) / shown_words),
        text[0] in _QUOTES,
        words < _OPENING_WORDS and is_opening_line(text),
        _BARS.search(head) is not None,
        share_of_title,
        len(folded) >= 40 and known.description[:40] == folded[:40],
        len(folded) >= 20 and folded in known.description,
        rule is not None,
        rule == "related-line",
        *_IS_TAG.get(p.frame.tag, _NO_TAG),
        known.stated is not None,
        known.stated is not None and folded in known.stated,
        True,  # until the second extractor is asked
        False,
        p.frame.is_folded,
        _is_body(p.frame.names[:_NAMES_READ]),
    ]


@lru_cache(maxsize=20_000)
def _is_body(names: str) -> bool:
    """Whether a frame's class or id says that it holds the text."""
    return _BODY.search(names.lower()) is not None


OWN_NAMES: Final = (
    "length",
    "sentence-end",
    "link-share",
    "digits",
    "commas",
    "capitals",
    "begins-quoted",
    "opening-line",
    "bars",
    "like-title",
    "opens-like-description",
    "in-description",
    "furniture",
    "related-line",
    *(f"tag:{tag}" for tag in TAGS),
    "json-ld-text",
    "in-json-ld-text",
    "no-vote",
    "voted",
    "folded",
    "named-body",
)


@dataclass(frozen=True, slots=True)
class Rows:
    """The numbers of those passages that may be the article's.

    Attributes:
        values: A row for each of them, columns as in `NAMES`.
        passages: Their indices among all passages.
        in_main: The indices of all passages in the page's main frame.
    """

    values: Matrix
    passages: tuple[int, ...]
    in_main: frozenset[int]

    def with_votes(self, voted: frozenset[int]) -> Matrix:
        """The rows as they are once the second extractor has chosen some passages."""
        values = self.values.copy()
        values[:, _NO_VOTE] = 0
        values[:, _VOTED] = [n in voted for n in self.passages]
        return values


def rows(passages: Sequence[Passage], known: Known) -> Rows:
    """Count what speaks for and against each passage that may be the article's.

    A few linked words outside the main frame are never the article's: nothing is counted for them.
    """
    words = [p.length for p in passages]
    prose = [prose_of(p) for p in passages]
    tree = Tree(passages, prose)
    main = tree.main()
    below = [False] * len(tree.frames)
    for f in range(1, len(tree.frames)):
        below[f] = below[tree.parent[f]] or tree.parent[f] == main
    in_main = [below[f] or tree.holds(f, main) for f in tree.at]
    which = tuple(
        n
        for n, p in enumerate(passages)
        if in_main[n] or words[n] >= _SENTENCE_WORDS or (words[n] >= FEW_WORDS and p.link_share <= LINKED)
    )
    rules = {n: line_rule(passages[n].text) for n in which}
    own = np.array([_own(passages[n], words[n], rules[n], known) for n in which], dtype=np.float32)
    if not which:
        own = np.zeros((0, len(OWN_NAMES)), dtype=np.float32)
    title = title_at(passages, known.titles)
    frames = around(passages, prose, tree, main, below, title, which)
    places = near(passages, words, prose, title, which)
    return Rows(
        np.concatenate([own, frames, places], axis=1),
        which,
        frozenset(n for n, is_in in enumerate(in_main) if is_in),
    )


_SENTENCE_WORDS: Final = 8


NAMES: Final = (*OWN_NAMES, *AROUND_NAMES, *NEAR_NAMES)
_NO_VOTE: Final = NAMES.index("no-vote")
_VOTED: Final = NAMES.index("voted")
