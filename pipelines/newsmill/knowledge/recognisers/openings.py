"""Words that have a capital only because they open a sentence, or are no names at all."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from newsmill.knowledge.recognisers.cues import common_words, cues, is_common
from newsmill.knowledge.recognisers.words import Word

_FUNCTION_WORDS: Final = cues("function_words")
_MONTHS: Final = cues("month_names")
_PEOPLES: Final = cues("peoples")
_NO_NAMES: Final = cues("titles") | cues("office_parts")
_PLACE_ADJECTIVES: Final = cues("place_adjectives")
_PLURAL_ENDINGS: Final = tuple(cues("plural_endings"))

_COMMON_NAME: Final = 0.8
"""Importance from which a common word is a name of the gazetteer, though it opens a sentence."""

_NO_PERSON: Final = 0.55
"""Importance from which a word is a name of the gazetteer, whatever it looks like."""


class Opens(Enum):
    """When a word in capitals that stands alone is no name."""

    NEVER = 0
    ALWAYS = 1
    STARTING = 2  # where it begins a sentence
    UNSEEN = 3  # the same, and it has a capital within none

    def here(self, starts: bool, low: str, inside: frozenset[str]) -> bool:
        """Whether the word is no name here.

        Args:
            starts: It begins a sentence.
            low: It, folded.
            inside: The words that have a capital within a sentence, folded.
        """
        if self is Opens.NEVER or (not starts and self is not Opens.ALWAYS):
            return False
        return self is not Opens.UNSEEN or low not in inside


def opens(word: Word) -> bool:
    """Whether the first of several words is in capitals only because it opens a sentence."""
    if _is_contracted(word.low):
        return True
    if word.text == "US":
        return False  # US Steel
    if word.low in _FUNCTION_WORDS and word.low not in _MONTHS:
        return word.starts or word.low != "the"
    if not word.starts:
        return False
    return word.low in _PLACE_ADJECTIVES or (not _is_name(word) and _is_made_of_common(word))


def opens_alone(word: Word, importance: Callable[[str], float]) -> Opens:
    """The same for a word that stands alone, wherever it does.

    Args:
        word: It.
        importance: Of the likeliest bearer of a name, 0-1.
    """
    if _is_contracted(word.low) or word.low in _FUNCTION_WORDS or not may_stand_alone(word):
        return Opens.ALWAYS
    if _is_name(word):
        return Opens.NEVER
    if _is_made_of_common(word):
        return Opens.STARTING
    least = _COMMON_NAME if is_common(word.low) else _NO_PERSON if _is_plural(word.low) else 0.0
    return Opens.UNSEEN if least and importance(word.text) < least else Opens.NEVER


def may_stand_alone(word: Word) -> bool:
    """Whether a word is no title, no part of an office's name, and no mere letter."""
    return word.low not in _NO_NAMES and len(word.text) > 1


def _is_contracted(low: str) -> bool:
    """`I'd`, `we're`."""
    return "'" in low and low.partition("'")[0] in _FUNCTION_WORDS


def _is_name(word: Word) -> bool:
    """Whether a word is a name by its capitals, or as a people's, though it opens a sentence."""
    return (word.text.isupper() and len(word.text) > 3) or word.low in _PEOPLES


def _is_made_of_common(word: Word) -> bool:
    """Whether a word in small letters is joined to a common one: `Long-term`."""
    return (
        "-" in word.text
        and word.text.rpartition("-")[2].islower()
        and word.low.split("-")[0] in common_words()
    )


def _is_plural(low: str) -> bool:
    """Whether an English word has the ending of people who do something: `truckers`."""
    return len(low) > 5 and low.isalpha() and low.endswith(_PLURAL_ENDINGS)
