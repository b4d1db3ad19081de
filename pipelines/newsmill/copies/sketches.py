"""Sketches: what the index needs of an article, in about a kilobyte and without its text.

A text becomes tokens (words; single characters in scripts that put no spaces between words), tokens become
shingles, and of the shingles' hashes two things are kept: the smallest ones, to compare two articles, and a
few keys, to find what to compare with. Numbers are masked in the hashes and kept beside them as a checksum:
a report of the same form with other figures shares the hashes and not the checksums.
"""

from __future__ import annotations

import re
from enum import IntFlag
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.ma  # np.unique asks for it, and numpy's own import on demand fails in threads
import regex
import xxhash
from numpy.typing import NDArray

from newsmill import strings
from newsmill.page.identity import body_hash
from newsmill.records import Draft, Micros, Page, Position, Record

VERSION: Final = 1
"""Version of the sketch. Any change of tokens, hashes or selection raises it: versions don't compare."""

SAMPLE: Final = 160
"""Most shingle hashes kept: a share measured on 160 has a standard error under 0.04."""

KEY_RATE: Final = 24
"""One shingle in so many is a key, so that a long text can be found by any part that was copied."""

KEYS: Final = 8
"""Least number of a text's smallest shingle hashes that are keys (a bottom-k sketch: at Jaccard 0.5 two
texts share none of 8 with chance 0.4 %)."""

MAX_KEYS: Final = 40
"""Most keys of a text: bounds what a long page can cost."""

TITLE_TOKENS: Final = 12
LEAD_TOKENS: Final = 60
EARLY_TOKENS: Final = 24
"""About the first sentence: what it names is what the story is about."""

OPENING: Final = 48
"""Most distinct words kept of an opening: the title's that the body has, and of the first LEAD_TOKENS."""

WORDS_BITS: Final = 2048
WORDS_TOKENS: Final = 800
"""The set of a text's words is a Bloom filter of so many bits, two a word, over so many tokens. A word that
is not there is taken for there with a chance of 3 % at 200 distinct words, of 12 % at 450."""

LEAD_WORDS: Final = 48
"""Most distinct telling words kept of the title and of the first LEAD_TOKENS tokens."""

SHORT_TOKENS: Final = 40
"""A body shorter than this says too little: its title counts as its first line."""

MIN_TOKENS: Final = 12
"""A text shorter than this with its title is compared with nothing."""

MAX_TOKENS: Final = 50_000

MOST_CHARACTERS: Final = 1_000_000
"""Characters of a text that are read: twenty for each of the most tokens."""

WORD_SHINGLE: Final = 5
HAN_SHINGLE: Final = 8
ABUGIDA_SHINGLE: Final = 14

_DAY: Final = 86_400_000_000
_EUROPEAN = re.compile("[\x00-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u203a\u20ac]*")
"""Texts of these letters and signs, none of them a combining mark."""
_IN_EUROPEAN_WORDS: Final = np.array(
    [ord(sign) if re.match(r"[^\W_]", sign) else ord(" ") for sign in map(chr, range(0x2100))], dtype="<u4"
)
"""For each character of such a text itself, or a blank where it is in no word."""
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_CHARACTER = regex.compile(r"\p{Nd}+|[\p{L}\p{N}]\p{M}*")
_HAN = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_ABUGIDA = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]")
_LOOKALIKES = bytes.maketrans(b"1i|05ch", b"llloseb")
_BEYOND_CYRILLIC: Final = "\u0530"
_MASK: Final = np.uint64(0xA24BAED4963EE407)
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xBF58476D1CE4E5B9)

Hashes = NDArray[np.uint64]


class Mark(IntFlag):
    """What a word of the opening is."""

    EARLY = 1  # in the title, or among the first EARLY_TOKENS
    NAME = 2  # written with a capital
    NUMBER = 4


