"""What was found in a text that is read otherwise than it was given, told of the text that was given."""

from __future__ import annotations

from msgspec.structs import replace

from newsmill.page.rewritten import Rewritten
from newsmill.records import Enrichment, Mention


def as_given(found: Enrichment, rewritten: Rewritten) -> Enrichment:
    """The same with offsets and mentions of the text that was given."""

    def given(mentions: tuple[Mention, ...]) -> tuple[Mention, ...]:
        spans = (rewritten.span(m.start, m.end) for m in mentions)
        return tuple(Mention(start=s, end=e, text=rewritten.given[s:e]) for s, e in spans)

    return replace(
        found,
        entities=tuple(replace(e, mentions=given(e.mentions)) for e in found.entities),
        places=tuple(replace(p, mentions=given(p.mentions)) for p in found.places),
    )
