"""The index over days: what leaves the horizon, and an index that is made again from rows of the lake."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product

import pytest

from newsmill.copies.identities import Seen
from newsmill.copies.index import SeedRow
from newsmill.copies.sketches import Sketch
from newsmill.records import Fate
from newsroom import (
    MINUTE,
    at,
    cut,
    decided,
    index,
    made,
    newsweek,
    reworded,
    story,
)

DAY = 86_400_000_000


def test_article_is_forgotten_when_its_day_leaves_the_horizon():
    ready = index(horizon_days=2)
    for day, name in enumerate("abc"):
        batch = [made(story(day), name, day, ingested=day * DAY)]
        ready.resolve(name, batch)
        ready.commit(name)
    fates = {}
    for day in (2, 3):
        (decision,) = decided([made(story(0), f"copy on {day}", 9, ingested=day * DAY)], ready=ready)
        fates[day] = decision.fate
    assert fates == {2: Fate.COPY, 3: Fate.ARTICLE}
    ready.commit("batch")
    assert ready.texts == 3


def test_index_stays_right_over_many_days():
    rng, ready, kept = random.Random(1), index(horizon_days=2), {}
    for day in range(12):
        batch = []
        for n in range(30):
            offset = day * 100 + n
            if kept and rng.random() < 0.4:
                of = rng.choice(list(kept))
                batch.append(
                    (
                        made(
                            reworded(story(of), offset, 0.02), f"{offset}", offset, offset, ingested=day * DAY
                        ),
                        of,
                    )
                )
            else:
                batch.append((made(story(offset), f"{offset}", offset, offset, ingested=day * DAY), None))
        resolution = ready.resolve(f"{day}", [sketch for sketch, _ in batch])
        ready.commit(f"{day}")
        for sketch, of in batch:
            decision = resolution.decisions[sketch.position]
            assert decision.fate is (Fate.ARTICLE if of is None else Fate.COPY)
        kept = {n: d for n, d in kept.items() if d >= day - 1}
        kept |= {s.position.offset: day for s, of in batch if of is None}
    assert ready.texts <= 90


@pytest.mark.parametrize("order", ["as written", "shuffled"])
def test_index_seeded_from_rows_decides_as_the_one_that_wrote_them(order):
    sketches = newsweek(2)
    ready, rows, events = index(), [], []
    for start in range(0, 120, 17):
        batch = sketches[start : min(120, start + 17)]
        resolution = ready.resolve(f"{start}", batch)
        ready.commit(f"{start}")
        events += resolution.events
        for sketch in batch:
            decision = resolution.decisions[sketch.position]
            if decision.fate is not Fate.REDELIVERY:
                rows.append(
                    SeedRow(
                        sketch=sketch.encode(),
                        revision=decision.revision,
                        cluster_id=decision.duplicate.cluster_id,
                    )
                )
    if order == "shuffled":
        random.Random(1).shuffle(rows)
    other = index()
    other.seed(rows[:50])
    other.seed(rows[50:])
    other.seed(rows[:9])
    assert other.version is None
    for sketch in sketches[120:]:
        expected, found = (
            which.resolve("next", [sketch]).decisions[sketch.position] for which in (ready, other)
        )
        assert (found.fate, found.revision) == (expected.fate, expected.revision)
        assert found.duplicate.representative_id == expected.duplicate.representative_id
        if expected.fate is not Fate.REDELIVERY and expected.duplicate.matched_id:
            assert found.duplicate.cluster_id == expected.duplicate.cluster_id


def crawled(seed: int) -> list[list[Sketch]]:
    """Batches of a few URLs that change to and fro, delivered late, twice and out of order."""
    rng = random.Random(seed)
    texts = [reworded(story(n % 3), n, 0.0 if n < 3 else 0.03) for n in range(6)]
    sketches = [
        made(
            rng.choice(texts),
            f"site-{rng.randrange(8)}",
            offset,
            rng.choice((None, 5)),
            recorded=rng.randrange(400) * MINUTE,
            partition=rng.randrange(3),
            ingested=MINUTE * (500 + offset // 9),
        )
        for offset in range(90)
    ]
    return [sketches[start : start + 9] for start in range(0, 90, 9)]


@pytest.mark.parametrize("identity_days", [None, 30, 1])
def test_url_is_known_after_its_text_left_the_horizon_as_long_as_identities_are_kept(identity_days):
    ready = index(horizon_days=2, identity_days=identity_days)
    ready.resolve("1", [made(story(0), "a", 0, ingested=0)])
    ready.commit("1")
    ready.resolve("2", [made(story(1), "b", 1, ingested=20 * DAY)])
    ready.commit("2")
    again, changed = (
        decided([made(story(n), "a", 9 + n, ingested=20 * DAY)], ready=ready)[0] for n in (0, 7)
    )
    if identity_days == 1:  # never less than the horizon, which is past
        assert (again.fate, changed.fate) == (Fate.ARTICLE, Fate.ARTICLE)
    else:
        assert (again.fate, again.revision) == (Fate.REDELIVERY, 1)
        assert (changed.fate, changed.revision) == (Fate.REVISION, 2)


def seen(rows: list[tuple[Sketch, int]]) -> Seen:
    sketches = [sketch for sketch, _ in rows]
    return Seen(
        articles=[s.article_id for s in sketches],
        contents=[s.content_hash for s in sketches],
        revisions=[revision for _, revision in rows],
        times=[s.ingested_at if s.recorded_at is None else s.recorded_at for s in sketches],
        topics=[s.position.topic for s in sketches],
        partitions=[s.position.partition for s in sketches],
        offsets=[s.position.offset for s in sketches],
        domains=[s.domain for s in sketches],
        days=[s.ingested_at // DAY for s in sketches],
    )


@pytest.mark.parametrize("seed", range(6))
def test_index_that_remembers_rows_from_before_the_horizon_is_the_one_that_never_stopped(seed):
    rng, ready, old = random.Random(seed), index(horizon_days=2), []
    for number, batch in enumerate(crawled(seed)):
        decisions = ready.resolve(f"{number}", batch).decisions
        ready.commit(f"{number}")
        old += [(s, d.revision) for s in batch if (d := decisions[s.position]).fate is not Fate.REDELIVERY]
    later = made(story(9), "later", 5000, ingested=30 * DAY)
    ready.resolve("later", [later])
    ready.commit("later")
    rng.shuffle(old)
    started = index(horizon_days=2)
    started.remember(seen(old[at : at + 13]) for at in range(0, len(old), 13))
    started.seed([SeedRow(sketch=later.encode(), revision=1, cluster_id="0" * 32)])
    assert started.texts == ready.texts == 1
    for name, text, recorded in product(range(8), range(3), (0, 200, 1000)):
        next_one = made(
            story(text), f"site-{name}", 9999, 5, recorded=recorded * MINUTE, ingested=30 * DAY + MINUTE
        )
        [expected] = decided([next_one], ready=ready)
        [found] = decided([next_one], ready=started)
        assert (found.fate, found.revision) == (expected.fate, expected.revision)


@pytest.mark.parametrize("seed", range(40))
def test_index_after_a_start_is_the_one_that_never_stopped_whatever_order_rows_come_in(seed):
    rng, ready, rows = random.Random(seed), index(), []
    for number, batch in enumerate(crawled(seed)):
        decisions = ready.resolve(f"{number}", batch).decisions
        ready.commit(f"{number}")
        rows += [
            SeedRow(sketch=s.encode(), revision=d.revision, cluster_id=d.duplicate.cluster_id)
            for s in batch
            if (d := decisions[s.position]).fate is not Fate.REDELIVERY
        ]
    numbers = Counter((Sketch.decode(row.sketch).article_id, row.revision) for row in rows)
    assert set(numbers.values()) == {1}
    started = index()
    rng.shuffle(rows)
    while rows:
        some = rng.randrange(1, 30)
        started.seed(rows[:some])
        rows = rows[some:]
    assert started.texts == ready.texts
    for name, text, recorded in product(range(8), range(3), (0, 200, 1000)):
        next_one = made(
            story(text), f"site-{name}", 9999, 5, recorded=recorded * MINUTE, ingested=MINUTE * 600
        )
        [expected] = decided([next_one], ready=ready)
        [found] = decided([next_one], ready=started)
        assert (found.fate, found.revision) == (expected.fate, expected.revision)
        assert found.duplicate.is_duplicate == expected.duplicate.is_duplicate
        assert found.duplicate.representative_id == expected.duplicate.representative_id
        assert found.duplicate.copy_type == expected.duplicate.copy_type


def test_the_first_article_stands_for_its_story_though_it_is_seeded_after_its_copy():
    """Rows are learnt some at a time: a story and its exact copy can come in two."""
    wrote, ready = index(), index()
    first, copy = made(story(1), "a", 1, 1), made(story(1), "b", 2, 9)
    decisions = wrote.resolve("1", [first, copy]).decisions
    for sketch in (copy, first):
        of = decisions[sketch.position].duplicate.cluster_id
        ready.seed([SeedRow(sketch=sketch.encode(), revision=1, cluster_id=of)])
    [late] = decided([made(story(1), "c", 3, 12)], ready=ready)
    assert late.duplicate.representative_id == first.article_id
    assert late.duplicate.cluster_id == decisions[first.position].duplicate.cluster_id


def test_cluster_merges_into_no_cluster_of_its_own_id_when_rows_of_one_cluster_are_apart():
    """A takedown took the text that linked them; a page that has it again links them anew."""
    ready, text = index(), story(1, 200)
    left, right = made(cut(text, 0.4), "left", 1, 1), made(text.partition("\n")[2], "right", 2, 2)
    ready.seed([SeedRow(sketch=s.encode(), revision=1, cluster_id="c" * 32) for s in (left, right)])
    resolution = ready.resolve("1", [made(text, "whole", 3, 3)])
    assert {(e.event, e.cluster_id) for e in resolution.events} == {
        ("joined", "c" * 32),
        ("representative_changed", "c" * 32),
    }


def test_urls_are_known_when_another_version_made_the_seeds_sketches():
    ready, old = index(), at(made(story(1), "a", 1), version=99)
    ready.seed([SeedRow(sketch=old.encode(), revision=4, cluster_id="c" * 32)])
    again, changed, copy = decided(
        [made(story(1), "a", 2), made(story(2), "a", 3), made(story(1), "b", 4)], ready=ready
    )
    assert (again.fate, again.revision, again.duplicate.cluster_id) == (Fate.REDELIVERY, 4, "c" * 32)
    assert (changed.fate, changed.revision) == (Fate.REVISION, 5)
    assert copy.fate is Fate.ARTICLE
