"""What becomes of a story when articles of it leave the lake: who stands for it, and who is a copy of whom.

Articles that stay keep together as far as their own matches, or their sketches, hold them together. The part
with the story's representative goes on with its cluster; where that left, the largest. Other parts become
clusters of their own. All of it depends on the rows alone, not on their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from newsmill.config import CopiesConfig
from newsmill.copies.clusters import cluster_id_of, parted_cluster_id
from newsmill.copies.index import CopyIndex, Decision
from newsmill.copies.sketches import Sketch
from newsmill.copies.store import NEVER
from newsmill.copies.versions import Rank, founder_of, rank_of
from newsmill.records import (
    ClusterChange,
    ClusterEvent,
    Duplicate,
    Fate,
    Micros,
    Origin,
    OriginMethod,
    Position,
    Record,
)

_ALL_DAYS: Final = 36_500


class Departed(Record, frozen=True, kw_only=True):
    """An article that has no row any more."""

    article_id: str
    domain: str
    position: Position  # of the record by which it came into the story


class Row(Record, frozen=True, kw_only=True):
    """A row of `articles` that stays, as far as it says something of others."""

    position: Position
    article_id: str
    domain: str
    fate: Fate
    duplicate: Duplicate
    origin: Origin | None = None
    sketch: Sketch | None = None  # none where a takedown took it


class Story(Record, frozen=True, kw_only=True):
    """A cluster that articles left."""

    cluster_id: str
    representative_id: str  # before
    departed: tuple[Departed, ...]
    rows: tuple[Row, ...]


class Outcome(NamedTuple):
    """What a story is without those that left."""

    rows: dict[Position, Row]  # all that stay
    events: list[ClusterEvent]
    representative: Row | None  # of the cluster that goes on; none where nobody stays


class _Part(NamedTuple):
    cluster_id: str | None  # a new one; none for the part that goes on
    leader: Row
    articles: frozenset[str]


def without_departed(story: Story, gone: frozenset[str], config: CopiesConfig, at: Micros) -> Outcome:
    """Tell a story anew without the articles that left.

    Args:
        story: With all of its rows that stay.
        gone: All articles that are named somewhere and have no row.
        config: How copies are found.
        at: Time of the events.
    """
    decisions = _decided(story.rows, config)
    parts = _parts(story, gone, decisions)
    events = _events(story, parts, at)
    rows = {}
    for part in parts:
        for row in story.rows:
            if row.article_id in part.articles:
                rows[row.position] = _told(row, part, gone, decisions.get(row.position))
    return Outcome(rows, events, parts[0].leader if parts else None)


def renamed(row: Row, instead: Mapping[str, Row | None]) -> Row:
    """A row whose links and origin name, for those that left, who stands for their story now."""
    links = set()
    for link in row.duplicate.links:
        if link not in instead:
            links.add(link)
        elif (now := instead[link]) is not None and now.article_id != row.article_id:
            links.add(now.article_id)
    duplicate = msgspec.structs.replace(row.duplicate, links=tuple(sorted(links)))
    origin = row.origin
    if origin is not None and origin.article_id is not None and origin.article_id in instead:
        now = instead[origin.article_id]
        if now is not None and now.article_id != row.article_id:
            origin = msgspec.structs.replace(origin, article_id=now.article_id, domain=now.domain)
        elif origin.method is OriginMethod.EARLIEST:
            origin = None
        else:
            origin = msgspec.structs.replace(origin, article_id=None)
    return msgspec.structs.replace(row, duplicate=duplicate, origin=origin)


def _decided(rows: Iterable[Row], config: CopiesConfig) -> Mapping[Position, Decision]:
    """What would be said of the rows if they were all that there is."""
    alone = config.model_copy(update={"horizon_days": _ALL_DAYS, "identity_days": _ALL_DAYS, "folder": None})
    sketches = [row.sketch for row in rows if row.sketch is not None]
    return CopyIndex(alone).resolve("story", sketches).decisions


def _parts(story: Story, gone: frozenset[str], decisions: Mapping[Position, Decision]) -> list[_Part]:
    """The parts in which the articles that stay keep together; the one that goes on comes first.

    Articles of which nothing but their row is known, since they were taken down, stay where they were.
    """
    first: dict[str, Row] = {}
    for row in sorted(story.rows, key=_rank):
        first.setdefault(row.article_id, row)
    known = {row.article_id for row in story.rows if row.sketch is not None}
    rank = {article: _rank(row) for article, row in first.items()}
    groups = [sorted(group, key=rank.__getitem__) for group in _joined(story.rows, decisions)]
    groups.sort(
        key=lambda group: (
            story.representative_id not in group,
            known.isdisjoint(group),
            -len(group),
            rank[group[0]],
        )
    )
    unknown = [group for group in groups[1:] if known.isdisjoint(group)]
    groups[1:] = [group for group in groups[1:] if group not in unknown]
    if groups:
        groups[0] = sorted(chain(groups[0], *unknown), key=rank.__getitem__)
    parts: list[_Part] = []
    for group in groups:
        leader, cluster_id = first[group[0]], None
        if story.representative_id in group:
            leader = first[story.representative_id]
        if parts:
            by = sorted(gone.intersection(_left(story)))
            cluster_id = parted_cluster_id(_founded(leader), f"{story.cluster_id} {by}")
        parts.append(_Part(cluster_id, leader, frozenset(group)))
    return parts


def _left(story: Story) -> set[str | None]:
    """The articles that left a story, or that its rows were held against."""
    return {one.article_id for one in story.departed} | {row.duplicate.matched_id for row in story.rows}


def _founded(leader: Row) -> str:
    """The id of the cluster that an article would have founded."""
    return leader.article_id if leader.sketch is None else cluster_id_of(founder_of(leader.sketch))


def _rank(row: Row) -> Rank:
    return (NEVER, row.position) if row.sketch is None else rank_of(row.sketch)


def _joined(rows: Sequence[Row], decisions: Mapping[Position, Decision]) -> list[set[str]]:
    """The articles, those together that a match or their sketches join."""
    near: dict[str, set[str]] = {row.article_id: set() for row in rows}
    by_cluster: dict[str, str] = {}
    for row in rows:
        others = {row.duplicate.matched_id or row.article_id} & near.keys()
        if (decision := decisions.get(row.position)) is not None:
            others.add(by_cluster.setdefault(decision.duplicate.cluster_id, row.article_id))
        for other in others:
            near[row.article_id].add(other)
            near[other].add(row.article_id)
    left, groups = set(near), []
    for article in sorted(near):
        group, frontier = {article} & left, [article]
        while frontier and group:
            found = (near[frontier.pop()] & left) - group
            group |= found
            frontier += found
        left -= group
        groups += [group] if group else []
    return groups


def _told(row: Row, part: _Part, gone: frozenset[str], decision: Decision | None) -> Row:
    """What a row says of its story now."""
    old, leader = row.duplicate, part.leader.article_id
    changed = part.cluster_id is not None or old.representative_id in gone
    told = msgspec.structs.replace(
        old,
        cluster_id=part.cluster_id or old.cluster_id,
        representative_id=leader if changed else old.representative_id,
    )
    if changed and old.is_duplicate and row.article_id == leader:
        told = Duplicate(
            is_duplicate=False, cluster_id=told.cluster_id, representative_id=leader, links=old.links
        )
        fate = Fate.ARTICLE if row.fate is Fate.COPY else row.fate
        return msgspec.structs.replace(row, duplicate=told, fate=fate)
    if old.matched_id in gone:
        found = None if decision is None else decision.duplicate
        if found is None or found.matched_id not in part.articles - {row.article_id}:
            found = Duplicate(is_duplicate=True, cluster_id="", representative_id="")
        told = msgspec.structs.replace(told, **{name: getattr(found, name) for name in _COMPARED})
    return msgspec.structs.replace(row, duplicate=told)


_COMPARED: Final = (
    *("copy_type", "similarity", "containment", "containment_of", "novel_share", "opening"),
    *("matched_id", "method"),
)
"""What a row tells of the article that it was compared with."""


def _events(story: Story, parts: Sequence[_Part], at: Micros) -> list[ClusterEvent]:
    """Who left, what parted, and who stands for the story now."""
    size = len({row.article_id for row in story.rows}) + len(story.departed)
    domains = {row.article_id: row.domain for row in story.rows}
    causes = {row.article_id: row.position for row in sorted(story.rows, key=_rank, reverse=True)}
    events = []

    def tell(event: ClusterChange, cluster_id: str, leader: str, size: int, who: str) -> None:
        events.append(
            ClusterEvent(
                event=event,
                cluster_id=cluster_id,
                article_id=who,
                representative_id=leader,
                size=size,
                domain=domains[who],
                position=causes[who],
                at=at,
            )
        )

    for one in sorted(story.departed, key=lambda one: one.position):
        domains[one.article_id], causes[one.article_id] = one.domain, one.position
        size -= 1
        leader = parts[0].leader.article_id if parts else one.article_id
        tell(ClusterChange.LEFT, story.cluster_id, leader, size, one.article_id)
    for part in parts[1:]:
        assert part.cluster_id is not None
        for number, article in enumerate(
            sorted(part.articles, key=lambda a: (a != part.leader.article_id, a)), 1
        ):
            size -= 1
            tell(ClusterChange.LEFT, story.cluster_id, parts[0].leader.article_id, size, article)
            event = ClusterChange.JOINED if number > 1 else ClusterChange.CREATED
            tell(event, part.cluster_id, part.leader.article_id, number, article)
    if parts and parts[0].leader.article_id != story.representative_id:
        leader = parts[0].leader.article_id
        tell(ClusterChange.REPRESENTATIVE_CHANGED, story.cluster_id, leader, size, leader)
    return events
