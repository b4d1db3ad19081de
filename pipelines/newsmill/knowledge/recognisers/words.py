"""A text as words, and the runs of words in capitals that may be names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

import msgspec

from newsmill.knowledge import own_words
from newsmill.knowledge.names import fold, fold_whole
from newsmill.knowledge.recognisers.cues import common_words, cues, first_names, is_common, is_of

_TOKEN = re.compile(
    r"([a-zß-öø-ÿа-яё]++)(?![\w'’‐‑–&+-]|\.\w)"  # nearly all words: small letters, nothing joined
    r"|(?:[^\W\d_]\.){2,}"  # U.S.
    r"|[@#]?\w++(?:['’](?!s\b)\w++|[-‐‑–]\w++|&\w++|\.\d\w*+|\.(?:com|org|net|co|io|tv)\b)*+\+?"
)
_SENTENCE = re.compile(r"[.!?:;\n“„«\"•…|]|\)\s*[-–—]")
_ABBREVIATED = frozenset(
    "st mt ft mr mrs ms dr jr sr prof gen sen rep gov sgt lt col capt adm co corp inc ltd no".split()
)
_BEFORE_NUMBER = frozenset(
    "formula big group channel radio pier area windows euro web article s&p ftse cac stoxx msci".split()
)
_OF = frozenset(("of", "for"))
_NO_JOINERS = frozenset(("e", "y", "und", "et"))
_ENGLISH_JOINERS = cues("particles") - _NO_JOINERS
_OTHER_JOINERS = _ENGLISH_JOINERS - {"le", "la", "les", "lo", "el", "al"}
_ARTICLES = {"de": frozenset("das des der den".split())}
"""Particles that only follow another one in a language, since alone they are articles: `von der Leyen`."""

_LEADING_PARTICLES = frozenset("al el bin ibn van von de di da del den ten ter abu".split())
_TAKES_OF = (
    cues("organisation_heads")
    | cues("organisations")
    | cues("events")
    | frozenset(
        "gulf bay isle isles strait straits republic cape houses kingdom port sea mount city lord".split()
    )
)


_NO_NAMES = cues("calendar") | cues("stop_names")


@cache
def _no_names(language: str) -> frozenset[str]:
    """Words that are no names, whatever their capital. Elsewhere `Jan` is a first name, and no month."""
    if language == "en":
        return _NO_NAMES
    calendar = own_words.calendar(language)
    return (_NO_NAMES - first_names()) | calendar | frozenset(map(fold, calendar))


_WITH_ENDINGS = frozenset(("tr", "az", "fi", "et", "pl"))
_LONGEST_ELIDED = 5  # letters of dell', quell'

ELIDING = frozenset(("fr", "it", "ca", "oc", "lb", "mt"))
"""Languages whose articles lose their vowel before a name: l'Italie, dell'Europa."""

LONGEST = 16
"""Words of a run: no name is longer, so a text that is all capitals costs no more than another."""


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word of the text.

    Attributes:
        low: Folded.
        capital: It may be (part of) a name.
        starts: It has a capital because it begins a sentence, so that tells nothing.
    """

    text: str
    low: str
    start: int
    end: int
    capital: bool
    starts: bool


def split(text: str, language: str) -> list[Word]:
    """The words of a text. In headlines and lines in capitals, common English words count as lower case."""
    words: list[Word] = []
    position = 0
    folded = fold_whole(text)
    for line in text.split("\n"):
        found = list(_TOKEN.finditer(line))
        common = common_words() if language == "en" and _is_headline(line, found) else None
        before: Word | None = None
        quoted = "'" in line or "’" in line
        for match in found:
            first, last = match.span()
            word, start, end = line[first:last], position + first, position + last
            if match.lastindex:
                before = Word(word, word if word.isascii() else folded[start:end], start, end, False, False)
                words.append(before)
                continue
            capital = starts = False
            if quoted and ("'" in word or "’" in word):
                cut = _apostrophe(word, language)
                if cut > 0:
                    word, end = word[:cut], start + cut
                elif cut < 0:
                    word, start = word[-cut:], start - cut
            if not (word.islower() and word.isalpha()):
                if text.startswith(".", end) and word[0].isupper() and word.lower() in cues("states"):
                    word, end = f"{word}.", end + 1
                capital = is_capital(word) and (common is None or word.lower() not in common)
                starts = capital and (before is None or _breaks(text[before.end : start], before))
            before = Word(word, folded[start:end], start, end, capital, starts)
            words.append(before)
        position += len(line) + 1
    return words


def _apostrophe(word: str, language: str) -> int:
    """Where an ending behind an apostrophe begins (`Ankara'ya`), or a name behind an article's, below 0."""
    at = max(word.find("'"), word.find("’"))
    if language in _WITH_ENDINGS and word[at + 1 :].islower():
        return at
    if language in ELIDING and at <= _LONGEST_ELIDED and word[at + 1 : at + 2].isupper():
        return -(at + 1)
    return 0


def _is_headline(line: str, found: Sequence[re.Match[str]]) -> bool:
    """Whether a line is in capitals, or has nearly all of its longer words with a capital."""
    if len(found) < 3 or not 10 < len(line) < 200:
        return False
    letters = [match[0] for match in found if match[0][0].isalpha()]
    if len(letters) > 2 and sum(map(str.isupper, letters)) >= 0.6 * len(letters):
        return True
    long = [word for word in letters if len(word) > 3]
    return (
        len(letters) > 4
        and len(long) > 2
        and not line.rstrip().endswith((".", "”", '"', ")", "?"))
        and sum(word[0].isupper() for word in long) >= 0.75 * len(long)
    )


