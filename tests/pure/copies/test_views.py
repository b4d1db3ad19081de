"""The lake's view of clusters tells what the index knows."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from newsmill.lake import schemas
from newsroom import at, folded, index, newsweek

VIEWS = Path(__file__).parents[3] / "schemas" / "output" / "clusters.sql"


@pytest.mark.parametrize("seed", range(3))
def test_views_over_the_events_give_the_final_clusters(seed):
    sketches = random.Random(seed).sample(newsweek(seed), 160)
    ready, events, tables = index(), [], []
    for number, start in enumerate(range(0, 160, 9)):
        batch = [at(sketch, ingested_at=number) for sketch in sketches[start : start + 9]]
        told = ready.resolve(f"{number}", batch).events
        ready.commit(f"{number}")
        events += told
        tables.append(schemas.cluster_events(told))
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
