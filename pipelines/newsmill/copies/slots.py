"""Clusters of two texts and more, by slot: rows on disk like all of the index."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from newsmill.copies.identities import PLACE
from newsmill.copies.names import Names
from newsmill.copies.rows import Rows
from newsmill.records import Position, Record

ALONE: Final = -1
CLUSTER: Final = np.dtype(
    [
        ("cluster", "V16"),
        ("representative", "V16"),
        ("node", "<u4"),
        ("domain", "<u4"),
        ("time", "<i8"),
        *PLACE,
        ("size", "<i4"),
        ("nodes", "<i4"),
        ("into", "<i4"),  # the slot that its texts now belong to; ALONE where it goes on
        ("there", "<i4"),  # 0: gone, or moved
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


class Slots:
    """Clusters by slot, and where the texts of slots that are gone belong now."""

    def __init__(self, topics: Names, domains: Names) -> None:
        self.rows = Rows("clusters", CLUSTER)
        self._topics = topics
        self._domains = domains
        self._read: dict[int, Cluster] = {}

    def __contains__(self, slot: int) -> bool:
        return self.rows.first <= slot < self.rows.end and bool(self.rows.one(slot)["there"])

    def __getitem__(self, slot: int) -> Cluster:
        found = self._read.get(slot)
        if found is None:
            row = self.rows.one(slot)
            if not row["there"]:
                raise KeyError(slot)
            found = self._read[slot] = Cluster(
                cluster_id=row["cluster"].tobytes().hex(),
                representative_id=row["representative"].tobytes().hex(),
                node=int(row["node"]),
                time=int(row["time"]),
                position=Position(
                    topic=self._topics[int(row["topic"])],
                    partition=int(row["partition"]),
                    offset=int(row["offset"]),
                ),
                domain=self._domains[int(row["domain"])],
                size=int(row["size"]),
                nodes=int(row["nodes"]),
            )
        return found

    def now(self, slot: int) -> int:
        """The slot that a slot's texts belong to now."""
        while (into := int(self.rows.one(slot)["into"])) != ALONE:
            slot = into
        return slot

    def change(self, clusters: dict[int, Cluster | None], moved: dict[int, int]) -> None:
        """Learn clusters by slot (None where one is gone), and slots whose texts belong to another."""
        self._read = {}
        slots = sorted(slot for slot in {*clusters, *moved} if slot >= self.rows.first)
        most = max((*slots, *moved.values()), default=-1) + 1
        if most > self.rows.end:
            new = np.zeros(most - self.rows.end, dtype=CLUSTER)
            new["into"] = ALONE
            self.rows.append(new)
        numbers = np.array(slots, dtype=np.int64)
        rows = self.rows.get(numbers)
        for row, slot in zip(rows, slots, strict=True):
            if slot in moved:
                row["into"] = moved[slot]
            if slot in clusters:
                self._fill(row, clusters[slot])
        self.rows.set(numbers, rows)

    def _fill(self, row: np.void, cluster: Cluster | None) -> None:
        row["there"] = cluster is not None
        if cluster is not None:
            row["cluster"] = np.void(bytes.fromhex(cluster.cluster_id))
            row["representative"] = np.void(bytes.fromhex(cluster.representative_id))
            row["node"], row["time"] = cluster.node, cluster.time
            row["topic"] = self._topics.number(cluster.position.topic)
            row["partition"], row["offset"] = cluster.position.partition, cluster.position.offset
            row["domain"] = self._domains.number(cluster.domain)
            row["size"], row["nodes"] = cluster.size, cluster.nodes

    def count(self, slots: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Forget all clusters but those that slots of living texts lead to; how many texts each slot has."""
        self._read = {}
        if not len(self.rows):
            return
        numbers = np.arange(self.rows.first, self.rows.end)
        rows = self.rows.get(numbers)
        into = np.where(rows["into"] == ALONE, numbers, rows["into"])
        first = self.rows.first
        needed = np.zeros(len(rows), dtype=np.bool_)
        living = np.zeros(len(rows), dtype=np.int64)
        at, left = slots, counts
        while len(at):
            needed[at - first] = True
            next_ones = into[at - first]
            ends = next_ones == at
            np.add.at(living, at[ends] - first, left[ends])
            at, left = next_ones[~ends], left[~ends]
        rows["nodes"] = living
        rows["there"] &= living > 0
        self.rows.set(numbers, rows)
        self.rows.drop_below(int(numbers[needed][0]) if needed.any() else self.rows.end)
