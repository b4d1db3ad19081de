"""The index: fates, copy types, clusters, whatever the order and batching of records."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from newsmill.copies.store import HOT
from newsmill.records import Fate, Position
from newsroom import (
    article_id,
    at,
    cut,
    decided,
    fed,
    folded,
    index,
    made,
    newsweek,
    reworded,
    story,
    title_of,
    turning_pages,
)

DAY = 86_400_000_000


# Fates


def test_first_content_of_a_url_is_an_article():
    (decision,) = decided([made(story(1), "a", 1)])
    assert (decision.fate, decision.revision, decision.origin_hint) == (Fate.ARTICLE, 1, None)
    assert not decision.duplicate.is_duplicate
    assert decision.duplicate.representative_id == article_id("a")


def test_same_content_of_a_url_again_is_a_redelivery():
    first, again = decided([made(story(1), "a", 1), made(story(1), "a", 2)])
    assert (first.fate, again.fate) == (Fate.ARTICLE, Fate.REDELIVERY)
    assert again.revision == 1
    assert again.duplicate.cluster_id == first.duplicate.cluster_id


@pytest.mark.parametrize(
    "batches", [(), (1,), (1, 1), (1, 1, 1)], ids=lambda sizes: f"{len(sizes) + 1} batches"
)
def test_changed_content_of_a_url_is_the_next_revision_even_when_it_is_an_earlier_one_again(batches):
    a, b = story(1), reworded(story(1), 5)
    sketches = [made(text, "a", n) for n, text in enumerate((a, b, a, a, b))]
    ready, decisions, start = index(), [], 0
    for number, size in enumerate((*batches, 5)):
        resolution = ready.resolve(f"{number}", sketches[start : start + size])
        ready.commit(f"{number}")
        decisions += [resolution.decisions[s.position] for s in sketches[start : start + size]]
        start += size
    assert [d.revision for d in decisions] == [1, 2, 3, 3, 4]
    assert [d.fate for d in decisions] == [
        Fate.ARTICLE,
        Fate.REVISION,
        Fate.REVISION,
        Fate.REDELIVERY,
        Fate.REVISION,
    ]
    assert not any(d.duplicate.is_duplicate for d in decisions)


def test_revision_can_be_a_copy_of_another_url():
    decisions = decided([made(story(1), "a", 1, 10), made(story(2), "b", 2, 11), made(story(1), "b", 3, 12)])
    assert decisions[2].fate is Fate.REVISION
    assert decisions[2].duplicate.is_duplicate
    assert decisions[2].duplicate.representative_id == article_id("a")


def test_record_that_comes_twice_is_itself_and_no_redelivery():
    ready = index()
    sketch = made(story(1), "a", 1)
    (first,) = decided([sketch, sketch], ready=ready)[:1]
    ready.commit("batch")
    (second,) = decided([sketch], ready=ready)
    assert (first.fate, second.fate, second.revision) == (Fate.ARTICLE, Fate.ARTICLE, 1)


def test_late_older_version_is_a_revision_and_does_not_become_the_content():
    ready = index()
    old, new = made(story(1), "a", 1, recorded=1), made(story(2), "a", 2, recorded=2)
    decided([new], ready=ready)
    ready.commit("batch")
    (late,) = decided([old], ready=ready)
    ready.commit("batch")
    assert (late.fate, late.revision) == (Fate.REVISION, 2)
    (again,) = decided([at(new, position=made(story(2), "a", 3).position)], ready=ready)
    assert (again.fate, again.revision) == (Fate.REDELIVERY, 2)


# Copy types


@pytest.mark.parametrize(
    ("change", "copy_type"),
    [
        (lambda text: text, "exact"),
        (lambda text: text.upper(), "exact"),
        (lambda text: cut(text, 0.5), "truncated"),
        (lambda text: text + "\n" + story(50, 200), "extended"),
        (lambda text: reworded(text, 3, 0.02), "edited"),
        (lambda text: "LONDON (Reuters) - " + text, "edited"),
    ],
    ids=["same", "capitals", "half", "longer", "words", "dateline"],
)
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_copy_has_its_type_and_figures(change, copy_type, together):
    text = story(1)
    original, copy = (
        made(text, "a", 1, 10),
        made(change(text), "b", 2, 20, title=title_of(text), domain="b.org"),
    )
    ready = index()
    if not together:
        decided([original], ready=ready)
        ready.commit("batch")
    decision = decided([original, copy] if together else [copy], ready=ready)[-1]
    duplicate = decision.duplicate
    assert decision.fate is Fate.COPY
    assert (duplicate.copy_type, duplicate.matched_id) == (copy_type, article_id("a"))
    assert duplicate.method == ("hash" if copy_type == "exact" else "sketch")
    assert duplicate.novel_share == pytest.approx(1 - duplicate.containment, abs=0.02)
    assert decision.origin_hint.article_id == article_id("a")
    assert decision.origin_hint.domain == "example.org"
    assert decision.origin_hint.method == "earliest"
    if copy_type == "truncated":
        assert (duplicate.containment, duplicate.containment_of) == (1.0, pytest.approx(0.5, abs=0.1))


def test_round_up_is_a_compilation_that_links_its_stories_and_merges_none():
    a, b = story(1, 150), story(2, 150)
    decisions = decided(
        [
            made(a, "a", 1, 10),
            made(b, "b", 2, 10),
            made(a + "\n" + b, "c", 3, 20, title="Morning briefing"),
            made(a + "\n" + b, "d", 4, 21, title="Morning briefing"),
        ]
    )
    one, two, both, again = (decision.duplicate for decision in decisions)
    assert len({one.cluster_id, two.cluster_id, both.cluster_id}) == 3
    assert (both.is_duplicate, both.copy_type) == (False, "compilation")
    assert set(both.links) == {article_id("a"), article_id("b")}
    assert (again.is_duplicate, again.copy_type, again.cluster_id) == (True, "exact", both.cluster_id)


def test_round_up_leaves_the_cluster_when_its_second_story_comes_to_light():
    a, b = story(1, 150), story(2, 150)
    texts = {"a": a, "c": a + "\n" + b, "b": b}
    sketches = [made(text, name, n, n, title="") for n, (name, text) in enumerate(texts.items())]
    _, events = fed(sketches, [1, 1])
    assert [e.event for e in events if e.article_id == article_id("c")] == ["joined", "left", "joined"]
    assert folded(events)[0] == {frozenset({article_id(name)}) for name in "abc"}


def test_copies_in_other_scripts_are_found():
    rng = random.Random(3)
    for first, last, spaced in ((0x4E00, 0x9FA5, False), (0x0E01, 0x0E2E, False), (0x0905, 0x0939, True)):
        letters = [chr(rng.randint(first, last)) for _ in range(1500)]
        text = "".join(c + " " * (spaced and n % 5 == 4) for n, c in enumerate(letters))
        half, other = text[: len(text) // 2], text[::-1]
        found = decided(
            [
                made(t, n, i, i, title="")
                for i, (t, n) in enumerate(zip((text, half, other), "abc", strict=True))
            ]
        )
        assert [d.fate for d in found] == [Fate.ARTICLE, Fate.COPY, Fate.ARTICLE]


def test_paywall_stubs_of_different_articles_are_no_copies():
    stub = (
        "Subscribe now to read this article and get full access to all our stories on every device you own."
    )
    decisions = decided(
        [
            made(stub, "a", 1, title="Fire destroys harbour in Salem"),
            made(stub, "b", 2, title="Minister resigns over budget vote"),
        ]
    )
    assert [d.fate for d in decisions] == [Fate.ARTICLE, Fate.ARTICLE]


# Clusters and events


def test_earliest_article_stands_for_the_cluster_whatever_comes_first():
    text = story(1)
    ready = index()
    first = ready.resolve("1", [made(text, "late", 1, 50), made(reworded(text, 1), "later", 2, 60)])
    ready.commit("1")
    cluster = first.decisions[made(text, "late", 1).position].duplicate.cluster_id
    second = ready.resolve("2", [made(reworded(text, 2), "early", 3, 10)])
    (decision,) = second.decisions.values()
    assert (decision.fate, decision.duplicate.cluster_id) == (Fate.ARTICLE, cluster)
    assert [(e.event, e.article_id, e.representative_id, e.size) for e in second.events] == [
        ("joined", article_id("early"), article_id("early"), 3),
        ("representative_changed", article_id("early"), article_id("early"), 3),
    ]


def test_same_time_is_decided_by_the_place_in_the_source():
    text = story(1)
    decisions = decided([made(text, "b", 7, 10), made(reworded(text, 1), "a", 3, 10)])
    assert [d.fate for d in decisions] == [Fate.COPY, Fate.ARTICLE]


def test_article_without_a_time_comes_after_all_that_have_one():
    text = story(1)
    decisions = decided([made(text, "b", 1), made(reworded(text, 1), "a", 2, 9_000_000)])
    assert [d.fate for d in decisions] == [Fate.COPY, Fate.ARTICLE]


def test_clusters_merge_when_a_text_shows_that_they_are_one_story():
    whole = story(1, 400)
    words = whole.split(" ")
    head, tail = " ".join(words[:230]), " ".join(words[170:])
    texts = {"a": head, "b": tail, "c": whole}
    sketches = [made(text, name, n, n, title="") for n, (name, text) in enumerate(texts.items())]
    _, events = fed(sketches, [1, 1])
    merged = [event for event in events if event.event == "merged"]
    assert len(merged) == 1
    assert merged[0].merged_into == events[0].cluster_id
    assert folded(events)[0] == {frozenset(article_id(name) for name in "abc")}


@pytest.mark.parametrize("seed", range(6))
def test_final_clusters_are_the_same_whatever_the_order_and_batches(seed):
    sketches = newsweek(seed)
    rng = random.Random(seed)
    _, events = fed(sketches)
    expected, leaders = folded(events)
    assert len(expected) < 120
    for _ in range(4):
        shuffled = rng.sample(sketches, len(sketches))
        sizes = [rng.choice((1, 2, 7, 40)) for _ in range(60)]
        _, events = fed(shuffled, sizes)
        assert folded(events) == (expected, leaders)


def test_decisions_are_the_same_whatever_the_order_inside_a_batch():
    sketches = newsweek(3)
    expected = index().resolve("b", sketches)
    assert index().resolve("b", sketches[::-1]) == expected


def test_clusters_have_the_same_ids_when_the_same_pages_come_by_another_topic():
    def ids(topic: str, first: int) -> list[str]:
        batch = [
            at(sketch, position=Position(topic=topic, partition=n % 3, offset=first + n))
            for n, sketch in enumerate(newsweek(2))
        ]
        events = fed(batch, [len(batch) // 2])[1]
        return [event.cluster_id for event in events]

    assert sorted(ids("news", 0)) == sorted(ids("other", 7000))


def test_every_row_names_a_cluster_that_an_event_told_of():
    ready, told, sketches = index(), set(), newsweek(4)
    for start in range(0, len(sketches), 20):
        batch = sketches[start : start + 20]
        resolution = ready.resolve(f"{start}", batch)
        ready.commit(f"{start}")
        told |= {event.cluster_id for event in resolution.events}
        for sketch in batch:
            duplicate = resolution.decisions[sketch.position].duplicate
            assert duplicate.cluster_id in told
            assert duplicate.matched_id != sketch.article_id
            assert duplicate.is_duplicate == (duplicate.representative_id != sketch.article_id)


@pytest.mark.parametrize("seed", [1, 16, 29, 59])
def test_events_have_each_article_where_its_row_is_when_a_page_leaves_a_cluster_with_its_old_text(seed):
    ready, sketches = index(), turning_pages(seed)
    home: dict[str, str] = {}
    into: dict[str | None, str | None] = {}
    for start in range(0, len(sketches), 40):
        batch = sketches[start : start + 40]
        resolution = ready.resolve(f"{start}", batch)
        ready.commit(f"{start}")
        for event in resolution.events:
            if event.event in ("created", "joined"):
                home[event.article_id] = event.cluster_id
            elif event.event == "merged":
                into[event.cluster_id] = event.merged_into
        decisions = [(s.article_id, resolution.decisions[s.position]) for s in batch]
        rows = {article: d.duplicate.cluster_id for article, d in decisions if d.fate is not Fate.REDELIVERY}
        for article, cluster in rows.items():
            assert gone_to(home[article], into) == gone_to(cluster, into), (start, article)


def test_event_of_a_copy_that_joins_has_its_type():
    text = story(1)
    batch = [made(text, "a", 1, 1), made(text, "b", 2, 2), made(cut(text, 0.5), "c", 3, 3)]
    events = index().resolve("b", batch).events
    assert [(e.event, e.article_id, e.copy_type) for e in events] == [
        ("created", article_id("a"), None),
        ("joined", article_id("b"), "exact"),
        ("joined", article_id("c"), "truncated"),
    ]


def gone_to(cluster: str | None, into: dict[str | None, str | None]) -> str | None:
    while cluster in into:
        cluster = into[cluster]
    return cluster


def test_cluster_merges_once_and_never_in_a_circle():
    for seed in range(6):
        _, events = fed(random.Random(seed).sample(newsweek(seed), 160), [3] * 60)
        into = {}
        for event in events:
            if event.event == "merged":
                assert into.setdefault(event.cluster_id, event.merged_into) == event.merged_into
        for cluster in into:
            seen = set()
            while cluster in into:
                assert cluster not in seen
                seen.add(cluster)
                cluster = into[cluster]


# Staging


def test_abandoned_batch_leaves_no_trace():
    ready = index()
    ready.resolve("1", [made(story(1), "a", 1)])
    ready.abandon("1")
    (decision,) = decided([made(story(1), "b", 2)], ready=ready)
    assert (decision.fate, ready.version, ready.texts) == (Fate.ARTICLE, None, 0)


def test_same_batch_resolved_again_is_decided_the_same_and_never_sees_itself():
    ready, batch = index(), newsweek(1)
    assert ready.resolve("1", batch) == ready.resolve("1", batch)
    ready.commit("1")
    assert ready.version == "1"


@pytest.mark.parametrize("staged", [None, "1"])
def test_commit_is_refused_when_the_batch_is_not_staged(staged):
    ready = index()
    if staged:
        ready.resolve(staged, [])
    with pytest.raises(ValueError, match="batch 2 is not staged"):
        ready.commit("2")


# Bounds


def test_boilerplate_that_hundreds_share_joins_nobody_and_is_counted():
    tail = "\n" + story(999, 60)
    ready = index()
    for start in range(0, 400, 100):
        batch = [made(story(n, 200) + tail, f"{n}", n, n) for n in range(start, start + 100)]
        decisions = decided(batch, ready=ready)
        ready.commit("batch")
        assert {d.fate for d in decisions} == {Fate.ARTICLE}
    assert ready.capped > 400 - HOT
    copy = made(cut(story(399, 200), 0.6) + tail, "copy", 1000, 1000)
    assert decided([copy], ready=ready)[0].duplicate.matched_id == article_id("399")


def test_thousand_copies_of_one_story_are_one_cluster_in_bounded_time():
    text = story(7, 300)
    ready, events = index(), []
    start = time.thread_time()
    for first in range(0, 1200, 200):
        batch = [
            made(reworded(text, n, 0.01), f"{n}", n, n, title=title_of(text))
            for n in range(first, first + 200)
        ]
        events += ready.resolve(f"{first}", batch).events
        ready.commit(f"{first}")
    assert len(folded(events)[0]) == 1
    assert folded(events)[1][article_id("1199")] == article_id("0")
    assert time.thread_time() - start < 30


def test_exact_copies_take_no_more_room_than_one_text():
    ready = index()
    for n in range(0, 300, 100):
        ready.resolve(f"{n}", [made(story(1), f"{i}", i, i) for i in range(n, n + 100)])
        ready.commit(f"{n}")
    assert ready.texts == 1
    (decision,) = decided([made(story(1), "next", 1000, 1000)], ready=ready)
    assert (decision.duplicate.copy_type, decision.duplicate.representative_id) == ("exact", article_id("0"))


def test_empty_batch_is_resolved_to_nothing():
    ready = index()
    resolution = ready.resolve("1", [])
    ready.commit("1")
    assert (resolution.decisions, resolution.events, ready.version) == ({}, (), "1")


def test_memory_an_article_is_under_one_and_three_quarters_of_a_kilobyte():
    ready, rng = index(), np.random.default_rng(1)
    for start in range(0, 8192, 1024):
        batch = []
        for n in range(start, start + 1024):
            hashes = np.sort(rng.integers(0, 2**32, 160)).astype("<u4")
            batch.append(
                at(
                    made("", f"{n}", n, n),
                    text_hash=n + 1,
                    shingles=400,
                    hashes=hashes.tobytes(),
                    sums=bytes(160),
                    keys=np.unique(hashes[:16]).tobytes(),
                    title=bytes(12),
                    lead=bytes(60),
                    opening=bytes(96),
                    marks=bytes(48),
                    words=bytes(256),
                )
            )
        ready.resolve(f"{start}", batch)
        ready.commit(f"{start}")
    assert ready.nbytes / 8192 < 1750
