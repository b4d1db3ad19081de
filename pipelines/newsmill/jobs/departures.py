"""Articles that a replay takes out of the lake: who stays in their stories is told anew.

It is noted in the ledger before the first of them goes, and done when all are gone: one that was cut off in
between is finished by the next replay, and the feed of changes waits for it.
"""

from __future__ import annotations

import importlib.resources
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any, Final, NamedTuple

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table import Table, Transaction

from newsmill.config import Config
from newsmill.copies.departures import Departed, Outcome, Row, Story, renamed, without_departed
from newsmill.copies.sketches import Sketch
from newsmill.jobs.source_records import among, slices
from newsmill.lake import files, reader, rows as table_rows
from newsmill.lake.change_order import DEPARTURES, changing, under_way
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import Batch
from newsmill.lake.places import PLACE, position_of
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.lake.sketch_rows import SKETCHES
from newsmill.lake.staging import set_properties
from newsmill.lake.writer import Lake
from newsmill.records import ClusterEvent, Duplicate, Fate, Micros, Origin, OriginMethod, Position
from newsmill.runtime import failpoints

ROWS_AT_ONCE: Final = 2_000
"""So many rows that stay are changed at a time: each is held in memory with its text."""

_ROWS_OF_A_BATCH: Final = 1_000

_TOLD: Final = "newsmill.stories-told"
"""Property of the ledger: stories are told anew since, so a replay that takes nothing out need not look."""

ARTICLES: Final = frozenset(table_rows.HOLDING["articles"])
"""Fates of the records that have a row of `articles`."""


def is_unfinished(lake: str) -> bool:
    """Whether an earlier replay took articles out and did not get to tell their stories anew.

    Raises:
        ConfigError: There is no lake.
    """
    noted = under_way(reader.table(lake, LEDGER).properties)
    return any(change.what == DEPARTURES for change in noted)


class Departures:
    """What one replay takes out of `articles`. Used as a context: left by an error, the note stays.

    Args:
        config: The lake and how copies are found.
        lake: Owned by this process.
    """

    def __init__(self, config: Config, lake: Lake) -> None:
        self._config = config
        self._lake = lake
        self._noted = ExitStack()
        self._expected = False

    def expect(self, moves: Iterable[tuple[str, str]]) -> None:
        """Note that articles will go, where one of some moves (old fate, new fate) takes one out."""
        if not self._expected and any(old in ARTICLES and new not in ARTICLES for old, new in moves):
            self.note()

    def note(self) -> None:
        """Note that articles will go, or that an earlier replay took some."""
        self._noted.enter_context(changing(self._lake.tables, DEPARTURES))
        self._expected = True

    def settle(self) -> int:
        """Tell the stories of the articles that are gone anew; how many rows that stay were changed.

        Looks once in each lake, though nothing went: replays of earlier versions left stories as they were.

        Raises:
            TakenDownMeanwhile: Something of them was taken down meanwhile: replay again.
        """
        if not self._expected:
            if _TOLD in self._lake.tables.load(LEDGER).properties:
                return 0
            self.note()
        failpoints.reach("departures.gone")
        self._lake.withheld()
        told = _anew(self._config, self._lake.last_change + 1)
        by_time = sorted(told.rows, key=lambda position: (told.rows[position][0], position))
        some = [by_time[start : start + ROWS_AT_ONCE] for start in range(0, len(by_time), ROWS_AT_ONCE)]
        for number, positions in enumerate(some or [[]], 1):
            rows = {position: told.rows[position][1] for position in positions}
            self._replace(rows, told.events if number >= len(some) else [])
        self._lake.tables.change(LEDGER, _told)
        self._noted.close()
        self._expected = False
        return len(told.rows)

    def _replace(self, changed: Mapping[Position, Row], events: Sequence[ClusterEvent]) -> None:
        """Put rows in place of those that are; without the events, which come last, it is done again."""
        if not changed and not events:
            return
        at, path = self._lake.last_change + 1, self._config.lake.path
        written = list(_rewritten(path, changed))
        if events:
            made = table_rows.cluster_events([msgspec.structs.replace(event, at=at) for event in events])
            written.append(files.write(path, "cluster_events", made, ingested_at=at))
        parts = tuple(slices(sorted(changed)))
        self._lake.replace(Batch(batch_id="departures", sequence=0, ingested_at=at, slices=parts), written)


