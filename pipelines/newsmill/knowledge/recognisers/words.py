"""A text as words, and the runs of words in capitals that may be names."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate, count
from operator import add

import msgspec

from newsmill.knowledge import own_words
from newsmill.knowledge.bounds import MOST_CHARACTERS
from newsmill.knowledge.names import fold, fold_whole, spaced
from newsmill.knowledge.recognisers.cues import common_words, cues, first_names, is_common, is_of

_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"  # U.S.
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
_ENGLISH_LINKS, _OTHER_LINKS = (joiners | _OF | {"and"} for joiners in (_ENGLISH_JOINERS, _OTHER_JOINERS))
"""Words in small letters with which a name can go on."""

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
_REMEMBERED = 8_000  # what stands between two spaces
_LONGEST_ELIDED = 5  # letters of dell', quell'

ELIDING = frozenset(("fr", "it", "ca", "oc", "lb", "mt"))
"""Languages whose articles lose their vowel before a name: l'Italie, dell'Europa."""

_CUTTING = _WITH_ENDINGS | ELIDING

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


class Words:
    """The words of a text, as lists of what `Word` tells of each; an item is a `Word`, made when asked for.

    What stands between two spaces is nearly always one word, with a sign behind it at most, so that lists of
    such chunks are nearly those of the words.

    Args:
        text: It; in headlines and lines in capitals, common English words count as lower case.
        language: ISO 639-1.

    Attributes:
        count: Of the words of the text.
        text, low, start, end, capital, starts: By the number of a word.
        capitals: Numbers of those that may be (part of) a name, in order.
    """

    __slots__ = ("capital", "capitals", "count", "end", "low", "start", "starts", "text")

    def __init__(self, text: str, language: str) -> None:
        chunks = spaced(text).split(" ")
        folded = fold_whole(text).split(" ")
        ends = list(map(add, accumulate(map(len, chunks)), count()))
        begins = [0, *[end + 1 for end in ends]]
        capitals: list[int] = []
        words: list[str] = []
        lows: list[str] = []
        starts: list[int] = []
        stops: list[int] = []
        cutting = language if language in _CUTTING else ""
        states = cues("states")
        done = 0  # chunks
        for index in [i for i, c in enumerate(chunks) if not (c.islower() and c.isalnum())]:
            chunk = chunks[index]
            if chunk.isalnum():
                if chunk[0].isupper():
                    capitals.append(index - done + len(words))
                continue
            word = chunk.strip(_SIGNS)
            if word.isalnum():
                at = chunk.index(word)
                if not (chunk.startswith(".", at + len(word)) and word.lower() in states):
                    if word[0].isupper():
                        capitals.append(index - done + len(words))
                    chunks[index], folded[index] = word, folded[index][at : at + len(word)]
                    begins[index] += at
                    ends[index] = begins[index] + len(word)
                    continue
            words += chunks[done:index]
            lows += folded[done:index]
            starts += begins[done:index]
            stops += ends[done:index]
            begin, done = begins[index], index + 1
            for word, low, first, last in (_parts if len(chunk) <= _LONGEST_CHUNK else _parts_of)(
                chunk, cutting
            ):
                if is_capital(word):
                    capitals.append(len(words))
                words.append(word)
                lows.append(low)
                starts.append(begin + first)
                stops.append(begin + last)
        self.text, self.low = words + chunks[done:], lows + folded[done:]
        self.start, self.end = starts + begins[done:-1], stops + ends[done:]
        self.count = len(self.text)
        self.capital, self.starts = [False] * self.count, [False] * self.count
        self.capitals = self._capitals(text, capitals, language)

    def _capitals(self, text: str, capitals: list[int], language: str) -> list[int]:
        """Those that count, each with its marks."""
        headlines = self._headlines(text) if language == "en" else []
        if headlines:
            common = common_words()
            capitals = [
                number
                for number in capitals
                if not (_is_within(headlines, number) and self.text[number].lower() in common)
            ]
        for number in capitals:
            self.capital[number] = True
            gap = text[self.end[number - 1] : self.start[number]] if number else "\n"
            self.starts[number] = gap != " " and _breaks(gap, self.text[number - 1], self.low[number - 1])
        return capitals

    def _headlines(self, text: str) -> list[tuple[int, int]]:
        """Which stretches of words are lines that are headlines."""
        found, end = [], -1
        while end < len(text):
            begin, end = end + 1, text.find("\n", end + 1)
            if end < 0:
                end = len(text)
            if 10 < end - begin < 200:
                first, last = bisect_left(self.start, begin), bisect_left(self.start, end)
                if _is_headline(text[begin:end], self.text[first:last]):
                    found.append((first, last))
        return found

    def __getitem__(self, number: int) -> Word:
        return Word(
            self.text[number],
            self.low[number],
            self.start[number],
            self.end[number],
            self.capital[number],
            self.starts[number],
        )

    def part(self, low: int, high: int) -> list[Word]:
        """The words `low:high`."""
        return [self[number] for number in range(low, high)]


_Part = tuple[str, str, int, int]
"""A word of a chunk: as it stands, folded, its where it begins and ends in the chunk."""

_LONGEST_CHUNK = 40
_SIGNS = ".,;:!?()[]\"“”„«»'’‘"
"""Signs around the only word of a chunk that are no part of it, but for the full stop of an abbreviation."""


def _parts_of(chunk: str, cutting: str) -> tuple[_Part, ...]:
    """The words between two spaces."""
    parts: list[_Part] = []
    for match in _TOKEN.finditer(chunk):
        word, start, end = match[0], *match.span()
        if cutting and ("'" in word or "’" in word):
            cut = _apostrophe(word, cutting)
            if cut > 0:
                word, end = word[:cut], start + cut
            elif cut < 0:
                word, start = word[-cut:], start - cut
        if chunk.startswith(".", end) and word[0].isupper() and word.lower() in cues("states"):
            word, end = f"{word}.", end + 1
        parts.append((word, fold(word), start, end))
    return tuple(parts)


_parts = lru_cache(maxsize=_REMEMBERED)(_parts_of)


def _is_within(stretches: Sequence[tuple[int, int]], number: int) -> bool:
    at = bisect_right(stretches, (number, MOST_CHARACTERS)) - 1
    return at >= 0 and number < stretches[at][1]


def _apostrophe(word: str, language: str) -> int:
    """Where an ending behind an apostrophe begins (`Ankara'ya`), or a name behind an article's, below 0."""
    at = max(word.find("'"), word.find("’"))
    if language in _WITH_ENDINGS and word[at + 1 :].islower():
        return at
    if language in ELIDING and at <= _LONGEST_ELIDED and word[at + 1 : at + 2].isupper():
        return -(at + 1)
    return 0


