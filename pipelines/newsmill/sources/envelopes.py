"""Decoding: what a crawler put in a Kafka record becomes a page as it was crawled.

Five envelopes, told apart by headers and first bytes, never by guessing at text:

- raw: the value is the body, the fields are record headers: `url` (or `nm-url`, or CloudEvents'
  `ce_subject` / `ce_source`), `fetched_at`, `status`, `content-type`, `charset`, …
- JSON with the body as text, or as base64
- Avro in the Schema Registry's framing (0x00, schema id, record)
- one WARC record, plain or gzipped

The body stays as it came: no decompression, no charset. Nothing that a record names is fetched.
"""

from __future__ import annotations

import binascii
import io
import json
import math
import re
import struct
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import fastavro
import msgspec
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from newsmill import strings
from newsmill.config import EnvelopeFormat, InputConfig
from newsmill.errors import Code, ConfigError, Rejected
from newsmill.page.decoding import gunzip
from newsmill.records import Micros, NotArticle, NotArticleReason, Position, RawPage, SourceRecord
from newsmill.sources import fields, foreign_envelopes
from newsmill.sources.fields import BASE64_BODIES, EITHER_BODY, TEXT_BODIES
from newsmill.sources.page_fields import HEADER_NAME, about, broken, known_fields, named_url, page_of
from newsmill.sources.record_headers import RecordHeaders

GZIP_FLOOR: Final = 1_000_000
"""A gzipped WARC record may always grow to so many bytes; above it the ratio's cap counts too."""


def decode(
    record: SourceRecord, config: InputConfig, foreign: foreign_envelopes.Envelopes = ()
) -> RawPage | NotArticle:
    """Decode one record.

    Args:
        record: Any.
        config: Envelope format and byte limits.
        foreign: Envelopes of other packages, asked before newsmill's own.

    Returns:
        The page, or `NotArticle` for a value that can't hold one: `tombstone` (null), `empty` (blank,
        or an envelope with a blank body), `no_page` (a WARC record that is no response or resource).
        The first two have the URL that headers or envelope name.

    Raises:
        Rejected: `E_SIZE` for a value above `max_value_bytes`; `E_DECOMP` for a gzipped WARC record
            above the caps; `E_SCHEMA` for all else that is no envelope or lacks its URL. With the URL,
            where that can be read.
    """
    if record.value is None:
        return NotArticle(reason=NotArticleReason.TOMBSTONE, url=header_url(record))
    try:
        return _decoded(record, record.value, config, foreign)
    except Rejected as error:
        error.url = error.url or header_url(record)
        raise


def header_url(record: SourceRecord) -> str | None:
    """The URL that a record's headers name, if they can be read."""
    try:
        return RecordHeaders(record.headers).url()
    except Rejected:
        return None


def _decoded(
    record: SourceRecord, value: bytes, config: InputConfig, foreign: foreign_envelopes.Envelopes
) -> RawPage | NotArticle:
    if len(value) > config.max_value_bytes:
        raise Rejected(Code.SIZE, f"value of {len(value)} bytes, more than {config.max_value_bytes}")
    if not value[:4096].strip() and not value.strip():
        return NotArticle(reason=NotArticleReason.EMPTY, url=header_url(record))
    if foreign and (found := foreign_envelopes.found_in(record, foreign)) is not None:
        name, described, body = found
        with about(named_url(described.items())):
            return _whole(page_of(known_fields(described), body, record.position, name), record)
    headers = RecordHeaders(record.headers)
    page = _DECODERS[_format(value, headers, config)](value, headers, record.position, config)
    return page if isinstance(page, NotArticle) else _whole(page, record)


def _whole(page: RawPage, record: SourceRecord) -> RawPage | NotArticle:
    """The page with the broker's time; none where its body is blank."""
    if not page.body[:4096].strip() and not page.body.strip():
        return NotArticle(reason=NotArticleReason.EMPTY, url=page.url)
    return msgspec.structs.replace(page, received_at=record.timestamp)