def _told(table: Table, transaction: Transaction) -> bool:
    if _TOLD in table.properties:
        return False
    set_properties(table, transaction, {_TOLD: "1"})
    return True


class _Told(NamedTuple):
    rows: dict[Position, tuple[Micros, Row]]  # those that say something else now, with their first time
    events: list[ClusterEvent]


def _anew(config: Config, at: Micros) -> _Told:
    """The rows that say something else now, and what becomes of the clusters."""
    with duckdb.connect() as duck:
        for name in ("articles", "cluster_events"):
            duck.register(name, reader.rows(config.lake.path, name))
        views = importlib.resources.files("newsmill.lake").joinpath("views")
        duck.execute(views.joinpath("clusters.sql").read_text("utf-8"))
        duck.execute(_GONE)
        gone = frozenset(article for (article,) in duck.sql("FROM gone").fetchall())
        if not gone:
            return _Told({}, [])
        leaders = dict(duck.sql(_REPRESENTATIVES).fetchall())
        departed = defaultdict[str, list[Departed]](list)
        for row in duck.sql(_DEPARTED).to_arrow_table().to_pylist():
            one = Departed(article_id=row["article_id"], domain=row["domain"], position=position_of(row))
            departed[row["cluster_id"]].append(one)
        told, naming = _Told({}, []), dict[Position, tuple[Micros, Row]]()
        instead: dict[str, Row | None] = dict.fromkeys(gone)
        offsets = duck.sql(_OFFSETS).to_arrow_table()["offset"].combine_chunks()
        sketched = reader.rows(config.lake.path, SKETCHES)
        duck.register(
            "sketches", sketched.to_table(columns=[*PLACE, "sketch"], filter=pc.field("offset").isin(offsets))
        )
        for cluster_id, times, rows in _by_story(duck):
            outcome = Outcome({row.position: row for row in rows}, [], None)
            if cluster_id is not None and cluster_id in leaders:
                story = Story(
                    cluster_id=cluster_id,
                    representative_id=leaders.pop(cluster_id),
                    departed=tuple(departed[cluster_id]),
                    rows=tuple(rows),
                )
                outcome = without_departed(story, gone, config.copies, at)
                instead |= {one.article_id: outcome.representative for one in story.departed}
                told.events.extend(outcome.events)
            for row in rows:
                now = outcome.rows[row.position]
                if now != row:
                    told.rows[row.position] = (times[row.position], _bare(now))
                if _names(row, gone):
                    naming[row.position] = (times[row.position], _bare(now))
        for cluster_id, leader in leaders.items():  # nobody stays
            story = Story(
                cluster_id=cluster_id,
                representative_id=leader,
                departed=tuple(departed[cluster_id]),
                rows=(),
            )
            told.events.extend(without_departed(story, gone, config.copies, at).events)
        for position, (first, row) in naming.items():
            told.rows[position] = (first, renamed(row, instead))
        return told


def _bare(row: Row) -> Row:
    return msgspec.structs.replace(row, sketch=None)


def _names(row: Row, gone: frozenset[str]) -> bool:
    origin = row.origin
    return not gone.isdisjoint(row.duplicate.links) or (origin is not None and origin.article_id in gone)


_GONE: Final = """
CREATE TEMP TABLE members AS FROM article_clusters;
CREATE TEMP TABLE there AS SELECT DISTINCT article_id FROM articles;
CREATE TEMP TABLE gone AS SELECT DISTINCT article_id FROM (
  SELECT article_id FROM members
  UNION ALL SELECT duplicate.matched_id FROM articles
  UNION ALL SELECT duplicate.representative_id FROM articles
  UNION ALL SELECT unnest(duplicate.links) FROM articles
  UNION ALL SELECT origin.article_id FROM articles
) WHERE article_id IS NOT NULL AND article_id NOT IN (FROM there);
CREATE TEMP TABLE touched AS SELECT DISTINCT cluster_id FROM members WHERE article_id IN (
  FROM gone UNION ALL SELECT article_id FROM articles
  WHERE duplicate.matched_id IN (FROM gone) OR duplicate.representative_id IN (FROM gone));
"""

