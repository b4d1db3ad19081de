"""The reading function of the pipeline, and pages that hang, crash or eat memory inside it.

A page does so where its last bytes say which: `page_of`. It is done in its extraction process, where
`newsmill.page.reading.read` would read it.
"""

from __future__ import annotations

import ctypes
import time
from typing import Final

from newsmill.config import InputConfig, PageConfig
from newsmill.page import reading
from newsmill.records import NotArticle, ParsedPage, RawPage

KINDS: Final = {
    "hang": "E_TIMEOUT",
    "sleep": "E_TIMEOUT",
    "crash": "E_CRASH",
    "bug": "E_CRASH",
    "memory": "E_OOM",
    "forbidden": "E_FORBIDDEN",
}
"""What a page may do, and the code that it gets."""

_MARK: Final = b"<!-- poison: "
_PIECE: Final = 16_000_000

prepare = reading.prepare
_read = reading.read


def page_of(body: bytes, kind: str) -> bytes:
    """The page with the words that make it poison of this kind."""
    return body + _MARK + kind.encode() + b" -->"


def kind_of(body: bytes) -> str | None:
    """The kind of poison that a page is; None where it is none."""
    _, mark, kind = body[-len(_MARK) - 20 :].rpartition(_MARK)
    return kind.removesuffix(b" -->").decode() if mark else None


def read(raw: RawPage, *, page: PageConfig, input: InputConfig) -> ParsedPage | NotArticle:
    """As the pipeline's, but for poison."""
    kind = kind_of(raw.body)
    if kind is not None:
        _act(kind)
    return _read(raw, page=page, input=input)


def _act(kind: str) -> None:
    while kind == "hang":
        pass
    if kind == "sleep":
        time.sleep(3_600)
    if kind == "crash":
        ctypes.string_at(0)
    if kind == "bug":
        raise RuntimeError("a bug of this benchmark")
    eaten = []
    while kind == "memory":
        eaten.append(b"x" * _PIECE)
    open("/tmp/poison", "w").close()
