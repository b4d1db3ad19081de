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
LATEST, COPIES = (dialects.source()[name] for name in ("articles_latest", "copies"))


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
    followed = lake.sql("FROM cluster_ids ORDER BY ALL").fetchall()
    lake.execute(dialects.statements(dialects.text("trino"))[0])
    assert lake.sql("FROM cluster_ids ORDER BY ALL").fetchall() == followed
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
    told = (whole.article_id, 4, whole.article_id, "Coast Wire", pytest.approx(0.5625), 3, 1, 0, 0, 0, 2)
    assert sorted(found) == sorted((sketch.article_id, *told) for sketch, _ in rows)


def test_articles_of_merged_stories_are_copies_of_the_one_that_stands_for_both_before_any_has_a_new_row():
    """`duplicate` of the rows stays as it was: only the events tell."""
    lake = duckdb.connect()
    lake.execute(
        """
        CREATE TABLE cluster_events AS FROM (VALUES
            ('created', 'A', 'a1', 'a1', NULL, 1, 0), ('joined', 'A', 'a2', 'a1', NULL, 1, 1),
            ('created', 'B', 'b1', 'b1', NULL, 1, 2), ('joined', 'B', 'b2', 'b1', NULL, 1, 3),
            ('created', 'C', 'c1', 'c1', NULL, 1, 4),
            ('joined', 'A', 'x', 'x', NULL, 2, 0), ('merged', 'B', 'x', 'x', 'A', 2, 1),
            ('representative_changed', 'A', 'x', 'x', NULL, 2, 2),
            ('left', 'A', 'a2', 'x', NULL, 3, 0), ('created', 'D', 'a2', 'a2', NULL, 3, 1)
        ) AS e(event, cluster_id, article_id, representative_id, merged_into, ingested_at, seq);
        ALTER TABLE cluster_events ADD COLUMN domain VARCHAR;
        CREATE TABLE articles AS
        SELECT
            a AS article_id, 1 AS revision, make_timestamptz(t) AS ingested_at, 'https://' || a AS url,
            a AS domain, 'en' AS lang, NULL::TIMESTAMPTZ AS published_at, a AS body_hash,
            {is_duplicate: a[2:] = '2', copy_type: 'exact', similarity: 1.0, cluster_id: upper(a[:1]),
             representative_id: a[:1] || '1', matched_id: NULL::VARCHAR} AS duplicate
        FROM (VALUES ('a1', 1), ('a2', 1), ('b1', 1), ('b2', 1), ('c1', 1), ('x', 2)) AS v(a, t);
        """
    )
    lake.execute(LATEST)
    lake.execute(VIEWS.read_text())
    lake.execute(COPIES)
    found = lake.sql("SELECT article_id, original_id, cluster_id FROM copies ORDER BY ALL").fetchall()
    assert found == [("a1", "x", "A"), ("b1", "x", "A"), ("b2", "x", "A")]
