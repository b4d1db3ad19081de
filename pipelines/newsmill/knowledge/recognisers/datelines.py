"""Datelines: the place and the agency with which a report begins, `MADRID (EFE) -`.

What a dateline says is certain: the place is a place and the agency an organisation, whatever else bears
these names in the text, and whatever a model makes of letters in capitals.

| form | where |
|---|---|
| `PARIS (AFP) -`, `KYIV, Ukraine, Nov 3 (Reuters) —`, `Madrid (EFE).-` | most of the world |
| `HELSINKI (STT) `, without a dash | in capitals, of a place that is known |
| `LONDON, 3 nov. —`, without an agency | in capitals, of a place that is known |
| `القاهرة (رويترز) -` | of a place that is known |
| `(서울=연합뉴스)`, `【ワシントン共同】`, `[東京　3日　ロイター]` | Korea, Japan |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import regex

from newsmill.knowledge.spans import Span

MOST: Final = 30
"""Datelines of a text: a summary of the day has one a paragraph."""

_UPPER: Final = r"\p{Lu}[\p{Lu}\p{M}'’.]*"
_TITLE: Final = r"\p{Lu}[\p{L}\p{M}'’.]*"
_OF: Final = r"(?:de|del|la|las|los|do|da|dos|di|d[’']|al|el|am|an|der|den|sur|sul|upon|on|i|na|nad)"
_REST: Final = r"(?:\s?,[\s\p{L}\p{M}\p{N}.,/’']{0,40}?)?"
_AGENCY: Final = r"\(\s?(?P<agency>[\p{L}][\p{L}\p{M}.'’& \-–/,]{0,38}?)\s?\)"
_DASH: Final = r"\s?(?:[.,:]\s?)?[-–—]{1,2}(?=[\s\p{L}\"“„«'])"

_HEAD: Final = r"^[ \t\"“„«*]{0,3}"
_CAPITALS: Final = rf"(?P<place>{_UPPER}(?:(?:[ \-/–]|\s?/\s?){_UPPER}){{0,4}})"
_NAMED: Final = rf"(?P<place>{_TITLE}(?:[ \-/](?:{_OF}[ \-])?{_TITLE}){{0,3}})"
_CASELESS: Final = r"(?P<place>\p{Lo}[\p{Lo}\p{M}\u200c]*(?: \p{Lo}[\p{Lo}\p{M}\u200c]*){0,2})"

_SURE: Final = regex.compile(rf"{_HEAD}{_CAPITALS}{_REST}\s?{_AGENCY}{_DASH}", regex.M)
_FORMS: Final = tuple(
    regex.compile(_HEAD + form, regex.M)
    for form in (
        rf"{_CAPITALS}{_REST}\s?{_AGENCY}",
        rf"{_CAPITALS}(?:\s?,[\s\p{{L}}\p{{M}}\p{{N}}.,/’']{{0,30}}?)?\s[-–—]{{1,2}}(?=\s)",
        rf"{_NAMED}{_REST}\s?{_AGENCY}{_DASH}",
        rf"{_CASELESS}\s?{_AGENCY}\s?[-–—:]",
    )
)
_KOREAN: Final = regex.compile(
    r"^\s{0,3}[(\[](?P<place>[가-힣]{2,10})\s?[=·]\s?(?P<agency>[가-힣A-Za-z]{2,10})[)\]]", regex.M
)
_JAPANESE: Final = regex.compile(
    r"^\s{0,3}[【\[［（(](?P<place>[\p{Han}\p{Katakana}ー]{2,12}?)(?:\s?\d{1,2}日)?[\s=＝]{0,2}"
    r"(?P<agency>共同|時事|ロイター|AFP(?:時事)?|AP|CNN|中央社|新華社)(?:通信)?\s?[】\]］）)]",
    regex.M,
)
_SIGNS: Final = ("(", "[", "［", "（", "【", "–", "—", " - ")
_PARTS: Final = regex.compile(r"\s?[/,]\s?|(?<=\p{L}{2})[–](?=\p{L}{2})")
_LEAST_UNKNOWN: Final = 4  # letters of a place that no list holds
_LONGEST_SIGN: Final = 5  # letters of an agency's sign: APA
_LONGEST_SMALL: Final = 6  # letters of an agency's name without a capital: dpa, belga


def datelines(text: str, is_place: Callable[[str], bool], is_other: Callable[[str], bool]) -> list[Span]:
    """The places and agencies of a text's datelines, by start, without overlap.

    Args:
        text: What is read.
        is_place: Whether a name is likely a place's.
        is_other: Whether it is a well-known name of something else.
    """
    found: dict[tuple[int, int], Span] = {}
    for place, agency in _found(text, is_place, is_other):
        for start, end, coarse in (*_split(text, place, "LOC"), *_split(text, agency, "ORG")):
            short = text[start:end].isupper() and end - start <= _LONGEST_SIGN
            if coarse == "ORG" and not short and is_place(text[start:end]):
                coarse = "LOC"  # AMBURGO (GERMANIA) -
            found.setdefault((start, end), Span(start=start, end=end, coarse=coarse, sure=True))
    return sorted(found.values())[: 3 * MOST]


def _found(
    text: str, is_place: Callable[[str], bool], is_other: Callable[[str], bool]
) -> Iterator[tuple[tuple[int, int], tuple[int, int] | None]]:
    for start, end in _heads(text):
        if not any(sign in text[start:end] for sign in _SIGNS):
            continue
        match = _SURE.match(text, start, end)
        if match is not None and _is_agency(match["agency"]):
            places = [name for name in _PARTS.split(match["place"]) if name]
            if all(map(is_place, places)) or not (
                len(match["place"]) < _LEAST_UNKNOWN or any(map(is_other, places))
            ):
                yield match.span("place"), match.span("agency")
                continue
        for form in _FORMS:
            match = form.match(text, start, end)
            if match is None or not all(map(is_place, filter(None, _PARTS.split(match["place"])))):
                continue
            agency = match.groupdict().get("agency")
            if _is_agency(agency) if agency else not text[match.end() : end].isupper():
                yield match.span("place"), match.span("agency") if agency else None
                break
        else:
            for form in (_KOREAN, _JAPANESE):
                if (match := form.match(text, start, end)) is not None:
                    yield match.span("place"), match.span("agency")
                    break


def _heads(text: str) -> Iterator[tuple[int, int]]:
    """Where lines begin, and how far they are looked at."""
    at, count = 0, 0
    while at < len(text) and count < MOST:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if end > at:
            count += 1
            yield at, min(end, at + _LONGEST)
        at = end + 1


_LONGEST: Final = 160
"""Characters of a line in which a dateline is looked for."""


def _is_agency(name: str) -> bool:
    """Whether what stands in brackets is written as an agency's name is."""
    words = name.split()
    first = words[0]
    if len(words) > 5:
        return False
    if first[0].islower():
        return len(words) == 1 and all(len(part) <= _LONGEST_SMALL for part in _PARTS.split(first))
    return True


def _split(text: str, span: tuple[int, int] | None, coarse: str) -> Iterator[tuple[int, int, str]]:
    """The names in a stretch that signs part: `GAZA/JERUSALEM`, `STT–Reuters`."""
    if span is None:
        return
    start, end = span
    at = start
    for sign in (*_PARTS.finditer(text, start, end), None):
        last = end if sign is None else sign.start()
        if last > at:
            yield at, last, coarse
        at = end if sign is None else sign.end()
