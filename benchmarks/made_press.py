"""A made-up press: articles of many sites of very different size, a language each; lakes filled with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import synthetic
from newsmill.config import LakeConfig
from newsmill.lake import files
from newsmill.lake.writer import Lake

START, HOUR_US = 1_790_035_200_000_000, 3_600_000_000
SITES, LANGUAGES = 2_000, ("en", "de", "fr", "es", "it", "pl", "nl", "tr", "ru", "ar", "zh", "ja")

Rows = dict[str, pa.Table]
"""Of a batch, by table."""


class MadeUpPress:
    """Articles as columns; the same each time."""

    def __init__(self, words: int) -> None:
        self._random = np.random.default_rng(1)
        share = 1 / np.arange(1, SITES + 1)
        self._share = share / share.sum()
        vocabulary = self._random.integers(97, 123, (20_000, 7), dtype=np.uint8)
        self._vocabulary = np.array([bytes(word).decode() for word in vocabulary], dtype=object)
        self._words = words

    def rows(self, made: pa.Table, at: int) -> pa.Table:
        """Rows of `articles` of a batch with other sites, addresses, texts, stories and times."""
        count = made.num_rows
        sites = self._random.choice(SITES, count, p=self._share)
        numbers = self._random.integers(0, 2**62, (4, count))
        domains = [f"site{site:04d}.example" for site in sites]
        urls = [f"https://{d}/{n:016x}" for d, n in zip(domains, numbers[0].tolist(), strict=True)]
        ids = [f"{one:016x}{other:016x}" for one, other in zip(*numbers[1:3].tolist(), strict=True)]
        late = self._random.exponential(2 * HOUR_US, count).astype(np.int64)
        texts = self._vocabulary[self._random.integers(0, 20_000, (count, self._words))]
        new: dict[str, Any] = {
            "domain": domains,
            "url": urls,
            "url_key": urls,
            "article_id": ids,
            "lang": [LANGUAGES[site % len(LANGUAGES)] for site in sites.tolist()],
            "published_at": (at - late).tolist(),
            "body": [" ".join(text) for text in texts],
        }
        duplicate = made["duplicate"].combine_chunks()
        parts = {field.name: duplicate.field(field.name) for field in duplicate.type}
        stories = self._random.integers(0, count, count)
        parts["cluster_id"] = pa.array([ids[story] for story in stories.tolist()], pa.string())
        new["duplicate"] = pa.StructArray.from_arrays(list(parts.values()), fields=list(duplicate.type))
        for name, values in new.items():
            index = made.schema.get_field_index(name)
            field = made.schema.field(index)
            column = values if isinstance(values, pa.Array) else pa.array(values, field.type)
            made = made.set_column(index, field, column)
        return made


def fill(
    config: LakeConfig, *, rows: int, batches: int, put: Callable[[Rows, int], Rows], each_hours: int = 1
) -> Iterator[float]:
    """Commit batches in even steps, and one more, so that the time of all others is over.

    Args:
        config: Where; there is no lake yet.
        rows: Articles of all, about.
        batches: How many.
        put: Gives a batch's rows their content; their offsets stay. Gets the batch's time too.
        each_hours: Between two batches.

    Yields:
        CPU seconds of each commit, without the writing of its files.
    """
    lake = Lake.open(config)
    size = max(1, rows // batches // synthetic.ARTICLES_A_GROUP) * synthetic.GROUP
    first = lake.begin(list(synthetic.slices(0, 0, size)), now=START)
    made = synthetic.rows(first, words=1)
    lake.abandon(first)
    for number in range(batches + 1):
        parts = list(synthetic.slices(0, number * size, (number + 1) * size))
        batch = lake.begin(parts, now=START + number * each_hours * HOUR_US)
        mine = put(synthetic.moved(made, batch, number), batch.ingested_at)
        written = [
            files.write(config.path, name, found, ingested_at=batch.ingested_at)
            for name, found in mine.items()
        ]
        before = time.process_time()
        lake.commit(batch, written)
        yield time.process_time() - before
    lake.release()


def tied(rows: Rows) -> Rows:
    """The rows with fates and sketches that name the articles of their records."""
    articles, sketches = rows["articles"], rows["copy_sketches"]
    ids = dict(zip(*(articles[name].to_pylist() for name in ("offset", "article_id")), strict=True))
    fates = rows["fate"].to_pydict()
    fates["article_id"] = [ids.get(offset) for offset in fates["offset"]]
    told = {name: articles[name] for name in ("article_id", "domain")}
    told["cluster_id"] = pa.chunked_array(
        [part.field("cluster_id") for part in articles["duplicate"].chunks], pa.string()
    )
    for name, column in told.items():
        index = sketches.schema.get_field_index(name)
        sketches = sketches.set_column(index, sketches.schema.field(index), column)
    return rows | {"fate": pa.table(fates, schema=rows["fate"].schema), "copy_sketches": sketches}
