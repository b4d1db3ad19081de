"""The document pass: all mentions of a name in a text decide its type together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from newsmill.knowledge.names import fold
from newsmill.knowledge.spans import COARSE, Span

SAME_NAME = 3.0
"""Evidence that a surname has from the full name of a person in the same text."""

SHARING = 2.5
"""Evidence that a full name needs for its short forms to take its type."""

DEFINED = 6.0
"""Evidence that an acronym has from the long form that it stands behind in brackets."""

_BRACKET = re.compile(r"\s*\(\s*['\"“‘]?$")


@dataclass(slots=True)
class Guess:
    """A span that may be a name, and the evidence for each type (log-odds like, added up).

    Where a `firm` one begins is told by what stands before it, so that no model moves it.
    """

    start: int
    end: int
    words: tuple[str, ...]
    evidence: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COARSE, 0.0))
    firm: bool = False

    def add(self, coarse: str, weight: float) -> None:
        """Add to the evidence for one type."""
        self.evidence[coarse] += weight

    @property
    def best(self) -> str:
        """The type with most evidence."""
        return max(COARSE, key=self.evidence.__getitem__)


def resolve(text: str, guesses: Sequence[Guess], *, least: float, repeated: float = 0.5) -> list[Span]:
    """Spans of the guesses whose evidence reaches `least`: a name has one type in a text.

    Args:
        text: What the guesses are of.
        guesses: By start, without overlap.
        least: Evidence needed.
        repeated: The evidence of n mentions is added and divided by n to this power: at 1 a word that is
            often read, and seldom a name, gains nothing.
    """
    groups: dict[str, dict[str, float]] = {}
    members: dict[str, int] = defaultdict(int)
    names = [fold(" ".join(guess.words)) for guess in guesses]
    for guess, name in zip(guesses, names, strict=True):
        total = groups.setdefault(name, dict.fromkeys(COARSE, 0.0))
        members[name] += 1
        for coarse, weight in guess.evidence.items():
            total[coarse] += weight
    for name, total in groups.items():
        for coarse in COARSE:
            total[coarse] /= members[name] ** repeated
    _share_with_short_forms(groups)
    _share_with_acronyms(text, guesses, names, groups)
    types = {name: max(COARSE, key=total.__getitem__) for name, total in groups.items()}
    return [
        Span(start=guess.start, end=guess.end, coarse=types[name])
        for guess, name in zip(guesses, names, strict=True)
        if groups[name][types[name]] >= least
    ]


def _share_with_short_forms(groups: dict[str, dict[str, float]]) -> None:
    """Full names of persons and companies give their type to the short forms."""
    short: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(COARSE, 0.0))
    for name, total in groups.items():
        first, *others = name.split()
        if not others:
            continue
        best = max(COARSE, key=total.__getitem__)
        if total[best] < SHARING:
            continue
        if best == "PER":
            short[others[-1]]["PER"] = SAME_NAME
            short[first]["PER"] = max(short[first]["PER"], SAME_NAME / 2)
            if len(others) > 1:
                short[" ".join(others)]["PER"] = SAME_NAME
        elif best == "ORG":
            short[first]["ORG"] = SAME_NAME / 2
            short[" ".join(name.split()[:-1])]["ORG"] = SAME_NAME / 2
    for name, gained in short.items():
        if name in groups:
            for coarse, weight in gained.items():
                groups[name][coarse] += weight


def _share_with_acronyms(
    text: str, guesses: Iterable[Guess], names: Iterable[str], groups: dict[str, dict[str, float]]
) -> None:
    """`International Atomic Energy Agency (IAEA)`: the acronym takes the type of what it stands for."""
    before: Guess | None = None
    name_before = ""
    for guess, name in zip(guesses, names, strict=True):
        if before and len(guess.words) == 1 and len(before.words) > 1 and guess.words[0].isupper():
            between = text[before.end : guess.start]
            initials = "".join(word[0] for word in before.words if word[0].isupper())
            if _BRACKET.fullmatch(between) and _initial(guess.words[0], initials):
                long_form = groups[name_before]
                groups[name][max(COARSE, key=long_form.__getitem__)] += DEFINED
        before, name_before = guess, name


def _initial(acronym: str, initials: str) -> bool:
    """Whether an acronym may come from words with these initials: the same first letter, most of the rest."""
    return acronym[0] == initials[:1] and sum(letter in initials for letter in acronym) * 2 >= len(acronym)
