"""What stands around a passage: the frames it is in, and what comes before and after it on the page."""

from __future__ import annotations

from collections.abc import Sequence
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
_AROUND_INDEX: Final = {tag: n for n, tag in enumerate(AROUND)}
_BITS: Final = tuple(BIT.values())


def around(
    passages: Sequence[Passage],
    prose: Sequence[float],
    tree: Tree,
    main: int,
    below_main: Sequence[bool],
    title: int,
    which: Sequence[int],
) -> Matrix:
    """What the frames around each passage say."""
    total = max(1.0, sum(prose))
    count = len(tree.frames)
    roles = [0] * count
    tags: list[frozenset[int]] = [frozenset()] * count
    branch = [0] * count  # the frame right below one that holds the main frame
    distance = [0] * count  # steps up until a frame that holds the main one
    holds_main = [False] * count
    walk = main
    while walk >= 0:
        holds_main[walk] = True
        walk = tree.parent[walk]
    signature: list[int] = [0] * count
    signatures: dict[tuple[str, str, int], int] = {}
    least = TRUNK * total
    for f, frame in enumerate(tree.frames):
        parent = tree.parent[f]
        names = frame.names
        if parent >= 0:
            key = (frame.tag, names, -1 if names else signature[parent])
            held = holds_main[f]
            branch[f] = branch[parent] if below_main[parent] or not holds_main[parent] else f
            if not held:
                distance[f] = distance[parent] + 1
                if tree.prose[f] >= least:
                    roles[f], tags[f] = roles[parent], tags[parent]
                else:
                    roles[f] = roles[parent] | frame.roles
                    at = _AROUND_INDEX.get(frame.tag)
                    tags[f] = tags[parent] | {at} if at is not None else tags[parent]
        else:
            key = (frame.tag, names, -1)
        signature[f] = signatures.setdefault(key, len(signatures))
    shared = tree.shared_with(tree.at[title] if title >= 0 else -1)
    kinds = len(signatures)
    of_kind = [0] * kinds
    prose_of_kind = [0.0] * kinds
    links_of_kind = [0.0] * kinds
    chars_of_kind = [0.0] * kinds
    for n, p in enumerate(passages):
        kind = signature[tree.at[n]]
        of_kind[kind] += 1
        prose_of_kind[kind] += prose[n]
        links_of_kind[kind] += p.link_chars
        chars_of_kind[kind] += len(p.text)
    most = max(prose_of_kind, default=0.0) or 1.0
    places: dict[int, int] = {}
    lines: list[list[float]] = []
    for n in which:
        f = tree.at[n]
        if f in places:
            continue
        places[f] = len(lines)
        parent = max(0, tree.parent[f])
        grand = max(0, tree.parent[parent])
        b = branch[f]
        kind = signature[f]
        frame = tree.frames[f]
        line = [
            holds_main[f] or below_main[f],
            min(distance[f], 10) / 10,
            tree.prose[f] / total,
            tree.prose[parent] / total,
            tree.prose[grand] / total,
            tree.prose[b] / total,
            tree.link_chars[f] / max(1.0, tree.chars[f]),
            tree.link_chars[parent] / max(1.0, tree.chars[parent]),
            tree.link_chars[grand] / max(1.0, tree.chars[grand]),
            tree.link_chars[b] / max(1.0, tree.chars[b]),
            min(log1p(tree.passages[parent]), 6) / 6,
            min(log1p(tree.passages[b]), 6) / 6,
            tree.images[parent] > 0,
            min(tree.images[b], 5) / 5,
            prose_of_kind[kind] / most,
            min(log1p(of_kind[kind]), 6) / 6,
            links_of_kind[kind] / max(1.0, chars_of_kind[kind]),
            tree.passages[f] == 1,
            min(tree.children[parent], 20) / 20,
            tree.repelling[f],
            tree.prose[shared[f]] / total,
            tree.passages[shared[f]] / len(passages),
            min(frame.depth - tree.frames[shared[f]].depth, 10) / 10,
            _is_other_article(tree, f, shared[f]),
        ]
        inherited = roles[f]
        line += [bool(inherited & bit) for bit in _BITS] if inherited else _NO_ROLES
        line += [at in tags[f] for at in range(len(AROUND))] if tags[f] else _NOT_AROUND
        lines.append(line)
    if not lines:
        return np.zeros((0, len(AROUND_NAMES)), dtype=np.float32)
    return np.array(lines, dtype=np.float32)[[places[tree.at[n]] for n in which]]


