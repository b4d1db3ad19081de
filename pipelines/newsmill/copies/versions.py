"""Versions: which records of a batch are redeliveries, which are new content, of which text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from newsmill.copies.sketches import Sketch
from newsmill.copies.slots import ALONE
from newsmill.copies.store import NEVER, Store
from newsmill.records import Fate, Position

DAY: Final = 86_400_000_000

Rank = tuple[int, Position]


class Version(NamedTuple):
    """One record that is a version of an article."""

    sketch: Sketch
    fate: Fate | None  # None where the cluster tells: article or copy
    revision: int
    node: int
    before: int | None = None  # the text the article had before
    replayed: bool = False  # the very record that is known already
    late: bool = False  # an older version than the article's content that is known


class State(msgspec.Struct):
    """An article as known while the batch is read."""

    content: bytes
    node: int
    revision: int
    arrival: Rank
    domain: str


class Text(msgspec.Struct):
    """The changing part of a text; what it was before the batch beside it."""

    founder: int
    text: int
    slot: int
    count: int
    rank: Rank
    article: bytes
    domain: str
    old: tuple[int, int, bytes, Rank] | None = None  # slot, count, article, rank; None for a new text


class Versions:
    """A batch's records against the articles that are known; the texts that it touches.

    Args:
        store: Only read.
        sketches: The batch's records, each once.
        given: For rows of the lake by position: revision and cluster id that were decided before.
    """

    def __init__(
        self, store: Store, sketches: Iterable[Sketch], given: Mapping[Position, tuple[int, str]]
    ) -> None:
        self._store = store
        self._given = given
        self.sketches = sorted(sketches, key=arrival_of)
        self.day = max([store.day, *(sketch.ingested_at // DAY for sketch in self.sketches)])
        self.least = store.first_live(self.day)
        self.first = store.next_node
        self.states: dict[bytes, State] = {}
        self.texts: dict[int, Text] = {}
        self.causes: dict[int, Sketch] = {}  # texts that the batch touches: by which record first
        self.fresh: list[Sketch] = []  # that brought the new texts
        self.given_ids: dict[int, str] = {}

    def read(self) -> list[Version]:
        """Read all records by arrival."""
        ids = np.array([bytes.fromhex(s.article_id) for s in self.sketches], dtype="V16")
        known = self._store.articles(ids, self.day) if len(ids) else {}
        identities = np.array([identity_of(s) for s in self.sketches], dtype=np.uint64)
        numbers = self._store.same_text(identities, self.least) if len(ids) else {}
        self.load(numbers.values())
        versions = []
        for sketch, identity, key in zip(self.sketches, identities.tolist(), ids, strict=True):
            versions.append(self._version(sketch, identity, key.tobytes(), known, numbers))
        return versions

    def _version(
        self,
        sketch: Sketch,
        identity: int,
        key: bytes,
        known: Mapping[bytes, NDArray[np.void]],
        numbers: dict[int, int],
    ) -> Version:
        content = bytes.fromhex(sketch.content_hash)
        state = self.states.get(key)
        if state is None and key in known:
            state = self._state(known[key])
        if state is not None and state.content == content:
            return self._same(sketch, key, state)
        node = numbers.get(identity)
        if node is None:
            node = numbers[identity] = self._store.next_node + len(self.fresh)
            self.fresh.append(sketch)
            self.texts[node] = Text(
                founder_of(sketch), sketch.text_hash, ALONE, 0, rank_of(sketch), key, sketch.domain
            )
        self._claim(node, sketch)
        text = self.texts[node]
        revision = state.revision + 1 if state else 1
        if sketch.position in self._given:
            given, cluster_id = self._given[sketch.position]
            revision = max(given, state.revision) if state else given
            if text.old is None and text.article == key:
                self.given_ids[node] = cluster_id
        fate = Fate.REVISION if state else None
        if state is not None and arrival_of(sketch) < state.arrival:
            self.states[key] = msgspec.structs.replace(state, revision=revision)
            self._load_live(state.node)
            return Version(sketch, fate, revision, node, state.node, late=True)
        before = None if state is None else state.node
        self._move(before, node, sketch)
        self.states[key] = State(content, node, revision, arrival_of(sketch), sketch.domain)
        return Version(sketch, fate, revision, node, before)

    def _same(self, sketch: Sketch, key: bytes, state: State) -> Version:
        """A record with the content that its article has: delivered again, or a row of the lake.

        Only rows count for what is known of an article: a start finds no others. So a redelivery changes
        nothing.
        """
        self._load_live(state.node)
        row = sketch.position in self._given
        if row:
            revision = max(state.revision, self._given[sketch.position][0])
            arrival = max(state.arrival, arrival_of(sketch))
            state = msgspec.structs.replace(state, revision=revision, arrival=arrival)
        self.states[key] = state
        replayed = row or state.arrival[1] == sketch.position
        if not replayed:
            return Version(sketch, Fate.REDELIVERY, state.revision, state.node)
        if state.node >= self.least:
            self._claim(state.node, sketch)
        fate = Fate.REVISION if state.revision > 1 else None
        return Version(sketch, fate, state.revision, state.node, replayed=True)

    def _state(self, row: NDArray[np.void]) -> State:
        return State(
            content=row["content"].tobytes(),
            node=int(row["node"]),
            revision=int(row["revision"]),
            arrival=(int(row["time"]), self._position(row)),
            domain=self._store.domains[int(row["domain"])],
        )

    def _claim(self, node: int, sketch: Sketch) -> None:
        """A record has a text: it may be the first that had it."""
        text = self.texts[node]
        if rank_of(sketch) < text.rank:
            text.rank, text.article, text.domain = (
                rank_of(sketch),
                bytes.fromhex(sketch.article_id),
                sketch.domain,
            )
            self.causes[node] = sketch
        self.causes.setdefault(node, sketch)

    def _move(self, before: int | None, after: int, sketch: Sketch) -> None:
        """An article's current text changes."""
        if before is not None and before >= self.least:
            self._load_live(before)
            self.texts[before].count -= 1
            self.causes.setdefault(before, sketch)
        self.texts[after].count += 1

    def _load_live(self, node: int) -> None:
        if node >= self.least:
            self.load([node])

    def load(self, numbers: Iterable[int]) -> None:
        """Read texts of the store."""
        wanted = np.array(sorted(n for n in numbers if n not in self.texts), dtype=np.int64)
        for number, row in zip(wanted.tolist(), self._store.known(wanted), strict=True):
            slot = self._store.slot(int(row["cluster"]))
            article, rank = row["article"].tobytes(), (int(row["time"]), self._position(row))
            self.texts[number] = Text(
                founder=int(row["founder"]),
                text=int(row["text"]),
                slot=slot,
                count=int(row["count"]),
                rank=rank,
                article=article,
                domain=self._store.domains[int(row["domain"])],
                old=(slot, int(row["count"]), article, rank),
            )

    def _position(self, row: NDArray[np.void]) -> Position:
        return Position(
            topic=self._store.topics[int(row["topic"])],
            partition=int(row["partition"]),
            offset=int(row["offset"]),
        )

    def rank_of(self, node: int) -> Rank:
        """The rank of a text: that of the first article with it."""
        return self.texts[node].rank


def arrival_of(sketch: Sketch) -> Rank:
    """The order of an article's versions: as recorded."""
    return (sketch.ingested_at if sketch.recorded_at is None else sketch.recorded_at, sketch.position)


def rank_of(sketch: Sketch) -> Rank:
    """The order-free order of articles: first published, then first in the source."""
    return (NEVER if sketch.claimed_at is None else sketch.claimed_at, sketch.position)


def identity_of(sketch: Sketch) -> int:
    """Of a text and its title: equal for articles that nothing tells apart but their URLs."""
    if sketch.text_hash == 0:
        return xxhash.xxh3_64_intdigest(f"{sketch.article_id} {sketch.content_hash}".encode())
    return xxhash.xxh3_64_intdigest(sketch.text_hash.to_bytes(8, "little") + sketch.title + sketch.lead)


def founder_of(sketch: Sketch) -> int:
    """A number of the article and content that brought a text first: its cluster is named after it."""
    return xxhash.xxh3_64_intdigest(f"{sketch.article_id} {sketch.content_hash}".encode())
