"""The script of a text: ISO 15924 codes, Chinese told apart into simplified (Hans) and traditional (Hant).

What only one of the two writings has is taken from their standards, GB 2312 and the frequent half of Big5,
as Python's codecs have them: some two thousand signs each.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from functools import cache

from newsmill.strings import beyond_ascii

LOOKED_AT = 10_000
"""Characters of a text that are read."""

KANA_SHARE = 0.1
"""Share of kana among kana and Han signs from which a text is Japanese: Chinese quotes a few."""

MOST_WITHOUT_KANA = 40
"""Han signs that a Japanese text may have without any kana: a headline."""

COMMON = "Zyyy"
"""The code of signs that belong to no script, or to one that is not told."""

BLOCKS: tuple[tuple[int, str], ...] = (
    (0x0000, "Latn"), (0x0370, "Grek"), (0x0400, "Cyrl"), (0x0530, "Armn"), (0x0590, "Hebr"),
    (0x0600, "Arab"), (0x0700, "Syrc"), (0x0750, "Arab"), (0x0780, "Thaa"), (0x07C0, "Nkoo"),
    (0x0800, COMMON), (0x0860, "Syrc"), (0x0870, "Arab"), (0x0900, "Deva"), (0x0980, "Beng"),
    (0x0A00, "Guru"), (0x0A80, "Gujr"), (0x0B00, "Orya"), (0x0B80, "Taml"), (0x0C00, "Telu"),
    (0x0C80, "Knda"), (0x0D00, "Mlym"), (0x0D80, "Sinh"), (0x0E00, "Thai"), (0x0E80, "Laoo"),
    (0x0F00, "Tibt"), (0x1000, "Mymr"), (0x10A0, "Geor"), (0x1100, "Hang"), (0x1200, "Ethi"),
    (0x13A0, "Cher"), (0x1400, "Cans"), (0x1680, COMMON), (0x1780, "Khmr"), (0x1800, "Mong"),
    (0x18B0, "Cans"), (0x1900, COMMON), (0x1B00, "Bali"), (0x1B80, "Sund"), (0x1BC0, COMMON),
    (0x1C50, "Olck"), (0x1C80, "Cyrl"), (0x1C90, "Geor"), (0x1CC0, COMMON), (0x1D00, "Latn"),
    (0x1F00, "Grek"), (0x2000, "Latn"), (0x2C00, COMMON), (0x2C60, "Latn"), (0x2C80, COMMON),
    (0x2D00, "Geor"), (0x2D30, "Tfng"), (0x2D80, "Ethi"), (0x2DE0, "Cyrl"), (0x2E00, "Hani"),
    (0x3040, "Kana"), (0x3100, "Hani"), (0x3130, "Hang"), (0x3190, "Hani"), (0x31F0, "Kana"),
    (0x3200, "Hani"), (0xA000, "Yiii"), (0xA4D0, "Lisu"), (0xA500, "Vaii"), (0xA640, "Cyrl"),
    (0xA6A0, COMMON), (0xA720, "Latn"), (0xA800, COMMON), (0xA8E0, "Deva"), (0xA900, COMMON),
    (0xA960, "Hang"), (0xA980, "Java"), (0xA9E0, "Mymr"), (0xAA00, COMMON), (0xAA60, "Mymr"),
    (0xAA80, COMMON), (0xAAE0, "Mtei"), (0xAB00, "Ethi"), (0xAB30, "Latn"), (0xAB70, "Cher"),
    (0xABC0, "Mtei"), (0xAC00, "Hang"), (0xD800, COMMON), (0xF900, "Hani"), (0xFB00, "Latn"),
    (0xFB13, "Armn"), (0xFB1D, "Hebr"), (0xFB50, "Arab"), (0xFE00, COMMON), (0xFE70, "Arab"),
    (0xFF00, "Latn"), (0xFF66, "Kana"), (0xFFA0, "Hang"), (0x10000, COMMON), (0x1E900, "Adlm"),
    (0x1E960, COMMON), (0x1EE00, "Arab"), (0x1F000, COMMON), (0x20000, "Hani"), (0x323B0, COMMON),
)  # fmt: skip
"""Where each script begins (blocks of Unicode 16), hiragana and katakana as one."""

_ASCII_LETTERS = string.ascii_letters.encode()
_STARTS = [start for start, _ in BLOCKS]
_LETTER = re.compile(r"[^\W\d_]")


def script_of_letter(letter: str) -> str:
    """The script of a letter, by its block: `Hani`, `Kana` and `Hang` for the parts of East Asian writing."""
    return BLOCKS[bisect_right(_STARTS, ord(letter)) - 1][1]


def script_of(text: str) -> str | None:
    """The script that most letters of a text are in; None where it has no letter of a script.

    Japanese is `Jpan`, Korean `Kore`; Chinese is `Hans`, `Hant`, or `Hani` where its signs are of both.
    `LOOKED_AT` characters are read.
    """
    text = text[:LOOKED_AT]
    plain = text.encode("ascii", "ignore")
    counts = Counter(Latn=len(plain) - len(plain.translate(None, _ASCII_LETTERS)))
    signs = Counter(beyond_ascii(text))
    letters = Counter({sign: number for sign, number in signs.items() if _LETTER.match(sign)})
    for letter, number in letters.items():
        counts[script_of_letter(letter)] += number
    del counts[COMMON]
    kana, han = counts["Kana"], counts["Hani"]
    written = {code: n for code, n in counts.items() if n and code not in ("Kana", "Hani", "Hang")}
    if counts["Hang"] > kana:
        written["Kore"] = counts["Hang"] + han
    elif (kana and kana >= KANA_SHARE * (kana + han)) or (han and is_japanese(letters, han)):
        written["Jpan"] = kana + han
    elif han:
        written["Hani"] = kana + han
    script = max(written, key=lambda code: (written[code], code), default=None)
    return _of_chinese(letters) if script == "Hani" else script


def is_japanese(signs: Iterable[str], number: int) -> bool:
    """Whether Han signs without kana are Japanese: 東, not in Hans, beside 会, not in Hant.

    Japan's standard has both, and signs that neither writing of Chinese has: 経, 済, 駅. Of more than
    `MOST_WITHOUT_KANA` signs, `number` tells how many there are, none is without kana.
    """
    if number > MOST_WITHOUT_KANA:
        return False
    han = {sign for sign in signs if script_of_letter(sign) == "Hani"}
    simplified, traditional, japanese = _standards()
    if not han <= japanese:
        return False
    return any(sign not in simplified and sign not in traditional for sign in han) or (
        not han <= simplified and not han <= traditional
    )


@cache
def _standards() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The signs of simplified Chinese, of traditional Chinese and of Japan's first two levels."""
    simplified = _signs("gb2312", range(0xB0, 0xF8), range(0xA1, 0xFF))
    traditional = _signs("big5", range(0xA4, 0xFA), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    japanese = _signs("euc_jp", range(0xB0, 0xF5), range(0xA1, 0xFF)) | {"々", "〇"}
    return simplified, traditional, japanese


def _of_chinese(letters: Counter[str]) -> str:
    simplified, traditional = (sum(letters[sign] for sign in only & letters.keys()) for only in _only())
    return "Hani" if simplified == traditional else "Hans" if simplified > traditional else "Hant"


@cache
def _only() -> tuple[frozenset[str], frozenset[str]]:
    """The signs of simplified Chinese that traditional Chinese lacks, and the other way round."""
    simplified = _signs("gb2312", range(0xB0, 0xF8), range(0xA1, 0xFF))
    traditional = _signs("big5", range(0xA4, 0xC7), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    rare = _signs("big5", range(0xC9, 0xFA), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))
    return simplified - traditional - rare, traditional - simplified


def _signs(codec: str, first: Iterable[int], second: Iterable[int]) -> frozenset[str]:
    """The Han signs of a codec whose two bytes are in these ranges."""
    second = tuple(second)
    pairs = b"".join(bytes((a, b)) for a in first for b in second)
    return frozenset(sign for sign in pairs.decode(codec, "ignore") if "\u4e00" <= sign <= "\u9fff")
