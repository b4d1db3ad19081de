"""Which passages of a page are the article: structure first, then roles, then words.

The method is that of the readability family, passage by passage. Prose weighs; the main frame is the
deepest one that holds most of the weight; inside it everything is kept that no rule removes. The
rules read what themes have in common (`passages.ROLES`, HTML5 elements, link share, prose shape) and
were kept only when they helped on several sets of pages of unlike sites.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from newsmill.page.lines import is_opening_line, line_rule
from newsmill.page.passages import BIT, HEADINGS, Frame, Passage, fold

T = TypeVar("T")

TRUNK_SHARE: Final = 0.4
"""A frame with this share of all prose is a trunk: what its class says is not held against its text."""

MAIN_SHARE: Final = 0.75
"""The main frame is found going down while one child keeps this share of its parent's prose."""

LEAST_SHARE: Final = 0.4
"""With less than this share of the second extractor's words, its passages are taken instead."""

SURE_WEIGHT: Final = 100
SURE_SHARE: Final = 0.15
"""A choice is sure with this many words of prose, and no more than this share of them in question."""

UNVOTED_WEIGHT: Final = 0.7
"""Prose that the second extractor leaves out weighs less in the search for the main frame."""

_REPELLING: Final = (
    BIT["related"]
    | BIT["promo"]
    | BIT["subscribe"]
    | BIT["share"]
    | BIT["comments"]
    | BIT["nav"]
    | BIT["footer"]
    | BIT["sidebar"]
    | BIT["hidden"]
    | BIT["tags"]
)
_REPELLING_TAGS: Final = ("aside", "nav", "footer", "figure")
_REMOVING: Final = {name: BIT[name] for name in ("author", "footer")}
_DOUBTFUL: Final = {
    name: BIT[name]
    for name in (
        "comments",
        "related",
        "promo",
        "caption",
        "sidebar",
        "tags",
        "meta",
        "hidden",
        "nav",
        "share",
        "title",
    )
}
_REMOVING_TAGS: Final[tuple[str, ...]] = ("figure", "figcaption", "footer", "nav")
_DOUBTFUL_TAGS: Final[tuple[str, ...]] = ("aside", "form", "header", "address", "details", "article")
_SENTENCE_END: Final = re.compile(r"[.!?…。！？؟।:]['\"”’»›)\]]*$")
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
_OPEN_TO_VOTES: Final = ("role:", "element:a", "element:d", "element:f", "element:h", "teaser")
_LEAD_WINDOW: Final = 30
_FEW_WORDS: Final = 3
_MOST_SEARCHED: Final = 200_000_000
"""Characters searched for the lines of one page, so that many lines cost no square of them."""

_REPEATED_WORDS: Final = 8
_FEWEST_PROSE: Final = 10


@dataclass(frozen=True, slots=True)
class Selection:
    """The passages of the article, and why the others inside the main frame are not."""

    kept: tuple[int, ...]
    removed: tuple[tuple[int, str], ...]  # (passage, rule), inside the main frame only
    main: Frame | None
    weight: float  # words of kept prose
    doubts: tuple[str, ...] = ()  # what a second extractor's vote could change


