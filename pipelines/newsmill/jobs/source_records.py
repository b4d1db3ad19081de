"""Records as they came, found again while they are there: in quarantine, in files, in the topic."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.config import Config
from newsmill.errors import DataLoss
from newsmill.lake import reader
from newsmill.records import OffsetRange, Position, SourceRecord
from newsmill.sources import files, kafka


def place_of(row: Mapping[str, Any]) -> Position:
    """Where the record of a row stands."""
    return Position(topic=row["topic"], partition=row["partition"], offset=row["offset"])


def among(places: Iterable[Position]) -> pc.Expression:
    """A filter that holds for at least these records."""
    offsets = [place.offset for place in places]
    return pc.field("offset").isin(offsets)


def kept_payloads(lake: str, places: Collection[Position]) -> Iterator[tuple[Position, SourceRecord]]:
    """Quarantined records whose payload the lake has whole."""
    rows = reader.rows(lake, "quarantine").to_table(
        columns=["topic", "partition", "offset", "payload", "payload_bytes", "key", "headers", "recorded_at"],
        filter=among(places),
    )
    rows = rows.set_column(7, "recorded_at", rows["recorded_at"].cast(pa.int64()))
    for row in rows.to_pylist():
        place = place_of(row)
        if place in places and row["payload"] is not None and len(row["payload"]) == row["payload_bytes"]:
            yield (
                place,
                SourceRecord(
                    position=place,
                    value=row["payload"],
                    key=row["key"],
                    headers=tuple((header["name"], header["value"]) for header in row["headers"] or ()),
                    timestamp=row["recorded_at"],
                ),
            )


def from_topic(
    config: Config, places: Sequence[Position], lost: list[Position]
) -> Iterator[tuple[Position, SourceRecord]]:
    """Records that the broker still has; the others are noted as lost."""
    for part in slices(sorted(places)):
        wanted = [
            Position(topic=part.topic, partition=part.partition, offset=o)
            for o in range(part.start, part.end)
        ]
        if part.topic != config.kafka.topic:
            lost.extend(wanted)
            continue
        try:
            found = {record.position: record for record in kafka.read(config.kafka, part)}
        except DataLoss:
            lost.extend(wanted)
            continue
        yield from ((place, found[place]) for place in wanted if place in found)
        lost.extend(place for place in wanted if place not in found)


def from_files(places: Collection[Position]) -> Iterator[tuple[Position, SourceRecord]]:
    """Records of files that are still where they were read from."""
    for topic in sorted({place.topic for place in places if place.topic.startswith(files.TOPIC)}):
        path = Path(topic.removeprefix(files.TOPIC))
        if path.exists():
            yield from ((r.position, r) for r in files.read([path]) if r.position in places)


def as_they_came(
    config: Config, places: Sequence[Position], lost: list[Position]
) -> Iterator[tuple[Position, SourceRecord]]:
    """Records wherever they are: in quarantine, in files, in the topic; the others are noted as lost.

    Files are read no further than the caller asks for records.
    """
    left = set(places)
    for find in (partial(kept_payloads, config.lake.path), from_files):
        for place, record in find(left):
            left.discard(place)
            yield place, record
    yield from from_topic(config, list(left), lost)


def slices(places: Sequence[Position]) -> Iterator[OffsetRange]:
    """Ranges of offsets without a hole, from ordered positions."""
    start = 0
    for end in range(1, len(places) + 1):
        first, last = places[start], places[end - 1]
        follows = end < len(places) and places[end] == msgspec.structs.replace(last, offset=last.offset + 1)
        if not follows:
            yield OffsetRange(
                topic=first.topic,
                partition=first.partition,
                start=first.offset,
                end=last.offset + 1,
                records=end - start,
                bytes=0,
            )
            start = end
