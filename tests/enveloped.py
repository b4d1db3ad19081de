"""Pages in envelopes, as crawlers send them."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import fastavro
import pytest

from newsmill.config import InputConfig
from newsmill.errors import Code, Rejected
from newsmill.records import Position, RawPage, SourceRecord
from newsmill.sources import fields
from newsmill.sources.envelopes import decode
from newsmill.sources.page_fields import micros

POSITION = Position(topic="t", partition=2, offset=7)
HTML = "<html><body><p>Grüße</p></body></html>"
NINE_AM = micros("2026-11-09T09:00:00Z")


def record(value: bytes | None, **headers: str | bytes) -> SourceRecord:
    return SourceRecord(
        position=POSITION,
        value=value,
        headers=tuple(
            (name, text.encode() if isinstance(text, str) else text) for name, text in headers.items()
        ),
    )


def page(value: bytes | None, config: InputConfig | None = None, **headers: str | bytes) -> RawPage:
    found = decode(record(value, **headers), config or InputConfig())
    assert isinstance(found, RawPage)
    return found


def code(value: bytes, config: InputConfig | None = None, **headers: str | bytes) -> Code:
    with pytest.raises(Rejected) as caught:
        decode(record(value, **headers), config or InputConfig())
    assert len(caught.value.message) < 1000
    return caught.value.code


def as_json(**document: Any) -> bytes:
    return json.dumps({"url": "http://a.org/x"} | document).encode()


def avro(document: dict[str, Any], *, schema: Any = None, schema_id: int = 1) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema or fields.AVRO_PAGE), document)
    return b"\x00" + struct.pack(">I", schema_id) + out.getvalue()


def warc(
    body: bytes = HTML.encode(),
    *,
    kind: str = "response",
    http: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nX-A: 1\r\nX-A: 2\r\n\r\n",
    url: str = "http://a.org/x",
    length: int | None = None,
    media: str = "application/http; msgtype=response",
) -> bytes:
    block = http + body
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-11-09T09:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:1>\r\nContent-Type: {media}\r\n"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"
