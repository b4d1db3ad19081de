"""The newest articles of a lake, and what comes after them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.dataset

from newsmill.lake import reader

COLUMNS: Final = (
    *("ingested_at", "article_id", "revision", "fate", "url", "domain", "lang", "title", "published_at"),
    *("duplicate", "origin", "body_chars", "topic", "partition", "offset"),
)


class Newest:
    """Reads articles in the order in which they became visible, without a trace.

    Args:
        lake: Folder or URI.
        lang: Only articles in this language.
        domain: Only articles of this site.
    """

    def __init__(self, lake: str, *, lang: str | None = None, domain: str | None = None) -> None:
        self._lake = lake
        self._wanted = {"lang": lang, "domain": domain}
        self._seen: set[str] = set()
        self._last: Any = None

    def last(self, count: int) -> list[dict[str, Any]]:
        """The newest articles, oldest of them first."""
        rows = reader.rows(self._lake, "articles")
        self._seen = set(rows.files)
        found: list[dict[str, Any]] = []
        for folder in sorted({path.rsplit("/", 1)[0] for path in rows.files}, reverse=True):
            files = [path for path in rows.files if path.rsplit("/", 1)[0] == folder]
            found = [*self._read(rows, files, most=max(count - len(found), 1)), *found]
            if len(found) >= count:
                break
        self._last = max((row["ingested_at"] for row in found), default=None)
        return found[-count:] if count else []

    def more(self) -> Iterator[dict[str, Any]]:
        """What became visible since the last call; files that were only merged hold nothing new."""
        rows = reader.rows(self._lake, "articles")
        files = [path for path in rows.files if path not in self._seen]
        self._seen = set(rows.files)
        before = self._last
        for row in self._read(rows, files):
            if before is None or row["ingested_at"] > before:
                self._last = row["ingested_at"]
                yield row

    def _read(
        self, rows: pyarrow.dataset.FileSystemDataset, files: list[str], *, most: int | None = None
    ) -> list[dict[str, Any]]:
        """Rows of some files in their order: all, or the `most` newest. The rest never become objects."""
        if not files:
            return []
        part = pyarrow.dataset.dataset(
            files, schema=rows.schema, filesystem=rows.filesystem, format="parquet"
        )
        wanted = [pc.field(name) == value for name, value in self._wanted.items() if value is not None]
        table = part.to_table(
            columns=list(COLUMNS), filter=functools.reduce(operator.and_, wanted) if wanted else None
        )
        order = [(name, "ascending") for name in ("ingested_at", "topic", "partition", "offset")]
        table = table.sort_by(order)
        found: list[dict[str, Any]] = table.slice(max(len(table) - most, 0) if most else 0).to_pylist()
        return found
