"""Gathering mentions: what the gazetteer and the recognisers found, brought to one list without overlap.

A recogniser knows names by their shape, the gazetteer by heart. Where both saw the same stretch, the
longer one wins, but a known place inside an organisation's name ("Athens Police Department") stays a
place mention too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise, takewhile
from typing import Final

import msgspec
from babel.core import get_global

from newsmill.knowledge import own_words
from newsmill.knowledge.forms import first_cases, is_press_name, press_names
from newsmill.knowledge.gazetteer import Candidate, Gazetteer, Match
from newsmill.knowledge.names import fold
from newsmill.knowledge.recognisers.cues import cues, frequent_words, words_of
from newsmill.knowledge.spans import Span, apart
from newsmill.records import Record

_AFTER_COMMA = re.compile(r"\w, ?$")
_AFTER = re.compile(r"[ \t]+([^\s,;:.!?()\"”“]+)")
_SENTENCE_END = re.compile(r"(?:^|[.!?:;\n“”\"‘(\[•–—|]\s*)$")
_STREETS = frozenset(
    "street st st. road rd rd. avenue ave ave. drive dr dr. lane ln blvd boulevard highway hwy parkway "
    "pkwy terrace crescent close square alley row circle pike turnpike freeway expressway interchange".split()
)
_TITLES = frozenset(
    "mr mr. mrs mrs. ms ms. miss dr dr. sir lord lady dame sen sen. rep rep. gov gov. judge justice officer "
    "detective lt lt. sgt sgt. capt capt. captain col col. gen gen. maj maj. cpl cpl. pvt pvt. prof prof. "
    "professor coach rev rev. father sister brother pastor bishop uncle aunt".split()
)
_DIRECTIONS = frozenset(
    "north south east west northern southern eastern western central center centre island islands delta "
    "valley midland midlands highland highlands bay lake village capital state region metro hills".split()
)
CUT_BY_RECOGNISER = frozenset(("zh", "ja"))
"""Languages without spaces, whose words the recogniser cuts: the gazetteer would see names across them."""

_SUFFIX = re.compile(r"\b(?:Inc|Corp|Co|Ltd|Bros)$")
_TICKER = re.compile(r"\b(Inc|Corp|Co|Ltd|Plc|Company)\b\.?\s+[A-Z]{1,5}\b")
_WORD = re.compile(r"[^\W\d_]+")
_LARGE = 500_000.0  # weight from which a place is believed in any language
_LEAST, _LEAST_NOUN = 5_000.0, 20_000.0
_CAPITAL_NOUNS = frozenset(("de", "lb"))
_LEAST_INSIDE = 10_000.0  # weight from which a place that a body is named after is one of the text's
_SHORT = 100_000.0  # weight from which a place of up to three letters is believed
_LONGEST_BEFORE = 20  # letters of the word before a doubtful place
_MAJOR = 1_000_000.0  # weight from which a place that is also a common word is believed on sight


class Found(Record, frozen=True, kw_only=True):
    """A mention before it is linked."""

    start: int
    end: int
    text: str
    folded: str  # the same for all spellings in capitals and small letters
    candidates: tuple[Candidate, ...]
    coarse: str | None = None  # what a recogniser said; None where only the gazetteer knows the name
    inside: bool = False  # a place name inside the name of something else
    common: bool = False  # the name is a common English word too
    initial: bool = False  # and it begins a sentence, so its capital tells nothing
    sure: bool = False  # nothing else in the text changes its type


_ADDRESSES_ARE_ONE = CUT_BY_RECOGNISER | {"ko", "fa"}
"""Languages where what places lie in, and what they are, belongs to their name."""


def gather(text: str, language: str, gazetteer: Gazetteer, spans: Sequence[Span]) -> list[Found]:
    """All mentions in the order of the text."""
    if language in CUT_BY_RECOGNISER:
        parts = [*_within_addresses(text, language, gazetteer, spans), *_renowned(text, language, gazetteer)]
        matches = sorted(parts, key=lambda m: (m.start, -m.end))
    else:
        matches = [m for m in gazetteer.scan(text, language) if not _is_other(text, m, language)]
    if language != "en":
        matches = _believable(text, matches, language)
    found: list[Found] = []
    used: set[int] = set()
    first = 0
    for span in (_whole(text, _without_ticker(text, s)) for s in spans):
        while first < len(matches) and matches[first].end <= span.start:
            first += 1
        inside = list(takewhile(lambda i: matches[i].start < span.end, range(first, len(matches))))  # noqa: B023
        wider = [i for i in inside if matches[i].start <= span.start and span.end <= matches[i].end]
        if span.sure:
            found.append(_from_span(text, span, language, gazetteer))
            used.update(inside)
            continue
        if wider:
            match = matches[wider[0]]
            found.append(_from_match(text, match, _believed(span, match)))
            used.update(wider)
            continue
        places = [i for i in inside if _is_place(matches[i])]
        joined = (span.coarse == "LOC" and language not in _ADDRESSES_ARE_ONE) or any(
            text[matches[i].end : matches[i].end + 1] in "-–" for i in places
        )
        if language != "en" and not any(_is_first_case(text, matches[i], gazetteer) for i in places):
            joined = False  # Deltei Dunării
        if joined and places and not gazetteer.lookup(text[span.start : span.end]):
            found += [_from_match(text, matches[i], "LOC") for i in places]
            used.update(inside)
            continue
        if not _is_plain_span(text, span, language, gazetteer):
            found.append(_from_span(text, span, language, gazetteer))
        for index in inside:
            match = matches[index]
            held = span.start <= match.start and match.end <= span.end
            if (
                held
                and span.coarse != "PER"
                and _is_place(match)
                and match.candidates[0].weight >= (_LEAST_INSIDE if language == "en" else _LARGE)
                and (language == "en" or not _is_part_of_name(match, text))
            ):
                found.append(_from_match(text, match, None, inside=True))
            used.add(index)
    found += [_from_match(text, m, None) for i, m in enumerate(matches) if i not in used]
    return _apart(found)


def _apart(found: Iterable[Found]) -> list[Found]:
    """The mentions by start; of those that overlap the longest, but for places inside what is kept."""
    ordered = sorted({(f.start, f.end): f for f in found}.values(), key=lambda f: (f.start, -f.end))
    named = [f for f in ordered if not f.inside]
    if all(before.end <= after.start for before, after in pairwise(named)):
        return ordered
    outer = [Span(start=f.start, end=f.end, coarse="", sure=f.sure) for f in named]
    kept = [(s.start, s.end) for s in apart(outer)]
    if len(kept) == len(outer):
        return ordered
    known = set(kept)
    return [
        msgspec.structs.replace(f, inside=f.inside and _is_held(kept, f))
        for f in ordered
        if (f.start, f.end) in known or (f.inside and (_is_held(kept, f) or _is_free(kept, f)))
    ]


def _is_held(spans: Sequence[tuple[int, int]], found: Found) -> bool:
    """Whether a mention lies in one of the spans, which are in order and apart."""
    at = bisect_right(spans, found.start, key=lambda span: span[0]) - 1
    return at >= 0 and found.end <= spans[at][1]


def _is_free(spans: Sequence[tuple[int, int]], found: Found) -> bool:
    """Whether a mention meets none of the spans."""
    at = bisect_right(spans, found.start, key=lambda span: span[0]) - 1
    behind = spans[at + 1][0] if at + 1 < len(spans) else found.end
    return (at < 0 or spans[at][1] <= found.start) and found.end <= behind


def _is_first_case(text: str, match: Match, gazetteer: Gazetteer) -> bool:
    return bool(gazetteer.lookup(text[match.start : match.end]))


def _is_part_of_name(match: Match, text: str) -> bool:
    """Whether a place is only called so for short, so that the word may be any: `Nacional`."""
    return " " in match.candidates[0].name and " " not in text[match.start : match.end]


def _within_addresses(
    text: str, language: str, gazetteer: Gazetteer, spans: Sequence[Span]
) -> Iterator[Match]:
    """The places that places of a recogniser are made of: `東京都港区`."""
    for span in spans:
        surface = text[span.start : span.end]
        if span.coarse == "LOC" and not gazetteer.lookup(surface):
            for match in gazetteer.scan(surface, language):
                yield msgspec.structs.replace(
                    match, start=span.start + match.start, end=span.start + match.end
                )


def _renowned(text: str, language: str, gazetteer: Gazetteer) -> Iterator[Match]:
    """The renowned persons and bodies in a text without spaces: `普京`, but no part of a word in katakana."""
    for match in gazetteer.scan(text, language):
        best = match.candidates[0]
        joined = _is_katakana(text[match.end - 1 : match.end + 1]) or (
            match.start > 0 and _is_katakana(text[match.start - 1 : match.start + 1])
        )
        if best.coarse in ("PER", "ORG") and best.weight >= _MAJOR and not joined:
            yield match


def _is_katakana(letters: str) -> bool:
    return len(letters) > 1 and all("\u30a1" <= letter <= "\u30fc" and letter != "・" for letter in letters)


def _believed(span: Span, match: Match) -> str | None:
    """The recogniser's type, but for a name that it saw only a part of and took for a person's."""
    cut = span.end < match.end and span.coarse == "PER" and all(c.coarse != "PER" for c in match.candidates)
    return None if cut else span.coarse


def _believable(text: str, matches: Sequence[Match], language: str) -> list[Match]:
    """The matches that may be believed in a language whose rules nobody here knows.

    A town is as likely to be a plain word there. It counts when it is large, or when its country speaks
    the language or is named otherwise; never when the same word stands in small letters in the text.
    """
    small = (w for w in set(_WORD.findall(text)) if w.islower() and w.upper() != w)
    plain = {w if w.isascii() else fold(w) for w in small}
    calendar, stop = own_words.calendar(language), words_of("stop", language)
    doubtful, locative = words_of("doubtful", language), words_of("locative", language)
    opens = words_of("opens", language)
    surfaces = [text[m.start : m.end] for m in matches]
    names = [fold(surface) for surface in surfaces]
    within = {
        name for match, name in zip(matches, names, strict=True) if not begins_sentence(text, match.start)
    }
    kept = [
        match
        for match, surface, name in zip(matches, surfaces, names, strict=True)
        if name not in plain
        and not (language in _OWNING and _owns_name(text, match, surface))
        and surface.lower() not in calendar
        and surface not in stop
        and (name not in opens or name in within)
        and not (surface in doubtful and _word_before(text, match.start) not in locative)
        and not _is_plain_word(surface, match.candidates[0], language, name in within)
        and not (language in own_words.MARKED and _is_other_syllable(surface, match.candidates[0], language))
    ]
    near = home_countries(language) | {
        c.country for m in kept for c in m.candidates[:1] if c.coarse == "LOC" and c.weight >= _LARGE
    }
    least = _LEAST_NOUN if language in _CAPITAL_NOUNS else _LEAST
    believed = []
    for match in kept:
        letters = match.end - match.start
        short = text[match.start : match.end].isascii() and letters < 4
        candidates = tuple(
            c
            for c in match.candidates
            if c.coarse != "LOC"
            or c.weight >= _LARGE
            or (c.country in near and c.weight >= least and not short)
        )
        if candidates:
            believed.append(msgspec.structs.replace(match, candidates=candidates))
    return believed


def _owns_name(text: str, match: Match, surface: str) -> bool:
    """Whether a place in the genitive begins a longer name: `Danmarks Radio`."""
    name = match.candidates[0].name
    return surface.endswith("s") and not name.endswith("s") and text[match.end + 1 : match.end + 2].isupper()


def _is_other_syllable(surface: str, best: Candidate, language: str) -> bool:
    """Whether a word differs by its marks only from the short name of a place: `Bí`, of `Bỉ`."""
    if " " in surface or surface.isascii() or best.coarse != "LOC" or is_press_name(surface, language):
        return False
    return surface.lower() not in own_words.written(language) and best.name.lower() != surface.lower()


def _word_before(text: str, start: int) -> str:
    return text[max(0, start - _LONGEST_BEFORE) : start].rpartition("\n")[2].split(" ")[-2:][0]


def _is_plain_word(surface: str, best: Candidate, language: str, within: bool) -> bool:
    """Whether a name is a frequent word of the language, and hardly more here.

    Args:
        surface: The name as it stands.
        best: What it names most likely.
        language: Of the text.
        within: Whether it stands within a sentence somewhere, where only its capital makes it a name.
    """
    frequent = frequent_words(language)
    if surface.lower() not in frequent or surface in words_of("sure_place", language):
        return False
    if language in _DOUBTED:
        noun = surface.startswith("ال") and surface[2:] in frequent
        return _is_of_every_day(best) or (noun and best.type != "country")
    if best.coarse != "LOC" or not surface.istitle():
        return False
    if len(frequent) <= _FEW and best.weight < _LARGE:
        return best.weight < _TOWN or best.country not in home_countries(language)
    own = fold(own_words.country(language, best.country))
    forms = (fold(surface), *first_cases(fold(surface), language))
    return best.type in _LARGE_ONES and not within and own not in forms


_LARGE_ONES: Final = frozenset(("country", "region", "water", "landform"))
"""What is well known enough to be believed within a sentence, though it is a frequent word: `Seine`."""

_TOWN: Final = 50_000.0
"""Weight from which a town of the language's own countries is believed, though it is a frequent word."""

