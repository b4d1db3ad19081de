"""What threads of the direct runner hand to each other arrives whole, however often streams are flushed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.testing.util import assert_that, equal_to
worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 1
from newsmill.runners.beam_batch import threaded
from newsmill.records import Fate, FateRow, Position
from newsmill.flow.elements.chunks import CHUNK_RECORDS, TerminalFates

def chunks(number):
    for chunk in range(50):
        yield number % 3, TerminalFates(fates=tuple(
            FateRow(
                position=Position(topic="t", partition=number, offset=chunk * CHUNK_RECORDS + record),
                fate=Fate.ARTICLE, ingested_at=1, reason="x" * 300,
            )
            for record in range(CHUNK_RECORDS)
        ))

with threaded(3) as pipeline:
    found = (
        pipeline
        | beam.Create(range(30))
        | beam.Reshuffle()
        | beam.FlatMap(chunks).with_output_types(tuple[int, TerminalFates])
        | beam.GroupByKey()
        | beam.MapTuple(lambda _, group: sum(len(ends.fates) for ends in group))
    )
    assert_that(found, equal_to([10 * 50 * CHUNK_RECORDS] * 3))
"""


def test_threads_hand_on_whole_elements_when_beam_would_flush_all_the_time() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
