"""Stories that articles left: what stays keeps together as far as anything joins it."""

from __future__ import annotations

import random

import pytest

from newsmill.config import CopiesConfig
from newsmill.copies.departures import Departed, Outcome, Row, Story, renamed, without_departed
from newsmill.flow.steps.identify import identify
from newsmill.records import (
    ClusterChange,
    CopyType,
    Duplicate,
    Fate,
    Origin,
    OriginMethod,
    Position,
)
from newsmill.urls import article_id
from newsroom import reworded, story
from wirelake import AT, TOPIC, Sent, extracted

WHOLE = story(1)
GONE = Departed(
    article_id=article_id("https://wire.example/one"),
    domain="wire.example",
    position=Position(topic=TOPIC, partition=0, offset=0),
)


def row(offset: int, site: str, body: str | None, matched: str | None = GONE.article_id) -> Row:
    """A copy of the article that left, or of another; without a text where a takedown took it."""
    item = identify(extracted(offset, Sent(f"https://{site}/one", body or WHOLE)), AT)
    return Row(
        position=item.sketch.position,
        article_id=item.sketch.article_id,
        domain=site,
        fate=Fate.COPY,
        duplicate=Duplicate(
            is_duplicate=True,
            cluster_id="story",
            representative_id=GONE.article_id,
            copy_type=CopyType.EDITED,
            similarity=0.5,
            matched_id=matched,
            method="sketch",
        ),
        sketch=None if body is None else item.sketch,
    )


def left(*rows: Row, representative_id: str = GONE.article_id) -> Outcome:
    told = Story(cluster_id="story", representative_id=representative_id, departed=(GONE,), rows=tuple(rows))
    gone = frozenset({GONE.article_id})
    outcome = without_departed(told, gone, CopiesConfig(), AT)
    for seed in range(3):
        mixed = random.Random(seed).sample(rows, len(rows))
        assert (
            without_departed(
                Story(
                    cluster_id="story",
                    representative_id=representative_id,
                    departed=(GONE,),
                    rows=tuple(mixed),
                ),
                gone,
                CopiesConfig(),
                AT,
            )
            == outcome
        )
    return outcome


def told(outcome: Outcome) -> list[tuple[ClusterChange, str, str, int]]:
    return [(e.event, e.cluster_id, e.domain, e.size) for e in outcome.events]


def test_earliest_article_stands_for_the_story_when_its_representative_left() -> None:
    first, second = row(1, "a.example", WHOLE), row(2, "b.example", reworded(WHOLE, 3, 0.05))
    outcome = left(first, second)
    assert told(outcome) == [
        (ClusterChange.LEFT, "story", "wire.example", 2),
        (ClusterChange.REPRESENTATIVE_CHANGED, "story", "a.example", 2),
    ]
    now = outcome.rows[first.position]
    assert (now.fate, now.duplicate) == (
        Fate.ARTICLE,
        Duplicate(is_duplicate=False, cluster_id="story", representative_id=first.article_id),
    )
    copy = outcome.rows[second.position].duplicate
    assert (copy.matched_id, copy.representative_id) == (first.article_id, first.article_id)
    assert copy.similarity is not None and copy.similarity > 0.55
    assert outcome.representative is first


def test_articles_that_were_alike_by_what_left_only_part() -> None:
    first, second = row(1, "a.example", WHOLE), row(2, "b.example", story(2))
    outcome = left(first, second)
    assert [e[0] for e in told(outcome)] == [
        ClusterChange.LEFT, ClusterChange.LEFT, ClusterChange.CREATED, ClusterChange.REPRESENTATIVE_CHANGED
    ]  # fmt: skip
    parted = outcome.rows[second.position]
    assert parted.fate is Fate.ARTICLE and not parted.duplicate.is_duplicate
    assert parted.duplicate.cluster_id not in ("story", outcome.rows[first.position].duplicate.cluster_id)
    assert outcome.rows[first.position].duplicate.cluster_id == "story"


def test_match_that_stays_keeps_articles_together_and_its_row_as_it_is() -> None:
    first = row(1, "a.example", WHOLE)
    other = row(2, "b.example", story(7), matched=first.article_id)  # as its revision of then was
    outcome = left(first, other)
    assert len(outcome.events) == 2
    kept = outcome.rows[other.position].duplicate
    assert (kept.similarity, kept.matched_id, kept.cluster_id) == (0.5, first.article_id, "story")
    assert kept.representative_id == first.article_id


def test_representative_that_stays_goes_on_and_what_was_taken_down_stays_with_it() -> None:
    leader, emptied = row(1, "a.example", WHOLE, matched=None), row(2, "b.example", None)
    leader = Row(
        position=leader.position, article_id=leader.article_id, domain="a.example", fate=Fate.ARTICLE,
        duplicate=Duplicate(is_duplicate=False, cluster_id="story", representative_id=leader.article_id),
        sketch=leader.sketch,
    )  # fmt: skip
    outcome = left(leader, emptied, representative_id=leader.article_id)
    assert told(outcome) == [(ClusterChange.LEFT, "story", "wire.example", 2)]
    assert outcome.rows[leader.position] == leader
    now = outcome.rows[emptied.position].duplicate
    assert (now.is_duplicate, now.matched_id, now.similarity) == (True, None, None)
    assert (now.cluster_id, now.representative_id) == ("story", leader.article_id)


def test_cluster_ends_when_nobody_stays() -> None:
    outcome = left()
    assert told(outcome) == [(ClusterChange.LEFT, "story", "wire.example", 0)]
    assert (outcome.rows, outcome.representative) == ({}, None)


@pytest.mark.parametrize("method", [OriginMethod.EARLIEST, OriginMethod.DATELINE])
def test_links_and_origin_name_who_stands_for_the_story(method: OriginMethod) -> None:
    first, other = row(1, "a.example", WHOLE), row(2, "b.example", WHOLE)
    origin = Origin(method=method, confidence=0.5, domain="wire.example", article_id=GONE.article_id)
    duplicate = Duplicate(
        is_duplicate=False, cluster_id="week", representative_id="w", links=(GONE.article_id, "kept")
    )
    naming = Row(
        position=other.position, article_id="w", domain="b.example", fate=Fate.ARTICLE,
        duplicate=duplicate, origin=origin,
    )  # fmt: skip
    now = renamed(naming, {GONE.article_id: first})
    assert now.duplicate.links == tuple(sorted(("kept", first.article_id)))
    assert now.origin is not None and now.origin.article_id == first.article_id
    alone = renamed(naming, {GONE.article_id: None})
    assert alone.duplicate.links == ("kept",)
    assert (alone.origin is None) == (method is OriginMethod.EARLIEST)
    assert alone.origin is None or alone.origin.article_id is None
