"""What a lake holds, at a glance: the figures of the report, asked of the committed rows with DuckDB.

Every list is cut to a number of rows that does not grow with the lake, so neither does the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.lake import reader
from newsmill.lake.places import PLACE
from newsmill.observe import questions
from newsmill.observe.drift import DriftEvent
from newsmill.observe.history import known

TABLES: Final = ("articles", "cluster_events", "quarantine", "fate")
COLUMNS: Final = 72
"""Most columns of a chart over time."""
STEPS: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 30, 60, 180, 360, 720, 1440, 10080, 43200))
LANGUAGES: Final = 12
DOMAINS: Final = 20
FLOWS: Final = 12
"""Most origins, and most takers, in the picture of who copies whom."""
STORIES: Final = 10
ENTITIES: Final = 15
PLACES: Final = 400
EVENTS: Final = 30
EXAMPLES: Final = 4
"""Quarantined records shown of each code."""
SNIPPET_BYTES: Final = 96

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The figures. Lists of rows have the most important first; shares are 0–1, times are UTC."""

    lake: str
    days: float | None
    lag: list[Row]  # topic, partition, waiting; empty when unknown
    totals: Row  # records, bytes, first, last, articles, stories, copies, domains, languages, …
    step: timedelta  # of the rows over time
    volumes: list[Row]  # bucket, and the records of each fate
    reasons: list[Row]  # fate, reason, records
    ages: list[Row]  # bucket, p50, p95: seconds from the broker's stamp to the batch; empty when unknown
    languages: list[Row]  # lang, articles, disagree
    domains: list[Row]  # domain, records, copies, not_articles, quarantined, median_chars, …
    flows: list[Row]  # origin, taker, copies
    copy_types: list[Row]  # copy_type, copies
    stories: list[Row]  # cluster_id, members, domains, title, domain, languages, first
    entities: dict[str, list[Row]]  # by coarse type: name, articles, mentions, linked
    places: list[Row]  # name, country, lat, lon, articles
    extraction: list[Row]  # method, articles, median_chars, completeness, dated, titled, with_authors
    rights: Row  # reserved, paywalled, withheld
    drift: list[DriftEvent]  # newest first
    quarantine: list[Row]  # code, records, stages, examples
    versions: list[Row]  # what, version, articles


def survey(
    lake: str, *, days: float | None = None, behind: Mapping[tuple[str, int], int] | None = None
) -> Survey:
    """Look at a lake.

    Args:
        lake: Its folder or URI.
        days: Only rows of so many days before the newest batch; all where absent.
        behind: Offsets between the lake and the end of each (topic, partition), where they are known.

    Raises:
        ConfigError: There is no lake.
    """
    asked = _Questions(lake, None if days is None else timedelta(days=days))
    totals = asked.row(_TOTALS)
    step = _step(totals["first"], totals["last"], totals["batches"])
    return Survey(
        lake=lake,
        days=days,
        lag=_lag(behind or {}),
        totals=totals,
        step=step,
        volumes=_volumes(asked, step),
        reasons=asked.rows(_REASONS),
        ages=asked.rows(_AGES, [step]),
        languages=asked.rows(_LANGUAGES),
        domains=asked.rows(_DOMAINS),
        flows=asked.rows(_FLOWS),
        copy_types=asked.rows(_COPY_TYPES),
        stories=asked.rows(_STORIES),
        entities={coarse: asked.rows(_ENTITIES, [coarse]) for coarse in ("PER", "ORG", "LOC", "MISC")},
        places=asked.rows(_PLACES),
        extraction=asked.rows(_EXTRACTION),
        rights=asked.row(_RIGHTS),
        drift=_drift(asked),
        quarantine=_quarantine(asked),
        versions=asked.rows(_VERSIONS),
    )


