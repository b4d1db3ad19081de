"""Words that go with an entity ("American basketball player"), as numbers that fit in two bytes.

A word is known by its first letters, so that `politician` meets `politics` and most endings fall away.
Two words have the same number by chance once in 65,535.
"""

from __future__ import annotations

import re
from typing import Final

import xxhash

from newsmill.knowledge.names import fold

WORDS: Final = 6
"""Words kept of an entity."""

_STEM: Final = 6
_WORD: Final = re.compile(r"[^\W\d_]{4,40}")
_SAY_NOTHING: Final = frozenset(
    "with from that this which their they have been were based born former also more than into about most "
    "other some first second name given used known part located between during since para pour avec sont "
    "eine einer eines oder nach".split()
)


def numbers(text: str, most: int | None = None) -> list[int]:
    """The numbers of a text's words, 1 to 65,535, each once, in its order; the first `most` of them."""
    found: dict[int, None] = {}
    for word in _WORD.findall(fold(text)):
        if word not in _SAY_NOTHING:
            found.setdefault(xxhash.xxh32_intdigest(word[:_STEM].encode()) % 65_535 + 1)
            if len(found) == most:
                break
    return list(found)
