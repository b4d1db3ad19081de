"""Sketches: what the index needs of an article, in under a kilobyte and without its text.

A text becomes tokens (words; single characters in scripts that put no spaces between words), tokens
become shingles, and of the shingles' hashes three things are kept: the smallest ones with their place in
the text, to compare two articles; a few keys, to find what to compare with; and one hash of the whole
text, for exact copies. Numbers are kept apart: they tell a copy from next day's report of the same form.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import msgspec
import numpy as np
import regex
import xxhash
from numpy.typing import NDArray

from newsmill.records import Draft, Micros, Position, Record

VERSION: Final = 1
"""Version of the sketch: raised by any change of tokens, hashes or selection, since those don't compare."""

SAMPLE: Final = 160
"""Most shingle hashes kept of a text. A containment measured on 160 has a standard error under 0.04."""

KEY_RATE: Final = 32
"""One shingle in so many is a key, whatever the text's length: long texts have more keys."""

KEYS: Final = 8
"""Least number of a text's smallest shingle hashes that are keys."""

MAX_KEYS: Final = 40
"""Most keys of a text: bounds what a long page can cost."""

NUMBERS: Final = 24
"""Most distinct numbers kept of a text."""

WORD_SHINGLE: Final = 5
HAN_SHINGLE: Final = 8
ABUGIDA_SHINGLE: Final = 14
LEAD_TOKENS: Final = 24
MAX_TOKENS: Final = 50_000
SHORT_TOKENS: Final = 30

_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_HAN = r"\p{Han}\p{Hiragana}\p{Katakana}"
_ABUGIDA = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_HAN_LETTER = regex.compile(f"[{_HAN}]")
_ABUGIDA_LETTER = regex.compile(f"[{_ABUGIDA}]")
_CHARACTER = regex.compile(r"[\p{L}\p{N}]\p{M}*")
_NUMBER = regex.compile(r"\p{Nd}+(?:[.,:٫٬]\p{Nd}+)*")

Hashes = NDArray[np.uint32]


class Sketch(Record, frozen=True, kw_only=True):
    """An article for the copies index: identity, times and the shape of its text.

    The arrays are little-endian bytes, so that a sketch is the same on every machine.
    """

    version: int = VERSION
    position: Position
    article_id: str
    content_hash: str
    domain: str
    published_at: Micros | None = None
    recorded_at: Micros | None = None
    ingested_at: Micros
    text_hash: int  # 63 bits of all tokens: equal for exact copies; 0 for a text too short to compare
    shingles: int  # distinct shingles of the text
    hashes: bytes = b""  # uint32, ascending: the smallest shingle hashes, at most SAMPLE
    places: bytes = b""  # uint8 beside `hashes`: where in the text, in 256ths
    keys: bytes = b""  # uint32, ascending, distinct: candidate keys
    numbers: bytes = b""  # uint32, ascending: the smallest hashes of distinct numbers, at most NUMBERS

    def encode(self) -> bytes:
        """Stable bytes: MessagePack by field name."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, encoded: bytes) -> Sketch:
        """The sketch of its bytes.

        Raises:
            msgspec.ValidationError: when the bytes are no sketch.
        """
        return msgspec.msgpack.decode(encoded, type=cls)


def sketch(draft: Draft) -> Sketch:
    """Make the sketch of a draft; a pure function of its body (and title, where the body is short)."""
    tokens, width = tokenise(draft.page.body)
    if len(tokens) < SHORT_TOKENS:
        tokens, width = tokenise(f"{draft.page.title or ''}\n{draft.page.body}")
    hashes = _token_hashes(tokens)
    shingled = _shingle_hashes(hashes, width)
    order, first = np.unique(shingled, return_index=True)
    sample = order[:SAMPLE]
    places = first[:SAMPLE] * 256 // max(len(shingled), 1)
    return Sketch(
        position=draft.position,
        article_id=draft.article_id,
        content_hash=draft.content_hash,
        domain=draft.domain,
        published_at=draft.page.published_at,
        recorded_at=draft.recorded_at,
        ingested_at=draft.ingested_at,
        text_hash=int(xxhash.xxh3_64_intdigest(hashes.tobytes()) >> 1 | 1) if len(order) else 0,
        shingles=len(order),
        hashes=(sample >> np.uint64(32)).astype("<u4").tobytes(),
        places=places.astype("u1").tobytes(),
        keys=_keys(order, hashes, len(tokens)).astype("<u4").tobytes(),
        numbers=_number_hashes(draft.page.body).astype("<u4").tobytes(),
    )


def tokenise(text: str) -> tuple[list[str], int]:
    """Tokens of a text and the width of its shingles in tokens.

    Words in scripts with spaces; where a third of the text is in a script without them, characters.

    >>> tokenise("The Cat, the HAT.")
    (['the', 'cat', 'the', 'hat'], 5)
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return _TOKEN.findall(folded)[:MAX_TOKENS], WORD_SHINGLE
    for letter, width in ((_HAN_LETTER, HAN_SHINGLE), (_ABUGIDA_LETTER, ABUGIDA_SHINGLE)):
        head = folded[:4000]
        if 3 * len(letter.findall(head)) > len(head):
            return _CHARACTER.findall(folded)[:MAX_TOKENS], width
    return _TOKEN.findall(folded)[:MAX_TOKENS], WORD_SHINGLE


def _token_hashes(tokens: list[str]) -> NDArray[np.uint64]:
    encoded = "\n".join(tokens).encode("utf-8", "surrogatepass").split(b"\n") if tokens else []
    return np.fromiter(map(xxhash.xxh3_64_intdigest, encoded), dtype=np.uint64, count=len(encoded))


def _shingle_hashes(tokens: NDArray[np.uint64], width: int) -> NDArray[np.uint64]:
    """Hash of each run of `width` tokens, in text order; of a shorter text, none."""
    count = len(tokens) - width + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    mixed = np.zeros(count, dtype=np.uint64)
    for start in range(width):
        mixed = (mixed ^ tokens[start : start + count]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))


def _keys(order: NDArray[np.uint64], tokens: NDArray[np.uint64], count: int) -> Hashes:
    """Candidate keys: the low halves of the smallest hashes, and one of the text's first tokens."""
    rated = int(np.searchsorted(order, np.uint64(2**64 // KEY_RATE)))
    smallest = order[: min(max(rated, KEYS), MAX_KEYS)].astype(np.uint32)
    if count < LEAD_TOKENS:
        return np.unique(smallest)
    lead = xxhash.xxh3_64_intdigest(tokens[:LEAD_TOKENS].tobytes()) & 0xFFFFFFFF
    return np.unique(np.append(smallest, np.uint32(lead)))


def _number_hashes(text: str) -> Hashes:
    found = sorted({xxhash.xxh32_intdigest(number.encode()) for number in _NUMBER.findall(text)})
    return np.array(found[:NUMBERS], dtype=np.uint32)
