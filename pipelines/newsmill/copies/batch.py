"""One batch against the index: decisions, events, and the delta that the index learns from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np

from newsmill.config import CopiesConfig
from newsmill.copies.bodies import BODY, Candidate, kept
from newsmill.copies.clusters import Clusters, cluster_id_of
from newsmill.copies.events import Events
from newsmill.copies.identities import ARTICLE
from newsmill.copies.links import Links
from newsmill.copies.names import Names
from newsmill.copies.sketches import Sketch
from newsmill.copies.slots import ALONE
from newsmill.copies.store import CHANGE, KNOWN, Delta, Store
from newsmill.copies.stories import Link
from newsmill.copies.versions import DAY, Rank, Text, Version, Versions, founder_of, identity_of, rank_of
from newsmill.records import (
    ClusterChange,
    ClusterEvent,
    CopyType,
    Duplicate,
    Fate,
    Origin,
    OriginMethod,
    Position,
    Record,
)

HELD: Final = 0.75
"""Least share of a text in another for the one to be the other cut or added to."""

EARLIEST: Final = 0.5
"""Confidence that the earliest article of a cluster is the origin, where no article names one."""


class Decision(Record, frozen=True, kw_only=True):
    """What the index says of one record."""

    fate: Fate  # article | copy | revision | redelivery
    revision: int
    duplicate: Duplicate
    origin_hint: Origin | None = None  # the earliest of the cluster, where that is another article
    keep_body: bool = True  # false: the same text is kept with another article, or none is kept


class Resolution(Record, frozen=True, kw_only=True):
    """What the index says of one batch."""

    decisions: Mapping[Position, Decision]
    events: tuple[ClusterEvent, ...] = ()


class Batch:
    """The work of one batch on a store that it only reads."""

    def __init__(
        self,
        store: Store,
        config: CopiesConfig,
        batch_id: str,
        sketches: Iterable[Sketch],
        given: Mapping[Position, tuple[int, str]] | None = None,
        *,
        rely_on_lake: bool = True,
    ) -> None:
        once = {sketch.position: sketch.comparable() for sketch in sketches}
        self._store = store
        self._config = config
        self._seeding = given is not None
        self._rely_on_lake = rely_on_lake
        self._batch_id = batch_id
        self._versions = Versions(store, once.values(), given or {})
        self._links = Links(store, self._versions, config.min_containment)
        self._clusters = Clusters(store, self._versions, self._links)
        self._bodies: list[Sketch] = []  # whose rows have their text

    def resolve(self) -> tuple[Resolution, Delta]:
        """Decide for all records; says what the store has to learn."""
        versions = self._versions.read()
        self._links.compare()
        self._clusters.tell_apart()
        decisions = self._keep_bodies({v.sketch.position: self._decide(v) for v in versions})
        told = Events(self._store, self._versions, self._clusters).tell(versions)
        events = tuple(_typed(event, decisions.get(event.position)) for event in told)
        return Resolution(decisions=decisions, events=events), self._delta()

    # What is told of each record.

    def _decide(self, version: Version) -> Decision:
        if version.node < self._versions.least:
            cluster_id = cluster_id_of(founder_of(version.sketch))
            alone = Duplicate(
                is_duplicate=False, cluster_id=cluster_id, representative_id=version.sketch.article_id
            )
            return Decision(fate=Fate.REDELIVERY, revision=version.revision, duplicate=alone)
        duplicate = self._duplicate(version)
        fate = version.fate or (Fate.COPY if duplicate.is_duplicate else Fate.ARTICLE)
        hint = None
        if duplicate.is_duplicate:
            _, leader, domain, _ = self._clusters.view(self._clusters.key(version.node))
            hint = Origin(method=OriginMethod.EARLIEST, confidence=EARLIEST, domain=domain, article_id=leader)
        return Decision(fate=fate, revision=version.revision, duplicate=duplicate, origin_hint=hint)

    def _keep_bodies(self, decisions: dict[Position, Decision]) -> dict[Position, Decision]:
        """Decide whose text is kept with its row. A row of the lake has its text where its sketch says so."""
        rows = [s for s in self._versions.sketches if decisions[s.position].fate is not Fate.REDELIVERY]
        if self._seeding:
            self._bodies = [s for s in self._versions.sketches if s.body_hash and self._rely_on_lake]
            return decisions
        candidates = [
            Candidate(
                position=sketch.position,
                article=bytes.fromhex(sketch.article_id),
                hash=sketch.body_hash,
                is_copy=decisions[sketch.position].duplicate.is_duplicate,
                rank=rank_of(sketch),
            )
            for sketch in rows
        ]
        held = self._store.bodies.holders(candidate.hash for candidate in candidates)
        keep = kept(candidates, held, self._config.keep_body)
        if self._rely_on_lake:
            self._bodies = [sketch for sketch in rows if sketch.body_hash and sketch.position in keep]
        dropped = {s.position for s in rows} - keep
        return {
            position: msgspec.structs.replace(decision, keep_body=False) if position in dropped else decision
            for position, decision in decisions.items()
        }

    def _duplicate(self, version: Version) -> Duplicate:
        node, article = version.node, version.sketch.article_id
        cluster_id, leader, _, _ = self._clusters.view(self._clusters.key(node))
        copied = leader != article
        told = Duplicate(is_duplicate=copied, cluster_id=cluster_id, representative_id=leader)
        links = self._contained(node)
        if not copied:
            if len(links) > 1:
                return msgspec.structs.replace(
                    told, copy_type=CopyType.COMPILATION, method="sketch", links=links
                )
            return msgspec.structs.replace(told, links=links)
        text = self._versions.texts[node]
        if text.article.hex() != article:
            link, matched, exact = Link(1.0, 1.0, 1.0), text.article.hex(), True
        else:
            near = {
                other: link
                for other, link in self._links.near.get(node, {}).items()
                if self._clusters.key(other) == self._clusters.key(node)
                and self._versions.texts[other].article.hex() != article
            }
            if not near:
                return msgspec.structs.replace(told, links=links)
            best = min(
                near,
                key=lambda o: (
                    self._versions.texts[o].article.hex() != leader,
                    -near[o].jaccard,
                    self._versions.texts[o].text != text.text,
                    self._versions.rank_of(o),
                ),
            )
            link, matched = near[best], self._versions.texts[best].article.hex()
            exact = self._versions.texts[best].text == text.text
        return msgspec.structs.replace(
            told,
            copy_type=_copy_type(link, exact),
            similarity=link.jaccard,
            containment=link.own,
            containment_of=link.other,
            novel_share=0.0 if exact else self._links.novel(node),
            opening=link.opening,
            matched_id=matched,
            method="hash" if exact else "sketch",
            links=links,
        )

    def _contained(self, node: int) -> tuple[str, ...]:
        """The representatives of other stories that stand in a text."""
        parts = [*self._clusters.compilations.get(node, ()), *self._links.embedded.get(node, ())]
        own = self._clusters.view(self._clusters.key(node))[0]
        found = {
            view[0]: view[1]
            for view in (self._clusters.view(self._clusters.key(part)) for part in parts)
            if view[0] != own
        }
        return tuple(sorted(set(found.values())))

    # What the store learns.

    def _delta(self) -> Delta:
        versions, clusters = self._versions, self._clusters
        topics, domains = Names(), Names()
        known = np.zeros(len(versions.fresh), dtype=KNOWN)
        for number, (row, sketch) in enumerate(zip(known, versions.fresh, strict=True), versions.first):
            row["identity"], row["founder"] = identity_of(sketch), founder_of(sketch)
            row["text"] = sketch.text_hash
            self._fill(row, versions.texts[number], clusters.key(number), topics, domains)
        changed = [(n, text) for n, text in versions.texts.items() if n < versions.first and self._changed(n)]
        changes = np.zeros(len(changed), dtype=CHANGE)
        for row, (number, text) in zip(changes, changed, strict=True):
            row["node"] = number
            self._fill(row, text, clusters.key(number), topics, domains)
        articles = np.zeros(len(versions.states), dtype=ARTICLE)
        for row, (key, state) in zip(articles, versions.states.items(), strict=True):
            row["article"], row["content"] = np.void(key), np.void(state.content)
            row["node"], row["revision"], row["day"] = state.node, state.revision, versions.day
            row["domain"] = domains.number(state.domain)
            _place(row, state.arrival, topics)
        bodies = np.zeros(len(self._bodies), dtype=BODY)
        for row, sketch in zip(bodies, self._bodies, strict=True):
            row["hash"], row["article"] = np.void(sketch.body_hash), np.void(bytes.fromhex(sketch.article_id))
            row["domain"], row["day"] = domains.number(sketch.domain), sketch.ingested_at // DAY
        return Delta(
            batch_id=self._batch_id,
            day=versions.day,
            first_node=versions.first,
            first_slot=clusters.next_slot,
            topics=tuple(topics),
            domains=tuple(domains),
            nodes=self._links.rows.tobytes(),
            known=known.tobytes(),
            keys=self._links.postings.astype("<u8").tobytes(),
            links=self._links.found.tobytes(),
            articles=articles.tobytes(),
            changes=changes.tobytes(),
            bodies=bodies.tobytes(),
            clusters=clusters.changed,
            moved=clusters.moved,
        )

    def _changed(self, node: int) -> bool:
        text = self._versions.texts[node]
        return text.old != (max(self._clusters.key(node), ALONE), text.count, text.article, text.rank)

    def _fill(self, row: np.void, text: Text, key: int, topics: Names, domains: Names) -> None:
        row["cluster"], row["count"] = max(key, ALONE), text.count
        row["article"], row["domain"] = np.void(text.article), domains.number(text.domain)
        _place(row, text.rank, topics)


def _typed(event: ClusterEvent, decision: Decision | None) -> ClusterEvent:
    """An event with the type of the copy that joined by it."""
    if event.event is not ClusterChange.JOINED or decision is None:
        return event
    told = decision.duplicate
    if (told.cluster_id, told.representative_id) != (event.cluster_id, event.representative_id):
        return event
    return msgspec.structs.replace(event, copy_type=told.copy_type)


def _copy_type(link: Link, exact: bool) -> CopyType:
    if exact:
        return CopyType.EXACT
    if link.own >= HELD > link.other:
        return CopyType.TRUNCATED
    if link.other >= HELD > link.own:
        return CopyType.EXTENDED
    return CopyType.EDITED


def _place(row: np.void, rank: Rank, topics: Names) -> None:
    row["time"], row["topic"] = rank[0], topics.number(rank[1].topic)
    row["partition"], row["offset"] = rank[1].partition, rank[1].offset