_FEW: Final = 1_000
"""Frequent words of a language whose list has no more hold no names of towns; longer ones do."""


def _is_plain_span(text: str, span: Span, language: str, gazetteer: Gazetteer) -> bool:
    """Whether a recogniser took a frequent word that begins a sentence for a country."""
    surface = text[span.start : span.end]
    if span.coarse != "LOC":
        return False
    if fold(surface) in words_of("opens", language) and begins_sentence(text, span.start):
        return True
    candidates = gazetteer.spelled(surface, language)
    if language in own_words.MARKED and candidates and _is_other_syllable(surface, candidates[0], language):
        return True
    if surface.lower() not in frequent_words(language):
        return False
    within = not begins_sentence(text, span.start)
    return bool(candidates) and _is_plain_word(surface, candidates[0], language, within)


def _is_of_every_day(best: Candidate) -> bool:
    """Whether a frequent word of a script without capitals is hardly meant as a name: `الشمالية`."""
    return best.type not in ("country", "continent", "region") and not (
        best.type == "city" and best.weight >= _MAJOR
    )


_OWNING = frozenset(("sv", "da", "nb"))
"""Languages that write the genitive's -s without an apostrophe, and nouns in small letters."""

_DOUBTED = frozenset(("ar", "fa", "he", "ur"))


