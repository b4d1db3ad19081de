"""Extraction processes that answer from a recording: what the command alone can do, on any number of slots.

`record` works out what extraction processes say of each page and keeps it, encoded, by URL. With the
`sitecustomize.py` that it writes beside on the path, extraction processes say that and compute nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from newsmill.config import Config, InputConfig, PageConfig
from newsmill.flow.steps import derive as steps
from newsmill.page import reading
from newsmill.records import ParsedPage, RawPage

FILE: Final = "recording.msgpack"

_SITE: Final = """import sys
from pathlib import Path
if "newsmill.page.sandbox_child" in sys.orig_argv:
    import recorded
    from newsmill.flow.steps import derive
    from newsmill.page import reading
    recorded.answers = recorded.read_back(Path({folder!r}))
    reading.read = recorded.read
    derive.derive = recorded.derive
"""

_FILE = msgspec.msgpack.Decoder(dict[str, tuple[bytes, bytes]])


def record(pages: Iterable[RawPage], folder: Path, config: Config) -> None:
    """Record what is said of pages that are articles.

    Args:
        pages: What is read.
        folder: Where the recording is written, and what makes extraction processes use it.
        config: Limits, and whether entities are found.
    """
    reading.prepare(page=config.page, input=config.input)
    found: dict[str, tuple[bytes, bytes]] = {}
    told = config.enrich.model_dump_json()
    for raw in pages:
        said = reading.read(raw, page=config.page, input=config.input)
        if isinstance(said, ParsedPage):
            derived = steps.derive(raw, said, page=config.page, told=told)
            found[raw.url] = msgspec.msgpack.encode(said), msgspec.msgpack.encode(derived)
    (folder / FILE).write_bytes(msgspec.msgpack.encode(found))
    (folder / "sitecustomize.py").write_text(_SITE.format(folder=str(folder)))


def read_back(folder: Path) -> dict[str, tuple[bytes, bytes]]:
    """What was recorded, by URL: what the page says, and what follows from it."""
    return _FILE.decode((folder / FILE).read_bytes())


answers: dict[str, tuple[bytes, bytes]] = {}
"""The recording, in an extraction process."""


def read(raw: RawPage, *, page: PageConfig, input: InputConfig) -> msgspec.Raw:
    """What was said of a page."""
    return msgspec.Raw(_said(raw)[0])


def derive(raw: RawPage, parsed: object, *, page: PageConfig, told: str) -> msgspec.Raw:
    """What was said to follow from it."""
    return msgspec.Raw(_said(raw)[1])


def _said(raw: RawPage) -> tuple[bytes, bytes]:
    """Of a page that was not recorded, the sample that is read before the first, what was said of another."""
    return answers.get(raw.url) or next(iter(answers.values()))
