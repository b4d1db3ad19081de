"""Decoding of the five envelopes, and what hostile records come to."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastwarc.warc import WarcRecord
from hypothesis import given, settings, strategies as st

from enveloped import HTML, NINE_AM, POSITION, as_json, avro, code, page, record, warc
from newsmill import strings
from newsmill.config import InputConfig
from newsmill.errors import Code, ConfigError, Rejected
from newsmill.records import NotArticle, RawPage, SourceRecord
from newsmill.sources import envelopes, fields
from newsmill.sources.envelopes import decode, encode
from newsmill.sources.page_fields import micros


def test_raw_envelope_takes_the_value_as_body_and_the_headers_as_fields() -> None:
    found = page(
        b"\xff\xfebody",
        url="http://a.org/x",
        final_url="http://a.org/y",
        fetched_at="2026-11-09T09:00:00Z",
        status="203",
        **{"Content-Type": "text/html; charset=Latin-1", "content-encoding": "gzip", "X-Robots-Tag": "noai"},
    )
    assert found == RawPage(
        position=POSITION,
        url="http://a.org/x",
        body=b"\xff\xfebody",
        final_url="http://a.org/y",
        fetched_at=NINE_AM,
        status=203,
        content_type="text/html; charset=Latin-1",
        charset="Latin-1",
        content_encoding="gzip",
        headers={"x-robots-tag": "noai"},
    )


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"nm-url": "http://nm.org/", "url": "http://plain.org/"}, "http://nm.org/"),
        ({"url": "http://plain.org/", "ce_source": "http://ce.org/"}, "http://plain.org/"),
        ({"ce_subject": "http://subject.org/", "ce_source": "http://source.org/"}, "http://subject.org/"),
        ({"ce_subject": "page 7", "ce_source": "http://source.org/"}, "http://source.org/"),
    ],
)
def test_raw_envelope_has_one_url_when_several_headers_have_one(headers: dict[str, str], url: str) -> None:
    assert page(b"x", **headers).url == url


def test_cloudevent_time_is_the_time_of_the_fetch() -> None:
    found = page(b"x", ce_source="http://a.org/", ce_time="2026-11-09T09:00:00Z", ce_id="1")
    assert (found.fetched_at, found.headers) == (NINE_AM, {})


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (" 2026-11-09T09:00:00Z", "2026-11-09T09:00:00+00:00"),
        ("2026-11-09T09:00:00Z\r\n", "2026-11-09T09:00:00+00:00"),
        ("\t1794214800 ", "2026-11-09T09:00:00+00:00"),
        ("2026-11-09T09:00:00.123456789Z", "2026-11-09T09:00:00.123456+00:00"),
        ("2026-11-09T09:00:00.123456999999999Z", "2026-11-09T09:00:00.123456+00:00"),
        ("2026-11-09 09:00:00,5", "2026-11-09T09:00:00.500000+00:00"),
        ("2026-11-09T09:00:00.1234567+0130", "2026-11-09T07:30:00.123456+00:00"),
        ("2026-11-09T24:00:00Z", "2026-11-10T00:00:00+00:00"),
        ("2026-12-31 24:00", "2027-01-01T00:00:00+00:00"),
        ("2026-12-31T24:00:00.000+01:00", "2026-12-31T23:00:00+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2017-01-01T00:59:60.7+01:00", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_time_as_clocks_write_it_is_taken(said: str, meant: str) -> None:
    at = micros(meant)
    assert datetime.fromtimestamp(at // 10**6, UTC).replace(microsecond=at % 10**6).isoformat() == meant
    assert page(as_json(html="x", fetched_at=said)).fetched_at == at
    assert page(b"x", url="http://a.org/", fetched_at=said).fetched_at == at


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-09T24:00:01Z", "2026-11-09T24:01:00Z", "2026-11-09T24:00:00.1Z", "2026-11-09T25:00:00Z",
        "2026-11-09T09:00:61Z", "2026-11-09T09:60:00Z", "2026-02-30T24:00:00Z", "9999-12-31T24:00:00Z",
        "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "2026-11-09T09:00:00+24:00", "-5",
    ],
)  # fmt: skip
def test_time_that_no_calendar_has_is_rejected(said: str) -> None:
    assert code(as_json(html="x", fetched_at=said)) is Code.SCHEMA


@pytest.mark.parametrize("said", [" 404", "404 ", "\t404 Not Found\r\n", " HTTP/1.1 404 Not Found "])
def test_status_may_stand_between_blanks(said: str) -> None:
    assert page(as_json(html="x", status=said)).status == 404


def test_binary_headers_of_other_tools_are_passed_over() -> None:
    assert page(b"x", url="http://a.org/", tracer=b"\xff\x00", etag="7").headers == {"etag": "7"}


@pytest.mark.parametrize(
    "headers",
    [{"html": {"a": 1}}, {"headers": {"A": "1", "a": ["2", "3"]}}, {"headers": [["A", "1"], ["a", "2, 3"]]},
     {"headers": "HTTP/1.1 200 OK\r\nA: 1\r\na: 2, 3\r\n"}],
    ids=["none", "object", "pairs", "block"],
)  # fmt: skip
def test_json_headers_come_in_several_shapes(headers: dict[str, Any]) -> None:
    if "html" in headers:
        assert page(as_json(html=HTML)).headers == {}
    else:
        assert page(as_json(html=HTML, **headers)).headers == {"a": "1, 2, 3"}


def test_json_text_is_utf8_whatever_the_page_says_of_itself() -> None:
    found = page(as_json(html=HTML, charset="windows-1251", content_encoding="gzip", fetched_at=1794214800))
    assert (found.body, found.charset, found.content_encoding) == (HTML.encode(), "utf-8", None)
    assert (found.envelope, found.fetched_at) == ("json", 1794214800 * 10**6)


def test_json_base64_keeps_bytes_and_their_encodings() -> None:
    packed = gzip.compress(HTML.encode())
    for body in (
        {"html_b64": b64encode(packed).decode()},
        {"body": b64encode(packed).decode(), "body_encoding": "base64"},
    ):
        found = page(as_json(**body, content_encoding="gzip", charset="latin-1"))
        assert (found.body, found.content_encoding, found.charset) == (packed, "gzip", "latin-1")


def test_json_lone_surrogates_of_other_fields_do_not_break_what_is_written() -> None:
    found = page(
        b'{"url": "http://a.org/", "html": "x", "final_url": "\\ud800", "charset": "\\udfff",'
        b' "headers": {"a": "\\ud800b"}}'
    )
    assert (found.final_url, found.headers) == ("\ufffd", {"a": "\ufffdb"})
    msgspec.msgpack.encode(found)
    assert code(b'{"url": "http://a.org/\\ud800", "html": "x"}') is Code.URL


@pytest.mark.parametrize("name", ["url", "uri", "link", "requested_url"])
def test_json_url_has_several_names(name: str) -> None:
    assert page(json.dumps({name: "http://b.org/", "body": HTML}).encode()).url == "http://b.org/"


def test_json_lone_surrogate_becomes_the_replacement_character() -> None:
    found = page(b'{"url": "http://a.org/", "html": "a\\ud800b \\ud83d\\ude00"}')
    assert found.body.decode() == "a\ufffdb \U0001f600"


def test_avro_record_of_the_own_schema_decodes() -> None:
    found = page(
        avro({"url": "http://a.org/x", "body": b"\xffx", "fetched_at": NINE_AM, "headers": {"A": "1"}})
    )
    assert (found.body, found.fetched_at, found.headers) == (b"\xffx", NINE_AM, {"a": "1"})
    assert found.envelope == "avro"


def test_avro_record_of_a_registered_schema_decodes(tmp_path: Path) -> None:
    schema = {
        "type": "record",
        "name": "Crawl",
        "fields": [
            {"name": "uri", "type": "string"},
            {"name": "html", "type": "string"},
            {"name": "crawled_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        ],
    }
    (tmp_path / "crawl.avsc").write_text(json.dumps(schema), encoding="utf-8")
    config = InputConfig(avro_schema_files={42: tmp_path / "crawl.avsc"})
    value = avro(
        {"uri": "http://a.org/x", "html": HTML, "crawled_at": NINE_AM // 1000}, schema=schema, schema_id=42
    )
    found = page(value, config)
    assert (found.body, found.charset, found.fetched_at) == (HTML.encode(), "utf-8", NINE_AM)


def test_avro_schema_file_that_is_broken_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "x.avsc").write_text('{"type": "nope"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="no Avro schema"):
        page(
            avro({"url": "http://a.org/x", "body": b"x"}),
            InputConfig(avro_schema_files={1: tmp_path / "x.avsc"}),
        )


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_warc_response_gives_the_payload_and_the_http_headers(pack: Any) -> None:
    found = page(pack(warc()))
    assert (found.body, found.url, found.fetched_at) == (HTML.encode(), "http://a.org/x", NINE_AM)
    assert (found.status, found.charset, found.envelope) == (200, "utf-8", "warc")
    assert (found.headers["x-a"], found.headers["warc-record-id"]) == ("1, 2", "<urn:uuid:1>")


def test_warc_chunked_body_is_joined_and_its_content_encoding_kept() -> None:
    packed = gzip.compress(HTML.encode())
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    http = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    found = page(warc(body, http=http))
    assert (found.body, found.content_encoding) == (packed, "gzip")


_LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/html",
        b"X-A: 1",
        b" folded",
        b"Content-Length: 3",
        b"no colon",
        b"",
        b"<p>a</p>",
        b"5",
        b"hello",
        b"0",
    ]
)
_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r"])


@given(st.lists(st.tuples(_LINES, _ENDS), max_size=12), st.booleans(), st.booleans())
@settings(max_examples=500)
def test_warc_response_has_the_header_and_body_of_its_parser_when_the_body_is_not_parsed(
    lines: list[tuple[bytes, bytes]], begins: bool, chunked: bool
) -> None:
    begin = b"HTTP/1.1 200 OK\r\n" if begins else b""
    block = (
        begin + (b"transfer-encoding: chunked\r\n" if chunked else b"") + b"".join(a + b for a, b in lines)
    )

    def said(read: Callable[[bytes], tuple[WarcRecord, bytes]]) -> object:
        try:
            response, body = read(block)
        except (OSError, Rejected):
            return "refused"
        return response.http_headers.status_code, list(response.http_headers.astuples()), body

    def whole(block: bytes) -> tuple[WarcRecord, bytes]:
        response = envelopes._parsed(block)
        if not response.http_headers.status_code:
            raise OSError("no response")
        return response, response.reader.read()

    assert said(envelopes._http_response) == said(whole)


def test_warc_resource_is_its_block() -> None:
    found = page(warc(kind="resource", http=b"", media="text/html; charset=x"))
    assert (found.body, found.content_type, found.charset) == (HTML.encode(), "text/html; charset=x", "x")


@pytest.mark.parametrize(
    ("kind", "url", "media"),
    [
        ("response", "dns:www.a.org", "text/dns"),
        ("response", "whois://whois.arin.net/1.2.3.4", "text/plain"),
        ("resource", "metadata://gnu.org/software/wget/warc/wget.log", "text/plain"),
        ("resource", "urn:pageinfo:https://a.org/", "application/json"),
    ],
)
def test_what_a_crawler_notes_beside_pages_in_a_warc_is_no_page(kind: str, url: str, media: str) -> None:
    noted = record(warc(b"note", kind=kind, http=b"", url=url, media=media))
    assert decode(noted, InputConfig()) == NotArticle(reason="no_page")


@pytest.mark.parametrize("kind", ["request", "metadata", "revisit", "warcinfo"])
def test_warc_record_of_another_kind_is_no_page(kind: str) -> None:
    http = b"GET / HTTP/1.1\r\nHost: a.org\r\n\r\n"
    assert decode(record(warc(b"", kind=kind, http=http)), InputConfig()) == NotArticle(reason="no_page")


@pytest.mark.parametrize(
    ("value", "headers", "reason", "url"),
    [
        (None, {}, "tombstone", None),
        (None, {"url": "http://a.org/"}, "tombstone", "http://a.org/"),
        (b"", {}, "empty", None),
        (b" \n" * 9, {"url": "http://a.org/"}, "empty", "http://a.org/"),
        (as_json(html=" "), {}, "empty", "http://a.org/x"),
        (warc(b"\r\n"), {}, "empty", "http://a.org/x"),
    ],
)
def test_value_that_holds_nothing_is_no_article_of_its_url(
    value: bytes | None, headers: dict[str, str], reason: str, url: str | None
) -> None:
    assert decode(record(value, **headers), InputConfig()) == NotArticle(reason=reason, url=url)


def test_envelope_header_ends_guessing() -> None:
    assert page(as_json(html=HTML), url="http://other.org/", envelope="json").url == "http://a.org/x"
    assert code(b"x", url="http://a.org/", envelope="pickle") is Code.SCHEMA


def test_format_that_is_set_is_the_only_one() -> None:
    assert page(as_json(html=HTML), InputConfig(format="raw"), url="http://b.org/").envelope == "raw"
    assert code(b"<p>", InputConfig(format="json"), url="http://b.org/") is Code.SCHEMA


@pytest.mark.parametrize(
    "odd",
    [
        SourceRecord(
            position=POSITION, value=b"x", key=b"\xff" * 100_000, headers=(("url", b"http://a.org/"),)
        ),
        SourceRecord(
            position=POSITION, value=b"x", timestamp=2**63 - 1, headers=(("url", b"http://a.org/"),)
        ),
    ],
    ids=["key", "timestamp"],
)
def test_odd_keys_and_times_of_the_broker_do_not_matter(odd: SourceRecord) -> None:
    assert isinstance(decode(odd, InputConfig()), RawPage)


text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).map(strings.line).filter(bool)


@settings(deadline=None)
@given(
    body=st.binary(min_size=1).filter(bytes.strip),
    fetched_at=st.none() | st.integers(0, micros("9999-12-31T23:59:59Z")),
    status=st.none() | st.integers(100, 999),
    content_type=st.none() | text,
    headers=st.dictionaries(st.sampled_from(["etag", "x-robots-tag", "link"]), text),
)
def test_encoded_page_decodes_to_itself(
    body: bytes,
    fetched_at: int | None,
    status: int | None,
    content_type: str | None,
    headers: dict[str, str],
) -> None:
    sent = RawPage(
        position=POSITION,
        url="http://a.org/é",
        body=body,
        fetched_at=fetched_at,
        status=status,
        content_type=content_type,
        charset="x",
        headers=headers,
    )
    sent_headers, value = encode(sent)
    assert decode(SourceRecord(position=POSITION, value=value, headers=sent_headers), InputConfig()) == sent


SOUND = [
    warc(),
    gzip.compress(warc()),
    avro({"url": "http://a.org/", "body": b"x" * 20}),
    as_json(html=HTML),
]


@settings(max_examples=1500, deadline=None)
@given(
    seed=st.sampled_from(SOUND),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    cut=st.none() | st.integers(0, 500),
)
def test_damaged_record_has_a_fate(seed: bytes, changes: list[tuple[int, int]], cut: int | None) -> None:
    damaged = bytearray(seed)
    for at, byte in changes:
        damaged[at % len(damaged)] = byte
    try:
        found = decode(record(bytes(damaged[:cut])), InputConfig())
    except Rejected:
        return
    assert isinstance(found, RawPage | NotArticle)
    msgspec.msgpack.encode(found)


@pytest.mark.parametrize(
    "name", ["status", "fetched_at", "content-type", "charset", "content-encoding", "final_url", "etag"]
)
@pytest.mark.parametrize("value", [None, b""])
def test_record_header_without_a_value_is_as_one_that_is_not_there(name: str, value: bytes | None) -> None:
    plain = SourceRecord(position=POSITION, value=b"<p>x", headers=(("url", b"http://a.org/"),))
    with_header = msgspec.structs.replace(plain, headers=(*plain.headers, (name, value)))
    found = decode(with_header, InputConfig())
    assert isinstance(found, RawPage)
    headers = {"etag": ""} if name == "etag" and value is not None else {}
    assert found == msgspec.structs.replace(decode(plain, InputConfig()), headers=headers)


def test_null_url_header_does_not_make_a_raw_envelope() -> None:
    found = decode(
        SourceRecord(
            position=POSITION, value=as_json(html=HTML), headers=(("url", None), ("envelope", None))
        ),
        InputConfig(),
    )
    assert isinstance(found, RawPage) and found.envelope == "json"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"status": "200"}, {"status": 200}),
        ({"status": "404 Not Found"}, {"status": 404}),
        ({"status": "HTTP/1.1 203 OK"}, {"status": 203}),
        ({"status": ""}, {}),
        ({"status": 200.0}, {"status": 200}),
        ({"fetched_at": "1636365600"}, {"fetched_at": 1636365600}),
        ({"fetched_at": "1636365600000"}, {"fetched_at": 1636365600000}),
        ({"fetched_at": "1636365600.5"}, {"fetched_at": 1636365600.5}),
        ({"fetched_at": " "}, {}),
        ({"headers": {"content-length": 123}}, {"headers": {"content-length": "123"}}),
        ({"headers": {"age": 1.5}}, {"headers": {"age": "1.5"}}),
        ({"headers": {"etag": None, "a": "b"}}, {"headers": {"a": "b"}}),
        ({"headers": {"a": ["b", None, 3]}}, {"headers": {"a": "b, 3"}}),
        ({"headers": [["a", None], ["b", 2]]}, {"headers": {"b": "2"}}),
        ({"headers": ""}, {}),
        ({"body": None}, {}),
        ({"html_b64": None, "body_b64": None}, {}),
        ({"schema_version": "1"}, {"schema_version": 1}),
        ({name: None for names in fields.NAMES.values() for name in names if name != "url"}, {}),
    ],
    ids=str,
)
def test_values_that_are_null_or_can_be_read_in_one_way_only_are_read(
    said: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert page(as_json(html=HTML, **said)) == page(as_json(html=HTML, **meant))


@pytest.mark.parametrize(
    "said",
    [{"status": "2000"}, {"status": "0x7f"}, {"status": "20"}, {"status": True}, {"headers": {"a": True}}],
)
def test_values_that_can_be_read_in_no_way_are_rejected(said: dict[str, Any]) -> None:
    assert code(as_json(html=HTML, **said)) is Code.SCHEMA
