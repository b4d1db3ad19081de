"""The document pass: all mentions of a name in a text decide its type together."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from itertools import pairwise

import msgspec

from newsmill.knowledge.spans import COARSE, Span

SAME_NAME = 3.0
"""Evidence that a surname has from the full name of a person in the same text."""

SHARING = 2.5
"""Evidence that a full name needs for its short forms to take its type."""

DEFINED = 6.0
"""Evidence that an acronym has from the long form that it stands behind in brackets."""

_BRACKET = re.compile(r"\s*\(\s*['\"“‘]?$")


class Guess(msgspec.Struct, gc=False):
    """A span that may be a name, and the evidence for each type (log-odds like, added up).

    Where a `firm` one begins is told by what stands before it, so that no model moves it. `name` is its
    words folded, the same for all mentions.
    """

    start: int
    end: int
    words: tuple[str, ...]
    name: str
    evidence: dict[str, float] = msgspec.field(default_factory=lambda: dict.fromkeys(COARSE, 0.0))
    firm: bool = False

    def add(self, coarse: str, weight: float) -> None:
        """Add to the evidence for one type."""
        self.evidence[coarse] += weight

    @property
    def best(self) -> str:
        """The type with most evidence."""
        return best_of(self.evidence)


def best_of(evidence: Mapping[str, float]) -> str:
    """The type with most evidence; the first in the order of `COARSE` where there are several."""
    return max(COARSE, key=evidence.__getitem__)


def resolve(text: str, guesses: Sequence[Guess], *, least: float, repeated: float = 0.5) -> list[Span]:
    """Spans of the guesses whose evidence reaches `least`: a name has one type in a text.

    Args:
        text: What the guesses are of.
        guesses: By start, without overlap.
        least: Evidence needed, above 0.
        repeated: The evidence of n mentions is added and divided by n to this power: at 1 a word that is
            often read, and seldom a name, gains nothing.
    """
    groups: dict[str, dict[str, float]] = {}
    for guess in guesses:
        evidence = guess.evidence
        if any(evidence.values()):
            total = groups.get(guess.name)
            if total is None:
                groups[guess.name] = evidence.copy()
                continue
            for coarse, weight in evidence.items():
                total[coarse] += weight
    members = Counter([guess.name for guess in guesses])
    for name, total in groups.items():
        if members[name] > 1:
            for coarse in COARSE:
                total[coarse] /= members[name] ** repeated
    _share_with_short_forms(groups, members)
    _share_with_acronyms(text, guesses, groups)
    types = {}
    for name, total in groups.items():
        most = max(total.values())
        if most >= least:
            types[name] = next(coarse for coarse in COARSE if total[coarse] == most)
    return [
        Span(start=guess.start, end=guess.end, coarse=types[guess.name])
        for guess in guesses
        if guess.name in types
    ]


def _share_with_short_forms(groups: dict[str, dict[str, float]], names: Container[str]) -> None:
    """Full names of persons and companies give their type to the short forms among the names."""
    short: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(COARSE, 0.0))
    for name, total in groups.items():
        if " " not in name or max(total.values()) < SHARING:
            continue
        first, *others = name.split()
        best = best_of(total)
        if best == "PER":
            short[others[-1]]["PER"] = SAME_NAME
            short[first]["PER"] = max(short[first]["PER"], SAME_NAME / 2)
            if len(others) > 1:
                short[" ".join(others)]["PER"] = SAME_NAME
        elif best == "ORG":
            short[first]["ORG"] = SAME_NAME / 2
            short[" ".join((first, *others[:-1]))]["ORG"] = SAME_NAME / 2
    for name, gained in short.items():
        if name in names:
            total = groups.setdefault(name, dict.fromkeys(COARSE, 0.0))
            for coarse, weight in gained.items():
                total[coarse] += weight


def _share_with_acronyms(text: str, guesses: Sequence[Guess], groups: dict[str, dict[str, float]]) -> None:
    """`International Atomic Energy Agency (IAEA)`: the acronym takes the type of what it stands for."""
    for before, guess in pairwise(guesses):
        if len(before.words) > 1 and len(guess.words) == 1 and guess.words[0].isupper():
            between = text[before.end : guess.start]
            initials = "".join(word[0] for word in before.words if word[0].isupper())
            if _BRACKET.fullmatch(between) and _initial(guess.words[0], initials):
                none = dict.fromkeys(COARSE, 0.0)
                long_form = groups.get(before.name, none)
                groups.setdefault(guess.name, none)[best_of(long_form)] += DEFINED


def _initial(acronym: str, initials: str) -> bool:
    """Whether an acronym may come from words with these initials: the same first letter, most of the rest."""
    return acronym[0] == initials[:1] and sum(letter in initials for letter in acronym) * 2 >= len(acronym)
