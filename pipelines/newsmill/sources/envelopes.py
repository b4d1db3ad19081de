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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NoReturn

import fastavro
import msgspec
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from newsmill import strings, urls
from newsmill.config import EnvelopeFormat, InputConfig
from newsmill.errors import Code, ConfigError, Rejected
from newsmill.page.decoding import gunzip
from newsmill.records import Micros, NotArticle, NotArticleReason, Position, RawPage, SourceRecord
from newsmill.sources import fields, foreign_envelopes
from newsmill.sources.fields import BASE64_BODIES, EITHER_BODY, NAMES, TEXT_BODIES
from newsmill.sources.header_names import SUBSTITUTE

GZIP_FLOOR: Final = 1_000_000
"""A gzipped WARC record may always grow to so many bytes; above it the ratio's cap counts too."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(fields.TIME)
_NUMBER = re.compile(fields.NUMBER)
_STATUS = re.compile(fields.STATUS)
_BLANK = re.compile(fields.BLANK)
_HEADER_NAME = re.compile(fields.HEADER_NAME)
_CHARSET = re.compile(r"""charset\s*+=\s*+["']?+\s*+([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_HTTP_URL = re.compile(r"https?://", re.IGNORECASE)


def decode(
    record: SourceRecord, config: InputConfig, foreign: Sequence[foreign_envelopes.Named] = ()
) -> RawPage | NotArticle:
    """Decode one record.

    Args:
        record: Any.
        config: Envelope format and byte limits.
        foreign: Envelopes of other packages, asked before newsmill's own.

    Returns:
        The page, or `NotArticle` for a value that can't hold one: `tombstone` (null), `empty` (blank,
        or an envelope with a blank body), `no_page` (a WARC record that is no response or resource).

    Raises:
        Rejected: `E_SIZE` for a value above `max_value_bytes`; `E_DECOMP` for a gzipped WARC record
            above the caps; `E_SCHEMA` for all else that is no envelope or lacks its URL.
    """
    value = record.value
    if value is None:
        return NotArticle(reason=NotArticleReason.TOMBSTONE)
    if len(value) > config.max_value_bytes:
        raise Rejected(Code.SIZE, f"value of {len(value)} bytes, more than {config.max_value_bytes}")
    if not value[:4096].strip() and not value.strip():
        return NotArticle(reason=NotArticleReason.EMPTY)
    if foreign and (found := foreign_envelopes.found_in(record, foreign)) is not None:
        name, described, body = found
        return _whole(_page(_found(described), body, record.position, name), record)
    headers = _RecordHeaders(record.headers)
    page = _DECODERS[_format(value, headers, config)](value, headers, record.position, config)
    return page if isinstance(page, NotArticle) else _whole(page, record)


def _whole(page: RawPage, record: SourceRecord) -> RawPage | NotArticle:
    """The page with the broker's time; none where its body is blank."""
    if not page.body[:4096].strip() and not page.body.strip():
        return NotArticle(reason=NotArticleReason.EMPTY)
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
    return _page(_found(described), body, position, "raw")


def micros(value: object) -> Micros:
    """A time as crawlers write it, in microseconds since 1970.

    >>> micros("2021-11-08T10:00:00Z") == micros(1636365600) == micros(1636365600000)
    True

    Args:
        value: A datetime, text as `fields.TIME` has it, or a number (seconds below 1e11,
            milliseconds below 1e14, else microseconds).

    Raises:
        Rejected: `E_SCHEMA`.
    """
    if isinstance(value, datetime):
        return _since_epoch(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < fields.MAX_TIME:
        scale = 1_000_000 if value < 10**11 else 1_000 if value < 10**14 else 1
        return round(value * scale)
    if isinstance(value, str) and _NUMBER.match(value):
        return micros(float(value) if "." in value else int(value))
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return _since_epoch(datetime.fromisoformat(value.upper()))
        except ValueError:
            pass
    _broken(f"fetched_at: no time: {str(value)[:100]!r}")


def _since_epoch(time: datetime) -> Micros:
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    difference = aware - _EPOCH
    return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds


def _rfc3339(at: Micros) -> str:
    seconds, fraction = divmod(at, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction).isoformat()


class _RecordHeaders:
    """Kafka headers by field; `nm-` names win over plain ones, those over CloudEvents'."""

    def __init__(self, headers: Iterable[tuple[str, bytes | None]]) -> None:
        self._ranked: dict[str, dict[int, set[bytes]]] = {}
        count = size = 0
        for name, value in headers:
            count, size = count + 1, size + len(name) + len(value or b"")
            if count > fields.MAX_HEADERS:
                _broken(f"more than {fields.MAX_HEADERS} record headers")
            if len(name) > fields.MAX_HEADER_NAME or size > fields.MAX_HEADER_BLOCK:
                _broken(
                    f"record headers of more than {fields.MAX_HEADER_BLOCK} bytes, or a name longer "
                    f"than {fields.MAX_HEADER_NAME} characters"
                )
            if SUBSTITUTE in name:
                _broken("a record header's name is no UTF-8")
            if value is None:  # says nothing, as one that is not there
                continue
            key, rank = _header_field(name)
            self._ranked.setdefault(key, {}).setdefault(rank, set()).add(value)

    def get(self, key: str) -> str | None:
        """The field's text; E_SCHEMA when it has two values or is no UTF-8."""
        ranked = self._ranked.get(key)
        if not ranked:
            return None
        values = ranked[min(ranked)]
        if len(values) > 1:
            _broken(f"record header {key} is there twice, with different values")
        try:
            return next(iter(values)).decode("utf-8")
        except UnicodeDecodeError:
            _broken(f"record header {key} is no UTF-8")

    def url(self) -> str | None:
        """The page's URL, if the headers have it."""
        found = self.get("url")
        if found is None:
            events = (self.get(f"ce-{name}") for name in ("subject", "source"))
            found = next((text for text in events if text and _HTTP_URL.match(text)), None)
        return found

    def others(self) -> dict[str, str]:
        """HTTP headers among them; binary ones of other tools are no business of ours."""
        found = {}
        for key in self._ranked:
            if key in _FIELD_KEYS or key.startswith("ce-") or not _HEADER_NAME.match(key):
                continue
            values = self._ranked[key][min(self._ranked[key])]
            try:
                found[key] = ", ".join(sorted(value.decode("utf-8") for value in values))
            except UnicodeDecodeError:
                continue
        return found


def _header_field(name: str) -> tuple[str, int]:
    name = name.lower()
    if name.startswith("nm-"):
        return name[3:].replace("_", "-"), 0
    if name.startswith(("ce_", "ce-")):
        return "ce-" + name[3:], 2
    plain = name.replace("_", "-")
    return (plain if plain in _FIELD_KEYS else name), 1


_FIELD_KEYS = frozenset(
    {"url", "final-url", "fetched-at", "status", "content-type", "charset", "content-encoding", "envelope"}
)


def _format(value: bytes, headers: _RecordHeaders, config: InputConfig) -> EnvelopeFormat:
    if config.format is not EnvelopeFormat.AUTO:
        return config.format
    said = headers.get("envelope")
    if said is not None:
        if said not in (known.value for known in _DECODERS):
            _broken(f"record header envelope: {said[:100]!r} is none of raw, json, avro, warc")
        return EnvelopeFormat(said)
    if headers.url() is not None:
        return EnvelopeFormat.RAW
    if value.startswith((b"WARC/", b"\x1f\x8b")):
        return EnvelopeFormat.WARC
    if value.startswith(b"\x00"):
        return EnvelopeFormat.AVRO
    if value[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return EnvelopeFormat.JSON
    _broken("no envelope: no url header, and no JSON, Avro or WARC record")


def _raw(value: bytes, headers: _RecordHeaders, position: Position, config: InputConfig) -> RawPage:
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
    return _page(_found(found), value, position, "raw")


def _json(value: bytes, headers: _RecordHeaders, position: Position, config: InputConfig) -> RawPage:
    try:
        document = json.loads(
            value,
            object_pairs_hook=_unique,
            parse_constant=lambda name: _broken(f"JSON: {name} is no JSON number"),
            parse_float=_finite,
        )
    except RecursionError:
        _broken(f"JSON: nested deeper than {fields.MAX_DEPTH}")
    except ValueError as error:
        _broken(f"JSON: {str(error)[:200]}")
    if not isinstance(document, dict):
        _broken("JSON: no object")
    if _depth(document) > fields.MAX_DEPTH:
        _broken(f"JSON: nested deeper than {fields.MAX_DEPTH}")
    return _document(document, position, "json")


def _document(document: Mapping[str, Any], position: Position, envelope: str) -> RawPage:
    """A page of the fields of a JSON object or an Avro record."""
    version = document.get("schema_version")
    if isinstance(version, bool) or version not in (None, fields.VERSION, str(fields.VERSION)):
        _broken(f"schema_version {str(version)[:100]} is not {fields.VERSION}")
    if document.get("body_encoding") not in (None, "text", "base64"):
        _broken(f"body_encoding {str(document['body_encoding'])[:100]!r} is none of text, base64")
    bodies = [n for n in (*TEXT_BODIES, *BASE64_BODIES, EITHER_BODY) if document.get(n) is not None]
    if len(bodies) != 1:
        _broken(
            f"one body is needed ({', '.join((*TEXT_BODIES, *BASE64_BODIES, EITHER_BODY))}), found {bodies}"
        )
    name, body = bodies[0], document[bodies[0]]
    found = _found(document)
    if isinstance(body, str):
        if name in BASE64_BODIES or (name == EITHER_BODY and document.get("body_encoding") == "base64"):
            body = _base64(name, body)
        else:
            body = strings.whole(body).encode()
            found |= {"charset": "utf-8", "content_encoding": None}
    elif not (isinstance(body, bytes) and envelope == "avro"):
        _broken(f"{name}: must be text, is {type(body).__name__}")
    return _page(found, body, position, envelope)


def _found(document: Mapping[str, Any]) -> dict[str, Any]:
    """The contract's fields, under whichever of their names they are; the first that says something."""
    found: dict[str, Any] = {}
    for field, names in NAMES.items():
        for name in names:
            value = document.get(name)
            if value is not None and not (field in _CHECKS and _is_blank(value)):
                _CHECKS.get(field, partial(_text, field))(value)
                if found.get(field) in (None, ""):
                    found[field] = value
    return found


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and _BLANK.match(value) is not None


def _base64(name: str, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        _broken(f"{name}: no base64: {error}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _broken("JSON: a key is there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _broken(f"JSON: number out of range: {text[:100]}")
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


def _avro(value: bytes, headers: _RecordHeaders, position: Position, config: InputConfig) -> RawPage:
    if len(value) < 6 or value[0] != 0:
        _broken("Avro: no Schema Registry framing (0x00, 4 bytes of schema id, record)")
    (schema_id,) = struct.unpack(">I", value[1:5])
    schema = avro_schema(config.avro_schema_files.get(schema_id))
    stream = io.BytesIO(value[5:])
    try:
        document = fastavro.schemaless_reader(stream, schema, None)
    except _AVRO_ERRORS as error:
        _broken(f"Avro: no record of schema {schema_id}: {type(error).__name__}: {str(error)[:200]}")
    if rest := len(value) - 5 - stream.tell():
        _broken(f"Avro: {rest} bytes follow the record of schema {schema_id}")
    if not isinstance(document, dict):
        _broken(f"Avro: schema {schema_id} is no record")
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
    value: bytes, headers: _RecordHeaders, position: Position, config: InputConfig
) -> RawPage | NotArticle:
    if value.startswith(b"\x1f\x8b"):
        cap = max(GZIP_FLOOR, config.max_decompression_ratio * len(value))
        unzipped = gunzip(value, min(cap, config.max_decompressed_bytes))
        if unzipped is None:
            raise Rejected(Code.DECOMPRESSION, "gzip: torn")
        value = unzipped
    if not value.startswith(b"WARC/"):
        _broken("WARC: no record")
    records = ArchiveIterator(io.BytesIO(value), stream_detect=False, parse_http=False)
    pages = list(islice(warc_pages(records, position), 2))
    if len(pages) > 1:
        _broken("WARC: more than one page in one value; split the file with `newsmill ingest`")
    return pages[0] if pages else NotArticle(reason=NotArticleReason.NO_PAGE)


def warc_pages(records: ArchiveIterator, position: Position) -> Iterator[RawPage]:
    """The pages of a WARC stream, all with the position given; records that hold no page are passed over.

    Args:
        records: Iterator made with `parse_http=False`.
        position: Of the pages made.

    Raises:
        Rejected: `E_SCHEMA` when a record is torn or is no WARC record.
    """
    try:
        for record in records:
            if record.headers.get("WARC-Type") is None:
                _broken("WARC: a record without WARC-Type")
            if record.record_type in (WarcRecordType.response, WarcRecordType.resource):
                yield _warc_page(record, position)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        _broken(f"WARC: {str(error)[:200]}")


def _warc_page(record: WarcRecord, position: Position) -> RawPage:
    said = record.content_length
    record.freeze()
    if record.content_length != said:
        _broken(f"WARC: torn record: {record.content_length} bytes of {said}")
    names = {name.lower(): value for name, value in record.headers.items()}
    found: dict[str, Any] = {
        "url": names.get("warc-target-uri", "").strip("<> ") or None,
        "fetched_at": names.get("warc-date"),
        "content_type": names.get("content-type"),
    }
    kept: dict[str, str] = {n: names[n] for n in ("warc-record-id", "warc-truncated") if n in names}
    if record.record_type == WarcRecordType.response:
        if not record.is_http:
            _broken("WARC: a response record that is no HTTP response")
        record.parse_http(auto_decode="transfer")
        if not record.http_headers.status_code:
            _broken("WARC: a response record that is no HTTP response")
        values: dict[str, list[str]] = {}
        for name, value in islice(record.http_headers.astuples(), fields.MAX_HEADER_VALUES):
            if _HEADER_NAME.match(name):
                values.setdefault(name.lower(), []).append(value)
        http = {name: ", ".join(found) for name, found in values.items()}
        found |= {
            "status": record.http_headers.status_code,
            "content_type": http.get("content-type"),
            "content_encoding": http.get("content-encoding"),
        }
        kept = http | kept
    found["headers"] = kept
    return _page(found, record.reader.read(), position, "warc")


def _page(found: Mapping[str, Any], body: bytes, position: Position, envelope: str) -> RawPage:
    """The page of the fields found, each checked."""
    text = {name: _text(name, found[name]) if found.get(name) is not None else None for name in _TEXT_FIELDS}
    text |= {name: _field(text[name]) for name in _TEXT_FIELDS if name != "url"}
    if not (url := text["url"]):
        _broken(f"no URL: one of {', '.join(NAMES['url'])} is needed")
    headers = dict(_headers(found.get("headers")))
    content_type = text["content_type"] or headers.get("content-type")
    charset = text["charset"]
    if charset is None and content_type and (match := _CHARSET.search(content_type)):
        charset = match[1]
    status = found.get("status")
    return RawPage(
        position=position,
        url=url,
        body=body,
        envelope=envelope,
        final_url=text["final_url"],
        fetched_at=micros(found["fetched_at"]) if found.get("fetched_at") is not None else None,
        status=_status(status) if status is not None else None,
        content_type=content_type,
        charset=charset,
        content_encoding=text["content_encoding"],
        headers=headers,
    )


_TEXT_FIELDS = ("url", "final_url", "content_type", "charset", "content_encoding")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        _broken(f"{name}: must be text, is {type(value).__name__}")
    text = strings.whole(value)
    if name == "url" and text != value:
        raise Rejected(Code.URL, f"URL with lone surrogates: {value[:200]!r}")
    return text


def _field(text: str | None) -> str | None:
    """What a field beside the page's identity says; nothing where no field of its kind is so long."""
    return strings.line(text) or None if text and len(text) <= urls.MAX_LENGTH else None


def _status(value: object) -> int:
    if isinstance(value, str) and _STATUS.match(value):
        value = int(value.split()[value.startswith("HTTP/")])
    if not isinstance(value, int | float) or isinstance(value, bool) or value != int(value):
        _broken(f"status: no HTTP status: {str(value)[:100]!r}")
    if not 100 <= value <= 999:
        _broken(f"status: no HTTP status: {str(value)[:100]!r}")
    return int(value)


def _headers(value: object) -> Iterator[tuple[str, str]]:
    """Headers in any of the contract's shapes, names in lower case, repeated ones joined by a comma."""
    values: dict[str, list[str]] = {}
    count = size = 0
    for name, text in _header_pairs(value):
        count, size = count + 1, size + len(text or "")
        if count > fields.MAX_HEADER_VALUES or size > fields.MAX_HEADER_BLOCK:
            _broken(
                f"headers: more than {fields.MAX_HEADER_VALUES} values, or {fields.MAX_HEADER_BLOCK} letters"
            )
        if len(name) > fields.MAX_HEADER_NAME or not _HEADER_NAME.match(name):
            _broken(f"headers: no header name: {name[:100]!r}")
        if text is None:
            continue
        if len(text) > fields.MAX_HEADER_VALUE:
            _broken(f"headers: {name}: longer than {fields.MAX_HEADER_VALUE} characters")
        values.setdefault(name.lower(), []).append(strings.line(strings.whole(text)))
    return ((name, ", ".join(found)) for name, found in values.items())


def _header_pairs(value: object) -> Iterator[tuple[str, str | None]]:
    """Names and values; a value that is null says nothing, as a header that is not there.

    Numbers are taken as they are written.
    """
    if value is None:
        return
    if isinstance(value, str):
        if len(value) > fields.MAX_HEADER_BLOCK:
            _broken(f"headers: longer than {fields.MAX_HEADER_BLOCK} characters")
        yield from _header_lines(value)
        return
    if not isinstance(value, dict | list):
        _broken(f"headers: must be an object, a list of pairs or text, is {type(value).__name__}")
    if len(value) > fields.MAX_HEADERS:
        _broken(f"headers: more than {fields.MAX_HEADERS}")
    for pair in value.items() if isinstance(value, dict) else value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            _broken("headers: a list must hold [name, value] pairs")
        name, text = pair
        for one in text if isinstance(value, dict) and isinstance(text, list) else (text,):
            if isinstance(one, int | float) and not isinstance(one, bool):
                one = str(one)
            if not isinstance(name, str) or not isinstance(one, str | None):
                _broken("headers: names and values must be text")
            yield name, one


def _header_lines(block: str) -> Iterator[tuple[str, str]]:
    """The headers of a raw block; lines that are none (the status line) are passed over."""
    for line in block.splitlines()[: fields.MAX_HEADERS]:
        name, colon, text = line.partition(":")
        if colon and len(name) <= fields.MAX_HEADER_NAME and _HEADER_NAME.match(name):
            yield name, text.strip()[: fields.MAX_HEADER_VALUE]


def _broken(message: str) -> NoReturn:
    raise Rejected(Code.SCHEMA, message)


_CHECKS: Final[dict[str, Callable[[Any], object]]] = {
    "fetched_at": micros,
    "status": _status,
    "headers": lambda value: dict(_headers(value)),
}
_Decoder = Callable[[bytes, _RecordHeaders, Position, InputConfig], RawPage | NotArticle]
_DECODERS: Final[dict[EnvelopeFormat, _Decoder]] = {
    EnvelopeFormat.RAW: _raw,
    EnvelopeFormat.JSON: _json,
    EnvelopeFormat.AVRO: _avro,
    EnvelopeFormat.WARC: _warc,
}