class _Questions:
    """DuckDB over the committed rows; clusters that merged count as one."""

    def __init__(self, lake: str, span: timedelta | None) -> None:
        self._duck = duckdb.connect(":memory:")
        self._duck.execute("SET TimeZone = 'UTC'")
        self.lake = lake
        self.since: datetime | None = None
        self.tables = {table: reader.rows(lake, table) for table in TABLES}
        newest = pc.max(self.tables["fate"].to_table(columns=["ingested_at"])["ingested_at"])
        if span is not None and newest.is_valid:
            self.since = newest.as_py() - span
        for table, rows in self.tables.items():
            if self.since is not None:
                rows = rows.filter(pc.field("ingested_at") >= pa.scalar(self.since, newest.type))
            self._duck.register(f"lake_{table}", rows)
        self._duck.register("cluster_events", self.tables["cluster_events"])  # of all time: stories are older
        self._duck.execute(questions.view("clusters.sql"))
        for statement in _PREPARE:
            self._duck.execute(statement)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The answer's rows by column name."""
        answer = self._duck.execute(query, list(parameters))
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def row(self, query: str) -> Row:
        """The answer's only row."""
        return self.rows(query)[0]


_PREPARE: Final = (
    "CREATE TABLE fate AS SELECT * EXCLUDE (url, article_id, revision) FROM lake_fate WHERE fate <> 'gap'",
    """CREATE TABLE articles AS SELECT article_id, revision, fate, domain, lang, lang_disagrees, title,
        published_at, ingested_at, body_chars, completeness, is_accessible_for_free, withheld, authors,
        versions,
        extraction.method AS extraction_method, rights.reserved AS reserved,
        duplicate.cluster_id, duplicate.copy_type, coalesce(origin.agency, origin.domain) AS origin_name,
        list_transform(entities, lambda e: struct_pack(id := e.entity_id, coarse := e.coarse, name := e.name,
            linked := e.linked, mentions := e.mention_count)) AS entities,
        list_transform(places, lambda p: struct_pack(name := p.name, country := p.country, lat := p.lat,
            lon := p.lon)) AS places
        FROM lake_articles""",
    """CREATE TABLE story AS SELECT c.article_id, c.cluster_id AS story_id, r.representative_id
        FROM article_clusters c JOIN representatives r USING (cluster_id)""",
    # Who is a copy, and whose, is what the view `copies` of the lake says.
    """CREATE VIEW latest AS SELECT a.*, coalesce(s.story_id, a.cluster_id) AS story_id, s.representative_id,
            coalesce(s.representative_id <> a.article_id, false) AS is_copy
        FROM articles a LEFT JOIN story s USING (article_id)
        QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY ingested_at DESC, revision DESC) = 1""",
)

_TOTALS: Final = """
SELECT count(*) AS records, coalesce(sum(bytes), 0) AS bytes, min(ingested_at) AS first,
    max(ingested_at) AS last, count(DISTINCT ingested_at) AS batches,
    count(*) FILTER (fate = 'quarantined') AS quarantined,
    count(*) FILTER (fate = 'not_article') AS not_articles,
    (SELECT count(*) FROM latest) AS articles, (SELECT count(DISTINCT story_id) FROM latest) AS stories,
    (SELECT count(*) FILTER (is_copy) FROM latest) AS copies,
    (SELECT count(DISTINCT domain) FROM latest) AS domains,
    (SELECT count(DISTINCT lang) FROM latest) AS languages,
    (SELECT coalesce(sum(offset_end - "offset"), 0) FROM lake_fate WHERE fate = 'gap') AS lost
FROM fate"""

_VOLUMES: Final = """
SELECT time_bucket(?, ingested_at) AS bucket, fate, count(*) AS records
FROM fate GROUP BY ALL ORDER BY bucket, fate"""

_REASONS: Final = """
SELECT fate, reason, count(*) AS records FROM fate
GROUP BY ALL ORDER BY records DESC, fate, reason LIMIT 40"""

