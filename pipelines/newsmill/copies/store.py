"""The index's memory: texts, links, articles and clusters in flat arrays, changed only by deltas.

A delta is what one batch taught. Committing a batch applies its delta, and so does filling the index with
rows of the lake: both come to the same state by the same code. What is older than the last fold is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from newsmill.copies.bodies import BODY, Bodies
from newsmill.copies.figures import TEXT
from newsmill.copies.files import File, Files, Map
from newsmill.copies.identities import ARTICLE, PLACE, Identities, Seen, ids, newest
from newsmill.copies.keyed import KeyedRows
from newsmill.copies.names import Names
from newsmill.copies.postings import Postings, pack
from newsmill.copies.rows import Part, Rows
from newsmill.copies.slots import ALONE, CLUSTER, Cluster, Slots
from newsmill.records import Record

HOT: Final = 64
"""Most texts found by one key. A phrase that more texts share (boilerplate) tells nothing more."""

MASSIVE: Final = 256
"""A cluster of more texts is not told apart anew: it takes in texts one by one."""

FOLD: Final = 1 << 16
FOLD_SHARE: Final = 50
"""Rows that are learnt before a fold: at least FOLD, and one in FOLD_SHARE of the texts that are there."""

GONE: Final = 0
NEVER: Final = 2**63 - 1
"""Time of an article that tells none: after all others."""

FIRST: Final = [("time", "<i8"), *PLACE, ("article", "V16"), ("domain", "<u4")]
"""The first article with a text; time and place are its rank."""

NODE: Final = np.dtype(TEXT)
"""What is compared of a text; it never changes."""

STATE: Final = [
    ("cluster", "<i4"),  # slot; ALONE for a text that is alone in its cluster
    ("count", "<i4"),  # articles whose current content it is
    *FIRST,
]
KNOWN: Final = np.dtype([("identity", "<u8"), ("founder", "<u8"), ("text", "<u8"), *STATE])
"""What else is known of a text. `identity` is a hash of the text with its title, `founder` of the article and
content that had it first."""

CHANGE: Final = np.dtype([("node", "<u4"), *STATE])
LINK: Final = np.dtype(
    [
        ("a", "<u4"),
        ("b", "<u4"),
        *((share, "u1") for share in ("jaccard", "of_a", "of_b", "opening")),
        ("kind", "u1"),
    ]
)


class Delta(Record, frozen=True, kw_only=True):
    """What a batch taught. Arrays are bytes of the dtypes above, little-endian."""

    batch_id: str
    day: int
    first_node: int
    first_slot: int
    topics: tuple[str, ...]  # the arrays' topic and domain numbers count in these
    domains: tuple[str, ...]
    nodes: bytes
    known: bytes  # rows of KNOWN beside the nodes
    keys: bytes  # postings
    links: bytes
    articles: bytes  # whole rows, new or in place of the article's old one
    changes: bytes  # of texts that were there before
    bodies: bytes  # rows of BODY
    clusters: dict[int, Cluster | None]  # by slot; None where it is gone
    moved: dict[int, int]  # slots whose texts now belong to another


class Image(Record, frozen=True, kw_only=True):
    """What is in memory of a store after a fold, and which files have the rest."""

    day: int
    next_slot: int
    capped: int
    starts: dict[int, int]
    topics: tuple[str, ...]
    domains: tuple[str, ...]
    ends: dict[str, int]  # number of the next row, by kind
    rows: dict[str, tuple[Part, ...]]
    postings: dict[str, tuple[File, ...]]

    def files(self) -> Iterator[File]:
        """All files."""
        for parts in self.rows.values():
            yield from (part.file for part in parts)
        for runs in self.postings.values():
            yield from runs


_BY_DAY: Final = ("texts", "known")
"""Kinds whose files are of one day each, and go with it."""

LAYOUT: Final = tuple(repr(dtype.descr) for dtype in (NODE, KNOWN, LINK, ARTICLE, BODY, CLUSTER))
"""What the files hold: an image of another layout is none."""


class Store:
    """Texts, links, articles, clusters of the horizon.

    Numbers of texts only grow (up to 2**32), so a text is older than all with larger numbers. No text has the
    number GONE: it is that of texts that were past the horizon at the start.

    Args:
        horizon_days: How long texts can be found.
        identity_days: How long articles are known, at least the horizon; for ever where None.
    """

    def __init__(self, horizon_days: int, identity_days: int | None, files: Files | None = None) -> None:
        self._horizon = horizon_days
        self._identity = None if identity_days is None else max(identity_days, horizon_days)
        self._files = files
        self.topics = Names()
        self.domains = Names()
        self._texts = Rows("texts", NODE, first=1)
        self._known = Rows("known", KNOWN, first=1)
        self._links = KeyedRows("links", LINK, "adjacent", lambda rows: [rows["a"], rows["b"]])
        self._articles = Identities()
        self._same = Postings("same")
        self.keys = Postings("keys", cap=HOT)
        self.bodies = Bodies()
        self.clusters = Slots(self.topics, self.domains)
        self._starts: dict[int, int] = {}  # day → its first text
        self.day = 0
        self.next_slot = 0
        self.learnt = 0  # articles, new or changed
        self._folded = 0  # of these, in the last fold

    @property
    def next_node(self) -> int:
        """Number of the next text."""
        return self._texts.end

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(rows.nbytes for rows in self._rows().values()) + sum(
            postings.nbytes for postings in self._postings().values()
        )

    def leave(self, files: Files) -> None:
        """Write to other files from now on. What is mapped stays mapped."""
        self._files = files

    @property
    def live(self) -> int:
        """Texts that can be found."""
        return self.next_node - self.first_live(self.day)

    def _rows(self) -> dict[str, Rows]:
        return {
            "texts": self._texts,
            "known": self._known,
            "links": self._links.rows,
            "articles": self._articles.rows,
            "bodies": self.bodies.rows,
            "clusters": self.clusters.rows,
        }

    def _postings(self) -> dict[str, Postings]:
        return {
            "keys": self.keys,
            "same": self._same,
            "adjacent": self._links.known,
            "ids": self._articles.known,
            "hashes": self.bodies.known,
        }

    def fold(self) -> None:
        """Write to files what came since the last fold.

        Raises:
            OSError: The disk is full.
        """
        if self._files is not None:
            for kind, rows in self._rows().items():
                rows.fold(self._files, self.day if kind in _BY_DAY else 0)
            for postings in self._postings().values():
                postings.fold(self._files)
            self._files.keep(self.image().files())
        self._folded = self.learnt

    def image(self) -> Image:
        """The store as it was folded last; nothing was learnt since."""
        return Image(
            day=self.day,
            next_slot=self.next_slot,
            capped=self.keys.capped,
            starts=self._starts,
            topics=tuple(self.topics),
            domains=tuple(self.domains),
            ends={kind: rows.end for kind, rows in self._rows().items()},
            rows={kind: rows.files() for kind, rows in self._rows().items()},
            postings={kind: postings.files() for kind, postings in self._postings().items()},
        )

    def load(self, image: Image, map_file: Map) -> None:
        """Take an image; of an empty store."""
        self.day, self.next_slot, self._starts = image.day, image.next_slot, dict(image.starts)
        self.topics.add(image.topics)
        self.domains.add(image.domains)
        for kind, rows in self._rows().items():
            rows.load(image.rows[kind], image.ends[kind], map_file)
        for kind, postings in self._postings().items():
            postings.load(image.postings[kind], map_file)
        self.keys.capped = image.capped

    def first_live(self, day: int) -> int:
        """The oldest text that can be found on a day."""
        kept = [start for at, start in self._starts.items() if at > day - self._horizon - 1]
        return min(kept, default=self.next_node)

    def texts(self, numbers: NDArray[np.int64]) -> NDArray[np.void]:
        """Rows of NODE; of numbers that are live."""
        return self._texts.get(numbers)

    def known(self, numbers: NDArray[np.int64]) -> NDArray[np.void]:
        """Rows of KNOWN; of numbers that are live."""
        return self._known.get(numbers)

    def same_text(self, identities: NDArray[np.uint64], least: int) -> dict[int, int]:
        """Text numbers by identity, of those that are there."""
        asked, numbers = self._same.find((identities >> np.uint64(32)).astype(np.uint32), least)
        rows = self.known(numbers)["identity"]
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
            self._learn(self._articles.add, newest(np.concatenate(parts), list(self.topics)))
            self._fold_some()

    def articles_at(self, node: int) -> NDArray[np.void]:
        """Rows of ARTICLE whose content is a text. Reads them all: for what is rare."""
        return self._articles.of_text(node)

    def links_of(self, numbers: NDArray[np.int64], least: int) -> NDArray[np.void]:
        """Rows of LINK that touch the texts, each once, both ends live."""
        _, at = self._links.known.find(numbers.astype(np.uint32))
        rows = self._links.rows.get(np.unique(at))
        return rows[(rows["a"] >= least) & (rows["b"] >= least)]

    def apply(self, delta: Delta) -> None:
        """Learn a delta. Rows of what is past the horizon are passed over."""
        topics = self.topics.add(delta.topics)
        domains = self.domains.add(delta.domains)
        if delta.day > self.day or not self._starts:
            self.fold()
            self.day = delta.day
            self._starts[delta.day] = delta.first_node
            self._drop(delta.day)
        self._append(_rows(delta.nodes, NODE), _renamed(_rows(delta.known, KNOWN), topics, domains))
        self.keys.add(np.frombuffer(delta.keys, dtype="<u8"))
        self._links.append(_rows(delta.links, LINK))
        self._learn(self._articles.add, _renamed(_rows(delta.articles, ARTICLE), topics, domains))
        self._change(_renamed(_rows(delta.changes, CHANGE), topics, domains))
        self.bodies.add(_renamed(_rows(delta.bodies, BODY), topics, domains))
        self.clusters.change(delta.clusters, delta.moved)
        self.next_slot = max(self.next_slot, delta.first_slot)
        self._fold_some()

    def _learn(self, add: Callable[[NDArray[np.void]], None], rows: NDArray[np.void]) -> None:
        add(rows)
        self.learnt += len(rows)

    def _fold_some(self) -> None:
        if self.learnt - self._folded >= max(FOLD, self.live // FOLD_SHARE):
            self.fold()

    def slot(self, number: int) -> int:
        """Where a slot's texts belong now; ALONE stays."""
        return number if number == ALONE else self.clusters.now(number)

    def massive(self, slot: int) -> bool:
        """Whether the cluster of a slot is massive; ALONE is none."""
        return slot != ALONE and self.clusters[self.slot(slot)].nodes > MASSIVE

    def _append(self, nodes: NDArray[np.void], known: NDArray[np.void]) -> None:
        self._texts.append(nodes)
        numbers = self._known.append(known)
        self._same.add(pack((known["identity"] >> np.uint64(32)).astype(np.uint32), numbers))

    def _change(self, rows: NDArray[np.void]) -> None:
        numbers = rows["node"].astype(np.int64)
        live = numbers >= self._known.first
        rows, numbers = rows[live], numbers[live]
        known = self._known.get(numbers)
        for name, _ in STATE:
            known[name] = rows[name]
        self._known.set(numbers, known)

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
        self.clusters.count(*self._living(least))
        self._texts.drop_below(least)
        self._known.drop_below(least)
        self.keys.drop_below(least, self._files)
        self._same.drop_below(least, self._files)
        self._links.keep(lambda links: (links["a"] >= least) & (links["b"] >= least))

    def _living(self, least: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Slots of the texts from a number on, and how many texts each has."""
        slots = [rows["cluster"][max(0, least - first) :] for first, rows in self._known.parts()]
        found, counts = np.unique(np.concatenate(slots), return_counts=True)
        apart = found != ALONE
        return found[apart].astype(np.int64), counts[apart]


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
