"""Sixty strings through every field of a page to every output: nothing of them acts on who reads it."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hostile_strings import STRINGS
from newsmill.config import (
    CopiesConfig,
    EnrichConfig,
    InputConfig,
    KeepBody,
    LakeConfig,
    OnReserved,
    PageConfig,
)
from newsmill.copies.index import CopyIndex
from newsmill.errors import Rejected, Stage
from newsmill.flow.elements.chunks import ArticleChunk, Extracted, SketchedChunk, TerminalFates
from newsmill.flow.elements.stage_result import FateCollector
from newsmill.flow.steps.enrich import enricher, finish
from newsmill.flow.steps.identify import identify
from newsmill.flow.steps.mark import mark
from newsmill.flow.steps.tabulate import tabulate
from newsmill.lake import files
from newsmill.lake.writer import Lake
from newsmill.page import reading
from newsmill.records import Fate, NotArticle, OffsetRange, Position, SourceRecord
from newsmill.sources.envelopes import decode
from newsmill.urls import url_key

AT = 1_790_000_000_000_000
TEXT = (
    "The council of Tarnby decided on Tuesday that ferry {n} will open again, after {n} years of waiting. "
    "Jane Doe of the harbour office said that the piers of pier {n} would be ready before the autumn storms."
)
PROSE = ("body", "message", "stack")
"""Columns that may have several lines."""


def page(hostile: str, number: int, escape: Any) -> str:
    """A page with the string in all that a page says of itself, and in its text."""
    raw = escape(hostile)
    told = json.dumps(hostile)
    ld = f"""{{"@type":"NewsArticle","headline":{told},"description":{told},"articleSection":{told},
      "keywords":[{told},"ferry"],"image":[{json.dumps("/a" + hostile)}],"license":{told},"inLanguage":{told},
      "author":[{{"name":{json.dumps("Jane Doe " + hostile)}}},{{"@type":"Person","name":{told}}}],
      "publisher":{{"@type":"Organization","name":{told}}},"sourceOrganization":{{"name":{told}}},
      "datePublished":{json.dumps("2021-05-01" + hostile)},"articleBody":{told}}}""".replace("</", "<\\/")
    attribute = raw.replace('"', "&quot;")
    names = (
        "og:title", "description", "author", "article:tag", "og:site_name", "article:section", "og:image",
        "tdm-policy", "keywords", "article:published_time", "og:url",
    )  # fmt: skip
    metas = "".join(f'<meta property="{name}" content="{attribute}">' for name in names)
    return f"""<!DOCTYPE html><html lang="en{attribute}"><head><title>Ferry {raw}</title>{metas}
      <link rel="canonical" href="https://tarnby.example/{attribute}"><link rel="license" href="{attribute}">
      <script type="application/ld+json">{ld}</script></head><body class="{attribute}"><main><article>
      <h1>Ferry {number} opens {raw}</h1><p class="byline">By Jane Doe {raw}</p><p>{TEXT.format(n=number)}</p>
      <p>{raw} {TEXT.format(n=number + 500)} {raw}</p><p>Reuters {raw}</p>
      <aside><p>Also read: {raw}</p></aside>
      </article></main></body></html>"""


def as_reference(text: str) -> str:
    """Every character as a character reference."""
    return "".join(f"&#{ord(c)};" for c in text)


def records() -> Iterator[SourceRecord]:
    """Each string in the fields of pages (in three spellings), of envelopes, and of rejected records."""
    number = 0
    for hostile in STRINGS:
        for escape in (str, html.escape, as_reference):
            number += 1
            envelope = {
                "url": f"https://tarnby.example/ferry/{number}",
                "final_url": f"https://tarnby.example/{hostile}",
                "content_type": f"text/html{hostile}",
                "charset": hostile,
                "headers": {"tdm-policy": hostile, "x-robots-tag": hostile},
                "html": page(hostile, number, escape),
            }
            yield _record(number, json.dumps(envelope).encode())
        for broken in (
            {"url": f"https://tarnby.example/{hostile}\x00", "html": "<p>x"},
            {"url": hostile, "html": "<p>x"},
            {"url": "https://a.example", "html": "<p>x", "status": hostile},
            {"url": "https://a.example", "html": "<p>x", "headers": {hostile: "x"}},
            {"url": "https://a.example", "html": "<p>x", "fetched_at": hostile},
            {"url": "https://a.example", "html": "<p>x", "body_encoding": hostile},
        ):
            number += 1
            yield _record(
                number, json.dumps(broken).encode(), headers=((hostile, hostile.encode("utf-8", "replace")),)
            )
        number += 1
        yield _record(number, b"{" + hostile.encode("utf-8", "surrogatepass"))


def _record(number: int, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> SourceRecord:
    position = Position(topic="strings", partition=0, offset=number - 1)
    return SourceRecord(position=position, value=value, headers=headers, timestamp=AT)


def rows() -> tuple[dict[str, list[pa.Table]], int]:
    """The rows of all tables, by the pipeline's own pure functions, and how many records they are of."""
    reading.prepare(page=PageConfig(), input=InputConfig())
    tools, config = enricher(EnrichConfig().model_dump_json()), EnrichConfig()
    drafts, ends, count = [], FateCollector(AT), 0
    for record in records():
        count += 1
        try:
            raw = decode(record, InputConfig())
            assert not isinstance(raw, NotArticle)
            url_key(raw.url)
        except Rejected as rejected:
            ends.reject(record, Stage.DECODE, rejected)
            continue
        try:
            found = reading.read(raw, page=PageConfig(), input=InputConfig())
        except Rejected as rejected:
            ends.reject(record, Stage.EXTRACT, rejected, url=raw.url)
            continue
        if isinstance(found, NotArticle):
            ends.end(record, Fate.NOT_ARTICLE, reason=found.reason, url=raw.url)
            continue
        drafts.append(
            identify(Extracted(record=record, raw=raw, page=found.page, language=found.language), AT)
        )
    marked, ended, events = mark(CopyIndex(CopiesConfig()), "b", [SketchedChunk(drafts=tuple(drafts))])
    finished = tuple(finish(item, tools, config, KeepBody.ALL, OnReserved.KEEP) for item in marked)
    chunks: list[Any] = [ArticleChunk(articles=finished), ends.chunk(), events]
    if ended:
        chunks.append(TerminalFates(fates=tuple(ended)))
    made: dict[str, list[pa.Table]] = {}
    for chunk in chunks:
        for table, _, found_rows in tabulate(chunk):
            made.setdefault(table, []).append(found_rows)
    return made, count


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of such pages, committed as any other."""
    root = tmp_path_factory.mktemp("strings") / "lake"
    made, count = rows()
    opened = Lake.open(LakeConfig(path=str(root)))
    part = OffsetRange(topic="strings", partition=0, start=0, end=count, records=count, bytes=1)
    begun = opened.begin([part], now=AT)
    written = [
        files.write(str(root), table, pa.concat_tables(parts), ingested_at=AT)
        for table, parts in made.items()
    ]
    opened.commit(begun, written)
    opened.release()
    return root


def acts(text: str, *, prose: bool = False) -> list[str]:
    """The characters of a string that act on what shows it."""
    return [
        f"U+{ord(c):04X}"
        for c in text
        if (unicodedata.category(c) in ("Cc", "Cs") and not (prose and c == "\n"))
        or 0x202A <= ord(c) <= 0x202E
        or 0x2066 <= ord(c) <= 0x2069
        or c in "\u2028\u2029"
    ]


def strings_of(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings_of(name, path)
            yield from strings_of(inner, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings_of(inner, path)


def test_there_are_sixty_strings() -> None:
    assert len(set(STRINGS)) >= 60


def test_no_string_of_any_column_acts_on_its_reader(lake: Path) -> None:
    seen: dict[str, int] = {}
    for file in lake.rglob("*.parquet"):
        table = pq.ParquetFile(file).read()
        table.validate(full=True)
        for row in table.to_pylist():
            for path, text in strings_of(row):
                name = path.removeprefix(".").partition(".")[0]
                assert acts(text, prose=name in PROSE) == [], (path, text)
                seen[path] = seen.get(path, 0) + 1
    assert seen[".title"] >= 2 * len(STRINGS)
    assert seen[".message"] >= 2 * len(STRINGS)
    assert {
        ".authors",
        ".tags",
        ".images",
        ".final_url",
        ".rights.policy_url",
        ".extraction.removed.text",
    } <= seen.keys()


def test_page_with_any_string_in_its_fields_is_an_article(lake: Path) -> None:
    ((kept,),) = duckdb.sql(
        f"SELECT count(*) FROM read_parquet('{lake}/fate/data/**/*.parquet') WHERE fate = 'article'"
    ).fetchall()
    assert kept >= 0.95 * 3 * len(STRINGS)


def test_query_with_any_string_finds_its_row(lake: Path) -> None:
    articles = f"read_parquet('{lake}/articles/data/**/*.parquet')"
    titles = duckdb.sql(f"SELECT title, url FROM {articles}").fetchall()
    for title, url in titles[:: len(titles) // 40]:
        found = duckdb.execute(f"SELECT url FROM {articles} WHERE title = $1", [title]).fetchall()
        assert (url,) in found


@pytest.mark.parametrize("as_json", [False, True])
def test_explain_prints_no_string_that_acts(lake: Path, as_json: bool) -> None:
    flags = ["--json"] if as_json else []
    for number in (1, 4, 301):
        told = newsmill("explain", f"strings/0/{number}", "--lake", str(lake), *flags)
        assert acts(told, prose=True) == []


def test_report_holds_no_string_that_acts(lake: Path, tmp_path: Path) -> None:
    newsmill("report", str(lake), "--out", str(tmp_path / "report.html"))
    report = (tmp_path / "report.html").read_text("utf-8")
    assert acts(report, prose=True) == []
    assert not re.search(r"<script|<img|onerror=alert\(1\)>", report)


def test_annotate_gives_each_page_one_line_that_acts_on_nobody(tmp_path: Path) -> None:
    lines = [{"id": f"p{n}{s}", "html": page(s, n, html.escape)} for n, s in enumerate(STRINGS)]
    lines += [{"id": f"t{n}", "text": TEXT.format(n=n) + s, "title": s} for n, s in enumerate(STRINGS)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    printed = newsmill("annotate", str(tmp_path / "in.jsonl"))
    told = [json.loads(line) for line in printed.splitlines()]
    assert len(told) == len(lines)
    for line, given in zip(told, lines, strict=True):
        assert acts(line["title"] or "") == []
        assert not any(acts(author) for author in line["author"])
        if "text" in given:
            assert len(line["text"]) == len(given["text"])
        else:
            assert acts(line["text"], prose=True) == []


def newsmill(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "newsmill", *arguments],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        timeout=280,
    )
    return done.stdout.decode("utf-8")
