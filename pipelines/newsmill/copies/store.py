"""The index's memory: texts, links, articles and clusters in flat arrays, changed only by deltas.

A delta is what one batch taught. Committing a batch applies its delta, and so does filling the index with
rows of the lake: both come to the same state by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from newsmill.copies.bodies import BODY, Bodies
from newsmill.copies.figures import TEXT
from newsmill.copies.identities import ARTICLE, PLACE, Identities, Seen, ids, newest
from newsmill.copies.postings import Postings, pack
from newsmill.records import Position, Record

HOT: Final = 64
"""Most texts found by one key. A phrase that more texts share (boilerplate) tells nothing more."""

MASSIVE: Final = 256
"""A cluster of more texts is not told apart anew: it takes in texts one by one."""

BLOCK: Final = 4096
ALONE: Final = -1
GONE: Final = 0
NEVER: Final = 2**63 - 1
"""Time of an article that tells none: after all others."""

FIRST: Final = [("time", "<i8"), *PLACE, ("article", "V16"), ("domain", "<u4")]
"""The first article with a text; time and place are its rank."""

STATE: Final = [
    ("cluster", "<i4"),  # slot; ALONE for a text that is alone in its cluster
    ("count", "<i4"),  # articles whose current content it is
    *FIRST,
]
NODE: Final = np.dtype([*TEXT, ("identity", "<u8"), ("founder", "<u8"), *STATE])
"""`identity` is a hash of the text with its title, `founder` of the article and content that had it first."""

CHANGE: Final = np.dtype([("node", "<u4"), *STATE])
LINK: Final = np.dtype(
    [
        ("a", "<u4"),
        ("b", "<u4"),
        *((share, "u1") for share in ("jaccard", "of_a", "of_b", "opening")),
        ("kind", "u1"),
    ]
)


class Cluster(Record, frozen=True, kw_only=True):
    """A cluster of two texts and more."""

    cluster_id: str
    representative_id: str
    node: int  # the representative's text
    time: int
    position: Position
    domain: str
    size: int  # articles whose current content is in it
    nodes: int  # texts, those past the horizon not counted


class Delta(Record, frozen=True, kw_only=True):
    """What a batch taught. Arrays are bytes of the dtypes above, little-endian."""

    batch_id: str
    day: int
    first_node: int
    first_slot: int
    topics: tuple[str, ...]  # the arrays' topic and domain numbers count in these
    domains: tuple[str, ...]
    nodes: bytes
    keys: bytes  # postings
    links: bytes
    articles: bytes  # whole rows, new or in place of the article's old one
    changes: bytes  # of texts that were there before
    bodies: bytes  # rows of BODY
    clusters: dict[int, Cluster | None]  # by slot; None where it is gone
    moved: dict[int, int]  # slots whose texts now belong to another


class Store:
    """Texts, links, articles, clusters of the horizon.

    Numbers of texts only grow (up to 2**32), so a text is older than all with larger numbers. No text has the
    number GONE: it is that of texts that were past the horizon at the start.

    Args:
        horizon_days: How long texts can be found.
        identity_days: How long articles are known, at least the horizon; for ever where None.
    """

    def __init__(self, horizon_days: int, identity_days: int | None = None) -> None:
        self._horizon = horizon_days
        self._identity = None if identity_days is None else max(identity_days, horizon_days)
        self._blocks: dict[int, NDArray[np.void]] = {}
        self._links = np.empty(0, dtype=LINK)
        self._articles = Identities()
        self._link_count = 0
        self._adjacent = Postings()
        self._same = Postings()
        self.keys = Postings(cap=HOT)
        self.bodies = Bodies()
        self.clusters: dict[int, Cluster] = {}
        self.moved: dict[int, int] = {}
        self._starts: dict[int, int] = {}  # day → its first text
        self.day = 0
        self.next_node = BLOCK
        self.next_slot = 0
        self.topics = Names()
        self.domains = Names()

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays that hold something."""
        postings = (self._adjacent, self._same, self.keys)
        return (
            sum(block.nbytes for block in self._blocks.values())
            + self._links.nbytes
            + self._articles.nbytes
            + self.bodies.nbytes
            + sum(run.nbytes for run in postings)
        )

    @property
    def live(self) -> int:
        """Texts that can be found."""
        return self.next_node - self.first_live(self.day)

    def first_live(self, day: int) -> int:
        """The oldest text that can be found on a day."""
        kept = [start for at, start in self._starts.items() if at > day - self._horizon - 1]
        return min(kept, default=self.next_node)

    def texts(self, numbers: NDArray[np.int64]) -> NDArray[np.void]:
        """Rows of NODE; of numbers that are live."""
        rows = np.empty(len(numbers), dtype=NODE)
        order = np.argsort(numbers, kind="stable")
        blocks, starts = np.unique(numbers[order] // BLOCK, return_index=True)
        ends = [*starts[1:].tolist(), len(order)]
        for block, start, end in zip(blocks.tolist(), starts.tolist(), ends, strict=False):
            at = order[start:end]
            rows[at] = self._blocks[block][numbers[at] % BLOCK]
        return rows

    def same_text(self, identities: NDArray[np.uint64], least: int) -> dict[int, int]:
        """Text numbers by identity, of those that are there."""
        asked, numbers = self._same.find((identities >> np.uint64(32)).astype(np.uint32), least)
        rows = self.texts(numbers)["identity"]
        kept = rows == identities[asked]
        return dict(zip(rows[kept].tolist(), numbers[kept].tolist(), strict=True))

    def articles(self, ids: NDArray[np.void], day: int) -> dict[bytes, NDArray[np.void]]:
        """Rows of ARTICLE by id, of those that are still known on a day."""
        rows = self._articles.find(ids)
        if self._identity is not None:
            rows = rows[rows["day"] > day - self._identity - 1]
        return {row["article"].tobytes(): row for row in rows}

    def remember(self, seen: Iterable[Seen]) -> None:
        """Learn articles whose texts are past the horizon; before all else."""
        parts = []
        for columns in seen:
            rows = np.zeros(len(columns.articles), dtype=ARTICLE)
            rows["article"], rows["content"] = ids(columns.articles), ids(columns.contents)
            rows["node"], rows["revision"], rows["time"] = GONE, columns.revisions, columns.times
            rows["topic"], rows["domain"] = self.topics.add(columns.topics), self.domains.add(columns.domains)
            rows["partition"], rows["offset"] = columns.partitions, columns.offsets
            rows["day"] = columns.days
            parts.append(newest(rows, list(self.topics)))
        if parts:
            self._articles.add(newest(np.concatenate(parts), list(self.topics)))

    def articles_at(self, node: int) -> NDArray[np.void]:
        """Rows of ARTICLE whose content is a text. Reads them all: for what is rare."""
        return self._articles.of_text(node)

    def links_of(self, numbers: NDArray[np.int64], least: int) -> NDArray[np.void]:
        """Rows of LINK that touch the texts, each once, both ends live."""
        _, at = self._adjacent.find(numbers.astype(np.uint32))
        rows = self._links[np.unique(at)]
        return rows[(rows["a"] >= least) & (rows["b"] >= least)]

    def apply(self, delta: Delta) -> None:
        """Learn a delta. Rows of what is past the horizon are passed over."""
        topics = self.topics.add(delta.topics)
        domains = self.domains.add(delta.domains)
        if delta.day > self.day or not self._starts:
            self.day = delta.day
            self._starts[delta.day] = delta.first_node
            self._drop(delta.day)
        self._append(delta.first_node, _renamed(_rows(delta.nodes, NODE), topics, domains))
        self.keys.add(np.frombuffer(delta.keys, dtype="<u8"))
        self._link(_rows(delta.links, LINK))
        self._articles.add(_renamed(_rows(delta.articles, ARTICLE), topics, domains))
        self._change(_renamed(_rows(delta.changes, CHANGE), topics, domains))
        self.bodies.add(_renamed(_rows(delta.bodies, BODY), topics, domains))
        for slot, cluster in delta.clusters.items():
            if cluster is None:
                self.clusters.pop(slot, None)
            else:
                self.clusters[slot] = cluster
        self.moved.update(delta.moved)
        self.next_slot = max(self.next_slot, delta.first_slot)

    def slot(self, number: int) -> int:
        """Where a slot's texts belong now."""
        while number in self.moved:
            number = self.moved[number]
        return number

    def massive(self, slot: int) -> bool:
        """Whether the cluster of a slot is massive; ALONE is none."""
        return slot != ALONE and self.clusters[self.slot(slot)].nodes > MASSIVE

    def _append(self, first: int, rows: NDArray[np.void]) -> None:
        numbers = first + np.arange(len(rows))
        for block in np.unique(numbers // BLOCK).tolist():
            at = numbers // BLOCK == block
            self._blocks.setdefault(block, np.zeros(BLOCK, dtype=NODE))[numbers[at] % BLOCK] = rows[at]
        self._same.add(pack((rows["identity"] >> np.uint64(32)).astype(np.uint32), numbers))
        self.next_node = max(self.next_node, first + len(rows))

    def _link(self, rows: NDArray[np.void]) -> None:
        numbers = self._link_count + np.arange(len(rows))
        self._links = _grown(self._links, self._link_count + len(rows))
        self._links[numbers] = rows
        self._link_count += len(rows)
        self._adjacent.add(np.concatenate([pack(rows["a"], numbers), pack(rows["b"], numbers)]))

    def _change(self, rows: NDArray[np.void]) -> None:
        for row in rows:
            block = self._blocks.get(int(row["node"]) // BLOCK)
            if block is not None:
                for name, _ in STATE:
                    block[name][int(row["node"]) % BLOCK] = row[name]

    def _drop(self, day: int) -> None:
        """Forget what is past the horizon of a day: whole days of texts, their links and articles."""
        least = self.first_live(day)
        self.bodies.drop(day - self._horizon - 1)
        if self._identity is not None:
            self._articles.drop(day - self._identity - 1)
        past = [at for at, start in self._starts.items() if start < least]
        if not past:
            return
        for at in past:
            del self._starts[at]
        counts = self._living(least)
        self.clusters = {
            slot: msgspec.structs.replace(cluster, nodes=counts[slot])
            for slot, cluster in self.clusters.items()
            if slot in counts
        }
        self.moved = {slot: into for slot, into in self.moved.items() if self.slot(slot) in self.clusters}
        for block in [b for b in self._blocks if (b + 1) * BLOCK <= least]:
            del self._blocks[block]
        self.keys.drop_below(least)
        self._same.drop_below(least)
        links = self._links[: self._link_count]
        links = links[(links["a"] >= least) & (links["b"] >= least)]
        self._links, self._link_count, self._adjacent = np.empty(0, dtype=LINK), 0, Postings()
        self._link(links)

    def _living(self, least: int) -> dict[int, int]:
        """How many texts from a number on each cluster has."""
        slots = [
            block["cluster"][max(0, least - number * BLOCK) : max(0, self.next_node - number * BLOCK)]
            for number, block in self._blocks.items()
        ]
        living: dict[int, int] = {}
        if slots:
            found, counts = np.unique(np.concatenate(slots), return_counts=True)
            for slot, count in zip(found.tolist(), counts.tolist(), strict=True):
                living[self.slot(slot)] = living.get(self.slot(slot), 0) + count
        return living


class Names:
    """Strings by small numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []

    def add(self, names: Iterable[str]) -> NDArray[np.uint32]:
        """Numbers of names, new ones for those not seen before."""
        return np.array([self.number(name) for name in names], dtype=np.uint32)

    def number(self, name: str) -> int:
        """The number of a name."""
        number = self._numbers.setdefault(name, len(self._names))
        if number == len(self._names):
            self._names.append(name)
        return number

    def __getitem__(self, number: int) -> str:
        return self._names[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)


def _rows(encoded: bytes, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    return np.frombuffer(encoded, dtype=dtype)


def _renamed(
    rows: NDArray[np.void], topics: NDArray[np.uint32], domains: NDArray[np.uint32]
) -> NDArray[np.void]:
    """Rows with the delta's numbers of topics and domains turned to the store's."""
    rows = rows.copy()
    for name, numbers in (("topic", topics), ("domain", domains)):
        if len(rows) and name in (rows.dtype.names or ()):
            rows[name] = numbers[rows[name]]
    return rows


def _grown(rows: NDArray[np.void], least: int) -> NDArray[np.void]:
    """An array of at least a length, grown by a quarter."""
    if least <= len(rows):
        return rows
    grown = np.zeros(max(least, len(rows) + len(rows) // 4, 1024), dtype=rows.dtype)
    grown[: len(rows)] = rows
    return grown
