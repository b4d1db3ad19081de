"""Names by rules: capitals, the words around them, a gazetteer, and the text as a whole.

A run of capitalised words is cut into names; each name gathers evidence for its type from its own
words, its neighbours and the gazetteer; the document pass adds the evidence of all mentions.
English is read with all rules. In other languages with capitals only names that the gazetteer,
a first name, a title or a company's suffix vouches for are taken, and in languages that capitalise
nouns (German) nothing else could be. Scripts without capitals are left to the gazetteer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from newsmill.knowledge.bounds import MOST_CHARACTERS
from newsmill.knowledge.forms import first_cases, press_names
from newsmill.knowledge.names import fold
from newsmill.knowledge.recent import Recent
from newsmill.knowledge.recognisers import cued, evidence, han, hangul, offices
from newsmill.knowledge.recognisers.cues import (
    common_words,
    cues,
    first_names,
    frequent_words,
    is_common,
    surnames,
    words_of,
)
from newsmill.knowledge.recognisers.document import Guess, resolve
from newsmill.knowledge.recognisers.offices import ends_body
from newsmill.knowledge.recognisers.openings import Opens, may_stand_alone, opens, opens_alone
from newsmill.knowledge.recognisers.recogniser import Names
from newsmill.knowledge.recognisers.words import Word, Words, runs
from newsmill.knowledge.spans import Span

LEAST_ENGLISH = 0.8
"""Evidence that a name needs in English."""

LEAST_ELSEWHERE = 2.0
"""Evidence that a name needs in another language."""

WELL_KNOWN = 0.7
"""Importance from which a name of the gazetteer is not mistaken for a person's."""

IN_OFFICE = 5.0
"""Evidence that a name has behind an office and what belongs to it."""

_BODY = 3.0
"""Evidence that a well-known body's full name has, whatever its last word is: Islamic State."""

_OF_A_PLACE_BODY = 0.5
"""Evidence that a place's name before a body's word makes a body of it, though it is a given name too."""

_REMEMBERED = 10_000
"""Names whose evidence is kept: a story names the same people again and again, and the next story too."""

_PLACE_ALONE = 2.0
"""Evidence that a name of several words has that is a place's and nothing else's."""

_ALONE_PRIOR, _ALONE_IMPORTANCE = 0.8, 0.5
"""Prior and importance of such a place."""

_MOST_FORMS = 8
"""Names that each word of a name of several may be a form of."""

_LONGEST_AND = 3
"""Letters of a conjunction."""

_OF_A_PLACE = frozenset(("of", "to", "in", "for"))

Range = tuple[int, int]

_MONTHS, _PEOPLES = cues("month_names"), cues("peoples")
_TITLES, _OFFICES, _OFFICE_PARTS = cues("titles"), cues("offices"), cues("office_parts")
_LAST_WORDS, _COMPANIES = cues("last_words"), cues("companies")
_BODIES = cues("organisations") | _COMPANIES
_ENDS = _BODIES | cues("places") | cues("events")


class _Told(NamedTuple):
    """What a name's own words tell.

    Attributes:
        evidence: For each type.
        known: It is a well-known place, body or people.
        name: The words folded.
        opens: Of a word that stands alone: when it is no name, but opens a sentence.
    """

    evidence: dict[str, float]
    known: bool
    name: str
    opens: Opens


