"""The copies index: its speed and memory as it grows, and what it finds beside MinHash-LSH.

Three measurements, on made-up news (seeded; the same for all peers):

1. Growth: an index of N texts (sketches of random shingles with the lengths and copy rates of news):
   articles a second of CPU (look-up and insert), bytes an article, and recall, as it grows.
2. Peers: newsmill, datasketch's MinHashLSH and rensa's RMinHashLSH on the same texts, each in a process
   of its own: sketch and index time an article, memory.
3. Edits: for each way of editing a story, the share of copies that end in the original's cluster
   (newsmill) or are among the candidates for it (the LSHs, which verify nothing).

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
from functools import cache
from itertools import accumulate, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from newsmill.config import CopiesConfig
from newsmill.copies.index import CopyIndex
from newsmill.copies.sketches import KEY_RATE, KEYS, MAX_KEYS, SAMPLE, Sketch, sketch
from newsmill.records import Draft, Extraction, Fate, Language, Page, Position

BATCH = 1000
MINUTE = 60_000_000
PERMUTATIONS = 128
THRESHOLD = 0.5
SHARE_OF_COPIES = 0.35
MEDIAN_WORDS = 350
SPREAD = 0.6  # of the logarithm of the length
SYLLABLES = "ba den kor lis mav neth or pil qua rev sol tam ur vex wen yor zan chel drim fos gath hul".split()


class Doc(NamedTuple):
    """A made-up article; `of` is the number of the story it is a copy of."""

    number: int
    of: int
    title: str
    body: str


# Made-up texts


@cache
def vocabulary() -> tuple[list[str], list[float]]:
    rng = random.Random(0)
    words = sorted({"".join(rng.choices(SYLLABLES, k=rng.choice((1, 2, 2, 3, 3)))) for _ in range(30_000)})
    rng.shuffle(words)
    return words, list(accumulate(1 / (rank + 5) for rank in range(len(words))))


def story(number: int, words: int | None = None) -> str:
    """Sentences of words as frequent as those of a language, three to a paragraph."""
    rng = random.Random(f"story {number}")
    known, weights = vocabulary()
    left = words or int(min(3000, max(60, rng.lognormvariate(np.log(MEDIAN_WORDS), SPREAD))))
    sentences = []
    while left > 0:
        count = min(left, rng.randint(8, 25))
        left -= count
        sentences.append(" ".join(rng.choices(known, cum_weights=weights, k=count)).capitalize() + ".")
    return "\n".join(" ".join(sentences[at : at + 3]) for at in range(0, len(sentences), 3))


def headline(text: str) -> str:
    return " ".join(word.strip(".") for word in text.split()[:40] if len(word) > 5)[:60].title()


def reworded(text: str, rng: random.Random, share: float) -> str:
    known, weights = vocabulary()
    return " ".join(
        rng.choices(known, cum_weights=weights)[0] if rng.random() < share else word
        for word in text.split(" ")
    )


def cut(text: str, share: float) -> str:
    words = text.split(" ")
    return " ".join(words[: max(12, int(len(words) * share))])


def inserted(text: str, rng: random.Random, share: float) -> str:
    paragraphs = text.split("\n")
    extra = story(rng.randrange(10**9), max(12, int(len(text.split()) * share)))
    return "\n".join([*paragraphs[: len(paragraphs) // 2], extra, *paragraphs[len(paragraphs) // 2 :]])


def misread(text: str, rng: random.Random, share: float) -> str:
    """Words with a letter as text recognition gets it wrong."""
    pairs = [("l", "1"), ("o", "0"), ("s", "5"), ("e", "c"), ("h", "b"), ("m", "rn"), ("i", "l")]
    words = []
    for word in text.split(" "):
        possible = [pair for pair in pairs if pair[0] in word]
        wrong = possible and rng.random() < share
        words.append(word.replace(*rng.choice(possible), 1) if wrong else word)
    return " ".join(words)


EDITS: dict[str, Callable[[str, random.Random], str]] = {
    "none": lambda text, rng: text,
    "dateline and closing line": lambda text, rng: f"SALEM (XPA) - {text}\n(Reporting by the Salem desk)",
    "2 % of words": lambda text, rng: reworded(text, rng, 0.02),
    "5 % of words": lambda text, rng: reworded(text, rng, 0.05),
    "10 % of words": lambda text, rng: reworded(text, rng, 0.10),
    "cut to 75 %": lambda text, rng: cut(text, 0.75),
    "cut to 50 %": lambda text, rng: cut(text, 0.5),
    "cut to 25 %": lambda text, rng: cut(text, 0.25),
    "cut to 50 %, 5 % of words": lambda text, rng: reworded(cut(text, 0.5), rng, 0.05),
    "30 % inserted": lambda text, rng: inserted(text, rng, 0.3),
    "100 % appended": lambda text, rng: text + "\n" + story(rng.randrange(10**9), len(text.split())),
    "cut to 60 %, 5 % of words, 30 % inserted": lambda text, rng: inserted(
        reworded(cut(text, 0.6), rng, 0.05), rng, 0.3
    ),
    "10 % of words misread": lambda text, rng: misread(text, rng, 0.10),
}


def report(number: int) -> str:
    """A market report: the same words with other numbers."""
    rng = random.Random(f"report {number}")
    form = story(0, 90).split()
    return " ".join(
        f"{word} {rng.uniform(1, 20000):.2f}" if n % 7 == 3 else word for n, word in enumerate(form)
    )


def round_up(number: int) -> str:
    """The leads of four stories that no other round-up has, each with its headline."""
    parts = [story(4 * number + n) for n in range(1, 5)]
    return "\n".join(f"{headline(part)}. {cut(part, 0.2)}" for part in parts)


def stream(seed: int = 1) -> Iterator[Doc]:
    """News without end: new stories, and copies of recent ones in all ways of editing."""
    rng = random.Random(seed)
    edits = list(EDITS.values())
    originals: list[int] = []
    number = 0
    while True:
        number += 1
        if originals and rng.random() < SHARE_OF_COPIES:
            of = originals[-rng.randint(1, min(len(originals), 5000))]
            text = story(of)
            yield Doc(number, of, headline(text), rng.choice(edits)(text, rng))
        else:
            originals.append(number)
            text = story(number)
            yield Doc(number, number, headline(text), text)


def identifier(number: int) -> str:
    """32 hex digits, the first of them spread as those of a hash."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}{number:016x}"


