"""The headers of a Kafka record, as an envelope's fields."""

from __future__ import annotations

import re
from collections.abc import Iterable

from newsmill.sources import fields
from newsmill.sources.header_names import SUBSTITUTE
from newsmill.sources.page_fields import HEADER_NAME, broken

_HTTP_URL = re.compile(r"https?://", re.IGNORECASE)


class RecordHeaders:
    """Kafka headers by field; `nm-` names win over plain ones, those over CloudEvents'."""

    def __init__(self, headers: Iterable[tuple[str, bytes | None]]) -> None:
        self._ranked: dict[str, dict[int, set[bytes]]] = {}
        count = size = 0
        for name, value in headers:
            count, size = count + 1, size + len(name) + len(value or b"")
            if count > fields.MAX_HEADERS:
                broken(f"more than {fields.MAX_HEADERS} record headers")
            if len(name) > fields.MAX_HEADER_NAME or size > fields.MAX_HEADER_BLOCK:
                broken(
                    f"record headers of more than {fields.MAX_HEADER_BLOCK} bytes, or a name longer "
                    f"than {fields.MAX_HEADER_NAME} characters"
                )
            if SUBSTITUTE in name:
                broken("a record header's name is no UTF-8")
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
            broken(f"record header {key} is there twice, with different values")
        try:
            return next(iter(values)).decode("utf-8")
        except UnicodeDecodeError:
            broken(f"record header {key} is no UTF-8")

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
            if key in _FIELD_KEYS or key.startswith("ce-") or not HEADER_NAME.match(key):
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