class Rules:
    """The rules-based recogniser.

    Args:
        names: The gazetteer that is consulted.
    """

    name: ClassVar[str] = "rules"
    version: ClassVar[str] = "1"

    def __init__(self, names: Names) -> None:
        self._names = names
        self._cutters: dict[str, han.Cutter] = {}
        self._readers: dict[str, cued.Cued] = {}
        self._told: Recent[tuple[str, str] | tuple[tuple[str, ...], str, bool], _Told] = Recent(_REMEMBERED)

    def recognise(self, text: str, language: str) -> list[Span]:
        """Names in the first `bounds.MOST_CHARACTERS` of `text`, by start, without overlap."""
        if language in han.LANGUAGES:
            return self._cutter(language).recognise(text[:MOST_CHARACTERS])
        if language == "ko":
            return hangul.recognise(text[:MOST_CHARACTERS])
        if language in cued.LANGUAGES:
            return self._reader(language).recognise(text[:MOST_CHARACTERS])
        guesses = self.guesses(text, language)
        if language == "en":
            return resolve(text, guesses, least=LEAST_ENGLISH)
        return resolve(text, guesses, least=LEAST_ELSEWHERE, repeated=1.0)

    def _cutter(self, language: str) -> han.Cutter:
        """The cutter of a language without spaces, made when its first text comes."""
        if language not in self._cutters:
            self._cutters[language] = han.Cutter(language, self._names.places_without_case())
        return self._cutters[language]

    def _reader(self, language: str) -> cued.Cued:
        """The reader of a language with spaces and without capitals."""
        if language not in self._readers:
            self._readers[language] = cued.Cued(language, self._names_place)
        return self._readers[language]

    def _names_place(self, word: str) -> bool:
        return any(found.coarse == "LOC" for found in self._names.lookup(word)[:1])

    def read(self, text: str, language: str) -> tuple[list[Word], list[Guess]]:
        """The words of the first `bounds.MOST_CHARACTERS` of `text`, and its `guesses`."""
        words = Words(text[:MOST_CHARACTERS], language)
        return words.part(0, words.count), self._guesses(words, text, language)

    def guesses(self, text: str, language: str) -> list[Guess]:
        """Names with the evidence for each type, before the document pass."""
        return self._guesses(Words(text[:MOST_CHARACTERS], language), text, language)

    def _guesses(self, words: Words, text: str, language: str) -> list[Guess]:
        inside = _inside(words)
        guesses: list[Guess] = []
        for first, last in runs(words, text, language):
            if last - first == 1:
                told = self._told_of(words, first, last, language)
                if not told.opens.here(words.starts[first], words.low[first], inside):
                    guesses.append(self._guess(words, first, last, told, text, language))
                continue
            parts = self._behind_office(words, first, last, text, language)
            if guesses and parts[0][0] > first and self._goes_on(words, first, guesses[-1], language):
                guesses.pop()  # prezes Prawa | i Sprawiedliwości | Jarosław Kaczyński
            for low_part, high_part, of_office in parts:
                for low, high in self._cut(words, low_part, high_part, inside, language):
                    told = self._told_of(words, low, high, language)
                    guess = self._guess(words, low, high, told, text, language)
                    if of_office is not None:
                        _tell_office(guess, of_office)
                    guesses.append(guess)
        return guesses

    def _goes_on(self, words: Words, first: int, before: Guess, language: str) -> bool:
        """Whether a run goes on, behind a conjunction, with what the name before it began."""
        at = first - 2
        if (
            at < 1
            or words.end[at] != before.end
            or words.capital[at + 1]
            or len(words.text[at + 1]) > _LONGEST_AND
        ):
            return False
        return (
            len(before.words) == 1
            and offices.is_office(words.low[at - 1], language)
            and not self._names.lookup(before.words[0])
        )

    def _behind_office(
        self, words: Words, low: int, high: int, text: str, language: str
    ) -> list[tuple[int, int, str | None]]:
        """A run, parted where a person's name begins behind what belongs to the person's office.

        With each part, its type where an office tells it: PER, or that of what the office is of.
        """
        if high - low < 2 or language in offices.FAMILY_FIRST:
            return [(low, high, None)]
        if language == "en":
            at, of = offices.begins_behind_of(words, low, high, self._names_place)
            part = [(low, at, of)] if of is not None else []
            return [*part, (at, high, "PER")] if at > low else [(low, high, None)]
        first = low
        while high - first > 1 and offices.is_office(words.low[first], language):
            first += 1
        if first == low and not offices.stands_behind(words, text, low, language):
            inside = offices.office_inside(words, low, high, language)
            if inside is None:
                return [(low, high, None)]
            return [(low, inside, None), *self._behind_office(words, inside, high, text, language)]
        begins = offices.name_begins(words, first, high, language, self._is_place, self._names_place)
        if begins is None:
            given = offices.is_given(words.low[first], language) and high - first > 1
            return [(first, high, "PER")] if given else [(low, high, None)]
        named: list[tuple[int, int, str | None]] = []
        place = begins - 1
        if place > first and self._is_place(words.low[place], language):
            named = [(first, place, self._of_office(words, first, place, language)), (place, begins, "LOC")]
        else:
            named = [(first, begins, self._of_office(words, first, begins, language))]
        return [*(part for part in named if part[2] is not None), (begins, high, "PER")]

    def _of_office(self, words: Words, low: int, high: int, language: str) -> str | None:
        """LOC or ORG where an office is a place's or a body's; None where words only say what it is for."""
        if self._is_place(" ".join(words.low[low:high]), language):
            return "LOC"
        if words.low[low] in words_of("office_field", language):
            return None
        known = self._names.lookup(_surface(words, low, high))
        if known and known[0].coarse in ("LOC", "ORG"):
            return known[0].coarse
        body = offices.begins_body(words.low[low], language) or words.low[low] in cues("organisation_heads")
        acronym = high - low == 1 and words.text[low].isupper() and len(words.text[low]) > 1
        return "ORG" if body or acronym else None

    def _cut(self, words: Words, low: int, high: int, inside: frozenset[str], language: str) -> list[Range]:
        """A run of words as names. Titles, offices and the openings of sentences are left out."""
        english = language == "en"
        while high > low and not words.capital[high - 1] and not words.text[high - 1][0].isdigit():
            high -= 1  # a particle whose second part was cut off
        if not english:
            while high - low > 1 and self._is_lead(words[low], language):
                if high - low == 2 and not words.starts[low] and self._names_place(words.text[low + 1]):
                    break  # Capitão América
                low += 1
        while high - low > 1 and opens(words[low]):
            if words.low[low] == "first" and high - low > 2 and words.low[high - 1] in _BODIES:
                break  # First National Bank
            low += 1
        if high - low == 1:
            alone = self._told_of(words, low, high, language).opens
            return [] if alone.here(words.starts[low], words.low[low], inside) else [(low, high)]
        if not english and high - low > 1 and words.low[low] in cues("articles"):
            low += not self._known(words, low, high)
            if high - low == 1:
                return [(low, high)] if may_stand_alone(words[low]) else []
        if low == high:
            return []
        if english and words.low[low] in _MONTHS and self._is_well_known(words, low + 1, high):
            return self._cut(words, low + 1, high, inside, language)  # June German exports
        known = self._names.lookup(_surface(words, low, high))
        if known and (known[0].coarse != "PER" or words.low[low] not in _TITLES):
            return [(low, high)]
        if words.low[high - 1] not in _BODIES:
            for at in range(low, high):
                if words.low[at] in _OFFICES:
                    before = at
                    while before > low and words.low[before - 1] in _OFFICE_PARTS:
                        before -= 1
                    if english and (named := offices.name_of_english(words, at + 1, high)):
                        begins, is_part = named
                        return [
                            *self._cut(words, low, before, inside, language),
                            *([] if is_part else self._cut(words, at + 2, begins, inside, language)),
                            *self._cut(words, begins, high, inside, language),
                        ]
                    return self._cut(words, low, before, inside, language) + self._cut(
                        words, at + 1, high, inside, language
                    )
            if words.low[low] in _TITLES:
                return self._cut(words, low + 1, high, inside, language)
        if not english and ends_body(words.low[high - 1], language):
            return [(low, high)]
        split = self._parts(words, low, high)
        if split:
            return [
                *self._cut(words, low, split, inside, language),
                *self._cut(words, split, high, inside, language),
            ]
        for at in range(low, high - 1):
            if "-" in words.text[at] and words.text[at].rpartition("-")[2].islower():
                return [
                    (low, at + 1),
                    *self._cut(words, at + 1, high, inside, language),
                ]  # Berlin-based | Robinhood
        if words.low[high - 1] in _ENDS or any(words.text[at] == "of" for at in range(low, high)):
            return [(low, high)] if not self._starts_common(words, low, high, inside) else [(low + 1, high)]
        if self._is_people(words.text[low], english=english) and not words.text[low].isupper():
            return [(low, low + 1), *self._cut(words, low + 1, high, inside, language)]
        if english and words.low[high - 1] in _PEOPLES:
            return [*self._cut(words, low, high - 1, inside, language), (high - 1, high)]
        if self._starts_common(words, low, high, inside):
            return self._cut(words, low + 1, high, inside, language)
        return [(low, high)]

    def _parts(self, words: Words, low: int, high: int) -> int | None:
        """Where two names meet in a run: after a company's suffix, before a product or a person."""
        for at in range(low + 1, high):
            if words.low[at - 1] in _LAST_WORDS and words.low[at] not in _COMPANIES:
                return at
            if (
                any(map(str.isdigit, words.text[at]))
                and not words.text[at].isdigit()
                and self._known(words, low, at)
            ):
                return at
        if high - low > 2 and self._importance(words.text[low]) > WELL_KNOWN:
            of_a_place = (
                low > 1 and words.text[low - 1] in _OF_A_PLACE and words.low[low - 2] in cues("roles")
            )
            if of_a_place or words.low[low + 1] in first_names():
                return low + 1  # envoy to Kenya | Jane Doe
        return None

    def _starts_common(self, words: Words, low: int, high: int, inside: frozenset[str]) -> bool:
        """Whether the first word only opens the sentence, and what follows is a name without it."""
        first, second = words.low[low], words.low[low + 1]
        if not words.starts[low] or not is_common(first) or f"{first} {second}" in inside:
            return False
        if first in first_names() or first in _MONTHS or second in _COMPANIES:
            return False
        return self._known(words, low + 1, high) or second in first_names()

    def _known(self, words: Words, low: int, high: int) -> bool:
        return bool(self._names.lookup(_surface(words, low, high)))

    def _importance(self, surface: str) -> float:
        return max((found.importance for found in self._names.lookup(surface)), default=0.0)

    def _is_well_known(self, words: Words, low: int, high: int) -> bool:
        """Whether the words are the name of a well-known place, body or people."""
        found = self._names.lookup(_surface(words, low, high))
        return any(c.importance > WELL_KNOWN and c.coarse != "PER" for c in found)

    def _is_lead(self, word: Word, language: str) -> bool:
        """Whether a word before a name is a role, or a frequent word that opens the sentence."""
        if word.low in first_names():
            return False
        return offices.is_office(word.low, language) or (
            word.starts
            and (word.text.lower() in frequent_words(language) or word.low in words_of("opens", language))
            and self._importance(word.text) < WELL_KNOWN
        )

    def _is_place(self, word: str, language: str) -> bool:
        """Whether a folded word, or what it is a form of, is a well-known place and hardly anything else."""
        if word in first_names():
            return False
        names = [""]
        for part in word.split(" "):
            press = press_names(language)
            short = press.get(part) or press.get(part.upper(), part)
            forms = (short, *first_cases(part, language)[:_MOST_FORMS])
            names = [f"{name} {form}" if name else form for name in names for form in forms]
        return any(
            found[0].coarse == "LOC" and found[0].importance > WELL_KNOWN and found[0].prior > 0.5
            for name in names
            if (found := self._names.lookup(name))
        )

    def _is_people(self, surface: str, *, english: bool) -> bool:
        """Whether a name is that of a nationality, faith or people: MISC."""
        if english and fold(surface) in _PEOPLES:
            return True
        parts = surface.split("-") if "-" in surface else ()
        if len(parts) == 2 and all(
            part[:1].isupper() and self._importance(part) > WELL_KNOWN for part in parts
        ):
            return True  # UAE-Israel
        found = self._names.lookup(surface)
        return bool(found) and found[0].role == "demonym"

    def _told_of(self, words: Words, low: int, high: int, language: str) -> _Told:
        """What the words `low:high` tell as a name, as far as it is the same wherever they stand."""
        if high - low == 1:
            word = words.text[low]
            return self._told.get((word, language)) or self._told.put(
                (word, language), self._tell((word,), words.part(low, high), language)
            )
        written = tuple(words.text[low:high])
        of = (written, language, words.starts[low])
        return self._told.get(of) or self._told.put(of, self._tell(written, words.part(low, high), language))

    def _guess(self, words: Words, low: int, high: int, told: _Told, text: str, language: str) -> Guess:
        """A name with the evidence of its own words and of those beside it."""
        written = tuple(words.text[low:high])
        guess = Guess(words.start[low], words.end[high - 1], written, told.name, told.evidence.copy())
        evidence.beside(guess, words, low, high, text, language, known=told.known)
        return guess

    def _tell(self, written: tuple[str, ...], words: Sequence[Word], language: str) -> _Told:
        """What a name says wherever it stands: by the gazetteer, and by its own words."""
        name = fold(" ".join(written))
        guess = Guess(words[0].start, words[-1].end, written, name)
        alone = opens_alone(words[0], self._importance) if len(words) == 1 else Opens.NEVER
        if language != "en" and len(words) == 1 and self._is_plain(written[0], name, language):
            evidence.own_of_plain(guess)
            return _Told(guess.evidence, False, name, alone)
        weights, known = self._weighed(written, language)
        for coarse, weight in weights:
            guess.add(coarse, weight)
        if not known and len(words) > 1:
            if self._is_place_alone(written, words, language):
                known = True
                guess.add("LOC", _PLACE_ALONE)
            elif language != "en":
                known = any(self._is_place(word.low, language) for word in words)
        evidence.own(guess, words, language, known=known)
        if language == "en" and len(words) == 2 and words[1].low in _BODIES:
            place = self._importance(written[0]) > WELL_KNOWN and self._names_place(written[0])
            guess.add("ORG", _OF_A_PLACE_BODY if place else 0.0)  # Kenya Airways
        return _Told(guess.evidence, known, name, alone)

    def _is_plain(self, word: str, name: str, language: str) -> bool:
        """Whether a word is unknown, and written as any noun: nearly all words of German texts are."""
        if not word.isalpha() or not word[1:].islower():
            return False
        press = press_names(language)
        return word not in press and name not in press and not self._names.lookup(word)

    def _is_place_alone(self, written: Sequence[str], words: Sequence[Word], language: str) -> bool:
        """Whether a name of several words is a known place's, and hardly anything else's: `Novi Sad`."""
        found = self._names.lookup(" ".join(written))[:1]
        return (
            bool(found)
            and found[0].coarse == "LOC"
            and found[0].role == "name"
            and found[0].prior > _ALONE_PRIOR
            and found[0].importance > _ALONE_IMPORTANCE
            and not words[-1].text.isupper()
            and words[-1].low not in _BODIES
            and not ends_body(words[-1].low, language)
            and not (words[0].low in first_names() and words[-1].low in surnames())
        )

    def _weighed(self, words: tuple[str, ...], language: str) -> tuple[tuple[tuple[str, float], ...], bool]:
        """What the gazetteer says for each type; whether it is a well-known place, body or people."""
        english = language == "en"
        written = " ".join(words)
        press = press_names(language)
        surface = press.get(written) or press.get(fold(written)) or written
        if self._is_people(surface, english=english):
            return (("MISC", 5.0),), True
        upper = written.isupper()
        common = english and len(words) == 1 and words[0].lower() in common_words()
        strength: dict[str, float] = {}
        known = False
        for found in self._names.lookup(surface)[:8]:
            if found.role == "demonym" or (found.role in ("capitals", "postal") and not upper):
                continue
            weight = 5.0 * found.importance**2 * (0.4 + 0.6 * found.prior)
            if common and found.importance < 0.75:
                weight /= 2
            strength[found.coarse] = max(strength.get(found.coarse, 0.0), weight)
            places = ("LOC",) if len(words) == 1 else ("LOC", "ORG")
            known = known or (found.coarse in places and found.importance > WELL_KNOWN and found.prior > 0.3)
        return tuple(
            (coarse, weight + (_BODY if known and coarse == "ORG" and len(words) > 1 else 0.0))
            for coarse, weight in strength.items()
        ), known


def _surface(words: Words, low: int, high: int) -> str:
    return " ".join(words.text[low:high])


def _tell_office(guess: Guess, of_office: str) -> None:
    """Add what an office before a name tells of its type."""
    guess.firm = of_office == "PER"
    guess.evidence["PER"] = 0.0
    guess.add(of_office, max(0.0, IN_OFFICE - guess.evidence[of_office]))


def _inside(words: Words) -> frozenset[str]:
    """Words, and pairs of words, that are written with a capital inside a sentence."""
    found = set()
    before, last = "", -1
    for number in words.capitals:
        low = words.low[number]
        if words.starts[number]:
            before = ""
        else:
            found.add(low)
            if number == last + 1 and before:
                found.add(f"{before} {low}")
            before = low
        last = number
    return frozenset(found)
