"""The copies index: its speed and memory as it grows, and what it finds beside MinHash-LSH.

Three measurements, on made-up news (seeded; the same for all peers):

1. Growth: an index of N texts (sketches of random shingles with the lengths and copy rates of news):
   articles a second of CPU (look-up and insert), bytes an article, and recall, as it grows.
2. Peers: newsmill, datasketch's MinHashLSH and rensa's RMinHashLSH on the same texts, each in a process
   of its own: sketch and index time an article, memory.
3. Edits: for each way of editing a story, the share of copies that end in the original's cluster
   (newsmill) or are among the candidates for it (the LSHs, which verify nothing); and the share of texts
   that are no copies which are joined to something.

Usage: python benchmarks/copies.py [--quick] [--articles N] [--write docs/quality/copies.md]
Needs datasketch and rensa beside newsmill for 2 and 3.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from made_news import (
    EDITS,
    MEDIAN_WORDS,
    MINUTE,
    SHARE_OF_COPIES,
    SPREAD,
    Doc,
    drafted,
    headline,
    identifier,
    negatives,
    story,
    stream,
)
from newsmill.config import CopiesConfig
from newsmill.copies.index import CopyIndex
from newsmill.copies.sketches import KEY_RATE, KEYS, MAX_KEYS, SAMPLE, Sketch, sketch
from newsmill.records import Fate, Position
from shared_data import shared_folder

BATCH = 1000
PERMUTATIONS = 128
THRESHOLD = 0.5


# 1. Growth


class Growth(NamedTuple):
    """One step of a growing index."""

    articles: int
    a_second: float
    index_bytes: float
    resident_bytes: float
    recall: float


def random_sketches(seed: int) -> Iterator[tuple[Sketch, int]]:
    """Sketches as of news, made of random shingles (much faster than texts), and whose copy each is."""
    rng = np.random.default_rng(seed)
    recent: list[tuple[int, np.ndarray, bytes, bytes]] = []
    number = 0
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
            count = int(np.clip(rng.lognormal(np.log(MEDIAN_WORDS), SPREAD), 60, 3000))
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
            ingested_at=number * MINUTE // 100,
            text_hash=int(shingles.sum()) >> 1 | 1,
            shingles=len(shingles),
            hashes=sample.tobytes(),
            sums=bytes(len(sample)),
            keys=keys.astype("<u4").tobytes(),
            title=title,
            lead=lead,
        )
        yield made, of


class Feed:
    """An index and the news that it is fed, batch by batch."""

    def __init__(self, seed: int) -> None:
        self.index = CopyIndex(CopiesConfig(horizon_days=365))
        self.source = random_sketches(seed)
        self.names: dict[int, str] = {}
        self.copies = self.found = 0

    def batch(self) -> float:
        """Feed one batch; the CPU time of its look-up and insert."""
        batch = list(islice(self.source, BATCH))
        self.names |= {of: made.article_id for made, of in batch if of == made.position.offset}
        start = time.process_time()
        decisions = self.index.resolve("batch", [made for made, _ in batch]).decisions
        self.index.commit("batch")
        spent = time.process_time() - start
        for made, of in batch:
            if of != made.position.offset:
                self.copies += 1
                self.found += decisions[made.position].duplicate.representative_id == self.names[of]
        return spent


def growth(articles: int, steps: int) -> tuple[list[Growth], float]:
    """Feed an index; figures of each step are of that step alone, but for memory.

    The second value is the cost of an article in the last step, against that in an index of a tenth of the
    size that is fed batch by batch in turn with it: a busy machine slows both.
    """
    step = articles // steps // BATCH
    feed, before, rows = Feed(2), resident(), []
    small, cost_small, cost_large = Feed(3), 0.0, 0.0
    for number in range(1, steps + 1):
        last, spent = number == steps, 0.0
        feed.copies = feed.found = 0
        for _ in range(step if last else 0):
            small.batch()
        for _ in range(step):
            now = feed.batch()
            spent += now
            if last:
                cost_small, cost_large = cost_small + small.batch(), cost_large + now
        gc.collect()
        texts = number * step * BATCH
        size, held = feed.index.nbytes / texts, (resident() - before) / texts
        rows.append(Growth(texts, step * BATCH / spent, size, held, feed.found / feed.copies))
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
    return rows, cost_large / cost_small


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# 2. and 3. Peers


class Peer:
    """Something that finds copies."""

    def sketch(self, doc: Doc) -> Any:
        """What it keeps of a document."""
        raise NotImplementedError

    def add(self, sketches: list[tuple[Doc, Any]]) -> list[set[int]]:
        """For each document, the documents before it that it is like."""
        raise NotImplementedError


class Newsmill(Peer):
    """This package."""

    def __init__(self) -> None:
        self.index = CopyIndex(CopiesConfig(horizon_days=365))

    def sketch(self, doc: Doc) -> Any:  # noqa: D102
        return sketch(drafted(doc))

    def add(self, sketches: list[tuple[Doc, Any]]) -> list[set[int]]:  # noqa: D102
        decisions = self.index.resolve("batch", [made for _, made in sketches]).decisions
        self.index.commit("batch")
        found = []
        for _, made in sketches:
            decision = decisions[made.position]
            copied = decision.fate is Fate.COPY
            found.append({int(decision.duplicate.representative_id[16:], 16)} if copied else set())
        return found


def shingles(doc: Doc) -> list[str]:
    words = re.findall(r"\w+", doc.body.lower())
    return [" ".join(words[at : at + 5]) for at in range(max(1, len(words) - 4))]


class Datasketch(Peer):
    """MinHashLSH of datasketch."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self.lsh = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)

    def sketch(self, doc: Doc) -> Any:  # noqa: D102
        from datasketch import MinHash

        made = MinHash(num_perm=PERMUTATIONS, seed=1)
        made.update_batch([shingle.encode() for shingle in shingles(doc)])
        return made

    def add(self, sketches: list[tuple[Doc, Any]]) -> list[set[int]]:  # noqa: D102
        found = []
        for doc, made in sketches:
            found.append(set(self.lsh.query(made)))
            self.lsh.insert(doc.number, made, check_duplication=False)
        return found


