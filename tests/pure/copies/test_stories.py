"""Stories: what glues strangers, and what must not."""

from __future__ import annotations

import random

import pytest

from newsmill.copies.stories import Link, tell_apart


def linked(*links):
    near = {}
    for a, b, of_a, of_b in links:
        jaccard = of_a * of_b / (of_a + of_b - of_a * of_b)
        near.setdefault(a, {})[b] = Link(jaccard, of_a, of_b)
        near.setdefault(b, {})[a] = Link(jaccard, of_b, of_a)
    return near


def passages(spans):
    """An overlap from where in a text the parts are."""

    def overlap(text, x, y):
        (a, b), (c, d) = spans[text, x], spans[text, y]
        return max(0.0, min(b, d) - max(a, c)) / min(b - a, d - c)

    return overlap


def same(text, x, y):
    return 1.0


def test_copies_of_one_original_are_one_story():
    links = linked((0, 1, 0.5, 1.0), (0, 2, 0.9, 0.9), (0, 3, 0.3, 0.9), (1, 2, 1.0, 0.5))
    assert tell_apart([0, 1, 2, 3], links, same).groups == [[0, 1, 2, 3]]


def test_round_up_glues_nothing_and_names_its_parts():
    links = linked(
        (9, 1, 0.4, 0.9),
        (9, 2, 0.4, 0.9),
        (1, 3, 0.95, 0.95),
        (2, 4, 0.95, 0.95),
        (9, 3, 0.4, 0.9),
        (9, 4, 0.4, 0.9),
    )
    spans = {(9, 1): (0.0, 0.4), (9, 3): (0.0, 0.4), (9, 2): (0.5, 0.9), (9, 4): (0.5, 0.9)}
    stories = tell_apart([1, 2, 3, 4, 9], links, passages(spans))
    assert stories.groups == [[1, 3], [2, 4], [9]]
    assert stories.compilations == {9: [1, 2]}


def test_round_up_and_its_copy_are_one_story_apart_from_their_parts():
    links = linked((8, 9, 0.95, 0.95), (8, 1, 0.4, 0.9), (8, 2, 0.4, 0.9), (9, 1, 0.4, 0.9), (9, 2, 0.4, 0.9))
    spans = {(t, p): s for t in (8, 9) for p, s in ((1, (0.0, 0.4)), (2, (0.5, 0.9)))}
    assert tell_apart([1, 2, 8, 9], links, passages(spans)).groups == [[1], [2], [8, 9]]


def test_two_cuts_of_the_same_passage_make_no_compilation():
    links = linked((0, 1, 0.5, 0.8), (0, 2, 0.4, 0.8))
    spans = {(0, 1): (0.0, 0.5), (0, 2): (0.05, 0.45)}
    assert tell_apart([0, 1, 2], links, passages(spans)).groups == [[0, 1, 2]]


@pytest.mark.parametrize("length", [5, 9, 30])
def test_chain_of_updates_does_not_glue_its_ends(length):
    links = linked(*((i, i + 1, 0.6, 0.6) for i in range(length - 1)))
    groups = tell_apart(range(length), links, same).groups
    assert all(max(group) - min(group) <= 4 for group in groups)
    assert sorted(text for group in groups for text in group) == list(range(length))


def test_straggler_stays_with_the_story_when_its_links_lead_there_only():
    links = linked((0, 1, 0.9, 0.9), (0, 2, 0.9, 0.9), (1, 2, 0.9, 0.9), (2, 3, 0.5, 0.5))
    assert tell_apart([0, 1, 2, 3], links, same).groups == [[0, 1, 2, 3]]


def test_stories_do_not_depend_on_the_numbers_of_texts():
    rng = random.Random(4)
    for _ in range(60):
        count = rng.randint(2, 14)
        pairs = [
            (a, b, rng.uniform(0.3, 1), rng.uniform(0.3, 1))
            for a in range(count)
            for b in range(a)
            if rng.random() < 0.3
        ]
        renamed = rng.sample(range(100), count)
        links = linked(*pairs)
        other = linked(*((renamed[a], renamed[b], x, y) for a, b, x, y in rng.sample(pairs, len(pairs))))
        spread = lambda text, x, y: (x * y % 7) / 7  # noqa: E731
        back = {new: old for old, new in enumerate(renamed)}
        respread = lambda text, x, y: spread(back[text], back[x], back[y])  # noqa: B023,E731
        first = tell_apart(range(count), links, spread).groups
        second = tell_apart(renamed, other, respread).groups
        assert [[renamed[text] for text in group] for group in first] == second
