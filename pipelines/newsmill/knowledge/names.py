"""Names as keys: one folding for the knowledge base and for the texts it is looked up in.

The folding keeps the number of characters, so an offset in folded text is an offset in the text.
"""

from __future__ import annotations

import re
import unicodedata

_QUOTES = dict.fromkeys(map(ord, "’‘ʼ`´ʻʹ′"), "'")
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")
_SPACES = dict.fromkeys(map(ord, "\t\n\r\x0b\x0c\u00a0\u2002\u2003\u2009\u200a\u202f\u3000"), " ")
_WORD = re.compile(r"\w[\w'’.-]*")


def _letters() -> dict[int, str]:
    """Lower-case letters without marks for each cased or marked letter that stays one character."""
    folded = {}
    for code in range(0x250, -1, -1):
        folded[code] = chr(code)
    for low, high in ((0x41, 0x530), (0x1E00, 0x2000)):
        for code in range(low, high):
            letter = chr(code).lower()
            bare = unicodedata.normalize("NFD", letter)[0] if code < 0x370 or code >= 0x1E00 else letter
            if len(bare) == 1:
                folded[code] = bare
    folded |= {ord("ø"): "o", ord("Ø"): "o", ord("ł"): "l", ord("Ł"): "l", ord("đ"): "d", ord("Đ"): "d"}
    folded |= {ord("ı"): "i", ord("İ"): "i"}
    return {code: to for code, to in folded.items() if chr(code) != to}


_TABLE = {**_letters(), **_QUOTES, **_HYPHENS, **_SPACES}


def fold(text: str) -> str:
    """`text` in lower case, without diacritics on Latin letters, with plain quotes, hyphens and spaces.

    Guarantees: `len(fold(text)) == len(text)`, and `fold(fold(text)) == fold(text)`.

    >>> fold("São Paulo’s")
    "sao paulo's"
    """
    if text.isascii() and text.isprintable():
        return text.lower()
    return text.translate(_TABLE)


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
