"""Extractors of other packages: a text of their own for a page, in the extraction process."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from newsmill import strings
from newsmill.config import PageConfig
from newsmill.runtime.plugins import Kind


class PageExtractor(Protocol):
    """A plug-in of the entry point group `newsmill.extractors`, called with `PageConfig`.

    It runs in the extraction process, under the page's limits of time and memory, where no file is opened, no
    socket and no process started. What it may import is imported before: at the head of its module, or while
    it reads a sample page. What it raises is a property of the page, as for newsmill's own readers: the page
    is quarantined with `E_CRASH` and the stack, or with the code of `Rejected`.
    """

    def extract(self, html: str, *, url: str, own: str) -> str | None:
        """The article's text, paragraphs joined by one newline, or None to leave it to newsmill.

        Args:
            html: The decoded page, within `page.max_nodes` and `page.max_depth`.
            url: Its address, after redirects.
            own: The text that newsmill found; may be empty.
        """
        ...


class Text(NamedTuple):
    """A text, and the extractor that gave it."""

    name: str
    text: str


KIND: Final = Kind[PageExtractor]("extractors", "page.extractors", methods=("extract",))


@lru_cache(maxsize=4)
def open_all(config: PageConfig) -> tuple[tuple[str, PageExtractor], ...]:
    """Those that the settings name, opened once a process. Raises ConfigError as `Kind.open`."""
    return KIND.open(config.extractors, config)


def first_text(config: PageConfig, html: str, *, url: str, own: str) -> Text | None:
    """The text of the first extractor that has one. Raises TypeError where one gives no text."""
    for name, extractor in open_all(config):
        found = extractor.extract(html, url=url, own=own)
        if found is None:
            continue
        if not isinstance(found, str):
            raise TypeError(f"the extractor {name} gave no text, but {type(found).__name__}")
        lines = (" ".join(line.split()) for line in strings.prose(found).splitlines())
        if text := "\n".join(line for line in lines if line):
            return Text(name, text)
    return None
