"""Names by rules: capitals, the words around them, a gazetteer, and the text as a whole.

A run of capitalised words is cut into names; each name gathers evidence for its type from its own
words, its neighbours and the gazetteer; the document pass adds the evidence of all mentions.
English is read with all rules. In other languages with capitals only names that the gazetteer,
a first name, a title or a company's suffix vouches for are taken, and in languages that capitalise
nouns (German) nothing else could be. Scripts without capitals are left to the gazetteer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import ClassVar

from newsmill.knowledge.names import fold
from newsmill.knowledge.packages import english_words
from newsmill.knowledge.recognisers.cues import cues, first_names
from newsmill.knowledge.recognisers.document import Guess, resolve
from newsmill.knowledge.recognisers.recogniser import Names
from newsmill.knowledge.spans import Span

MOST_CHARACTERS = 100_000
"""Characters of a text that are read: more than any article has."""

LEAST_ENGLISH = 0.9
"""Evidence that a name needs in English."""

LEAST_ELSEWHERE = 2.0
"""Evidence that a name needs in another language."""

_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
    r"|[@#]?\w+(?:['’](?!s\b)\w+|[-‐‑–]\w+|&\w+|\.(?!com\b)\d\w*|\.(?:com|org|net|co|io|tv)\b)*\+?"
)
_SENTENCE = re.compile(r"[.!?:;\n“„«\"•…|]|^\W*$")
_ABBREVIATED = frozenset(
    "st mt ft mr mrs ms dr jr sr prof gen sen rep gov sgt lt col capt adm co corp inc ltd no".split()
)
_BEFORE_NUMBER = frozenset(
    "formula big group channel radio pier area windows euro covid web article chapter".split()
)
_DATELINE = re.compile(r"[ ,.A-Za-z0-9/]{0,40}\(\s*[A-Z][\w ]{1,30}\)\s*[-–—]|\s*(?:[-–—])\s")
_AGE = re.compile(r"\s*,\s*\d{1,2}\s*[,.)]")
_OF = frozenset(("of", "for", "on", "to"))


class _Word:
    """A word of the text."""

    __slots__ = ("capital", "end", "low", "start", "starts", "text")

    def __init__(self, text: str, start: int, end: int, *, capital: bool, starts: bool) -> None:
        self.text = text
        self.low = fold(text)
        self.start = start
        self.end = end
        self.capital = capital  # may be (part of) a name
        self.starts = starts  # begins a sentence, so its capital tells nothing


class Rules:
    """The rules-based recogniser."""

    name: ClassVar[str] = "rules"
    version: ClassVar[str] = "1"

    def __init__(self, names: Names) -> None:
        self._names = names

    def recognise(self, text: str, language: str) -> list[Span]:
        """Names in the first `MOST_CHARACTERS` of `text`, by start, without overlap."""
        least = LEAST_ENGLISH if language == "en" else LEAST_ELSEWHERE
        return resolve(text, self.guesses(text, language), least=least)

    def guesses(self, text: str, language: str) -> list[Guess]:
        """Names with the evidence for each type, before the document pass."""
        words = _words(text[:MOST_CHARACTERS], language)
        found: list[Guess] = []
        for first, last in _runs(words, text):
            for low, high in self._cut(words, first, last):
                guess = Guess(words[low].start, words[high - 1].end, tuple(w.text for w in words[low:high]))
                self._gather(guess, words, low, high, text, language)
                found.append(guess)
        return found

    def _cut(self, words: Sequence[_Word], first: int, last: int) -> list[tuple[int, int]]:
        """A run of words as names: `low:high` each. Titles, offices and openings of sentences are left out."""
        low, high = first, last
        while low < high and self._opens(words[low], alone=high - low == 1):
            low += 1
        if low == high:
            return []
        if high - low > 1 and words[high - 1].low not in cues("organisations"):
            for at in range(low, high):
                if words[at].low in cues("offices") and (at > low or at + 1 < high):
                    before = at
                    while before > low and words[before - 1].low in cues("office_parts"):
                        before -= 1
                    return self._cut(words, low, before) + self._cut(words, at + 1, high)
            while low < high and words[low].low in cues("titles") and high - low > 1:
                low += 1
        if high - low == 1:
            return [(low, high)] if self._may_stand_alone(words[low]) else []
        if self._is_people(words[low].text) and not self._known(words, low, high):
            if words[high - 1].low in _ENDS or words[low].text.isupper():
                return [(low, high)]
            return [(low, low + 1), *self._cut(words, low + 1, high)]
        if words[low].starts and words[low].low in english_words() and not self._known(words, low, high):
            rest = self._known(words, low + 1, high) or words[low + 1].low in first_names()
            if rest:
                return self._cut(words, low + 1, high)
        return [(low, high)]

    def _opens(self, word: _Word, *, alone: bool) -> bool:
        """Whether a word is in capitals only because it opens a sentence, or is no name at all."""
        if word.low in cues("function_words"):
            return word.starts or word.low != "the" or alone
        return alone and word.starts and word.low in english_words() and not self._importance(word.text) > 0.8

    def _may_stand_alone(self, word: _Word) -> bool:
        return word.low not in cues("titles") and word.low not in cues("office_parts") and len(word.text) > 1

    def _known(self, words: Sequence[_Word], low: int, high: int) -> bool:
        return bool(self._names.lookup(" ".join(word.text for word in words[low:high])))

    def _importance(self, surface: str) -> float:
        return max((c.importance for c in self._names.lookup(surface)), default=0.0)

    def _is_people(self, surface: str) -> bool:
        """Whether a word is a nationality, faith or people: MISC."""
        if fold(surface) in cues("peoples"):
            return True
        found = self._names.lookup(surface)
        return bool(found) and found[0].role == "demonym"

    def _gather(
        self, guess: Guess, words: Sequence[_Word], low: int, high: int, text: str, language: str
    ) -> None:
        """Add all evidence for the type of the name `words[low:high]`."""
        self._gazetteer_evidence(guess, alone=high - low == 1)
        _own_evidence(guess, words[low:high], english=language == "en")
        before = words[low - 1] if low and "\n" not in text[words[low - 1].end : guess.start] else None
        after = words[high] if high < len(words) and "\n" not in text[guess.end : words[high].start] else None
        _neighbour_evidence(guess, before, after, text, language)

    def _gazetteer_evidence(self, guess: Guess, *, alone: bool) -> None:
        surface = " ".join(guess.words)
        if alone and self._is_people(surface):
            guess.add("MISC", 5.0)
            return
        upper = surface.isupper()
        strength: dict[str, float] = {}
        for candidate in self._names.lookup(surface)[:8]:
            if candidate.role in ("capitals", "postal") and not upper:
                continue
            if candidate.role == "demonym":
                continue
            weight = 4.5 * candidate.importance * (0.4 + 0.6 * candidate.prior)
            strength[candidate.coarse] = max(strength.get(candidate.coarse, 0.0), weight)
        for coarse, weight in strength.items():
            guess.add(coarse, weight)


_ENDS = frozenset().union(*(cues(kind) for kind in ("organisations", "companies", "places", "events")))


def _words(text: str, language: str) -> list[_Word]:
    """The words of a text. In headlines and lines in capitals, common English words count as lower case."""
    words: list[_Word] = []
    position = 0
    for line in text.split("\n"):
        found = [(m.group(), position + m.start(), position + m.end()) for m in _TOKEN.finditer(line)]
        letters = [word for word, _, _ in found if word[0].isalpha()]
        long = [word for word in letters if len(word) > 3]
        shouting = len(letters) > 2 and sum(map(str.isupper, letters)) >= 0.6 * len(letters)
        headline = (
            len(letters) > 4
            and len(long) > 2
            and not line.rstrip().endswith((".", "”", '"', ")", "?"))
            and sum(word[0].isupper() for word in long) >= 0.75 * len(long)
        )
        common = english_words() if language == "en" and (shouting or headline) else frozenset()
        before: _Word | None = None
        for word, start, end in found:
            starts = before is None or _breaks(text[before.end : start], before)
            capital = _is_capital(word) and word.lower() not in common
            before = _Word(word, start, end, capital=capital, starts=starts)
            words.append(before)
        position += len(line) + 1
    return words


def _breaks(gap: str, before: _Word) -> bool:
    """Whether a sentence (or a quotation) begins after `gap`."""
    if gap == " ":
        return False
    if gap in (". ", ".") and (before.low in _ABBREVIATED or len(before.text) == 1):
        return False
    return _SENTENCE.search(gap) is not None


@cache
def _capital_part(word: str) -> bool:
    """Whether a word that begins in lower case has a part in capitals: `al-Qaeda`, `post-Brexit`."""
    return any(part[:1].isupper() and len(part) > 1 for part in re.split(r"[-‐‑–]", word)[1:])


def _is_capital(word: str) -> bool:
    first = word[0]
    if first.isupper():
        return True
    if first == "@":
        return True
    return ("-" in word or "–" in word) and first.islower() and _capital_part(word)


def _runs(words: Sequence[_Word], text: str) -> list[tuple[int, int]]:
    """Stretches `first:last` of words that may be one name."""
    runs = []
    at, count = 0, len(words)
    while at < count:
        if not _may_begin(words[at]):
            at += 1
            continue
        end = at + 1
        while end < count:
            reached = _extended(words, text, at, end)
            if reached == end:
                break
            end = reached
        runs.append((at, end))
        at = end
    return runs


def _may_begin(word: _Word) -> bool:
    return word.capital and word.low not in cues("calendar") and word.low not in cues("stop_names")


def _joined(text: str, left: _Word, right: _Word) -> bool:
    """Whether nothing but a space (or a full stop after an abbreviation) stands between two words."""
    gap = text[left.end : right.start]
    if gap in (" ", " & "):
        return True
    return (
        gap == ". "
        and (len(left.text) == 1 or left.low in _ABBREVIATED)
        and left.low not in ("inc", "co", "ltd", "corp")
    )


def _extended(words: Sequence[_Word], text: str, first: int, end: int) -> int:
    """The end of the run `first:end` after one more step; `end` when it can't grow."""
    last, here = words[end - 1], words[end]
    if not _joined(text, last, here):
        return end
    if _may_begin(here):
        return end + 1
    if here.text[0].isdigit() and (last.low in _BEFORE_NUMBER or any(c.isdigit() for c in last.text)):
        return end + 1
    ahead = end + 1
    if ahead >= len(words) or not _joined(text, here, words[ahead]):
        return end
    if (
        here.low in cues("particles")
        and here.text.islower()
        and _may_begin(words[ahead])
        and here.low not in ("e", "y", "und", "et")
    ):
        return ahead + 1
    if here.text in _OF and last.low in _TAKES_OF:
        if (
            words[ahead].text in ("the", "a")
            and ahead + 1 < len(words)
            and _joined(text, words[ahead], words[ahead + 1])
        ):
            ahead += 1
        if _may_begin(words[ahead]):
            return ahead + 1
    if here.text == "and" and _may_begin(words[ahead]) and last.low in english_words():
        stop = ahead + 1
        while stop < len(words) and _joined(text, words[stop - 1], words[stop]) and _may_begin(words[stop]):
            stop += 1
        if words[stop - 1].low in cues("organisations") and words[ahead].low in english_words():
            return stop
    return end


