"""What came out of each site's pages before, from the lake: so that drift is known across restarts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.lake import reader
from newsmill.observe.drift import DriftEvent, DriftWatch, Pages, drift_events

DAYS: Final = 7
"""How many days of pages are a site's past at a start."""
LEAST: Final = 50
"""Sites with fewer records are left out: drift needs more."""

_PAGES: Final = f"""
WITH pages AS (SELECT domain, ingested_at, count(*) AS pages FROM fate
        WHERE domain IS NOT NULL AND fate IN ('article', 'copy', 'revision', 'not_article') GROUP BY ALL),
    arts AS (SELECT domain, ingested_at, count(*) AS articles, count(published_at) AS dated,
        count(*) FILTER (title <> '') AS titled, sum(ln(1 + body_chars)) AS log_chars,
        sum(ln(1 + body_chars) ** 2) AS log_chars_sq FROM articles GROUP BY ALL)
SELECT domain, epoch_us(ingested_at) AS "at", pages, articles, dated, titled, log_chars, log_chars_sq
FROM pages LEFT JOIN arts USING (domain, ingested_at)
WHERE domain IN (SELECT domain FROM fate GROUP BY domain HAVING count(*) >= {LEAST})
ORDER BY domain, ingested_at"""


def history(lake: str, *, since: datetime | None = None) -> Iterator[Pages]:
    """What came out of the pages of each site, batch by batch, oldest first.

    Args:
        lake: Its folder or URI.
        since: Only batches from then on.

    Raises:
        ConfigError: There is no lake.
    """
    with duckdb.connect(":memory:") as duck:
        duck.execute("SET TimeZone = 'UTC'")
        for table, columns in (
            ("fate", ["domain", "ingested_at", "fate"]),
            ("articles", ["domain", "ingested_at", "published_at", "title", "body_chars"]),
        ):
            later = None if since is None else pc.field("ingested_at") >= pa.scalar(since, _TIME)
            duck.register(table, reader.rows(lake, table).to_table(columns=columns, filter=later))
        answer = duck.execute(_PAGES)
        names = [column[0] for column in answer.description]
        for row in answer.fetchall():
            values = {name: value or 0 for name, value in zip(names, row, strict=True)}
            yield msgspec.convert(values, Pages)


_TIME: Final = pa.timestamp("us", "UTC")


def known(lake: str, *, since: datetime) -> tuple[DriftWatch, list[DriftEvent]]:
    """A watch that knows each site's past, and the changes in it, newest first."""
    watch = DriftWatch()
    events = drift_events(history(lake, since=since), watch)
    return watch, sorted(events, key=lambda event: (-event.at, event.domain, event.signal))
