"""How many digits, marks and capitals texts have: of all texts of a page at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIGITS: Final = 0
MARKS: Final = 1
BARS: Final = 2
CAPITALS: Final = 3
"""Columns of `signs_of`. A capital begins a word; where a script has none, so does any of its letters."""

_WORD: Final = 4
_KINDS: Final = (
    r"\d",
    "[,;，、；]",
    "[|•·»›/▸]",
    r"[^\W\d_a-zß-öø-ÿа-яα-ω]",
    r"\w",
)
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


def signs_of(texts: Sequence[str]) -> NDArray[np.intp]:
    """For each text, which is a line and not empty, how many signs of each kind it has: four columns.

    >>> signs_of(["3 of 10, said Ada Holm | News"]).tolist()
    [[3, 1, 1, 3]]
    """
    if not texts:
        return np.zeros((0, 4), dtype=np.intp)
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds = _kinds().take(np.minimum(codes, _LAST))
    capitals = kinds >> CAPITALS & 1
    capitals[1:] &= ~(kinds[:-1] >> _WORD)
    starts = np.cumsum([0, *(len(text) + 1 for text in texts[:-1])])
    counted = (kinds & 1, kinds >> MARKS & 1, kinds >> BARS & 1, capitals)
    return np.stack([np.add.reduceat(kind, starts, dtype=np.intp) for kind in counted], axis=1)
