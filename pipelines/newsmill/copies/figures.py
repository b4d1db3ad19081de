"""Figures: how two articles compare, and whether that makes one a copy of the other.

Everything here is symmetric and depends on the two sketches alone, so what is found does not depend on the
order in which articles came.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from newsmill.copies.sketches import (
    LEAD_WORDS,
    OPENING,
    SAMPLE,
    SHORT_TOKENS,
    TITLE_TOKENS,
    WORD_SHINGLE,
    WORDS_BITS,
    Mark,
    probes,
)

TEXT: Final[list[tuple[str, str] | tuple[str, str, tuple[int]]]] = [
    ("hashes", "<u4", (SAMPLE,)),  # ascending, padded with PAD
    ("sums", "u1", (SAMPLE,)),
    ("title", "<u2", (TITLE_TOKENS,)),  # padded with 0
    ("lead", "<u2", (LEAD_WORDS,)),
    ("opening", "<u2", (OPENING,)),
    ("marks", "u1", (OPENING,)),
    ("words", "u1", (WORDS_BITS // 8,)),
    ("shingles", "<u4"),
    ("text", "<u8"),
]
"""Fields of the part of a sketch that is compared, as one fixed-width row."""

PAD: Final = 0xFFFFFFFF

MOSTLY: Final = 0.65
"""Two texts with this share of either in the other tell one story, whatever their titles; but not short ones:
a notice to subscribers is no story."""

HALF: Final = 0.5
"""So do two with this share, unless their titles speak of something else: a round-up of two stories has half
of its text from each."""

WEAK: Final = 0.3
"""Less than half of the shorter text is in the longer: enough only where the titles agree, and not for short
texts: a third of a brief is a phrase or two, and the next brief of its kind has the same title."""

TITLE_AGREES: Final = 0.5
TITLE_HINTS: Final = 0.25
LEADS_AGREE: Final = 0.6
"""A title should speak of the other text: this share of its words stands in the other's lead. Where a title
speaks of neither text, as over a feature, the same title over the same lead will do."""

LEAST_SHARED: Final = 5
"""Fewer common hashes are chance, or one phrase."""

LEAST_NUMERIC: Final = 6
NUMERIC_SHARE: Final = 0.1
NUMERIC_SAME: Final = 0.5
"""A form filled anew: at least NUMERIC_SHARE of the common shingles (and LEAST_NUMERIC) have numbers, and
fewer than NUMERIC_SAME of those have the same numbers."""

UNSAID: Final = 0.15
UNSAID_EVENLY: Final = 0.1
UNSAID_MOST: Final = 0.25
"""Each text's opening names this much that the other never says: two stories, whatever else they share (a
form, a footer, lines about a firm). What one text leaves out or adds counts on one side only. Words replaced
here and there make an opening differ as much as the rest does, so the bound is UNSAID_EVENLY above one and a
half times the rest's rate, between UNSAID and UNSAID_MOST. Of real wire stories that are copies the largest
share was 0.06; of one form for two stories 0.17 to 0.52, but for those that differ in a number only."""

UNSAID_BESIDE: Final = 0.1
UNSAID_NUMBERS: Final = 0.5
UNSAID_NUMBERS_SHORT: Final = 0.3
"""The same of the numbers in the openings: enough alone for short texts, with UNSAID_BESIDE for others."""

SHORT_SHINGLES: Final = 60
"""A text with fewer shingles is short: a form with a few blanks can be most of it."""

_CHUNK: Final = 2048


class Kind(IntEnum):
    """What two texts are to each other."""

    NOTHING = 0
    COPY = 1
    EMBEDDED = 2  # the shorter stands in the longer, which is about something else
    FORM = 3  # the same words about two things


class Figures(NamedTuple):
    """One value a pair (a, b), all arrays of the same length."""

    jaccard: NDArray[np.float32]
    of_a: NDArray[np.float32]  # share of a's shingles that are in b
    of_b: NDArray[np.float32]
    opening: NDArray[np.float32]  # of what the two openings speak of, the share that the other says too
    kind: NDArray[np.uint8]  # Kind


def compare(a: NDArray[np.void], b: NDArray[np.void], min_containment: float) -> Figures:
    """Compare rows of a with rows of b (dtype with the fields of TEXT), pair by pair.

    Shares are estimated on the hashes below the point to which both samples are complete, as for two bottom-k
    sketches; they are exact for texts of up to SAMPLE shingles.
    """
    parts = [
        _compare(a[start : start + _CHUNK], b[start : start + _CHUNK], min_containment)
        for start in range(0, len(a), _CHUNK)
    ]
    if not parts:
        nothing = np.empty(0, dtype=np.float32)
        return Figures(nothing, nothing, nothing, nothing, np.empty(0, dtype=np.uint8))
    return Figures(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _compare(a: NDArray[np.void], b: NDArray[np.void], min_containment: float) -> Figures:
    bound = np.minimum(complete_to(a), complete_to(b))[:, None]
    in_a, in_b = a["hashes"] < bound, b["hashes"] < bound
    hit, at = _matches(a["hashes"], b["hashes"], in_a)
    sum_a, sum_b = a["sums"], b["sums"].ravel()[at]
    numeric = hit & ((sum_a | sum_b) != 0)
    same = numeric & (sum_a == sum_b)
    shared, numerics, sames = hit.sum(axis=1), numeric.sum(axis=1), same.sum(axis=1)
    both = shared - numerics + sames
    size_a, size_b = np.maximum(in_a.sum(axis=1), 1), np.maximum(in_b.sum(axis=1), 1)
    exact = (a["text"] == b["text"]) & (a["text"] != 0)
    of_a = np.where(exact, 1.0, both / size_a)
    of_b = np.where(exact, 1.0, both / size_b)
    jaccard = np.where(exact, 1.0, both / np.maximum(size_a + size_b - both, 1))
    form = (numerics >= np.maximum(LEAST_NUMERIC, NUMERIC_SHARE * shared)) & (sames < NUMERIC_SAME * numerics)
    smaller, larger = np.maximum(of_a, of_b), np.minimum(of_a, of_b)
    titles = np.fmin(_told(a["title"], b["lead"]), _told(b["title"], a["lead"]))  # NaN: no titles
    partial = smaller >= min_containment
    related = np.isnan(titles) | (titles >= TITLE_HINTS)
    telling = np.minimum(a["shingles"], b["shingles"]) >= SHORT_TOKENS
    strong = exact | ((larger >= MOSTLY) & telling)
    half = larger >= HALF
    unsure = np.flatnonzero((partial | half) & telling & ~strong & ~related)
    related[unsure] = _same_title(a[unsure], b[unsure]) & (half[unsure] | _same_lead(a[unsure], b[unsure]))
    brief = np.minimum(a["shingles"], b["shingles"]) < SHORT_SHINGLES
    weak = (smaller >= WEAK) & (titles >= TITLE_AGREES) & ~brief
    copy = strong | ((partial | half) & related) | weak
    comparable = exact | (both >= LEAST_SHARED)
    kind = np.where(copy, Kind.COPY, np.where(partial, Kind.EMBEDDED, Kind.NOTHING))
    kind[~comparable] = Kind.NOTHING
    unsaid = np.zeros(len(a))
    asked = np.flatnonzero((kind != Kind.NOTHING) & ~exact)
    unsaid[asked], apart = _apart(a[asked], b[asked], smaller[asked])
    kind[asked[apart]] = Kind.FORM
    kind[form & (shared >= LEAST_SHARED) & ~exact] = Kind.FORM
    return Figures(
        jaccard.astype(np.float32),
        of_a.astype(np.float32),
        of_b.astype(np.float32),
        (1 - unsaid).astype(np.float32),
        kind.astype(np.uint8),
    )


def complete_to(rows: NDArray[np.void]) -> NDArray[np.uint64]:
    """The hash up to which (exclusive) a row's sample has all of its text's hashes."""
    whole = rows["shingles"] <= SAMPLE
    return np.where(whole, np.uint64(PAD), rows["hashes"][:, -1].astype(np.uint64) + np.uint64(1))


def _matches(
    a: NDArray[np.uint32], b: NDArray[np.uint32], wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of a's hashes are in the same row of b, and where in `b.ravel()`."""
    pair = np.arange(len(a), dtype=np.uint64)[:, None] << np.uint64(32)
    flat = (pair | b).ravel()
    sought = pair | a
    at = np.searchsorted(flat, sought.ravel()).reshape(a.shape)
    at = np.minimum(at, len(flat) - 1)
    return wanted & (flat[at] == sought), at


