"""Names by rules: capitals, the words around them, a gazetteer, and the text as a whole.

A run of capitalised words is cut into names; each name gathers evidence for its type from its own
words, its neighbours and the gazetteer; the document pass adds the evidence of all mentions.
English is read with all rules. In other languages with capitals only names that the gazetteer,
a first name, a title or a company's suffix vouches for are taken, and in languages that capitalise
nouns (German) nothing else could be. Scripts without capitals are left to the gazetteer.
"""

from __future__ import annotations

import re
from typing import ClassVar

from newsmill.knowledge.names import fold
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
