"""Which files and row groups of a lake a question opens, after `compact`; and what the rows take.

The site that is asked for has about a thousandth of all articles.

    python benchmarks/pruning.py --rows 200000 --days 10 --target-mb 0.2 256 --write docs/quality/pruning.md

Each size of joined files is measured of the same lake, from the smallest on. A day's files are cut from its
rows in order of site: the more of them, the fewer a site is in, and the more there are to open for all sites.

A made-up press: sites of very different size, a language each, one commit an hour. A file is opened where
Iceberg's bounds don't rule it out (pyiceberg's plan); a row group is read where its statistics and its
Bloom filters don't (asked of DuckDB). Bodies are short: shares of files are what is measured, and bytes a row
are to be compared between versions only, never with a lake of real pages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import synthetic
from measuring import markdown
from newsmill.config import LakeConfig
from newsmill.lake import changes, files
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction
from newsmill.lake.writer import Lake

START, HOUR_US = 1_790_035_200_000_000, 3_600_000_000
SITES, LANGUAGES = 2_000, ("en", "de", "fr", "es", "it", "pl", "nl", "tr", "ru", "ar", "zh", "ja")


class MadeUpPress:
    """Articles of many sites, as columns; the same each time."""

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


def fill(config: LakeConfig, *, rows: int, days: int, words: int) -> None:
    """One commit an hour, and the first of the day after, so that all others are over."""
    lake, press = Lake.open(config), MadeUpPress(words)
    groups = max(1, rows // (days * 24) // synthetic.ARTICLES_A_GROUP)
    size = groups * synthetic.GROUP
    first = lake.begin(list(synthetic.slices(0, 0, size)), now=START)
    made = synthetic.rows(first, words=1)
    lake.abandon(first)
    for number in range(days * 24 + 1):
        parts = list(synthetic.slices(0, number * size, (number + 1) * size))
        batch = lake.begin(parts, now=START + number * HOUR_US)
        mine = synthetic.moved(made, batch, number)
        mine["articles"] = press.rows(mine["articles"], batch.ingested_at)
        fates = mine["fate"].to_pydict()
        places = dict(
            zip(
                mine["articles"]["offset"].to_pylist(),
                mine["articles"]["article_id"].to_pylist(),
                strict=True,
            )
        )
        fates["article_id"] = [places.get(offset) for offset in fates["offset"]]
        mine["fate"] = pa.table(fates, schema=mine["fate"].schema)
        lake.commit(
            batch,
            [
                files.write(config.path, name, found, ingested_at=batch.ingested_at)
                for name, found in mine.items()
            ],
        )
    lake.release()


def questions(lake: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Each question as a filter of Iceberg, and the values that row groups are asked for."""
    site, url, cluster, article = lake.execute(
        "SELECT domain, url_key, duplicate.cluster_id, article_id FROM articles "
        "WHERE domain = (SELECT domain FROM articles GROUP BY domain "
        "ORDER BY abs(count(*) - (SELECT count(*) / 1000 FROM articles)), domain LIMIT 1) "
        "ORDER BY url_key LIMIT 1"
    ).fetchall()[0]
    day = changes.instant(START) + timedelta(days=1)
    within = "{0} >= '{1}' and {0} < '{2}'"
    span = (day.isoformat(), (day + timedelta(days=1)).isoformat())
    month = (day.isoformat(), (day + timedelta(days=30)).isoformat())
    return {
        "one site": (f"domain == '{site}'", [("domain", site)]),
        "one site, one month of publication": (
            f"domain == '{site}' and {within.format('published_at', *month)}",
            [("domain", site)],
        ),
        "one site, one day of publication": (
            f"domain == '{site}' and {within.format('published_at', *span)}",
            [("domain", site)],
        ),
        "one URL": (f"url_key == '{url}'", [("url_key", url)]),
        "one article": (f"article_id == '{article}'", [("article_id", article)]),
        "one cluster": ("", [("duplicate, cluster_id", cluster)]),
        "one language, one day of publication": (
            f"lang == 'de' and {within.format('published_at', *span)}",
            [],
        ),
        "one day of publication": (within.format("published_at", *span), []),
        "one day of ingest": (within.format("ingested_at", *span), []),
    }


