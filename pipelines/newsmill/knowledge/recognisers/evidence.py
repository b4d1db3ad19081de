"""Evidence for the type of a name in its own words and in those beside it.

Weights are on the scale of log-odds, set by hand and rounded: what matters is which kind of evidence
beats which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from newsmill.knowledge.forms import first_cases
from newsmill.knowledge.names import fold
from newsmill.knowledge.recognisers.cues import (
    cues,
    ends_as_surname,
    first_names,
    frequent_words,
    is_common,
    surnames,
    words_of,
)
from newsmill.knowledge.recognisers.document import Guess
from newsmill.knowledge.recognisers.offices import begins_body, ends_body, is_office
from newsmill.knowledge.recognisers.words import Word, Words

_DATELINE = re.compile(r"[ ,.A-Za-z0-9/]{0,40}\(\s*[A-Z][\w ]{1,30}\)\s*[-–—]|\s*[-–—]\s")
_BRACKETED_DATELINE = re.compile(r"\s*\)\s*[-–—]")
_AGE = re.compile(r"\s*,\s*\d{1,2}\s*[,.)]")
CAPITAL_NOUNS = frozenset(("de", "lb"))
"""Languages whose nouns have capitals, so that two of them in a row are no name."""

LAST_LATIN = "\u024f"
"""The last Latin letter: what is neither person nor place is mostly written in Latin letters."""

_APPOSED = re.compile(r",\s(?:a|an)\s((?:[\w-]{1,30}\s){0,2}[\w-]{1,30})")
_OF = frozenset(("of", "for"))
_CREDITED = frozenset(("REUTERS", "Reuters", "AP", "AFP", "Getty", "EPA", "Images", "Photo", "Press"))
_OWNED = frozenset(
    "shares stock plc executives employees customers unit team spokesman spokeswoman spokesperson".split()
)
_LED = frozenset(
    "administration campaign family era presidency premiership government cabinet supporters".split()
)
_TITLES, _ROLES, _LOCATIVES, _SPEAKS = cues("titles"), cues("roles"), cues("locatives"), cues("speaks")
_TELL: Mapping[str, Sequence[tuple[str, float]]] = {
    **dict.fromkeys(("a", "an"), (("MISC", 0.8), ("PER", -1.5))),
    "the": (("ORG", 0.8), ("PER", -2.5)),
    "on": (("MISC", 0.5),),
    **dict.fromkeys(_LOCATIVES, (("LOC", 0.8),)),
    "in": (("LOC", 1.8),),
    **dict.fromkeys(_ROLES, (("PER", 2.0),)),
}
"""What the word before an English name tells of its type."""

_VIEWS = ("ism", "ists", "ist")
_HARDLY = 1.5  # evidence for a place up to which a family name beside a verb of speech is a person's
_CYRILLIC = frozenset(("ru", "uk", "be", "bg"))
_ABBREVIATED = (
    "мин",
    "гос",
    "держ",
    "рос",
    "укр",
    "газ",
    "центр",
    "кремл",
    "рада",
    "нафто",
    "сбер",
    "бел",
    "евро",
    "євро",
)
_ABBREVIATED_ENDS = (
    "банк",
    "фин",
    "фін",
    "пром",
    "нефть",
    "газ",
    "дума",
    "надзор",
    "стат",
    "тасс",
    "форм",
    "энерго",
    "енерго",
)
"""How the short names of ministries, banks and firms begin and end."""

_NAME_PREFIXES = ("Mc", "Mac", "De", "Le", "La", "Van", "Di", "Du", "O'", "O’")


def own(guess: Guess, words: Sequence[Word], language: str, *, known: bool) -> None:
    """Add the evidence in the words of the name itself.

    Args:
        guess: What is added to.
        words: The words of the name.
        language: ISO 639-1; in English common words count as such.
        known: It is a well-known place or people, so that likeness to a person's name is chance.
    """
    english = language == "en"
    if len(words) > 1:
        _own_of_many(guess, words, english=english, known=known)
        if not english:
            _own_elsewhere(guess, words, language, known=known)
    else:
        _own_of_one(guess, words[0], english=english, known=known)
    first, last = words[0], words[-1]
    if any(map(str.isdigit, first.text + last.text)) or first.text[0] == "@":
        guess.add("MISC", 3.0)
    if english and "-" in last.text:
        head, *_, tail = last.text.split("-")
        if len(tail) > 2 and tail.islower() and head[:1].isupper():
            guess.add("MISC", 4.0)  # Berlin-based, Honda-powered
        elif len(words) == 1 and head.islower() and head not in ("al", "el"):
            guess.add("MISC", 4.0)  # post-Brexit


def _own_of_many(guess: Guess, words: Sequence[Word], *, english: bool, known: bool) -> None:
    first, last = words[0], words[-1]
    if last.low.rstrip(".") in cues("companies"):
        guess.add("ORG", 5.0)
    if last.low in cues("organisations"):
        guess.add("ORG", 4.0)
    if first.low in cues("organisation_heads"):
        guess.add("ORG", 3.0 if not english or any(word.text in _OF for word in words) else 1.5)
    if last.low in cues("places"):
        guess.add("LOC", 4.0)
    if english and first.low in cues("place_heads"):
        guess.add("LOC", 2.0)
    if last.low in cues("events") and words[-2].low not in cues("particles"):
        guess.add("MISC", 3.5)
    if any(text.text == "&" for text in words):
        guess.add("ORG", 3.0)
    if known:
        return
    common = [is_common(word.low) for word in words] if english else []
    if first.low in first_names() or (english and first.low in cues("month_names")):
        guess.add("PER", 3.0)
    elif "-" in first.low and first.low.partition("-")[0] in first_names():
        guess.add("PER", 2.5)  # Jean-Luc
    elif len(words) <= 3 and last.low in first_names() and not (english and common[0]):
        guess.add("PER", 1.0)
    if last.low in surnames() and not (english and common[0]):
        guess.add("PER", 1.5)
    if any(len(word.text) == 1 and word.text.isalpha() for word in words[1:-1]):
        guess.add("PER", 2.5)
    if english and len(words) <= 4 and not any(common):
        guess.add("PER", 1.0)
    elif english:
        guess.add("ORG", 1.2)


def _own_elsewhere(guess: Guess, words: Sequence[Word], language: str, *, known: bool) -> None:
    """What a name's cases and its surname's ending tell outside English."""
    first, last = words[0].low, words[-1].low
    if begins_body(first, language):
        guess.add("ORG", 3.5)
        return
    if ends_body(last, language):
        guess.add("ORG", 3.0)
        return
    if known:
        return
    if first not in first_names() and any(form in first_names() for form in first_cases(first, language)):
        guess.add("PER", 3.0)
    if len(words) > 3 or not all(
        word.text[0].isupper() and word.text.isalpha() for word in (words[0], words[-1])
    ):
        return
    if ends_as_surname(last, language) or any(form in surnames() for form in first_cases(last, language)):
        guess.add("PER", 2.0)
    elif (
        language not in CAPITAL_NOUNS and len(words) > 1 and not guess.evidence["ORG"] + guess.evidence["LOC"]
    ):
        told = 2.0 if first[0] > LAST_LATIN and not words[0].starts else 1.0
        guess.add("PER", told)


def _own_of_one(guess: Guess, word: Word, *, english: bool, known: bool) -> None:
    text = word.text
    common = english and is_common(word.low)
    if word.low in cues("things"):
        guess.add("MISC", 5.0)
    if common and word.low in cues("organisations"):
        guess.add("ORG", 1.5)
    if english and not known:
        if word.low in first_names():
            guess.add("PER", 1.5)
        elif word.low in surnames():
            guess.add("PER", 1.2)
        elif not common:
            guess.add("ORG", 0.9)
            guess.add("PER", 0.4)
    letters = [letter for letter in text if letter.isalpha()]
    if 2 <= len(letters) <= 6 and all(map(str.isupper, letters)):
        guess.add("ORG", 2.2)
    elif (
        "-" not in text
        and not text.isupper()
        and any(map(str.isupper, text[2:]))
        and not text.startswith(_NAME_PREFIXES)
    ):
        guess.add("ORG", 1.5)  # BlackRock
    if word.low.endswith(_VIEWS):
        guess.add("MISC", 1.5)


def own_of_plain(guess: Guess) -> None:
    """The same as `own` for one unknown word in small letters but for the first, outside English."""
    if guess.name in cues("things"):
        guess.add("MISC", 5.0)
    if guess.name.endswith(_VIEWS):
        guess.add("MISC", 1.5)


def beside(guess: Guess, words: Words, low: int, high: int, text: str, language: str, *, known: bool) -> None:
    """Add the evidence in the words of the line before and after the name, `words[low:high]`."""
    gap = text[words.end[low - 1] : guess.start] if low else "\n"
    behind = text[guess.end : words.start[high]] if high < words.count else "\n"
    begins = "\n" in gap
    if language == "en":
        if not begins:
            _before(guess, words, low - 1, gap)
        if "\n" not in behind:
            _after(guess, words.text[high], words.low[high], behind, text)
    else:
        if not begins:
            _before_elsewhere(guess, words, low - 1, gap, language, known=known)
        if (
            not known
            and len(behind) < 3
            and "\n" not in behind
            and words.low[high] in words_of("speaks", language)
        ):
            guess.add("PER", 1.0 if language in CAPITAL_NOUNS else max(1.0, _speaker(guess, language)))
    if begins and guess.words[0].isupper() and _DATELINE.match(text, guess.end):
        guess.add("LOC", 6.0)
    if text.endswith(("(", "( "), 0, guess.start) and _BRACKETED_DATELINE.match(text, guess.end):
        guess.add("ORG", 6.0)


def _speaker(guess: Guess, language: str) -> float:
    """Evidence that a word beside a verb of speech is a family name, and no body's: `сказал Путин`."""
    weighed = guess.evidence
    if len(guess.words) > 1 or not guess.words[0].istitle() or weighed["ORG"] or weighed["LOC"] > _HARDLY:
        return 0.0
    low = fold(guess.words[0])
    surname = ends_as_surname(low, language) or any(
        form in surnames() for form in (low, *first_cases(low, language))
    )
    if surname:
        return 2.5
    body = begins_body(low, language) or low.startswith(_ABBREVIATED) or low.endswith(_ABBREVIATED_ENDS)
    return 2.0 if language in _CYRILLIC and not body and low not in frequent_words(language) else 0.0