def _is_headline(line: str, found: Sequence[str]) -> bool:
    """Whether a line is in capitals, or has nearly all of its longer words with a capital."""
    letters = [word for word in found if word[0].isalpha()]
    if len(letters) > 2 and sum(map(str.isupper, letters)) >= 0.6 * len(letters):
        return True
    long = [
        word
        for word in letters
        if len(word) > 3 and not (len(word) == 4 and word[:3].lower() in cues("states"))
    ]
    return (
        len(letters) > 4
        and len(long) > 2
        and not line.rstrip().endswith((".", "”", '"', ")", "?"))
        and sum(word[0].isupper() for word in long) >= 0.75 * len(long)
    )


def _breaks(gap: str, before: str, low: str) -> bool:
    """Whether a sentence (or a quotation) begins after `gap`, which is behind a word, folded `low`."""
    if gap in (". ", ".") and (low in _ABBREVIATED or len(before) == 1):
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


def runs(words: Words, text: str, language: str) -> list[tuple[int, int]]:
    """Stretches `first:last` of words that may be one name (with titles, and the openings of sentences)."""
    particles = _ENGLISH_JOINERS if language == "en" else _OTHER_JOINERS
    linking = _ENGLISH_LINKS if language == "en" else _OTHER_LINKS
    found = []
    behind, count = 0, words.count
    for at in words.capitals:
        if at < behind or not (_may_begin(words, at, language) or _is_named_month(words, text, at)):
            continue
        first, end = at, at + 1
        if (
            first
            and language == "en"
            and words.text[first - 1] in _LEADING_PARTICLES
            and text[words.end[first - 1] : words.start[first]] == " "
        ):
            first -= 1
        while end < count and end - first < LONGEST:
            if not (words.capital[end] or words.low[end] in linking or words.text[end][0].isdigit()):
                break
            reached = _extended(words, text, first, end, particles, language)
            if reached == end:
                break
            end = reached
        found.append((first, end))
        behind = end
    return found


