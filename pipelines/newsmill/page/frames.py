"""The frames of a page as a tree of arrays: what each holds, and which holds the story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from newsmill.page.passages import Frame, Passage
from newsmill.page.roles import BIT

TRUNK: Final = 0.4
"""A frame with this share of all prose is a trunk: what its class says is not held against its text."""

_MAIN: Final = 0.75
"""The main frame is found going down while one child keeps this share of its parent's prose."""

_NEARLY_ALL: Final = 0.9
_REPELLED: Final = 0.1
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
    """The frames of a page as arrays, with what each holds."""

    def __init__(self, passages: Sequence[Passage], prose: Sequence[float]) -> None:
        self.frames: list[Frame] = []
        self.parent: list[int] = []
        self.at: list[int] = self._numbered(passages)
        count = len(self.frames)
        self.chars = [0.0] * count
        self.link_chars = [0.0] * count
        self.prose = [0.0] * count
        self.passages = [0] * count
        self.images = [frame.images for frame in self.frames]
        self.children = [0] * count
        self.drawn = [0.0] * count  # prose as the search for the main frame weighs it
        self.repelling = self._repelling(prose)
        for n, (p, w) in enumerate(zip(passages, prose, strict=True)):
            f = self.at[n]
            self.chars[f] += len(p.text)
            self.link_chars[f] += p.link_chars
            self.prose[f] += w
            self.drawn[f] += w * _REPELLED if self.repelling[f] else w
            self.passages[f] += 1
        for f in range(count - 1, 0, -1):  # parents stand before their children
            parent = self.parent[f]
            self.chars[parent] += self.chars[f]
            self.link_chars[parent] += self.link_chars[f]
            self.prose[parent] += self.prose[f]
            self.drawn[parent] += self.drawn[f]
            self.passages[parent] += self.passages[f]
            self.images[parent] += self.images[f]
            self.children[parent] += 1

    def _repelling(self, prose: Sequence[float]) -> list[bool]:
        """Which frames never hold an article, unless most of the prose is there; so are those in them."""
        held = [0.0] * len(self.frames)
        for n, w in enumerate(prose):
            held[self.at[n]] += w
        for f in range(len(self.frames) - 1, 0, -1):
            held[self.parent[f]] += held[f]
        total = held[0] if held else 0.0
        found = [False] * len(self.frames)
        for f, frame in enumerate(self.frames):
            above = f > 0 and found[self.parent[f]]
            roles = frame.roles & _REPELLING
            if held[f] >= TRUNK * total:
                roles &= BIT["comments"] if held[f] < _NEARLY_ALL * total else 0
                found[f] = above or bool(roles)
            else:
                found[f] = above or bool(roles) or frame.tag in _REPELLING_TAGS or frame.is_folded
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
        children: dict[int, int] = {}
        for f in range(1, len(self.frames)):
            parent = self.parent[f]
            best = children.get(parent)
            if best is None or self.drawn[f] > self.drawn[best]:
                children[parent] = f
        current = 0
        while (best := children.get(current)) is not None and self.drawn[best] >= _MAIN * max(
            1e-6, self.drawn[current]
        ):
            current = best
        return current

    def holds(self, f: int, other: int) -> bool:
        """Whether a frame is another one or holds it."""
        while other >= 0:
            if f == other:
                return True
            other = self.parent[other]
        return False

    def shared_with(self, other: int) -> list[int]:
        """For each frame the innermost one that holds both it and another; the outermost where that is -1."""
        holders = set(self.holders(other)) if other >= 0 else set()
        found = [0] * len(self.frames)
        for f in range(len(self.frames)):
            found[f] = f if f in holders else found[max(0, self.parent[f])]
        return found

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
                    numbers[id(below)] = number = len(self.frames)
                    self.frames.append(below)
            found.append(number)
        return found