def measure(config: LakeConfig) -> Iterator[dict[str, object]]:
    """A line for each question."""
    tables = Tables.open(config)
    table = tables.load("articles")
    live = {file.uri: file for file in tables.files(table)}
    with duckdb.connect() as lake:
        lake.execute(f"CREATE VIEW articles AS FROM read_parquet({[_path(uri) for uri in live]})")
        groups = {uri: _groups(lake, _path(uri)) for uri in live}
        total = sum(sum(sizes) for sizes in groups.values())
        rows = sum(file.rows for file in live.values())
        yield {
            "files": len(live),
            "rows": rows,
            "bytes a row": round(sum(f.bytes for f in live.values()) / rows),
        }
        for asked, (wanted, values) in questions(lake).items():
            scan = table.scan(row_filter=wanted) if wanted else table.scan()
            opened = [task.file.file_path for task in scan.plan_files()]
            read = {
                uri: sum(
                    size
                    for number, size in enumerate(groups[uri])
                    if all(_may_hold(lake, _path(uri), number, *value) for value in values)
                )
                for uri in opened
            }
            yield {
                "question": asked,
                "files opened": len(opened),
                "share of files": f"{len(opened) / len(live):.1%}",
                "files of which more than the footer is read": sum(size > 0 for size in read.values()),
                "share of bytes in row groups read": f"{sum(read.values()) / total:.1%}",
            }


def _path(uri: str) -> str:
    return uri.removeprefix("file://")


def _groups(lake: duckdb.DuckDBPyConnection, path: str) -> list[int]:
    """Packed bytes of each row group."""
    query = f"""SELECT sum(total_compressed_size) FROM parquet_metadata('{path}')
        GROUP BY row_group_id ORDER BY row_group_id"""
    return [int(size) for (size,) in lake.execute(query).fetchall()]


def _may_hold(lake: duckdb.DuckDBPyConnection, path: str, group: int, column: str, value: str) -> bool:
    """Whether neither statistics nor a Bloom filter of a row group rule a value out."""
    ((low, high, filtered),) = lake.execute(
        f"""SELECT stats_min_value, stats_max_value, bloom_filter_offset FROM parquet_metadata('{path}')
        WHERE row_group_id = {group} AND path_in_schema = ?""",
        [column],
    ).fetchall()
    if low is not None and high is not None and not low <= value <= high:
        return False
    if filtered is None or "," in column:
        return filtered is None or _probed_nested(lake, path, group, column, value)
    ((excluded,),) = lake.execute(
        f"""SELECT bloom_filter_excludes FROM parquet_bloom_probe('{path}', '{column}', '{value}')
        WHERE row_group_id = {group}"""
    ).fetchall()
    return not excluded


def _probed_nested(lake: duckdb.DuckDBPyConnection, path: str, group: int, column: str, value: str) -> bool:
    """Whether the values have it: DuckDB probes no filter inside a struct, a filter says much the same."""
    outer, inner = column.split(", ")
    rows = pq.ParquetFile(path).read_row_group(group, columns=[f"{outer}.{inner}"])
    return value in rows[outer].combine_chunks().field(inner).to_pylist()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="articles of the lake")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--words", type=int, default=30, help="words of a body")
    parser.add_argument(
        "--target-mb", type=float, nargs="+", default=[compaction.TARGET_BYTES / 1e6], help="smallest first"
    )
    parser.add_argument("--write", type=Path, help="also write a page, e.g. docs/quality/pruning.md")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lake-bench-"))
    try:
        config = LakeConfig(path=str(folder / "lake"))
        fill(config, rows=arguments.rows, days=arguments.days, words=arguments.words)
        told = []
        for target in arguments.target_mb:
            list(compaction.compact(Tables.open(config), target_bytes=round(target * 1e6)))
            what, *asked = measure(config)
            told.append(({"MB": target, **what}, asked))
            for line in (told[-1][0], *asked):
                print(json.dumps(line), flush=True)
    finally:
        shutil.rmtree(folder)
    if arguments.write is not None:
        arguments.write.write_text(page(sys.argv[1:], told), encoding="utf-8")


def page(
    arguments: Sequence[str], told: Sequence[tuple[dict[str, object], Sequence[dict[str, object]]]]
) -> str:
    """All that was told, as Markdown."""
    lines = [
        "# What a question opens",
        "",
        f"Made by `python benchmarks/pruning.py {' '.join(arguments)}`, {datetime.now(UTC):%Y-%m-%d}, on "
        f"{os.cpu_count()} cores that others shared; do not edit. A made-up press of {SITES:,} sites, one "
        "commit an hour, after `compact`.",
    ]
    for what, asked in told:
        size = what.pop("MB")
        held = ", ".join(f"{value:,} {name}" for name, value in what.items())
        lines += ["", f"## Files of {size:g} MB", "", f"The lake has {held}.", "", *markdown(asked)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
