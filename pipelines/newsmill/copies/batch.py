"""One batch against the index: decisions, events, and the delta that the index learns from it."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from newsmill.config import CopiesConfig
from newsmill.copies.bodies import BODY, Candidate, kept
from newsmill.copies.figures import PAD, Figures, Kind, compare, complete_to
from newsmill.copies.postings import lookup, pack
from newsmill.copies.sketches import Sketch
from newsmill.copies.store import (
    ALONE,
    ARTICLE,
    CHANGE,
    HOT,
    LINK,
    NEVER,
    NODE,
    Cluster,
    Delta,
    Names,
    Store,
)
from newsmill.copies.stories import Link, tell_apart
from newsmill.records import ClusterEvent, Duplicate, Fate, Origin, Position, Record

DAY: Final = 86_400_000_000
CANDIDATES: Final = 64
"""Most texts that one text is compared with. Keys that few texts have count for more: boilerplate, which
many have, takes no story's place."""

_SCALE: Final = 1 << 20

MASSIVE: Final = 256
"""A cluster of more texts is not told apart anew: it takes in texts one by one."""

HELD: Final = 0.75
"""Least share of a text in another for the one to be the other cut or added to."""

EARLIEST: Final = 0.5
"""Confidence that the earliest article of a cluster is the origin, where no article names one."""

Rank = tuple[int, Position]


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


class _Version(NamedTuple):
    """One record that is a version of an article."""

    sketch: Sketch
    fate: Fate | None  # None where the cluster tells: article or copy
    revision: int
    node: int
    before: int | None = None  # the text the article had before
    replayed: bool = False  # the very record that is known already
    late: bool = False  # an older version than the article's content that is known


class _State(msgspec.Struct):
    """An article as known while the batch is read."""

    content: bytes
    node: int
    revision: int
    arrival: Rank
    domain: str


class _Text(msgspec.Struct):
    """The changing part of a text; what it was before the batch beside it."""

    founder: int
    text: int
    slot: int
    count: int
    rank: Rank
    article: bytes
    domain: str
    old: tuple[int, int, bytes, Rank] | None = None  # slot, count, article, rank; None for a new text


