"""Which passages of a page are the article: each is weighed by what speaks for and against it.

`page.evidence` counts, `page.weighing` weighs. What is left here is what no single passage can know: a
title is no part of the body, the same words come once, and a page on which nothing weighs enough is left
to the second extractor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from newsmill.page import conversations, evidence, folding, neighbours, weighing
from newsmill.page.known import Known, SecondOpinion
from newsmill.page.lines import furniture_rule, is_opening_line, is_sentence
from newsmill.page.passages import HEADINGS, Frame, Passage, in_heading
from newsmill.page.roles import BIT

LEAST: Final = 0.5
"""A passage that is the article's with this likelihood is kept."""

LEAST_SHARE: Final = 0.4
"""With less than this share of the second extractor's words, its passages are taken instead."""

SURE_WORDS: Final = 60
OPEN_SHARE: Final = 0.1
"""A choice is sure with this many words, and no more than this share of them in passages that are open."""

_OPEN: Final = (0.35, 0.65)
_NOTED: Final = 0.1
_MOST_REASONS: Final = 3
_LINKED: Final = 0.8
_LINKED_WORDS: Final = 10
_NO_SENTENCE: Final = HEADINGS | {"li"}
_NOT_LINKED: Final = BIT["related"] | BIT["promo"] | BIT["nav"] | BIT["subscribe"] | BIT["share"]
_REPEATED_WORDS: Final = 8
_STORY_WORDS: Final = 40


@dataclass(frozen=True, slots=True)
class Selection:
    """The passages of the article, and why the others near it are not.

    Attributes:
        kept: Indices of the article's passages.
        removed: (passage, why) of those that stand in the article's frame or were nearly kept.
        is_sure: Whether the second extractor's vote could hardly change the choice.
        is_voted: Whether the second extractor's passages were taken, since nothing else weighed enough.
        second: What the second extractor found; empty where it was not asked.
        hidden_words: Words of hidden prose among the article's passages that are not kept.
    """

    kept: tuple[int, ...]
    removed: tuple[tuple[int, str], ...]
    is_sure: bool
    is_voted: bool
    second: str = ""
    hidden_words: int = 0


def select(
    passages: Sequence[Passage],
    page: Known,
    ask: Callable[[], str] | None,
    weights: weighing.Weights | None = None,
) -> Selection:
    """Choose the article's passages.

    Args:
        passages: All passages of the page.
        page: What the page says of its article.
        ask: Gives the text that the second extractor finds; called only when the choice is not sure without.
            None: it can't be asked.
        weights: Others than the package's own: to measure weights that were learned without a page's site.
    """
    if not passages:
        return Selection((), (), is_sure=True, is_voted=False)
    rows = evidence.rows(passages, page)
    weights = weights or weighing.standard()
    places = list(rows.passages)
    leaves = weights.leaves(rows.values)
    odds = weights.likelihood(leaves)
    second, voted = "", None
    is_sure = _is_sure(passages, places, odds)
    if not is_sure and ask is not None:
        second = ask()
        voted = SecondOpinion(second).among(passages)
        leaves = weights.leaves(rows.with_votes(voted))
        odds = weights.likelihood(leaves)
    likely = dict(zip(places, odds.tolist(), strict=True))
    kept, why, is_voted = _first_choice(passages, likely, page.titles, voted)
    kept = _among_others(passages, kept, rows.in_main, page.titles, voted, why)
    hidden = folding.hidden(passages, kept)
    chosen = set(kept)
    noted = [
        n
        for n, p in enumerate(passages)
        if n not in chosen
        and (n in rows.in_main or likely.get(n, 0.0) >= _NOTED)
        and (n in why or p.words > 1)
    ]
    place = {n: at for at, n in enumerate(places)}
    unexplained = [n for n in noted if n not in why and n in place]
    reasons = weights.reasons(leaves[[place[n] for n in unexplained]], _MOST_REASONS)
    why.update((n, ", ".join(names)) for n, names in zip(unexplained, reasons, strict=True))
    return Selection(
        tuple(kept),
        tuple((n, why.get(n) or "weight") for n in noted),
        is_sure=is_sure,
        is_voted=is_voted,
        second=second,
        hidden_words=sum(passages[n].length for n in hidden),
    )


def _is_sure(passages: Sequence[Passage], places: Sequence[int], odds: NDArray[np.float32]) -> bool:
    """Whether the second extractor's vote could hardly change the choice."""
    sizes = np.array([min(passages[n].words, 80) for n in places], dtype=np.float32)
    total = float(sizes[odds >= LEAST].sum())
    is_open = float(sizes[(odds > _OPEN[0]) & (odds < _OPEN[1])].sum())
    return total >= SURE_WORDS and is_open <= OPEN_SHARE * total


def _first_choice(
    passages: Sequence[Passage],
    likely: Mapping[int, float],
    titles: frozenset[str],
    voted: frozenset[int] | None,
) -> tuple[list[int], dict[int, str], bool]:
    """(passages that weigh enough, why others don't count, whether the second extractor's were taken)."""
    why = {
        n: rule
        for n, odds in likely.items()
        if odds >= _NOTED and (rule := _plain_rule(passages[n], titles)) is not None
    }
    kept = _once(passages, [n for n, odds in likely.items() if odds >= LEAST and n not in why], why)
    if not voted:
        return kept, why, False
    plain = {n: rule for n in voted if (rule := _plain_rule(passages[n], titles)) is not None}
    others = sum(passages[n].length for n in voted if n not in plain)
    if sum(passages[n].length for n in kept) >= LEAST_SHARE * others:
        return kept, why, False
    return _once(passages, sorted(voted - plain.keys()), plain), plain, True


