"""Identities: what is known of every article's URL, however long ago its text left the horizon.

72 bytes a URL, and 8 to find it, in files that the system reads by pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from newsmill.copies.keyed import KeyedRows, prefix

PLACE: Final = [("topic", "<u4"), ("partition", "<i4"), ("offset", "<i8")]
ARTICLE: Final = np.dtype(
    [
        ("article", "V16"),
        ("content", "V16"),
        ("node", "<u4"),
        ("revision", "<u4"),
        ("day", "<i4"),
        ("domain", "<u4"),
        ("time", "<i8"),
        *PLACE,
    ]
)
"""An article's newest content: its hash, text, largest revision, and when and where it was recorded."""


class Seen(NamedTuple):
    """Rows of `articles` as columns of equal length."""

    articles: Sequence[str]  # 32 hex digits each
    contents: Sequence[str]
    revisions: Sequence[int]
    times: Sequence[int]  # recorded, or where that is not known ingested: microseconds
    topics: Sequence[str]
    partitions: Sequence[int]
    offsets: Sequence[int]
    domains: Sequence[str]
    days: Sequence[int]  # of the batch


class Identities(KeyedRows):
    """Articles by id."""

    def __init__(self) -> None:
        super().__init__("articles", ARTICLE, "ids", lambda rows: [prefix(rows["article"])])

    def find(self, ids: NDArray[np.void]) -> NDArray[np.void]:
        """Rows of ARTICLE of those ids that are known, in no fixed order."""
        asked, numbers = self.known.find(prefix(ids))
        rows = self.rows.get(numbers)
        found: NDArray[np.void] = rows[rows["article"] == ids[asked]]
        return found

    def of_text(self, node: int) -> NDArray[np.void]:
        """Rows whose content is a text. Reads them all: for what is rare."""
        return np.concatenate([rows[rows["node"] == node] for _, rows in self.rows.parts()])

    def add(self, rows: NDArray[np.void]) -> None:
        """Learn rows, each id once, new or in place of the old row."""
        asked, numbers = self.known.find(prefix(rows["article"]))
        kept = self.rows.get(numbers)["article"] == rows["article"][asked]
        self.rows.set(numbers[kept], rows[asked[kept]])
        self.append(np.delete(rows, asked[kept]))

    def drop(self, until: int) -> None:
        """Forget articles that were last seen on a day, or before."""
        self.keep(lambda rows: rows["day"] > until)


def newest(rows: NDArray[np.void], topics: Sequence[str]) -> NDArray[np.void]:
    """Of rows of ARTICLE, many an article, one each: the newest content with the largest revision.

    Args:
        rows: `topic` counts in `topics`.
        topics: Names of topics; places are ordered by them.
    """
    by_name = np.argsort(np.argsort(np.array(topics, dtype=object)))
    _, who = np.unique(rows["article"], return_inverse=True)
    order = np.lexsort((rows["offset"], rows["partition"], by_name[rows["topic"]], rows["time"], who))
    ends = np.flatnonzero(np.diff(who[order], append=-1))
    found = rows[order[ends]]
    if len(rows):
        starts = np.concatenate([[0], ends[:-1] + 1])
        found["revision"] = np.maximum.reduceat(rows["revision"][order], starts)
        found["day"] = np.maximum.reduceat(rows["day"][order], starts)
    return found


def ids(digits: Sequence[str]) -> NDArray[np.void]:
    """Ids of 32 hex digits as 16 bytes each."""
    return np.frombuffer(bytes.fromhex("".join(digits)), dtype="V16")
