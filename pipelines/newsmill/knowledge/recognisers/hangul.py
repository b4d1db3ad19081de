"""Names in Korean: words between spaces, without their particles, that are names by list, shape or title."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from newsmill.knowledge.forms import first_cases
from newsmill.knowledge.recognisers.cues import words_of
from newsmill.knowledge.recognisers.lexicon import SURNAMES_KO, lexicon
from newsmill.knowledge.spans import Span, apart

_WORD = re.compile(r"[가-힣]+")
_BESIDE = 12.0
"""Cost of a given name's syllables up to which a word beside a title is a name."""

_ALONE = 10.0
"""The same without a title."""

_PARTICLES = frozenset("은는이가을를의와과로도만에나들용형적인상구시군")
"""Syllables that a noun of two may have behind it: particles, and what else makes another word of it."""

_NO_FAMILY = frozenset("이전현각양본부고어구")
"""Family names that are words too before a title: `전 대통령` was president."""

_LONGEST_FOREIGN = 6  # syllables
_AFTER_NOUNS = frozenset("은는을를의서며고에")
"""Particles that end a word which stands for itself, and not before an office."""

_LONGEST = 15

_DISTRICTS = ("구", "군", "읍", "면", "동", "리")
"""Syllables with which the parts of an address end."""

_MOST_ADDRESS = 5  # words
_REMEMBERED = 10_000  # words whose forms are kept


def recognise(text: str) -> list[Span]:
    """Names in `text`, by start, without overlap."""
    spans: list[Span] = []
    words = list(_WORD.finditer(text))
    for index, match in enumerate(words):
        word = match[0]
        if len(word) > _LONGEST or (spans and match.start() < spans[-1].end):
            continue
        after = words[index + 1] if index + 1 < len(words) else None
        before = words[index - 1] if index else None
        following = after[0] if after and text[match.end() : after.start()] in (" ", "(") else ""
        leading = before[0] if before and text[before.end() : match.start()] == " " else ""
        found = (
            _foreigner(text, words, index, parts=2)
            or _name(word, leading, following)
            or _foreigner(text, words, index, parts=1)
        )
        if found is not None:
            length, coarse = found
            spans.append(Span(start=match.start(), end=match.start() + length, coarse=coarse))
            continue
        end = _place(text, words, index)
        if end is not None:
            spans.append(Span(start=match.start(), end=end, coarse="LOC"))
    return _again(words, spans, text)


def _foreigner(
    text: str, words: Sequence[re.Match[str]], index: int, *, parts: int
) -> tuple[int, str] | None:
    """A foreign name of some parts before an office, and its country: `마크롱 프랑스 대통령`."""
    named = words[index : index + parts]
    if len(named) < parts or not all(_looks_foreign(part[0]) for part in named):
        return None
    last = index + parts - 1
    if any(text[words[at].end() : words[at + 1].start()] != " " for at in range(index, last)):
        return None
    end = words[last].end()
    for _ in range(2):
        if last + 1 >= len(words) or text[words[last].end() : words[last + 1].start()] != " ":
            return None
        last += 1
        after = words[last][0]
        if _begins_with_office(after):
            return end - words[index].start(), "PER"
        if not _is_place(after) and after not in ("전", "차기"):
            return None
    return None


def _begins_with_office(word: str) -> bool:
    """Whether a word is an office, with or without particles: `대통령과`."""
    return any(word[:size] in words_of("office", "ko") for size in range(2, 7))


def _looks_foreign(word: str) -> bool:
    """Whether a word may be a name of abroad: in no list but that of such names, and without a particle."""
    return (
        1 < len(word) <= _LONGEST_FOREIGN
        and lexicon("ko").words.get(word, ("P",))[0] == "P"
        and word not in words_of("no_person", "ko")
        and word not in words_of("stop", "ko")
        and word[-1] not in _AFTER_NOUNS
        and not _begins_with_office(word)
        and not any(lexicon("ko").words.get(form, ("",))[0] in ("L", "N") for form in _forms(word))
    )


def _again(words: Sequence[re.Match[str]], spans: list[Span], text: str) -> list[Span]:
    """The spans with later mentions of the foreign persons among them, by their name alone."""
    names = {text[s.start : s.end] for s in spans if s.coarse == "PER" and s.end - s.start > 2}
    taken = {s.start for s in spans}
    found = list(spans)
    for match in words:
        if match.start() in taken or len(match[0]) > _LONGEST:
            continue
        form = next((form for form in _forms(match[0]) if form in names), None)
        if form is not None:
            found.append(Span(start=match.start(), end=match.start() + len(form), coarse="PER"))
    return apart(found)


def _place(text: str, words: Sequence[re.Match[str]], index: int) -> int | None:
    """Where the place ends that begins with a word: with all that lies in it, `대전시 유성구 궁동`."""
    end: int | None = None
    for count, match in enumerate(words[index : index + _MOST_ADDRESS]):
        if count and text[words[index + count - 1].end() : match.start()] != " ":
            break
        word = match[0]
        length = _length(word, inner=count > 0)
        if length is None:
            break
        end = match.start() + length
        if length < len(word):
            break
    return end


def _length(word: str, *, inner: bool) -> int | None:
    """Length of the place that a word begins with; `inner` where it stands behind another place."""
    if len(word) > _LONGEST:
        return None
    sites, beside = words_of("site", "ko"), words_of("of_place", "ko")
    for form in _forms(word):
        if _is_place(form) or (inner and (form in sites or (len(form) > 2 and form.endswith(_DISTRICTS)))):
            return len(form)
        for size in range(2, min(len(form) - 1, 6)):
            if form[-size:] in sites and len(form) - size > 1:
                return len(form)
            if form[-size:] in beside and _is_place(form[:-size]):
                return len(form) - size
    return None


@lru_cache(_REMEMBERED)
def _forms(word: str) -> tuple[str, ...]:
    """A word, and what it may be with particles behind it."""
    return (word, *(form for form in first_cases(word, "ko") if word.startswith(form)))


def _is_place(word: str) -> bool:
    return lexicon("ko").words.get(word, ("",))[0] == "L" and word not in words_of("stop", "ko")


def _name(word: str, leading: str, following: str) -> tuple[int, str] | None:
    """Length and type of the name that a word begins with."""
    if _is_family(word, following):
        return 1, "PER"
    forms = _forms(word)
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


def _is_family(word: str, following: str) -> bool:
    """Whether a word is a family name with what people are called by: `김씨는`, `박모(33)`, `신 회장`."""
    if word[0] not in SURNAMES_KO or word[0] in _NO_FAMILY:
        return False
    if len(word) > 1:
        stem = next((f for f in _forms(word) if f[1:] in ("씨", "모", "모씨")), word)
        return stem[1:] in ("씨", "모씨") or (stem[1:] == "모" and following[:1] in ("씨", ""))
    titles = words_of("title", "ko")
    return any(following[:size] in titles for size in range(1, 5))


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
