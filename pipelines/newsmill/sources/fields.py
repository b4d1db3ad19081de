"""The input contract: which fields an envelope has, under which names, with which limits.

The schemas in `schemas/input/` are made from this module (`python -m newsmill.sources.fields
schemas/input`), and the decoders read their names and limits here: they can't drift apart.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "url": ("url", "uri", "link", "requested_url"),
    "final_url": ("final_url", "response_url"),
    "fetched_at": ("fetched_at", "download_date", "crawled_at", "timestamp"),
    "status": ("status", "status_code", "http_status"),
    "content_type": ("content_type",),
    "charset": ("charset",),
    "content_encoding": ("content_encoding",),
    "headers": ("headers", "response_headers"),
}
"""Names of each field, as crawlers write them; where several are there, the first counts."""

TEXT_BODIES: Final = ("html",)
BASE64_BODIES: Final = ("html_b64", "body_b64")
EITHER_BODY: Final = "body"
"""Text, or base64 where `body_encoding` is `base64`."""

VERSION: Final = 1
MAX_DEPTH: Final = 64
MAX_HEADERS: Final = 256
MAX_HEADER_VALUES: Final = 1_024
"""Of all headers together, where a name may have several."""
MAX_HEADER_NAME: Final = 256
MAX_HEADER_VALUE: Final = 16_384
MAX_HEADER_BLOCK: Final = 262_144
MAX_TIME: Final = 10**17
"""Numbers are times since 1970: seconds below 1e11, milliseconds below 1e14, else microseconds."""

HEADER_NAME: Final = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
"""A token of RFC 9110, section 5.1."""
BLANKS: Final = " \t\r\n"
"""Count for nothing at either end of a time or a status."""
_BLANKS: Final = f"[{BLANKS}]{{0,100}}"
TIME: Final = (
    rf"^{_BLANKS}[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([Tt ][0-9]{{2}}:[0-9]{{2}}"
    rf"(:[0-9]{{2}}([.,][0-9]{{1,30}})?)?([Zz]|[+-][0-9]{{2}}:?[0-9]{{2}})?)?{_BLANKS}$"
)
"""RFC 3339, also without seconds, time or zone (then UTC), to the microsecond; `24:00:00` ends a day, and
second 60 is the first of the next minute."""
NUMBER: Final = rf"^{_BLANKS}[0-9]{{1,17}}([.][0-9]{{1,30}})?{_BLANKS}$"
"""A time as a number that was written as text."""
STATUS: Final = rf"^{_BLANKS}(HTTP/[0-9.]{{1,4}} )?[1-9][0-9]{{2}}( [ -~]{{0,100}})?{_BLANKS}$"
"""An HTTP status as text: `200`, `200 OK`, or a status line."""
BLANK: Final = rf"^[{BLANKS}]*$"
"""Says nothing, as null does."""
BASE64: Final = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"

AVRO_PAGE: Final[dict[str, Any]] = {
    "type": "record",
    "name": "Page",
    "namespace": "newsmill.input",
    "doc": "One crawled page. Value = 0x00, schema id (4 bytes, big-endian), this record.",
    "fields": [
        {"name": "url", "type": "string", "doc": "As requested; the identity of the page."},
        {"name": "body", "type": "bytes", "doc": "The response's body as received."},
        {"name": "final_url", "type": ["null", "string"], "default": None, "doc": "After redirects."},
        {
            "name": "fetched_at",
            "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}],
            "default": None,
        },
        {"name": "status", "type": ["null", "int"], "default": None, "doc": "HTTP status, 100 to 999."},
        {"name": "content_type", "type": ["null", "string"], "default": None},
        {"name": "charset", "type": ["null", "string"], "default": None},
        {
            "name": "content_encoding",
            "type": ["null", "string"],
            "default": None,
            "doc": "Of the body as it is here: gzip, deflate, br, zstd; null where it is plain.",
        },
        {
            "name": "headers",
            "type": ["null", {"type": "map", "values": "string"}],
            "default": None,
            "doc": "HTTP response headers.",
        },
    ],
}


def json_schema() -> dict[str, Any]:
    """The JSON envelope as a JSON Schema (2020-12).

    What it can't say, and the decoder asks too: no key twice, no number beyond a double, nesting of at
    most 64, times that exist, no page larger than `input.max_value_bytes`.
    """
    text = {"type": ["string", "null"]}
    shapes: dict[str, dict[str, Any]] = {
        "url": {**text, "description": "As requested; the identity of the page."},
        "final_url": {**text, "description": "After redirects."},
        "fetched_at": {
            "description": "RFC 3339, or a number since 1970: s below 1e11, ms below 1e14, else µs.",
            "anyOf": [
                {"type": "null"},
                {"type": "string", "pattern": f"{TIME}|{NUMBER}|{BLANK}"},
                {"type": "number", "minimum": 0, "exclusiveMaximum": MAX_TIME},
            ],
        },
        "status": {
            "description": "HTTP status.",
            "anyOf": [
                {"type": "null"},
                {"type": "integer", "minimum": 100, "maximum": 999},
                {"type": "string", "pattern": f"{STATUS}|{BLANK}"},
            ],
        },
        "content_type": text,
        "charset": text,
        "content_encoding": {
            **text,
            "description": "Of a base64 body: gzip, deflate, br, zstd. Ignored where the body is text.",
        },
        "headers": {"description": "HTTP response headers.", "$ref": "#/$defs/headers"},
    }
    name = {"type": "string", "pattern": HEADER_NAME, "maxLength": MAX_HEADER_NAME}
    value = {"type": ["string", "number", "null"], "maxLength": MAX_HEADER_VALUE}
    properties: dict[str, Any] = {alias: shapes[field] for field, names in NAMES.items() for alias in names}
    properties |= dict.fromkeys(TEXT_BODIES, text)
    properties |= {alias: {**text, "pattern": BASE64} for alias in BASE64_BODIES}
    properties |= {
        EITHER_BODY: text,
        "body_encoding": {"enum": ["base64", "text", None]},
        "schema_version": {"enum": [VERSION, str(VERSION), None]},
    }
    bodies = (*TEXT_BODIES, *BASE64_BODIES, EITHER_BODY)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "newsmill page, JSON envelope",
        "description": "One crawled page as the value of a Kafka record. Unknown keys are ignored.",
        "type": "object",
        "properties": properties,
        "allOf": [
            {
                "description": "A page without its URL has no identity.",
                "anyOf": [
                    {"required": [alias], "properties": {alias: {"type": "string", "minLength": 1}}}
                    for alias in NAMES["url"]
                ],
            },
            {
                "description": "The body, once; null says that there is none.",
                "oneOf": [
                    {"required": [alias], "properties": {alias: {"type": "string"}}} for alias in bodies
                ],
            },
            {
                "if": {"required": ["body_encoding"], "properties": {"body_encoding": {"const": "base64"}}},
                "then": {"properties": {EITHER_BODY: {"pattern": BASE64}}},
            },
        ],
        "$defs": {
            "headers": {
                "anyOf": [
                    {"type": "null"},
                    {
                        "type": "object",
                        "maxProperties": MAX_HEADERS,
                        "propertyNames": name,
                        "additionalProperties": {
                            "anyOf": [
                                value,
                                {"type": "array", "items": value, "maxItems": MAX_HEADER_VALUES},
                            ]
                        },
                    },
                    {
                        "type": "array",
                        "maxItems": MAX_HEADERS,
                        "items": {
                            "type": "array",
                            "prefixItems": [name, value],
                            "minItems": 2,
                            "maxItems": 2,
                        },
                    },
                    {
                        "description": "The raw block, a header a line.",
                        "type": "string",
                        "maxLength": MAX_HEADER_BLOCK,
                    },
                ]
            }
        },
    }


def files() -> dict[str, str]:
    """Text of each schema file by name."""
    return {
        "page.schema.json": json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
        "page.avsc": json.dumps(AVRO_PAGE, indent=2, ensure_ascii=False) + "\n",
    }


if __name__ == "__main__":
    for _name, _text in files().items():
        Path(sys.argv[1], _name).write_text(_text, encoding="utf-8")
