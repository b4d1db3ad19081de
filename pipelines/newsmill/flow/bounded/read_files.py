"""ReadFiles: tickets in, records of files out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from threading import Lock

import apache_beam as beam

from newsmill.flow.elements.chunks import CHUNK_RECORDS, RecordChunk
from newsmill.flow.elements.stage_result import busy
from newsmill.records import Micros, SourceRecord
from newsmill.runtime import registry


class FileReader:
    """Hands out records in their order, a chunk at a time, to any thread that asks.

    Args:
        records: All of one batch; read as they are asked for, so that few are in memory.
    """

    def __init__(self, records: Iterator[SourceRecord]) -> None:
        self._records = records
        self._lock = Lock()

    def take(self) -> tuple[SourceRecord, ...]:
        """The next records, at most `CHUNK_RECORDS`; none at the end."""
        with self._lock:
            return tuple(islice(self._records, CHUNK_RECORDS))


class ReadFiles(beam.PTransform):
    """Give the next chunk of records for each ticket, whichever it is.

    Bounded. Files are read from front to back, once, by whichever thread is free: which records a
    ticket gets is left open, and that each record is read once is not.

    Args:
        reader: Name of the resident FileReader.
        ingested_at: The batch's time: a batch that is done again has the same.
    """

    def __init__(self, *, reader: str, ingested_at: Micros) -> None:
        super().__init__()
        self._fn = _ReadFn(reader, ingested_at)

    def expand(self, tickets: beam.PCollection[int]) -> beam.PCollection[RecordChunk]:
        """One chunk a ticket, while there are records."""
        return tickets | "Read" >> beam.ParDo(self._fn)


@beam.typehints.with_output_types(RecordChunk)
class _ReadFn(beam.DoFn):
    def __init__(self, reader: str, ingested_at: Micros) -> None:
        self._reader = reader
        self._ingested_at = ingested_at

    def process(self, ticket: int) -> Iterator[RecordChunk]:
        with busy("ReadFiles"):
            records = registry.get(self._reader).take()
        if records:
            yield RecordChunk(ingested_at=self._ingested_at, records=records)