_TAKES_OF = (
    cues("organisation_heads")
    | cues("organisations")
    | cues("events")
    | frozenset(
        "gulf bay isle isles strait straits republic cape houses kingdom university port sea mount city lord".split()
    )
)


def _own_evidence(guess: Guess, words: Sequence[_Word], *, english: bool) -> None:
    """Evidence in the words of the name."""
    first, last, count = words[0], words[-1], len(words)
    if count > 1:
        if last.low.rstrip(".") in cues("companies"):
            guess.add("ORG", 5.0)
        if last.low in cues("organisations"):
            guess.add("ORG", 4.0)
        if first.low in cues("organisation_heads"):
            guess.add("ORG", 3.0 if any(w.text in _OF for w in words) else 1.5)
        if last.low in cues("places"):
            guess.add("LOC", 4.0)
        if first.low in cues("place_heads"):
            guess.add("LOC", 2.0)
        if last.low in cues("events"):
            guess.add("MISC", 3.5)
        if first.low in first_names():
            guess.add("PER", 3.0)
        elif count <= 3 and last.low in first_names() and first.low not in english_words():
            guess.add("PER", 1.0)
        if any(len(w.text) == 1 and w.text.isalpha() for w in words[1:-1]):
            guess.add("PER", 2.5)
        if count <= 4 and english and not any(w.low in english_words() for w in words):
            guess.add("PER", 1.5)
        elif english:
            guess.add("ORG", 0.8)
        if "&" in " ".join(w.text for w in words):
            guess.add("ORG", 3.0)
    else:
        if first.low in cues("organisations") and first.low in english_words():
            guess.add("ORG", 1.5)
        if first.low in first_names():
            guess.add("PER", 1.0)
        elif english and first.low not in english_words():
            guess.add("ORG", 0.7)
            guess.add("PER", 0.5)
    word = last.text
    letters = [c for c in word if c.isalpha()]
    if any(c.isdigit() for c in first.text + word):
        guess.add("MISC", 3.0)
    elif count == 1 and 2 <= len(letters) <= 6 and all(c.isupper() for c in letters):
        guess.add("ORG", 2.2)
    elif (
        count == 1
        and any(c.isupper() for c in word[2:])
        and "-" not in word
        and not word.startswith(("Mc", "Mac", "De", "O'", "O’"))
    ):
        guess.add("ORG", 1.5)
    if first.text[0] == "@":
        guess.add("MISC", 3.0)
    if "-" in word:
        parts = word.split("-")
        if parts[-1].islower() and parts[0][:1].isupper() and len(parts[-1]) > 2:
            guess.add("MISC", 4.0)  # Berlin-based, Honda-powered
        elif count == 1 and parts[0].islower() and parts[0] not in ("al", "el"):
            guess.add("MISC", 4.0)  # post-Brexit
    if word.endswith(("ism", "ists", "ist")) and count == 1:
        guess.add("MISC", 1.5)