def length(text: str) -> int:
    """Words of a text; scripts without spaces count half a word a character.

    >>> length("two words"), length("東京は雨")
    (2, 2)
    """
    unspaced = len(_UNSPACED.findall(text)) if not text.isascii() else 0
    return text.count(" ") + 1 if not unspaced else max(text.count(" ") + 1, unspaced // 2)


class Vote:
    """The text another extractor found, as a vote for passages."""

    def __init__(self, text: str) -> None:
        self._lines = {fold(line) for line in text.splitlines()}
        self._text = f" {fold(text)} "
        self._searched = 0

    def __contains__(self, folded: str) -> bool:
        if folded in self._lines:
            return True
        if folded.count(" ") < _FEW_WORDS:
            return False
        self._searched += len(self._text)
        return self._searched < _MOST_SEARCHED and f" {folded} " in self._text


def select(
    passages: Sequence[Passage], titles: Sequence[str], description: str, vote: Vote | None
) -> Selection:
    """Choose the article's passages.

    Args:
        passages: All passages of the page.
        titles: What the page gives as its title here and there, so that it isn't repeated in the body.
        description: What the page says it is about, folded: the lead often says the same.
        vote: What the second extractor found. It can save a passage from a rule that reads only a
            class name, adds a lead that stands before the main frame, and drops short lines that
            it doesn't know. None: there is no vote yet; `doubts` tells whether one is worth its cost.
    """
    weights = [_prose(p) for p in passages]
    voted = {n for n, p in enumerate(passages) if p.folded in vote} if vote is not None else set()
    frames = _Frames(passages, weights, voted)
    main = frames.main()
    inside = frames.inside(main)
    folded_titles = {fold(title) for title in titles if title}
    rules: dict[int, str] = {}
    for n in inside:
        assert main is not None
        rule = _rule(passages[n], weights[n], frames, main, folded_titles, n in voted)
        if rule is not None:
            rules[n] = rule
    _before_title(passages, inside, rules, weights)
    _after_related(passages, inside, rules)
    _teasers(passages, inside, rules, voted)
    _repeated(passages, inside, rules)
    _subheads(passages, inside, rules, weights, voted)
    prose = [n for n in inside if n not in rules and weights[n]]
    _opening(passages, inside, rules, prose)
    agreed = sum(weights[n] for n in prose if n in voted)
    if agreed >= 0.5 * sum(weights[n] for n in prose):
        for n in inside:
            if n not in rules and n not in voted and not weights[n]:
                rules[n] = "unvoted"
    else:
        _edges(passages, inside, rules, weights)
        _headings(passages, inside, rules)
    kept = {n for n in inside if n not in rules}
    start = prose[0] if prose else 0
    leads = 0
    above = [
        n
        for n in range(_title_at(passages, folded_titles, start), start)
        if passages[n].frame.tag not in ("h1", "figcaption")
    ]
    for n in above:
        p = passages[n]
        opens = _opens(description, p)
        leads += opens
        if opens and leads == 1:
            kept.add(n)
            rules.pop(n, None)
        elif opens:
            kept.discard(n)
            rules[n] = "repeated"
        elif n not in kept and n in voted and weights[n] and n not in rules and not line_rule(p.text):
            kept.add(n)
    plain = {n: _plain_rule(passages[n], folded_titles) for n in voted}
    others = sum(passages[n].words for n, rule in plain.items() if rule is None)
    if sum(passages[n].words for n in kept) < LEAST_SHARE * others:
        rules = {n: rule for n, rule in plain.items() if rule is not None}
        kept = voted - rules.keys()
    doubts = () if vote is not None else _doubts(passages, weights, frames, inside, rules, kept, above)
    weight = sum(weights[n] for n in kept)
    return Selection(tuple(sorted(kept)), tuple(sorted(rules.items())), main, weight, doubts)


def _doubts(
    passages: Sequence[Passage],
    weights: Sequence[float],
    frames: _Frames,
    inside: Sequence[int],
    rules: dict[int, str],
    kept: set[int],
    above: Sequence[int],
) -> tuple[str, ...]:
    """Where a choice made without a vote may be wrong; `above` is between the title and the text."""
    total = sum(weights[n] for n in kept)
    doubts = []
    if total < SURE_WEIGHT:
        doubts.append("little prose")
    removed = sum(weights[n] for n in inside if rules.get(n, "").startswith(_OPEN_TO_VOTES))
    if removed > SURE_SHARE * total:
        doubts.append("prose removed for its class")
    within = set(inside)
    outside = sum(
        w for n, w in enumerate(weights) if w and n not in within and not frames.repels(passages[n].frame)
    )
    if outside > SURE_SHARE * total:
        doubts.append("prose outside the main frame")
    if any(
        weights[n] and n not in kept and n not in rules and not line_rule(passages[n].text)
        for n in above[-_LEAD_WINDOW:]
    ):
        doubts.append("prose above the main frame")
    short = sum(passages[n].words for n in kept if not weights[n] and passages[n].frame.tag not in HEADINGS)
    if short > SURE_SHARE * total:
        doubts.append("many short lines")
    return tuple(doubts)


def _title_at(passages: Sequence[Passage], titles: set[str], start: int) -> int:
    """Where the title stands above the first prose; 0 where it doesn't."""
    return max(
        (n for n in range(start) if passages[n].frame.tag == "h1" or passages[n].folded in titles),
        default=0,
    )


def _opens(description: str, p: Passage) -> bool:
    """Whether a passage is what the page gives as its description: the lead."""
    return len(p.folded) >= 40 and description[:40] == p.folded[:40]


def _plain_rule(p: Passage, titles: set[str]) -> str | None:
    if p.frame.tag == "h1" or p.folded in titles:
        return "title"
    if p.frame.all_roles & (BIT["nav"] | BIT["footer"]) and length(p.text) < 10:
        return "role:nav"
    return line_rule(p.text) or ("links" if p.link_share > 0.8 else None)


def _prose(p: Passage) -> float:
    """How much a passage looks like running text: about its number of words, at most 80."""
    if p.frame.tag in HEADINGS or p.frame.tag == "figcaption" or p.link_share > 0.5:
        return 0.0
    words = length(p.text) if p.words >= _FEWEST_PROSE or not p.text.isascii() else 0
    if words < _FEWEST_PROSE:
        return 0.0
    weight = float(min(words, 80))
    if not _SENTENCE_END.search(p.text):
        weight *= 0.4
    return weight * 0.5 if p.frame.tag == "li" else weight


class _Frames:
    """Weights of frames, and the main one among them."""

    def __init__(self, passages: Sequence[Passage], weights: Sequence[float], voted: set[int]) -> None:
        self._passages, self._weights, self._voted = passages, weights, voted
        total = sum(weights)
        _, raw = _gathered((p.frame, w) for p, w in zip(passages, weights, strict=True) if w)
        self.trunk = {key for key, weight in raw.items() if weight >= TRUNK_SHARE * total}
        self._nearly_all = {key for key, weight in raw.items() if weight >= 0.9 * total}
        self._repelling: dict[int, bool] = {}
        self._between: dict[int, tuple[int, frozenset[str]]] = {}

    def repels(self, frame: Frame) -> bool:
        """Whether a frame is one of those that never hold an article, or is inside one."""
        return _handed_down(frame, self._repelling, self._repels_too, top=False)

    def _repels_too(self, frame: Frame, above: bool) -> bool:
        return (
            above
            or bool(self.roles(frame) & _REPELLING)
            or (frame.tag in _REPELLING_TAGS and id(frame) not in self.trunk)
        )

    def between(self, frame: Frame, main: Frame) -> tuple[int, frozenset[str]]:
        """Roles and tags from below the main frame down to the frame; no tags of trunks."""

        def step(below: Frame, above: tuple[int, frozenset[str]]) -> tuple[int, frozenset[str]]:
            if below.depth <= main.depth:
                return above
            roles, tags = above
            if id(below) not in self.trunk and below.tag not in tags:
                tags |= {below.tag}
            return roles | self.roles(below), tags

        return _handed_down(frame, self._between, step, top=(0, frozenset()))

    def inside(self, main: Frame | None) -> list[int]:
        """The passages inside the main frame."""
        if main is None:
            return []
        known: dict[int, bool] = {}
        return [
            n
            for n, p in enumerate(self._passages)
            if _handed_down(p.frame, known, lambda frame, above: above or frame is main, top=False)
        ]

    def roles(self, frame: Frame) -> int:
        """A frame's own roles; of a trunk, only that it holds comments, unless it holds nearly all prose."""
        if id(frame) not in self.trunk:
            return frame.roles
        return 0 if id(frame) in self._nearly_all else frame.roles & BIT["comments"]

    def main(self) -> Frame | None:
        """The deepest frame that holds most of the prose outside repelling frames."""
        frames, held = _gathered(self._drawn())
        heaviest: dict[int, Frame] = {}  # in a frame, by its id
        top: Frame | None = None
        for frame in frames:
            if frame.parent is None:
                top = frame
            elif (best := heaviest.get(id(frame.parent))) is None or held[id(best)] < held[id(frame)]:
                heaviest[id(frame.parent)] = frame
        current = top
        while (
            current is not None
            and (best := heaviest.get(id(current))) is not None
            and held[id(best)] >= MAIN_SHARE * held[id(current)]
        ):
            current = best
        return current

    def _drawn(self) -> Iterator[tuple[Frame, float]]:
        """Prose as the search for the main frame weighs it."""
        for n, (p, weight) in enumerate(zip(self._passages, self._weights, strict=True)):
            if weight:
                voted = weight if n in self._voted else weight * UNVOTED_WEIGHT
                yield p.frame, voted * 0.1 if self.repels(p.frame) else voted


def _gathered(weights: Iterable[tuple[Frame, float]]) -> tuple[list[Frame], dict[int, float]]:
    """Frames, innermost first, each level in the page's order; what they and all in them hold, by id."""
    frames: dict[int, Frame] = {}
    held: dict[int, float] = {}
    for frame, weight in weights:
        held[id(frame)] = held.get(id(frame), 0.0) + weight
        current: Frame | None = frame
        while current is not None and id(current) not in frames:
            frames[id(current)] = current
            current = current.parent
    ordered = sorted(frames.values(), key=lambda frame: -frame.depth)
    for frame in ordered:
        if frame.parent is not None:
            held[id(frame.parent)] = held.get(id(frame.parent), 0.0) + held[id(frame)]
    return ordered, held


def _handed_down(frame: Frame, known: dict[int, T], step: Callable[[Frame, T], T], *, top: T) -> T:
    """What frames hand down to what is in them: `step` from the outermost on, once a frame."""
    path = []
    current: Frame | None = frame
    while current is not None and id(current) not in known:
        path.append(current)
        current = current.parent
    value = top if current is None else known[id(current)]
    for below in reversed(path):
        known[id(below)] = value = step(below, value)
    return value


def _rule(
    p: Passage, weight: float, frames: _Frames, main: Frame, titles: set[str], voted: bool
) -> str | None:
    """Why a passage of the main frame is not the article's, or None."""
    if p.frame.tag == "h1" or p.folded in titles:
        return "title"
    if rule := line_rule(p.text, p.link_share):
        return rule
    roles, tags = frames.between(p.frame, main)
    for tag in _REMOVING_TAGS if voted else _REMOVING_TAGS + _DOUBTFUL_TAGS:
        if tag in tags and not (tag == "header" and weight):
            return f"element:{tag}"
    for name, bit in _REMOVING.items():
        if roles & bit:
            return f"role:{name}"
    if not voted or p.frame.tag in HEADINGS:
        for name, bit in _DOUBTFUL.items():
            if roles & bit:
                return f"role:{name}"
    if p.link_share > 0.8 and not weight:
        return "links"
    return None


def _before_title(
    passages: Sequence[Passage], inside: Sequence[int], rules: dict[int, str], weights: Sequence[float]
) -> None:
    """What stands before the title in the main frame is its kicker, date, bread crumbs."""
    titles = [n for n in inside if rules.get(n) == "title"]
    if titles and not any(weights[n] for n in inside if n < titles[0] and n not in rules):
        for n in inside:
            if n < titles[0]:
                rules.setdefault(n, "before-title")


def _after_related(passages: Sequence[Passage], inside: Sequence[int], rules: dict[int, str]) -> None:
    """The list under a heading such as "More stories" goes with it."""
    under: Frame | None = None
    for n in inside:
        p = passages[n]
        if rules.get(n) == "related-line" and (p.frame.tag in HEADINGS or p.words <= 6):
            under = p.frame
        elif under is not None:
            if p.frame.tag == "li" or p.link_share > 0.5:
                rules.setdefault(n, "after-related")
            elif n not in rules:
                under = None


def _teasers(
    passages: Sequence[Passage], inside: Sequence[int], rules: dict[int, str], voted: set[int]
) -> None:
    """Text under a heading that is a link belongs to the story behind the link.

    Only where the second extractor leaves it out too: a list of products has such headings as well.
    """
    for n in inside:
        if not n or n in rules or n in voted:
            continue
        above, rule = passages[n - 1], rules.get(n - 1)
        if above.link_share > 0.8 and (above.frame.tag in HEADINGS or rule in ("role:title", "role:related")):
            rules[n] = "teaser"


def _repeated(passages: Sequence[Passage], inside: Sequence[int], rules: dict[int, str]) -> None:
    """The same sentence twice: a pull quote, or a teaser of the text itself."""
    seen: set[str] = set()
    for n in inside:
        if n not in rules and passages[n].words >= _REPEATED_WORDS:
            folded = passages[n].folded
            if folded in seen:
                rules[n] = "repeated"
            seen.add(folded)


def _subheads(
    passages: Sequence[Passage],
    inside: Sequence[int],
    rules: dict[int, str],
    weights: Sequence[float],
    voted: set[int],
) -> None:
    """A heading whose class says "title" is a subhead when kept prose follows it at once."""
    for n, after in itertools.pairwise(inside):
        followed = after not in rules and weights[after] and (n in voted or after not in voted)
        if rules.get(n) == "role:title" and followed and passages[n].link_share < 0.3:
            del rules[n]


def _opening(
    passages: Sequence[Passage], inside: Sequence[int], rules: dict[int, str], prose: Sequence[int]
) -> None:
    """Lines of date, time and byline above the text."""
    for n in inside:
        if prose and n >= prose[0]:
            break
        if n not in rules and is_opening_line(passages[n].text):
            rules[n] = "opening-line"


def _edges(
    passages: Sequence[Passage], inside: Sequence[int], rules: dict[int, str], weights: Sequence[float]
) -> None:
    """Short lines that are no sentences before the first and after the last prose are furniture."""
    kept = [n for n in inside if n not in rules]
    prose = [n for n in kept if weights[n]]
    if not prose:
        return
    for n in kept:
        if (n < prose[0] or n > prose[-1]) and not _SENTENCE_END.search(passages[n].text):
            rules[n] = "edge"


def _headings(passages: Sequence[Passage], inside: Sequence[int], rules: dict[int, str]) -> None:
    """A heading stays with the text that follows it."""
    following: str | None = None
    for n in reversed(inside):
        p = passages[n]
        if p.frame.tag in HEADINGS:
            if n not in rules and following != "kept":
                rules[n] = "heading-of-removed"
            if n not in rules:
                following = "kept"
        else:
            following = "removed" if n in rules else "kept"
