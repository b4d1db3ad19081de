"""A sink of one's own: a file of JSON lines for each batch, in the folder that JSON_FEED_FOLDER names."""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from newsmill.config import LakeConfig

COLUMNS = ["article_id", "url", "title", "lang", "published_at"]


class JsonFeed:
    """Writes what a batch has of `articles`. A batch that comes again replaces its file."""

    def __init__(self, config: LakeConfig) -> None:
        self._folder = Path(os.environ["JSON_FEED_FOLDER"])
        self._folder.mkdir(parents=True, exist_ok=True)

    def write(self, batch_id: str, rows: Iterator[tuple[str, pa.Table]]) -> None:
        """Write one batch: whole, or not at all."""
        unfinished = self._folder / f"{batch_id}.tmp"
        with unfinished.open("w", encoding="utf-8") as file:
            for table, part in rows:
                if table == "articles":
                    for row in part.select(COLUMNS).to_pylist():
                        file.write(json.dumps(row, default=datetime.isoformat, ensure_ascii=False) + "\n")
        unfinished.replace(self._folder / f"{batch_id}.jsonl")
