"""ReadRecords: slices of a topic in, their records out."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from newsmill.config import KafkaConfig
from newsmill.flow.elements.chunks import RecordChunk
from newsmill.flow.elements.stage_result import busy
from newsmill.records import Micros, OffsetRange
from newsmill.sources import kafka


class ReadRecords(beam.PTransform):
    """Read every record of each slice, exactly those that the plan counted.

    Bounded. The password of the connection never becomes part of the pipeline: each worker reads it
    again from its environment or file.

    Args:
        config: The topic and how to reach it.
        ingested_at: The batch's time: a batch that is done again has the same.
    """

    def __init__(self, *, config: KafkaConfig, ingested_at: Micros) -> None:
        super().__init__()
        self._config = config.model_copy(update={"sasl_password": None})
        self._ingested_at = ingested_at

    def expand(self, slices: beam.PCollection[OffsetRange]) -> beam.PCollection[RecordChunk]:
        """One chunk a slice."""
        return slices | "Read" >> beam.ParDo(_ReadFn(self._config, self._ingested_at))


@beam.typehints.with_output_types(RecordChunk)
class _ReadFn(beam.DoFn):
    def __init__(self, config: KafkaConfig, ingested_at: Micros) -> None:
        self._config = config
        self._ingested_at = ingested_at

    def process(self, slice: OffsetRange) -> Iterator[RecordChunk]:
        with busy("ReadRecords"):
            records = tuple(kafka.read(self._config, slice))
        yield RecordChunk(ingested_at=self._ingested_at, records=records)