def _among_others(
    passages: Sequence[Passage],
    kept: list[int],
    in_main: frozenset[int],
    titles: frozenset[str],
    voted: frozenset[int] | None,
    why: dict[int, str],
) -> list[int]:
    """The kept passages after what only passages together can tell; `why` learns the reasons."""
    kept = _without_comments(passages, kept, why)
    kept = _with_linked_sentences(passages, kept, in_main, why)
    title = next(
        (n for n, p in enumerate(passages) if in_heading(p) is not None or p.folded in titles),
        -1,
    )
    why.update(dict.fromkeys(neighbours.other_stories(passages, kept, title, voted), "other-story"))
    kept = [n for n in kept if n not in why]
    _before_title(passages, kept, title, why)
    _opening_lines(passages, kept, why)
    kept = [n for n in kept if n not in why]
    _headings(passages, kept, why)
    kept = [n for n in kept if n not in why]
    if unfolded := folding.unfolded(passages, kept):
        kept = _once(passages, sorted({*kept, *unfolded}), why)
    return kept


def _once(passages: Sequence[Passage], kept: Sequence[int], why: dict[int, str]) -> list[int]:
    """The kept passages without those that say again what stands above: another layout's copy, a pull quote.

    A short line goes too when it stands between repeated passages and is a repetition itself.
    """
    seen: set[str] = set()
    found: list[int] = []
    is_copy = False
    for n in kept:
        p = passages[n]
        repeated = p.folded in seen
        if repeated and (is_copy or p.length >= _REPEATED_WORDS):
            why[n] = "repeated"
            is_copy = True
            continue
        is_copy = False
        seen.add(p.folded)
        found.append(n)
    return found


def _without_comments(passages: Sequence[Passage], kept: list[int], why: dict[int, str]) -> list[int]:
    spoken = conversations.comments(passages, kept)
    if 2 * sum(passages[n].words for n in spoken) > 3 * sum(passages[n].words for n in kept):
        return kept
    why.update(dict.fromkeys(spoken, "conversation"))
    return [n for n in kept if n not in why]


def _with_linked_sentences(
    passages: Sequence[Passage], kept: list[int], in_main: frozenset[int], why: dict[int, str]
) -> list[int]:
    """The kept passages and the sentences between them that are one link."""
    chosen = set(kept)
    linked = {
        n
        for n in in_main - chosen
        if n not in why
        and passages[n].link_share > _LINKED
        and passages[n].frame.tag not in _NO_SENTENCE
        and passages[n].length >= _LINKED_WORDS
        and is_sentence(passages[n].text)
        and not passages[n].frame.all_roles & _NOT_LINKED
    }
    for n in sorted(linked):
        if n - 1 in chosen and (n + 1 in chosen or n + 1 in linked):
            chosen.add(n)
    return sorted(chosen)


def _before_title(passages: Sequence[Passage], kept: Sequence[int], title: int, why: dict[int, str]) -> None:
    """What stands above the title, where the text stands below it: menus, kickers, dates, other stories.

    Sentences above it stay when the frame that holds title and text holds them too: they are its lead.
    """
    above = [n for n in kept if n < title]
    below = [n for n in kept if n > title]
    words = sum(passages[n].length for n in below)
    if not above or words < _STORY_WORDS:
        return
    around = _frame_of_story(passages, title, below, words)
    is_little = sum(passages[n].length for n in above) * 4 < words
    for n in above:
        is_outside = around is not None and not _is_in(passages[n].frame, around)
        if is_outside or (is_little and not is_sentence(passages[n].text)):
            why[n] = "before-title"


def _frame_of_story(
    passages: Sequence[Passage], title: int, below: Sequence[int], words: int
) -> Frame | None:
    """The innermost frame around the title that holds most words of the text below it."""
    held: dict[int, int] = {}
    for n in below:
        frame: Frame | None = passages[n].frame
        own = passages[n].length
        while frame is not None:
            held[id(frame)] = held.get(id(frame), 0) + own
            frame = frame.parent
    around: Frame | None = passages[title].frame
    while around is not None and 2 * held.get(id(around), 0) < words:
        around = around.parent
    return around


def _is_in(frame: Frame | None, around: Frame) -> bool:
    while frame is not None and frame.depth > around.depth:
        frame = frame.parent
    return frame is around


def _opening_lines(passages: Sequence[Passage], kept: Sequence[int], why: dict[int, str]) -> None:
    """Lines of date, time and byline above the first sentence."""
    for n in kept:
        if is_sentence(passages[n].text) and passages[n].length >= _REPEATED_WORDS:
            break
        if is_opening_line(passages[n].text):
            why[n] = "opening-line"


def _headings(passages: Sequence[Passage], kept: Sequence[int], why: dict[int, str]) -> None:
    """A heading stays with the text that follows it, before a heading of its own level."""
    level = 7  # of the headings that have nothing below them so far
    is_followed = False
    for n in reversed(kept):
        tag = passages[n].frame.tag
        if tag not in HEADINGS:
            is_followed, level = True, 7
        elif is_followed or (level > int(tag[1]) and level < 7):
            is_followed, level = False, int(tag[1])
        else:
            why[n] = "heading-of-removed"


def _plain_rule(p: Passage, titles: frozenset[str]) -> str | None:
    """Why a passage is no part of the body, whatever its weight, or None."""
    if in_heading(p) is not None or p.folded in titles:
        return "title"
    if p.frame.is_folded:
        return "folded"
    return furniture_rule(p.text, p.link_share)
