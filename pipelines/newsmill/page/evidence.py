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
from typing import Final

import numpy as np

from newsmill.page.frames import Tree
from newsmill.page.known import Known
from newsmill.page.lines import ends_sentence, is_opening_line, line_rule
from newsmill.page.passages import HEADINGS, Passage
from newsmill.page.signs import BARS, CAPITALS, DIGITS, MARKS, signs_of
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

_HEAD: Final = 160
_LONGEST_TITLE: Final = 40
_OPENING_WORDS: Final = 15
_QUOTES: Final = "\"“„«'‘「『"
_NAMES_READ: Final = 120
_BODY: Final = re.compile(
    r"body|content|entry|text|story|article|post|main|paragraph|detail|inhalt|cuerpo|corps"
)

TAGS: Final = ("p", "li", "td", "div", "blockquote")


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
    ends = ends_sentence(p.text)
    if p.link_chars * 2 > len(p.text):
        return weight * 0.2 if ends else 0.0
    if not ends:
        weight *= 0.4
    return weight * 0.5 if p.frame.tag == "li" else weight


def _own(passages: Sequence[Passage], lengths: Sequence[int], known: Known) -> Matrix:
    """What each passage's own text, tag and the page's words about itself say."""
    texts = [p.text for p in passages]
    heads = [text[:_HEAD] for text in texts]
    signs = signs_of(heads)
    words = np.array(lengths, dtype=np.float64)
    sizes = np.array([len(head) for head in heads], dtype=np.float64)
    shown_words = np.maximum(1.0, words * sizes / np.array([len(text) for text in texts], dtype=np.float64))
    rules = [line_rule(text) for text in texts]
    stated, described = known.stated, known.description
    own = np.zeros((len(passages), len(OWN_NAMES)), dtype=np.float32)
    columns = (
        np.minimum(np.log1p(words), 6.0) / 6,
        [ends_sentence(text) for text in texts],
        [p.link_share for p in passages],
        np.minimum(1.0, signs[:, DIGITS] * 2 / sizes),
        np.minimum(1.0, signs[:, MARKS] * 5 / shown_words),
        np.minimum(1.0, signs[:, CAPITALS] / shown_words),
        [text[0] in _QUOTES for text in texts],
        [n < _OPENING_WORDS and is_opening_line(text) for n, text in zip(lengths, texts, strict=True)],
        signs[:, BARS] > 0,
        [_share_of_title(p, n, known.title) for n, p in zip(lengths, passages, strict=True)],
        [described != "" and len(f := p.folded) >= 40 and described[:40] == f[:40] for p in passages],
        [described != "" and len(f := p.folded) >= 20 and f in described for p in passages],
        [rule is not None for rule in rules],
        [rule == "related-line" for rule in rules],
        *([p.frame.tag == tag for p in passages] for tag in TAGS),
        stated is not None,
        stated is not None and [p.folded in stated for p in passages],
        True,  # until the second extractor is asked
        False,
        [p.frame.is_folded for p in passages],
        [_is_body(p.frame.names[:_NAMES_READ]) for p in passages],
    )
    for n, column in enumerate(columns):
        own[:, n] = column
    return own


def _share_of_title(p: Passage, words: int, title: frozenset[str]) -> float:
    """Dice coefficient of a line's words and the title's, 0–1; 0 for what is no line."""
    if not title or words >= _LONGEST_TITLE:
        return 0.0
    folded = p.folded.split()
    if title.isdisjoint(folded):
        return 0.0
    own = set(folded)
    return 2 * len(own & title) / (len(own) + len(title))


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
    holders, behind = set(tree.holders(main)), tree.end[main]
    in_main = [main < f < behind or f in holders for f in tree.at]
    which = tuple(
        n
        for n, p in enumerate(passages)
        if in_main[n] or words[n] >= _SENTENCE_WORDS or (words[n] >= FEW_WORDS and p.link_share <= LINKED)
    )
    own = _own([passages[n] for n in which], [words[n] for n in which], known)
    title = title_at(passages, known.titles)
    frames = around(passages, prose, tree, main, title, which)
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