@cache
def home_countries(language: str) -> frozenset[str]:
    """The countries where a language is official, or else those where it is so in a part, by CLDR.

    >>> sorted(home_countries("de"))
    ['AT', 'BE', 'CH', 'DE', 'LI', 'LU']
    """
    status = {
        code: (languages.get(language) or {}).get("official_status")
        for code, languages in get_global("territory_languages").items()
    }
    wanted = "official" if "official" in status.values() else "official_regional"
    return frozenset(code for code, own in status.items() if own == wanted)


def _is_place(match: Match) -> bool:
    return any(c.coarse == "LOC" for c in match.candidates)


def _without_ticker(text: str, span: Span) -> Span:
    """The span without a stock symbol after a company's suffix: "Monsanto Co MTC"."""
    ticker = _TICKER.search(text, span.start, span.end)
    return span if ticker is None else Span(start=span.start, end=ticker.end(1), coarse="ORG")


def _whole(text: str, span: Span) -> Span:
    """The span with the full stop that belongs to a company's suffix: "Target Corp."."""
    if text[span.end : span.end + 1] == "." and _SUFFIX.search(text, span.start, span.end):
        return Span(start=span.start, end=span.end + 1, coarse=span.coarse)
    return span


def _from_match(text: str, match: Match, coarse: str | None, *, inside: bool = False) -> Found:
    surface = text[match.start : match.end]
    return Found(
        start=match.start, end=match.end, text=surface, folded=fold(surface),
        candidates=match.candidates, coarse=coarse, inside=inside, common=match.common,
        initial=match.common and begins_sentence(text, match.start),
    )  # fmt: skip


