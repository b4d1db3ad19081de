"""ReadFiles: each record is read once, whichever thread draws which ticket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from newsmill.flow.bounded.read_files import FileReader, ReadFiles
from newsmill.flow.elements.chunks import CHUNK_RECORDS, RecordChunk
from newsmill.runtime import registry

AT = 1_700_000_000_000_000


def test_reader_gives_each_record_once_when_threads_share_it(record) -> None:
    records = [record(n, b"x") for n in range(10 * CHUNK_RECORDS + 7)]
    reader = FileReader(iter(records))
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: reader.take(), range(20)))
    assert sorted((r for chunk in taken for r in chunk), key=lambda r: r.position) == records
    assert max(map(len, taken)) == CHUNK_RECORDS


def test_read_files_gives_no_chunk_for_a_ticket_too_many(run_eagerly, record) -> None:
    records = [record(n, b"x") for n in range(CHUNK_RECORDS + 1)]
    registry.register("reader", FileReader(iter(records)))
    try:
        chunks = run_eagerly(ReadFiles(reader="reader", ingested_at=AT), [0, 1, 2], int)["out"]
    finally:
        registry.unregister("reader")
    assert [r for chunk in chunks for r in chunk.records] == records
    assert {type(chunk) for chunk in chunks} == {RecordChunk} and {c.ingested_at for c in chunks} == {AT}