class _Change(NamedTuple):
    """An event to be told once sizes and representatives are final."""

    event: str
    cluster_id: str
    article_id: str
    domain: str
    key: int  # of the cluster, see `Batch._key`
    cause: Sketch
    merged_into: str | None = None
    size: int | None = None  # None: as it is at the end


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
        self._given = given or {}  # revision and cluster id that were decided before
        self._given_ids: dict[int, str] = {}
        self._sketches = sorted(once.values(), key=_arrival)
        self._day = max([store.day, *(sketch.ingested_at // DAY for sketch in self._sketches)])
        self._least = store.first_live(self._day)
        self._first = store.next_node
        self._next_slot = store.next_slot
        self._states: dict[bytes, _State] = {}
        self._texts: dict[int, _Text] = {}
        self._causes: dict[int, Sketch] = {}  # texts that the batch touches: by which record first
        self._fresh: list[Sketch] = []
        self._rows = np.empty(0, dtype=NODE)
        self._postings = np.empty(0, dtype=np.uint64)
        self._links = np.empty(0, dtype=LINK)
        self._bodies: list[Sketch] = []  # whose rows have their text
        self._near: dict[int, dict[int, Link]] = defaultdict(dict)
        self._embedded: dict[int, list[int]] = defaultdict(list)
        self._compilations: dict[int, list[int]] = {}
        self._clusters: dict[int, Cluster | None] = {}
        self._moved: dict[int, int] = {}
        self._carried: dict[str, Sketch] = {}  # clusters that were there and are touched: by which record
        self._changes: list[_Change] = []

    def resolve(self) -> tuple[Resolution, Delta]:
        """Decide for all records; says what the store has to learn."""
        versions = self._read()
        self._compare()
        for component in self._components():
            self._regroup(component)
        for node, cluster_id in self._given_ids.items():
            if self._key(node) < 0 and cluster_id != self._key_id(~node):
                self._texts[node].slot = self._settle([node], [], cluster_id)
        for node in self._causes:
            if self._key(node) >= 0:
                self._lead(node)
        self._recount()
        decisions = self._keep_bodies({v.sketch.position: self._decide(v) for v in versions})
        events = self._tell(versions)
        return Resolution(decisions=decisions, events=events), self._delta()

    # Versions: which records are redeliveries, which are new content, of which text.

    def _read(self) -> list[_Version]:
        ids = np.array([bytes.fromhex(s.article_id) for s in self._sketches], dtype="V16")
        known = self._store.articles(ids, self._day) if len(ids) else {}
        identities = np.array([_identity(s) for s in self._sketches], dtype=np.uint64)
        numbers = self._store.same_text(identities, self._least) if len(ids) else {}
        self._load(numbers.values())
        versions = []
        for sketch, identity, key in zip(self._sketches, identities.tolist(), ids, strict=True):
            versions.append(self._version(sketch, identity, key.tobytes(), known, numbers))
        return versions

    def _version(
        self,
        sketch: Sketch,
        identity: int,
        key: bytes,
        known: Mapping[bytes, NDArray[np.void]],
        numbers: dict[int, int],
    ) -> _Version:
        content = bytes.fromhex(sketch.content_hash)
        state = self._states.get(key)
        if state is None and key in known:
            state = self._state(known[key])
        if state is not None and state.content == content:
            return self._same(sketch, key, state)
        node = numbers.get(identity)
        if node is None:
            node = numbers[identity] = self._store.next_node + len(self._fresh)
            self._fresh.append(sketch)
            self._texts[node] = _Text(
                _founder(sketch), sketch.text_hash, ALONE, 0, _rank(sketch), key, sketch.domain
            )
        self._claim(node, sketch)
        text = self._texts[node]
        revision = state.revision + 1 if state else 1
        if sketch.position in self._given:
            given, cluster_id = self._given[sketch.position]
            revision = max(given, state.revision) if state else given
            if text.old is None and text.article == key:
                self._given_ids[node] = cluster_id
        fate = Fate.REVISION if state else None
        if state is not None and _arrival(sketch) < state.arrival:
            self._states[key] = msgspec.structs.replace(state, revision=revision)
            self._load_live(state.node)
            return _Version(sketch, fate, revision, node, state.node, late=True)
        before = None if state is None else state.node
        self._move(before, node, sketch)
        self._states[key] = _State(content, node, revision, _arrival(sketch), sketch.domain)
        return _Version(sketch, fate, revision, node, before)

    def _same(self, sketch: Sketch, key: bytes, state: _State) -> _Version:
        """A record with the content that its article has: delivered again, or a row of the lake.

        Only rows count for what is known of an article: a start finds no others. So a redelivery changes
        nothing.
        """
        self._load_live(state.node)
        row = sketch.position in self._given
        if row:
            revision = max(state.revision, self._given[sketch.position][0])
            arrival = max(state.arrival, _arrival(sketch))
            state = msgspec.structs.replace(state, revision=revision, arrival=arrival)
        self._states[key] = state
        replayed = row or state.arrival[1] == sketch.position
        if not replayed:
            return _Version(sketch, Fate.REDELIVERY, state.revision, state.node)
        if state.node >= self._least:
            self._claim(state.node, sketch)
        fate = Fate.REVISION if state.revision > 1 else None
        return _Version(sketch, fate, state.revision, state.node, replayed=True)

    def _state(self, row: NDArray[np.void]) -> _State:
        return _State(
            content=row["content"].tobytes(),
            node=int(row["node"]),
            revision=int(row["revision"]),
            arrival=(int(row["time"]), self._position(row)),
            domain=self._store.domains[int(row["domain"])],
        )

    def _claim(self, node: int, sketch: Sketch) -> None:
        """A record has a text: it may be the first that had it."""
        text = self._texts[node]
        if _rank(sketch) < text.rank:
            text.rank, text.article, text.domain = (
                _rank(sketch),
                bytes.fromhex(sketch.article_id),
                sketch.domain,
            )
            self._causes[node] = sketch
        self._causes.setdefault(node, sketch)

    def _move(self, before: int | None, after: int, sketch: Sketch) -> None:
        """An article's current text changes."""
        if before is not None and before >= self._least:
            self._load_live(before)
            self._texts[before].count -= 1
            self._causes.setdefault(before, sketch)
        self._texts[after].count += 1

    def _load_live(self, node: int) -> None:
        if node >= self._least:
            self._load([node])

    # Links: what the new texts are copies of.

    def _compare(self) -> None:
        """Compare the new texts with all that share a key, among themselves too."""
        self._rows = _rows(self._fresh)
        own = [np.frombuffer(sketch.keys, dtype="<u4") for sketch in self._fresh]
        keys = np.concatenate(own) if own else np.empty(0, dtype=np.uint32)
        owner = self._first + np.repeat(np.arange(len(own)), [len(k) for k in own])
        self._postings = np.sort(pack(keys, owner))
        asked, found = self._store.keys.find(keys, self._least)
        order = np.argsort(keys, kind="stable")
        inside, within = lookup(self._postings, keys[order], HOT)
        query = np.concatenate([asked, order[inside]])
        a, b = owner[query], np.concatenate([found, within])
        rarity = _SCALE // np.bincount(query)[query]
        older = b < a
        a, b = _candidates(a[older], b[older], rarity[older])
        figures = compare(self._gather(a), self._gather(b), self._config.min_containment)
        self._links = _link_rows(a, b, figures)
        self._add(self._links)

    def _gather(self, numbers: NDArray[np.int64]) -> NDArray[np.void]:
        new = numbers >= self._first
        rows = np.empty(len(numbers), dtype=NODE)
        rows[new] = self._rows[numbers[new] - self._first]
        rows[~new] = self._store.texts(numbers[~new])
        return rows

    def _add(self, links: NDArray[np.void]) -> None:
        for a, b, jaccard, of_a, of_b, kind in links.tolist():
            if kind == Kind.COPY:
                self._near[a][b] = Link(jaccard / 255, of_a / 255, of_b / 255)
                self._near[b][a] = Link(jaccard / 255, of_b / 255, of_a / 255)
            else:
                large, small = (a, b) if of_a < of_b else (b, a)
                if small not in self._embedded[large]:
                    self._embedded[large].append(small)

    def _load(self, numbers: Iterable[int]) -> None:
        """Read texts of the store."""
        wanted = np.array(sorted(n for n in numbers if n not in self._texts), dtype=np.int64)
        for number, row in zip(wanted.tolist(), self._store.texts(wanted), strict=True):
            slot = self._store.slot(int(row["cluster"]))
            article, rank = row["article"].tobytes(), (int(row["time"]), self._position(row))
            self._texts[number] = _Text(
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

    # Clusters: the parts of the graph that the batch touches are told apart anew.

    def _components(self) -> list[list[int]]:
        """Connected components of copies around the batch's texts, each by rank."""
        frontier = set(self._causes) | set(self._near)
        seen: set[int] = set()
        while frontier:
            self._load(frontier)
            seen |= frontier
            inner = [n for n in frontier if n < self._first and not self._massive(n)]
            links = self._store.links_of(np.array(sorted(inner), dtype=np.int64), self._least)
            self._add(links)
            copies = links[links["kind"] == Kind.COPY]
            frontier = {*copies["a"].tolist(), *copies["b"].tolist()} - seen
        self._load(small for parts in self._embedded.values() for small in parts)
        left = {n for n in seen if n in self._near and not self._massive(n)}
        components = []
        while left:
            component = [left.pop()]
            for node in component:
                found = left & self._near[node].keys()
                left -= found
                component.extend(found)
            components.append(sorted(component, key=self._rank_of))
        return sorted(components, key=lambda component: self._rank_of(component[0]))

    def _regroup(self, component: Sequence[int]) -> None:
        """Tell the stories of a component apart and give its texts their clusters."""
        cause = min((self._causes[node] for node in component if node in self._causes), key=_rank)
        rest = [node for node in component if not self._absorb(node)]
        stories = tell_apart(rest, self._near, self._overlap)
        self._compilations.update(stories.compilations)
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
                if node < self._first:
                    votes.setdefault(self._key(node), [0] * len(groups))[number] += 1
        claims = {key: counts.index(max(counts)) for key, counts in votes.items()}
        place = {node: number for number, group in enumerate(groups) for node in group}
        for key in claims:
            if key >= 0:
                claims[key] = place.get(self._cluster(key).node, claims[key])
        return claims

    def _name(self, group: list[int], claimants: list[int], cause: Sketch) -> None:
        """Give a group the oldest of the clusters that it carries on, or a new one. The others merge."""
        claimants.sort(key=self._key_rank)
        ids = [self._key_id(key) for key in claimants]
        strangers = [n for n in group if n < self._first and self._key(n) not in claimants]
        left = [(self._key(n), n) for n in strangers]
        if ids:
            cluster_id = ids[0]
            self._carried.setdefault(cluster_id, cause)
        else:
            cluster_id = self._given_ids.get(group[0], _cluster_id(self._texts[group[0]].founder))
            if left:
                cluster_id = _digest(f"{cluster_id} {_founder(cause)}".encode())
        slot = ALONE
        if (
            len(group) > 1
            or left
            or cluster_id != self._key_id(~group[0])
            or (claimants and claimants[0] >= 0)
        ):
            slot = self._settle(group, [key for key in claimants if key >= 0], cluster_id)
        for node in group:
            self._texts[node].slot = slot
        key = ~group[0] if slot == ALONE else slot
        for old, node in left:
            for who in self._articles_of(node):
                self._changes.append(_Change("left", self._key_id(old), *who, old, cause))
                self._changes.append(_Change("joined", cluster_id, *who, key, cause))
        for old_id in ids[1:]:
            merged = (cause.article_id, cause.domain, key, cause, cluster_id)
            self._changes.append(_Change("merged", old_id, *merged))

    def _articles_of(self, node: int) -> list[tuple[str, str]]:
        """Articles (with domains) whose content is a text of the store, those of the batch not counted."""
        rows = self._store.articles_at(node)
        found = [(row["article"].tobytes(), self._store.domains[int(row["domain"])]) for row in rows]
        states = self._states
        return [
            (key.hex(), dom) for key, dom in sorted(found) if key not in states or states[key].node == node
        ]

    def _settle(self, group: list[int], slots: list[int], cluster_id: str) -> int:
        """Make or update the cluster of a group from the slots that it carries on."""
        outside = [self._cluster(slot) for slot in slots if self._cluster(slot).node not in self._texts]
        if slots:
            slot, others = slots[0], slots[1:]
        else:
            slot, others = self._next_slot, []
            self._next_slot += 1
        for other in others:
            self._moved[other] = slot
        first = self._texts[group[0]]
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
        self._clusters[slot] = cluster
        return slot

    def _absorb(self, node: int) -> bool:
        """Put a new text into a massive cluster, if it has as many links into one as to other old texts."""
        text = self._texts[node]
        old = Counter(
            self._key(other) if self._massive(other) else ALONE
            for other in self._near[node]
            if other < self._first
        )
        others = old.pop(ALONE, 0)
        most = max(old.values(), default=0)
        if text.old is not None or not most or most < others:
            return False
        text.slot = min((slot for slot in old if old[slot] == most), key=self._key_rank)
        self._lead(node)
        self._carried.setdefault(self._cluster(text.slot).cluster_id, self._causes[node])
        return True

    def _lead(self, node: int) -> None:
        """Let a text stand for its cluster, where it has come to be the first."""
        text, slot = self._texts[node], self._key(node)
        cluster = self._cluster(slot)
        if text.rank < (cluster.time, cluster.position):
            self._clusters[slot] = msgspec.structs.replace(
                cluster,
                representative_id=text.article.hex(),
                node=node,
                time=text.rank[0],
                position=text.rank[1],
                domain=text.domain,
            )

    def _massive(self, node: int) -> bool:
        key = self._key(node)
        return key >= 0 and self._cluster(key).nodes > MASSIVE

    def _key(self, node: int) -> int:
        """The slot of a text's cluster; `~node` where it is alone."""
        slot = self._texts[node].slot
        return ~node if slot == ALONE else self._now(slot)

    def _now(self, key: int) -> int:
        """The key of the cluster that goes on for a cluster."""
        while key in self._moved:
            key = self._moved[key]
        return key

    def _cluster(self, slot: int) -> Cluster:
        cluster = self._clusters.get(slot) or self._store.clusters[slot]
        return cluster

    def _key_id(self, key: int) -> str:
        return self._cluster(key).cluster_id if key >= 0 else _cluster_id(self._texts[~key].founder)

    def _key_rank(self, key: int) -> Rank:
        if key < 0:
            return self._texts[~key].rank
        return self._cluster(key).time, self._cluster(key).position

    def _rank_of(self, node: int) -> Rank:
        return self._texts[node].rank

    def _overlap(self, text: int, x: int, y: int) -> float:
        rows = self._gather(np.array([text, x, y], dtype=np.int64))
        hashes = rows["hashes"][0]
        bound = complete_to(rows).min()
        of_x, of_y = (np.isin(hashes, rows["hashes"][i]) & (hashes < bound) for i in (1, 2))
        return float((of_x & of_y).sum() / max(1, min(of_x.sum(), of_y.sum())))

    def _recount(self) -> None:
        """Bring sizes up to date: what each text counted for before, and where it counts now."""
        size: dict[int, int] = defaultdict(int)
        nodes: dict[int, int] = defaultdict(int)
        for node, text in self._texts.items():
            if text.old is not None and text.old[0] != ALONE:
                size[text.old[0]] -= text.old[1]
                nodes[text.old[0]] -= 1
            if self._key(node) >= 0:
                size[self._key(node)] += text.count
                nodes[self._key(node)] += 1
        for slot in self._moved:
            into = self._now(slot)
            was = self._store.clusters[slot]
            size[into] += was.size + size.pop(slot, 0)
            nodes[into] += was.nodes + nodes.pop(slot, 0)
            self._clusters[slot] = None
        for slot in size:
            if size[slot] or nodes[slot] or slot in self._clusters:
                cluster = self._cluster(slot)
                self._clusters[slot] = msgspec.structs.replace(
                    cluster, size=cluster.size + size[slot], nodes=cluster.nodes + nodes[slot]
                )

    # What is told of it.

    def _view(self, key: int) -> tuple[str, str, str, int]:
        """Cluster id, representative's id and domain, and size."""
        key = self._now(key)
        if key >= 0:
            cluster = self._cluster(key)
            return cluster.cluster_id, cluster.representative_id, cluster.domain, cluster.size
        text = self._texts[~key]
        return _cluster_id(text.founder), text.article.hex(), text.domain, text.count

    def _decide(self, version: _Version) -> Decision:
        if version.node < self._least:
            cluster_id = _cluster_id(_founder(version.sketch))
            alone = Duplicate(
                is_duplicate=False, cluster_id=cluster_id, representative_id=version.sketch.article_id
            )
            return Decision(fate=Fate.REDELIVERY, revision=version.revision, duplicate=alone)
        duplicate = self._duplicate(version)
        fate = version.fate or (Fate.COPY if duplicate.is_duplicate else Fate.ARTICLE)
        hint = None
        if duplicate.is_duplicate:
            _, leader, domain, _ = self._view(self._key(version.node))
            hint = Origin(method="earliest", confidence=EARLIEST, domain=domain, article_id=leader)
        return Decision(fate=fate, revision=version.revision, duplicate=duplicate, origin_hint=hint)

    def _keep_bodies(self, decisions: dict[Position, Decision]) -> dict[Position, Decision]:
        """Decide whose text is kept with its row. A row of the lake has its text where its sketch says so."""
        rows = [s for s in self._sketches if decisions[s.position].fate is not Fate.REDELIVERY]
        if self._seeding:
            self._bodies = [s for s in self._sketches if s.body_hash and self._rely_on_lake]
            return decisions
        candidates = [
            Candidate(
                position=sketch.position,
                article=bytes.fromhex(sketch.article_id),
                hash=sketch.body_hash,
                is_copy=decisions[sketch.position].duplicate.is_duplicate,
                rank=_rank(sketch),
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

    def _duplicate(self, version: _Version) -> Duplicate:
        node, article = version.node, version.sketch.article_id
        cluster_id, leader, _, _ = self._view(self._key(node))
        copied = leader != article
        told = Duplicate(is_duplicate=copied, cluster_id=cluster_id, representative_id=leader)
        links = self._contained(node)
        if not copied:
            if len(links) > 1:
                return msgspec.structs.replace(told, copy_type="compilation", method="sketch", links=links)
            return msgspec.structs.replace(told, links=links)
        text = self._texts[node]
        if text.article.hex() != article:
            link, matched, exact = Link(1.0, 1.0, 1.0), text.article.hex(), True
        else:
            near = {
                other: link
                for other, link in self._near.get(node, {}).items()
                if self._key(other) == self._key(node) and self._texts[other].article.hex() != article
            }
            if not near:
                return msgspec.structs.replace(told, links=links)
            best = min(
                near,
                key=lambda o: (
                    self._texts[o].article.hex() != leader,
                    -near[o].jaccard,
                    self._texts[o].text != text.text,
                    self._rank_of(o),
                ),
            )
            link, matched = near[best], self._texts[best].article.hex()
            exact = self._texts[best].text == text.text
        return msgspec.structs.replace(
            told,
            copy_type=_copy_type(link, exact),
            similarity=link.jaccard,
            containment=link.own,
            containment_of=link.other,
            novel_share=0.0 if exact else self._novel(node),
            matched_id=matched,
            method="hash" if exact else "sketch",
            links=links,
        )

    def _contained(self, node: int) -> tuple[str, ...]:
        """The representatives of other stories that stand in a text."""
        parts = [*self._compilations.get(node, ()), *self._embedded.get(node, ())]
        own = self._view(self._key(node))[0]
        found = {
            view[0]: view[1] for view in (self._view(self._key(part)) for part in parts) if view[0] != own
        }
        return tuple(sorted(set(found.values())))

    def _novel(self, node: int) -> float:
        """Share of a text's hashes that are in none of the texts it is linked to."""
        others = np.array(sorted(self._near[node]), dtype=np.int64)
        rows = self._gather(np.array([node, *others.tolist()], dtype=np.int64))
        mine = rows["hashes"][0]
        mine = mine[mine < complete_to(rows).min()]
        return round(1 - float(np.isin(mine, rows["hashes"][1:]).sum() / max(len(mine), 1)), 4)

    def _tell(self, versions: Sequence[_Version]) -> tuple[ClusterEvent, ...]:
        """Who came into which cluster, who left which, what merged, who stands for it now."""
        changes: list[_Change] = []
        founded: set[str] = set()
        for version in versions:
            if version.fate is Fate.REDELIVERY or version.replayed:
                continue
            sketch, before = version.sketch, version.before
            who, key = (sketch.article_id, sketch.domain), self._key(version.node)
            cluster_id = self._view(key)[0]
            old = None if before is None or before < self._least else self._key(before)
            if old == key and not version.late:
                continue
            new = self._is_new(version.node) and not {cluster_id} & (founded | self._carried.keys())
            founded.add(cluster_id)
            entry = _Change("created" if new else "joined", cluster_id, *who, key, sketch)
            if not version.late:
                if old is not None:
                    changes.append(_Change("left", self._view(old)[0], *who, old, sketch))
                changes.append(entry)
            elif new and old is not None:
                back = _Change("joined", self._view(old)[0], *who, old, sketch)
                changes += [entry, entry._replace(event="left"), back]
        told = [*self._counted(changes), *self._changes, *self._new_leaders()]
        return tuple(self._event(change) for change in told)

    def _counted(self, changes: Sequence[_Change]) -> list[_Change]:
        """Changes with the size after each: sizes end at what the batch leaves."""
        sizes = {change.cluster_id: self._view(change.key)[3] for change in changes}
        step = {"created": 1, "joined": 1, "left": -1}
        counted = []
        for change in reversed(changes):
            counted.append(change._replace(size=max(sizes[change.cluster_id], 0)))
            sizes[change.cluster_id] -= step[change.event]
        return counted[::-1]

    def _is_new(self, node: int) -> bool:
        """Whether a text's cluster has only texts of this batch."""
        return self._key(node) not in self._store.clusters and node >= self._first

    def _new_leaders(self) -> list[_Change]:
        """Clusters that were there and have another representative now."""
        causes = {self._view(self._key(n))[0]: s for n, s in sorted(self._causes.items(), reverse=True)}
        changes = {}
        for node, text in sorted(self._texts.items()):
            if text.old is None:
                continue
            slot, _, article, _ = text.old
            if slot == ALONE:
                key, founded, leader = self._key(node), _cluster_id(text.founder), article.hex()
            else:
                was = self._store.clusters[slot]
                key, founded, leader = slot, was.cluster_id, was.representative_id
            cluster_id, now, domain, _ = self._view(key)
            if cluster_id == founded and now != leader:
                cause = causes.get(cluster_id) or self._carried[cluster_id]
                changes[cluster_id] = _Change("representative_changed", cluster_id, now, domain, key, cause)
        return list(changes.values())

    def _event(self, change: _Change) -> ClusterEvent:
        _, leader, _, size = self._view(change.key)
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

    # What the store learns.

    def _delta(self) -> Delta:
        topics, domains = Names(), Names()
        rows = self._rows.copy()
        for at, row in enumerate(rows):
            self._fill(row, self._texts[self._first + at], self._key(self._first + at), topics, domains)
        changed = [(n, text) for n, text in self._texts.items() if n < self._first and self._changed(n)]
        changes = np.zeros(len(changed), dtype=CHANGE)
        for row, (number, text) in zip(changes, changed, strict=True):
            row["node"] = number
            self._fill(row, text, self._key(number), topics, domains)
        articles = np.zeros(len(self._states), dtype=ARTICLE)
        for row, (key, state) in zip(articles, self._states.items(), strict=True):
            row["article"], row["content"] = np.void(key), np.void(state.content)
            row["node"], row["revision"], row["day"] = state.node, state.revision, self._day
            row["domain"] = domains.number(state.domain)
            _place(row, state.arrival, topics)
        bodies = np.zeros(len(self._bodies), dtype=BODY)
        for row, sketch in zip(bodies, self._bodies, strict=True):
            row["hash"], row["article"] = np.void(sketch.body_hash), np.void(bytes.fromhex(sketch.article_id))
            row["domain"], row["day"] = domains.number(sketch.domain), sketch.ingested_at // DAY
        return Delta(
            batch_id=self._batch_id,
            day=self._day,
            first_node=self._first,
            first_slot=self._next_slot,
            topics=tuple(topics),
            domains=tuple(domains),
            nodes=rows.tobytes(),
            keys=self._postings.astype("<u8").tobytes(),
            links=self._links.tobytes(),
            articles=articles.tobytes(),
            changes=changes.tobytes(),
            bodies=bodies.tobytes(),
            clusters=self._clusters,
            moved=self._moved,
        )

    def _changed(self, node: int) -> bool:
        text = self._texts[node]
        return text.old != (max(self._key(node), ALONE), text.count, text.article, text.rank)

    def _fill(self, row: np.void, text: _Text, key: int, topics: Names, domains: Names) -> None:
        row["cluster"], row["count"] = max(key, ALONE), text.count
        row["article"], row["domain"] = np.void(text.article), domains.number(text.domain)
        _place(row, text.rank, topics)


def _arrival(sketch: Sketch) -> Rank:
    """The order of an article's versions: as recorded."""
    return (sketch.ingested_at if sketch.recorded_at is None else sketch.recorded_at, sketch.position)


def _rank(sketch: Sketch) -> Rank:
    """The order-free order of articles: first published, then first in the source."""
    return (NEVER if sketch.claimed_at is None else sketch.claimed_at, sketch.position)


def _identity(sketch: Sketch) -> int:
    """Of a text and its title: equal for articles that nothing tells apart but their URLs."""
    if sketch.text_hash == 0:
        return xxhash.xxh3_64_intdigest(f"{sketch.article_id} {sketch.content_hash}".encode())
    return xxhash.xxh3_64_intdigest(sketch.text_hash.to_bytes(8, "little") + sketch.title + sketch.lead)


def _founder(sketch: Sketch) -> int:
    at = sketch.position
    return xxhash.xxh3_64_intdigest(f"{sketch.article_id} {at.topic} {at.partition} {at.offset}".encode())


def _cluster_id(founder: int) -> str:
    """The id of the cluster that a text founds."""
    return _digest(founder.to_bytes(8, "little"))


def _digest(what: bytes) -> str:
    return hashlib.blake2b(what, digest_size=16, person=b"newsmill cluster").hexdigest()


def _copy_type(link: Link, exact: bool) -> str:
    if exact:
        return "exact"
    if link.own >= HELD > link.other:
        return "truncated"
    if link.other >= HELD > link.own:
        return "extended"
    return "edited"


def _rows(fresh: Sequence[Sketch]) -> NDArray[np.void]:
    """Rows of NODE with what is compared of new texts."""
    rows = np.zeros(len(fresh), dtype=NODE)
    rows["hashes"] = PAD
    for row, sketch in zip(rows, fresh, strict=True):
        for field in ("hashes", "sums", "title", "lead"):
            values = np.frombuffer(getattr(sketch, field), dtype=row[field].dtype)
            row[field][: len(values)] = values
        row["shingles"], row["text"] = sketch.shingles, sketch.text_hash
        row["identity"], row["founder"] = _identity(sketch), _founder(sketch)
    return rows


def _place(row: np.void, rank: Rank, topics: Names) -> None:
    row["time"], row["topic"] = rank[0], topics.number(rank[1].topic)
    row["partition"], row["offset"] = rank[1].partition, rank[1].offset


def _candidates(
    a: NDArray[np.int64], b: NDArray[np.int64], rarity: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs, each once; of each a at most CANDIDATES: those with the most and rarest keys in common."""
    pairs, place = np.unique(a.astype(np.uint64) << np.uint64(32) | b.astype(np.uint64), return_inverse=True)
    weight = np.bincount(place, weights=rarity, minlength=len(pairs))
    first = (pairs >> np.uint64(32)).astype(np.int64)
    order = np.lexsort((pairs, -weight, first))
    nth = np.arange(len(first)) - np.searchsorted(first, first)
    kept = pairs[order[nth < CANDIDATES]]
    return (kept >> np.uint64(32)).astype(np.int64), (kept & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _link_rows(a: NDArray[np.int64], b: NDArray[np.int64], figures: Figures) -> NDArray[np.void]:
    kept = figures.kind != Kind.NOTHING
    links = np.zeros(int(kept.sum()), dtype=LINK)
    links["a"], links["b"], links["kind"] = a[kept], b[kept], figures.kind[kept]
    for field, values in (("jaccard", figures.jaccard), ("of_a", figures.of_a), ("of_b", figures.of_b)):
        links[field] = np.rint(values[kept] * 255)
    return links
