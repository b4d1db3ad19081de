"""Whether the tree reads pages and texts exactly as another commit does: for changes that are of price alone.

    python benchmarks/unchanged.py main [--pages 1502] [--texts 2077]

Each page is read, its language told, sketched, its origin and its names found; each text of the evaluation
folder's sets has its language and names found. What comes of it is kept as hashes, by both commits with the
libraries of this environment. Prints what differs; ends with 1 where anything does.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from shared_data import shared_folder

ROOT = Path(__file__).parents[1]
SETS = ("scrapinghub", "fundus_eval", "fundus_pages", "readability", "trafilatura", "htmldate", "wirecopies")
OF_EACH = 150
"""Texts of one set that are read at most."""

AT = 1_700_000_000_000_000


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="what the tree is compared with")
    parser.add_argument("--pages", type=int, default=1_502)
    parser.add_argument("--texts", type=int, default=2_077)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unchanged-") as name:
        archive = subprocess.run(
            ["git", "archive", options.commit, "pipelines"], cwd=ROOT, check=True, capture_output=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(name, filter="data")
        before, now = (
            subprocess.Popen(
                [sys.executable, __file__, "--of", str(options.pages), str(options.texts)],
                env=os.environ | {"PYTHONPATH": str(tree / "pipelines"), "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=subprocess.PIPE,
                text=True,
            )
            for tree in (Path(name), ROOT)
        )
        assert before.stdout is not None
        assert now.stdout is not None
        compared = differing = 0
        for was, found in zip(before.stdout, now.stdout, strict=True):
            compared += 1
            what, old, new = *was.split("\t"), found.split("\t")[1]
            parts = [part for part, value in json.loads(old).items() if json.loads(new).get(part) != value]
            if parts:
                differing += 1
                print(f"{what}: {', '.join(parts)}")
        if before.wait() or now.wait():
            sys.exit("one of the two could not read all")
    print(f"{compared:,} pages and texts compared, {differing:,} differ")
    return 1 if differing or not compared else 0


def tell(pages: int, texts: int) -> None:
    """Print a line for each page and text: its name, and a hash of each thing that is found."""
    from newsmill.config import Config, EnrichConfig
    from newsmill.copies.origin import attribute
    from newsmill.copies.sketches import sketch
    from newsmill.errors import Rejected
    from newsmill.knowledge.enricher import Enricher
    from newsmill.page.analysis import read_page_any
    from newsmill.page.identity import draft
    from newsmill.page.language import detect
    from newsmill.page.reading import prepare
    from newsmill.records import Position, RawPage, SourceRecord

    config, enricher = Config(), Enricher.open(EnrichConfig())
    prepare(page=config.page, input=config.input)

    def of_page(file: Path, number: int) -> Iterator[tuple[str, Any]]:
        position = Position(topic="pages", partition=0, offset=number)
        url = f"https://www.site{number}.example.co.uk/2020/01/02/story.html"
        body = gzip.decompress(file.read_bytes())
        raw = RawPage(position=position, url=url, body=body, content_type="text/html")
        try:
            page, verdict = read_page_any(raw, page=config.page, input=config.input)
        except Rejected as error:
            yield "rejected", str(error)
            return
        yield "page", page
        yield "verdict", verdict
        language = detect(page.body, html_lang=page.html_lang, title=page.title)
        yield "language", language
        drafted = draft(SourceRecord(position=position, value=None), raw, page, language, AT)
        yield "sketch", sketch(drafted).encode()
        yield "origin", attribute(drafted)
        yield "names", enricher.enrich(drafted, statistical=False)

    def of_text(row: dict[str, Any], language: str | None) -> Iterator[tuple[str, Any]]:
        text, title = row["text"], row.get("title")
        found = detect(text, html_lang=None, title=title)
        yield "language", found
        code = row.get("language") or language or found.code
        yield (
            "names",
            enricher.enrich_text(text, language=code, title=title, url=row.get("url"), statistical=False),
        )

    say: Callable[[str, Iterator[tuple[str, Any]]], None] = lambda name, found: print(  # noqa: E731
        name, json.dumps({part: _hash(value) for part, value in found}), sep="\t", flush=True
    )
    folder = shared_folder() / "eval"
    files = (file for name in SETS for file in sorted((folder / "pages" / name).glob("*.html.gz")))
    for number, file in enumerate(islice(files, pages)):
        say(f"{file.parent.name}/{file.name}", of_page(file, number))
    for number, (name, row) in enumerate(_texts(folder / "texts")):
        if number == texts:
            break
        say(f"{name}/{row['id']}", of_text(row, name[4:6] if name.startswith("ner_") else None))


def _texts(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for row in map(json.loads, islice(lines, OF_EACH)):
                if row.get("text"):
                    yield file.stem, row


def _hash(value: Any) -> str:
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--of"]:
        tell(int(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main())
