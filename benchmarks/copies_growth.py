"""The copies index on disk, as it grows: look-ups, memory, disk, and a start.

An index of N texts is made of arrays that numpy generates, not of pages: random shingles with the lengths
of news, each text with its keys, its article and its body; every third text is a copy of the one before,
with its link and its cluster. Then sketches with the copy rate of news are looked up and learnt, batch by
batch; for the ratio in two indexes in turn, a small one and the large one, so that a busy machine slows both.
Each index is opened from its folder in a process of its own, after its files were dropped from the cache.

Usage: python benchmarks/copies_growth.py [--texts 500000 5000000] [--batches N]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from made_news import MEDIAN_WORDS, MINUTE, SHARE_OF_COPIES, SPREAD, identifier
from newsmill.config import CopiesConfig
from newsmill.copies.bodies import BODY
from newsmill.copies.figures import Kind
from newsmill.copies.files import Folder
from newsmill.copies.identities import ARTICLE
from newsmill.copies.index import CopyIndex
from newsmill.copies.postings import pack
from newsmill.copies.sketches import KEY_RATE, KEYS, MAX_KEYS, SAMPLE, Sketch
from newsmill.copies.slots import ALONE, Cluster
from newsmill.copies.store import KNOWN, LINK, NODE, Delta
from newsmill.records import Position

BATCH = 1000
BATCHES = 105
"""That are fed to each index: so many that the large one is folded once."""

GENERATED = 20_000
CONFIG = CopiesConfig(horizon_days=365)
DAY_TEXTS = 700_000
"""Generated texts of a day: 5 million a week."""


class Grown(NamedTuple):
    """What was measured of an index."""

    texts: int
    start_s: float  # open, check and map all files, read from the disk
    a_second: float  # look-up and insert
    memory_bytes: float  # a text, of the process alone: arrays, changed pages
    mapped_bytes: float  # a text, of files that are in memory now
    disk_bytes: float  # a text
    found: float


def shingle_counts(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.clip(rng.lognormal(np.log(MEDIAN_WORDS), SPREAD, size=count), 60, 3000).astype(np.int64)


def generated(rng: np.random.Generator, first: int, first_slot: int, count: int) -> Delta:
    """What a batch of texts would have taught, every third a copy of the one before it."""
    nodes = np.zeros(count, dtype=NODE)
    lengths = shingle_counts(rng, count)
    # The smallest SAMPLE of `length` random hashes: about the first SAMPLE steps of a sum of exponentials.
    steps = rng.exponential(1.0, size=(count, SAMPLE)).cumsum(axis=1) / (lengths[:, None] + 1)
    hashes = np.minimum(steps * 2**32, 2**32 - 2).astype("<u4")
    hashes[np.arange(SAMPLE)[None, :] >= lengths[:, None]] = 0xFFFFFFFF
    nodes["hashes"], nodes["shingles"] = hashes, lengths
    for name in ("title", "lead", "opening", "marks", "words"):
        shape = nodes[name].shape
        nodes[name] = rng.integers(1, 256, size=shape)
    nodes["text"] = rng.integers(1, 2**63, size=count)
    number = first + np.arange(count)
    known = np.zeros(count, dtype=KNOWN)
    known["identity"], known["founder"] = rng.integers(1, 2**63, size=(2, count))
    known["text"], known["cluster"], known["count"] = nodes["text"], ALONE, 1
    known["time"], known["offset"] = number * MINUTE // 100, number
    article = rng.integers(0, 2**63, size=(count, 2)).view("V16").ravel()
    known["article"] = article
    key_counts = np.clip(lengths // KEY_RATE, KEYS, MAX_KEYS)
    keys = rng.integers(0, 2**32, size=int(key_counts.sum()), dtype=np.uint32)
    copies = np.arange(2, count, 3)
    links = np.zeros(len(copies), dtype=LINK)
    links["a"], links["b"], links["kind"] = number[copies], number[copies - 1], Kind.COPY
    slots = first_slot + np.arange(len(copies), dtype=np.int32)
    known["cluster"][copies], known["cluster"][copies - 1] = slots, slots
    articles = np.zeros(count, dtype=ARTICLE)
    articles["article"], articles["content"] = (
        article,
        rng.integers(0, 2**63, size=(count, 2)).view("V16").ravel(),
    )
    articles["node"], articles["revision"], articles["offset"] = number, 1, number
    bodies = np.zeros(count, dtype=BODY)
    bodies["hash"], bodies["article"] = articles["content"], article
    day = first // DAY_TEXTS
    bodies["day"] = articles["day"] = day
    return Delta(
        batch_id="generated",
        day=day,
        first_node=first,
        first_slot=first_slot + len(copies),
        topics=("news",),
        domains=("site.example",),
        nodes=nodes.tobytes(),
        known=known.tobytes(),
        keys=pack(keys, np.repeat(number, key_counts)).tobytes(),
        links=links.tobytes(),
        articles=articles.tobytes(),
        changes=b"",
        bodies=bodies.tobytes(),
        clusters={
            int(slot): Cluster(
                cluster_id=f"{slot:032x}",
                representative_id=article[at - 1].tobytes().hex(),
                node=int(number[at - 1]),
                time=int(known["time"][at - 1]),
                position=Position(topic="news", partition=0, offset=int(number[at - 1])),
                domain="site.example",
                size=2,
                nodes=2,
            )
            for at, slot in zip(copies.tolist(), slots.tolist(), strict=True)
        },
        moved={},
    )


def make(folder: Path, texts: int) -> None:
    """An index of generated texts in a folder."""
    rng = np.random.default_rng(1)
    files = Folder(folder)
    index = CopyIndex(CONFIG, files=files)
    store = index._store
    start = time.process_time()
    while store.next_node <= texts:
        store.apply(
            generated(rng, store.next_node, store.next_slot, min(GENERATED, texts + 1 - store.next_node))
        )
    index.publish(b"")
    files.close()
    print(
        f"  {texts:,} texts made in {time.process_time() - start:.0f} s of CPU", file=sys.stderr, flush=True
    )


def random_sketches(seed: int, first: int) -> Iterator[tuple[Sketch, int]]:
    """Sketches as of news, made of random shingles (much faster than texts), and whose copy each is."""
    rng = np.random.default_rng(seed)
    recent: list[tuple[int, np.ndarray, bytes, bytes]] = []
    number = first
    while True:
        number += 1
        title = rng.integers(1, 65536, size=6).astype("<u2").tobytes()
        lead = title + rng.integers(1, 65536, size=28).astype("<u2").tobytes()
        if recent and rng.random() < SHARE_OF_COPIES:
            of, shingles, title, lead = recent[int(rng.integers(len(recent)))]
            kept = shingles[rng.random(len(shingles)) < rng.choice([0.3, 0.5, 0.7, 0.9, 1.0])]
            added = rng.integers(0, 2**64, size=int(rng.integers(0, 60)), dtype=np.uint64)
            shingles = np.sort(np.concatenate([kept, added]))
        else:
            of = number
            count = int(shingle_counts(rng, 1)[0])
            shingles = np.sort(rng.integers(0, 2**64, size=count, dtype=np.uint64))
            recent = [*recent[-4999:], (of, shingles, title, lead)]
        rated = int(np.searchsorted(shingles, np.uint64(2**64 // KEY_RATE)))
        keys = np.unique(shingles[: min(max(rated, KEYS), MAX_KEYS)].astype(np.uint32))
        sample = (shingles[:SAMPLE] >> np.uint64(32)).astype("<u4")
        made = Sketch(
            position=Position(topic="news", partition=0, offset=number),
            article_id=identifier(number),
            content_hash=f"{number:032x}",
            domain=f"site{number % 5000}.example",
            claimed_at=number * MINUTE // 100,
            recorded_at=number * MINUTE // 100,
            ingested_at=number // DAY_TEXTS * 86_400_000_000,
            text_hash=int(shingles.sum()) >> 1 | 1,
            shingles=len(shingles),
            hashes=sample.tobytes(),
            sums=bytes(len(sample)),
            keys=keys.astype("<u4").tobytes(),
            title=title,
            lead=lead,
            body_hash=rng.bytes(16),
        )
        yield made, of


class Feed:
    """An index that is opened from its folder, and the news that it is fed, batch by batch."""

    def __init__(self, folder: Path) -> None:
        forget_cached(folder)
        gc.collect()
        before = memory("RssAnon")
        self.folder = folder
        start = time.monotonic()
        self.index = CopyIndex(CONFIG, files=Folder(folder))
        assert self.index.load() is not None
        self.start_s = time.monotonic() - start
        self.before = before
        self.texts = self.index.texts
        self.source = random_sketches(2, self.texts)
        self.names: dict[int, str] = {}
        self.copies = self.found = self.articles = 0
        self.spent = 0.0

    def batch(self) -> None:
        """Feed one batch; the CPU time of its look-up and insert counts, with that of folds."""
        batch = list(islice(self.source, BATCH))
        self.names |= {of: made.article_id for made, of in batch if of == made.position.offset}
        start = time.process_time()
        decisions = self.index.resolve("batch", [made for made, _ in batch]).decisions
        self.index.commit("batch")
        self.spent += time.process_time() - start
        self.articles += len(batch)
        for made, of in batch:
            if of != made.position.offset:
                self.copies += 1
                self.found += decisions[made.position].duplicate.representative_id == self.names[of]


def forget_cached(folder: Path) -> None:
    """Drop the files from the system's cache, so that a start reads them from the disk."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory(what: str) -> int:
    """Bytes of this process: RssAnon, RssFile."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def measured(folder: Path, batches: int) -> Grown:
    """An index alone: its start, memory and speed."""
    warm(folder.parent / "warm")
    feed = Feed(folder)
    for _ in range(batches):
        feed.batch()
    gc.collect()
    texts = feed.index.texts
    return Grown(
        texts=feed.texts,
        start_s=feed.start_s,
        a_second=feed.articles / feed.spent,
        memory_bytes=(memory("RssAnon") - feed.before) / texts,
        mapped_bytes=memory("RssFile") / texts,
        disk_bytes=sum(path.stat().st_size for path in folder.iterdir()) / texts,
        found=feed.found / feed.copies,
    )


def compared(small: Path, large: Path, batches: int) -> float:
    """The cost of an article in a large index against that in a small one, fed in turn."""
    one, other = Feed(small), Feed(large)
    for _ in range(batches):
        one.batch()
        other.batch()
    return other.spent / one.spent


def warm(folder: Path) -> None:
    """Import and compile what an index needs, so that its memory is not counted as the index's."""
    index = CopyIndex(CONFIG, files=Folder(folder))
    index.resolve("batch", [made for made, _ in islice(random_sketches(3, 0), BATCH)])
    index.commit("batch")
    index.publish(b"")
    shutil.rmtree(folder)


