"""Offices before a person's name: what belongs to them, and where the name begins.

`presidente del Consiglio Giorgia Meloni`, `Президент России Владимир Путин`, `secretary of State Marco
Rubio`: what stands between the office and the given name is the office's, a body or a place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final

from newsmill.knowledge.forms import first_cases
from newsmill.knowledge.recognisers.cues import cues, first_names, is_of, surnames, words_of
from newsmill.knowledge.recognisers.words import Words

_COMPOUNDING: Final = frozenset(("de", "lb", "nl", "sv", "da", "nb", "nn", "fi", "et", "hu"))
"""Languages that write `Bundesaußenminister` as one word."""

_LEAST_END: Final = 5  # letters of an office that may end a longer word
_MOST_SMALL: Final = 3
_MOST_CAPITAL: Final = 2
FAMILY_FIRST: Final = frozenset(("hu", "vi"))
"""Languages whose given names stand behind the family names."""

IsPlace = Callable[[str, str], bool]
"""Whether a folded word, in a language, is or is a form of a well-known place's name."""


@lru_cache(maxsize=20_000)
def is_office(word: str, language: str) -> bool:
    """Whether a folded word is an office or a role that stands before a person's name, in any case."""
    if is_of(word, "role", language) or is_of(word, "office", language):
        return True
    if language not in _COMPOUNDING:
        return False
    offices = _offices(language)
    return any(word[at:] in offices for at in range(2, len(word) - _LEAST_END + 1))


@cache
def _offices(language: str) -> frozenset[str]:
    return words_of("role", language) | words_of("office", language)


def stands_behind(words: Words, text: str, low: int, language: str) -> bool:
    """Whether an office stands before the word at `low`, with nothing but what belongs to it between.

    That is up to `_MOST_SMALL` words in small letters, and before them up to `_MOST_CAPITAL` in capitals.
    """
    small = capital = 0
    for at in range(low - 1, -1, -1):
        gap = text[words.end[at] : words.start[at + 1]]
        if gap not in (" ", ". ") and not gap.endswith(("'", "’")):
            return False
        if is_office(words.low[at], language):
            return True
        if gap == ". " or small > _MOST_SMALL or capital > _MOST_CAPITAL:
            return False
        if not words.capital[at]:
            if capital:
                return False
            small += 1
        elif is_given(words.low[at], language):
            return False
        else:
            capital += 1
    return False


def name_begins(
    words: Words,
    low: int,
    high: int,
    language: str,
    is_place: IsPlace,
    is_named: Callable[[str], bool],
) -> int | None:
    """Where a person's name begins in the run `low:high` behind an office, when that is not at `low`.

    Behind the name of a country or city, or at the first given name that has a word behind it.

    Args:
        words: Of the text.
        low: The first word of the run.
        high: The word behind it.
        language: ISO 639-1.
        is_place: Whether a folded word is or is a form of a well-known place's name.
        is_named: Whether a word as it stands is any place's name.
    """
    fields = words_of("office_field", language)
    at = low
    while at < high - 1 and words.low[at] in fields:
        at += 1
    if at > low:
        return name_begins(words, at, high, language, is_place, is_named) or at
    if is_place(" ".join(words.low[low:high]), language):
        return None
    of_place = low > 1 and not words.capital[low - 1] and is_office(words.low[low - 2], language)
    if of_place and high - low > 2 and is_named(words.text[low]) and is_given(words.low[low + 1], language):
        return low + 1  # senator z Tennessee | Bob Corker
    if is_given(words.low[low], language):
        return None
    for size in (2, 1):
        if low + size < high and is_place(" ".join(words.low[low : low + size]), language):
            return low + size
    if words.low[low] in surnames() and not begins_body(words.low[low], language):
        return None
    whole = [at for at in range(low + 1, high) if words.capital[at - 1] and words.capital[at]]
    given = next((at for at in whole if at < high - 1 and is_given(words.low[at], language)), None)
    behind_place = next((at for at in whole if is_place(words.low[at - 1], language)), None)
    return min(filter(None, (given, behind_place)), default=None)  # глава МИД Венгрии | Петер Сийярто


def office_inside(words: Words, low: int, high: int, language: str) -> int | None:
    """Where an office stands within a run before a given name: `Hamburgs Erster | Bürgermeister Peter …`."""
    return next(
        (
            at
            for at in range(high - 3, low, -1)
            if is_office(words.low[at], language) and is_given(words.low[at + 1], language)
        ),
        None,
    )


@lru_cache(maxsize=20_000)
def begins_body(word: str, language: str) -> bool:
    """Whether a folded word begins the name of a body."""
    return is_of(word, "head", language) or is_of(word, "body_head", language)


@lru_cache(maxsize=20_000)
def ends_body(word: str, language: str) -> bool:
    """Whether a folded word ends as bodies' names do."""
    return any(word.endswith(end) for kind in ("end", "body_end") for end in words_of(kind, language))


@lru_cache(maxsize=20_000)
def is_given(word: str, language: str) -> bool:
    """Whether a folded word is a given name, or a form of one."""
    return word in first_names() or any(form in first_names() for form in first_cases(word, language))


def name_of_english(words: Words, after: int, high: int) -> tuple[int, bool] | None:
    """Where a name begins behind an English office and `of`: `Secretary | of State | Marco Rubio`.

    Returns:
        The first word of the name, and whether what is before it is but part of the office; None where no
        `of` stands at `after`, or no given name follows.
    """
    if after + 2 >= high or words.text[after] not in ("of", "for"):
        return None
    first = after + (2 if words.text[after + 1] == "the" else 1)
    begins = next((at for at in range(first + 1, high - 1) if words.low[at] in first_names()), None)
    if begins is None:
        return None
    return begins, all(w.low in _PARTS or not w.capital for w in words.part(first, begins))


def begins_behind_of(
    words: Words, low: int, high: int, is_named: Callable[[str], bool]
) -> tuple[int, str | None]:
    """Where a name begins in a run behind an English office and `of`, and LOC where a place is before it.

    `secretary of | State Marco Rubio`, `archbishop of | Canterbury Ann Lee`; at `low` where no such name is.
    """
    at = low - 1 - (low > 1 and words.text[low - 1] == "the")
    if at < 1 or words.text[at] not in ("of", "for"):
        return low, None
    if words.low[at - 1] not in cues("offices") and words.low[at - 1] not in cues("titles"):
        return low, None
    begins = low
    while begins < high - 1 and words.low[begins] in _PARTS and words.low[begins] not in first_names():
        begins += 1
    of = None
    if begins == low and high - low > 2 and is_named(words.text[low]):
        begins, of = low + 1, "LOC"
    return (begins, of) if words.low[begins] in first_names() else (low, None)


_PARTS: Final = cues("office_parts") | cues("office_fields")
