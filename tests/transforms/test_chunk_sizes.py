"""What Beam's own counters cost."""

from __future__ import annotations

import pytest

from newsmill.transforms.chunks import RecordChunk, RecordCoder


def test_chunk_is_not_encoded_when_beam_asks_for_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(self: RecordCoder, value: object) -> bytes:
        raise AssertionError("encoded to be measured")

    monkeypatch.setattr(RecordCoder, "encode", encode)
    coder = RecordCoder(RecordChunk)
    size, _ = coder.get_impl().get_estimated_size_and_observables(RecordChunk(ingested_at=0, records=()))
    assert size == 1
