"""What follows from one page alone, as an extraction process says it.

What it says is held for a stranger's: identity is never taken from it, and what is malformed is not taken.
"""

from __future__ import annotations

from typing import Final

import msgspec

from newsmill.copies.sketches import Sketch, is_whole
from newsmill.page.identity import CONTENT_HASH
from newsmill.records import Enrichment, Entity, Origin, Place, Record


class Derived(Record, frozen=True, kw_only=True):
    """What follows from a page; of its sketch, what follows from title and body."""

    content_hash: str
    sketch: Sketch
    origin: Origin | None
    enrichment: bytes | None = None  # an Enrichment in MessagePack; None where it is not found there


def is_sound(derived: Derived, body: str) -> bool:
    """Whether it has the form that ours has: its content's hash, arrays, and offsets within the body."""
    origin = derived.origin
    return (
        CONTENT_HASH.fullmatch(derived.content_hash) is not None
        and is_whole(derived.sketch)
        and (origin is None or origin.start is None or _is_within(origin.start, origin.end, body))
    )


_ENRICHMENT: Final = msgspec.msgpack.Decoder(Enrichment)


def enrichment_of(encoded: bytes, body: str) -> Enrichment | None:
    """The enrichment of an extraction process; None where it is none, or none of this body."""
    try:
        found = _ENRICHMENT.decode(encoded)
    except (ValueError, RecursionError):
        return None
    named: tuple[Entity | Place, ...] = (*found.entities, *found.places)
    return found if all(_is_within(m.start, m.end, body) for each in named for m in each.mentions) else None


def _is_within(start: int, end: int | None, body: str) -> bool:
    return end is not None and 0 <= start <= end <= len(body)
