"""Spans: what a recogniser finds in a text."""

from __future__ import annotations

from newsmill.records import Record

COARSE = ("PER", "ORG", "LOC", "MISC")


class Span(Record, frozen=True, kw_only=True, order=True):
    """A stretch `text[start:end]` that names something of a coarse type (one of `COARSE`)."""

    start: int
    end: int
    coarse: str
