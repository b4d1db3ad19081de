"""Places that the words beside a name call a state or town: `the governor of New York`, `ciudad de México`.

Without such a word a name that a state and a town have is the town's, and one that a country and its capital
have is the country's.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import Final

import msgspec

from newsmill.knowledge.forms import first_cases
from newsmill.knowledge.gazetteer import Candidate, Gazetteer
from newsmill.knowledge.mentions import Found
from newsmill.knowledge.names import fold, fold_whole
from newsmill.knowledge.recognisers.cues import words_of
from newsmill.knowledge.recognisers.offices import is_office
from newsmill.knowledge.spans import occurrences

_KINDS: Final = {"division": ("admin1", "admin2"), "town": ("city",)}
"""What is meant, by the kind of words in `words.tsv`; those that stand behind a name have `_after` to it."""

_LONGEST: Final = 40  # characters beside a name that are looked at
_BEFORE: Final = re.compile(
    r"(?<![^\W_])([^\W\d_]+) ((?:of|de|do|da|del|di|du|von|van) |d['’])?(?:l['’]|la )?$"
)
_AFTER: Final = re.compile(r"[ -]([^\W\d_]+)")
_STATES_HAVE_A_WORD: Final = frozenset(("en", "es", "pt"))
"""Languages whose word for a state is hardly used of a country: `state of Georgia`, `estado de México`."""


def as_called(text: str, language: str, found: Sequence[Found], gazetteer: Gazetteer) -> list[Found]:
    """The mentions, where those that are called a state, its governor's, or a town can mean such only.

    The same name elsewhere in the text stays open: `la ciudad de México y el presidente de México`.

    Args:
        text: What they stand in.
        language: ISO 639-1.
        found: Mentions by their start.
        gazetteer: Where the places are looked up.
    """
    before, after = _telling(language)
    if not before and not after:
        return list(found)
    folded = fold_whole(text)
    told = sorted(at for word in before for at in occurrences(folded, word))
    return [
        _called(text, language, mention, gazetteer)
        if bisect_left(told, mention.end) > bisect_left(told, mention.start - _LONGEST)
        or folded.startswith(after, mention.end + 1)
        else mention
        for mention in found
    ]


@cache
def _telling(language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All words that tell a kind before a name, or as its first word, and behind it."""
    before, after = (
        tuple({word: None for kind in _KINDS for word in sorted(words_of(f"{kind}{side}", language))})
        for side in ("", "_after")
    )
    return before, after


def _called(text: str, language: str, mention: Found, gazetteer: Gazetteer) -> Found:
    word = _BEFORE.search(text, max(0, mention.start - _LONGEST), mention.start)
    leading = fold(word[1]) if word else ""
    word_after = _AFTER.match(text, mention.end)
    following = fold(word_after[1]) if word_after else ""
    first, _, rest = mention.text.partition(" ")
    for kind, types in _KINDS.items():
        before, after = words_of(kind, language), words_of(f"{kind}_after", language)
        start, end = mention.start, mention.end
        if rest and fold(first) in before:
            start = end - len(rest)
        elif word is not None and leading in before:
            if mention.coarse not in (None, "LOC") and not word[2] and is_office(leading, language):
                continue  # Gouverneur Newsom
        elif following not in after:
            continue
        elif kind == "town" and word_after is not None and word_after[1][0].isupper():
            end = word_after.end()  # Koweït City
        places = _places(text[start : mention.end], kind, types, language, gazetteer)
        if places:
            surface = text[start:end]
            return msgspec.structs.replace(
                mention, start=start, end=end, text=surface, folded=f"{kind} {fold(surface)}",
                candidates=places, coarse="LOC", common=False, initial=False,
            )  # fmt: skip
    return mention


def _places(
    surface: str, kind: str, types: Sequence[str], language: str, gazetteer: Gazetteer
) -> tuple[Candidate, ...]:
    """States (or towns) of a name, where something else is better known by it: of that thing's name, too."""
    names = (surface, *first_cases(fold(surface), language))
    known = next((of_it for name in names if (of_it := gazetteer.spelled(name, language))), ())
    best = known[0] if known else None
    if best is None or best.type in types:
        return ()
    if kind == "division" and best.type == "country" and language not in _STATES_HAVE_A_WORD:
        return ()
    own = best.name.removesuffix(" City")
    at_home = best.country if kind == "town" and best.type == "country" else None
    found = {
        candidate.entity_id: candidate  # under the fullest name: its prior is highest
        for candidate in (*known, *gazetteer.lookup(own), *gazetteer.lookup(f"{own} City"))
        if candidate.type in types and at_home in (None, candidate.country)
    }
    return tuple(sorted(found.values(), key=lambda c: types.index(c.type)))