def _before(guess: Guess, words: Words, at: int, gap: str) -> None:
    word = words.low[at]
    if gap != " " and gap.strip(" ."):
        _credit(guess, words.text[at], gap)
    elif word in _TITLES and words.capital[at]:
        guess.add("PER", 4.0)
    elif word == "by" and len(guess.words) == 1:
        guess.add("PER", 0.5)
    else:
        for coarse, weight in _TELL.get(word, ()):
            guess.add(coarse, weight)


def _before_elsewhere(guess: Guess, words: Words, at: int, gap: str, language: str, *, known: bool) -> None:
    """The same in other languages than English."""
    word = words.low[at]
    if gap != " " and gap.strip(" ."):
        _credit(guess, words.text[at], gap)
    elif word in _TITLES and words.capital[at]:
        guess.add("PER", 1.0 if known else 4.0)
    if known:
        return
    if (gap == " " or not gap.strip()) and is_office(word, language):
        guess.add("PER", 2.5)
    elif gap == " " and word in words_of("speaks", language):
        guess.add("PER", _speaker(guess, language))


def _credit(guess: Guess, before: str, gap: str) -> None:
    """`REUTERS/Jane Doe`: who took a picture."""
    if gap.strip() == "/" and before in _CREDITED:
        guess.add("PER", 5.0)


def _after(guess: Guess, after: str, low: str, gap: str, text: str) -> None:
    if gap == " ":
        if low in _LED:
            guess.add("PER", 3.0)
        if low in _SPEAKS:
            guess.add("PER", 1.0)
            guess.add("ORG", 0.6)
        if low in _OWNED:
            guess.add("ORG", 2.0)
        return
    if gap in (" , ", ", ") and low in _SPEAKS:
        guess.add("PER", 1.0)
        guess.add("ORG", 0.6)
    if after == "s" and gap.strip() in ("'", "’") and not any(guess.evidence.values()):
        guess.add("ORG", 0.9)  # an unknown word that opens the sentence and owns something
    if gap.strip() != ",":
        return
    if _AGE.match(text, guess.end):
        guess.add("PER", 3.0)
    apposed = _APPOSED.match(text, guess.end) if len(guess.words) > 1 else None
    if apposed and not _ROLES.isdisjoint(apposed.group(1).lower().split()):
        guess.add("PER", 2.0)  # China Delmonte, a singer