_AGES: Final = """
SELECT time_bucket(?, ingested_at) AS bucket, quantile_cont(epoch(ingested_at - recorded_at), 0.5) AS p50,
    quantile_cont(epoch(ingested_at - recorded_at), 0.95) AS p95
FROM fate WHERE recorded_at IS NOT NULL GROUP BY bucket ORDER BY bucket"""

_LANGUAGES: Final = f"""
SELECT lang, count(*) AS articles, count(*) FILTER (lang_disagrees) AS disagree
FROM latest GROUP BY lang ORDER BY articles DESC, lang LIMIT {LANGUAGES}"""

_DOMAINS: Final = f"""
WITH a AS (SELECT domain, median(body_chars) AS median_chars, avg((published_at IS NOT NULL)::INT) AS dated,
        avg(is_copy::INT) AS copied FROM latest GROUP BY domain),
    f AS (SELECT domain, count(*) AS records, avg((fate = 'not_article')::INT) AS not_article,
        count(*) FILTER (fate = 'quarantined') AS quarantined
        FROM fate WHERE domain IS NOT NULL GROUP BY domain)
SELECT f.*, a.* EXCLUDE domain FROM f LEFT JOIN a USING (domain)
ORDER BY records DESC, domain LIMIT {DOMAINS}"""

_FLOWS: Final = f"""
WITH copies AS (SELECT c.domain AS taker, coalesce(c.origin_name, r.domain) AS origin
        FROM latest c LEFT JOIN latest r ON r.article_id = c.representative_id WHERE c.is_copy),
    known AS (FROM copies WHERE origin IS NOT NULL AND origin <> taker),
    origins AS (SELECT origin FROM known GROUP BY origin ORDER BY count(*) DESC, origin LIMIT {FLOWS}),
    takers AS (SELECT taker FROM known GROUP BY taker ORDER BY count(*) DESC, taker LIMIT {FLOWS})
SELECT CASE WHEN origin IN (FROM origins) THEN origin END AS origin,
    CASE WHEN taker IN (FROM takers) THEN taker END AS taker, count(*) AS copies
FROM known GROUP BY ALL ORDER BY copies DESC, origin, taker"""

_COPY_TYPES: Final = """
SELECT coalesce(copy_type, 'unknown') AS copy_type, count(*) AS copies
FROM latest WHERE is_copy GROUP BY ALL ORDER BY copies DESC, copy_type"""

_STORIES: Final = f"""
WITH s AS (SELECT story_id, count(*) AS members, count(DISTINCT domain) AS domains,
        list(DISTINCT lang ORDER BY lang) AS languages, min(published_at) AS first,
        first(title ORDER BY is_copy, published_at, article_id) AS title,
        first(domain ORDER BY is_copy, published_at, article_id) AS domain
    FROM latest GROUP BY story_id)
FROM s WHERE members > 1 ORDER BY members DESC, domains DESC, story_id LIMIT {STORIES}"""

_ENTITIES: Final = f"""
WITH e AS (SELECT article_id, unnest(entities, recursive := true) FROM latest WHERE len(entities) > 0)
SELECT any_value(name) AS name, count(DISTINCT article_id) AS articles, sum(mentions) AS mentions,
    bool_or(linked) AS linked
FROM e WHERE coarse = ? GROUP BY id ORDER BY articles DESC, mentions DESC, id LIMIT {ENTITIES}"""

_PLACES: Final = f"""
WITH p AS (SELECT article_id, unnest(places, recursive := true) FROM latest WHERE len(places) > 0)
SELECT any_value(name) AS name, any_value(country) AS country, round(lat, 1) AS lat, round(lon, 1) AS lon,
    count(DISTINCT article_id) AS articles
FROM p WHERE lat BETWEEN -90 AND 90 AND lon BETWEEN -180 AND 180
GROUP BY round(p.lat, 1), round(p.lon, 1) ORDER BY articles DESC, lat, lon LIMIT {PLACES}"""

