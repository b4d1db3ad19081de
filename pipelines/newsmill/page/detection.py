"""The charset of a page that names none: by what its text must be made of.

Chinese, Japanese and Korean pages are told by their commonest characters: a third of any text, and chance in
every other reading. Pages in the Latin script are told by their words (`letter_pairs`). All else is
`charset_normalizer`'s, with a sample that is cut between characters and, where a few bytes fit no charset at
all, without these.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from charset_normalizer import CharsetMatch, from_bytes

from newsmill.page.letter_pairs import charset_of_words, is_latin, words_beyond_ascii

CHARSETS: Final = (
    "cp1250",
    "cp1251",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp1258",
    "cp874",
    "cp932",
    "cp949",
    "gb18030",
    "big5hkscs",
    "euc_jp",
    "iso2022_jp",
    "koi8_r",
    "koi8_u",
    "iso8859_2",
    "iso8859_5",
    "iso8859_6",
    "iso8859_7",
    "iso8859_8",
    "iso8859_15",
    "utf_8",
)
"""What is chosen from: the charsets that browsers know and pages use."""

FEW: Final = 8
"""Bytes beyond ASCII up to which they are of the Latin script, or signs of Windows-1252."""

_OF_LANGUAGE: Final = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "sr"), ("cp1251", "koi8_r", "koi8_u", "iso8859_5")),
    **dict.fromkeys(("ar", "fa", "ur"), ("cp1256", "iso8859_6")),
    "el": ("cp1253", "iso8859_7"),
    "he": ("cp1255", "iso8859_8"),
    "th": ("cp874",),
}
"""Charsets of languages in other scripts, as far as no other is used for them."""

_LANG: Final = re.compile(rb"<html[^>]{0,300}?\blang\s*+=\s*+[\"']?+([A-Za-z]{2})(?![A-Za-z])", re.IGNORECASE)
_HEAD: Final = 4096

_SAMPLE: Final = 20_000
_WIDE_SAMPLE: Final = 200_000
_LEAST_COMMON: Final = 0.15
_LEAST_WIDE: Final = 20  # characters beyond ASCII of a text in one of these scripts
_MOST_FAULTS: Final = 0.02
_RARE: Final = 0.005
_MANY: Final = 100  # bytes beyond ASCII of a sample that may lose its rare ones, also where they are letters
_KANA: Final = re.compile("[\u3041-\u3093\u30a1-\u30f6]")
_WIDE: Final = re.compile("[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\ue000-\uf8ff]")
_SIMPLIFIED: Final = frozenset(
    "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小"
    "么心多天而能好都然没日于起还发成事只作当想看文无开手用主行方又如前所本见经头面公同三已老从动两长市月"
)
_TRADITIONAL: Final = frozenset(
    "的一是不了在人有我他這中大來上國個到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可裡後小"
    "麼心多天而能好都然沒日於起還發成事只作當想看文無開手用主行方又如前所本見經頭面公同三已老從動兩長市月"
)
_SYLLABLES: Final = frozenset(
    "이다는을의에가고하지은를한기로사도시서자인대정리어해일부그수아나있라장전스원제보들과만성주구조비상여으"
    "공동것했등미오연관계했습니까"
)
_COMMON: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("gb18030", _SIMPLIFIED),
    ("big5hkscs", _TRADITIONAL),
    ("cp949", _SYLLABLES),
    ("cp932", frozenset()),
    ("euc_jp", frozenset()),
)


def charset_of(body: bytes) -> str | None:
    """The charset that a body is likeliest in, one of `CHARSETS`; None when no text comes out of any.

    The language that the page declares counts where the text leaves it open.
    """
    lang = _LANG.search(body[:_HEAD])
    declared = lang[1].decode("ascii").lower() if lang else None
    few = len(body) <= _WIDE_SAMPLE and sum(byte > 127 for byte in body) <= FEW
    if not few and (wide := _wide(body if len(body) <= _WIDE_SAMPLE else _richest(body, _WIDE_SAMPLE))):
        return wide
    sample = body if len(body) <= 2 * _SAMPLE else _richest(body, _SAMPLE)
    words = words_beyond_ascii(sample)
    if not words or (few and not is_latin(words)):
        return "cp1252"
    if is_latin(words) and not _is_torn_utf_8(sample):
        return charset_of_words(words, declared)
    charsets = _OF_LANGUAGE.get(declared or "", ())
    whole = _best(sample, charsets)
    bare = _without_rare(sample)
    if bare == sample:
        return whole.encoding if whole else None
    found = [match for match in (whole, _best(bare, charsets)) if match is not None]
    return min(found, key=lambda match: (match.chaos, -match.coherence)).encoding if found else None


def _is_torn_utf_8(sample: bytes) -> bool:
    """Whether more characters beyond ASCII are UTF-8 than not."""
    text = sample.decode("utf-8", "replace")
    return 2 * text.count("\ufffd") < len(text) - len(text.encode("ascii", "ignore"))


def _best(sample: bytes, preferred: Sequence[str]) -> CharsetMatch | None:
    """charset_normalizer's best match, of the preferred charsets where one of them fits."""
    best = None
    for charsets in filter(None, (preferred, CHARSETS)):
        best = from_bytes(sample, steps=5, chunk_size=512, cp_isolation=list(charsets)).best()
        if best is not None:
            break
    return best


def _wide(sample: bytes) -> str | None:
    """The charset of a Chinese, Japanese or Korean text; None for any other."""
    best, most = None, _LEAST_COMMON
    for charset, common in _COMMON:
        text = sample.decode(charset, "replace")
        wide = _WIDE.findall(text)
        if len(wide) < _LEAST_WIDE or text.count("\ufffd") > max(2, _MOST_FAULTS * len(wide)):
            continue
        known = sum(c in common for c in wide) if common else len(_KANA.findall(text))
        if known / len(wide) > most:
            best, most = charset, known / len(wide)
    return best


def _without_rare(sample: bytes) -> bytes:
    """The sample without bytes that hardly come in it: a stray one fits no charset that lacks it."""
    counts = Counter(sample)
    beyond = sum(counts[byte] for byte in range(0x80, 0x100))
    most, last = (max(1, int(_RARE * beyond)), 0x100) if beyond >= _MANY else (1, 0xA0)
    return sample.translate(None, bytes(byte for byte in range(0x80, last) if 0 < counts[byte] <= most))


def _richest(body: bytes, size: int) -> bytes:
    """The part of a page richest in bytes beyond ASCII, cut at ASCII: no character is cut in two."""
    starts = range(0, len(body) - size, size)
    best = max(starts, key=lambda n: sum(byte > 127 for byte in body[n : n + size : 8]), default=0)
    part = body[best : best + size]
    ascii_only = [at for at in (part.find(b"<"), part.find(b"\n")) if at >= 0]
    first = min(ascii_only, default=0) if best else 0
    last = max(part.rfind(b">"), part.rfind(b"\n"))
    return part[first : last + 1] if last > first else part