def _from_span(text: str, span: Span, language: str, gazetteer: Gazetteer) -> Found:
    surface = text[span.start : span.end]
    candidates = gazetteer.spelled(press_names(language).get(surface, surface), language)
    if candidates and _is_other(
        text,
        Match(start=span.start, end=span.end, candidates=candidates, common=gazetteer.is_common(surface)),
        language,
    ):
        candidates = tuple(c for c in candidates if c.coarse != "LOC")
    if " " not in surface and gazetteer.is_common(surface):
        candidates = tuple(c for c in candidates if not _is_rare_alias(c, surface))
    return Found(
        start=span.start, end=span.end, text=surface, folded=fold(surface), candidates=candidates,
        coarse=span.coarse, sure=span.sure,
    )  # fmt: skip


def _is_rare_alias(candidate: Candidate, surface: str) -> bool:
    """Whether a little known body only also bears the name: `Police`, of the Fraternal Order of Police."""
    return candidate.coarse == "ORG" and candidate.weight < _SHORT and fold(candidate.name) != fold(surface)


def _is_marked(surface: str, best: Candidate) -> bool:
    """Whether a name has marks that the small place has not which it would name: `Café`, of Cafe."""
    return (
        best.coarse == "LOC" and best.weight < _SHORT and not surface.isascii() and best.name.isascii()
        and fold(surface) == fold(best.name)
    )  # fmt: skip


