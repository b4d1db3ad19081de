"""Spans: what a recogniser finds in a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import pairwise

from newsmill.records import Record

COARSE = ("PER", "ORG", "LOC", "MISC")


class Span(Record, frozen=True, kw_only=True, order=True):
    """A stretch `text[start:end]` that names something of a coarse type (one of `COARSE`).

    One that is `sure` holds whatever else is known of the name.
    """

    start: int
    end: int
    coarse: str
    sure: bool = False


def occurrences(text: str, word: str) -> Iterator[int]:
    """Where a word stands in a text, be it in a longer one; a pattern for it costs more to make than to run.

    >>> [*occurrences("An and in sand", "an")]
    [3, 11]
    """
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def apart(spans: Iterable[Span]) -> list[Span]:
    """Spans by start without overlap: of those that meet the sure one stays, then the longer, the first.

    >>> [s.end for s in apart([Span(start=0, end=9, coarse="PER"), Span(start=0, end=4, coarse="LOC")])]
    [9]
    """
    ordered = sorted(spans, key=lambda s: (s.start, s.end))
    if all(before.end <= after.start for before, after in pairwise(ordered)):
        return ordered
    kept: list[Span] = []
    for span in sorted(ordered, key=lambda s: (not s.sure, s.start - s.end, s.start, s.coarse)):
        at = bisect_left(kept, span.start, key=lambda s: s.start)
        follows = at == 0 or kept[at - 1].end <= span.start
        if span.start < span.end and follows and (at == len(kept) or span.end <= kept[at].start):
            kept.insert(at, span)
    return kept
