"""The fields of a page, whatever envelope they came in: found by their names, and each checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NoReturn

from newsmill import strings, urls
from newsmill.errors import Code, Rejected
from newsmill.records import Micros, Position, RawPage
from newsmill.sources import fields
from newsmill.sources.fields import NAMES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(fields.TIME)
_NUMBER = re.compile(fields.NUMBER)
_STATUS = re.compile(fields.STATUS)
_BLANK = re.compile(fields.BLANK)
HEADER_NAME = re.compile(fields.HEADER_NAME)
_CHARSET = re.compile(r"""charset\s*+=\s*+["']?+\s*+([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)


def known_fields(document: Mapping[str, Any]) -> dict[str, Any]:
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


def named_url(pairs: Iterable[tuple[str, object]]) -> str | None:
    """The URL among an envelope's fields, whatever the others are; None where its name is there twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in NAMES["url"] and isinstance(value, str) and value:
            if name in found:
                return None
            found[name] = value
    return next((found[name] for name in NAMES["url"] if name in found), None)


@contextmanager
def about(url: str | None) -> Iterator[None]:
    """What is rejected meanwhile is of this URL, if it names none itself."""
    try:
        yield
    except Rejected as error:
        if error.url is None:
            error.url = url
        raise


def page_of(found: Mapping[str, Any], body: bytes, position: Position, envelope: str) -> RawPage:
    """The page of the fields found, each checked."""
    text = {name: _text(name, found[name]) if found.get(name) is not None else None for name in _TEXT_FIELDS}
    text |= {name: _field(text[name]) for name in _TEXT_FIELDS if name != "url"}
    if not (url := text["url"]):
        broken(f"no URL: one of {', '.join(NAMES['url'])} is needed")
    headers = dict(_headers(found.get("headers")))
    content_type = text["content_type"] or headers.get("content-type")
    charset = text["charset"]
    if charset is None and content_type and (match := _CHARSET.search(content_type)):
        charset = match[1]
    status = found.get("status")
    return RawPage(
        position=position,
        url=urls.without_login(url),
        body=body,
        envelope=envelope,
        final_url=urls.without_login(text["final_url"]) if text["final_url"] else None,
        fetched_at=micros(found["fetched_at"]) if found.get("fetched_at") is not None else None,
        status=_status(status) if status is not None else None,
        content_type=content_type,
        charset=charset,
        content_encoding=text["content_encoding"],
        headers=headers,
    )


_TEXT_FIELDS = ("url", "final_url", "content_type", "charset", "content_encoding")


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
    if isinstance(value, str) and _TIME.match(value):
        with suppress(ValueError, OverflowError):
            return _since_epoch(_time(value.strip(fields.BLANKS).upper()))
    broken(f"fetched_at: {str(value)[:100]!r} is no time")


_DAYS_END = re.compile(r"(?<=[T ])24:00(:00([.,]0+)?)?(?![:.,0-9])")
_SECOND_60 = re.compile(r"(?<=:[0-9]{2}:)60([.,][0-9]+)?")
_BEYOND_MICROSECONDS = re.compile(r"(?<=[.,][0-9]{6})[0-9]+")


def _time(text: str) -> datetime:
    """The time of a text that `fields.TIME` matches. Raises ValueError or OverflowError where none is."""
    text, days = _DAYS_END.subn("00:00:00", text)
    text, seconds = _SECOND_60.subn("59", text)
    time = datetime.fromisoformat(_BEYOND_MICROSECONDS.sub("", text)) + timedelta(days=days, seconds=seconds)
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(UTC)


def _since_epoch(time: datetime) -> Micros:
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    difference = aware - _EPOCH
    return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and _BLANK.match(value) is not None


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        broken(f"{name}: must be text, is {type(value).__name__}")
    text = strings.whole(value)
    if name == "url" and text != value:
        raise Rejected(Code.URL, f"URL with lone surrogates: {value[:200]!r}")
    return text


def _field(text: str | None) -> str | None:
    """What a field beside the page's identity says; nothing where no field of its kind is so long."""
    return strings.line(text) or None if text and len(text) <= urls.MAX_LENGTH else None


def _status(value: object) -> int:
    if isinstance(value, str) and _STATUS.match(value):
        value = int(value.split()[value.lstrip(fields.BLANKS).startswith("HTTP/")])
    if not isinstance(value, int | float) or isinstance(value, bool) or value != int(value):
        broken(f"status: {str(value)[:100]!r} is no HTTP status")
    if not 100 <= value <= 999:
        broken(f"status: {str(value)[:100]!r} is no HTTP status")
    return int(value)


def _headers(value: object) -> Iterator[tuple[str, str]]:
    """Headers in any of the contract's shapes, names in lower case, repeated ones joined by a comma."""
    values: dict[str, list[str]] = {}
    count = size = 0
    for name, text in _header_pairs(value):
        count, size = count + 1, size + len(text or "")
        if count > fields.MAX_HEADER_VALUES or size > fields.MAX_HEADER_BLOCK:
            broken(
                f"headers: more than {fields.MAX_HEADER_VALUES} values, or {fields.MAX_HEADER_BLOCK} letters"
            )
        if len(name) > fields.MAX_HEADER_NAME or not HEADER_NAME.match(name):
            broken(f"headers: {name[:100]!r} is no header name")
        if text is None:
            continue
        if len(text) > fields.MAX_HEADER_VALUE:
            broken(f"headers: {name}: longer than {fields.MAX_HEADER_VALUE} characters")
        values.setdefault(name.lower(), []).append(strings.line(strings.whole(text)))
    return ((name, ", ".join(found)) for name, found in values.items())


def _header_pairs(value: object) -> Iterator[tuple[str, str | None]]:
    """Names and values; a value that is null, or a list of none, says nothing, as a header that is not there.

    Numbers are taken as they are written.
    """
    if value is None:
        return
    if isinstance(value, str):
        if len(value) > fields.MAX_HEADER_BLOCK:
            broken(f"headers: longer than {fields.MAX_HEADER_BLOCK} characters")
        yield from _header_lines(value)
        return
    if not isinstance(value, dict | list):
        broken(f"headers: must be an object, a list of pairs or text, is {type(value).__name__}")
    if len(value) > fields.MAX_HEADERS:
        broken(f"headers: more than {fields.MAX_HEADERS}")
    for pair in value.items() if isinstance(value, dict) else value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            broken("headers: a list must hold [name, value] pairs")
        name, text = pair
        several = text if isinstance(value, dict) and isinstance(text, list) else [text]
        for one in several or [None]:
            if isinstance(one, int | float) and not isinstance(one, bool):
                one = str(one)
            if not isinstance(name, str) or not isinstance(one, str | None):
                broken("headers: names and values must be text")
            yield name, one


def _header_lines(block: str) -> Iterator[tuple[str, str]]:
    """The headers of a raw block; lines that are none (the status line) are passed over."""
    for line in block.splitlines()[: fields.MAX_HEADERS]:
        name, colon, text = line.partition(":")
        if colon and len(name) <= fields.MAX_HEADER_NAME and HEADER_NAME.match(name):
            yield name, text.strip()[: fields.MAX_HEADER_VALUE]


def broken(message: str) -> NoReturn:
    """Reject the record: E_SCHEMA."""
    raise Rejected(Code.SCHEMA, message)


_CHECKS: Final[dict[str, Callable[[Any], object]]] = {
    "fetched_at": micros,
    "status": _status,
    "headers": lambda value: dict(_headers(value)),
}
