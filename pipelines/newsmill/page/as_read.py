"""A text as readers of names and languages take it: mended, composed, in plain letters; with the way back.

What is stored keeps its full-width letters (`ＮＨＫ`) and ligatures, and a text that is given bare keeps all;
neither tells more than the plain letters do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

import regex

from newsmill.page.misread import restored
from newsmill.page.rewritten import Change, Rewritten, rewritten
from newsmill.strings import UNSEEN, as_read, beyond_ascii, is_nfc, nfc, stream_safe

_WIDE: Final = re.compile(
    "[\uff01-\uff5e\uffa1-\uffdc\uffe0-\uffe6\ufb00-\ufb06]|[\uff66-\uff9d][\uff9e\uff9f]?"
)
"""Full-width Latin, half-width katakana and Hangul, and ligatures of Latin letters."""

_MAY_BE_WIDE: Final = re.compile("[\uff01-\uffe6\ufb00-\ufb06]")
_TOGETHER: Final = regex.compile(
    r"\P{M}?\p{M}+|[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+|[^\p{ASCII}\p{M}]", regex.VERSION1
)
"""Signs that are composed together: a letter with its marks, the parts of Korean syllables."""


def read(given: str) -> Rewritten | None:
    """The text as it is read; None where that is as it is given.

    >>> read("Ange\\u00adla Merkel, Jose\\u0301, ＮＨＫ").text
    'Angela Merkel, José, NHK'
    """
    if given.isascii():
        return None
    found = restored(given)
    beyond = ""
    for changes in (_composing, _unseen, _wide):
        text = given if found is None else found.text
        beyond = beyond or beyond_ascii(text)
        made = [change for change in changes(text, beyond) if text[change[0] : change[1]] != change[2]]
        if made:
            step = rewritten(text, made)
            found, beyond = step if found is None else found.then(step), ""
    return found


def _composing(text: str, beyond: str) -> Iterator[Change]:
    if not is_nfc(text, beyond):
        for match in _TOGETHER.finditer(text):
            yield *match.span(), nfc(match[0])


def _unseen(text: str, beyond: str) -> Iterator[Change]:
    if UNSEEN.search(beyond) is not None:
        for match in UNSEEN.finditer(text):
            yield *match.span(), as_read(match)


def _wide(text: str, beyond: str) -> Iterator[Change]:
    if _MAY_BE_WIDE.search(beyond) is not None:
        for match in _WIDE.finditer(text):
            yield *match.span(), unicodedata.normalize("NFKC", stream_safe(match[0]))
