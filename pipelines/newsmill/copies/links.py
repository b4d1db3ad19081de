"""Links: what the new texts of a batch are copies of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from newsmill.copies.figures import PAD, Figures, Kind, compare, complete_to
from newsmill.copies.postings import lookup, pack
from newsmill.copies.sketches import Sketch
from newsmill.copies.store import HOT, LINK, NODE, Store
from newsmill.copies.stories import Link
from newsmill.copies.versions import Versions

CANDIDATES: Final = 64
"""Most texts that one text is compared with. Keys that few texts have count for more: boilerplate, which
many have, takes no story's place."""

FORMS: Final = 16
"""Most links of a text to others of the same form: enough to know the form by."""

LEARNT: Final = 3
"""Words that so many other stories have are a form, or furniture: they tell of no story."""

COVERED: Final = 0.85
"""A story has the words that two texts share if it has this share of them."""

_SCALE: Final = 1 << 20


class Links:
    """The links of a batch's new texts, and those of the store as far as they were read."""

    def __init__(self, store: Store, versions: Versions, min_containment: float) -> None:
        self._store = store
        self._versions = versions
        self._min_containment = min_containment
        self.rows = np.empty(0, dtype=NODE)  # of the new texts, what is compared
        self.postings = np.empty(0, dtype=np.uint64)
        self.found = np.empty(0, dtype=LINK)
        self.near: dict[int, dict[int, Link]] = defaultdict(dict)
        self.embedded: dict[int, list[int]] = defaultdict(list)
        self.forms: dict[int, set[int]] = defaultdict(set)

    def compare(self) -> None:
        """Compare the new texts with all that share a key, among themselves too."""
        self.rows = _rows(self._versions.fresh)
        own = [np.frombuffer(sketch.keys, dtype="<u4") for sketch in self._versions.fresh]
        keys = np.concatenate(own) if own else np.empty(0, dtype=np.uint32)
        owner = self._versions.first + np.repeat(np.arange(len(own)), [len(k) for k in own])
        self.postings = np.sort(pack(keys, owner))
        asked, found = self._store.keys.find(keys, self._versions.least)
        order = np.argsort(keys, kind="stable")
        inside, within = lookup(self.postings, keys[order], HOT)
        query = np.concatenate([asked, order[inside]])
        a, b = owner[query], np.concatenate([found, within])
        rarity = _SCALE // np.bincount(query)[query]
        older = b < a
        a, b = _candidates(a[older], b[older], rarity[older])
        figures = compare(self._gather(a), self._gather(b), self._min_containment)
        self.found = self._few_forms(_link_rows(a, b, figures))
        self.add(self.found)

    def _few_forms(self, links: NDArray[np.void]) -> NDArray[np.void]:
        """Links without those to a form that a text has enough of."""
        form = links["kind"] == Kind.FORM
        if not form.any():
            return links
        old = np.unique(links["b"][form & (links["b"] < self._versions.first)]).astype(np.int64)
        old = old[[not self._store.massive(int(slot)) for slot in self._store.known(old)["cluster"]]]
        known = self._store.links_of(old, self._versions.least)
        known = known[known["kind"] == Kind.FORM]
        count = Counter([*known["a"].tolist(), *known["b"].tolist()])
        takes = {
            *old.tolist(),
            *range(self._versions.first, self._versions.first + len(self._versions.fresh)),
        }
        kept = ~form
        at = np.flatnonzero(form)
        for place in at[np.lexsort((links["b"][at], links["a"][at], -links["jaccard"][at].astype(int)))]:
            a, b = int(links["a"][place]), int(links["b"][place])
            if b in takes and max(count[a], count[b]) < FORMS:
                kept[place] = True
                count[a] += 1
                count[b] += 1
        few: NDArray[np.void] = links[kept]
        return few

    def _gather(self, numbers: NDArray[np.int64]) -> NDArray[np.void]:
        new = numbers >= self._versions.first
        rows: NDArray[np.void] = np.empty(len(numbers), dtype=NODE)
        raw = rows.view(f"V{NODE.itemsize}")  # moved at once, not field by field
        raw[new] = self.rows.view(raw.dtype)[numbers[new] - self._versions.first]
        raw[~new] = self._store.texts(numbers[~new]).view(raw.dtype)
        return rows

    def add(self, links: NDArray[np.void]) -> None:
        """Take rows of LINK into the graph."""
        for a, b, jaccard, of_a, of_b, opening, kind in links.tolist():
            if kind == Kind.COPY:
                self.near[a][b] = Link(jaccard / 255, of_a / 255, of_b / 255, opening / 255)
                self.near[b][a] = Link(jaccard / 255, of_b / 255, of_a / 255, opening / 255)
            elif kind == Kind.FORM:
                self.forms[a].add(b)
                self.forms[b].add(a)
            else:
                large, small = (a, b) if of_a < of_b else (b, a)
                if small not in self.embedded[large]:
                    self.embedded[large].append(small)

    def overlap(self, text: int, x: int, y: int) -> float:
        """Of the passages of a text that are in x and in y: the share of the smaller one that is in both."""
        rows = self._gather(np.array([text, x, y], dtype=np.int64))
        hashes = rows["hashes"][0]
        bound = complete_to(rows).min()
        of_x, of_y = (_held(hashes, rows["hashes"][i]) & (hashes < bound) for i in (1, 2))
        return float((of_x & of_y).sum() / max(1, min(of_x.sum(), of_y.sum())))

    def is_form(self, x: int, y: int, others: Sequence[int]) -> bool:
        """Whether what two texts share is in LEARNT other texts too."""
        rows = self._gather(np.array([x, y, *others], dtype=np.int64))
        bound = complete_to(rows).min()
        mine = rows["hashes"][0]
        shared = mine[(mine < bound) & _held(mine, rows["hashes"][1])]
        held = np.array([_held(shared, row).sum() for row in rows["hashes"][2:]])
        return len(shared) > 0 and int((held >= COVERED * len(shared)).sum()) >= LEARNT

    def novel(self, node: int) -> float:
        """Share of a text's hashes that are in none of the texts it is linked to."""
        others = np.array(sorted(self.near[node]), dtype=np.int64)
        rows = self._gather(np.array([node, *others.tolist()], dtype=np.int64))
        mine = rows["hashes"][0]
        mine = mine[mine < complete_to(rows).min()]
        return round(1 - float(_held(mine, rows["hashes"][1:]).sum() / max(len(mine), 1)), 4)


def _held(hashes: NDArray[np.uint32], others: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which of ascending hashes are among others of any order: as `np.isin`, which sorts the others."""
    wanted = others.ravel()
    held = np.zeros(len(hashes), dtype=bool)
    if len(hashes):
        at = np.searchsorted(hashes, wanted)
        at[at == len(hashes)] = 0
        held[at[hashes[at] == wanted]] = True
    found: NDArray[np.bool_] = held[np.searchsorted(hashes, hashes)]  # where one is there twice, both are
    return found


def _rows(fresh: Sequence[Sketch]) -> NDArray[np.void]:
    """Rows of NODE with what is compared of new texts."""
    rows = np.zeros(len(fresh), dtype=NODE)
    rows["hashes"] = PAD
    for row, sketch in zip(rows, fresh, strict=True):
        for field in ("hashes", "sums", "title", "lead", "opening", "marks", "words"):
            values = np.frombuffer(getattr(sketch, field), dtype=row[field].dtype)
            row[field][: len(values)] = values
        row["shingles"], row["text"] = sketch.shingles, sketch.text_hash
    return rows


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
    for field in ("jaccard", "of_a", "of_b", "opening"):
        links[field] = np.rint(getattr(figures, field)[kept] * 255)
    return links