def drafted(doc: Doc) -> Draft:
    digest = identifier(doc.number)
    return Draft(
        position=Position(topic="news", partition=0, offset=doc.number),
        url=f"https://example.org/{doc.number}",
        final_url=None,
        canonical_url=None,
        url_key=digest,
        domain=f"site{doc.number % 997}.example",
        article_id=digest,
        content_hash=digest,
        fetched_at=None,
        ingested_at=doc.number * MINUTE // 100,
        recorded_at=doc.number * MINUTE // 100,
        page=Page(title=doc.title, body=doc.body, extraction=Extraction(method="given", reason="")),
        language=Language(code="en", confidence=1.0, method="none"),
    )


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
    """Recall by edit, and the share of negatives that are joined to anything."""
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
    for name, title, make in (
        ("market reports joined", "Market closes", report),
        ("round-ups joined", "Morning briefing", round_up),
    ):
        docs = []
        for n in range(stories // 4):
            number += 1
            docs.append(Doc(number, number, title, make(n)))
        likes = peer.add([(doc, peer.sketch(doc)) for doc in docs])
        shares[name] = sum(bool(like) for like in likes) / len(likes)
    return shares


def child(task: str, peer: str, size: int, answer: Any) -> None:
    made = PEERS[peer]()
    answer.send(cost(made, size) if task == "cost" else edits(made, size))


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


def wire_copies(shared: Path) -> dict[str, Any] | None:
    """Scores on the evaluation set, where it is at hand."""
    texts = shared / "eval" / "texts" / "wirecopies.jsonl"
    if not texts.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.jsonl"
        command = [str(Path(sys.executable).with_name("newsmill")), "annotate", str(texts)]
        with found.open("w") as output:
            subprocess.run(command, stdout=output, check=True)
        gold = shared / "eval" / "gold" / "wirecopies.jsonl"
        scorer = [sys.executable, str(shared / "eval" / "score_dups.py"), str(gold), str(found)]
        scores: dict[str, Any] = json.loads(subprocess.run(scorer, check=True, capture_output=True).stdout)
    return scores


# The page


def page(
    grown: list[Growth],
    ratio: float,
    costs: dict[str, Cost],
    shares: dict[str, dict[str, float]],
    scores: dict[str, Any] | None,
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
        "The last two rows are negatives: less is better. A market report is the same words with other "
        "numbers; a round-up has the leads of four stories.",
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
    shared = Path(os.environ.get("NEWSMILL_SHARED", Path(__file__).parents[2] / "shared"))
    command = f"python benchmarks/copies.py {'--quick' if chosen.quick else f'--articles {articles}'}"
    text = page(grown, ratio, costs, shares, wire_copies(shared), command)
    print(text)
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
