"""Text that was once read in another charset than its own (`JosÃ©`, `РџСѓС‚РёРЅ`, `Ïóòèí`): read right.

| given | was read as | is |
|---|---|---|
| `JosÃ©`, `ÐœÐ¾Ñ�ÐºÐ²Ð°` | Latin-1 or Windows-1252 | UTF-8; mended also in part |
| `РџСѓС‚РёРЅ` | Windows-1251 | UTF-8 |
| `Ïóòèí` | Latin-1 or Windows-1252 | Windows-1251, KOI8 or another charset of one byte a letter |
| `譌･譛ｬ縺ｮ` | Shift_JIS | UTF-8 |
| `“ú–{‚Ì` | Windows-1252 | Shift_JIS |

Pages are mended when they are decoded; feeds and bare texts are not. `Ã` and `¡` are no parts of a word, so
names in it would be cut. All but the first are mended where the text is misread as a whole.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from functools import cache
from typing import Final

from newsmill.page.detection import charset_of
from newsmill.page.rewritten import Rewritten, rewritten
from newsmill.strings import beyond_ascii

FEWEST: Final = 3
"""Letters that must be misread before a text is held to be: one or two may be quoted."""

FEWEST_WHOLE: Final = 8
"""Characters beyond ASCII of a text that is judged as a whole."""

MOST: Final = 200_000
"""Characters of a text that is read again as a whole; a longer one stays."""

_UNUSED: Final = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_WINDOWS: Final = {bytes([code]).decode("cp1252"): code for code in range(0x80, 0xA0) if code not in _UNUSED}
_LATER: Final = f"[\x80-\xbf{''.join(_WINDOWS)}]"
_MISREAD: Final = re.compile(f"[\xc2-\xdf]{_LATER}|[\xe0-\xef]{_LATER}{{2}}|\xe3\ufffd{_LATER}")
_LOST: Final = 0x81
"""The byte for which U+FFFD mostly stands: Windows-1252 has no sign for it, and kana begin with it."""

_CYRILLIC_LEADS: Final = "РС"
_LEAST_LEADS: Final = 0.35
"""Share of these two letters, with which UTF-8 begins Cyrillic letters, among signs beyond ASCII."""

_OF_UTF_8_KANA: Final = "縺繧繝"
_OF_SJIS_KANA: Final = "‚ƒ"
_UTF_8_LEAD: Final = "ã"
_LEAST_KANA: Final = 0.08
_ONE_BYTE_WORD: Final = re.compile("[\xc0-\xff\xa8\xb8]{3,}")
_LEAST_WORDS: Final = 0.7
"""Share of signs beyond ASCII that stand in words of nothing else."""

_ONE_BYTE: Final = frozenset(
    (
        "cp1251",
        "koi8_r",
        "koi8_u",
        "iso8859_5",
        "cp1253",
        "iso8859_7",
        "cp1255",
        "iso8859_8",
        "cp1256",
        "iso8859_6",
    )
)
_SAMPLE: Final = 4_000
_MOST_FAULTS: Final = 0.1
_MOST_LOST: Final = 0.4
"""Share of bytes that are none: at all, and where the wrong charset has no sign for many."""

MAY_BE_WHOLE: Final = ("Рѕ", "縺", "‚Ì", "‚ð", "åí", "îñ", "ðî", "íà", "ïî")
"""Pairs of which a text that is misread as a whole has one: UTF-8 and Windows-1251 of frequent letters."""


def restored(text: str) -> Rewritten | None:
    """The text read right; None where it is not misread, which is told at the price of few searches.

    >>> restored("JosÃ© MarÃ­a, de CÃ¡diz").text
    'José María, de Cádiz'
    >>> restored("РџСЂРµР·РёРґРµРЅС‚ РџСѓС‚РёРЅ").text
    'Президент Путин'
    """
    if text.isascii():
        return None
    beyond = beyond_ascii(text)
    whole = whole_restored(text, beyond)
    if whole is not None or _MISREAD.search(beyond) is None:
        return whole
    found = [
        (*match.span(), letter)
        for match in _MISREAD.finditer(text)
        if (letter := _read(match.group())) is not None
    ]
    return rewritten(text, found) if len(found) >= FEWEST else None


def whole_restored(text: str, beyond: str) -> Rewritten | None:
    """The same where the text is misread as a whole, by the signs beyond ASCII of which it is made."""
    if len(text) > MOST or len(beyond) < FEWEST_WHOLE:
        return None

    def share(signs: str) -> float:
        return sum(map(beyond.count, signs)) / len(beyond)

    if share(_CYRILLIC_LEADS) >= _LEAST_LEADS:
        return _again(text, _of_cp1251, "utf-8", _utf_8_length)
    if share(_OF_UTF_8_KANA) >= _LEAST_KANA:
        return _again(text, _of_cp932, "utf-8", _utf_8_length, faults_allowed=_MOST_LOST)
    if share(_OF_SJIS_KANA) >= _LEAST_KANA and share(_UTF_8_LEAD) < _LEAST_KANA:
        return _again(text, _of_cp1252, "cp932", _sjis_length)
    if _ONE_BYTE_WORD.search(beyond) is not None:
        return _of_one_byte(text, len(beyond))
    return None


def _of_one_byte(text: str, beyond: int) -> Rewritten | None:
    """`Ïóòèí`: words in a charset of one byte a letter, all of whose letters Latin-1 has with marks."""
    if sum(map(len, _ONE_BYTE_WORD.findall(text))) < _LEAST_WORDS * beyond:
        return None
    sample = b"".join(_of_cp1252(sign) or b" " for sign in text[:_SAMPLE])
    charset = charset_of(sample)
    if charset not in _ONE_BYTE:
        return None
    changes = (
        (at, at + 1, own.decode(charset, "replace"))
        for at, sign in enumerate(text)
        if sign > "\x7f" and (own := _of_cp1252(sign))
    )
    return rewritten(text, changes)


def _again(
    text: str,
    encoded: Callable[[str], bytes | None],
    charset: str,
    length: Callable[[int], int],
    *,
    faults_allowed: float = _MOST_FAULTS,
) -> Rewritten | None:
    """The bytes of a text read in their own charset; None where too many of them are none in it."""
    given: list[tuple[int, int | str]] = []
    for at, sign in enumerate(text):
        own = encoded(sign)
        given += [(at, byte) for byte in own] if own is not None else [(at, sign)]
    letters: list[str] = []
    starts, ends = array("I"), array("I")
    at = faults = 0
    while at < len(given):
        first, lead = given[at]
        size, letter = 1, lead if isinstance(lead, str) else None
        if isinstance(lead, int):
            size = length(lead)
            piece = [byte for _, byte in given[at : at + size] if isinstance(byte, int)]
            letter = _decoded(bytes(piece), charset) if len(piece) == size else None
            if letter is None:
                size, letter = 1, "\ufffd"
                faults += 1
        assert letter is not None
        letters.append(letter)
        starts.append(first)
        ends.append(given[at + size - 1][0] + 1)
        at += size
    beyond = sum(letter > "\x7f" for letter in letters)
    if faults > faults_allowed * beyond:
        return None
    return Rewritten(text="".join(letters), given=text, starts=starts, ends=ends)


def _decoded(piece: bytes, charset: str) -> str | None:
    try:
        letter = piece.decode(charset)
    except UnicodeDecodeError:
        return None
    return letter if len(letter) == 1 else None


def _utf_8_length(lead: int) -> int:
    return 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _sjis_length(lead: int) -> int:
    return 2 if 0x81 <= lead <= 0x9F or 0xE0 <= lead <= 0xFC else 1


@cache
def _of_cp1251(sign: str) -> bytes | None:
    return b"\x98" if sign in "\x98\ufffd" else _encoded(sign, "cp1251")


@cache
def _of_cp932(sign: str) -> bytes | None:
    return _encoded(sign, "cp932")


@cache
def _of_cp1252(sign: str) -> bytes | None:
    if sign == "\ufffd":
        return bytes([_LOST])
    return _encoded(sign, "cp1252") or (sign.encode("latin-1") if "\x80" <= sign < "\xa0" else None)


def _encoded(sign: str, charset: str) -> bytes | None:
    try:
        return sign.encode(charset)
    except UnicodeEncodeError:
        return None


def _read(letters: str) -> str | None:
    try:
        return bytes(
            _LOST if letter == "\ufffd" else _WINDOWS.get(letter, ord(letter)) for letter in letters
        ).decode()
    except UnicodeDecodeError:
        return None
