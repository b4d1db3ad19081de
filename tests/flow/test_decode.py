from collections.abc import Callable

from newsmill.config import InputConfig
from newsmill.errors import Code
from newsmill.flow.elements.chunks import DecodedChunk, RecordChunk
from newsmill.flow.steps.decode import DecodeEnvelopes, Withheld
from newsmill.records import Fate, SourceRecord

AT = 1_700_000_000_000_000


def decoded(run_eagerly, records: list[SourceRecord], withheld: Withheld = Withheld()):  # noqa: B008
    transform = DecodeEnvelopes(config=InputConfig(), withheld=withheld)
    return run_eagerly(transform, [RecordChunk(ingested_at=AT, records=tuple(records))], RecordChunk)


def test_decode_gives_each_record_one_end_or_one_page(
    run_eagerly, record: Callable[..., SourceRecord]
) -> None:
    records = [
        record(0, b"<p>a page</p>"),
        record(1, None),
        record(2, b"<p>no address</p>", url="ftp://paper.example/a"),
        record(3, b'{"html": ', url=None),
        record(4, b"<p>gone</p>", url="https://gone.example/x"),
    ]
    out = decoded(run_eagerly, records, Withheld(domains=frozenset({"gone.example"})))
    (chunk,) = out["oks"]
    assert isinstance(chunk, DecodedChunk)
    assert [page.raw.url for page in chunk.pages] == ["https://paper.example/a"]
    assert chunk.pages[0].record == records[0]
    (ends,) = out["ends"]
    assert [(f.position.offset, f.fate, f.reason) for f in ends.fates] == [
        (1, Fate.NOT_ARTICLE, "tombstone"),
        (2, Fate.QUARANTINED, Code.URL.value),
        (3, Fate.QUARANTINED, Code.SCHEMA.value),
        (4, Fate.WITHHELD, "taken_down"),
    ]
    assert [failure.record for failure in ends.failures] == [records[2], records[3]]
    assert all(f.ingested_at == AT and f.recorded_at == records[0].timestamp for f in ends.fates)


def test_decode_withholds_one_address_when_only_that_was_taken_down(
    run_eagerly, record: Callable[..., SourceRecord]
) -> None:
    gone = Withheld(url_keys=frozenset({"https://paper.example/a"}))
    out = decoded(
        run_eagerly, [record(0, b"<p>a</p>"), record(1, b"<p>b</p>", url="https://paper.example/b")], gone
    )
    assert [f.position.offset for e in out["ends"] for f in e.fates] == [0]
    assert [p.record.position.offset for c in out["oks"] for p in c.pages] == [1]
