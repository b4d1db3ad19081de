"""What the flat tables cost a commit and take on disk, and what questions to them save.

    python benchmarks/flat.py --rows 100000 --write docs/quality/flat.md

A made-up press whose articles name entities and places by Zipf's law. Each question is asked of the stored
tables and of the same tables unnested from `articles`, in turn; CPU seconds are those of the whole process,
with DuckDB's threads.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import made_press
from made_press import MadeUpPress, Rows, tied
from measuring import markdown
from newsmill.config import LakeConfig
from newsmill.lake import flattening
from newsmill.lake.flat import FLAT
from newsmill.lake.schemas import TABLES
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction
from newsmill.lake.writer import Lake
from newsmill.observe import questions

ENTITIES, PLACES, MENTIONS, KNOWN = 12, 3, 2, 50_000
"""Named in an article, mentions of each, and how many there are at all."""

ASKED = {
    "entity over time, all entities": "SELECT count(*), sum(stories) FROM entity_daily",
    "one entity over time": "SELECT day, stories, articles FROM entity_daily "
    "WHERE entity_id = 'Q00007' ORDER BY day",
    "coverage of countries by language": "SELECT country, lang, count(DISTINCT article_id) "
    "FROM article_places_latest GROUP BY country, lang",
}


class Namers:
    """Entities and places of articles, as columns."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(2)
        share = 1 / np.arange(1, KNOWN + 1)
        self._below = np.cumsum(share / share.sum())

    def put(self, rows: pa.Table) -> pa.Table:
        """The rows with new entities and places."""
        for column, each in (("entities", ENTITIES), ("places", PLACES)):
            index = rows.schema.get_field_index(column)
            field = rows.schema.field(index)
            made = [self._list(column, each) for _ in range(rows.num_rows)]
            rows = rows.set_column(index, field, pa.array(made, field.type))
        return rows

    def _list(self, column: str, each: int) -> list[dict[str, Any]]:
        chosen = np.searchsorted(self._below, self._random.random(each)).tolist()
        return [self._item(column, number) for number in dict.fromkeys(chosen)]

    def _item(self, column: str, number: int) -> dict[str, Any]:
        name = f"Name of {number:05d}"
        mentions = [{"start": n * 9, "end": n * 9 + len(name), "text": name} for n in range(MENTIONS)]
        told = {"name": name, "country": f"C{number % 90:02d}", "mentions": mentions}
        if column == "places":
            return told | {
                "lat": number / 999, "lon": number / 777, "geonameid": number, "admin1": None, "kind": "city",
                "score": 0.7,
            }  # fmt: skip
        return told | {
            "entity_id": f"Q{number:05d}", "type": "person", "coarse": "PER", "wikidata_id": f"Q{number}",
            "lat": None, "lon": None, "linked": True, "link_score": 0.8, "mention_count": MENTIONS,
            "salience": number % 100 / 100, "in_title": number % 9 == 0,
        }  # fmt: skip


def fill(config: LakeConfig, *, rows: int, batches: int) -> Iterator[tuple[float, float]]:
    """(CPU seconds of a commit, of the flat tables in it) of each batch, one an hour."""
    press, namers = MadeUpPress(200), Namers()
    flatten = Lake._flatten
    spent: list[float] = []

    def timed(*given: Any) -> list[Any]:
        before = time.process_time()
        made = list(flatten(*given))
        spent.append(time.process_time() - before)
        return made

    def put(made: Rows, at: int) -> Rows:
        return tied(made | {"articles": namers.put(press.rows(made["articles"], at))})

    Lake._flatten = timed  # type: ignore[method-assign, assignment]
    for whole in made_press.fill(config, rows=rows, batches=batches, put=put):
        yield whole, spent[-1]
    Lake._flatten = flatten  # type: ignore[method-assign]


def asked(config: LakeConfig) -> Iterator[dict[str, object]]:
    """A line for each question; CPU seconds are the least of three."""
    for what, query in ASKED.items():
        times: dict[bool, list[float]] = {True: [], False: []}
        answers = []
        for stored in (True, False) * 3:
            whole, flattening.is_whole = flattening.is_whole, lambda _, stored=stored: stored  # type: ignore[misc]
            try:
                duck = questions.connect(config.path)
            finally:
                flattening.is_whole = whole
            before = time.process_time()
            answers.append(duck.sql(query).fetchall())
            times[stored].append(time.process_time() - before)
        if any(sorted(answer) != sorted(answers[0]) for answer in answers):
            raise SystemExit(f"{what}: answers differ")
        before_s, after_s = min(times[False]), min(times[True])
        yield {
            "question": what,
            "unnested, CPU s": round(before_s, 2),
            "stored, CPU s": round(after_s, 2),
            "times less": round(before_s / after_s, 1),
        }


def sizes(config: LakeConfig) -> Iterator[dict[str, object]]:
    """A line for each table."""
    tables = Tables.open_readonly(config)
    live = {name: list(tables.files(tables.load(name))) for name in TABLES}
    articles = sum(file.rows for file in live["articles"])
    for name in ("articles", *FLAT):
        packed = sum(file.bytes for file in live[name])
        yield {
            "table": name,
            "rows": sum(file.rows for file in live[name]),
            "files": len(live[name]),
            "bytes an article": round(packed / articles),
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="articles of the lake")
    parser.add_argument("--batches", type=int, default=72, help="one an hour")
    parser.add_argument("--write", type=Path, help="also write a page, e.g. docs/quality/flat.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lake-bench-") as folder:
        config = LakeConfig(path=str(Path(folder) / "lake"))
        commits = list(fill(config, rows=arguments.rows, batches=arguments.batches))
        list(compaction.compact(Tables.open(config)))
        told = [list(sizes(config)), list(asked(config))]
    whole, flat = (statistics.median(times) for times in zip(*commits, strict=True))
    told.insert(0, [{"commit, CPU s": round(whole, 3), "of which flat tables": round(flat, 3)}])
    for line in (line for lines in told for line in lines):
        print(json.dumps(line), flush=True)
    if arguments.write is not None:
        arguments.write.write_text(page(sys.argv[1:], told), encoding="utf-8")


def page(arguments: Sequence[str], told: Sequence[Sequence[dict[str, object]]]) -> str:
    """All that was told, as Markdown."""
    lines = [
        "# What the flat tables cost and save",
        "",
        f"Made by `python benchmarks/flat.py {' '.join(arguments)}`, {datetime.now(UTC):%Y-%m-%d}, on "
        f"{os.cpu_count()} cores that others shared; do not edit. A made-up press whose articles name "
        f"{ENTITIES} entities and {PLACES} places, after `compact`. The commit is the median one; all have "
        "as many rows.",
        "",
    ]
    for table in told:
        lines += [*markdown(table), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
