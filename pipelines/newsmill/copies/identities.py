"""Identities: what is known of every article's URL, however long ago its text left the horizon.

72 bytes a URL in a file that the system reads by pages, and 8 bytes in memory to find it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from newsmill.copies.postings import Postings, pack

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

IN_MEMORY: Final = 1 << 16
"""Fewer rows are no file."""


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


class Identities:
    """Articles by id.

    Raises:
        OSError: from `add`, when the disk of temporary files is full.
    """

    def __init__(self) -> None:
        self._rows: NDArray[np.void] = np.empty(0, dtype=ARTICLE)
        self._count = 0
        self._known = Postings()

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self._known.nbytes + (0 if isinstance(self._rows, np.memmap) else self._rows.nbytes)

    def find(self, ids: NDArray[np.void]) -> NDArray[np.void]:
        """Rows of ARTICLE of those ids that are known, in no fixed order."""
        asked, numbers = self._known.find(_prefix(ids))
        rows = self._rows[numbers]
        found: NDArray[np.void] = rows[rows["article"] == ids[asked]]
        return found

    def of_text(self, node: int) -> NDArray[np.void]:
        """Rows whose content is a text. Reads them all: for what is rare."""
        at = np.flatnonzero(self._rows["node"][: self._count] == node)
        return self._rows[at]

    def add(self, rows: NDArray[np.void]) -> None:
        """Learn rows, each id once, new or in place of the old row."""
        asked, numbers = self._known.find(_prefix(rows["article"]))
        kept = self._rows[numbers]["article"] == rows["article"][asked]
        self._rows[numbers[kept]] = rows[asked[kept]]
        new = np.delete(rows, asked[kept])
        at = self._count + np.arange(len(new))
        self._rows = _grown(self._rows, self._count + len(new))
        self._rows[at] = new
        self._count += len(new)
        self._known.add(pack(_prefix(new["article"]), at))

    def drop(self, until: int) -> None:
        """Forget articles that were last seen on a day, or before."""
        kept = self._rows[: self._count]["day"] > until
        if not kept.all():
            rows = self._rows[: self._count][kept]
            self._rows, self._count, self._known = np.empty(0, dtype=ARTICLE), 0, Postings()
            self.add(rows)


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


def _prefix(ids: NDArray[np.void]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(ids).view("<u4").reshape(-1, 4)[:, 0]


def _grown(rows: NDArray[np.void], least: int) -> NDArray[np.void]:
    """Room for at least so many rows, grown by a quarter: a file without a name where it is many."""
    if least <= len(rows):
        return rows
    room = max(least, len(rows) + len(rows) // 4, 1024)
    grown: NDArray[np.void]
    if room <= IN_MEMORY:
        grown = np.zeros(room, dtype=ARTICLE)
    else:
        with tempfile.TemporaryFile() as file:
            os.posix_fallocate(file.fileno(), 0, room * ARTICLE.itemsize)  # else a full disk is a signal
            grown = np.memmap(file, dtype=ARTICLE, mode="r+", shape=(room,))
    grown[: len(rows)] = rows
    return grown