def _is_other(text: str, match: Match, language: str) -> bool:
    """Whether the words around a known name show that it is part of some other name."""
    best = match.candidates[0]
    if best.role == "postal":
        return not _AFTER_COMMA.search(text, max(0, match.start - 4), match.start)
    surface = text[match.start : match.end]
    if fold(surface) in _DIRECTIONS or _is_marked(surface, best):
        return True
    if language == "en" and best.coarse == "ORG" and _is_office(text, match):
        return True
    if language != "en" or best.coarse != "LOC" or best.role == "demonym":
        return False
    before = text[max(0, match.start - 40) : match.start]
    previous = before.split()[-1] if before[-1:] in (" ", "\t") and not before.isspace() else ""
    after = _AFTER.match(text, match.end)
    following = after.group(1) if after else ""
    if following.lower() in _STREETS and following[:1].isupper():
        return True
    if previous.lower() in _TITLES and " " not in text[match.start : match.end]:
        return True
    if match.common and best.weight < _MAJOR:
        return begins_sentence(text, match.start) or not text.startswith(", ", match.end)
    return match.end - match.start <= 3 and best.weight < _SHORT and text[match.end - 1].isalpha()


def _is_office(text: str, match: Match) -> bool:
    """Whether an agency's short name is that of the office, which somebody holds: `Secretary of State`."""
    first = fold(text[match.start : match.end]).partition(" ")[0]
    return first in cues("offices") and match.candidates[0].name != text[match.start : match.end]


def begins_sentence(text: str, start: int) -> bool:
    """Whether a sentence, a line or a quotation begins at `text[start]`."""
    return bool(_SENTENCE_END.search(text, max(0, start - 4), start))
