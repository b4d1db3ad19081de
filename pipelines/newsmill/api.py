"""What only the front door has: a page read without Beam, and a lake to read from."""

from __future__ import annotations

from collections.abc import Mapping

from pyarrow.dataset import Dataset

from newsmill.config import Config
from newsmill.lake import reader
from newsmill.page import reading
from newsmill.records import NotArticle, ParsedPage, Position, RawPage


def read_page(
    body: bytes, url: str, *, headers: Mapping[str, str] | None = None, config: Config | None = None
) -> ParsedPage | NotArticle:
    """Read one page in this process: its text, metadata and language, or why it is no article.

    Nothing bounds what a hostile page takes of this process; `Sandbox` does.

    Args:
        body: The page's bytes, as they came.
        url: Its address, http or https.
        headers: HTTP response headers; charset and content encoding are taken from them.
        config: Limits of size and nesting; the defaults where absent.

    Raises:
        Rejected: The page can't be read; the code says why.
    """
    settings = config or Config()
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    raw = RawPage(
        position=Position(topic="", partition=0, offset=0),
        url=url,
        body=body,
        content_type=lower.get("content-type"),
        content_encoding=lower.get("content-encoding"),
        headers=lower,
    )
    return reading.read(raw, page=settings.page, input=settings.input)


class Lake:
    """A lake to read from: what its newest commit shows. Reading changes nothing in it.

    Args:
        path: Folder of the lake, or its URI.

    Raises:
        ConfigError: There is no lake.
        LakeError: It is a copy, or was moved, or its catalog is lost.
    """

    def __init__(self, path: str) -> None:
        reader.check(path)
        self._path = path

    def rows(self, table: str) -> Dataset:
        """The committed rows of a table as an Arrow dataset, with the columns of this version.

        Args:
            table: `articles`, `article_entities`, `article_places`, `cluster_events`, `copy_sketches`,
                `fate`, `quarantine` or `takedowns`.

        Raises:
            LakeError: A data file is missing; or an earlier version wrote the lake last, and did not have
                the table.
        """
        return reader.rows(self._path, table)
