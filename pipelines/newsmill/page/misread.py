"""Text whose UTF-8 was once read as Latin-1 or Windows-1252 (`JosÃ©`): read right, with the way back.

Pages are mended when they are decoded, whole or not at all; feeds and bare texts are not, and one that is
broken in part never is. `Ã` and `¡` are no parts of a word, so names in it would be cut.
"""

from __future__ import annotations

import re
from typing import Final

from newsmill.page.rewritten import Rewritten, rewritten

FEWEST: Final = 3
"""Letters that must be misread before a text is held to be: one or two may be quoted."""

_UNUSED: Final = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_WINDOWS: Final = {bytes([code]).decode("cp1252"): code for code in range(0x80, 0xA0) if code not in _UNUSED}
_LATER: Final = f"[\\x80-\\xbf{''.join(_WINDOWS)}]"
_MISREAD: Final = re.compile(f"[\\xc2-\\xdf]{_LATER}|[\\xe0-\\xef]{_LATER}{{2}}")


def restored(text: str) -> Rewritten | None:
    """The text read right; None where it is not misread, which is told at the price of one search.

    >>> restored("JosÃ© MarÃ­a, de CÃ¡diz").text
    'José María, de Cádiz'
    """
    if text.isascii():
        return None
    found = [
        (*match.span(), letter)
        for match in _MISREAD.finditer(text)
        if (letter := _read(match.group())) is not None
    ]
    return rewritten(text, found) if len(found) >= FEWEST else None


def _read(letters: str) -> str | None:
    try:
        return bytes(_WINDOWS.get(letter, ord(letter)) for letter in letters).decode()
    except UnicodeDecodeError:
        return None