class Rensa(Peer):
    """RMinHashLSH of rensa, 32 bands of 4 (25 of 5 don't divide 128)."""

    def __init__(self) -> None:
        from rensa import RMinHashLSH

        self.lsh = RMinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=32)

    def sketch(self, doc: Doc) -> Any:  # noqa: D102
        from rensa import RMinHash

        made = RMinHash(num_perm=PERMUTATIONS, seed=1)
        made.update(shingles(doc))
        return made

    def add(self, sketches: list[tuple[Doc, Any]]) -> list[set[int]]:  # noqa: D102
        found = []
        for doc, made in sketches:
            found.append(set(self.lsh.query(made)))
            self.lsh.insert(doc.number, made)
        return found


PEERS: dict[str, Callable[[], Peer]] = {"newsmill": Newsmill, "datasketch": Datasketch, "rensa": Rensa}


class Cost(NamedTuple):
    """What a peer costs, and finds."""

    sketch_us: float
    index_us: float
    resident_bytes: float
    recall: float
    wrong: float  # share of originals that are called copies


def cost(peer: Peer, docs: int) -> Cost:
    for doc in islice(stream(0), 20):
        peer.sketch(doc)
    source, before = stream(), resident()
    sketching = indexing = 0.0
    copies = found = originals = wrong = 0
    for start in range(0, docs, BATCH):
        batch = list(islice(source, min(BATCH, docs - start)))
        at = time.process_time()
        sketches = [(doc, peer.sketch(doc)) for doc in batch]
        middle = time.process_time()
        likes = peer.add(sketches)
        sketching += middle - at
        indexing += time.process_time() - middle
        for doc, like in zip(batch, likes, strict=True):
            if doc.of != doc.number:
                copies += 1
                found += doc.of in like
            else:
                originals += 1
                wrong += bool(like)
    gc.collect()
    return Cost(
        sketching / docs * 1e6,
        indexing / docs * 1e6,
        (resident() - before) / docs,
        found / copies,
        wrong / originals,
    )


