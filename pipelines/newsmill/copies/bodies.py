"""Which texts the lake holds: hashes of bodies beside the articles whose rows have them.

A copy's body is not kept where the same text, character by character, is kept in another article's row.
Equal hashes are what readers join on, so any row that has the text serves, whichever it was at first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from newsmill.config import KeepBody
from newsmill.copies.keyed import KeyedRows, prefix
from newsmill.records import Position

BODY: Final = np.dtype([("hash", "V16"), ("article", "V16"), ("domain", "<u4"), ("day", "<i4")])
"""A text that is in the lake; `day` is that of its row's batch."""


class Candidate(NamedTuple):
    """A row that is about to be written, with its text's hash; empty where the text stays with its row."""

    position: Position
    article: bytes
    hash: bytes
    is_copy: bool
    rank: tuple[int, Position]


def kept(
    rows: Sequence[Candidate], held: Mapping[bytes, set[bytes]], keep_body: KeepBody
) -> frozenset[Position]:
    """Which rows of a batch keep their body.

    Only copies do without, and only where another article's row has the text: one of the lake, one of the
    batch that is no copy, or else the first of the batch's copies.

    Args:
        rows: All rows of the batch that have a text.
        held: Articles whose rows in the lake have a text, by its hash.
        keep_body: The setting.
    """
    if keep_body is not KeepBody.UNLESS_EXACT:
        return frozenset(row.position for row in rows if keep_body is KeepBody.ALL)
    holders = {hash: set(articles) for hash, articles in held.items()}
    found = set()
    for row in sorted(rows, key=lambda row: (row.is_copy, row.rank)):
        others = holders.setdefault(row.hash, set()) - {row.article}
        if not (row.is_copy and row.hash and others):
            holders[row.hash].add(row.article)
            found.add(row.position)
    return frozenset(found)


class Bodies(KeyedRows):
    """The texts of the horizon that the lake holds: 40 bytes each, and 8 to find it."""

    def __init__(self) -> None:
        super().__init__("bodies", BODY, "hashes", lambda rows: [prefix(rows["hash"])])

    def holders(self, hashes: Iterable[bytes]) -> dict[bytes, set[bytes]]:
        """Articles whose rows have a text, by its hash; only hashes that are known."""
        wanted = np.array(sorted(set(hashes) - {b""}), dtype="V16")
        found: dict[bytes, set[bytes]] = {}
        if len(wanted):
            asked, numbers = self.known.find(prefix(wanted))
            rows = self.rows.get(numbers)
            for row in rows[rows["hash"] == wanted[asked]]:
                found.setdefault(row["hash"].tobytes(), set()).add(row["article"].tobytes())
        return found

    def add(self, rows: NDArray[np.void]) -> None:
        """Learn rows of BODY. One that is known already may come again."""
        if len(rows):
            known = self.holders(row["hash"].tobytes() for row in rows)
            new = [row["article"].tobytes() not in known.get(row["hash"].tobytes(), ()) for row in rows]
            self.append(rows[np.array(new)])

    def drop(self, until: int) -> None:
        """Forget the texts of rows of a day and of those before."""
        self.keep(lambda rows: rows["day"] > until)

    def forget(self, articles: NDArray[np.void], domains: NDArray[np.uint32]) -> None:
        """Forget the texts of some articles and of all articles of some domains."""
        self.keep(lambda rows: ~(_among(rows["article"], articles) | np.isin(rows["domain"], domains)))


def _among(ids: NDArray[np.void], wanted: NDArray[np.void]) -> NDArray[np.bool_]:
    known = wanted.tolist()
    found = np.isin(prefix(ids), prefix(wanted))
    found[found] = [one in known for one in ids[found].tolist()]
    return found
