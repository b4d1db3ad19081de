"""Places that are only part of a name, or stand for something that is named for them (English).

`Aran Islands` are not the town of that name, `Michigan State` is a university, `Western Pennsylvania` is
not all of the state, `Brent crude` is oil, and a `Muslim` passenger is not the faith.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from newsmill.knowledge.gazetteer import Candidate
from newsmill.knowledge.mentions import Found
from newsmill.knowledge.names import fold
from newsmill.knowledge.recognisers.cues import cues

_FEATURE = re.compile(
    r" (?:Islands?|Isles?|Archipelago|Mountains?|Hills|Peninsula|Desert|Straits?|(?:Gulf )?Coast|Basin|"
    r"Plateau|Ridge|Glacier|Reef|Delta)(?![^\W\d_])"
)
_STATE = re.compile(r" State(?! [A-Z]|[^\W\d_]|'s)")
_SIDE = re.compile(
    r"(?<![^\W\d_])(?:Central|Upper|Lower|(?:North|South)(?:east|west)?(?:ern)?|(?:East|West)(?:ern)?) $"
)
_GOODS = re.compile(r" (?:crude|futures|blend)(?![^\W\d_])")
_WORD = re.compile(r" ([a-z]{1,30})")
_PARTS = frozenset(("admin1", "country", "region", "continent"))
_STATES_THAT_SAY_SO = frozenset(("new york", "washington"))
"""States that are called so to tell them from their city."""

_LARGE = 1_000_000.0
"""Weight from which a city gives its name to goods that are sold there, and is meant too."""


_TOWN = 100_000.0
"""Weight from which a city is meant by its name in spite of a state of that name."""


def widened(text: str, found: Sequence[Found]) -> list[Found]:
    """The mentions, with the longer names that they are part of."""
    goods = {f.folded for f in found if _is_town(f) and _GOODS.match(text, f.end)}
    kept: list[Found] = []
    for mention in found:
        kept += _widened(text, mention, goods)
    return kept


def _widened(text: str, mention: Found, goods: set[str]) -> list[Found]:
    if mention.folded in goods and _is_town(mention):
        return [_other(mention, "MISC")]
    if mention.folded in cues("faith_adjectives") and _has_noun(text, mention):
        return [_other(mention, "MISC")]
    if mention.inside or not _is_place(mention):
        return [mention]
    best = mention.candidates[0]
    if text.startswith("-based", mention.end) and (cities := _cities(mention)):
        return [msgspec.structs.replace(mention, candidates=cities)]
    feature = _FEATURE.match(text, mention.end)
    if feature is not None:
        whole = _longer(text, mention, mention.start, feature.end(), "LOC")
        return [whole, _within(mention)] if best.type in _PARTS else [whole]
    if best.type == "admin1" and best.country == "US" and mention.folded not in _STATES_THAT_SAY_SO:
        state = _STATE.match(text, mention.end)
        if state is not None:
            return [_longer(text, mention, mention.start, state.end(), "ORG"), _within(mention)]
    side = _SIDE.search(text, max(0, mention.start - 20), mention.start) if best.type in _PARTS else None
    if side is not None:
        return [_longer(text, mention, side.start(), mention.end, "LOC"), _within(mention)]
    return [mention]


def _has_noun(text: str, mention: Found) -> bool:
    """Whether a word in small letters follows that is no preposition or the like: `Muslim passengers`."""
    word = _WORD.match(text, mention.end)
    return word is not None and word[1] not in cues("function_words")


def _cities(mention: Found) -> tuple[Candidate, ...]:
    """The cities of a name that a state has too: whatever is `Washington-based` is so in the city."""
    return tuple(c for c in mention.candidates if c.type == "city" and c.weight >= _TOWN)


def _longer(text: str, mention: Found, start: int, end: int, coarse: str) -> Found:
    surface = text[start:end]
    return msgspec.structs.replace(
        mention, start=start, end=end, text=surface, folded=fold(surface), candidates=(), coarse=coarse,
        common=False, initial=False,
    )  # fmt: skip


def _within(mention: Found) -> Found:
    return msgspec.structs.replace(mention, coarse=None, inside=True)


def _other(mention: Found, coarse: str) -> Found:
    return msgspec.structs.replace(mention, coarse=coarse, candidates=())


def _is_place(mention: Found) -> bool:
    best = mention.candidates[:1]
    return (
        bool(best)
        and best[0].coarse == "LOC"
        and best[0].role != "demonym"
        and mention.coarse in (None, "LOC")
    )


def _is_town(mention: Found) -> bool:
    return (
        _is_place(mention)
        and mention.candidates[0].type in ("city", "admin2")
        and (mention.candidates[0].weight < _LARGE)
    )
