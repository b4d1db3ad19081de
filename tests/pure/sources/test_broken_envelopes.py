"""Envelopes that break the contract, or a cap, are rejected."""

from __future__ import annotations

import gzip
import pickle
import random

import pytest

from enveloped import HTML, POSITION, as_json, avro, code, page, warc
from newsmill.config import InputConfig
from newsmill.errors import Code, Rejected
from newsmill.records import SourceRecord
from newsmill.sources.envelopes import decode


def test_value_above_the_cap_is_rejected_by_its_size() -> None:
    config = InputConfig(max_value_bytes=100)
    assert page(b"x" * 100, config, url="http://a.org/").body == b"x" * 100
    assert code(b"x" * 101, config, url="http://a.org/") is Code.SIZE


BROKEN_JSON = {
    "cut": as_json(html=HTML)[:-9],
    "no url": b'{"html": "x"}',
    "empty url": b'{"url": "", "html": "x"}',
    "url is a number": b'{"url": 7, "html": "x"}',
    "no body": b'{"url": "http://a.org/"}',
    "two bodies": as_json(html="x", body="y"),
    "body is an object": as_json(html={"a": 1}),
    "key twice": b'{"url": "http://a.org/", "url": "http://b.org/", "html": "x"}',
    "key twice inside": b'{"url": "http://a.org/", "html": "x", "z": {"a": 1, "a": 2}}',
    "wrong version": as_json(html="x", schema_version=2),
    "infinite": b'{"url": "http://a.org/", "html": "x", "n": 1e400}',
    "nan": b'{"url": "http://a.org/", "html": "x", "n": NaN}',
    "6000 digits": b'{"url": "http://a.org/", "html": "x", "n": ' + b"9" * 6000 + b"}",
    "deep": b'{"url": "http://a.org/", "html": "x", "n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "rather deep": b'{"url": "http://a.org/", "html": "x", "n": ' + b"[" * 70 + b"]" * 70 + b"}",
    "no utf-8": b'{"url": "http://a.org/", "html": "\xff\xfe"}',
    "no base64": as_json(html_b64="!!!!"),
    "base64 cut": as_json(html_b64="PHA+VG"),
    "unknown body encoding": as_json(body="x", body_encoding="rot13"),
    "no status": as_json(html="x", status="fine"),
    "status 7": as_json(html="x", status=7),
    "no time": as_json(html="x", fetched_at="yesterday"),
    "no day": as_json(html="x", fetched_at="2026-02-31T00:00:00Z"),
    "time before 1970": as_json(html="x", fetched_at=-1),
    "10,000 headers": as_json(html="x", headers={f"h{n}": "x" for n in range(10_000)}),
    "header name of 1 MB": as_json(html="x", headers={"h" * 10**6: "x"}),
    "header with a line break": as_json(html="x", headers={"a\r\nb": "x"}),
}


@pytest.mark.parametrize("value", BROKEN_JSON.values(), ids=BROKEN_JSON)
def test_json_that_breaks_the_contract_is_rejected(value: bytes) -> None:
    assert code(value) is Code.SCHEMA


BROKEN_AVRO = {
    "framing only": b"\x00\x00\x00\x00\x01",
    "cut": avro({"url": "http://a.org/x", "body": b"x" * 50})[:-20],
    "bytes follow": avro({"url": "http://a.org/x", "body": b"x"}) + b"more",
    "no url": avro({"url": "", "body": b"x"}),
    "huge length": b"\x00\x00\x00\x00\x01" + b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"x",
    "negative length": b"\x00\x00\x00\x00\x01" + b"\x01" + b"x" * 20,
    "no utf-8": b"\x00\x00\x00\x00\x01" + b"\x04\xff\xfe" + b"\x02x" + b"\x00" * 7,
}


@pytest.mark.parametrize("value", BROKEN_AVRO.values(), ids=BROKEN_AVRO)
def test_avro_that_breaks_the_contract_is_rejected(value: bytes) -> None:
    assert code(value) is Code.SCHEMA


BROKEN_WARC = {
    "header only": b"WARC/1.0\r\njunk",
    "no header": b"WARC/1.1\r\n\r\n",
    "torn": warc()[:-30],
    "length beyond the end": warc(length=5000),
    "two pages": warc() + warc(),
    "no url": warc(url=""),
    "no http": warc(http=b""),
    "gzip of something else": gzip.compress(b"GIF89a"),
}


@pytest.mark.parametrize("value", BROKEN_WARC.values(), ids=BROKEN_WARC)
def test_warc_that_breaks_the_contract_is_rejected(value: bytes) -> None:
    assert code(value) is Code.SCHEMA


@pytest.mark.parametrize(
    "value",
    [
        gzip.compress(warc(b"\0" * 30_000_000)),
        gzip.compress(warc(b"\0" * 15_000_000)),
        gzip.compress(gzip.compress(warc()))[:-8],
        gzip.compress(warc(random.Random(1).randbytes(5000)))[:3000],
    ],
    ids=["above the size cap", "above the ratio cap", "torn twice", "torn"],
)
def test_gzipped_warc_above_the_caps_or_torn_is_rejected(value: bytes) -> None:
    assert code(value) is Code.DECOMPRESSION


BROKEN_HEADERS: dict[str, tuple[tuple[str, bytes], ...]] = {
    "10,000 headers": tuple((f"h{n}", b"x") for n in range(10_000)),
    "name of 1 MB": (("h" * 10**6, b"x"),),
    "value of 1 MB": (("h", b"x" * 10**6),),
    "url is no utf-8": (("nm-url", b"http://a.org/\xff"),),
    "url twice": (("url", b"http://b.org/"),),
    "no status": (("status", b"OK"),),
    "no time": (("fetched_at", b"now"),),
}


@pytest.mark.parametrize("headers", BROKEN_HEADERS.values(), ids=BROKEN_HEADERS)
def test_record_headers_that_break_the_contract_are_rejected(headers: tuple[tuple[str, bytes], ...]) -> None:
    broken = SourceRecord(position=POSITION, value=b"x", headers=(("url", b"http://a.org/"), *headers))
    with pytest.raises(Rejected) as caught:
        decode(broken, InputConfig())
    assert caught.value.code is Code.SCHEMA
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("value", [b"<html>", b"GIF89a", b"\x80\x04K\x01.", b"[1]", b"http://127.0.0.1:9/x"])
def test_value_without_envelope_is_rejected(value: bytes) -> None:
    assert code(value) is Code.SCHEMA


URL = "http://a.org/x"
OTHERWISE_BROKEN: dict[str, tuple[bytes | None, tuple[tuple[str, bytes], ...]]] = {
    "header, no time": (b"x", (("url", URL.encode()), ("fetched_at", b"now"))),
    "header, no status": (b"x", (("nm-url", URL.encode()), ("status", b"OK"))),
    "header, status twice": (b"x", (("url", URL.encode()), ("status", b"200"), ("status", b"404"))),
    "header, too large": (b"x" * 10_000_001, (("url", URL.encode()),)),
    "header, broken JSON as said": (b"{", (("ce_subject", URL.encode()), ("envelope", b"json"))),
    "json, no time": (as_json(html="x", url=URL, fetched_at="now"), ()),
    "json, no status": (as_json(html="x", url=URL, status={}), ()),
    "json, no headers": (as_json(html="x", url=URL, headers=7), ()),
    "json, no body": (as_json(url=URL), ()),
    "json, two bodies": (as_json(html="x", body="y", url=URL), ()),
    "json, no base64": (as_json(body_b64="!", url=URL), ()),
    "json, version": (as_json(html="x", url=URL, schema_version=9), ()),
    "json, another name": (b'{"status": "x", "html": "x", "link": "http:\\/\\/a.org\\/x"}', ()),
    "json, key twice": (b'{"url": "http://a.org/x", "html": "x", "n": 1, "n": 2}', ()),
    "json, no number": (b'{"url": "http://a.org/x", "html": "x", "n": NaN}', ()),
    "json, deep": (b'{"url": "http://a.org/x", "html": "x", "n": ' + b"[" * 70 + b"]" * 70 + b"}", ()),
    "avro, no status": (avro({"url": URL, "body": b"x", "status": 7}), ()),
    "warc, no http": (warc(url=URL, http=b""), ()),
    "warc, torn": (warc(url=URL)[:-30], ()),
    "warc, gzip": (gzip.compress(warc(url=URL, http=b"")), ()),
}


@pytest.mark.parametrize(("value", "headers"), OTHERWISE_BROKEN.values(), ids=OTHERWISE_BROKEN)
def test_rejection_has_the_url_when_that_can_be_read(
    value: bytes, headers: tuple[tuple[str, bytes], ...]
) -> None:
    with pytest.raises(Rejected) as caught:
        decode(SourceRecord(position=POSITION, value=value, headers=headers), InputConfig())
    assert caught.value.url == URL
    assert pickle.loads(pickle.dumps(caught.value)).url == URL


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"x", (("url", b"http://a.org/"), ("url", b"http://b.org/"))),
        (b"x", (("url", b"http://a.org/\xff"),)),
        (b'{"url": "http://a.org/", "url": "http://b.org/", "html": "x"}', ()),
        (b'{"url": "http://a.org/", "html": "x"', ()),
        (b'[["url", "http://a.org/"]]', ()),
        (warc() + warc(url="http://b.org/"), ()),
    ],
    ids=["two headers", "no utf-8", "two keys", "cut", "no object", "two pages"],
)
def test_rejection_has_no_url_when_none_is_sure(value: bytes, headers: tuple[tuple[str, bytes], ...]) -> None:
    with pytest.raises(Rejected) as caught:
        decode(SourceRecord(position=POSITION, value=value, headers=headers), InputConfig(format="auto"))
    assert caught.value.url is None