def _may_begin(words: Words, at: int, language: str) -> bool:
    return words.capital[at] and words.low[at] not in _no_names(language)


def _is_named_month(words: Words, text: str, at: int) -> bool:
    """Whether a month is a first name: `April Rowe`, but not `In April Rowe`."""
    low, after = words.low, at + 1
    if low[at] not in cues("month_names") or not words.capital[at] or after == words.count:
        return False
    if not _may_begin(words, after, "en") or not words.text[after][0].isalpha():
        return False
    if (words.starts[at] and is_common(low[after])) or text[words.end[at] : words.start[after]] != " ":
        return False
    return (
        not at or low[at - 1] not in cues("month_leads") or "\n" in text[words.end[at - 1] : words.start[at]]
    )


def joined(words: Words, text: str, at: int) -> bool:
    """Whether nothing but a space (or a full stop after an abbreviation) stands behind the word at `at`."""
    gap = text[words.end[at] : words.start[at + 1]]
    if gap in (" ", " & "):
        return True
    return (
        gap == ". "
        and (len(words.text[at]) == 1 or words.low[at] in _ABBREVIATED)
        and words.low[at] not in cues("companies")
    )


def _extended(words: Words, text: str, first: int, end: int, particles: frozenset[str], language: str) -> int:
    """The end of the run `first:end` after one more step; `end` when it can't grow."""
    last = end - 1
    if not joined(words, text, last):
        return end
    low, here = words.low, words.text[end]
    if _may_begin(words, end, language):
        return end if words.text[last].endswith(".") and low[end] in cues("function_words") else end + 1
    if here[0].isdigit() and (low[last] in _BEFORE_NUMBER or any(map(str.isdigit, words.text[last]))):
        return end + 1
    ahead = _next(words, text, end)
    if ahead is None:
        return end
    if here.islower() and low[end] in particles and _takes_particle(low[last], low[end], particles, language):
        while ahead is not None and words.text[ahead].islower() and low[ahead] in particles:
            ahead = _next(words, text, ahead)
        return ahead + 1 if ahead is not None and _may_begin(words, ahead, language) else end
    if here in _OF and (low[last] in _TAKES_OF or not _OF.isdisjoint(words.text[first:end])):
        if words.text[ahead] == "the":
            ahead = _next(words, text, ahead)
        return ahead + 1 if ahead is not None and _may_begin(words, ahead, language) else end
    if here == "and" and low[ahead] in cues("company_tails") and _may_begin(words, ahead, language):
        return ahead + 1
    if here == "and" and is_common(low[last]) and is_common(low[ahead]):
        return _organisation_ends(words, text, ahead) or end
    return end


def _takes_particle(last: str, here: str, particles: frozenset[str], language: str) -> bool:
    """Whether a name can go on with a particle, `here`, which outside English is a preposition too."""
    return (
        particles is _ENGLISH_JOINERS
        or (last in first_names() and here not in _ARTICLES.get(language, ()))
        or last in cues("organisation_heads")
        or is_of(last, "head", language)
    )


def _next(words: Words, text: str, at: int) -> int | None:
    """The index after `at` when the two words are joined."""
    return at + 1 if at + 1 < words.count and joined(words, text, at) else None


def _organisation_ends(words: Words, text: str, first: int) -> int | None:
    """Where the run from `first` ends, when its last word is an organisation's (`Drug Administration`)."""
    at: int | None = first
    last = None
    while at is not None and at - first < LONGEST and _may_begin(words, at, "en"):
        last, at = at, _next(words, text, at)
    return last + 1 if last is not None and words.low[last] in cues("organisations") else None
