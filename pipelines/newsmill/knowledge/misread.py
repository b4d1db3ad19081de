"""Text whose UTF-8 was once read as Latin-1 or Windows-1252 (`JosÃ©`): read right, with the way back.

Pages are mended when they are decoded, whole or not at all; feeds and bare texts are not, and one that is
broken in part never is. `Ã` and `¡` are no parts of a word, so names in it would be cut.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import Final

from msgspec.structs import replace

from newsmill.records import Enrichment, Mention, Record

FEWEST: Final = 3
"""Letters that must be misread before a text is held to be: one or two may be quoted."""

_UNUSED: Final = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_WINDOWS: Final = {bytes([code]).decode("cp1252"): code for code in range(0x80, 0xA0) if code not in _UNUSED}
_LATER: Final = f"[\\x80-\\xbf{''.join(_WINDOWS)}]"
_MISREAD: Final = re.compile(f"[\\xc2-\\xdf]{_LATER}|[\\xe0-\\xef]{_LATER}{{2}}")


class Restored(Record, frozen=True, kw_only=True):
    """A misread text, read right.

    Attributes:
        text: What it says.
        given: What was given.
        ends: By misread letter, where it ends in `text`.
        shifts: By the same, how many characters of `given` are more than those of `text` up to there.
    """

    text: str
    given: str
    ends: tuple[int, ...]
    shifts: tuple[int, ...]

    def at(self, offset: int) -> int:
        """Where in `given` the character stands that `text` has at `offset`."""
        before = bisect_right(self.ends, offset)
        return offset + (self.shifts[before - 1] if before else 0)

    def enrichment(self, found: Enrichment) -> Enrichment:
        """What was found in `text`, with offsets and mentions of `given`."""
        return replace(
            found,
            entities=tuple(replace(e, mentions=self._mentions(e.mentions)) for e in found.entities),
            places=tuple(replace(p, mentions=self._mentions(p.mentions)) for p in found.places),
        )

    def _mentions(self, mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
        spans = ((self.at(m.start), self.at(m.end)) for m in mentions)
        return tuple(Mention(start=start, end=end, text=self.given[start:end]) for start, end in spans)


def restored(text: str) -> Restored | None:
    """The text read right; None where it is not misread, which is told at the price of one search.

    >>> restored("JosÃ© MarÃ­a, de CÃ¡diz").text
    'José María, de Cádiz'
    """
    if text.isascii():
        return None
    found = [(m, letter) for m in _MISREAD.finditer(text) if (letter := _read(m.group())) is not None]
    if len(found) < FEWEST:
        return None
    parts, ends, at = [], list[int](), 0
    length = 0
    for match, letter in found:
        parts += [text[at : match.start()], letter]
        length += match.start() - at + len(letter)
        ends.append(length)
        at = match.end()
    shifts = accumulate(match.end() - match.start() - len(letter) for match, letter in found)
    return Restored(text="".join([*parts, text[at:]]), given=text, ends=tuple(ends), shifts=tuple(shifts))


def _read(letters: str) -> str | None:
    try:
        return bytes(_WINDOWS.get(letter, ord(letter)) for letter in letters).decode()
    except UnicodeDecodeError:
        return None
