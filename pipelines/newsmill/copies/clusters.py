"""Clusters: the parts of the graph that a batch touches are told apart anew."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from newsmill.copies.figures import MOSTLY, Kind
from newsmill.copies.links import LEARNT, Links
from newsmill.copies.sketches import Sketch
from newsmill.copies.slots import ALONE, Cluster
from newsmill.copies.store import MASSIVE, Store
from newsmill.copies.stories import tell_apart
from newsmill.copies.versions import Rank, Versions, founder_of, rank_of
from newsmill.records import ClusterChange


class Change(NamedTuple):
    """An event to be told once sizes and representatives are final."""

    event: ClusterChange
    cluster_id: str
    article_id: str
    domain: str
    key: int  # of the cluster, see `Clusters.key`
    cause: Sketch
    merged_into: str | None = None
    size: int | None = None  # None: as it is at the end


class Clusters:
    """The clusters of the texts that a batch touches: which go on, which are new, who stands for them."""

    def __init__(self, store: Store, versions: Versions, links: Links) -> None:
        self._store = store
        self._versions = versions
        self._links = links
        self.next_slot = store.next_slot
        self.compilations: dict[int, list[int]] = {}
        self.changed: dict[int, Cluster | None] = {}
        self.moved: dict[int, int] = {}
        self.carried: dict[str, Sketch] = {}  # clusters that were there and are touched: by which record
        self.parted: dict[int, int] = {}  # texts that left a cluster which goes on without them: its key
        self.changes: list[Change] = []

    def tell_apart(self) -> None:
        """Give all touched texts their clusters, representatives and sizes."""
        for component in self._components():
            self._regroup(component)
        for node, cluster_id in self._versions.given_ids.items():
            if self.key(node) < 0 and cluster_id != self._key_id(~node):
                self._versions.texts[node].slot = self._settle([node], [], cluster_id)
        for node in self._versions.causes:
            if self.key(node) >= 0:
                self._lead(node)
        self._recount()

    def _components(self) -> list[list[int]]:
        """Connected components of copies around the batch's texts, each by rank."""
        self._touch_forms()
        frontier = set(self._versions.causes) | set(self._links.near)
        seen: set[int] = set()
        while frontier:
            self._versions.load(frontier)
            seen |= frontier
            inner = [n for n in frontier if n < self._versions.first and not self._massive(n)]
            links = self._store.links_of(np.array(sorted(inner), dtype=np.int64), self._versions.least)
            self._links.add(links)
            copies = links[links["kind"] == Kind.COPY]
            frontier = {*copies["a"].tolist(), *copies["b"].tolist()} - seen
        self._versions.load(small for parts in self._links.embedded.values() for small in parts)
        left = {n for n in seen if n in self._links.near and not self._massive(n)}
        components = []
        while left:
            component = [left.pop()]
            for node in component:
                found = left & self._links.near[node].keys()
                left -= found
                component.extend(found)
            components.append(sorted(component, key=self._versions.rank_of))
        return sorted(components, key=lambda component: self._versions.rank_of(component[0]))

    def _touch_forms(self) -> None:
        """Texts of the store that a new text has the form of are told apart anew."""
        for node, sketch in enumerate(self._versions.fresh, self._versions.first):
            others = {other for other in self._links.forms.get(node, ()) if other < self._versions.first}
            self._versions.load(others)
            for other in others:
                self._versions.causes.setdefault(other, sketch)

    def _part_forms(self, component: Sequence[int]) -> None:
        """Part texts that share no more than a form.

        A form is learnt from the stream: its words are in other stories too, which their openings or numbers
        tell apart. Two texts that share a form and little more, most of neither in the other, are two.
        """
        texts, near, forms = self._versions.texts, self._links.near, self._links.forms
        asked = [node for node in component if node in forms]
        others = sorted({other for node in asked for other in forms[node]})
        if not others:
            return
        self._versions.load(others)
        copies = self._store.links_of(
            np.array(
                [o for o in others if o < self._versions.first and not self._massive(o)], dtype=np.int64
            ),
            self._versions.least,
        )
        kin: dict[int, set[int]] = defaultdict(set)
        for a, b in copies[["a", "b"]][copies["kind"] == Kind.COPY].tolist():
            kin[a].add(b)
            kin[b].add(a)
        parted = set()
        for node in asked:
            for other in near[node]:
                pair = (min(node, other), max(node, other))
                link = near[node][other]
                if other not in texts or pair in parted or max(link.own, link.other) >= MOSTLY:
                    continue
                stories: list[int] = []
                for form in sorted(forms[node] | forms.get(other, set()), key=lambda n: (texts[n].text, n)):
                    if not any(form in near.get(one, ()) or form in kin[one] for one in stories):
                        stories.append(form)
                if len(stories) >= LEARNT and self._links.is_form(node, other, stories):
                    parted.add(pair)
        for node, other in parted:
            del near[node][other], near[other][node]

    def _regroup(self, component: Sequence[int]) -> None:
        """Tell the stories of a component apart and give its texts their clusters."""
        cause = min(
            (self._versions.causes[node] for node in component if node in self._versions.causes), key=rank_of
        )
        self._part_forms(component)
        rest = [node for node in component if not self._absorb(node)]
        stories = tell_apart(rest, self._links.near, self._links.overlap)
        self.compilations.update(stories.compilations)
        claims = self._claims(stories.groups)
        for number, group in enumerate(stories.groups):
            self._name(group, [key for key, claim in claims.items() if claim == number], cause)

    def _claims(self, groups: Sequence[Sequence[int]]) -> dict[int, int]:
        """Which group carries on each cluster that was there: where its representative is, else most texts.

        A cluster is known by its slot, or by `~text` where the text was alone.
        """
        votes: dict[int, list[int]] = {}
        for number, group in enumerate(groups):
            for node in group:
                if node < self._versions.first:
                    votes.setdefault(self.key(node), [0] * len(groups))[number] += 1
        claims = {key: counts.index(max(counts)) for key, counts in votes.items()}
        place = {node: number for number, group in enumerate(groups) for node in group}
        for key in claims:
            if key >= 0:
                claims[key] = place.get(self._cluster(key).node, claims[key])
        return claims

    def _name(self, group: list[int], claimants: list[int], cause: Sketch) -> None:
        """Give a group the oldest of the clusters that it carries on, or a new one. The others merge."""
        claimants.sort(key=self._key_rank)
        ids = list(dict.fromkeys(self._key_id(key) for key in claimants))
        strangers = [n for n in group if n < self._versions.first and self.key(n) not in claimants]
        left = [(self.key(n), n) for n in strangers]
        if ids:
            cluster_id = ids[0]
            self.carried.setdefault(cluster_id, cause)
        else:
            cluster_id = self._versions.given_ids.get(
                group[0], cluster_id_of(self._versions.texts[group[0]].founder)
            )
            if left:
                cluster_id = parted_cluster_id(cluster_id, founder_of(cause))
        slot = ALONE
        if (
            len(group) > 1
            or left
            or cluster_id != self._key_id(~group[0])
            or (claimants and claimants[0] >= 0)
        ):
            slot = self._settle(group, [key for key in claimants if key >= 0], cluster_id)
        for node in group:
            self._versions.texts[node].slot = slot
        key = ~group[0] if slot == ALONE else slot
        for old, node in left:
            self.parted[node] = old
            for who in self._articles_of(node):
                self.changes.append(Change(ClusterChange.LEFT, self._key_id(old), *who, old, cause))
                self.changes.append(Change(ClusterChange.JOINED, cluster_id, *who, key, cause))
        for old_id in ids[1:]:
            merged = (cause.article_id, cause.domain, key, cause, cluster_id)
            self.changes.append(Change(ClusterChange.MERGED, old_id, *merged))

    def _articles_of(self, node: int) -> list[tuple[str, str]]:
        """Articles (with domains) whose content is a text of the store, those of the batch not counted."""
        rows = self._store.articles_at(node)
        found = [(row["article"].tobytes(), self._store.domains[int(row["domain"])]) for row in rows]
        states = self._versions.states
        return [
            (key.hex(), dom) for key, dom in sorted(found) if key not in states or states[key].node == node
        ]

    def _settle(self, group: list[int], slots: list[int], cluster_id: str) -> int:
        """Make or update the cluster of a group from the slots that it carries on."""
        outside = [
            self._cluster(slot) for slot in slots if self._cluster(slot).node not in self._versions.texts
        ]
        if slots:
            slot, others = slots[0], slots[1:]
        else:
            slot, others = self.next_slot, []
            self.next_slot += 1
        for other in others:
            self.moved[other] = slot
        first = self._versions.texts[group[0]]
        cluster = Cluster(
            cluster_id=cluster_id,
            representative_id=first.article.hex(),
            node=group[0],
            time=first.rank[0],
            position=first.rank[1],
            domain=first.domain,
            size=self._cluster(slots[0]).size if slots else 0,
            nodes=self._cluster(slots[0]).nodes if slots else 0,
        )
        for other_cluster in outside:
            if (other_cluster.time, other_cluster.position) < (cluster.time, cluster.position):
                cluster = msgspec.structs.replace(
                    other_cluster, cluster_id=cluster_id, size=cluster.size, nodes=cluster.nodes
                )
        self.changed[slot] = cluster
        return slot

    def _absorb(self, node: int) -> bool:
        """Put a new text into a massive cluster, if it has as many links into one as to other old texts."""
        text = self._versions.texts[node]
        old = Counter(
            self.key(other) if self._massive(other) else ALONE
            for other in self._links.near[node]
            if other < self._versions.first
        )
        others = old.pop(ALONE, 0)
        most = max(old.values(), default=0)
        if text.old is not None or not most or most < others:
            return False
        text.slot = min((slot for slot in old if old[slot] == most), key=self._key_rank)
        self._lead(node)
        self.carried.setdefault(self._cluster(text.slot).cluster_id, self._versions.causes[node])
        return True

    def _lead(self, node: int) -> None:
        """Let a text stand for its cluster, where it has come to be the first."""
        text, slot = self._versions.texts[node], self.key(node)
        cluster = self._cluster(slot)
        if text.rank < (cluster.time, cluster.position):
            self.changed[slot] = msgspec.structs.replace(
                cluster,
                representative_id=text.article.hex(),
                node=node,
                time=text.rank[0],
                position=text.rank[1],
                domain=text.domain,
            )

    def _massive(self, node: int) -> bool:
        key = self.key(node)
        return key >= 0 and self._cluster(key).nodes > MASSIVE

    def key(self, node: int) -> int:
        """The slot of a text's cluster; `~node` where it is alone."""
        slot = self._versions.texts[node].slot
        return ~node if slot == ALONE else self._now(slot)

    def _now(self, key: int) -> int:
        """The key of the cluster that goes on for a cluster."""
        while key in self.moved:
            key = self.moved[key]
        return key

    def _cluster(self, slot: int) -> Cluster:
        cluster = self.changed.get(slot) or self._store.clusters[slot]
        return cluster

    def _key_id(self, key: int) -> str:
        return (
            self._cluster(key).cluster_id if key >= 0 else cluster_id_of(self._versions.texts[~key].founder)
        )

    def _key_rank(self, key: int) -> Rank:
        if key < 0:
            return self._versions.texts[~key].rank
        return self._cluster(key).time, self._cluster(key).position

    def _recount(self) -> None:
        """Bring sizes up to date: what each text counted for before, and where it counts now."""
        size: dict[int, int] = defaultdict(int)
        nodes: dict[int, int] = defaultdict(int)
        for node, text in self._versions.texts.items():
            if text.old is not None and text.old[0] != ALONE:
                size[text.old[0]] -= text.old[1]
                nodes[text.old[0]] -= 1
            if self.key(node) >= 0:
                size[self.key(node)] += text.count
                nodes[self.key(node)] += 1
        for slot in self.moved:
            into = self._now(slot)
            was = self._store.clusters[slot]
            size[into] += was.size + size.pop(slot, 0)
            nodes[into] += was.nodes + nodes.pop(slot, 0)
            self.changed[slot] = None
        for slot in size:
            if size[slot] or nodes[slot] or slot in self.changed:
                cluster = self._cluster(slot)
                self.changed[slot] = msgspec.structs.replace(
                    cluster, size=cluster.size + size[slot], nodes=cluster.nodes + nodes[slot]
                )

    def view(self, key: int) -> tuple[str, str, str, int]:
        """Cluster id, representative's id and domain, and size."""
        key = self._now(key)
        if key >= 0:
            cluster = self._cluster(key)
            return cluster.cluster_id, cluster.representative_id, cluster.domain, cluster.size
        text = self._versions.texts[~key]
        return cluster_id_of(text.founder), text.article.hex(), text.domain, text.count


def cluster_id_of(founder: int) -> str:
    """The id of the cluster that a text founds."""
    return _digest(founder.to_bytes(8, "little"))


def parted_cluster_id(cluster_id: str, cause: object) -> str:
    """The id of a cluster of texts that left another one: theirs may have gone on in that one."""
    return _digest(f"{cluster_id} {cause}".encode())


def _digest(what: bytes) -> str:
    return hashlib.blake2b(what, digest_size=16, person=b"newsmill cluster").hexdigest()
