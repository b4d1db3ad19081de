"""Names in languages with spaces and without capitals: Arabic, Persian, Hebrew, Urdu, Hindi, Bengali, Tamil.

A person is a title or a given name and the words behind it, a body a word such as `وزارة` and the words that
belong to it, or the words before one such as `विश्वविद्यालय`. Words that join sentences end a name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from newsmill.knowledge.recognisers.cues import frequent_words, words_of
from newsmill.knowledge.spans import Span

LANGUAGES = frozenset(("ar", "fa", "he", "ur", "hi", "bn", "ta"))

_WORD = re.compile(r"[^\W\d_](?:[\w\u200c\u0900-\u0dff'’״\"-]*[\w\u0900-\u0dff'’])?")
_PREFIXES = {"ar": ("و", "ف", "ب", "ل", "ك"), "he": ("ו", "ב", "ל", "מ", "ה", "ש", "כ")}
_JOINING = {
    "ar": frozenset(("بن", "ابن", "آل", "أبو", "ابو", "عبد", "بنت", "ولد", "أبي", "الدين")),
    "fa": frozenset(("بن", "ابن", "زاده", "پور")),
    "he": frozenset(("בן", "בר", "בת", "אבו", "אל")),
}
_MOST_PERSON, _MOST_BODY = 4, 4
_ARTICLE = "ال"


@cache
def _lists() -> dict[tuple[str, str], frozenset[str]]:
    lines = files(__package__).joinpath("data/given.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return {(language, kind): frozenset(names.replace("_", " ").split()) for language, kind, names in rows}


def given_names(language: str) -> frozenset[str]:
    """Given names in the language's script."""
    return _lists().get((language, "G"), frozenset()) | words_of("given", language)


def family_names(language: str) -> frozenset[str]:
    """Family names in the language's script."""
    return _lists().get((language, "F"), frozenset()) | words_of("family", language)


class Cued:
    """Reads texts of one language (one of `LANGUAGES`)."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._roles, self._heads = words_of("role", language), words_of("head", language)
        self._ends, self._bodies = words_of("end", language), words_of("body", language)
        self._stop = words_of("stop", language) | words_of("speaks", language)
        own = words_of("given", language)
        listed = given_names(language) - self._stop - self._roles - self._heads
        frequent = frequent_words(language)
        self._given, self._family = (listed - frequent) | own, family_names(language) - self._stop
        self._doubtful = listed & frequent  # given names that are words of every day too
        self._frequent = frequent - listed - self._family
        self._alone = words_of("family", language) - frequent - self._given
        self._joining = _JOINING.get(language, frozenset())
        self._prefixes = _PREFIXES.get(language, ())

    def recognise(self, text: str) -> list[Span]:
        """Names in `text`, by start, without overlap."""
        words = list(_WORD.finditer(text))
        spans: list[Span] = []
        at = 0
        while at < len(words):
            found = self._body(text, words, at) or self._person(text, words, at)
            if found is None:
                at += 1
                continue
            first, last, coarse = found
            start = words[first].start()
            if spans and start < spans[-1].end:
                at += 1
                continue
            spans.append(Span(start=start, end=words[last - 1].end(), coarse=coarse))
            at = last
        return spans

    def _lead(self, word: str) -> int:
        """Letters of a joined preposition before a body's first word."""
        return 1 if word not in self._heads and word[:1] in self._prefixes and word[1:] in self._heads else 0

    def _cut(self, word: str) -> int:
        """Letters of a joined preposition before a given name."""
        return 1 if word not in self._given and word[:1] in self._prefixes and word[1:] in self._given else 0

    def _joined(self, text: str, words: Sequence[re.Match[str]], at: int) -> bool:
        """Whether nothing but a space stands before the word at `at`."""
        return 0 < at < len(words) and text[words[at - 1].end() : words[at].start()] in (" ", "\u00a0")

    def _person(self, text: str, words: Sequence[re.Match[str]], at: int) -> tuple[int, int, str] | None:
        word = words[at][0]
        is_given = word in self._given or self._cut(word) > 0
        is_role = word in self._roles
        if not is_given and not is_role:
            alone = word in self._alone
            return (at, at + 1, "PER") if alone else None
        first = at if is_given and not is_role else at + 1
        while first < len(words) and self._joined(text, words, first) and words[first][0] in self._roles:
            first += 1
        if self._language == "ar" and self._is_adjective(words, first):
            first += 1
        if first > at and not self._joined(text, words, first):
            return None
        last, named = first, 0
        while (
            last < len(words)
            and last - first < _MOST_PERSON + 2
            and (last == first or self._joined(text, words, last))
        ):
            here = words[last][0]
            if here in self._joining:
                last += 1
                continue
            known = self._is_known(here) or (last == first and is_given)
            if named >= _MOST_PERSON or not (known or self._may_be_name(here)):
                break
            if not known and named >= 2:
                break
            named += 1
            last += 1
        while last > first and words[last - 1][0] in self._joining:
            last -= 1
        words_in = [words[i][0] for i in range(first, last)]
        count = sum(self._is_known(w) for w in words_in)
        sure = count > 0
        if last - first < 2 and not (is_role and sure):
            return None
        if not is_role and count < 2 and not (words_in[0] in self._given and self._goes_on(words_in[-1])):
            return None
        if is_role and not sure and not (last - first == 2 and self._language in ("hi", "ur", "bn", "ta")):
            return None
        return first, last, "PER"

    def _is_known(self, word: str) -> bool:
        """Whether a word is in the lists of names."""
        bare = word[self._cut(word) :]
        return bare in self._given or bare in self._family or bare in self._doubtful

    def _is_adjective(self, words: Sequence[re.Match[str]], at: int) -> bool:
        """Whether a nationality stands between a title and a given name: `الرئيس السوداني عمر`."""
        if at + 1 >= len(words):
            return False
        word = words[at][0]
        return word.startswith(_ARTICLE) and word.endswith("ي") and self._is_known(words[at + 1][0])

    def _goes_on(self, word: str) -> bool:
        """Whether an unknown word behind a given name looks like a family name."""
        return self._language not in ("ar",) or word.startswith(_ARTICLE) or word.endswith("ي")

    def _may_be_name(self, word: str) -> bool:
        if len(word) < 2 or word in self._stop or word in self._frequent or word in self._heads:
            return False
        return word not in self._roles and word not in self._ends

    def _body(self, text: str, words: Sequence[re.Match[str]], at: int) -> tuple[int, int, str] | None:
        word = words[at][0]
        if word in self._bodies:
            return at, at + 1, "ORG"
        if word in self._ends and at and self._joined(text, words, at):
            first = at
            while (
                first
                and at - first < 2
                and self._joined(text, words, first)
                and self._may_be_name(words[first - 1][0])
            ):
                first -= 1
            return (first, at + 1, "ORG") if first < at else None
        if word not in self._heads and not self._lead(word):
            return None
        last = at + 1
        while last < len(words) and last - at <= _MOST_BODY - 1 and self._joined(text, words, last):
            here = words[last][0]
            if (
                here in self._stop
                or here in self._roles
                or (here in self._frequent and not here.startswith(_ARTICLE))
            ):
                break
            if (
                self._language == "ar"
                and last > at + 1
                and not here.startswith((_ARTICLE, "و" + _ARTICLE, "لل"))
            ):
                break
            last += 1
            if self._language in ("fa", "ur") and last - at == 3:
                break
        return (at, last, "ORG") if last - at > 1 else None
