"""Articles that a replay takes out of the lake: who stays in their stories is told anew.

It is noted in the ledger before the first of them goes, and done when all are gone: one that was cut off in
between is finished by the next replay, and the feed of changes waits for it.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.config import Config
from newsmill.copies.departures import Departed, Row, Story, renamed, without_departed
from newsmill.copies.sketches import Sketch
from newsmill.jobs.source_records import among, slices
from newsmill.lake import files, reader, rows as table_rows
from newsmill.lake.change_order import DEPARTURES, changing, under_way
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import Batch
from newsmill.lake.places import PLACE, position_of
from newsmill.lake.schemas import LEDGER, TABLES
from newsmill.lake.writer import Lake
from newsmill.records import ClusterEvent, Duplicate, Fate, Micros, Origin, OriginMethod, Position
from newsmill.runtime import failpoints

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

        Raises:
            TakenDownMeanwhile: Something of them was taken down meanwhile: replay again.
        """
        if not self._expected:
            return 0
        failpoints.reach("departures.gone")
        self._lake.withheld()
        changed, events = _anew(self._config, self._lake.last_change + 1)
        if changed or events:
            self._replace(changed, events)
        self._noted.close()
        self._expected = False
        return len(changed)

    def _replace(self, changed: Mapping[Position, Row], events: list[ClusterEvent]) -> None:
        at, path = self._lake.last_change + 1, self._config.lake.path
        written = list(_rewritten(path, changed))
        if events:
            made = table_rows.cluster_events(events)
            written.append(files.write(path, "cluster_events", made, ingested_at=at))
        parts = tuple(slices(sorted(changed)))
        self._lake.replace(Batch(batch_id="departures", sequence=0, ingested_at=at, slices=parts), written)


def _anew(config: Config, at: Micros) -> tuple[dict[Position, Row], list[ClusterEvent]]:
    """The rows that say something else now, and what becomes of the clusters."""
    with duckdb.connect() as duck:
        for name in ("articles", "cluster_events"):
            duck.register(name, reader.rows(config.lake.path, name))
        duck.execute(importlib.resources.files("newsmill.lake").joinpath("views", "clusters.sql").read_text())
        duck.execute(_GONE)
        gone = frozenset(article for (article,) in duck.sql("FROM gone").fetchall())
        now: dict[Position, Row] = {}
        instead: dict[str, Row | None] = dict.fromkeys(gone)
        events: list[ClusterEvent] = []
        for story in _stories(duck):
            outcome = without_departed(story, gone, config.copies, at)
            now |= outcome.rows
            events += outcome.events
            instead |= {one.article_id: outcome.representative for one in story.departed}
        before = {row.position: row for row in _rows(duck, _NAMING)}
    changed = {}
    for position, old in before.items():
        new = renamed(now.get(position, old), instead)
        if new != old:
            changed[position] = new
    return changed, events


_GONE: Final = """
CREATE TEMP TABLE there AS SELECT DISTINCT article_id FROM articles;
CREATE TEMP TABLE gone AS SELECT DISTINCT article_id FROM (
  SELECT article_id FROM article_clusters
  UNION ALL SELECT duplicate.matched_id FROM articles
  UNION ALL SELECT duplicate.representative_id FROM articles
  UNION ALL SELECT unnest(duplicate.links) FROM articles
  UNION ALL SELECT origin.article_id FROM articles
) WHERE article_id IS NOT NULL AND article_id NOT IN (FROM there);
CREATE TEMP TABLE touched AS SELECT DISTINCT cluster_id FROM article_clusters WHERE article_id IN (
  FROM gone UNION ALL SELECT article_id FROM articles
  WHERE duplicate.matched_id IN (FROM gone) OR duplicate.representative_id IN (FROM gone));
"""

_COLUMNS: Final = (
    'a.topic, a.partition, a."offset", a.article_id, a.domain, a.fate, a.duplicate, a.origin, a.copy_sketch'
)

_OF_STORY: Final = f"""
SELECT {_COLUMNS} FROM articles a JOIN article_clusters c USING (article_id) WHERE c.cluster_id = $story
"""

_NAMING: Final = f"""
SELECT {_COLUMNS} FROM articles a
WHERE article_id IN (SELECT article_id FROM article_clusters WHERE cluster_id IN (FROM touched))
   OR list_has_any(duplicate.links, (SELECT list(article_id) FROM gone)) OR origin.article_id IN (FROM gone)
"""

_DEPARTED: Final = """
SELECT article_id, domain, topic, partition, "offset" FROM cluster_events
WHERE event IN ('created', 'joined')
  AND article_id IN (FROM gone)
  AND article_id IN (SELECT article_id FROM article_clusters WHERE cluster_id = $story)
QUALIFY row_number() OVER (PARTITION BY article_id ORDER BY ingested_at DESC, seq DESC) = 1
"""

_REPRESENTATIVE: Final = """
SELECT arg_max(representative_id, (ingested_at, seq)) FROM cluster_events
WHERE cluster_id = $story AND event IN ('created', 'joined', 'representative_changed')
"""


def _stories(duck: duckdb.DuckDBPyConnection) -> Iterator[Story]:
    for (cluster_id,) in duck.execute("FROM touched ORDER BY ALL").fetchall():
        asked = {"story": cluster_id}
        departed = duck.execute(_DEPARTED, asked).to_arrow_table().to_pylist()
        (leader,) = duck.execute(_REPRESENTATIVE, asked).fetchone() or (None,)
        yield Story(
            cluster_id=cluster_id,
            representative_id=leader or "",
            departed=tuple(
                Departed(article_id=row["article_id"], domain=row["domain"], position=position_of(row))
                for row in departed
            ),
            rows=tuple(_rows(duck, _OF_STORY, asked)),
        )


def _rows(
    duck: duckdb.DuckDBPyConnection, query: str, asked: Mapping[str, str] | None = None
) -> Iterator[Row]:
    for row in duck.execute(query, asked).to_arrow_table().to_pylist():
        sketch, origin = row["copy_sketch"], row["origin"]
        yield Row(
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
    for name in ("articles", LEDGER):
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
    """A row of `articles` or `fate` with what is told now."""
    row["fate"] = told.fate.value
    if "duplicate" in row:
        row["duplicate"] = msgspec.structs.asdict(told.duplicate)
        if told.origin is None:
            row["origin"] = None
        else:
            row["origin"] |= {"article_id": told.origin.article_id, "domain": told.origin.domain}
    return row
