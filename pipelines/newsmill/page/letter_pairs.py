"""The charset of a page in the Latin script that names none: the one in which its words are words.

Windows-1250, 1252, 1254, 1257 and 1258 share most bytes: `0xE3` is ã, ă or ć. Each charset's reading of the
words that hold such bytes is judged by how letters follow each other in each language; the charset of the
likeliest reading is the page's. `benchmarks/letter_pairs.py` makes `letter_pairs.tsv` and says of what.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

CHARSETS: Final = ("cp1252", "cp1250", "cp1257", "cp1254", "cp1258", "iso8859_2", "iso8859_15")
"""What is chosen from; of equal readings, the first one's is taken."""

MOST_WORDS: Final = 400
"""Different words that are judged, the commonest first."""

_DECLARED: Final = 40
"""What the language that the page declares is ahead of others, in tenths of a nat: it may be a template's."""

_DEFAULT: Final = 30
"""What Windows-1252 is ahead of other charsets: browsers take it for nearly all pages that name none."""

_UNHEARD_OF: Final = 110
"""What a pair costs that a language does not have."""

_NO_LETTER: Final = 160
"""What a character inside a word costs that is no letter."""

_MOST_OF_WORD: Final = 0.65
"""Share of letters beyond ASCII in words that hold some, up to which they are in the Latin script."""

_WORD: Final = re.compile(rb"[A-Za-z\x80-\xff]{1,40}")
_BESIDE: Final = b"\x82\x84\x85\x8b\x91\x92\x93\x94\x95\x96\x97\x9b\xa0\xa7\xab\xb7\xb0\xbb\xa9\xae\xad"
"""Quotation marks, dashes and signs that stand between words in all these charsets."""

_BETWEEN: Final = bytes.maketrans(_BESIDE, b" " * len(_BESIDE))
_SIGNS: Final = frozenset(
    bytes([n]) for n in range(128, 256) if not bytes([n]).decode("cp1252", "replace").isalpha()
)
"""Words of one byte that Windows-1252 takes for a sign, e.g. a pound's."""

_READ_AS: Final = {"nb": "no", "nn": "no", "bs": "hr", "sr": "hr", "lb": "de"}
_CELL: Final = re.compile(r"([^\d])(\d+)")


def _read() -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for line in Path(__file__).with_name("letter_pairs.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            code, *cells = line.replace("_", " ").split("\t")
            table[code] = {
                cell[0] + second: int(cost) for cell in cells for second, cost in _CELL.findall(cell[1:])
            }
    return table


_COSTS: Final = _read()


def words_beyond_ascii(sample: bytes) -> Counter[bytes]:
    """The commonest words with bytes beyond ASCII, with how often they come."""
    words = Counter(
        word
        for word in _WORD.findall(sample.translate(_BETWEEN))
        if not word.isascii() and word not in _SIGNS
    )
    return Counter(dict(words.most_common(MOST_WORDS)))


def is_latin(words: Mapping[bytes, int]) -> bool:
    """Whether most letters of words with bytes beyond ASCII are ASCII; of other scripts nearly none is."""
    whole = [(word, n) for word, n in words.items() if len(word) > 2]
    letters = sum(len(word) * n for word, n in whole)
    beyond = sum(sum(byte > 127 for byte in word) * n for word, n in whole)
    return beyond <= _MOST_OF_WORD * letters


def charset_of_words(words: Mapping[bytes, int], declared: str | None) -> str:
    """The charset, one of `CHARSETS`, in which words of the Latin script are likeliest.

    Args:
        words: Words with bytes beyond ASCII.
        declared: The language that the page declares, as a code of two letters.
    """
    language = _READ_AS.get(declared or "", declared)
    best, least = CHARSETS[0], float("inf")
    judged: dict[tuple[str, ...], float] = {}  # readings are often the same
    for charset in CHARSETS:
        read = tuple(unicodedata.normalize("NFC", word.decode(charset, "replace")).lower() for word in words)
        if read not in judged:
            judged[read] = _cost(zip(read, words.values(), strict=True), language)
        cost = judged[read] - (_DEFAULT if charset == "cp1252" else 0)
        if cost < least:
            best, least = charset, cost
    return best


def _cost(words: Iterable[tuple[str, int]], declared: str | None) -> float:
    """What the words cost in the language in which they cost least."""
    pairs: Counter[str] = Counter()
    for word, n in words:
        framed = f" {word} "
        for at in range(len(framed) - 1):
            pairs[framed[at : at + 2]] += n
    common = {pair: n for pair, n in pairs.items() if all(c == " " or c.isalpha() for c in pair)}
    odd = _NO_LETTER * sum(n for pair, n in pairs.items() if pair not in common)
    return odd + min(
        sum(n * costs.get(pair, _UNHEARD_OF) for pair, n in common.items())
        - (_DECLARED if code == declared else 0)
        for code, costs in _COSTS.items()
    )