_EXTRACTION: Final = """
SELECT extraction_method AS method, count(*) AS articles, median(body_chars) AS median_chars,
    avg(completeness) AS completeness, avg((published_at IS NOT NULL)::INT) AS dated,
    avg((title IS NOT NULL AND title <> '')::INT) AS titled, avg((len(authors) > 0)::INT) AS with_authors
FROM latest GROUP BY method ORDER BY articles DESC, method LIMIT 8"""

_RIGHTS: Final = """
SELECT count(*) FILTER (reserved) AS reserved, count(*) FILTER (is_accessible_for_free = false) AS paywalled,
    count(*) FILTER (withheld IS NOT NULL) AS withheld FROM latest"""

_QUARANTINE: Final = f"""
WITH q AS (SELECT code, stage, topic, partition, "offset", url, message, payload_bytes, ingested_at
    FROM lake_quarantine
    QUALIFY row_number() OVER (PARTITION BY topic, partition, "offset" ORDER BY ingested_at DESC) = 1)
SELECT code, count(*) AS records, list(DISTINCT stage ORDER BY stage) AS stages,
    list(struct_pack(topic, partition, "offset", url, message, payload_bytes, ingested_at)
        ORDER BY ingested_at DESC, topic, partition, "offset")[1:{EXAMPLES}] AS examples
FROM q GROUP BY code ORDER BY records DESC, code"""

_VERSIONS: Final = """
WITH v AS (SELECT unnest(map_entries(versions), recursive := true) FROM latest)
SELECT "key" AS what, value AS version, count(*) AS articles FROM v GROUP BY ALL ORDER BY what, articles DESC
LIMIT 30"""


def _step(first: datetime | None, last: datetime | None, batches: int) -> timedelta:
    """The finest step that shows the time between in at most `COLUMNS` columns, and holds a batch."""
    if first is None or last is None:
        return STEPS[0]
    finest = max((last - first) / (COLUMNS - 1), (last - first) / max(batches - 1, 1))
    return next((step for step in STEPS if step >= finest), STEPS[-1])


def _volumes(asked: _Questions, step: timedelta) -> list[Row]:
    """Records by fate in each step, those without any included."""
    found: dict[datetime, Row] = {}
    for row in asked.rows(_VOLUMES, [step]):
        found.setdefault(row["bucket"], {})[row["fate"]] = row["records"]
    if not found:
        return []
    bucket, last, rows = min(found), max(found), []
    while bucket <= last:
        rows.append({"bucket": bucket, **found.get(bucket, {})})
        bucket += step
    return rows


def _lag(behind: Mapping[tuple[str, int], int]) -> list[Row]:
    rows = ({"topic": t, "partition": p, "waiting": n} for (t, p), n in sorted(behind.items()))
    return sorted(rows, key=lambda row: -row["waiting"])


def _drift(asked: _Questions) -> list[DriftEvent]:
    _, events = known(asked.lake, since=asked.since or datetime(1970, 1, 1, tzinfo=UTC))
    return events[:EVENTS]


def _quarantine(asked: _Questions) -> list[Row]:
    """Codes with examples, and the first bytes of the examples' payloads."""
    codes = asked.rows(_QUARANTINE)
    examples = {_place(example): example for code in codes for example in code["examples"]}
    if examples:
        # A payload may have megabytes: few rows at a time, and of the row groups that hold examples only.
        scanner = asked.tables["quarantine"].scanner(
            columns=[*PLACE, "payload"],
            filter=pc.field("offset").isin([offset for _, _, offset in examples]),
            batch_size=16,
            batch_readahead=1,
            fragment_readahead=1,
        )
        for batch in scanner.to_batches():
            for row in batch.to_pylist():
                if example := examples.get(_place(row)):
                    example["head"] = row["payload"] and row["payload"][:SNIPPET_BYTES]
    return codes


def _place(row: Row) -> tuple[str, int, int]:
    return row["topic"], row["partition"], row["offset"]
