"""What stands around a passage: the frames it is in, and what comes before and after it on the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log1p
from typing import Final

import numpy as np
from numpy.typing import NDArray

from newsmill.page.frames import TRUNK, Tree
from newsmill.page.passages import HEADINGS, Passage
from newsmill.page.roles import BIT

Matrix = NDArray[np.float32]

FEW_WORDS: Final = 3
LINKED: Final = 0.8
"""With this share of its characters in links, a passage is a link."""

AROUND: Final = (
    "figure",
    "aside",
    "footer",
    "form",
    "table",
    "details",
    "article",
    "ul",
    "blockquote",
    "li",
)
_AROUND_BIT: Final = {tag: 1 << n for n, tag in enumerate(AROUND)}
_AROUND_BITS: Final = np.array(list(_AROUND_BIT.values()), dtype=np.int64)
_BITS: Final = np.array(list(BIT.values()), dtype=np.int64)


def around(
    passages: Sequence[Passage],
    prose: Sequence[float],
    tree: Tree,
    main: int,
    title: int,
    which: Sequence[int],
) -> Matrix:
    """What the frames around each passage say."""
    if not which:
        return np.zeros((0, len(AROUND_NAMES)), dtype=np.float32)
    total = max(1.0, float(tree.prose[0]))
    places = {f: n for n, f in enumerate(dict.fromkeys(tree.at[n] for n in which))}
    inherited = _inherited(tree, main, places, TRUNK * total)
    shared = _shared(tree, title, places)
    f = np.array(list(places), dtype=np.intp)
    parents = np.maximum(np.array(tree.parent, dtype=np.intp), 0)
    parent = parents[f]
    grand = parents[parent]
    b, distance, roles, tags = np.array([inherited[n] for n in places], dtype=np.int64).T
    links = tree.link_chars / np.maximum(1.0, tree.chars)
    held = tree.prose / total
    size = np.minimum(np.log1p(tree.passages), 6) / 6
    holders = set(tree.holders(main))
    steps = [tree.frames[n].depth - tree.frames[s].depth for n, s in zip(places, shared, strict=True)]
    columns = (
        [n in holders or main < n < tree.end[main] for n in places],
        np.minimum(distance, 10) / 10,
        held[f],
        held[parent],
        held[grand],
        held[b],
        links[f],
        links[parent],
        links[grand],
        links[b],
        size[parent],
        size[b],
        tree.images[parent] > 0,
        np.minimum(tree.images[b], 5) / 5,
        *_of_kinds(passages, prose, tree, f),
        tree.passages[f] == 1,
        np.minimum(tree.children[parent], 20) / 20,
        [tree.repelling[n] for n in places],
        held[shared],
        tree.passages[shared] / len(passages),
        np.minimum(steps, 10) / 10,
        [_is_other_article(tree, n, s) for n, s in zip(places, shared, strict=True)],
    )
    lines = np.zeros((len(places), len(AROUND_NAMES)), dtype=np.float32)
    for n, column in enumerate(columns):
        lines[:, n] = column
    lines[:, len(columns) : len(columns) + len(_BITS)] = roles[:, None] & _BITS != 0
    lines[:, len(columns) + len(_BITS) :] = tags[:, None] & _AROUND_BITS != 0
    return lines[[places[tree.at[n]] for n in which]]


def _inherited(
    tree: Tree, main: int, wanted: Iterable[int], least: float
) -> dict[int, tuple[int, int, int, int]]:
    """What frames have from those around them.

    Args:
        tree: All frames.
        main: The one that holds the story.
        wanted: Those that are asked for; those around them are told as well.
        least: Prose from which what a frame's class and tag say is not held against its text.

    Returns:
        By frame: the one right below one that holds the main frame, with it in it; the steps up to one that
        holds the main frame; bits of roles and of `AROUND`, its own and those from around it.
    """
    holders = set(tree.holders(main))
    found: dict[int, tuple[int, int, int, int]] = {0: (0, 0, 0, 0)}
    for f in wanted:
        path = []
        while f not in found:
            path.append(f)
            f = tree.parent[f]
        for below in reversed(path):
            branch, distance, roles, tags = found[f]
            frame = tree.frames[below]
            if f in holders:
                branch = below
            if below not in holders:
                distance += 1
                if tree.prose[below] < least:
                    roles |= frame.roles
                    tags |= _AROUND_BIT.get(frame.tag, 0)
            else:
                distance, roles, tags = 0, 0, 0
            found[below] = branch, distance, roles, tags
            f = below
    return found


def _of_kinds(
    passages: Sequence[Passage], prose: Sequence[float], tree: Tree, frames: NDArray[np.intp]
) -> tuple[NDArray[np.float64], ...]:
    """What all frames of each one's kind have in them: prose, passages and the share of links.

    Frames are of a kind that have the same tag and names, or no names and stand in frames of one kind.
    """
    signature: list[int] = []
    known: dict[tuple[str, str, int], int] = {}
    for frame, parent in zip(tree.frames, tree.parent, strict=True):
        names = frame.names
        key = (frame.tag, names, -1 if names or parent < 0 else signature[parent])
        signature.append(known.setdefault(key, len(known)))
    kinds = np.array(signature, dtype=np.intp)
    of_passages = kinds[np.array(tree.at, dtype=np.intp)]
    count = np.bincount(of_passages, minlength=len(known))
    held, links, chars = (
        np.bincount(of_passages, weights=numbers, minlength=len(known))
        for numbers in (prose, [p.link_chars for p in passages], [len(p.text) for p in passages])
    )
    of_frames = kinds[frames]
    return (
        (held / (held.max() or 1.0))[of_frames],
        (np.minimum(np.log1p(count), 6) / 6)[of_frames],
        (links / np.maximum(1.0, chars))[of_frames],
    )


def _shared(tree: Tree, title: int, frames: Iterable[int]) -> list[int]:
    """For each frame the innermost one that holds both it and the title; the outermost where none stands."""
    holders = {0, *(tree.holders(tree.at[title]) if title >= 0 else ())}
    found = []
    for f in frames:
        while f not in holders:
            f = tree.parent[f]
        found.append(f)
    return found


AROUND_NAMES: Final = (
    "in-main",
    "far-from-main",
    "prose-of-frame",
    "prose-of-parent",
    "prose-of-grandparent",
    "prose-of-branch",
    "links-of-frame",
    "links-of-parent",
    "links-of-grandparent",
    "links-of-branch",
    "size-of-parent",
    "size-of-branch",
    "image-near",
    "images-of-branch",
    "prose-of-kind",
    "count-of-kind",
    "links-of-kind",
    "alone",
    "siblings",
    "repelling",
    "prose-with-title",
    "size-with-title",
    "depth-from-title",
    "other-article",
    *(f"role:{name}" for name in BIT),
    *(f"in:{tag}" for tag in AROUND),
)


def title_at(passages: Sequence[Passage], titles: frozenset[str]) -> int:
    """Where the title stands among the passages; -1 where it doesn't."""
    return next(
        (n for n, p in enumerate(passages) if p.frame.tag == "h1" and p.folded in titles),
        next((n for n, p in enumerate(passages) if p.folded in titles), -1),
    )