def apart(task: str, *given: object) -> Any:
    """Run a measurement in a process of its own."""
    command = [sys.executable, __file__, "--task", task, *map(str, given)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def grown(sizes: list[int], batches: int) -> tuple[list[Grown], float]:
    """Figures of indexes of some sizes, and the cost of an article in the largest against the smallest."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("NEWSMILL_BENCHMARK_DISK")) as folder:
        places = [Path(folder) / f"{size}" for size in sizes]
        found = []
        for place, size in zip(places, sizes, strict=True):
            apart("make", place, size)
            fed = place.with_suffix(".fed")  # files are never changed: a second name is a copy
            shutil.copytree(place, fed, copy_function=os.link)
            found.append(Grown(**apart("alone", fed, batches)))
            print(f"  {found[-1]}", file=sys.stderr, flush=True)
            shutil.rmtree(fed)
        return found, apart("compare", places[0], places[-1], batches)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, nargs="+", default=[500_000, 5_000_000])
    parser.add_argument(
        "--batches", type=int, default=BATCHES, help=f"of {BATCH} articles that are fed to each"
    )
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    match chosen.task:
        case ["make", folder, texts]:
            make(Path(folder), int(texts))
            print("null")
        case ["alone", folder, batches]:
            print(json.dumps(measured(Path(folder), int(batches))._asdict()))
        case ["compare", small, large, batches]:
            print(json.dumps(compared(Path(small), Path(large), int(batches))))
        case _:
            rows, ratio = grown(chosen.texts, chosen.batches)
            told = {"rows": [row._asdict() for row in rows], "ratio": ratio, "batches": chosen.batches}
            print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
