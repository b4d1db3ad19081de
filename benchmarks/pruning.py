"""Which files and row groups of a lake a question opens, after `compact`; and what the rows take.

The site that is asked for has about a thousandth of all articles.

    python benchmarks/pruning.py --rows 200000 --days 10 --each-hours 4 --write docs/quality/pruning.md

Iceberg's bounds are asked of pyiceberg's plan, statistics of the footers, Bloom filters of DuckDB. Bodies are
short: shares of files are what is measured, and bytes a row are to be compared between versions only, never
with a lake of real pages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

import made_press
from made_press import LANGUAGES, SITES, START, MadeUpPress, tied
from measuring import markdown
from newsmill.config import LakeConfig
from newsmill.lake import changes
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction


@dataclass(frozen=True)
class Asked:
    """Columns, dotted where nested, each with the least and most that is asked for: one value, or a time."""

    within: dict[str, tuple[str, str] | tuple[datetime, datetime]]

    @property
    def filter(self) -> str:
        """As pyiceberg takes it, which has no bounds of nested columns here."""
        parts = []
        for column, (low, high) in self.within.items():
            if isinstance(low, datetime) and isinstance(high, datetime):
                parts.append(f"{column} >= '{low.isoformat()}' and {column} < '{high.isoformat()}'")
            elif "." not in column:
                parts.append(f"{column} == '{low}'")
        return " and ".join(parts)


def questions(lake: duckdb.DuckDBPyConnection) -> dict[str, Asked]:
    """What is asked, and of which columns."""
    site, url, cluster, article = lake.execute(
        "SELECT domain, url_key, duplicate.cluster_id, article_id FROM articles "
        "WHERE domain = (SELECT domain FROM articles GROUP BY domain "
        "ORDER BY abs(count(*) - (SELECT count(*) / 1000 FROM articles)), domain LIMIT 1) "
        "ORDER BY url_key LIMIT 1"
    ).fetchall()[0]
    languages = [
        lang
        for (lang,) in lake.execute("SELECT lang FROM articles GROUP BY 1 ORDER BY count(*), 1").fetchall()
    ]
    first = changes.instant(START)

    def days(start: int, count: int) -> tuple[datetime, datetime]:
        return first + timedelta(days=start), first + timedelta(days=start + count)

    one = {"domain": (site, site)}
    largest = languages[-1]
    of_language = {name: {"lang": (name, name)} for name in (languages[len(languages) // 2], largest)}
    return {
        "one site": Asked(one),
        "one site, one month of publication": Asked(one | {"published_at": days(0, 30)}),
        "one site, one day of publication": Asked(one | {"published_at": days(1, 1)}),
        "one URL": Asked({"url_key": (url, url)}),
        "one article": Asked({"article_id": (article, article)}),
        "one cluster": Asked({"duplicate.cluster_id": (cluster, cluster)}),
        **{
            f"one language{', that with most articles' * (name == largest)}, one day of publication": Asked(
                asked | {"published_at": days(1, 1)}
            )
            for name, asked in of_language.items()
        },
        "one day of publication": Asked({"published_at": days(1, 1)}),
        "one day of ingest": Asked({"ingested_at": days(1, 1)}),
    }


def measure(config: LakeConfig) -> Iterator[dict[str, object]]:
    """A line for each question."""
    tables = Tables.open(config)
    table = tables.load("articles")
    live = {file.uri: file for file in tables.files(table)}
    with duckdb.connect() as lake:
        lake.execute(f"CREATE VIEW articles AS FROM read_parquet({[_path(uri) for uri in live]})")
        footers = {uri: pq.read_metadata(_path(uri)) for uri in live}
        total = sum(
            _packed(footer, number) for footer in footers.values() for number in range(footer.num_row_groups)
        )
        rows = sum(file.rows for file in live.values())
        yield {
            "files": len(live),
            "rows": rows,
            "bytes a row": round(sum(f.bytes for f in live.values()) / rows),
        }
        for what, asked in questions(lake).items():
            wanted = asked.filter
            scan = table.scan(row_filter=wanted) if wanted else table.scan()
            planned = [task.file.file_path for task in scan.plan_files()]
            read = {
                uri: sum(
                    _packed(footers[uri], number)
                    for number in range(footers[uri].num_row_groups)
                    if all(
                        _may_hold(lake, _path(uri), footers[uri], number, column, *bounds)
                        for column, bounds in asked.within.items()
                    )
                )
                for uri in planned
            }
            opened = sum(size > 0 for size in read.values())
            yield {
                "question": what,
                "files whose rows are read": opened,
                "share of all files": f"{opened / len(live):.1%}",
                "share of bytes": f"{sum(read.values()) / total:.1%}",
                "files that Iceberg's bounds alone leave": len(planned),
            }


def _path(uri: str) -> str:
    return uri.removeprefix("file://")


def _packed(footer: pq.FileMetaData, group: int) -> int:
    """Packed bytes of a row group."""
    told = footer.row_group(group)
    return sum(told.column(number).total_compressed_size for number in range(told.num_columns))


def _may_hold(
    lake: duckdb.DuckDBPyConnection,
    path: str,
    footer: pq.FileMetaData,
    group: int,
    column: str,
    least: Any,
    most: Any,
) -> bool:
    """Whether neither statistics nor a Bloom filter of a row group rule values out."""
    told = footer.row_group(group)
    number = next(n for n in range(told.num_columns) if told.column(n).path_in_schema == column)
    bounds = told.column(number).statistics
    if bounds is not None and bounds.has_min_max and (bounds.max < least or bounds.min > most):
        return False
    if least != most:
        return True
    if "." in column:
        return _probed_nested(path, group, column, least)
    probed = lake.execute(
        f"""SELECT bloom_filter_excludes FROM parquet_bloom_probe('{path}', '{column}', '{least}')
        WHERE row_group_id = {group}"""
    ).fetchall()
    return not (probed and probed[0][0])


def _probed_nested(path: str, group: int, column: str, value: str) -> bool:
    """Whether the values have it: DuckDB probes no filter inside a struct, a filter says much the same."""
    outer, inner = column.split(".")
    rows = pq.ParquetFile(path).read_row_group(group, columns=[column])
    return value in rows[outer].combine_chunks().field(inner).to_pylist()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="articles of the lake")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--words", type=int, default=30, help="words of a body")
    parser.add_argument("--each-hours", type=int, default=1, help="between two commits")
    parser.add_argument("--write", type=Path, help="also write a page, e.g. docs/quality/pruning.md")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lake-bench-"))
    try:
        config = LakeConfig(path=str(folder / "lake"))
        press = MadeUpPress(arguments.words)
        list(
            made_press.fill(
                config,
                rows=arguments.rows,
                batches=arguments.days * 24 // arguments.each_hours,
                each_hours=arguments.each_hours,
                put=lambda made, at: tied(made | {"articles": press.rows(made["articles"], at)}),
            )
        )
        before = time.process_time()
        list(compaction.compact(Tables.open(config)))
        compact_s = round(time.process_time() - before)
        what, *asked = measure(config)
        what |= {"CPU seconds of `compact`": compact_s}
        for line in (what, *asked):
            print(json.dumps(line), flush=True)
    finally:
        shutil.rmtree(folder)
    if arguments.write is not None:
        arguments.write.write_text(page(sys.argv[1:], what, asked), encoding="utf-8")


def page(arguments: Sequence[str], what: dict[str, object], asked: Sequence[dict[str, object]]) -> str:
    """All that was told, as Markdown."""
    held = ", ".join(f"{value:,} {name}" for name, value in what.items())
    lines = [
        "# What a question opens",
        "",
        f"Made by `python benchmarks/pruning.py {' '.join(arguments)}`, {datetime.now(UTC):%Y-%m-%d}, on "
        f"{os.cpu_count()} cores that others shared; do not edit. A made-up press of {SITES:,} sites and "
        f"{len(LANGUAGES)} languages after `compact`: {held}.",
        "",
        "A file's rows are read where neither Iceberg's bounds of it, nor the statistics and Bloom filters "
        "in its footer, rule all of its row groups out. The last column says of how many files the footer "
        "has to be read to know.",
        "",
        *markdown(asked),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
