"""The frames of a page as a tree of arrays: what each holds, and which holds the story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from newsmill.page.passages import Frame, Passage
from newsmill.page.roles import BIT

TRUNK: Final = 0.4
"""A frame with this share of all prose is a trunk: what its class says is not held against its text."""

_MAIN: Final = 0.75
"""The main frame is found going down while one child keeps this share of its parent's prose."""

_NEARLY_ALL: Final = 0.9
_UNITS: Final = 10
"""Prose is counted in tenths of a word, of which `evidence.prose_of` gives whole ones."""

_REPELLED_SHARE: Final = 1
"""The search for the main frame weighs prose in a repelling frame so, and other prose by `_UNITS`."""

_REPELLING: Final = sum(
    BIT[name]
    for name in (
        "related",
        "promo",
        "subscribe",
        "share",
        "comments",
        "nav",
        "footer",
        "sidebar",
        "hidden",
        "tags",
    )
)
_REPELLING_TAGS: Final = ("aside", "nav", "footer", "figure")


class Tree:
    """The frames of a page as arrays, with what each holds, the frames in it included.

    Frames are counted as their first passages come, so that the frames in one follow it without a gap, and so
    do its passages.

    Attributes:
        frames: All frames that hold a passage.
        parent: The number of the frame around each; -1 for the outermost.
        at: The number of each passage's frame.
        end: The number behind the last frame in each.
        chars, link_chars, prose, passages, images: What each holds.
        children: How many frames are right below each.
        repelling: Which never hold an article.
    """

    def __init__(self, passages: Sequence[Passage], prose: Sequence[float]) -> None:
        self.frames: list[Frame] = []
        self.parent: list[int] = []
        self._first: list[int] = []
        self.at: list[int] = self._numbered(passages)
        count = len(self.frames)
        last = self._first.copy()
        for n, f in enumerate(self.at):
            last[f] = n
        end = list(range(1, count + 1))
        images = [frame.images for frame in self.frames]
        for f in range(count - 1, 0, -1):  # parents stand before their children
            parent = self.parent[f]
            images[parent] += images[f]
            if last[f] > last[parent]:
                last[parent] = last[f]
            if end[f] > end[parent]:
                end[parent] = end[f]
        self.end = end
        self._spans = np.array(self._first, dtype=np.intp), np.array(last, dtype=np.intp) + 1
        self.images = np.array(images, dtype=np.float64)
        self.children = np.bincount(np.array(self.parent[1:], dtype=np.intp), minlength=count)
        self.chars = self._held([len(p.text) for p in passages])
        self.link_chars = self._held([p.link_chars for p in passages])
        self.passages = self._spans[1] - self._spans[0]
        tenths = np.rint(
            np.array(prose, dtype=np.float64) * _UNITS
        )  # whole numbers: no sum depends on its order
        self.prose = self._held(tenths) / _UNITS
        self.repelling = self._repelling()
        is_repelled = np.array([self.repelling[f] for f in self.at], dtype=bool)
        self._drawn = self._held(np.where(is_repelled, tenths * _REPELLED_SHARE, tenths * _UNITS))

    def _held(self, of_passages: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """For each frame the sum of a number over its passages."""
        sums = np.zeros(len(of_passages) + 1)
        np.cumsum(of_passages, out=sums[1:])
        first, behind = self._spans
        return sums[behind] - sums[first]

    def _repelling(self) -> list[bool]:
        """Which frames never hold an article, unless most of the prose is there; so are those in them."""
        held = self.prose
        total = held[0] if len(held) else 0.0
        roles = np.array([frame.roles for frame in self.frames], dtype=np.int64) & _REPELLING
        tagged = np.array([f.tag in _REPELLING_TAGS or f.is_folded for f in self.frames], dtype=bool)
        comments = (roles & BIT["comments"] != 0) & (held < _NEARLY_ALL * total)
        found: list[bool] = np.where(held >= TRUNK * total, comments, (roles != 0) | tagged).tolist()
        for f in range(1, len(found)):
            if found[self.parent[f]]:
                found[f] = True
        return found

    def holders(self, f: int) -> list[int]:
        """A frame and those around it, innermost first."""
        found = []
        while f >= 0:
            found.append(f)
            f = self.parent[f]
        return found

    def main(self) -> int:
        """The deepest frame that holds three quarters of its parent's prose, all the way down."""
        drawn, parents = self._drawn, np.array(self.parent)
        current = 0
        while len(children := np.flatnonzero(parents == current)):
            best = int(children[drawn[children].argmax()])
            if drawn[best] < _MAIN * max(1e-6, drawn[current]):
                break
            current = best
        return current

    def _numbered(self, passages: Sequence[Passage]) -> list[int]:
        """The number of each passage's frame; frames are counted as they come, parents before children."""
        numbers: dict[int, int] = {}
        found: list[int] = []
        last: Frame | None = None
        for p in passages:
            frame = p.frame
            if frame is last:  # several passages in a row stand in one frame
                found.append(found[-1])
                continue
            last = frame
            number = numbers.get(id(frame), -1)
            if number < 0:
                path, above = [frame], frame.parent
                while above is not None and (number := numbers.get(id(above), -1)) < 0:
                    path.append(above)
                    above = above.parent
                for below in reversed(path):
                    self.parent.append(number)
                    self._first.append(len(found))
                    numbers[id(below)] = number = len(self.frames)
                    self.frames.append(below)
            found.append(number)
        return found
