"""Rare signs in a page's UTF-8: all bytes are compared at once, which takes less than a pattern does."""

from __future__ import annotations

from typing import Final

import numpy as np

_PARTING: Final = (0x09, 0x0A, 0x0D)
_BLANK: Final = 0x20
_DELETE: Final = 0x7F
_FIRST_BEYOND: Final = 0x80
_MOST_LOOKED_AT: Final = 100
"""Places of a pair's first byte that are looked at one by one; from there on the pair is searched for."""


def has_controls(utf8: bytes) -> bool:
    """Whether ASCII's controls are among bytes; tab, line feed and carriage return are none.

    >>> has_controls(b"one\\r\\ntwo"), has_controls(b"one\\x1b[0m two")
    (False, True)
    """
    octets = np.frombuffer(utf8, dtype=np.uint8)
    parting = sum(np.count_nonzero(octets == sign) for sign in _PARTING)
    return bool(np.count_nonzero(octets < _BLANK) > parting) or _DELETE in utf8


def beyond_ascii_led(utf8: bytes) -> str:
    """The characters of UTF-8 that ASCII lacks, and those right before them: of most pages few.

    A character beyond ASCII has the same one before it as there. Lone surrogates may be among them.

    >>> beyond_ascii_led("Köln, “the ferry”".encode())
    'Kö “y”'
    """
    octets = np.frombuffer(utf8, dtype=np.uint8)
    kept = octets >= _FIRST_BEYOND
    kept[:-1] |= kept[1:]
    return octets[kept].tobytes().decode("utf-8", "surrogatepass")


def count(utf8: bytes, sign: bytes) -> int:
    """How often one byte stands among others; faster than Python's own where it does so often."""
    return int(np.count_nonzero(np.frombuffer(utf8, dtype=np.uint8) == ord(sign)))


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
