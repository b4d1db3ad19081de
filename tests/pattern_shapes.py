"""Every pattern of the rooms that read pages, and texts made from its own syntax that are dear to match."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from re import _constants as codes, _parser as parser
from typing import Any

import newsmill.copies
import newsmill.knowledge
import newsmill.page
import newsmill.sources
from newsmill.copies import credits, origin

ROOMS = (newsmill.page, newsmill.copies, newsmill.knowledge, newsmill.sources)
_NOT_IMPORTED = ("sandbox",)
_BADS = ("\x00", "z", "!", "")
_ALWAYS = (" ", "a", "A", "1", "-", ".", ",", "'", "é", "中", "@", "a ", "A ")
_PROPERTIES = {
    "Lu": "A-Z", "Ll": "a-z", "L": "A-Za-z", "N": "0-9", "M": "\u0301", "Nd": "0-9", "Han": "\u4e00-\u4e05",
    "Hiragana": "\u3042", "Katakana": "\u30a2", "Thai": "\u0e01", "Lao": "\u0e81", "Khmer": "\u1780",
    "Myanmar": "\u1000", "Tibetan": "\u0f40", "ccc=0": "a", "Lo": "\u4e00-\u4e05", "ASCII": "\x01-\x7f",
}  # fmt: skip
_OF_CATEGORY = {
    codes.CATEGORY_DIGIT: "1",
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_WORD: "a",
    codes.CATEGORY_NOT_DIGIT: "a",
    codes.CATEGORY_NOT_SPACE: "a",
    codes.CATEGORY_NOT_WORD: "-",
}
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_LONG = 20  # repetitions from which a repeat can be dear


def patterns() -> dict[str, Any]:
    """Compiled patterns by name: those of modules, and those that `origin` compiles when it is asked."""
    found: dict[str, Any] = {}
    for room in ROOMS:
        for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            if not any(part in module.name for part in _NOT_IMPORTED):
                for name, value in vars(importlib.import_module(module.name)).items():
                    _collect(value, f"{module.name.removeprefix('newsmill.')}.{name}", found)
    for make in ("_agency", "_dateline", "_closing", "_named"):
        found[f"copies.origin.{make}"] = getattr(origin, make)()
    for language in credits.read("attributions.yaml"):
        found[f"copies.origin._credit({language})"] = origin._credit(language)
        for number, (pattern, *_) in enumerate(origin._reporting_patterns(language)):
            found[f"copies.origin._reporting_patterns({language})[{number}]"] = pattern
    return found


def _collect(value: Any, name: str, found: dict[str, Any]) -> None:
    if type(value).__name__ == "Pattern":
        if not any(value is known for known in found.values()):
            found[name] = value
    elif isinstance(value, tuple | list):
        for number, inner in enumerate(value):
            _collect(inner, f"{name}[{number}]", found)
    elif isinstance(value, dict) and len(value) < 200:
        for key, inner in value.items():
            _collect(inner, f"{name}[{key}]", found)


def is_anchored(name: str) -> bool:
    """Whether a module only ever matches its pattern at one position, as `match` does."""
    module, constant = name.rsplit(".", 1)
    if not constant.isidentifier():
        return False
    source = Path(str(importlib.import_module(f"newsmill.{module}").__file__)).read_text("utf-8")
    return not re.search(rf"{constant}(?:\(\))?\.(?:search|finditer|findall|sub|split)\(", source)


def texts(pattern: Any) -> Iterator[tuple[str, Callable[[int], Any]]]:
    """Texts of any length that are dear to this pattern: (what is repeated, made of a length)."""
    is_bytes = isinstance(pattern.pattern, bytes)
    source = pattern.pattern.decode("latin-1") if is_bytes else pattern.pattern
    pumps: set[tuple[str, str]] = set()
    _walk(parser.parse(_plain(source)), "", pumps)
    made: list[tuple[str, Callable[[int], str]]] = []
    for before, unit in sorted(pumps):
        made += [(f"{before!r}+{unit!r}*n+{bad!r}", _pumped(before, unit, bad)) for bad in _BADS]
        if before:
            made.append((f"({before!r}+{unit!r})*n", _pumped("", before + unit, "")))
    words = sorted(set(re.findall(r"[A-Za-zÀ-ÿ]{2,12}", _plain(source))))[:12]
    units = {unit for _, unit in pumps} | set(_ALWAYS) | {f"{word} " for word in words}
    made += [(f"{unit!r}*n", _pumped("", unit, "\x00")) for unit in sorted(units)]
    for told, make in made:
        yield told, (lambda n, make=make: make(n).encode("latin-1", "replace")) if is_bytes else make


def _pumped(before: str, unit: str, after: str) -> Callable[[int], str]:
    return lambda n: before + unit * (n // len(unit)) + after


def _plain(source: str) -> str:
    """A pattern of the `regex` module in the syntax of `re`, near enough to make texts of it."""
    source = re.sub(r"\\L<\w+>", "Reuters", source).replace("(?|", "(?:")
    source = re.sub(r"\(\?P<\w+>", "(?:", source).removeprefix("(?i)")
    out, at, in_class = "", 0, False
    while at < len(source):
        if found := re.match(r"\\([pP])\{([\w=]+)\}", source[at:]):
            signs = _PROPERTIES[found[2]]
            out += signs if in_class else f"[{'^' if found[1] == 'P' else ''}{signs}]"
            at += found.end()
            continue
        if source[at] == "\\":
            out += source[at : at + 2]
            at += 2
            continue
        if source[at] == "[" and not in_class:
            in_class = True
        elif source[at] == "]" and in_class and source[at - 1] != "[":
            in_class = False
        out += source[at]
        at += 1
    return out


def _walk(sequence: Any, before: str, pumps: set[tuple[str, str]]) -> None:
    """Collect what is repeated, with a text that leads there."""
    for code, argument in sequence:
        if code in _REPEATS:
            least, most, inner = argument
            if most is codes.MAXREPEAT or most >= _LONG:
                pumps.update((before, unit) for unit in _units(inner) if unit)
            _walk(inner, before, pumps)
            before += _sample(inner) * least
        elif code is codes.BRANCH:
            for branch in argument[1]:
                _walk(branch, before, pumps)
            before += _sample(argument[1][0])
        elif code is codes.SUBPATTERN:
            _walk(argument[3], before, pumps)
            before += _sample(argument[3])
        elif code is codes.ATOMIC_GROUP:
            _walk(argument, before, pumps)
            before += _sample(argument)
        else:
            before += _sample([(code, argument)])


def _units(inner: Any) -> set[str]:
    """What may be repeated: each alternative, and each character of a set."""
    items = list(inner)
    while len(items) == 1 and items[0][0] is codes.SUBPATTERN:
        items = list(items[0][1][3])
    if len(items) == 1 and items[0][0] is codes.BRANCH:
        return {_sample(branch) for branch in items[0][1][1]}
    if len(items) == 1 and items[0][0] is codes.IN and items[0][1][0][0] is not codes.NEGATE:
        return {_one([item]) for item in items[0][1][:6]}
    return {_sample(inner)}


def _sample(sequence: Any) -> str:
    """A text that a piece of a pattern matches."""
    text = ""
    for code, argument in sequence:
        if code is codes.LITERAL:
            text += chr(argument)
        elif code is codes.NOT_LITERAL:
            text += "a" if argument != ord("a") else "b"
        elif code is codes.ANY:
            text += "a"
        elif code is codes.IN:
            text += _one(argument)
        elif code is codes.BRANCH:
            text += _sample(argument[1][0])
        elif code is codes.SUBPATTERN:
            text += _sample(argument[3])
        elif code in _REPEATS:
            text += _sample(argument[2]) * argument[0]
        elif code is codes.ATOMIC_GROUP:
            text += _sample(argument)
    return text


def _one(items: Any) -> str:
    """A character of a set."""
    if items[0][0] is codes.NEGATE:
        return next((c for c in "aA1 -.é@/" if not any(_holds(item, c) for item in items[1:])), "中")
    code, argument = items[0]
    if code is codes.CATEGORY:
        return _OF_CATEGORY[argument]
    return chr(argument if code is codes.LITERAL else argument[0])


def _holds(item: Any, character: str) -> bool:
    code, argument = item
    if code is codes.LITERAL:
        return ord(character) == argument
    if code is codes.RANGE:
        return argument[0] <= ord(character) <= argument[1]
    word = character.isalnum() or character == "_"
    return {
        codes.CATEGORY_DIGIT: character.isdigit(),
        codes.CATEGORY_SPACE: character.isspace(),
        codes.CATEGORY_WORD: word,
        codes.CATEGORY_NOT_WORD: not word,
        codes.CATEGORY_NOT_SPACE: not character.isspace(),
        codes.CATEGORY_NOT_DIGIT: not character.isdigit(),
    }[argument]
