"""Whether each row's text is to be had: a run with copies, revisions, takedowns and merged files.

Made-up pages are marked, written and committed as a run does it, but for their extraction: new stories,
exact, edited and cut copies at other sites, pages that change, pages that are read again. On the way whole
sites and single pages are taken down, those whose text others rely on; files are merged; the index is taken
from its folder again, or made anew from the lake. After each of these, and at the end, the guide's own query
(docs/guide/querying.md) is asked for the text of every row, and the text is compared with what was sent.

Usage: python benchmarks/bodies.py [--pages N] [--write docs/quality/bodies.md]
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from made_news import cut, headline, reworded, story
from newsmill.config import LakeConfig
from newsmill.lake import reader
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep.compaction import compact
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from wirelake import AT, MINUTE, Kept, Sent

GUIDE = Path(__file__).parents[1] / "docs" / "guide" / "querying.md"
BATCH = 250
STEP = 20 * MINUTE  # of ingest time, from batch to batch: hours end, so their files can be merged
SITES = 400
KINDS = {"new": 40, "exact": 22, "edited": 8, "cut": 5, "changed": 15, "back": 3, "again": 7}
"""How often a page is of a kind, per cent."""


class Checked(NamedTuple):
    """What the guide's query gave for all rows that were not taken down."""

    rows: int
    relying: int  # rows without a body of their own
    unreachable: int
    other: int  # rows whose text is not the one that was sent


def query() -> str:
    """The guide's query for all rows with their texts, with what tells the rows apart."""
    found = re.search(
        r"```sql\n(SELECT article\.url, coalesce\(article\.body.*?)LIMIT 5;", GUIDE.read_text(), re.S
    )
    assert found is not None
    more = 'article.url, article."offset", article.withheld, article.body IS NULL AS relies,'
    return found[1].replace("article.url,", more)


def checked(press: Kept) -> Checked:
    with duckdb.connect() as connection:
        columns = ["url", "offset", "withheld", "body", "body_hash"]
        connection.register("articles", reader.rows(press.config.path, "articles").to_table(columns=columns))
        rows: pa.Table = connection.execute(query()).to_arrow_table()
    count = Counter[str]()
    for row in rows.to_pylist():
        if row["withheld"] is None:
            count["rows"] += 1
            count["relying"] += row["relies"]
            count["unreachable"] += row["body"] is None
            count["other"] += row["body"] not in (None, press.bodies[row["offset"]])
    return Checked(count["rows"], count["relying"], count["unreachable"], count["other"])


class Newsroom:
    """Pages as they come: what is new, copied, changed, or read again."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pages: dict[str, str] = {}  # the text of each URL as it is now
        self.count = 0

    def next(self) -> Sent:
        """The next page."""
        rng = self.rng
        self.count += 1
        known = list(self.pages)[-3000:]
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        if len(known) < 20 or kind == "new":
            return self._sent(self._url(), story(self.count, rng.randrange(40, 200)))
        url = rng.choice(known)
        text = self.pages[url]
        match kind:
            case "exact":
                return self._sent(self._url(), text)
            case "edited":
                return self._sent(self._url(), reworded(text, rng, 0.05))
            case "cut":
                return self._sent(self._url(), cut(text, 0.5))
            case "changed":
                return self._sent(url, text + "\n" + story(self.count, 30))
            case "back":
                return self._sent(url, self.pages[rng.choice(known)])
            case _:
                return self._sent(url, text)

    def _url(self) -> str:
        return f"https://site{self.rng.randrange(SITES)}.example/{self.count}"

    def _sent(self, url: str, text: str) -> Sent:
        self.pages[url] = text
        return Sent(url, text, headline(text))


def relied_on(press: Kept) -> list[str]:
    """URLs whose row has a text that rows of others rely on."""
    columns = ["url", "body", "body_hash", "withheld"]
    rows = reader.rows(press.config.path, "articles").to_table(columns=columns).to_pylist()
    hashes = {row["body_hash"] for row in rows if row["body"] is None and row["body_hash"]}
    return sorted({row["url"] for row in rows if row["body"] is not None and row["body_hash"] in hashes})


def run(pages: int, folder: Path) -> tuple[list[tuple[str, int, Checked]], Counter[str], bool]:
    """What was checked when, how often what was done, and whether the audit is clean."""
    config = LakeConfig(path=str(folder / "lake"))
    press, room = Kept(config), Newsroom(1)
    found: list[tuple[str, int, Checked]] = []
    done = Counter[str]()
    at = AT
    every = max(BATCH, pages // 10 // BATCH * BATCH)
    for start in range(0, pages, BATCH):
        at += STEP
        press.send(*(room.next() for _ in range(min(BATCH, pages - start))), at=at)
        done["batches"] += 1
        if (start + BATCH) % every:
            continue
        number = (start + BATCH) // every
        if number % 3 == 0:
            what = "merged files"
            done["files merged"] += sum(
                merged.files for merged in compact(Tables.open(config)) if merged.table == "articles"
            )
        elif number % 3 == 1:
            what = "takedowns"
            for url in room.rng.sample(relied_on(press), 8):
                taken = take_down(config, url, now=at)
                done["pages taken down"] += 1
                done["texts handed on"] += taken.texts_handed_on
            site = f"site{room.rng.randrange(SITES)}.example"
            done["texts handed on"] += take_down(config, site, now=at).texts_handed_on
            done["sites taken down"] += 1
        else:
            what = "a start"
            press.restart()
            done["starts"] += 1
        found.append((f"after {what}", start + BATCH, checked(press)))
        print(f"  {found[-1]}", file=sys.stderr, flush=True)
    fates = reader.rows(config.path, "fate").to_table(columns=["fate"])["fate"].to_pylist()
    done.update({f"fate {fate}": count for fate, count in Counter(fates).items()})
    press.close()
    found.append(("at the end", pages, checked(press)))
    return found, done, audit(config.path).right


def page(pages: int, found: list[tuple[str, int, Checked]], done: Counter[str], right: bool) -> str:
    fates = ", ".join(
        f"{count:,} {name[5:]}" for name, count in sorted(done.items()) if name.startswith("fate ")
    )
    acts = ", ".join(
        f"{count:,} {name}" for name, count in sorted(done.items()) if not name.startswith("fate ")
    )
    rows = "\n".join(
        f"| {when} | {sent:,} | {c.rows:,} | {c.relying:,} | {c.unreachable:,} | {c.other:,} |"
        for when, sent, c in found
    )
    return f"""# Bodies: whether each row's text is to be had

Written by `python benchmarks/bodies.py --pages {pages}`: a run over {pages:,} made-up pages, marked,
written and committed as `newsmill run` does it, but not extracted from HTML. New stories, exact, edited and
cut copies at {SITES} sites, pages that change, turn into another page's text, or are read again. Pages are
taken down whose text others rely on, and whole sites; files are merged; the copies index is started anew.
Then the guide's own [query](../guide/querying.md) is asked for the text of every row that was not taken down,
and the text is compared with the one that was sent.

Fates: {fates}. Done on the way: {acts}. Audit: {"right" if right else "wrong"}.

| when | pages | rows | rely on another row's text | text not to be had | another text |
|---|---:|---:|---:|---:|---:|
{rows}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--write", type=Path, help="write the page here")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, done, right = run(chosen.pages, Path(folder))
    text = page(chosen.pages, found, done, right)
    print(text)
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")
    if not right or any(c.unreachable or c.other for _, _, c in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
