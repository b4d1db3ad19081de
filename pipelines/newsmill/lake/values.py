"""Values of columns that are more than a field of a record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from newsmill import strings
from newsmill.records import (
    Article,
    ClusterEvent,
    Enrichment,
    Entity,
    Extraction,
    Failure,
    FilePlace,
    Mention,
    Micros,
    Place,
    SourceRecord,
)

MAX_PAYLOAD_BYTES = 64_000_000
"""A larger payload is quarantined as its head, its size and its hash: the broker still has the rest."""


class NumberedEvent(NamedTuple):
    """A cluster event and its number among those of its batch."""

    seq: int
    event: ClusterEvent


class Quarantined(NamedTuple):
    """A rejected record and the time of the batch that quarantines it."""

    failure: Failure
    ingested_at: Micros

    @property
    def record(self) -> SourceRecord:
        """The record."""
        return self.failure.record


class Takedown(NamedTuple):
    """What is taken down, and why."""

    kind: str  # url | domain
    value: str
    reason: str
    ingested_at: Micros


def plain(record: msgspec.Struct | None) -> dict[str, Any] | None:
    """A record as a dict, the records inside it left as they are."""
    return None if record is None else msgspec.structs.asdict(record)


def extraction(found: Extraction, enrichment: Enrichment) -> dict[str, Any]:
    """How a body was got; the marks are those of enrichment too."""
    return {
        **msgspec.structs.asdict(found),
        "marks": [*found.marks, *enrichment.marks],
        "removed": [msgspec.structs.asdict(removal) for removal in found.removed],
        "candidates": msgspec.json.encode(found.candidates, order="sorted").decode(),
    }


def origin(article: Article) -> dict[str, Any] | None:
    """Who published first; without places in a text that no row has."""
    found = plain(article.origin)
    return found if found is None or _is_placed(article) else found | {"start": None, "end": None}


def _entities(enrichment: Enrichment, placed: bool) -> list[dict[str, Any]]:
    return [_entity(entity, placed) for entity in enrichment.entities]


def _entity(entity: Entity, placed: bool) -> dict[str, Any]:
    return msgspec.structs.asdict(entity) | {
        "mention_count": len(entity.mentions),
        "mentions": _mentions(entity.mentions) if placed else [],
    }


def _places(enrichment: Enrichment, placed: bool) -> list[dict[str, Any]]:
    return [_place(place, placed) for place in enrichment.places]


def _place(place: Place, placed: bool) -> dict[str, Any]:
    return msgspec.structs.asdict(place) | {"mentions": _mentions(place.mentions) if placed else []}


def _mentions(mentions: Sequence[Mention]) -> list[dict[str, Any]]:
    return [msgspec.structs.asdict(mention) for mention in mentions]


ENRICHED: Final[dict[str, Callable[[Enrichment, bool], Any]]] = {
    "entities": _entities,
    "places": _places,
    "countries": lambda enrichment, placed: list(enrichment.countries),
    "topics": lambda enrichment, placed: list(enrichment.topics),
    "extras": lambda enrichment, placed: sorted(enrichment.extras.items()),
}
"""How the columns that enrichers fill are made; without places in the text where no row has it."""


def enriched(column: str) -> Callable[[Article], Any]:
    """Makes the value of a column that enrichers fill."""
    make = ENRICHED[column]
    return lambda article: make(article.enrichment, _is_placed(article))


def enrichment_columns(enrichment: Enrichment) -> dict[str, Any]:
    """The columns of `articles` that enrichers fill, for a row that has its text."""
    return {column: make(enrichment, True) for column, make in ENRICHED.items()}


def _is_placed(article: Article) -> bool:
    """Whether offsets point into a text that is in the lake."""
    return article.body_hash is not None


def other(url: str | None, known: str) -> str | None:
    """A URL, where it is not one that is known already."""
    return None if url == known else url


def part_of(of: Callable[[Any], FilePlace | None], part: str) -> Callable[[Any], Any]:
    """A part of a record's place in files, as the value of a column; None for a record of a topic."""

    def value(row: Any) -> Any:
        place = of(row)
        return None if place is None else getattr(place, part)

    return value


def head(record: SourceRecord) -> bytes | None:
    """As much of a record's value as is quarantined."""
    return None if record.value is None else record.value[:MAX_PAYLOAD_BYTES]


def size(record: SourceRecord) -> int | None:
    """Bytes of a record's value."""
    return None if record.value is None else len(record.value)


def sha256(record: SourceRecord) -> str | None:
    """Hash of a record's whole value."""
    return None if record.value is None else hashlib.sha256(record.value).hexdigest()


def headers(record: SourceRecord) -> list[dict[str, Any]]:
    """A record's headers, names made printable."""
    return [{"name": strings.shown(name), "value": content} for name, content in record.headers]


def line(text: str | None) -> str | None:
    """A stranger's text as one line."""
    return None if text is None else strings.line(text)


def prose(text: str) -> str:
    """A stranger's text with lone surrogates made visible, and without other characters of no text."""
    return strings.prose(text.encode("utf-8", "backslashreplace").decode())
