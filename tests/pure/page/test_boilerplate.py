"""Boilerplate of a site, learned from its articles."""

from __future__ import annotations

import random

import msgspec

from newsmill.page.boilerplate import RULE, Boilerplate, BoilerplateLearner
from newsmill.records import Extraction, Page

STANDING = "Become a friend of the Weekly and help us to stay independent."


def page(n: int, *lines: str) -> Page:
    own = f"Report number {n} tells something that no other report of this paper tells at all."
    return Page(
        title=f"{n}", body="\n".join([own, *lines, own[::-1]]), extraction=Extraction(method="t", reason="t")
    )


def articles(count: int, *lines: str) -> list[tuple[str, str, Page]]:
    return [("weekly.example", f"{n:032x}", page(n, *lines)) for n in range(count)]


def test_standing_text_is_removed_and_recorded_from_the_fourth_article_on() -> None:
    learner = BoilerplateLearner()
    learner.learn(articles(3, STANDING))
    assert learner.snapshot().without(page(9, STANDING), "weekly.example") == page(9, STANDING)
    learner.learn(articles(4, STANDING))
    cleaned = learner.snapshot().without(page(9, STANDING), "weekly.example")
    assert cleaned.body == page(9).body
    assert [(removal.rule, removal.text, removal.paragraph) for removal in cleaned.extraction.removed] == [
        (RULE, STANDING, 1)
    ]


def test_one_article_many_times_teaches_nothing() -> None:
    learner = BoilerplateLearner()
    for _ in range(9):
        learner.learn(articles(1, STANDING))
    assert learner.snapshot() == Boilerplate()


def test_other_sites_are_untouched() -> None:
    learner = BoilerplateLearner()
    learner.learn(articles(5, STANDING))
    assert learner.snapshot().without(page(9, STANDING), "other.example") == page(9, STANDING)


def test_page_that_is_mostly_standing_text_keeps_it() -> None:
    learner = BoilerplateLearner()
    learner.learn(articles(5, STANDING))
    own = Page(title="About", body=STANDING, extraction=Extraction(method="t", reason="t"))
    assert learner.snapshot().without(own, "weekly.example") == own


def test_order_of_arrival_changes_nothing() -> None:
    batch = [
        *articles(6, STANDING),
        *(("daily.example", f"{n:032x}", page(n, f"Line {n % 3} of the house.")) for n in range(20)),
    ]
    snapshots = []
    for seed in range(5):
        random.Random(seed).shuffle(batch)
        learner = BoilerplateLearner(max_lines=9, max_domains=2)
        learner.learn(batch)
        snapshots.append(learner.snapshot())
    assert all(snapshot == snapshots[0] for snapshot in snapshots)


def test_snapshot_is_frozen_and_travels() -> None:
    learner = BoilerplateLearner()
    learner.learn(articles(5, STANDING))
    before = learner.snapshot()
    learner.learn(articles(9, STANDING, "Another line that stands on every page of it."))
    assert before != learner.snapshot()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(before), type=Boilerplate) == before


def test_memory_is_bounded() -> None:
    learner = BoilerplateLearner(max_domains=10, max_lines=5)
    learner.learn(
        (f"site{n}.example", f"{n:032x}", page(n, *(f"A line of its own number {m}" for m in range(50))))
        for n in range(100)
    )
    assert len(learner._seen) <= 10
    assert all(len(counts) <= 5 for counts in learner._seen.values())