def _breaks(gap: str, before: Word) -> bool:
    """Whether a sentence (or a quotation) begins after `gap`."""
    if gap == " ":
        return False
    if gap in (". ", ".") and (before.low in _ABBREVIATED or len(before.text) == 1):
        return False
    return _SENTENCE.search(gap) is not None


def is_capital(word: str) -> bool:
    """Whether a word has the capital of a name: `Paris`, `al-Qaeda`, `post-Brexit`, `@handle`."""
    first = word[0]
    if first.isupper() or first == "@":
        return True
    return ("-" in word or "–" in word) and first.islower() and _capital_part(word)


@lru_cache(maxsize=10_000)
def _capital_part(word: str) -> bool:
    return any(part[:1].isupper() and len(part) > 1 for part in re.split(r"[-‐‑–]", word)[1:])


def runs(words: Sequence[Word], text: str, language: str) -> list[tuple[int, int]]:
    """Stretches `first:last` of words that may be one name (with titles, and the openings of sentences)."""
    particles = _ENGLISH_JOINERS if language == "en" else _OTHER_JOINERS
    found = []
    at, count = 0, len(words)
    while at < count:
        if not words[at].capital:  # nearly all words, and no name begins with them
            at += 1
            continue
        if not _may_begin(words[at], language) and not _is_named_month(words, text, at):
            at += 1
            continue
        first, end = at, at + 1
        if (
            first
            and language == "en"
            and words[first - 1].text in _LEADING_PARTICLES
            and text[words[first - 1].end : words[first].start] == " "
        ):
            first -= 1
        while end < count and end - first < LONGEST:
            reached = _extended(words, text, first, end, particles, language)
            if reached == end:
                break
            end = reached
        found.append((first, end))
        at = end
    return found


def _may_begin(word: Word, language: str) -> bool:
    return word.capital and word.low not in _no_names(language)


def _is_named_month(words: Sequence[Word], text: str, at: int) -> bool:
    """Whether a month is a first name: `April Rowe`, but not `In April Rowe`."""
    word = words[at]
    if word.low not in cues("month_names") or not word.capital or at + 1 == len(words):
        return False
    after = words[at + 1]
    if not _may_begin(after, "en") or not after.text[0].isalpha() or (word.starts and is_common(after.low)):
        return False
    if text[word.end : after.start] != " ":
        return False
    return (
        not at or words[at - 1].low not in cues("month_leads") or "\n" in text[words[at - 1].end : word.start]
    )


def joined(text: str, left: Word, right: Word) -> bool:
    """Whether nothing but a space (or a full stop after an abbreviation) stands between two words."""
    gap = text[left.end : right.start]
    if gap in (" ", " & "):
        return True
    return (
        gap == ". "
        and (len(left.text) == 1 or left.low in _ABBREVIATED)
        and left.low not in cues("companies")
    )


def _extended(
    words: Sequence[Word], text: str, first: int, end: int, particles: frozenset[str], language: str
) -> int:
    """The end of the run `first:end` after one more step; `end` when it can't grow."""
    last, here = words[end - 1], words[end]
    if not joined(text, last, here):
        return end
    if _may_begin(here, language):
        return end if last.text.endswith(".") and here.low in cues("function_words") else end + 1
    if here.text[0].isdigit() and (last.low in _BEFORE_NUMBER or any(map(str.isdigit, last.text))):
        return end + 1
    ahead = _next(words, text, end)
    if ahead is None:
        return end
    if here.text.islower() and here.low in particles and _takes_particle(last, here, particles, language):
        while ahead is not None and words[ahead].text.islower() and words[ahead].low in particles:
            ahead = _next(words, text, ahead)
        return ahead + 1 if ahead is not None and _may_begin(words[ahead], language) else end
    if here.text in _OF and (last.low in _TAKES_OF or any(words[at].text in _OF for at in range(first, end))):
        if words[ahead].text == "the":
            ahead = _next(words, text, ahead)
        return ahead + 1 if ahead is not None and _may_begin(words[ahead], language) else end
    tails = cues("company_tails")
    if here.text == "and" and words[ahead].low in tails and _may_begin(words[ahead], language):
        return ahead + 1
    if here.text == "and" and is_common(last.low) and is_common(words[ahead].low):
        return _organisation_ends(words, text, ahead) or end
    return end


def _takes_particle(last: Word, here: Word, particles: frozenset[str], language: str) -> bool:
    """Whether a name can go on with a particle, `here`, which outside English is a preposition too."""
    return (
        particles is _ENGLISH_JOINERS
        or (last.low in first_names() and here.low not in _ARTICLES.get(language, ()))
        or last.low in cues("organisation_heads")
        or is_of(last.low, "head", language)
    )


def _next(words: Sequence[Word], text: str, at: int) -> int | None:
    """The index after `at` when the two words are joined."""
    return at + 1 if at + 1 < len(words) and joined(text, words[at], words[at + 1]) else None


def _organisation_ends(words: Sequence[Word], text: str, first: int) -> int | None:
    """Where the run from `first` ends, when its last word is an organisation's (`Drug Administration`)."""
    at: int | None = first
    last = None
    while at is not None and at - first < LONGEST and _may_begin(words[at], "en"):
        last, at = at, _next(words, text, at)
    return last + 1 if last is not None and words[last].low in cues("organisations") else None
