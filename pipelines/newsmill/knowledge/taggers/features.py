"""What a tagger sees of a word: its letters, lists that it is in, its neighbours, what the rules make of it.

A feature is a short string. The words of a line are one sequence; marks between words are told as what stands
before and after a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from newsmill.knowledge.recognisers.cues import (
    ends_as_surname,
    first_names,
    frequent_words,
    is_of,
    surnames,
    words_of,
)
from newsmill.knowledge.recognisers.document import Guess
from newsmill.knowledge.recognisers.words import Word

LONGEST_LINE = 400
"""Words of a sequence: a longer line is read in pieces."""

_MOST_SCORE = 6
_Atoms = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str, str, str]


def lines(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """The stretches `first:last` of `words` that are one sequence each."""
    first = 0
    for at in range(1, len(words) + 1):
        if (
            at == len(words)
            or at - first == LONGEST_LINE
            or "\n" in text[words[at - 1].end : words[at].start]
        ):
            yield first, at
            first = at


def sequence(
    text: str, words: Sequence[Word], first: int, last: int, guessed: dict[int, str], language: str
) -> list[list[str]]:
    """The features of the words `first:last`.

    Args:
        text: What the words are of.
        words: All words of it.
        first: The first word of the sequence.
        last: The word behind its last one.
        guessed: What the rules make of a word, by its index; `guesses_by_word` tells.
        language: ISO 639-1.
    """
    here = [_atoms(word.text, word.low, language) for word in words[first:last]]
    gaps = [
        _mark(text[(words[at - 1].end if at > first else words[at].start) : words[at].start])
        for at in range(first, last)
    ]
    count = last - first
    found = []
    for at in range(count):
        own, _, _, shape, _, _ = here[at]
        word = words[first + at]
        row = ["1", *own, "b" + gaps[at], "a" + (gaps[at + 1] if at + 1 < count else "$")]
        before = here[at - 1] if at else None
        after = here[at + 1] if at + 1 < count else None
        row += before[1] if before else ("-^",)
        row += after[2] if after else ("+$",)
        row.append(f"S{before[3] if before else '^'}|{shape}|{after[3] if after else '$'}")
        if word.capital:
            if before is not None and before[5]:
                row.append(f"B{before[5]}|{shape}")
            if at > 1:
                row.append("=" + here[at - 2][4])
            if at + 2 < count:
                row.append("#" + here[at + 2][4])
        if word.starts:
            row.append("t" + shape)
        if guess := guessed.get(first + at):
            row.append("g" + guess)
            row.append(f"G{guess[:2]}{gaps[at]}|{shape}")
        if guess := guessed.get(first + at - 1) if at else None:
            row.append("h" + guess[:2])
        if guess := guessed.get(first + at + 1) if at + 1 < count else None:
            row.append("i" + guess[:2])
        found.append(row)
    return found


def guesses_by_word(words: Sequence[Word], guesses: Sequence[Guess]) -> dict[int, str]:
    """What the rules make of each word of their guesses: `B` or `I`, the type's letter, how sure they are."""
    found = {}
    at = 0
    for guess in guesses:
        while at < len(words) and words[at].start < guess.start:
            at += 1
        best = guess.best
        score = min(_MOST_SCORE, int(guess.evidence[best]))
        place = "B"
        while at < len(words) and words[at].end <= guess.end:
            found[at] = f"{place}{best[0] if score > 0 else 'X'}{score}"
            place = "I"
            at += 1
    return found


@lru_cache(maxsize=50_000)
def _atoms(text: str, low: str, language: str) -> _Atoms:
    """A word's features by itself, as one before and one after; its shape; it as a far neighbour; itself."""
    shape = _shape(text)
    lists = _lists(text, low, language)
    own = ["w" + low, "s" + shape, *("l" + mark for mark in lists)]
    if len(low) > 2:
        own += ["2" + low[-2:], "3" + low[-3:], "p" + low[:3]]
    if len(low) > 4:
        own += ["4" + low[-4:], "q" + low[:4]]
    before = ("-" + low, "<" + shape, *("m" + mark for mark in lists), "e" + low[-3:])
    after = ("+" + low, ">" + shape, *("n" + mark for mark in lists), "f" + low[-3:])
    return tuple(own), before, after, shape, low if text.islower() else shape, low if text.islower() else ""


def _lists(text: str, low: str, language: str) -> str:
    marks = ""
    if low in first_names():
        marks += "g"
    if low in surnames():
        marks += "f"
    if ends_as_surname(low, language):
        marks += "e"
    if text.lower() in frequent_words(language):
        marks += "q"
    for kind in ("role", "head", "end"):
        if is_of(low, kind, language):
            marks += kind[0]
    if low in words_of("speaks", language):
        marks += "s"
    return marks


def _shape(text: str) -> str:
    """The kinds of letters in a word, runs of more than two cut: `Xxx`, `XXX`, `d`, `Xx-Xx`."""
    shape = ""
    for letter in text[:30]:
        kind = "X" if letter.isupper() else "x" if letter.isalpha() else "d" if letter.isdigit() else letter
        if shape[-2:] != kind * 2:
            shape += kind
    return shape


def _mark(gap: str) -> str:
    """The marks between two words."""
    return gap.replace(" ", "")[:2] if gap != " " else ""