def edits(peer: Peer, stories: int) -> dict[str, float]:
    """Recall by edit."""
    originals = [Doc(n, n, headline(story(n)), story(n)) for n in range(1, stories + 1)]
    peer.add([(doc, peer.sketch(doc)) for doc in originals])
    shares = {}
    number = 10**6
    for name, edit in EDITS.items():
        docs = []
        for original in originals:
            number += 1
            rng = random.Random(number)
            docs.append(Doc(number, original.number, original.title, edit(original.body, rng)))
        likes = peer.add([(doc, peer.sketch(doc)) for doc in docs])
        found = [doc.of in like for doc, like in zip(docs, likes, strict=True)]
        shares[name] = sum(found) / len(found)
    return shares


def joined(peer: Peer, count: int) -> dict[str, float]:
    """The share of negatives that are joined to anything, by what they are."""
    shares = {}
    number = 0
    for name, texts in negatives(count).items():
        docs = []
        for title, text in texts:
            number += 1
            docs.append(Doc(number, number, title, text))
        likes = peer.add([(doc, peer.sketch(doc)) for doc in docs])
        shares[name] = sum(bool(like) for like in likes) / len(likes)
    return shares


def child(task: str, peer: str, size: int, answer: Any) -> None:
    made = PEERS[peer]()
    answer.send({"cost": cost, "edits": edits, "negatives": joined}[task](made, size))