def encode(page: RawPage) -> tuple[tuple[tuple[str, bytes], ...], bytes]:
    """The headers and the value of a page's raw envelope: `decode` gives the page again."""
    named = {
        "url": page.url,
        "final_url": page.final_url,
        "fetched_at": _rfc3339(page.fetched_at) if page.fetched_at is not None else None,
        "status": str(page.status) if page.status is not None else None,
        "content-type": page.content_type,
        "charset": page.charset,
        "content-encoding": page.content_encoding,
    }
    rest = {name: value for name, value in page.headers.items() if name not in named}
    return (
        tuple((name, value.encode()) for name, value in (named | rest).items() if value is not None),
        page.body,
    )


def page(described: Mapping[str, Any], body: bytes, position: Position) -> RawPage:
    """A page of its bytes and the contract's fields (see `fields.NAMES`).

    Raises:
        Rejected: `E_SCHEMA` when a field is broken or the URL is missing.
    """
    return page_of(known_fields(described), body, position, "raw")


def _rfc3339(at: Micros) -> str:
    seconds, fraction = divmod(at, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction).isoformat()


def _format(value: bytes, headers: RecordHeaders, config: InputConfig) -> EnvelopeFormat:
    if config.format is not EnvelopeFormat.AUTO:
        return config.format
    said = headers.get("envelope")
    if said is not None:
        if said not in (known.value for known in _DECODERS):
            broken(f"record header envelope: {said[:100]!r} is none of raw, json, avro, warc")
        return EnvelopeFormat(said)
    if headers.url() is not None:
        return EnvelopeFormat.RAW
    if value.startswith((b"WARC/", b"\x1f\x8b")):
        return EnvelopeFormat.WARC
    if value.startswith(b"\x00"):
        return EnvelopeFormat.AVRO
    if value[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return EnvelopeFormat.JSON
    broken("no envelope: no url header, and no JSON, Avro or WARC record")


def _raw(value: bytes, headers: RecordHeaders, position: Position, config: InputConfig) -> RawPage:
    found: dict[str, Any] = {
        "url": headers.url(),
        "final_url": headers.get("final-url"),
        "fetched_at": headers.get("fetched-at") or headers.get("ce-time"),
        "status": headers.get("status"),
        "content_type": headers.get("content-type"),
        "charset": headers.get("charset"),
        "content_encoding": headers.get("content-encoding"),
        "headers": headers.others(),
    }
    return page_of(known_fields(found), value, position, "raw")


def _json(value: bytes, headers: RecordHeaders, position: Position, config: InputConfig) -> RawPage:
    try:
        return _document(_json_object(value), position, "json")
    except Rejected as error:
        error.url = error.url or _json_url(value)
        raise


def _json_object(value: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            value,
            object_pairs_hook=_unique,
            parse_constant=lambda name: broken(f"JSON: {name} is no JSON number"),
            parse_float=_finite,
        )
    except RecursionError:
        broken(f"JSON: nested deeper than {fields.MAX_DEPTH}")
    except ValueError as error:
        broken(f"JSON: {str(error)[:200]}")
    if not isinstance(document, dict):
        broken("JSON: no object")
    if _depth(document) > fields.MAX_DEPTH:
        broken(f"JSON: nested deeper than {fields.MAX_DEPTH}")
    return document


def _json_url(value: bytes) -> str | None:
    """The URL in an object that breaks a rule of the contract; None of what is no JSON at all."""
    try:
        pairs = json.loads(value, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return None
    return named_url(pairs) if isinstance(pairs, tuple) else None


def _document(document: Mapping[str, Any], position: Position, envelope: str) -> RawPage:
    """A page of the fields of a JSON object or an Avro record."""
    version = document.get("schema_version")
    if isinstance(version, bool) or version not in (None, fields.VERSION, str(fields.VERSION)):
        broken(f"schema_version {str(version)[:100]} is not {fields.VERSION}")
    if document.get("body_encoding") not in (None, "text", "base64"):
        broken(f"body_encoding {str(document['body_encoding'])[:100]!r} is none of text, base64")
    bodies = [n for n in (*TEXT_BODIES, *BASE64_BODIES, EITHER_BODY) if document.get(n) is not None]
    if len(bodies) != 1:
        broken(
            f"one body is needed ({', '.join((*TEXT_BODIES, *BASE64_BODIES, EITHER_BODY))}), found {bodies}"
        )
    name, body = bodies[0], document[bodies[0]]
    found = known_fields(document)
    if isinstance(body, str):
        if name in BASE64_BODIES or (name == EITHER_BODY and document.get("body_encoding") == "base64"):
            body = _base64(name, body)
        else:
            body = strings.whole(body).encode()
            found |= {"charset": "utf-8", "content_encoding": None}
    elif not (isinstance(body, bytes) and envelope == "avro"):
        broken(f"{name}: must be text, is {type(body).__name__}")
    return page_of(found, body, position, envelope)


def _base64(name: str, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        broken(f"{name}: no base64: {error}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        broken("JSON: a key is there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        broken(f"JSON: number out of range: {text[:100]}")
    return number


def _depth(document: Any) -> int:
    depth, level = 0, [document]
    while level:
        depth += 1
        level = [
            inner
            for node in level
            for inner in (node.values() if isinstance(node, dict) else node)
            if isinstance(inner, dict | list)
        ]
    return depth


def _avro(value: bytes, headers: RecordHeaders, position: Position, config: InputConfig) -> RawPage:
    if len(value) < 6 or value[0] != 0:
        broken("Avro: no Schema Registry framing (0x00, 4 bytes of schema id, record)")
    (schema_id,) = struct.unpack(">I", value[1:5])
    schema = avro_schema(config.avro_schema_files.get(schema_id))
    stream = io.BytesIO(value[5:])
    try:
        document = fastavro.schemaless_reader(stream, schema, None)
    except _AVRO_ERRORS as error:
        broken(f"Avro: no record of schema {schema_id}: {type(error).__name__}: {str(error)[:200]}")
    if rest := len(value) - 5 - stream.tell():
        broken(f"Avro: {rest} bytes follow the record of schema {schema_id}")
    if not isinstance(document, dict):
        broken(f"Avro: schema {schema_id} is no record")
    with about(named_url(document.items())):
        return _document(document, position, "avro")


_AVRO_ERRORS = (
    EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, StopIteration, MemoryError,
    RecursionError, struct.error,
)  # fmt: skip


_SCHEMA_ERRORS = (ValueError, TypeError, KeyError, RecursionError, fastavro.schema.SchemaParseException)


@lru_cache(maxsize=64)
def avro_schema(path: Path | None) -> Any:
    """The schema in a file, ready for reading; the one of schemas/input/page.avsc without.

    Raises:
        ConfigError: The file holds no schema of a record.
    """
    if path is None:
        return fastavro.parse_schema(fields.AVRO_PAGE)
    try:
        schema = fastavro.parse_schema(json.loads(path.read_bytes()))
    except (OSError, *_SCHEMA_ERRORS) as error:
        raise ConfigError(f"{path}: no Avro schema: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise ConfigError(f"{path}: the schema is not of a record")
    return schema


def _warc(
    value: bytes, headers: RecordHeaders, position: Position, config: InputConfig
) -> RawPage | NotArticle:
    if value.startswith(b"\x1f\x8b"):
        cap = max(GZIP_FLOOR, config.max_decompression_ratio * len(value))
        unzipped = gunzip(value, min(cap, config.max_decompressed_bytes))
        if unzipped is None:
            raise Rejected(Code.DECOMPRESSION, "gzip: torn")
        value = unzipped
    if not value.startswith(b"WARC/"):
        broken("WARC: no record")
    records = ArchiveIterator(io.BytesIO(value), stream_detect=False, parse_http=False)
    pages = list(islice(_warc_pages(records, position), 2))
    if len(pages) > 1:
        broken("WARC: more than one page in one value; split the file with `newsmill ingest`")
    return pages[0] if pages else NotArticle(reason=NotArticleReason.NO_PAGE)


def _warc_pages(records: ArchiveIterator, position: Position) -> Iterator[RawPage]:
    try:
        for record in records:
            if (page := warc_page(record, position)) is not None:
                yield page
    except WARC_ERRORS as error:
        broken(f"WARC: {str(error)[:200]}")


WARC_ERRORS: Final = (OSError, UnicodeDecodeError, ValueError)
"""What reading a WARC stream raises where it holds no record."""


_KEPT_BY_CRAWLERS: Final = frozenset({"dns", "whois", "metadata", "urn"})
"""Schemes under which crawlers keep what they note beside pages, as responses or resources: Heritrix its DNS
answers (`dns:`), wget its manifest and log (`metadata:`), Browsertrix what it saw of a page (`urn:`)."""


def warc_page(record: WarcRecord, position: Position) -> RawPage | None:
    """The page of a WARC record; None where its kind holds none.

    Args:
        record: Of an iterator made with `parse_http=False`.
        position: Of the page made.

    Raises:
        Rejected: `E_SCHEMA` when the record is torn, or its URL, time or HTTP response is no such thing.
    """
    url = warc_url(record)
    with about(url):
        if record.headers.get("WARC-Type") is None:
            broken("WARC: a record without WARC-Type")
        if record.record_type not in (WarcRecordType.response, WarcRecordType.resource):
            return None
        if url is None:
            broken("WARC: a record without WARC-Target-URI")
        if url.partition(":")[0].lower() in _KEPT_BY_CRAWLERS:
            return None
        try:
            return _warc_page(record, position)
        except WARC_ERRORS as error:
            broken(f"WARC: {str(error)[:200]}")


def warc_url(record: WarcRecord) -> str | None:
    """The URL that a WARC record names."""
    return (record.headers.get("WARC-Target-URI") or "").strip("<> ") or None


_HTTP_RECORD: Final = (
    b"WARC/1.1\r\nWARC-Type: response\r\nContent-Type: application/http; msgtype=response\r\n"
    b"Content-Length: %d\r\n\r\n"
)
"""Begins a copy of a response to be parsed: where that fails, the stream of the record can be read on."""


_HEADER: Final = re.compile(rb"(?:[^\r\n]+\r\n)+\r\n")
_HEADER_BYTES: Final = 65_536
"""Longest header of a response whose end is looked for; any other is read by the parser alone."""


def _warc_page(record: WarcRecord, position: Position) -> RawPage:
    said = record.content_length
    block = record.reader.read()
    if len(block) != said:
        broken(f"WARC: torn record: {len(block)} bytes of {said}")
    names = {name.lower(): value for name, value in record.headers.items()}
    found: dict[str, Any] = {
        "url": warc_url(record),
        "fetched_at": names.get("warc-date"),
        "content_type": names.get("content-type"),
    }
    kept: dict[str, str] = {n: names[n] for n in ("warc-record-id", "warc-truncated") if n in names}
    if record.record_type == WarcRecordType.response:
        if not record.is_http:
            broken("WARC: a response record that is no HTTP response")
        response, block = _http_response(block)
        values: dict[str, list[str]] = {}
        for name, value in islice(response.http_headers.astuples(), fields.MAX_HEADER_VALUES):
            if HEADER_NAME.match(name):
                values.setdefault(name.lower(), []).append(value)
        http = {name: ", ".join(found) for name, found in values.items()}
        found |= {
            "status": response.http_headers.status_code,
            "content_type": http.get("content-type"),
            "content_encoding": http.get("content-encoding"),
        }
        kept = http | kept
    found["headers"] = kept
    return page_of(found, block, position, "warc")


def _http_response(block: bytes) -> tuple[WarcRecord, bytes]:
    """The response that a record holds, and its body without transfer coding.

    Where the header is as it must be and names no transfer coding, the body is not copied through the parser.

    Raises:
        Rejected: `E_SCHEMA` when it is no HTTP response.
    """
    header = _HEADER.match(block, 0, _HEADER_BYTES)
    if header is not None:
        response = _parsed(header[0])
        names = {name.lower() for name, _ in response.http_headers.astuples()}
        if response.http_headers.status_code and "transfer-encoding" not in names:
            return response, block[header.end() :]
    response = _parsed(block)
    if not response.http_headers.status_code:
        broken("WARC: a response record that is no HTTP response")
    return response, response.reader.read()


def _parsed(block: bytes) -> WarcRecord:
    response = WarcRecord.from_bytes(_HTTP_RECORD % len(block) + block)
    response.parse_http(auto_decode="transfer")
    return response


_Decoder = Callable[[bytes, RecordHeaders, Position, InputConfig], RawPage | NotArticle]
_DECODERS: Final[dict[EnvelopeFormat, _Decoder]] = {
    EnvelopeFormat.RAW: _raw,
    EnvelopeFormat.JSON: _json,
    EnvelopeFormat.AVRO: _avro,
    EnvelopeFormat.WARC: _warc,
}