_OFFSETS: Final = """
SELECT DISTINCT a."offset" FROM articles a JOIN members m USING (article_id)
SEMI JOIN touched t ON t.cluster_id = m.cluster_id
"""

_ROWS: Final = """
SELECT m.cluster_id, epoch_us(a.ingested_at) AS ingested_at, a.topic, a.partition, a."offset", a.article_id,
  a.domain, a.fate, a.duplicate, a.origin, s.sketch
FROM articles a LEFT JOIN members m USING (article_id) LEFT JOIN touched t ON t.cluster_id = m.cluster_id
LEFT JOIN sketches s USING (topic, partition, "offset")
WHERE t.cluster_id IS NOT NULL
   OR list_has_any(a.duplicate.links, (SELECT list(article_id) FROM gone))
   OR a.origin.article_id IN (FROM gone)
ORDER BY m.cluster_id
"""

_DEPARTED: Final = """
SELECT m.cluster_id, e.article_id, e.domain, e.topic, e.partition, e."offset"
FROM cluster_events e JOIN members m USING (article_id) SEMI JOIN gone g ON g.article_id = e.article_id
WHERE e.event IN ('created', 'joined')
QUALIFY row_number() OVER (PARTITION BY e.article_id ORDER BY e.ingested_at DESC, e.seq DESC) = 1
"""

_REPRESENTATIVES: Final = """
SELECT e.cluster_id, arg_max(e.representative_id, (e.ingested_at, e.seq))
FROM cluster_events e SEMI JOIN touched t ON t.cluster_id = e.cluster_id
WHERE e.event IN ('created', 'joined', 'representative_changed') GROUP BY e.cluster_id ORDER BY e.cluster_id
"""


def _by_story(
    duck: duckdb.DuckDBPyConnection,
) -> Iterator[tuple[str | None, dict[Position, Micros], list[Row]]]:
    """The rows of a cluster at a time, with their first times; those of no cluster that is known too."""
    batches = duck.execute(_ROWS).to_arrow_reader(_ROWS_OF_A_BATCH)
    found = (row for batch in batches for row in batch.to_pylist())
    for cluster_id, of_story in groupby(found, key=lambda row: row["cluster_id"]):
        mine = list(of_story)
        yield (
            cluster_id,
            {position_of(row): row["ingested_at"] for row in mine},
            [_row(row) for row in mine],
        )


def _row(row: Mapping[str, Any]) -> Row:
    sketch, origin = row["sketch"], row["origin"]
    return Row(
        position=position_of(row),
        article_id=row["article_id"],
        domain=row["domain"],
        fate=Fate(row["fate"]),
        duplicate=msgspec.convert(row["duplicate"], Duplicate),
        origin=None
        if origin is None
        else Origin(
            method=OriginMethod(origin["method"]),
            confidence=origin["confidence"],
            domain=origin["domain"],
            article_id=origin["article_id"],
        ),
        sketch=None if sketch is None else Sketch.decode(sketch),
    )


def _rewritten(lake: str, changed: Mapping[Position, Row]) -> Iterator[DataFile]:
    """Files of the rows of records that say something else now, those of each batch of their own."""
    for name in ("articles", SKETCHES, LEDGER):
        found = reader.rows(lake, name).to_table(filter=among(changed))
        mine = found.filter(
            pa.array([position_of(r) in changed for r in found.select(PLACE).to_pylist()], pa.bool_())
        )
        made = pa.Table.from_pylist(
            [_with(row, changed[position_of(row)]) for row in mine.to_pylist()], schema=TABLES[name].arrow
        )
        times = made["ingested_at"].cast(pa.int64())
        for at in sorted(pc.unique(times).to_pylist()):
            yield files.write(lake, name, made.filter(pc.equal(times, at)), ingested_at=at)


def _with(row: dict[str, Any], told: Row) -> dict[str, Any]:
    """A row of `articles`, `copy_sketches` or `fate` with what is told now."""
    if "cluster_id" in row:
        row["cluster_id"] = told.duplicate.cluster_id
    if "fate" in row:
        row["fate"] = told.fate.value
    if "duplicate" in row:
        row["duplicate"] = msgspec.structs.asdict(told.duplicate)
        if told.origin is None:
            row["origin"] = None
        else:
            row["origin"] |= {"article_id": told.origin.article_id, "domain": told.origin.domain}
    return row
