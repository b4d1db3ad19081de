"""How large chunks are on their way, and what Beam's own counters cost."""

from __future__ import annotations

import msgspec
import pytest

from newsmill.flow.elements.chunks import RecordChunk, RecordCoder, TerminalFates
from newsmill.records import Failure, Position, SourceRecord

RECORD = SourceRecord(position=Position(topic="t", partition=0, offset=1), value=b"x")


def test_chunk_is_not_encoded_when_beam_asks_for_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(self: RecordCoder, value: object) -> bytes:
        raise AssertionError("encoded to be measured")

    monkeypatch.setattr(RecordCoder, "encode", encode)
    coder = RecordCoder(RecordChunk)
    size, _ = coder.get_impl().get_estimated_size_and_observables(RecordChunk(ingested_at=0, records=()))
    assert size == 1


def test_large_drafts_are_packed_and_small_ones_are_as_before() -> None:
    small = TerminalFates(failures=(Failure(record=RECORD, stage="decode", code="E_SCHEMA", message="x"),))
    large = TerminalFates(
        failures=(Failure(record=RECORD, stage="decode", code="E_SCHEMA", message="x" * 100_000),)
    )
    coder = RecordCoder(TerminalFates)
    assert msgspec.msgpack.decode(coder.encode(small))["failures"]
    assert len(coder.encode(large)) < 2_000
    assert [coder.decode(coder.encode(ends)) for ends in (small, large)] == [small, large]
    assert coder.decode(msgspec.msgpack.encode(large)) == large