def apart(task: str, peer: str, size: int) -> Any:
    """Run a measurement of a peer in a process of its own."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(task, peer, size, sender))
    process.start()
    sender.close()
    result = receiver.recv()
    process.join()
    return result


def scored(shared: Path, texts: str, scorer: str) -> dict[str, Any] | None:
    """Scores on an evaluation set, where it is at hand."""
    lines = shared / "eval" / "texts" / f"{texts}.jsonl"
    if not lines.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.jsonl"
        newsmill = str(Path(sys.executable).with_name("newsmill"))
        command = [newsmill, "annotate", str(lines), "--set", "enrich.enabled=false"]
        with found.open("w") as output:
            subprocess.run(command, stdout=output, check=True)
        gold = shared / "eval" / "gold" / f"{texts}.jsonl"
        score = [sys.executable, str(shared / "eval" / scorer), str(gold), str(found)]
        scores: dict[str, Any] = json.loads(subprocess.run(score, check=True, capture_output=True).stdout)
    return scores


# The page


def page(
    grown: list[Growth],
    ratio: float,
    costs: dict[str, Cost],
    shares: dict[str, dict[str, float]],
    wrong: dict[str, dict[str, float]],
    scores: dict[str, Any] | None,
    pairs: dict[str, Any] | None,
    command: str,
) -> str:
    first, last = grown[0], grown[-1]
    lines = [
        "# Copies: what is found, how fast, in how much memory",
        "",
        f"Written by `{command}` on {platform.machine()} with {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. Times are CPU time of one core; compare ratios, not machines.",
        "",
        "## Growth of the index",
        "",
        f"Look-up and insert in batches of {BATCH}; sketches of random shingles, median {MEDIAN_WORDS} "
        f"words, {SHARE_OF_COPIES:.0%} copies that keep 30 to 100 % of an original and add up to 60 "
        "shingles. Each row is of that step alone.",
        "",
        "| articles | articles a second | index, bytes an article | process, bytes an article | found |",
        "|---:|---:|---:|---:|---:|",
        *(
            f"| {row.articles:,} | {row.a_second:,.0f} | {row.index_bytes:,.0f} | {row.resident_bytes:,.0f} "
            f"| {row.recall:.1%} |"
            for row in grown
        ),
        "",
        f"Cost of an article from {grown[-2].articles:,} to {last.articles:,}, against one from "
        f"{first.articles:,} to {2 * first.articles:,} in an index fed in turn with it: {ratio:.2f} ×. (The "
        "last row's memory holds that second index too.)",
        "",
        "## Beside MinHash-LSH",
        "",
        f"The same texts, {PERMUTATIONS} permutations, 5-word shingles, threshold {THRESHOLD}; each peer in "
        "a process of its own. The LSHs give candidates and verify nothing; newsmill verifies, types and "
        "clusters. *Found*: the original is the representative (newsmill) or among the candidates. *Wrong*: "
        "originals called copies.",
        "",
        "| | sketch, µs | look-up and insert, µs | process, bytes an article | found | wrong |",
        "|---|---:|---:|---:|---:|---:|",
        *(
            f"| {name} | {c.sketch_us:,.0f} | {c.index_us:,.0f} | {c.resident_bytes:,.0f} | {c.recall:.1%} "
            f"| {c.wrong:.1%} |"
            for name, c in costs.items()
        ),
        "",
        "## Effect of each edit on recall",
        "",
        f"| edit | {' | '.join(shares)} |",
        f"|---|{'---:|' * len(shares)}",
        *(
            f"| {name} | {' | '.join(f'{found[name]:.1%}' for found in shares.values())} |"
            for name in next(iter(shares.values()))
        ),
        "",
        "## What is wrongly joined",
        "",
        f"| texts that are no copies | {' | '.join(wrong)} |",
        f"|---|{'---:|' * len(wrong)}",
        *(
            f"| {name} | {' | '.join(f'{found[name]:.1%}' for found in wrong.values())} |"
            for name in next(iter(wrong.values()))
        ),
        "",
        "Less is better. A market report is the same words with other numbers; a round-up has the leads of "
        "four stories. The others are forms with other names, places and numbers, made after texts that were "
        "seen joined (tests/forms.py).",
        "",
    ]
    if pairs is not None:
        lines += [
            "## Real wire news (evaluation set, Reuters-21578)",
            "",
            f"{pairs['pairs']} pairs of texts: precision {pairs['precision']:.3f}, kept {pairs['kept']:.3f}. "
            "The pairs are those that a first version joined, but for exact copies; a person read both texts "
            "and said whether they are the same story's text. *Precision*: how many of the pairs that are "
            "joined are; *kept*: how many of those that are the same story's are joined.",
            "",
        ]
    if scores is not None:
        lines += [
            "## Wire copies (evaluation set, texts)",
            "",
            f"Adjusted Rand index {scores['ari']:.4f}, B-cubed F1 {scores['b3']['f1']:.4f} (precision "
            f"{scores['b3']['p']:.4f}, recall {scores['b3']['r']:.4f}) on {scores['n']:,} articles. Share of "
            "gold pairs found, by edit: "
            + ", ".join(f"{name} {share:.1%}" for name, share in scores["by_edit"].items())
            + ".",
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--articles", type=int, default=1_000_000, help="size of the grown index, 10,000 and more"
    )
    parser.add_argument(
        "--quick", action="store_true", help="20,000 articles, small peers: under two minutes"
    )
    parser.add_argument("--write", type=Path, help="write the page here")
    chosen = parser.parse_args()
    articles, docs, stories = (20_000, 2_000, 40) if chosen.quick else (chosen.articles, 6_000, 100)
    grown, ratio = growth(articles, 10)
    costs = {peer: apart("cost", peer, docs) for peer in PEERS}
    shares = {peer: apart("edits", peer, stories) for peer in PEERS}
    wrong = {peer: apart("negatives", peer, stories // 4) for peer in PEERS}
    command = f"python benchmarks/copies.py {'--quick' if chosen.quick else f'--articles {articles}'}"
    text = page(
        grown,
        ratio,
        costs,
        shares,
        wrong,
        scored(shared_folder(), "wirecopies", "score_dups.py"),
        scored(shared_folder(), "reuters_pairs", "score_pairs.py"),
        command,
    )
    print(text)
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
