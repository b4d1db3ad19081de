from collections.abc import Callable

from msgspec import structs

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
    assert [f.url for f in ends.fates] == ["https://paper.example/a", None, None, "https://gone.example/x"]
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


def test_broken_record_has_the_address_and_domain_that_it_names(
    run_eagerly, record: Callable[..., SourceRecord]
) -> None:
    broken = [
        structs.replace(
            record(0, b"<p>"), headers=(("url", b"https://www.paper.example/a"), ("status", b"?"))
        ),
        record(1, b'{"uri": "https://news.paper.example/b", "html": "x", "fetched_at": "now"}', url=None),
        record(2, b"<p>", url="ftp://paper.example/a"),
        record(3, b"no envelope", url=None),
    ]
    (ends,) = decoded(run_eagerly, broken)["ends"]
    urls = ["https://www.paper.example/a", "https://news.paper.example/b", None, None]
    assert [fate.fate for fate in ends.fates] == [Fate.QUARANTINED] * 4
    assert [fate.url for fate in ends.fates] == [failure.url for failure in ends.failures] == urls
    assert [fate.domain for fate in ends.fates] == ["paper.example", "news.paper.example", None, None]


def test_broken_record_is_withheld_when_the_address_that_it_names_was_taken_down(
    run_eagerly, record: Callable[..., SourceRecord]
) -> None:
    named = b'{"requested_url": "https:\\u002f\\u002fpaper.example\\u002fa", "html": "x", "status": "?"}'
    claimed = b'{"link": "https://other.example/", "final_url": "https://paper.example/a", "status": "?"}'
    gone = Withheld(url_keys=frozenset({"https://paper.example/a"}))
    out = decoded(run_eagerly, [record(0, named, url=None), record(1, claimed, url=None)], gone)
    (ends,) = out["ends"]
    assert [(fate.fate, fate.url) for fate in ends.fates] == [
        (Fate.WITHHELD, "https://paper.example/a"),
    ] * 2


def test_no_row_holds_the_password_of_an_address(run_eagerly, record: Callable[..., SourceRecord]) -> None:
    records = [
        record(0, b"<p>a page</p>", url="https://ann:secret@paper.example/a"),
        structs.replace(
            record(1, b"<p>"), headers=(("url", b"https://ann:secret@paper.example/b"), ("status", b"?"))
        ),
        record(2, b'{"url": "https://ann:secret@paper.example/c", "html": "x", "status": "?"}', url=None),
        record(3, b"<p>", url="ftp://ann:secret@paper.example/d"),
        record(4, b"<p>", url="https://ann:secret/@paper.example/e"),
        record(5, b"<p>gone</p>", url="https://ann:secret@gone.example/f"),
        record(
            6,
            b'{"url": "https://paper.example/g", "final_url": "https://ann:secret@paper.example/h",'
            b' "html": "x"}',
            url=None,
        ),
    ]
    out = decoded(run_eagerly, records, Withheld(domains=frozenset({"gone.example"})))
    raws = [page.raw for chunk in out["oks"] for page in chunk.pages]
    assert [(raw.url, raw.final_url) for raw in raws] == [
        ("https://paper.example/a", None),
        ("https://paper.example/g", "https://paper.example/h"),
    ]
    (ends,) = out["ends"]
    said = [fate.url for fate in ends.fates]
    assert said == [
        "https://paper.example/b",
        "https://paper.example/c",
        None,
        None,
        "https://gone.example/f",
    ]
    assert [failure.url for failure in ends.failures][:2] == said[:2]
    for failure in ends.failures:
        assert "secret" not in f"{failure.url} {failure.message} {failure.stack}"


def test_decode_withholds_a_page_that_was_redirected_to_what_was_taken_down(
    run_eagerly, record: Callable[..., SourceRecord]
) -> None:
    value = (
        b'{"url": "https://short.example/1", "final_url": "https://www.gone.example/x", "html": "<p>a</p>"}'
    )
    gone = Withheld(domains=frozenset({"gone.example"}))
    out = decoded(run_eagerly, [record(0, value, url=None)], gone)
    assert [(f.fate, f.url) for e in out["ends"] for f in e.fates] == [
        (Fate.WITHHELD, "https://short.example/1")
    ]
    assert not out["oks"]


def test_broken_record_is_withheld_by_the_canonical_link_that_it_has(
    run_eagerly, record: Callable[..., SourceRecord]
) -> None:
    value = b'{"html": "<link rel=\\"canonical\\" href=\\"https://gone.example/x\\">told"}'
    gone = Withheld(url_keys=frozenset({"https://gone.example/x"}))
    out = decoded(run_eagerly, [record(0, value, url=None)], gone)
    assert [f.fate for e in out["ends"] for f in e.fates] == [Fate.WITHHELD]
    assert [failure for e in out["ends"] for failure in e.failures] == []
