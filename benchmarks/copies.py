"""The copies index: its speed, memory and disk as it grows, and what it finds beside MinHash-LSH.

Three measurements, on made-up news (seeded; the same for all peers):

1. Growth: indexes of N texts on disk, see copies_growth.py.
2. Peers: newsmill, datasketch's MinHashLSH and rensa's RMinHashLSH on the same texts, each in a process
   of its own: sketch and index time an article, memory.
3. Edits: for each way of editing a story, the share of copies that end in the original's cluster
   (newsmill) or are among the candidates for it (the LSHs, which verify nothing); and the share of texts
   that are no copies which are joined to something.

Usage: python benchmarks/copies.py [--quick] [--articles N | --grown FILE] [--write docs/quality/copies.md]
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
from collections.abc import Callable
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from copies_growth import BATCH, BATCHES, DAY_TEXTS, Grown, grown
from made_news import (
    EDITS,
    MEDIAN_WORDS,
    SHARE_OF_COPIES,
    Doc,
    drafted,
    headline,
    negatives,
    story,
    stream,
)
from newsmill.config import CopiesConfig
from newsmill.copies.index import CopyIndex
from newsmill.copies.sketches import sketch
from newsmill.records import Fate
from shared_data import shared_folder

PERMUTATIONS = 128
THRESHOLD = 0.5


# 1. Growth is in copies_growth.py; 2. and 3. Peers


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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
    grown: list[Grown],
    ratio: float,
    fed: int,
    costs: dict[str, Cost],
    shares: dict[str, dict[str, float]],
    wrong: dict[str, dict[str, float]],
    scores: dict[str, Any] | None,
    pairs: dict[str, Any] | None,
    command: str,
) -> str:
    small, large = grown[0], grown[-1]
    lines = [
        "# Copies: what is found, how fast, in how much memory",
        "",
        f"Written by `{command}` on {platform.machine()} with {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. Times are CPU time of one core, but for a start's; compare ratios, "
        "not machines.",
        "",
        "## The index on disk, as it grows",
        "",
        f"Indexes of so many texts, made of arrays that numpy generates: random shingles, median "
        f"{MEDIAN_WORDS} words; every third text is a copy of the one before, with its link and its cluster; "
        f"{DAY_TEXTS:,} texts a day. Each is opened from its folder, after its files were dropped from "
        f"the cache, and fed {fed:,} sketches in batches of {BATCH}, {SHARE_OF_COPIES:.0%} of them copies "
        "that keep 30 to 100 % of an original and add up to 60 shingles: look-up, insert and folds. *Memory* "
        "is the process's own, beyond what it had before it opened the index; *mapped* are pages of files "
        "(libraries too) that are in memory, which the system takes back when it needs them.",
        "",
        "| texts | a start, s | articles a second | memory, bytes a text | mapped, bytes a text "
        "| disk, bytes a text | found |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {row.texts:,} | {row.start_s:.1f} | {row.a_second:,.0f} | {row.memory_bytes:,.0f} "
            f"| {row.mapped_bytes:,.0f} | {row.disk_bytes:,.0f} | {row.found:.1%} |"
            for row in grown
        ),
        "",
        f"Cost of an article at {large.texts:,} texts, against one at {small.texts:,} in an index fed in "
        f"turn with it: {ratio:.2f} ×.",
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
        "--articles", type=int, default=5_000_000, help="texts of the large index; the small one has a tenth"
    )
    parser.add_argument("--grown", type=Path, help="what copies_growth.py printed, in place of 1")
    parser.add_argument("--quick", action="store_true", help="20,000 texts, small peers: under two minutes")
    parser.add_argument("--write", type=Path, help="write the page here")
    chosen = parser.parse_args()
    articles, docs, stories = (20_000, 2_000, 40) if chosen.quick else (chosen.articles, 6_000, 100)
    if chosen.grown:
        told = json.loads(chosen.grown.read_text(encoding="utf-8"))
        rows, ratio, batches = [Grown(**row) for row in told["rows"]], told["ratio"], told["batches"]
    else:
        batches = 10 if chosen.quick else BATCHES
        rows, ratio = grown([articles // 10, articles], batches)
    costs = {peer: apart("cost", peer, docs) for peer in PEERS}
    shares = {peer: apart("edits", peer, stories) for peer in PEERS}
    wrong = {peer: apart("negatives", peer, stories // 4) for peer in PEERS}
    given = f"--grown {chosen.grown.name}" if chosen.grown else f"--articles {articles}"
    command = f"python benchmarks/copies.py {'--quick' if chosen.quick else given}"
    text = page(
        rows,
        ratio,
        batches * BATCH,
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