def _is_other_article(tree: Tree, f: int, shared: int) -> bool:
    """Whether a frame is in an `article` that doesn't hold the title."""
    while f != shared and f >= 0:
        if tree.frames[f].tag == "article":
            return True
        f = tree.parent[f]
    return False


def near(
    passages: Sequence[Passage],
    words: Sequence[int],
    prose: Sequence[float],
    title: int,
    which: Sequence[int],
) -> Matrix:
    """Where a passage stands, and what stands before and after it."""
    if not which:
        return np.zeros((0, len(NEAR_NAMES)), dtype=np.float32)
    count = len(passages)
    at = np.array(which, dtype=np.intp)
    weights = np.array(prose, dtype=np.float64)
    sums = np.zeros(count + 1)
    np.cumsum(weights, out=sums[1:])
    total = max(1.0, float(sums[-1]))
    above = sums[at]
    level = np.array([_LEVEL.get(p.frame.tag, 0) for p in passages], dtype=np.intp)
    headings = np.concatenate([[-1], np.flatnonzero(level)])
    title_level = (level[title] or 2) if title >= 0 else 2
    last_heading = headings[np.searchsorted(headings, at) - 1]
    titled = np.flatnonzero((level > 0) & (level <= title_level) & (np.arange(count) > title))
    long = np.flatnonzero(weights >= _PROSE)
    last_long = np.concatenate([[-_FAR], long])[np.searchsorted(long, at)]
    next_long = np.concatenate([long, [count + _FAR]])[np.searchsorted(long, at, side="right")]
    base = np.zeros((count + 4, 4), dtype=np.float32)
    base[2:-2, 0] = np.minimum(weights, 80) / 80
    base[2:-2, 1] = [p.link_share for p in passages]
    base[2:-2, 2] = np.minimum(np.log1p(words), 6.0) / 6
    base[2:-2, 3] = level > 0
    around = np.concatenate([np.zeros((1, 2), np.float32), np.cumsum(base[2:-2, :2], axis=0)])
    columns = (
        at / count,
        above / total,
        np.maximum(0.0, (total - above - weights[at]) / total),
        at < title,
        title < 0,
        np.minimum(np.log1p(np.maximum(0, at - title)), 6) / 6 if title >= 0 else 0.5,
        _repeated(passages, words, which),
        np.minimum(at - 1 - last_heading, 30) / 30,
        np.where(last_heading >= 0, level[last_heading], 0) / 6,
        np.minimum(at - last_long, _FAR) / _FAR,
        np.minimum(np.searchsorted(titled, at), 5) / 5,
        np.minimum(next_long - at, _FAR) / _FAR,
        *(base[2 + by + at, n] for by in (-2, -1, 1, 2) for n in range(4)),
        *(
            (around[np.clip(at + high, 0, count), n] - around[np.clip(at + low, 0, count), n]) / 8
            for low, high in ((-8, 0), (1, 9))
            for n in range(2)
        ),
        [n > 0 and passages[n].frame is passages[n - 1].frame for n in which],
        [n > 0 and passages[n].frame.parent is passages[n - 1].frame.parent for n in which],
        [n + 1 < count and passages[n].frame.parent is passages[n + 1].frame.parent for n in which],
        min(log1p(total), 9) / 9,
    )
    lines = np.zeros((len(which), len(NEAR_NAMES)), dtype=np.float32)
    for n, column in enumerate(columns):
        lines[:, n] = column
    return lines


def _repeated(passages: Sequence[Passage], words: Sequence[int], which: Sequence[int]) -> list[bool]:
    """Whether each passage of some words says what one above it says."""
    seen: set[str] = set()
    found = []
    for n in which:
        folded = passages[n].folded
        found.append(words[n] > FEW_WORDS and folded in seen)
        seen.add(folded)
    return found


_FAR: Final = 20
_LEVEL: Final = {tag: int(tag[1]) for tag in HEADINGS}
_PROSE: Final = 20
NEAR_NAMES: Final = (
    "place",
    "prose-before",
    "prose-after",
    "before-title",
    "no-title",
    "after-title",
    "repeated",
    "after-heading",
    "heading-level",
    "after-prose",
    "titles-since",
    "before-prose",
    *(
        f"{what}-{which}"
        for which in ("second-before", "before", "after", "second-after")
        for what in ("prose", "links", "length", "heading")
    ),
    *(f"{what}-{which}" for which in ("above", "below") for what in ("prose", "links")),
    "same-frame",
    "sibling-before",
    "sibling-after",
    "size-of-page",
)