def _told(title: NDArray[np.uint16], lead: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Share of a title's words that the other's lead (or its supported title) has; NaN for fewer than two."""
    words = title != 0
    count = words.sum(axis=1)
    told = ((title[:, :, None] == lead[:, None, :]).any(axis=2) & words).sum(axis=1)
    return np.where(count >= 2, told / np.maximum(count, 1), np.nan)


def _apart(
    a: NDArray[np.void], b: NDArray[np.void], contained: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How much the openings of both disagree, and whether that makes two stories of them.

    `contained` is the share of the shorter text that is in the longer. A shingle is whole with the chance
    that none of its words was replaced: so it tells the rate of replaced words.
    """
    (of_a, numbers_a), (of_b, numbers_b) = _unsaid(a, b), _unsaid(b, a)
    unsaid, numbers = np.minimum(of_a, of_b), np.minimum(numbers_a, numbers_b)
    short = np.minimum(a["shingles"], b["shingles"]) < SHORT_SHINGLES
    many = numbers >= np.where(short, UNSAID_NUMBERS_SHORT, UNSAID_NUMBERS)
    evenly = UNSAID_EVENLY + 1.5 * (1 - contained ** (1 / WORD_SHINGLE))
    bound = np.where(short, UNSAID, np.clip(evenly, UNSAID, UNSAID_MOST))
    apart: NDArray[np.bool_] = (unsaid >= bound) | (many & (short | (unsaid >= UNSAID_BESIDE)))
    return unsaid, apart


def _unsaid(a: NDArray[np.void], b: NDArray[np.void]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of what a's opening speaks of, the share that b never says: of all by weight, and of the numbers."""
    words, marks = a["opening"], a["marks"]
    said = words != 0
    unsaid = np.zeros(words.shape, dtype=np.bool_)
    for probe in probes(words):
        byte = np.take_along_axis(b["words"], (probe >> 3).astype(np.int64), axis=1)
        unsaid |= (byte >> (probe & 7).astype(np.uint8)) & 1 == 0
    unsaid &= said
    early, named = marks & Mark.EARLY != 0, marks & (Mark.NAME | Mark.NUMBER) != 0
    weight = said * np.where(early, 2, 1) * np.where(named, 2, 1)
    number = said & (marks & Mark.NUMBER != 0)
    share = (weight * unsaid).sum(axis=1) / np.maximum(weight.sum(axis=1), 1)
    return share, (number & unsaid).sum(axis=1) / np.maximum(number.sum(axis=1), 1)


def _same_title(a: NDArray[np.void], b: NDArray[np.void]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (
        np.fmin(_told(a["title"], b["title"]), _told(b["title"], a["title"])) >= TITLE_AGREES
    )
    return same


def _same_lead(a: NDArray[np.void], b: NDArray[np.void]) -> NDArray[np.bool_]:
    words_a, words_b = a["lead"] != 0, b["lead"] != 0
    both = ((a["lead"][:, :, None] == b["lead"][:, None, :]).any(axis=2) & words_a).sum(axis=1)
    union = words_a.sum(axis=1) + words_b.sum(axis=1) - both
    same: NDArray[np.bool_] = both >= LEADS_AGREE * np.maximum(union, 1)
    return same
