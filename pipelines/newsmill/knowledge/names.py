"""Names as keys: one folding for the knowledge base and for the texts it is looked up in.

The folding keeps the number of characters, so an offset in folded text is an offset in the text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from newsmill.strings import beyond_ascii

_QUOTES = dict.fromkeys("’‘ʼ`´ʻʹ′", "'")
_HYPHENS = dict.fromkeys("‐‑‒–—−", "-")
_SPACES = dict.fromkeys("\t\n\r\x0b\x0c\u00a0\u2002\u2003\u2009\u200a\u202f\u3000", " ")
_WORD = re.compile(r"\w[\w'’.-]*")
FIRST_SPACELESS = "\u0e00"
"""The first letter of those that `is_spaceless` tells of."""


def _plain() -> dict[str, str]:
    """Each lower-case letter with marks that has one character without them, and that character."""
    plain = {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ς": "σ"}
    for code in (*range(0xE0, 0x250), *range(0x1E00, 0x1F00)):
        bare = unicodedata.normalize("NFD", chr(code))[0]
        if bare != chr(code):
            plain[chr(code)] = plain.get(bare, bare)
    return plain


_PLAIN = {**_plain(), **_QUOTES, **_HYPHENS, **_SPACES}
_PLAIN_ASCII = tuple(filter(str.isascii, _PLAIN))
_LONG = 200  # characters from which the few beyond ASCII are sooner picked out than all put in a set


def fold(text: str) -> str:
    """`text` in lower case, without diacritics on Latin letters, with plain quotes, hyphens and spaces.

    Guarantees: `len(fold(text)) == len(text)`, and `fold(fold(text)) == fold(text)`.

    >>> fold("São Paulo’s")
    "sao paulo's"
    """
    if text.isascii():
        folded = text.lower()
        if text.isprintable():
            return folded
    else:
        folded = text.replace("İ", "i").lower()  # the one letter that str.lower makes two of
    met = set(folded) if len(folded) < _LONG else {*_PLAIN_ASCII, *beyond_ascii(folded)}
    for letter in _PLAIN.keys() & met:
        folded = folded.replace(letter, _PLAIN[letter])
    return folded


def spaced(text: str) -> str:
    """`text` with the plain spaces that `fold` gives it, lines among them, and else as it is."""
    for sign in _SPACES:
        if sign in text:
            text = text.replace(sign, " ")
    return text


@lru_cache(maxsize=4)
def fold_whole(text: str) -> str:
    """`fold` of a whole text, for which several steps ask."""
    return fold(text)


def key(name: str) -> str:
    """The key of a name: folded, with single spaces."""
    folded = fold(name)
    return " ".join(folded.split()) if "  " in folded or folded[:1] == " " or folded[-1:] == " " else folded


def is_acronym(name: str) -> bool:
    """Whether a name counts only when it is written in capitals (ISI, WHO, TTP, U.N.)."""
    letters = [c for c in name if c.isalpha()]
    return 2 <= len(letters) <= 6 and all(c.isupper() for c in letters) and " " not in name


def is_spaceless(letter: str) -> bool:
    """Whether a letter's script is written without spaces between words (CJK, Thai, Lao, Khmer)."""
    code = ord(letter)
    return (
        0x2E80 <= code <= 0xA4CF
        or 0xF900 <= code <= 0xFAFF
        or 0x0E00 <= code <= 0x0EFF
        or 0x1780 <= code <= 0x17FF
    )


def slug(name: str) -> str:
    """A name as an identifier: folded, words joined by hyphens."""
    return "-".join(_WORD.findall(fold(name))).replace("'", "").replace(".", "")