_NO_ROLES: Final = [False] * len(_BITS)
_NOT_AROUND: Final = [False] * len(AROUND)
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
    count = len(passages)
    total = max(1.0, sum(prose))
    title_level = (
        int(passages[title].frame.tag[1]) if title >= 0 and passages[title].frame.tag in HEADINGS else 2
    )
    titles_since = 0
    may_be = set(which)
    lines: list[list[float]] = []
    before = 0.0
    seen: set[str] = set()
    since, level = 0, 0
    last_prose = -1
    for n, p in enumerate(passages):
        if n in may_be:
            folded = p.folded
            lines.append(
                [
                    n / count,
                    before / total,
                    max(0.0, (total - before - prose[n]) / total),
                    n < title,
                    title < 0,
                    min(log1p(max(0, n - title)), 6) / 6 if title >= 0 else 0.5,
                    words[n] >= FEW_WORDS + 1 and folded in seen,
                    min(since, 30) / 30,
                    level / 6,
                    min(n - last_prose, 20) / 20 if last_prose >= 0 else 1.0,
                    min(titles_since, 5) / 5,
                ]
            )
            seen.add(folded)
        before += prose[n]
        if p.frame.tag in HEADINGS:
            since, level = 0, int(p.frame.tag[1])
            titles_since += n > title and level <= title_level
        else:
            since += 1
        if prose[n] >= _PROSE:
            last_prose = n
    next_prose = count + 20
    to_next = np.zeros((count, 1), dtype=np.float32)
    for n in range(count - 1, -1, -1):
        to_next[n] = min(next_prose - n, 20) / 20
        if prose[n] >= _PROSE:
            next_prose = n
    base = np.zeros((count, 4), dtype=np.float32)
    base[:, 0] = np.minimum(prose, 80) / 80
    base[:, 1] = [p.link_share for p in passages]
    base[:, 2] = np.minimum(np.log1p(words), 6.0) / 6
    base[:, 3] = [p.frame.tag in HEADINGS for p in passages]
    padded = np.zeros((count + 4, base.shape[1]), dtype=np.float32)
    padded[2:-2] = base
    at = np.array(which, dtype=np.intp)
    shifted = [padded[2 + by + at] for by in (-2, -1, 1, 2)]
    sums = np.concatenate([np.zeros((1, 2), np.float32), np.cumsum(base[:, :2], axis=0)])
    windows = [
        (sums[np.clip(at + high, 0, count)] - sums[np.clip(at + low, 0, count)]) / 8
        for low, high in ((-8, 0), (1, 9))
    ]
    same = [
        [
            n > 0 and p.frame is passages[n - 1].frame,
            n > 0 and p.frame.parent is passages[n - 1].frame.parent,
            n + 1 < count and p.frame.parent is passages[n + 1].frame.parent,
        ]
        for n, p in ((n, passages[n]) for n in which)
    ]
    size = np.full((len(which), 1), min(log1p(total), 9) / 9, dtype=np.float32)
    if not which:
        return np.zeros((0, len(NEAR_NAMES)), dtype=np.float32)
    return np.concatenate(
        [
            np.array(lines, dtype=np.float32),
            to_next[at],
            *shifted,
            *windows,
            np.array(same, dtype=np.float32),
            size,
        ],
        axis=1,
    )


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
