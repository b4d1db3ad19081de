"""Names in languages with spaces and without capitals: Arabic, Persian, Hebrew, Urdu, Hindi, Bengali, Tamil.

A person is a title or a given name and the words behind it, a body a word such as `وزارة` and the words that
belong to it, or the words before one such as `विश्वविद्यालय`. Words that join sentences end a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
_MOST_HEADED = 4  # words of a place or an event with the word that begins its name
_LEAST_FAMILY = 3  # letters that a family name that stands alone has more than
_ARTICLE, _AND = "ال", "و"
_VERB = "ي"  # with which most verbs of the present begin


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
    """Reads texts of one language.

    Args:
        language: One of `LANGUAGES`.
        is_place: Whether a word is the name of a place that the gazetteer knows.
    """

    def __init__(self, language: str, is_place: Callable[[str], bool] = lambda _: False) -> None:
        self._is_place = is_place
        self._language = language
        self._roles = words_of("role", language) | words_of("office", language)
        self._heads, self._regnal = words_of("head", language), words_of("regnal", language)
        self._fields = words_of("office_field", language)
        self._ends, self._bodies = words_of("end", language), words_of("body", language)
        self._stop = words_of("stop", language) | words_of("speaks", language)
        own = words_of("given", language)
        listed = given_names(language) - self._stop - self._roles - self._heads
        frequent = frequent_words(language)
        self._given, self._family = (listed - frequent) | own, family_names(language) - self._stop
        self._doubtful = listed & frequent  # given names that are words of every day too
        self._frequent = frequent - listed - self._family
        self._ordinary = frequent | self._stop
        self._alone = words_of("family", language) - frequent - self._given
        self._surname_ends = tuple(words_of("surname_end", language))
        self._nationalities = words_of("nationality", language)
        self._place_heads, self._place_parts = (
            words_of("place_head", language),
            words_of("place_part", language),
        )
        self._events, self._titles = words_of("event_head", language), words_of("title", language)
        self._joining = _JOINING.get(language, frozenset())
        self._prefixes = _PREFIXES.get(language, ())

    def recognise(self, text: str) -> list[Span]:
        """Names in `text`, by start, without overlap."""
        words = list(_WORD.finditer(text))
        spans: list[Span] = []
        at = 0
        while at < len(words):
            found = (
                self._body(text, words, at)
                or self._headed(text, words, at)
                or self._person(text, words, at)
                or self._foreigner(text, words, at)
            )
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
        return self._again(text, words, spans)

    def _again(self, text: str, words: Sequence[re.Match[str]], spans: list[Span]) -> list[Span]:
        """The spans with later mentions of the persons by their family name alone."""
        called = {text[s.start : s.end].split()[-1] for s in spans if s.coarse == "PER"}
        called = {
            w for w in called if len(w) > _LEAST_FAMILY and w not in self._ordinary and w not in self._given
        }
        if not called:
            return spans
        taken = iter([*spans, Span(start=len(text) + 1, end=len(text) + 1, coarse="")])
        found, after = list(spans), next(taken)
        for word in words:
            while after.end <= word.start():
                after = next(taken)
            if word.end() <= after.start:
                bare = word[0][1:] if word[0] not in called and word[0][:1] in self._prefixes else word[0]
                if bare in called:
                    found.append(Span(start=word.start(), end=word.end(), coarse="PER"))
        return sorted(found, key=lambda s: s.start)

    def _headed(self, text: str, words: Sequence[re.Match[str]], at: int) -> tuple[int, int, str] | None:
        """A place or an event by the word that begins its name: `شهر تهران`, `جام جهانی`."""
        word = words[at][0]
        coarse = "LOC" if word in self._place_heads else "MISC" if word in self._events else ""
        if not coarse:
            return None
        last = at + 1
        while last < len(words) and self._joined(text, words, last) and last - at < _MOST_HEADED:
            here = words[last][0]
            if coarse == "LOC" and here in self._place_parts:
                last += 1
                continue
            if coarse == "MISC" and here in self._events:
                last += 1
                continue
            if coarse == "LOC" and self._is_place(here):
                within = self._joined(text, words, last + 1) and self._is_place(words[last + 1][0])
                return at, last + 1 + within, coarse
            named = self._may_be_name(here) and here not in self._place_heads
            return (at, last + 1, coarse) if named and self._ends_there(text, words, last) else None
        return None

    def _ends_there(self, text: str, words: Sequence[re.Match[str]], last: int) -> bool:
        """Whether a name may end with the word at `last`: a sign or a word that joins sentences follows."""
        return not self._joined(text, words, last + 1) or words[last + 1][0] in self._stop

    def _foreigner(self, text: str, words: Sequence[re.Match[str]], at: int) -> tuple[int, int, str] | None:
        """A person of another country behind the nationality: `والروسي بوريس كارلوف`."""
        if not self._is_nationality(words[at][0]) or at + 1 == len(words) or words[at + 1][0][0] == _VERB:
            return None
        last = at + 1
        while last < len(words) and self._joined(text, words, last) and last - at <= _MOST_PERSON:
            here = words[last][0]
            if not self._is_foreign(here) or (last > at + 1 and self._is_joined_name(here)):
                break
            last += 1
        known = any(self._is_known(words[i][0]) for i in range(at + 1, last))
        if last - at > 2 or (last - at == 2 and known):
            return at + 1, last, "PER"
        return None

    def _is_nationality(self, word: str) -> bool:
        bare = word[1:] if word[:1] in self._prefixes and word[1:3] == _ARTICLE else word
        if not bare.startswith(_ARTICLE) or not self._nationalities:
            return False
        stem = bare[2:]
        return stem in self._nationalities or (stem[-1:] == "ة" and stem[:-1] in self._nationalities)

    def _is_foreign(self, word: str) -> bool:
        """Whether a word may be part of a name that is not Arabic."""
        if word.startswith((_ARTICLE, "وال", "بال", "لل")) or word[-1:] in "ةى" or self._is_nationality(word):
            return False
        return self._is_known(word) or (self._may_be_name(word) and word not in self._ordinary)

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
        if is_role:
            first = self._behind_fields(text, words, first)
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
            if last > first and self._is_joined_name(here):
                break
            known = self._is_known(here) or (last == first and is_given)
            if named >= _MOST_PERSON or not (known or self._may_be_name(here)):
                break
            if not known and named >= 2:
                break
            named += 1
            last += 1
        while last > first and words[last - 1][0] in self._joining:
            last -= 1
        if is_role and last > first and self._joined(text, words, last) and words[last][0] in self._regnal:
            last += 1
        words_in = [words[i][0] for i in range(first, last)]
        count = sum(self._is_known(w) for w in words_in)
        sure = count > 0
        if last - first < 2 and not (is_role and (sure or self._is_called(word, words_in))):
            return None
        bare = words_in[0][self._cut(words_in[0]) :]
        if not is_role and count < 2 and not (bare in self._given and self._goes_on(words_in[-1])):
            return None
        if (
            is_role
            and not sure
            and not self._is_called(word, words_in)
            and not (self._is_place(words[first - 1][0]) and self._is_whole_name(text, words, first))
            and not (last - first == 2 and self._language in ("hi", "ur", "bn", "ta"))
        ):
            return None
        return first, last, "PER"

    def _behind_fields(self, text: str, words: Sequence[re.Match[str]], at: int) -> int:
        """Behind what an office is for, and its country: `وزیر | امور خارجه روسیه | سرگئی لاوروف`."""
        first = at
        while (
            first < len(words) and self._joined(text, words, first) and words[first][0] in self._fields
        ) and first - at < _MOST_HEADED:
            first += 1
        if (
            self._joined(text, words, first)
            and self._joined(text, words, first + 1)
            and self._is_place(words[first][0])
            and (self._is_known(words[first + 1][0]) or self._is_whole_name(text, words, first + 1))
        ):
            first += 1
        return first

    def _is_whole_name(self, text: str, words: Sequence[re.Match[str]], at: int) -> bool:
        """Whether two words that are in no list end before one that joins, where verbs stand last."""
        return (
            self._language == "fa"
            and self._joined(text, words, at + 1)
            and all(self._may_be_name(words[i][0]) for i in (at, at + 1))
            and self._ends_there(text, words, at + 1)
        )

    def _is_joined_name(self, word: str) -> bool:
        """Whether a word is `and` and another name: `وجون`."""
        return self._language == "ar" and word[0] == _AND and len(word) > 3 and word not in self._given

    def _is_called(self, title: str, name: Sequence[str]) -> bool:
        """Whether a title of persons alone stands before a name that is in no list: `دکتر لطفی`."""
        ended = bool(name) and name[-1].endswith(self._surname_ends)
        return title in self._titles and ended and len(name) < 3 and self._ordinary.isdisjoint(name)

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
