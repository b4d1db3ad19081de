"""Records as they came, found again while they are there: in the lake, in files, in the topic."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.config import Config
from newsmill.errors import ConfigError, DataLoss, Transient
from newsmill.lake import raw_files, reader, storage
from newsmill.lake.places import PLACE, RAW, SOURCE, file_place, position_of
from newsmill.lake.rows import GAP
from newsmill.records import FilePlace, OffsetRange, Position, SourceRecord
from newsmill.sources import envelopes, files, kafka
from newsmill.urls import without_login


def among(places: Iterable[Position]) -> pc.Expression:
    """A filter that holds for at least these records; row groups without their offsets are not read."""
    offsets = [place.offset for place in places]
    return pc.field("offset").isin(offsets)


def kept_payloads(lake: str, places: Collection[Position]) -> Iterator[tuple[Position, SourceRecord]]:
    """Quarantined records whose payload the lake has whole."""
    rows = reader.rows(lake, "quarantine").to_table(
        columns=["recorded_at", *PLACE, "payload", "payload_bytes", "key", "headers", *SOURCE],
        filter=among(places),
    )
    rows = rows.set_column(0, "recorded_at", rows["recorded_at"].cast(pa.int64()))
    for row in rows.to_pylist():
        place = position_of(row)
        if place in places and row["payload"] is not None and len(row["payload"]) == row["payload_bytes"]:
            yield (
                place,
                SourceRecord(
                    position=place,
                    value=row["payload"],
                    key=row["key"],
                    headers=tuple((header["name"], header["value"]) for header in row["headers"] or ()),
                    timestamp=row["recorded_at"],
                    source=file_place(row, SOURCE),
                ),
            )


def from_raw_files(lake: str, places: Collection[Position]) -> Iterator[tuple[Position, SourceRecord]]:
    """Records that the lake keeps as they came, but for those of files that were removed meanwhile."""
    store = storage.at(lake)
    for place, pointer in sorted(pointers(lake, places).items()):
        try:
            yield place, raw_files.record_in(raw_files.stored_at(store, pointer))
        except FileNotFoundError:
            continue  # let go while this was read


def without_raw_file(lake: str, wanted: pc.Expression) -> list[Position]:
    """The records of the ledger that a condition holds for, and whose raw file is not there; in order."""
    ledger = reader.rows(lake, "fate")
    files: set[str] = set()
    for batch in ledger.to_batches(columns=["raw_file"], filter=wanted):
        files |= raw_files.named(batch)
    gone = raw_files.missing(storage.at(lake), files)
    if not gone:
        return []
    rows = ledger.to_table(columns=list(PLACE), filter=wanted & pc.field("raw_file").isin(gone))
    return sorted(map(position_of, rows.to_pylist()))


def pointers(lake: str, places: Collection[Position]) -> dict[Position, FilePlace]:
    """Where the lake keeps records as they came."""
    wanted = among(places) & pc.field("raw_file").is_valid()
    rows = reader.rows(lake, "fate").to_table(columns=[*PLACE, *RAW], filter=wanted)
    found = ((position_of(row), file_place(row, RAW)) for row in rows.to_pylist())
    return {place: pointer for place, pointer in found if pointer is not None and place in places}


def from_topic(
    config: Config, places: Sequence[Position], lost: list[Position]
) -> Iterator[tuple[Position, SourceRecord]]:
    """Records that the broker still has; the others are noted as lost.

    Raises:
        ConfigError: No broker is set, and none answers where one of this machine would be.
        Transient: The broker that is set is away for longer than is waited for.
    """
    is_set = "bootstrap" in config.kafka.model_fields_set
    broker = config.kafka if is_set else config.kafka.hasty()
    for part in slices(sorted(places)):
        wanted = [
            Position(topic=part.topic, partition=part.partition, offset=o)
            for o in range(part.start, part.end)
        ]
        if part.topic != config.kafka.topic:
            lost.extend(wanted)
            continue
        try:
            found = {record.position: record for record in kafka.read(broker, part)}
        except DataLoss:
            lost.extend(wanted)
            continue
        except Transient as error:
            if is_set:
                raise
            raise ConfigError(
                f"records are in the topic {part.topic} only, and no broker is set: name it with -c FILE, or "
                f"with --set kafka.bootstrap=…; none answers at {broker.bootstrap}"
            ) from error
        yield from ((place, found[place]) for place in wanted if place in found)
        lost.extend(place for place in wanted if place not in found)


def from_files(lake: str, places: Collection[Position]) -> Iterator[tuple[Position, SourceRecord]]:
    """Records of files that are still where they were read from.

    Each is read from its place; one of a lake of before schema 6, which noted none, is looked for from the
    beginning of its files. What has another address or size than the ledger tells is another page.
    """
    named = [place for place in places if place.topic.startswith(files.TOPIC)]
    if not named:
        return
    told = reader.rows(lake, "fate").to_table(
        columns=[*PLACE, "url", "bytes", *SOURCE], filter=among(named) & (pc.field("fate") != GAP)
    )
    rows = {place: row for row in told.to_pylist() if (place := position_of(row)) in places}
    unplaced = set[Position]()
    for place, row in sorted(rows.items()):
        source = file_place(row, SOURCE)
        if source is None or (record := files.read_at(source, place)) is None:
            unplaced.add(place)
        elif _is_of(row, record):
            yield place, record
    for topic in sorted({place.topic for place in unplaced}):
        path = Path(topic.removeprefix(files.TOPIC))
        if path.exists():
            for record in files.read([path], on_problem=lambda file, problem: None):
                if record.position in unplaced and _is_of(rows[record.position], record):
                    yield record.position, record


def _is_of(row: Mapping[str, Any], record: SourceRecord) -> bool:
    """Whether a record that was found is the one that a row of the ledger tells of."""
    url = envelopes.header_url(record)
    same_url = row["url"] is None or (url is not None and row["url"] == without_login(url))
    return same_url and row["bytes"] in (None, len(record.value or b""))


def as_they_came(
    config: Config, places: Sequence[Position], lost: list[Position]
) -> Iterator[tuple[Position, SourceRecord]]:
    """Records wherever they are: quarantine, raw files, files, the topic; the others are noted as lost.

    Files are read no further than the caller asks for records.
    """
    left = set(places)
    for find in (kept_payloads, from_raw_files, from_files):
        for place, record in find(config.lake.path, frozenset(left)):
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
