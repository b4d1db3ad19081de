"""What the letters and signs of lines tell, of all lines of a page at once.

A pattern takes longer over two hundred lines one by one than numpy over all their characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

C = TypeVar("C", bound=np.generic)

DIGITS: Final = 0
MARKS: Final = 1
BARS: Final = 2
CAPITALS: Final = 3
"""Columns of `signs_of`. A capital begins a word; where a script has none, so does any of its letters."""

_WORD: Final = 4
_UNSPACED: Final = 5
_KINDS: Final = (
    r"\d",
    "[,;，、；]",
    "[|•·»›/▸]",
    r"[^\W\d_a-zß-öø-ÿа-яα-ω]",
    r"\w",
    "[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]",
)
_BREAK: Final = ord("\n")
_BLANK: Final = ord(" ")
_AT_ONCE: Final = 200_000
"""Characters that are looked at together, so that memory is bounded."""
_LAST: Final = 0x3FFFF
"""From the fourth plane on there are no signs of any kind."""


@cache
def _kinds() -> NDArray[np.uint8]:
    """For each character the kinds that it is of, as bits."""
    every = np.arange(_LAST + 1, dtype=np.uint32).tobytes().decode("utf-32-le", "surrogatepass")
    found = np.zeros(_LAST + 1, dtype=np.uint8)
    for kind, pattern in enumerate(_KINDS):
        for match in re.finditer(f"{pattern}+", every):
            found[match.start() : match.end()] |= 1 << kind
    return found


_FOLDED_ASCII: Final = bytes(
    ord(sign) if re.match(r"\w|\n", sign) else _BLANK for sign in map(str.lower, map(chr, range(256)))
)
"""ASCII's letters and digits, in lower case, and the line break; a blank for all others."""


def folded(lines: Sequence[str]) -> list[tuple[str, int]]:
    """For each line, which has no line break in it, `passages.fold` and `passages.length` of it.

    >>> folded(["Ferry, late again", "東京は雨"])
    [('ferry late again', 3), ('東京は雨', 2)]
    """
    found: list[tuple[str, int]] = []
    start = size = 0
    for end, line in enumerate(lines, 1):
        size += len(line)
        if size > _AT_ONCE or end == len(lines):
            found += _folded(lines[start:end])
            start, size = end, 0
    return found


def _folded(lines: Sequence[str]) -> list[tuple[str, int]]:
    plain = [line for line in lines if line.isascii()]
    found = iter(_of_ascii(plain))
    if len(plain) == len(lines):
        return list(found)
    others = iter(_beyond_ascii([line for line in lines if not line.isascii()]))
    return [next(found) if line.isascii() else next(others) for line in lines]


def _of_ascii(lines: Sequence[str]) -> list[tuple[str, int]]:
    if not lines:
        return []
    octets = np.frombuffer("\n".join(lines).encode().translate(_FOLDED_ASCII), dtype=np.uint8)
    text = _without_double_blanks(octets).tobytes().decode()
    return [(new.strip(" "), old.count(" ") + 1) for new, old in zip(text.split("\n"), lines, strict=True)]


def _beyond_ascii(lines: Sequence[str]) -> list[tuple[str, int]]:
    codes = np.frombuffer("\n".join(lines).lower().encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds = _kinds().take(codes, mode="clip")
    breaks = codes == _BREAK
    starts = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    unspaced = np.add.reduceat(kinds >> _UNSPACED & 1, starts, dtype=np.intp).tolist()
    folded = np.where(breaks | (kinds >> _WORD & 1).view(bool), codes, np.uint32(_BLANK))
    text = _without_double_blanks(folded).tobytes().decode("utf-32-le", "surrogatepass")
    return [
        (new.strip(" "), max(old.count(" ") + 1, number // 2))
        for new, old, number in zip(text.split("\n"), lines, unspaced, strict=True)
    ]


def _without_double_blanks(codes: NDArray[C]) -> NDArray[C]:
    kept: NDArray[np.bool_] = np.asarray(codes != _BLANK)
    kept[1:] |= kept[:-1].copy()
    return codes[kept]


def signs_of(texts: Sequence[str]) -> NDArray[np.intp]:
    """For each text, which is a line and not empty, how many signs of each kind it has: four columns.

    >>> signs_of(["3 of 10, said Ada Holm | News"]).tolist()
    [[3, 1, 1, 3]]
    """
    if not texts:
        return np.zeros((0, 4), dtype=np.intp)
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds = _kinds().take(codes, mode="clip")
    capitals = kinds >> CAPITALS & 1
    capitals[1:] &= ~(kinds[:-1] >> _WORD)
    starts = np.cumsum([0, *(len(text) + 1 for text in texts[:-1])])
    counted = (kinds & 1, kinds >> MARKS & 1, kinds >> BARS & 1, capitals)
    return np.stack([np.add.reduceat(kind, starts, dtype=np.intp) for kind in counted], axis=1)
