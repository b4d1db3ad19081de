"""Where the records of micro-batches come from: the topic, or files in its place."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from kafka.errors import KafkaError

from newsmill.config import BatchConfig, Config
from newsmill.errors import Transient
from newsmill.lake.ledger import Batch
from newsmill.records import OffsetRange, Position, SourceRecord
from newsmill.runtime import registry
from newsmill.sources import dead_letters, files as page_files, kafka, transactions
from newsmill.sources.kafka import Plan, TopicIds
from newsmill.sources.transactions import Backlog

if TYPE_CHECKING:
    import apache_beam as beam

_log = logging.getLogger(__name__)

Committed = Mapping[tuple[str, int], int]


HELD_EVERY_S: Final = 15.0
"""How often the broker is asked what stands behind open transactions."""


class Source(Protocol):
    """Where the records of batches come from."""

    def lag(self, committed: Committed, *, waits: bool = True) -> dict[tuple[str, int], int]:
        """About how many records wait behind the committed offsets, by (topic, partition); cheap.

        Raises Transient where the source is away and is not to be waited for.
        """

    def held_back(self, committed: Committed) -> Sequence[Backlog]:
        """Partitions with what stands behind open transactions; empty where it was asked a moment ago."""

    def plan(self, committed: Committed, topic_ids: TopicIds, *, records: int | None = None) -> Plan:
        """The next batch, within its bounds, and no more than `records`.

        `topic_ids` are of the topics that were committed.
        """

    def check_present(self, batch: Batch) -> None:
        """Raises DataLoss where the records of a batch that was begun earlier are gone."""

    def read(self, pipeline: beam.Pipeline, batch: Batch) -> Any:
        """The batch's records, as a PCollection of RecordChunk."""

    def records(self, batch: Batch) -> Iterator[SourceRecord]:
        """The batch's records, read here; for one of a few records."""

    def quarantined(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Records of the batch that is about to be committed were quarantined (`dead_letters.COLUMNS`).

        They are read from its files as they are asked for.
        """

    def done(self, committed: Committed) -> None:
        """The lake has these offsets."""


class KafkaSource:
    """The topic of the configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._asked_s = -math.inf

    def lag(self, committed: Committed, *, waits: bool = True) -> dict[tuple[str, int], int]:
        """Offsets behind the committed ones."""
        config = self._config.kafka
        return kafka.lag(config if waits else config.hasty(), committed)

    def held_back(self, committed: Committed) -> Sequence[Backlog]:
        """Asked at most every `HELD_EVERY_S`; a broker that is away is passed over."""
        if time.monotonic() - self._asked_s < HELD_EVERY_S:
            return ()
        self._asked_s = time.monotonic()
        with suppress(Transient, KafkaError):
            return transactions.backlog(self._config.kafka.hasty(), committed)
        return ()

    def plan(self, committed: Committed, topic_ids: TopicIds, *, records: int | None = None) -> Plan:
        """The next batch, counted exactly."""
        config = self._config
        return kafka.plan(
            config.kafka, committed, _bounded(config.batch, records), config.on_data_loss, topic_ids
        )

    def check_present(self, batch: Batch) -> None:
        """Ask the broker for its first offsets."""
        kafka.check_present(self._config.kafka, batch.slices)

    def read(self, pipeline: beam.Pipeline, batch: Batch) -> Any:
        """The batch's slices, read by the workers."""
        import apache_beam as beam

        from newsmill.flow.bounded.read_topic import ReadRecords

        return (
            pipeline
            | "Slices" >> beam.Create(batch.slices)
            | "SpreadSlices" >> beam.Reshuffle()
            | "ReadRecords" >> ReadRecords(config=self._config.kafka, ingested_at=batch.ingested_at)
        )

    def records(self, batch: Batch) -> Iterator[SourceRecord]:
        """The records of its slices."""
        for part in batch.slices:
            yield from kafka.read(self._config.kafka, part)

    def quarantined(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Send them to the dead-letter topic, where one is set."""
        dead_letters.send(self._config.kafka, rows)

    def done(self, committed: Committed) -> None:
        """Tell the broker, for lag dashboards; one that is away is told after the next batch."""
        try:
            kafka.commit_offsets(self._config.kafka.hasty(), committed)
        except Transient as error:
            _log.warning("the broker was not told the offsets of the lake: %s", error)


class FileSource:
    """WARC files, HTML files and folders in place of a topic.

    The files are read twice from front to back, once to plan batches and once to run them, so they must
    not change meanwhile.
    """

    def __init__(self, config: Config, paths: Sequence[Path]) -> None:
        self._config = config
        self._paths = paths
        self._reader = f"files:{'|'.join(path.as_posix() for path in paths)}"
        self._unplanned: _Unplanned | None = None
        self._planned: Committed = {}  # what is committed once all that was planned is
        self._unread = page_files.read(paths)
        self._ran: str | None = None  # the batch that was read last

    def lag(self, committed: Committed, *, waits: bool = True) -> dict[tuple[str, int], int]:
        """Unknown without reading all: 1 where anything is left."""
        first = self._left(committed).first
        return {(first.position.topic, first.position.partition): 1} if first is not None else {}

    def held_back(self, committed: Committed) -> Sequence[Backlog]:
        """Files hold nothing back."""
        return ()

    def plan(self, committed: Committed, topic_ids: TopicIds, *, records: int | None = None) -> Plan:
        """The next batch: as many records as the bounds allow."""
        bounds, left = _bounded(self._config.batch, records), self._left(committed)
        found: dict[tuple[str, int], list[Position]] = {}
        count = size = 0
        while (record := left.first) is not None:
            count, size = count + 1, size + len(record.value or b"")
            if count > bounds.max_records or (count > 1 and size > bounds.max_bytes):
                break
            found.setdefault((record.position.topic, record.position.partition), []).append(record.position)
            left.advance()
        slices = tuple(_slice(positions) for positions in found.values())
        self._planned = {**committed, **{(s.topic, s.partition): s.end for s in slices}}
        return Plan(slices=slices, gaps=(), caught_up=left.first is None, ends={})

    def check_present(self, batch: Batch) -> None:
        """Files have no retention."""

    def read(self, pipeline: beam.Pipeline, batch: Batch) -> Any:
        """The batch's records, read by the workers in turn."""
        import apache_beam as beam

        from newsmill.flow.bounded.read_files import FileReader, ReadFiles
        from newsmill.flow.elements.chunks import CHUNK_RECORDS

        if batch.batch_id == self._ran:
            self._unread = page_files.read(self._paths)
        self._ran = batch.batch_id
        registry.register(self._reader, FileReader(_wanted(self._unread, batch)))
        chunks = ceil(batch.records / CHUNK_RECORDS)
        return (
            pipeline
            | "Tickets" >> beam.Create(range(chunks))
            | "SpreadTickets" >> beam.Reshuffle()
            | "ReadFiles" >> ReadFiles(reader=self._reader, ingested_at=batch.ingested_at)
        )

    def records(self, batch: Batch) -> Iterator[SourceRecord]:
        """The records of its slices; all files are read up to them."""
        return _wanted(page_files.read(self._paths), batch)

    def quarantined(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Files have no topic."""

    def done(self, committed: Committed) -> None:
        """Files need not be told; the batch's reader is no longer needed."""
        registry.unregister(self._reader)

    def _left(self, committed: Committed) -> _Unplanned:
        if self._unplanned is None or committed != self._planned:
            start = self._planned = dict(committed)
            self._unplanned = _Unplanned(
                record
                for record in page_files.read(self._paths)
                if record.position.offset >= start.get((record.position.topic, record.position.partition), 0)
            )
        return self._unplanned


class _Unplanned:
    """Records that are in no batch yet, the first of them in sight."""

    def __init__(self, records: Iterator[SourceRecord]) -> None:
        self._records = records
        self.first = next(records, None)

    def advance(self) -> None:
        """Pass over the first."""
        self.first = next(self._records, None)


def _slice(positions: Sequence[Position]) -> OffsetRange:
    first, last = positions[0], positions[-1]
    return OffsetRange(
        topic=first.topic,
        partition=first.partition,
        start=first.offset,
        end=last.offset + 1,
        records=len(positions),
        bytes=0,
    )


def _wanted(records: Iterator[SourceRecord], batch: Batch) -> Iterator[SourceRecord]:
    ranges = {(part.topic, part.partition): range(part.start, part.end) for part in batch.slices}
    wanted = (
        record
        for record in records
        if record.position.offset in ranges.get((record.position.topic, record.position.partition), ())
    )
    return islice(wanted, batch.records)


def _bounded(bounds: BatchConfig, records: int | None) -> BatchConfig:
    if records is None:
        return bounds
    return bounds.model_copy(update={"max_records": min(records, bounds.max_records)})