class Sketch(Record, frozen=True, kw_only=True):
    """An article for the copies index: identity, times and the shape of its text.

    Arrays are little-endian bytes, so that a sketch is the same on every machine. `sums` has one byte for
    each of `hashes`: 0 where the shingle has no number, else a checksum of its numbers.
    """

    version: int = VERSION
    position: Position
    article_id: str  # 32 hex digits
    content_hash: str  # 32 hex digits
    domain: str
    claimed_at: Micros | None = None  # publication, see `claimed_time`
    recorded_at: Micros | None = None
    ingested_at: Micros
    text_hash: int  # of all tokens of the body: equal for exact copies; 0 for a text too short to compare
    shingles: int  # distinct shingles of the text
    hashes: bytes = b""  # uint32, ascending: the smallest shingle hashes, at most SAMPLE
    sums: bytes = b""  # uint8
    keys: bytes = b""  # uint32, ascending, distinct
    title: bytes = b""  # uint16, distinct: hashes of the title's telling words, at most TITLE_TOKENS
    lead: bytes = b""  # uint16, distinct: of the lead's, and of the title's that are in the body
    # Sketches of earlier versions have none of the next three: such an opening disagrees with no other.
    opening: bytes = b""  # uint16, distinct: words, names and numbers of the opening, at most OPENING
    marks: bytes = b""  # uint8 beside each of `opening`: Mark
    words: bytes = b""  # WORDS_BITS bits: the set of the text's words, see `probes`
    body_hash: bytes = (
        b""  # of the body that its row has (16 bytes); empty where it has none, or reserves rights
    )

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

    def comparable(self) -> Sketch:
        """This sketch; without its text, where another version made it.

        Redeliveries and revisions are still known by such a sketch, copies aren't.
        """
        if self.version == VERSION:
            return self
        return msgspec.structs.replace(
            self,
            text_hash=0,
            shingles=0,
            hashes=b"",
            sums=b"",
            keys=b"",
            title=b"",
            lead=b"",
            opening=b"",
            marks=b"",
            words=b"",
        )


def sketch(draft: Draft) -> Sketch:
    """Make the sketch of a draft: a pure function of its title, body, identity and times."""
    body = _Tokens.of(draft.page.body)
    title = _Tokens.of(draft.page.title or "")
    text = body if len(body.hashes) >= SHORT_TOKENS else title.before(body)
    masked, sums, plain = _shingles(text)
    order, first = np.unique(masked, return_index=True)
    short = len(text.hashes) < MIN_TOKENS or len(order) == 0
    sample = slice(0, 0 if short else SAMPLE)
    named, said = title.telling(), body.telling()
    supported = _shared(named, said)
    lead = body.head(LEAD_TOKENS if body.width == WORD_SHINGLE else 2 * LEAD_TOKENS).telling()
    opening, marks = _opening(title, body, _capitals(draft.page.body))
    return Sketch(
        **_place(draft),
        text_hash=0 if short else xxhash.xxh3_64_intdigest(text.hashes.tobytes()) >> 1 | 1,
        shingles=len(order),
        hashes=(order[sample] >> np.uint64(32)).astype("<u4").tobytes(),
        sums=sums[first[sample]].astype("u1").tobytes(),
        keys=b"" if short else _keys(plain).astype("<u4").tobytes(),
        title=_each_once(named)[:TITLE_TOKENS].astype("<u2").tobytes(),
        lead=_each_once(np.concatenate([supported[:TITLE_TOKENS], lead]))[:LEAD_WORDS]
        .astype("<u2")
        .tobytes(),
        opening=opening.astype("<u2").tobytes(),
        marks=marks.tobytes(),
        words=_words(title, body).tobytes(),
    )


def placed(shape: Sketch, draft: Draft) -> Sketch:
    """A sketch of the same title and body as that of a draft, with everything else of it.

    `placed(sketch(one), other) == sketch(other)` where both have one title and body.
    """
    return msgspec.structs.replace(shape, version=VERSION, **_place(draft))


def _place(draft: Draft) -> dict[str, Any]:
    """The fields of a sketch that don't follow from title and body alone."""
    rights_reserved = draft.page.rights.reserved
    return {
        "position": draft.position,
        "article_id": draft.article_id,
        "content_hash": draft.content_hash,
        "domain": draft.domain,
        "claimed_at": claimed_time(draft.page, draft.recorded_at),
        "recorded_at": draft.recorded_at,
        "ingested_at": draft.ingested_at,
        "body_hash": b"" if rights_reserved else bytes.fromhex(body_hash(draft.page.body)),
    }


def is_whole(shape: Sketch) -> bool:
    """Whether the arrays of a sketch that somebody else gives have the lengths that `sketch` gives them."""
    sample, keys, opening = len(shape.hashes) // 4, len(shape.keys) // 4, len(shape.opening) // 2
    return (
        len(shape.hashes) == 4 * sample
        and len(shape.sums) == sample <= SAMPLE
        and len(shape.keys) == 4 * keys <= 4 * MAX_KEYS
        and len(shape.title) in range(0, 2 * TITLE_TOKENS + 1, 2)
        and len(shape.lead) in range(0, 2 * LEAD_WORDS + 1, 2)
        and len(shape.opening) == 2 * opening <= 2 * OPENING
        and len(shape.marks) == opening
        and len(shape.words) == WORDS_BITS // 8
        and 0 <= shape.text_hash < 1 << 63
        and 0 <= shape.shingles <= 2 * MAX_TOKENS
    )


