"""Events: who came into which cluster, who left which, what merged, who stands for it now."""

from __future__ import annotations

from collections.abc import Sequence

from newsmill.copies.clusters import Change, Clusters, cluster_id_of
from newsmill.copies.slots import ALONE
from newsmill.copies.store import Store
from newsmill.copies.versions import Version, Versions
from newsmill.records import ClusterChange, ClusterEvent, Fate


class Events:
    """Tells what a batch did to the clusters."""

    def __init__(self, store: Store, versions: Versions, clusters: Clusters) -> None:
        self._store = store
        self._versions = versions
        self._clusters = clusters

    def tell(self, versions: Sequence[Version]) -> tuple[ClusterEvent, ...]:
        """Who came into which cluster, who left which, what merged, who stands for it now."""
        changes: list[Change] = []
        founded: set[str] = set()
        for version in versions:
            if version.fate is Fate.REDELIVERY or version.replayed:
                continue
            sketch, before = version.sketch, version.before
            who, key = (sketch.article_id, sketch.domain), self._clusters.key(version.node)
            cluster_id = self._clusters.view(key)[0]
            old = self._was_in(before)
            if old == key and not version.late:
                continue
            new = self._is_new(version.node) and not {cluster_id} & (founded | self._clusters.carried.keys())
            founded.add(cluster_id)
            entry = Change(
                ClusterChange.CREATED if new else ClusterChange.JOINED, cluster_id, *who, key, sketch
            )
            if not version.late:
                if old is not None:
                    changes.append(Change(ClusterChange.LEFT, self._clusters.view(old)[0], *who, old, sketch))
                changes.append(entry)
            elif new and old is not None:
                back = Change(ClusterChange.JOINED, self._clusters.view(old)[0], *who, old, sketch)
                changes += [entry, entry._replace(event=ClusterChange.LEFT), back]
        told = [*self._counted(changes), *self._clusters.changes, *self._new_leaders()]
        return tuple(self._event(change) for change in told)

    def _was_in(self, before: int | None) -> int | None:
        """Key of the cluster that an article was in, by the text that it had; None where that is past."""
        if before is None or before < self._versions.least:
            return None
        return self._clusters.parted.get(before, self._clusters.key(before))

    def _counted(self, changes: Sequence[Change]) -> list[Change]:
        """Changes with the size after each: sizes end at what the batch leaves."""
        sizes = {change.cluster_id: self._clusters.view(change.key)[3] for change in changes}
        step = {ClusterChange.CREATED: 1, ClusterChange.JOINED: 1, ClusterChange.LEFT: -1}
        counted = []
        for change in reversed(changes):
            counted.append(change._replace(size=max(sizes[change.cluster_id], 0)))
            sizes[change.cluster_id] -= step[change.event]
        return counted[::-1]

    def _is_new(self, node: int) -> bool:
        """Whether a text's cluster has only texts of this batch."""
        return self._clusters.key(node) not in self._store.clusters and node >= self._versions.first

    def _new_leaders(self) -> list[Change]:
        """Clusters that were there and have another representative now."""
        causes = {
            self._clusters.view(self._clusters.key(n))[0]: s
            for n, s in sorted(self._versions.causes.items(), reverse=True)
        }
        changes = {}
        for node, text in sorted(self._versions.texts.items()):
            if text.old is None:
                continue
            slot, _, article, _ = text.old
            if slot == ALONE:
                key, founded, leader = self._clusters.key(node), cluster_id_of(text.founder), article.hex()
            else:
                was = self._store.clusters[slot]
                key, founded, leader = slot, was.cluster_id, was.representative_id
            cluster_id, now, domain, _ = self._clusters.view(key)
            if cluster_id == founded and now != leader:
                cause = causes.get(cluster_id) or self._clusters.carried[cluster_id]
                changes[cluster_id] = Change(
                    ClusterChange.REPRESENTATIVE_CHANGED, cluster_id, now, domain, key, cause
                )
        return list(changes.values())

    def _event(self, change: Change) -> ClusterEvent:
        _, leader, _, size = self._clusters.view(change.key)
        return ClusterEvent(
            event=change.event,
            cluster_id=change.cluster_id,
            article_id=change.article_id,
            representative_id=leader,
            size=size if change.size is None else change.size,
            domain=change.domain,
            merged_into=change.merged_into,
            position=change.cause.position,
            at=change.cause.ingested_at,
        )
