"""The lake's view of clusters tells what the index knows."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pytest

from newsmill.lake import dialects, rows as table_rows
from newsroom import at, cut, folded, index, made, newsweek, story, turning_pages

VIEWS = Path(__file__).parents[3] / "schemas" / "output" / "clusters.sql"
STORIES = VIEWS.with_name("stories.sql")
LATEST = dialects.statements(dialects.source())[0]
COPIES = next(s for s in dialects.statements(dialects.source()) if "VIEW copies " in s)


@pytest.mark.parametrize(
    "sketches",
    [
        *(random.Random(seed).sample(newsweek(seed), 160) for seed in range(3)),
        *(turning_pages(seed) for seed in (29, 59)),
    ],
    ids=["week 0", "week 1", "week 2", "turning pages 29", "turning pages 59"],
)
def test_views_over_the_events_give_the_final_clusters(sketches):
    ready, events, tables = index(), [], []
    for number, start in enumerate(range(0, len(sketches), 9)):
        batch = [at(sketch, ingested_at=number) for sketch in sketches[start : start + 9]]
        told = ready.resolve(f"{number}", batch).events
        ready.commit(f"{number}")
        events += told
        tables.append(table_rows.cluster_events(told))
    lake = duckdb.connect()
    lake.register("cluster_events", pa.concat_tables(tables))
    lake.execute(VIEWS.read_text())
    members = defaultdict(set)
    for article, cluster in lake.execute("SELECT article_id, cluster_id FROM article_clusters").fetchall():
        members[cluster].add(article)
    groups, leaders = folded(events)
    assert {frozenset(group) for group in members.values()} == groups
    rows = lake.execute("SELECT cluster_id, representative_id, size FROM clusters").fetchall()
    assert {(leader, size) for _, leader, size in rows} == {
        (leaders[article], len(group)) for group in groups for article in group
    }


def test_stories_tell_the_earliest_article_the_agency_and_the_sizes_under_every_id_they_had():
    text = story(1, 200)
    first = made(cut(text, 0.4), "first", 1, 3)
    last = made(text.partition("\n")[2], "last", 2, 2)
    whole, copy = made(text, "whole", 3, 1), made(text, "copy", 4, 4)
    ready, tables, rows = index(), [], []
    for number, sketch in enumerate([first, last, whole, copy]):
        sketch = at(sketch, ingested_at=number)
        resolution = ready.resolve(f"{number}", [sketch])
        ready.commit(f"{number}")
        tables.append(table_rows.cluster_events(resolution.events))
        rows.append((sketch, resolution.decisions[sketch.position]))
    agencies = [("Coast Wire", 0.9), ("Hill Press", 0.4), ("Hill Press", 0.3), (None, 0.9)]
    articles = pa.Table.from_pylist(
        [
            {
                "article_id": sketch.article_id,
                "url": f"https://{sketch.domain}/{sketch.article_id}",
                "body_hash": sketch.article_id,
                "revision": 1,
                "domain": sketch.domain,
                "lang": "en",
                "published_at": sketch.claimed_at,
                "ingested_at": sketch.ingested_at,
                "duplicate": msgspec.structs.asdict(decision.duplicate),
                "origin": {"agency": agency, "confidence": confidence},
            }
            for (sketch, decision), (agency, confidence) in zip(rows, agencies, strict=True)
        ]
    )
    lake = duckdb.connect()
    lake.register("cluster_events", pa.concat_tables(tables))
    lake.register("articles", articles)
    lake.execute(LATEST)
    lake.execute(VIEWS.read_text())
    lake.execute(COPIES)
    lake.execute(STORIES.read_text())
    found = lake.execute(
        "SELECT a.article_id, s.representative_id, s.size, s.earliest_id, s.agency, s.agency_share, "
        "s.copies, s.exact, s.truncated, s.extended, s.edited, s.of_unknown_type "
        "FROM articles a JOIN stories s ON s.known_as = a.duplicate.cluster_id"
    ).fetchall()
    assert len({decision.duplicate.cluster_id for _, decision in rows}) == 2
    # By ids in rows: the first article of a cluster that was merged is no copy until its next row.
    told = (whole.article_id, 4, whole.article_id, "Coast Wire", pytest.approx(0.5625), 2, 1, 0, 0, 0, 1)
    assert sorted(found) == sorted((sketch.article_id, *told) for sketch, _ in rows)
