"""Names in Korean: words between spaces, without their particles, that are names by list, shape or title."""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsmill.knowledge.forms import first_cases
from newsmill.knowledge.recognisers.cues import words_of
from newsmill.knowledge.recognisers.lexicon import SURNAMES_KO, lexicon
from newsmill.knowledge.spans import Span

_WORD = re.compile(r"[가-힣]+")
_BESIDE = 12.0
"""Cost of a given name's syllables up to which a word beside a title is a name."""

_ALONE = 10.0
"""The same without a title."""

_PARTICLES = frozenset("은는이가을를의와과로도만에나들용형적인상구시군")
"""Syllables that a noun of two may have behind it: particles, and what else makes another word of it."""

_LONGEST = 15


def recognise(text: str) -> list[Span]:
    """Names in `text`, by start, without overlap."""
    spans = []
    words = list(_WORD.finditer(text))
    for index, match in enumerate(words):
        word = match[0]
        if not 2 <= len(word) <= _LONGEST:
            continue
        after = words[index + 1] if index + 1 < len(words) else None
        before = words[index - 1] if index else None
        following = after[0] if after and text[match.end() : after.start()] in (" ", "(") else ""
        leading = before[0] if before and text[before.end() : match.start()] == " " else ""
        found = _name(word, leading, following)
        if found is not None:
            length, coarse = found
            spans.append(Span(start=match.start(), end=match.start() + length, coarse=coarse))
    return spans


def _name(word: str, leading: str, following: str) -> tuple[int, str] | None:
    """Length and type of the name that a word begins with."""
    forms = (word, *(form for form in first_cases(word, "ko") if word.startswith(form)))
    body = _body(forms)
    if body is not None:
        return body, "ORG"
    titles = words_of("title", "ko")
    if any(word[3:end] in titles for end in range(4, 8)) and _is_native(word[:3], _BESIDE):
        return 3, "PER"
    beside = any(following[:size] in titles for size in range(1, 5)) or leading in words_of("role", "ko")
    known = lexicon("ko").words
    for form in forms:
        if len(form) == 3 and _is_native(form, _BESIDE if beside else _ALONE):
            return 3, "PER"
        if len(form) > 2 and known.get(form, ("",))[0] == "P" and (beside or len(form) > 3):
            return len(form), "PER"
    return None


def _body(forms: Sequence[str]) -> int | None:
    ends, bodies = words_of("end", "ko"), words_of("body", "ko")
    for form in forms:
        if form in bodies or any(form[-size:] in ends for size in range(2, min(8, len(form) - 1))):
            return len(form)
    return None


def _is_native(word: str, most: float) -> bool:
    """Whether three syllables are a family name and a given name, and no noun."""
    known = lexicon("ko")
    if word[0] not in SURNAMES_KO or word in known.words:
        return False
    if most < _BESIDE and word[:2] in known.words and word[2] in _PARTICLES:
        return False  # a noun with a particle: 여성이
    return known.given.get(f"1{word[1]}", 9.0) + known.given.get(f"2{word[2]}", 9.0) <= most
