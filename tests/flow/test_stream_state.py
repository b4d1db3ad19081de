"""State that an earlier version wrote is read by this one: the bytes of version 1 are kept here.

`python tests/flow/test_stream_state.py` prints the file anew; do so only for a new version of the
state, beside the old file and not in its place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from apache_beam.runners.pipeline_context import PipelineContext
from apache_beam.transforms.userstate import StateSpec

from newsmill.copies.index import SeedRow
from newsmill.flow.elements.batches import (
    BatchName,
    BatchPart,
    BatchPlan,
    BatchProgress,
    PlannedSoFar,
    PlannedUpTo,
    WholeBatch,
    WrittenBatch,
)
from newsmill.flow.elements.chunks import ClassifiedChunk, RecordCoder, TerminalFates
from newsmill.flow.streaming import commit_batches, gather_batches, mark_in_order, read_stream
from newsmill.flow.streaming.mark_in_order import LastMarked, Learnt
from newsmill.lake.files import DataFile
from newsmill.records import Fate, FateRow, Gap, OffsetRange, Position, Record

AT = 1_700_000_000_000_000
FILE = Path(__file__).with_name("stream_state_v1.json")
PLAN = BatchPlan(
    ingested_at=AT,
    after=AT - 1,
    slices=(
        OffsetRange(
            topic="pages", partition=1, start=4, end=9, records=5, bytes=700, offsets_crc=3_000_000_000
        ),
    ),
    gaps=(Gap(topic="pages", partition=0, start=0, end=7),),
)
FATE = FateRow(
    position=Position(topic="pages", partition=1, offset=4),
    fate=Fate.QUARANTINED,
    ingested_at=AT,
    reason="E_URL",
    stage="decode",
    bytes=12,
)
PART = BatchPart(ingested_at=AT, records=1, plan=PLAN, ends=TerminalFates(fates=(FATE,)))
FILES = (DataFile(table="fate", path="file:///lake/a.parquet", rows=5, bytes=99, sha256="ab" * 32),)
ROW = SeedRow(sketch=b"\x80", revision=2, cluster_id="c" * 32)
KNOWN: tuple[Record, ...] = (
    BatchName(ingested_at=AT),
    BatchProgress(records=3, planned=5),
    LastMarked(ingested_at=AT, untrimmed=3),
    Learnt(plan=PLAN, rows=(ROW,)),
    PART,
    PlannedSoFar(last=AT, under_way=(PLAN,)),
    PlannedUpTo(time=AT),
    WholeBatch(plan=PLAN, parts=(PART,)),
    WrittenBatch(plan=PLAN, files=FILES),
)


def kept_kinds() -> set[str]:
    """Types of all that is in the state of a step, or in its checkpoint mark."""
    specs = [
        value
        for fn in (gather_batches._GatherFn, mark_in_order._MarkFn, commit_batches._CommitFn)
        for value in vars(fn).values()
        if isinstance(value, StateSpec)
    ]
    coders = [spec.coder for spec in specs]
    coders += [read_stream._Provider().restriction_coder(), read_stream._Watermarks().estimator_state_coder()]
    return {coder.to_type_hint().__name__ for coder in coders}


def test_every_kind_of_state_is_held_by_a_kept_example() -> None:
    assert kept_kinds() == {type(record).__name__ for record in KNOWN}


@pytest.mark.parametrize("record", KNOWN, ids=lambda record: type(record).__name__)
def test_state_of_version_1_is_read(record: Record) -> None:
    kept: dict[str, str] = json.loads(FILE.read_text())
    assert RecordCoder(type(record)).decode(bytes.fromhex(kept[type(record).__name__])) == record


@pytest.mark.parametrize("record", KNOWN, ids=lambda record: type(record).__name__)
def test_state_of_a_later_version_with_more_fields_is_read(record: Record) -> None:
    fields: dict[str, Any] = msgspec.msgpack.decode(RecordCoder(type(record)).encode(record))
    later = msgspec.msgpack.encode(fields | {"a_field_of_the_next_version": [1, 2]})
    assert RecordCoder(type(record)).decode(later) == record


@pytest.mark.parametrize(("kind", "name"), [(TerminalFates, "Ends"), (ClassifiedChunk, "MarkedChunk")])
def test_coder_has_the_name_that_saved_jobs_know_when_the_class_is_called_otherwise(
    kind: type[Record], name: str
) -> None:
    urn, payload, _ = RecordCoder(kind).to_runner_api_parameter(None)
    assert (urn, payload.value) == ("newsmill:coder:record:v1", name)
    assert RecordCoder.from_runner_api(
        RecordCoder(kind).to_runner_api(PipelineContext()), PipelineContext()
    ) == (RecordCoder(kind))


if __name__ == "__main__":
    print(json.dumps({type(r).__name__: RecordCoder(type(r)).encode(r).hex() for r in KNOWN}, indent=1))