def claimed_time(page: Page, recorded_at: Micros | None) -> Micros | None:
    """When an article says it was published, made fit for comparing.

    A bare date counts as the end of its day, or it would beat all that tell the minute. Nothing is
    published after it was recorded. None where neither is known.
    """
    claimed = page.published_at
    if claimed is None:
        return recorded_at
    if page.published_precision == "day":
        claimed = claimed - claimed % _DAY + _DAY - 1
    return claimed if recorded_at is None else min(claimed, recorded_at)


def tokenise(text: str) -> tuple[list[str], int]:
    """Tokens of a text and the width of its shingles in tokens.

    Words in scripts with spaces; where a third of the text is in a script without, characters.

    >>> tokenise("The Cat, the HAT.")
    (['the', 'cat', 'the', 'hat'], 5)
    """
    folded = strings.nfkc(text[:MOST_CHARACTERS]).casefold()
    if _EUROPEAN.fullmatch(folded):
        return _european_words(folded)[:MAX_TOKENS], WORD_SHINGLE
    head = folded[:4000]
    for letter, width in ((_HAN, HAN_SHINGLE), (_ABUGIDA, ABUGIDA_SHINGLE)):
        if 3 * len(letter.findall(head)) > len(head):
            return _CHARACTER.findall(folded)[:MAX_TOKENS], width
    return _WORD.findall(folded)[:MAX_TOKENS], WORD_SHINGLE


def _european_words(text: str) -> list[str]:
    """As `_WORD` finds in a text that is `_EUROPEAN`, for a quarter of the cost."""
    signs = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    written: bytes = _IN_EUROPEAN_WORDS[signs].tobytes()
    return written.decode("utf-32-le").split()


class _Tokens(NamedTuple):
    """A text as hashes of its tokens, blind to what text recognition confuses.

    The look-alikes 1, i and l; 0 and o; 5 and s; c and e; h and b; rn and m are one.
    """

    hashes: Hashes
    numeric: NDArray[np.bool_]
    lengths: NDArray[np.int64]
    width: int
    least: int  # letters of a telling word

    @classmethod
    def of(cls, text: str) -> _Tokens:
        tokens, width = tokenise(text)
        seen = "\n".join(tokens).encode("utf-8", "surrogatepass").translate(_LOOKALIKES)
        encoded = seen.replace(b"rn", b"m").split(b"\n") if tokens else []
        count = len(tokens)
        return cls(
            hashes=np.fromiter(map(xxhash.xxh3_64_intdigest, encoded), dtype=np.uint64, count=count),
            numeric=np.fromiter(map(str.isdecimal, tokens), dtype=np.bool_, count=count),
            lengths=np.fromiter(map(len, tokens), dtype=np.int64, count=count),
            width=width,
            least=2 if 2 * sum(token > _BEYOND_CYRILLIC for token in tokens[:40]) > len(tokens[:40]) else 4,
        )

    def before(self, other: _Tokens) -> _Tokens:
        """This text and then the other, in the other's script."""
        return _Tokens(
            np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.numeric, other.numeric]),
            np.concatenate([self.lengths, other.lengths]),
            other.width if len(other.hashes) else self.width,
            other.least,
        )

    def head(self, count: int) -> _Tokens:
        """The first tokens."""
        return _Tokens(
            self.hashes[:count], self.numeric[:count], self.lengths[:count], self.width, self.least
        )

    def telling(self) -> NDArray[np.uint16]:
        """Short hashes of the words that tell something, in text order.

        Words of four letters and more (of two in scripts that write short words); pairs of characters in
        scripts without spaces.
        """
        units = self.units()
        return units[self.lengths >= self.least] if self.width == WORD_SHINGLE else units

    def units(self) -> NDArray[np.uint16]:
        """Short hashes, never 0, of all words, or of all pairs of characters in scripts without spaces."""
        spaced = self.width == WORD_SHINGLE
        units = self.hashes if spaced else self.hashes[:-1] * _ODD + self.hashes[1:]
        return np.maximum((units >> np.uint64(48)).astype(np.uint16), 1)


