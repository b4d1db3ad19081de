"""Rare signs in a page's UTF-8: all bytes are compared at once, which takes less than a pattern does."""

from __future__ import annotations

from typing import Final

import numpy as np

_BLANK: Final = np.uint8(0x20)
_BEYOND_PRINTED: Final = np.uint8(0x5F)
"""Less a blank's, the bytes of ASCII's printed characters are below it, all others are not."""

_MOST_LOOKED_AT: Final = 100
"""Places of a pair's first byte that are looked at one by one; from there on the pair is searched for."""


def has_controls(utf8: bytes) -> bool:
    """Whether UTF-8 may hold controls, characters that turn the direction, surrogates or noncharacters.

    Tab, line feed, carriage return and U+0085 are none. For surrogates and noncharacters the answer may be
    yes where there are none.

    >>> has_controls("one\\r\\ntwo\\u00a0“three”".encode()), has_controls("one\\u202etwo".encode())
    (False, True)
    """
    octets = np.frombuffer(utf8, dtype=np.uint8)
    odd = octets[octets - _BLANK >= _BEYOND_PRINTED]
    if ((odd < 0x20) & (odd != 0x09) & (odd != 0x0A) & (odd != 0x0D)).any() or 0x7F in utf8:
        return True
    if utf8.isascii():
        return False
    if 0xED in utf8 or (0xEF in utf8 and (holds(utf8, b"\xef\xb7") or holds(utf8, b"\xef\xbf"))):
        return True
    second = odd[np.flatnonzero(odd == 0xC2) + 1]
    if ((second < 0xA0) & (second != 0x85)).any():
        return True
    at = np.flatnonzero(odd == 0xE2)
    second, third = odd[at + 1], odd[at + 2]
    return bool(
        ((second == 0x80) & (third >= 0xAA) & (third <= 0xAE)).any()
        or ((second == 0x81) & (third >= 0xA6) & (third <= 0xA9)).any()
    )


def holds(octets: bytes, pair: bytes) -> bool:
    """Whether two bytes stand side by side; one byte is found many times as fast as two."""
    at = -1
    for _ in range(_MOST_LOOKED_AT):
        at = octets.find(pair[0], at + 1)
        if at < 0:
            return False
        if octets.startswith(pair, at):
            return True
    return pair in octets[at:]