def _neighbour_evidence(
    guess: Guess, before: _Word | None, after: _Word | None, text: str, language: str
) -> None:
    """Evidence in the words beside the name."""
    left = text[before.end : guess.start] if before else ""
    right = text[guess.end : after.start] if after else text[guess.end : guess.end + 3]
    alone = len(guess.words) == 1
    if before is not None and not left.strip(" ."):
        word = before.low
        if word in cues("titles") and before.capital:
            guess.add("PER", 4.0)
        elif word in cues("roles"):
            guess.add("PER", 2.0 if not alone or word != "by" else 0.5)
        elif word in cues("locatives"):
            guess.add("LOC", 1.8 if word == "in" else 0.8)
        elif word == "the":
            guess.add("ORG", 0.8)
            guess.add("PER", -2.5)
        elif word in ("a", "an"):
            guess.add("MISC", 0.8)
            guess.add("PER", -1.5)
        elif word in ("mr", "mrs", "ms", "dr"):
            guess.add("PER", 5.0)
    if (
        left.strip() == "/"
        and before is not None
        and before.text in ("REUTERS", "AP", "AFP", "Reuters", "Getty", "EPA", "Images")
    ):
        guess.add("PER", 5.0)
    if after is not None:
        if right == " " or right in (" , ", ", "):
            if after.low in cues("speaks"):
                guess.add("PER", 1.5)
                guess.add("ORG", 0.5)
        if right.strip() == "," and _AGE.match(text, guess.end):
            guess.add("PER", 3.0)
        if right == " " and after.low in (
            "shares",
            "stock",
            "plc",
            "executives",
            "employees",
            "customers",
            "unit",
            "team",
        ):
            guess.add("ORG", 2.0)
        if right.strip() in ("'", "’") and after.text == "s":
            guess.add("ORG", 0.2)
    if (
        (before is None or before.end < text.rfind("\n", 0, guess.start))
        and guess.words[0].isupper()
        and _DATELINE.match(text, guess.end)
    ):
        guess.add("LOC", 6.0)
    if left.strip() == "(" and re.match(r"\s*\)\s*[-–—]", text[guess.end : guess.end + 6]):
        guess.add("ORG", 6.0)
