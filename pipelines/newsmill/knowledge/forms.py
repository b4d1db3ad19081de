"""Names in other cases (`data/endings.tsv`), and short names of one language (`data/press_names.tsv`).

`Москвы` may be a form of `Москва`; `США` stands for the United States, in Russian only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache

from newsmill.knowledge.entries import data
from newsmill.knowledge.names import fold

_LEAST = 3
"""Letters that a name has at least before its ending; one fewer where the first case is longer."""

_LEAST_STEM = 2
"""The same at all, and in Hangul, whose letters are syllables."""

_LONGEST = 40
"""Letters of a word that may be a form of a name."""

_PREFIXES = {
    "ar": ("و", "ف", "ب", "ل", "ك", "وب", "ول"),
    "he": ("ו", "ב", "ל", "מ", "ה", "ש", "כ", "וב", "ול", "שב", "מה"),
}
"""Prepositions and conjunctions that are joined to the next word."""

_MOST = 12
"""Names that one word may be a form of."""


@cache
def languages() -> frozenset[str]:
    """The languages with a table, ISO 639-1."""
    return frozenset(_tables()) | frozenset(_PREFIXES)


@lru_cache(maxsize=20_000)
def first_cases(word: str, language: str) -> tuple[str, ...]:
    """What a folded word may be a form of, folded, the longest ending first; not the word itself.

    >>> first_cases("варшавы", "ru")[:2]
    ('варшав', 'варшава')
    """
    table, longest = _tables().get(language, ({}, 0)) if len(word) <= _LONGEST else ({}, 0)
    found: dict[str, None] = {}
    for length in range(min(longest, len(word) - _LEAST_STEM), 0, -1):
        for base in table.get(word[-length:], ()):
            if len(word) - length >= _LEAST or len(word) - length + len(base) > _LEAST or language == "ko":
                found.setdefault(word[:-length] + base)
    for prefix in _PREFIXES.get(language, ()):
        if word.startswith(prefix) and len(word) - len(prefix) > _LEAST:
            rest = word[len(prefix) :]
            found.setdefault(rest)
            if prefix == "ل" and rest.startswith("ل"):
                found.setdefault(f"ال{rest[1:]}")
    found.pop(word, None)
    return tuple(found)[:_MOST]


@cache
def press_names(language: str) -> Mapping[str, str]:
    """What short names stand for; those in capitals as they are written, others folded."""
    return _press().get(language, {})


@cache
def press_beginnings(language: str) -> frozenset[str]:
    """The first two letters of the short names, folded; the letter of a name that has but one."""
    return frozenset(fold(name[:2]) for name in press_names(language))


def is_press_name(surface: str, language: str) -> bool:
    """Whether a word is a short name of the language with the marks that it has there: `Mỹ`, not `My`."""
    return surface in _as_written().get(language, ())


@cache
def _as_written() -> dict[str, set[str]]:
    names: dict[str, set[str]] = defaultdict(set)
    for language, short, _ in _press_rows():
        names[language].add(short)
    return dict(names)


@cache
def _press_rows() -> list[list[str]]:
    """All short names: read once, since a confined process that first meets a language can read no file."""
    lines = data("press_names.tsv").decode().splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@cache
def _press() -> dict[str, dict[str, str]]:
    names: dict[str, dict[str, str]] = defaultdict(dict)
    for language, short, stands_for in _press_rows():
        names[language][short if short.isupper() else fold(short)] = stands_for
    return dict(names)


@cache
def _tables() -> dict[str, tuple[dict[str, tuple[str, ...]], int]]:
    """By language: the first-case endings by the ending of a form, and the length of the longest form's."""
    forms: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for line in data("endings.tsv").decode().splitlines():
        if not line.startswith("#"):
            language, base, endings = line.split("\t")
            for ending in endings.split():
                forms[language][fold(ending)].setdefault("" if base == "-" else fold(base))
    return {
        language: ({e: tuple(bases) for e, bases in table.items()}, max(map(len, table)))
        for language, table in forms.items()
    }
