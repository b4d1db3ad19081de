"""The index of recent articles: says of each new one whether it is a story seen before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from newsmill.config import CopiesConfig
from newsmill.copies.sketches import Sketch
from newsmill.records import ClusterEvent, Duplicate, Fate, Origin, Position, Record

DAY: Final = 86_400_000_000
MAX_POSTINGS: Final = 64


class SeedRow(Record, frozen=True, kw_only=True):
    """A row of `articles` as far as the index needs it on a fresh start."""

    sketch: bytes  # column `copy_sketch`
    revision: int
    cluster_id: str
    fate: Fate = Fate.ARTICLE


class Decision(Record, frozen=True, kw_only=True):
    """What the index says of one record."""

    fate: Fate  # article | copy | revision | redelivery
    revision: int
    duplicate: Duplicate
    origin_hint: Origin | None = None  # the earliest of the cluster, where that is another article


class Resolution(Record, frozen=True, kw_only=True):
    """What the index says of one batch."""

    decisions: Mapping[Position, Decision]
    events: tuple[ClusterEvent, ...] = ()


class _Node(msgspec.Struct):
    sketch: Sketch
    hashes: frozenset[int]
    cluster: str


class _State(msgspec.Struct):
    nodes: list[_Node] = []
    postings: dict[int, list[int]] = {}
    latest: dict[str, tuple[str, int, int]] = {}  # article_id → content hash, revision, node
    clusters: dict[str, list[int]] = {}

    def copy(self) -> _State:
        return _State(
            nodes=[msgspec.structs.replace(node) for node in self.nodes],
            postings={key: list(nodes) for key, nodes in self.postings.items()},
            latest=dict(self.latest),
            clusters={key: list(nodes) for key, nodes in self.clusters.items()},
        )


class CopyIndex:
    """Finds copies among the articles of the last days.

    One batch is staged at a time; `commit` keeps what it taught, `abandon` forgets it.

    Args:
        config: Horizon and threshold.
    """

    def __init__(self, config: CopiesConfig) -> None:
        self._config = config
        self._kept = _State()
        self._staged: tuple[str, _State] | None = None
        self._version: str | None = None

    @property
    def version(self) -> str | None:
        """Id of the last committed batch; None before the first."""
        return self._version

    def seed(self, rows: Iterable[Sketch | SeedRow]) -> None:
        """Learn rows of the lake, on a fresh start."""
        for row in rows:
            sketch = row if isinstance(row, Sketch) else Sketch.decode(row.sketch)
            decision, _ = self._learn(self._kept, sketch)
            if isinstance(row, SeedRow):
                content, _, node = self._kept.latest[sketch.article_id]
                self._kept.latest[sketch.article_id] = (content, row.revision, node)
            del decision

    def resolve(self, batch_id: str, sketches: Sequence[Sketch]) -> Resolution:
        """Decide for all sketches of a batch together, whatever their order.

        The same batch id again replaces what was staged under it.
        """
        state = self._kept.copy()
        decisions: dict[Position, Decision] = {}
        events: list[ClusterEvent] = []
        for sketch in sorted(sketches, key=_rank):
            decisions[sketch.position], caused = self._learn(state, sketch)
            events.extend(caused)
        self._staged = (batch_id, state)
        return Resolution(decisions=decisions, events=tuple(events))

    def commit(self, batch_id: str) -> None:
        """Keep what the staged batch taught. Raises ValueError when another or none is staged."""
        if self._staged is None or self._staged[0] != batch_id:
            raise ValueError(f"batch {batch_id} is not staged")
        self._version, self._kept = self._staged
        self._staged = None

    def abandon(self, batch_id: str) -> None:
        """Forget what the batch taught, if it is staged."""
        if self._staged is not None and self._staged[0] == batch_id:
            self._staged = None

    def _learn(self, state: _State, sketch: Sketch) -> tuple[Decision, list[ClusterEvent]]:
        seen = state.latest.get(sketch.article_id)
        if seen is not None and seen[0] == sketch.content_hash:
            node = state.nodes[seen[2]]
            representative = state.nodes[_first(state, node.cluster)].sketch.article_id
            same = Duplicate(is_duplicate=False, cluster_id=node.cluster, representative_id=representative)
            return Decision(fate=Fate.REDELIVERY, revision=seen[1], duplicate=same), []
        new = _Node(sketch=sketch, hashes=frozenset(np.frombuffer(sketch.hashes, "<u4").tolist()), cluster="")
        best: tuple[float, int] | None = None
        votes: dict[int, int] = defaultdict(int)
        for key in np.frombuffer(sketch.keys, "<u4").tolist():
            for other in state.postings.setdefault(key, [])[:MAX_POSTINGS]:
                votes[other] += 1
        for other in votes:
            old = state.nodes[other]
            if old.sketch.article_id == sketch.article_id:
                continue
            jaccard, of_new, of_old = _compare(new, old)
            score = max(of_new, of_old) + jaccard
            if max(of_new, of_old) >= self._config.min_containment and (best is None or score > best[0]):
                best = (score, other)
        number = len(state.nodes)
        state.nodes.append(new)
        for key in np.frombuffer(sketch.keys, "<u4").tolist():
            if len(state.postings[key]) < MAX_POSTINGS:
                state.postings[key].append(number)
        events: list[ClusterEvent] = []
        if best is None:
            new.cluster = sketch.article_id
            state.clusters.setdefault(new.cluster, []).append(number)
            duplicate = Duplicate(
                is_duplicate=False, cluster_id=new.cluster, representative_id=sketch.article_id
            )
            events.append(_event("created", state, new, sketch))
        else:
            old = state.nodes[best[1]]
            new.cluster = old.cluster
            before = _first(state, new.cluster)
            state.clusters[new.cluster].append(number)
            after = _first(state, new.cluster)
            jaccard, of_new, of_old = _compare(new, old)
            duplicate = Duplicate(
                is_duplicate=after != number,
                cluster_id=new.cluster,
                representative_id=state.nodes[after].sketch.article_id,
                copy_type="exact" if sketch.text_hash == old.sketch.text_hash else "edited",
                similarity=jaccard,
                containment=of_new,
                containment_of=of_old,
                novel_share=1 - of_new,
                matched_id=old.sketch.article_id,
                method="hash" if sketch.text_hash == old.sketch.text_hash else "sketch",
            )
            events.append(_event("joined", state, new, sketch))
            if after != before:
                events.append(_event("representative_changed", state, new, sketch))
        revision = 1 if seen is None else seen[1] + 1
        state.latest[sketch.article_id] = (sketch.content_hash, revision, number)
        fate = Fate.REVISION if seen else Fate.COPY if duplicate.is_duplicate else Fate.ARTICLE
        hint = None
        if duplicate.is_duplicate:
            first = state.nodes[_first(state, new.cluster)].sketch
            hint = Origin(method="earliest", confidence=0.5, domain=first.domain, article_id=first.article_id)
        return Decision(fate=fate, revision=revision, duplicate=duplicate, origin_hint=hint), events


def _rank(sketch: Sketch) -> tuple[int, Position]:
    """The order-free order: published first, then first in the source."""
    when = sketch.published_at if sketch.published_at is not None else sketch.recorded_at
    return (when if when is not None else sketch.ingested_at, sketch.position)


def _first(state: _State, cluster: str) -> int:
    return min(state.clusters[cluster], key=lambda number: _rank(state.nodes[number].sketch))


def _compare(new: _Node, old: _Node) -> tuple[float, float, float]:
    if new.sketch.text_hash and new.sketch.text_hash == old.sketch.text_hash:
        return 1.0, 1.0, 1.0
    if not new.hashes or not old.hashes:
        return 0.0, 0.0, 0.0
    bound = min(max(new.hashes), max(old.hashes))
    a = {h for h in new.hashes if h <= bound}
    b = {h for h in old.hashes if h <= bound}
    both = len(a & b)
    return both / len(a | b), both / len(a), both / len(b)


def _event(event: str, state: _State, node: _Node, sketch: Sketch) -> ClusterEvent:
    return ClusterEvent(
        event=event,
        cluster_id=node.cluster,
        article_id=sketch.article_id,
        representative_id=state.nodes[_first(state, node.cluster)].sketch.article_id,
        size=len(state.clusters[node.cluster]),
        domain=sketch.domain,
        position=sketch.position,
        at=sketch.ingested_at,
    )