def probes(words: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """The two bits of each word in `Sketch.words`."""
    mixed = words * np.uint16(40503)
    return words % np.uint16(WORDS_BITS), mixed >> np.uint16(16 - WORDS_BITS.bit_length() + 1)


def _opening(
    title: _Tokens, body: _Tokens, capital: NDArray[np.bool_]
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """What an opening speaks of, each word once in the order title, text; and its marks.

    Words that tell something, and names and numbers of any length. Words of the title only where the body
    has them too: others are wit, or a site's name.
    """
    spaced = body.width == WORD_SHINGLE
    head = body.head(LEAD_TOKENS)
    words, numeric, named = head.units(), head.numeric, capital[: len(head.hashes)]
    if not spaced:
        numeric, named = numeric[:-1] | numeric[1:], named[:-1]
    telling = numeric | named | (head.lengths >= body.least if spaced else np.True_)
    marks = Mark.EARLY * (np.arange(len(words)) < EARLY_TOKENS) + Mark.NAME * named + Mark.NUMBER * numeric
    supported = _shared(title.telling(), body.units())[:TITLE_TOKENS]
    first = np.full(len(supported), Mark.EARLY)
    found: dict[int, int] = {}
    for word, mark in zip(
        np.concatenate([supported, words[telling]]).tolist(),
        np.concatenate([first, marks[telling]]).tolist(),
        strict=True,
    ):
        found[word] = found.get(word, 0) | mark
    kept = list(found.items())[:OPENING]
    return (
        np.array([word for word, _ in kept], dtype=np.uint16),
        np.array([mark for _, mark in kept], dtype=np.uint8),
    )


def _words(title: _Tokens, body: _Tokens) -> NDArray[np.uint8]:
    """The set of a text's words as a Bloom filter."""
    words = np.concatenate([title.units(), body.head(WORDS_TOKENS).units()])
    bits = np.zeros(WORDS_BITS, dtype=np.uint8)
    for probe in probes(words):
        bits[probe] = 1
    return np.packbits(bits, bitorder="little")


def _capitals(text: str) -> NDArray[np.bool_]:
    """Which of the first tokens begin with a capital."""
    head = strings.nfkc(text[: 20 * LEAD_TOKENS])
    words = _european_words(head) if _EUROPEAN.fullmatch(head) else _WORD.findall(head)
    seen = words[:LEAD_TOKENS]
    capital = np.zeros(LEAD_TOKENS, dtype=np.bool_)
    capital[: len(seen)] = [word[0].isupper() for word in seen]
    return capital


def _shingles(text: _Tokens) -> tuple[Hashes, NDArray[np.uint8], Hashes]:
    """Of each run of `width` tokens, in text order: masked hash, checksum of its numbers, full hash.

    None for a text shorter than a run.
    """
    count = max(len(text.hashes) - text.width + 1, 0)
    masked = np.zeros(count, dtype=np.uint64)
    numbers = np.zeros(count, dtype=np.uint64)
    words = np.where(text.numeric, _MASK, text.hashes)
    figures = np.where(text.numeric, text.hashes, np.uint64(0))
    for start in range(text.width if count else 0):
        masked = (masked ^ words[start : start + count]) * _ODD
        masked ^= masked >> np.uint64(29)
        numbers = numbers * _ODD + figures[start : start + count]
    masked = (masked ^ (masked >> np.uint64(32))) * _MIX
    masked ^= masked >> np.uint64(31)
    sums = np.where(numbers == 0, np.uint64(0), numbers % np.uint64(255) + np.uint64(1))
    plain = (masked ^ numbers) * _MIX
    return masked, sums.astype(np.uint8), plain ^ (plain >> np.uint64(31))


def _keys(shingles: Hashes) -> NDArray[np.uint32]:
    """Low halves of the smallest hashes: at least KEYS, more for a long text, at most MAX_KEYS."""
    order = np.unique(np.sort(shingles)[: 4 * MAX_KEYS])
    rated = int(np.searchsorted(order, np.uint64(2**64 // KEY_RATE)))
    return np.unique(order[: min(max(rated, KEYS), MAX_KEYS)].astype(np.uint32))


def _shared(some: NDArray[np.uint16], others: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Those of some that are among others."""
    known = np.zeros(1 << 16, dtype=np.bool_)
    known[others] = True
    return some[known[some]]


def _each_once(hashes: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.fromiter(dict.fromkeys(hashes.tolist()), dtype=np.uint16)
