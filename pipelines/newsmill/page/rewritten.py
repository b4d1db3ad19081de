"""A text that was written anew for reading, with the way back to the text that was given.

Offsets that are told of a text must be those of the text that is stored.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import msgspec

Change = tuple[int, int, str]
"""Start and end in the given text, and what is read there instead."""


class Rewritten(msgspec.Struct, frozen=True, kw_only=True):
    """A text as it is read.

    Attributes:
        text: What is read.
        given: What was given.
        starts: Where in `given` each character of `text` begins.
        ends: Where it ends there.
    """

    text: str
    given: str
    starts: array[int]
    ends: array[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """What `text[start:end]`, which is not empty, is in `given`."""
        return self.starts[start], self.ends[end - 1]

    def then(self, later: Rewritten | None) -> Rewritten:
        """This one, written anew once more."""
        if later is None:
            return self
        return Rewritten(
            text=later.text,
            given=self.given,
            starts=array("I", [self.starts[at] for at in later.starts]),
            ends=array("I", [self.ends[at - 1] for at in later.ends]),
        )


def rewritten(given: str, changes: Iterable[Change]) -> Rewritten:
    """A text after changes, which are in its order and do not overlap.

    A letter for a letter keeps its place. Several for one all have its place, and one for several has the
    place of them all.
    """
    parts: list[str] = []
    starts, ends = array("I"), array("I")
    at = 0
    for start, end, new in changes:
        parts += (given[at:start], new)
        starts.extend(range(at, start))
        ends.extend(range(at + 1, start + 1))
        starts.extend([start] * len(new))
        ends.extend([end] * len(new))
        at = end
    parts.append(given[at:])
    starts.extend(range(at, len(given)))
    ends.extend(range(at + 1, len(given) + 1))
    return Rewritten(text="".join(parts), given=given, starts=starts, ends=ends)
