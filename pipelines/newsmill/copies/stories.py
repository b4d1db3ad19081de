"""Stories: which of the texts that are linked as copies tell one story.

Connected components would glue strangers: a round-up links all that it contains, and a chain of updates ends
far from where it began. The rule here depends on the set of texts and links alone, not on their arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

WHOLE: Final = 0.8
"""A text that holds this share of another is its twin or its source, not a part of it."""

APART: Final = 0.25
"""Two parts of a text are different passages if they share less of the smaller one than this."""

PASSAGE: Final = 0.15
"""Least share of a text that is a part of it."""


class Link(NamedTuple):
    """One text's view of a link."""

    jaccard: float
    own: float  # share of this text that is in the other
    other: float  # share of the other that is in this text
    opening: float = 1.0  # share of what the openings speak of that the other says too


class Stories(NamedTuple):
    """Texts by story."""

    groups: list[list[int]]  # each in rank order; groups by rank of their first
    compilations: dict[int, list[int]]  # texts of several stories, with one text of each


Links = Mapping[int, Mapping[int, Link]]
Overlap = Callable[[int, int, int], float]


def tell_apart(order: Sequence[int], links: Links, overlap: Overlap) -> Stories:
    """Group texts by story.

    1. A compilation holds passages of texts that have nothing to do with each other. Its links to its parts
       don't count; those to its twins do.
    2. The text with most links is the hub of a story, with all that are linked to it. A text that is not
       linked to the hub, but has most of its links into the story, is drawn in. The rest has other hubs.

    Args:
        order: The texts by rank, smallest (earliest) first.
        links: For each text its links; symmetric.
        overlap: `overlap(text, x, y)`: of the passages of `text` that are in x and in y, the share of the
            smaller one that is in both, 0–1.
    """
    rank = {text: place for place, text in enumerate(order)}
    compilations: dict[int, list[int]] = {}
    for text in order:
        parts = _parts(text, links, rank, overlap)
        if parts:
            compilations[text] = parts
    near = {text: {other for other in links.get(text, ()) if other in rank} for text in order}
    for text in compilations:
        for other in [o for o in near[text] if links[text][o].own < WHOLE]:
            near[text].discard(other)
            near[other].discard(text)
    groups = []
    left = set(order)
    while left:
        hub = min(left, key=lambda text: (-len(near[text] & left), rank[text]))
        group = {hub} | (near[hub] & left)
        left -= group
        while ring := _drawn(group, left, near):
            group |= ring
            left -= ring
        groups.append(sorted(group, key=rank.__getitem__))
    groups.sort(key=lambda group: rank[group[0]])
    return Stories(groups, compilations)


def _drawn(group: set[int], left: set[int], near: Mapping[int, set[int]]) -> set[int]:
    """Texts outside a group that have more links into it than to others that are left."""
    around = {other for text in group for other in near[text]} & left
    return {text for text in around if len(near[text] & group) > len(near[text] & left)}


def _parts(text: int, links: Links, rank: Mapping[int, int], overlap: Overlap) -> list[int]:
    """One text of each story that a compilation contains; nothing for a text that is no compilation."""
    mine = links.get(text, {})
    parts = [o for o in mine if o in rank and PASSAGE <= mine[o].own < WHOLE]
    parts.sort(key=rank.__getitem__)
    if len(parts) < 2:
        return []
    heads: list[int] = []
    for group in sorted(_components(parts, links), key=len, reverse=True):
        head = min(group, key=lambda other: (-mine[other].own, rank[other]))
        if all(overlap(text, head, other) < APART for other in heads):
            heads.append(head)
    return sorted(heads, key=rank.__getitem__) if len(heads) > 1 else []


def _components(texts: Sequence[int], links: Links) -> list[list[int]]:
    """Connected components of some texts, by rank of their first."""
    left = set(texts)
    components = []
    for first in texts:
        if first not in left:
            continue
        left.discard(first)
        component = [first]
        for text in component:
            found = left & links[text].keys()
            left -= found
            component.extend(found)
        components.append(component)
    return components
