"""A text that a page holds only as the state of its framework: JSON in a script, shown by a program.

`__NEXT_DATA__`, `__NUXT__`, `__INITIAL_STATE__` and their kin are unlike one another; what they have in
common is that the paragraphs of the story stand together under one path. So that path is looked for which
holds the most prose. Nothing is run and nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from newsmill.page.lines import is_sentence
from newsmill.page.tree import Element

_LONGEST: Final = 3_000_000
_MOST_VALUES: Final = 50_000
_MOST_SCRIPTS: Final = 40
_DEEPEST: Final = 60
_FEWEST_WORDS: Final = 60
_FEWEST_WORDS_IN_PART: Final = 8
_ASSIGNED: Final = re.compile(
    r"(?:window\.|self\.|var |let |const )?[\w.$\[\]\"']{1,80}\s{0,4}=\s{0,4}(?=[{\[])"
)
_ASSIGNMENT_WINDOW: Final = 2_000
_TAG: Final = re.compile(r"<[a-zA-Z/]")


def text(root: Element) -> str:
    """The longest run of prose under one path of a page's JSON; empty where there is none.

    Parts are joined by line breaks and may hold markup.
    """
    best, most = "", _FEWEST_WORDS - 1
    left = _MOST_VALUES
    scripts = 0
    for script in root.iter("script"):
        kind = (script.get("type") or "").strip().lower()
        source = script.text
        if not source or len(source) > _LONGEST or "ld+json" in kind or scripts >= _MOST_SCRIPTS:
            continue
        if kind and "json" not in kind and "javascript" not in kind:
            continue
        value = _value(source)
        if value is None:
            continue
        scripts += 1
        parts: dict[tuple[str, ...], list[str]] = {}
        for path, part in _strings(value, left):
            left -= 1
            if _is_prose(part):
                parts.setdefault(path, []).append(part)
        for found in parts.values():
            words = sum(part.count(" ") + 1 for part in dict.fromkeys(found))
            if words > most:
                best, most = "\n".join(dict.fromkeys(found)), words
    return best


def _value(source: str) -> Any:
    """The JSON of a script: all of it, or what it assigns to one name."""
    start = source[:_ASSIGNMENT_WINDOW].lstrip()
    if not start.startswith(("{", "[")):
        match = _ASSIGNED.search(source[:_ASSIGNMENT_WINDOW])
        if match is None:
            return None
        source = source[match.end() :]
    try:
        return json.JSONDecoder(strict=False).raw_decode(source.lstrip())[0]
    except (ValueError, RecursionError):
        return None


def _strings(value: Any, most: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path, text) of the strings in a value, in order; items of one list share their path."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while waiting and most > 0:
        path, item = waiting.pop()
        if len(path) > _DEEPEST:
            continue
        most -= 1
        if isinstance(item, str):
            yield path, item
        elif isinstance(item, list):
            waiting += [((*path, "*"), inner) for inner in reversed(item)]
        elif isinstance(item, dict):
            waiting += [((*path, key), inner) for key, inner in reversed(item.items())]


def _is_prose(part: str) -> bool:
    if len(part) < 40:
        return False
    if _TAG.search(part[:200]) is not None:
        return "<p" in part or part.count(" ") >= _FEWEST_WORDS
    return (part.count(" ") >= _FEWEST_WORDS_IN_PART or not part.isascii()) and is_sentence(part.rstrip())
