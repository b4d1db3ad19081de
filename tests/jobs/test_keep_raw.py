"""Raw records that a lake keeps: all of them, found by their place, and none of what must not stay."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fastwarc.warc import ArchiveIterator
from typer.testing import CliRunner

import everybyte
import synthetic
from newsmill.cli import app
from newsmill.config import Config, CopiesConfig, InputConfig, KeepBody, LakeConfig, OnReserved, RightsConfig
from newsmill.config.consistency import problems
from newsmill.errors import ConfigError, LakeError, TakenDownMeanwhile
from newsmill.jobs import raw_page
from newsmill.jobs.replay import Selection, replay
from newsmill.lake import changes, raw_files, raw_rows, reader, rewriting
from newsmill.lake.places import RAW, file_place
from newsmill.lake.tables import Tables
from newsmill.lake.upkeep import compaction, garbage_collection, mending
from newsmill.lake.upkeep.takedown import take_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.records import FilePlace, SourceRecord
from newsmill.runners.batch_sources import FileSource
from newsmill.runners.direct import MicroBatchRunner
from newsmill.sources import files

AT, DAY = 1_700_000_000_000_000, 86_400_000_000
WORDS = [a + b for a in ("har", "gla", "ori", "mus", "ferr", "tari") for b in ("bour", "cier", "gin", "eum")]
BOX = "Subscribe to the evening letter of this paper."


def story(n: int, head: str = "") -> str:
    words = random.Random(n).choices(WORDS, k=160)
    lines = (" ".join(words[start : start + 10]) for start in range(0, 160, 10))
    told = "".join(f"<p>The {line} in Lisbon on Monday.</p>" for line in lines)
    body = f"<article><h1>Fleet {n}</h1>{told}<p class=letter>{BOX}</p></article>"
    return f"<html lang=en><head><title>Fleet {n}</title>{head}</head><body>{body}</body></html>"


RESERVED = "<meta name='tdm-reservation' content='1'>"
PAGES = (
    ("a.example/1", story(1)),
    ("b.example/2", story(2)),
    ("b.example/3", story(1)),  # a copy
    ("a.example/1", story(1)),  # a redelivery
    ("c.example/4", "<html><body></body></html>"),  # no article
    ("d.example/5", story(5, RESERVED)),
    ("e.example/6", story(6) + "x" * 20_000),  # too large
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for n, (url, text) in enumerate(PAGES):
        (folder / f"{n}.html").write_text(text, encoding="utf-8")
        (folder / f"{n}.json").write_text(json.dumps({"url": f"https://{url}", "order": n}), encoding="utf-8")
    return folder


def milled(
    lake: Path,
    pages: Path,
    *,
    on_reserved: OnReserved = OnReserved.KEEP,
    at: int = AT,
    keep_raw: bool = True,
) -> None:
    config = Config(
        lake=LakeConfig(path=str(lake), keep_raw=keep_raw),
        input=InputConfig(max_value_bytes=10_000),
        rights=RightsConfig(on_reserved=on_reserved),
    )
    owned = Lake.open(config.lake)
    try:
        mill = MicroBatchRunner(config, FileSource(config, [pages]), owned, clock=lambda: at)
        mill.run(once=True, stop=threading.Event(), watches=())
    finally:
        owned.release()


@pytest.fixture(scope="module")
def first(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("first") / "lake"
    milled(lake, pages)
    return lake


@pytest.fixture
def config(first: Path, tmp_path: Path) -> Config:
    """A copy of the lake, which is a lake of its own."""
    shutil.copytree(first, tmp_path / "lake")
    lake = LakeConfig(path=str(tmp_path / "lake"))
    mending.adopt(lake)
    return Config(lake=lake, input=InputConfig(max_value_bytes=10_000))


def fates(lake: str) -> list[dict[str, Any]]:
    return reader.rows(lake, "fate").to_table().sort_by("offset").to_pylist()


def kept(lake: str) -> dict[int, FilePlace]:
    return {row["offset"]: place for row in fates(lake) if (place := file_place(row, RAW))}


def stored(lake: str) -> dict[int, bytes]:
    """The raw records by their bytes, read from their places alone."""
    found = {}
    for offset, place in kept(lake).items():
        with Path(lake, place.file).open("rb") as file:
            file.seek(place.offset or 0)
            found[offset] = file.read(place.length)
    return found


def test_record_of_each_page_is_kept_once_where_the_row_says(first: Path, pages: Path) -> None:
    lake = str(first)
    told = {row["offset"]: row["fate"] for row in fates(lake)}
    assert Counter(told.values()) == {
        "article": 3, "copy": 1, "redelivery": 1, "not_article": 1, "quarantined": 1,
    }  # fmt: skip
    assert set(kept(lake)) == {n for n, fate in told.items() if fate not in ("redelivery", "quarantined")}
    records: dict[int, SourceRecord] = {r.position.offset: r for r in files.read([pages])}
    for offset, member in stored(lake).items():
        assert raw_files.record_in(member) == records[offset]
        read = [
            (found.headers["WARC-Target-URI"], found.reader.read())
            for found in ArchiveIterator(io.BytesIO(member), parse_http=False)
        ]
        assert read == [(f"https://{PAGES[offset][0]}", records[offset].value)]
    (one,) = {place.file for place in kept(lake).values()}
    size = sum(place.length or 0 for place in kept(lake).values())
    assert (first / one).stat().st_size == size
    assert [str(path.relative_to(first)) for path in (first / "raw").rglob("*.gz")] == [one]
    assert audit(lake).right


def test_better_extractor_runs_over_raw_records_without_their_source(
    config: Config, first: Path, pages: Path, tmp_path: Path
) -> None:
    """The same one changes nothing, twice; another one changes what it reads otherwise."""
    lake = config.lake.path
    before, raw = fates(lake), stored(lake)
    for row in before:
        assert row["source_file"].startswith(str(pages))
    moved = pages.rename(pages.with_name("elsewhere"))
    try:
        told = raw_page.record_of(config, "https://a.example/1")
        assert told is not None
        assert raw_page.page_of(config, told).body == PAGES[0][1].encode()
        same = replay(config, Selection(from_raw=True), now=AT + DAY)
        assert (same.records, same.lost) == (5, [])
        assert (fates(lake), stored(lake)) == (before, raw)
        rules = tmp_path / "rules.yaml"
        rules.write_text("a.example:\n  remove: ['p.letter']\n", encoding="utf-8")
        better = config.model_copy(update={"page": config.page.model_copy(update={"site_overrides": rules})})
        site = replay(better, Selection(from_raw=True, domain="a.example"), now=AT + DAY)
        assert site.records == 1
    finally:
        moved.rename(pages)
    rows = reader.rows(lake, "articles").to_table().sort_by("offset").to_pylist()
    changed = [row["url"] for row in rows if row["updated_at"] != row["ingested_at"]]
    assert changed == ["https://a.example/1", "https://b.example/3"]  # whose copy keeps the text as it was
    assert BOX not in rows[0]["body"]
    assert BOX in rows[1]["body"]
    assert stored(lake) == raw
    assert audit(lake).right


def test_selection_by_time_holds_for_raw_records(config: Config) -> None:
    ended = CliRunner().invoke(
        app, ["replay", config.lake.path, "--from-raw", "--to", "2001-01-01", "--dry-run", "--json"]
    )
    assert json.loads(ended.stdout)["records"] == 0
    assert "the lake keeps no raw record of these" in ended.stderr
    ended = CliRunner().invoke(
        app, ["replay", config.lake.path, "--from-raw", "--from", "2001-01-01", "--dry-run", "--json"]
    )
    told = json.loads(ended.stdout)
    assert (told["records"], told["moved"]) == (5, {})
    assert told["selected"] == {"article": 3, "copy": 1, "not_article": 1}


@pytest.mark.parametrize("what", ["https://b.example/2", "b.example", "c.example"])
def test_takedown_leaves_no_byte_of_a_raw_record(config: Config, what: str) -> None:
    lake, gone = config.lake.path, what.removeprefix("https://")
    before, others, since = kept(lake), stored(lake), changes.read(lake, "articles", 0).until
    doomed = [n for n in before if PAGES[n][0].startswith(gone)]
    planned = take_down(config.lake, what, now=AT + DAY, dry_run=True)
    assert kept(lake) == before
    done = take_down(config.lake, what, now=AT + DAY)
    assert done == planned
    assert done.raw == len(doomed)
    assert stored(lake) == {n: record for n, record in others.items() if n not in doomed}
    assert told(lake, "fate", since) == told(lake, "quarantine", since) == []
    assert set(told(lake, "articles", since)) >= {("taken_down", n) for n in doomed if n in (0, 1, 2, 5)}
    text = [f"WARC-Target-URI: https://{PAGES[n][0]}" for n in doomed]
    assert everybyte.holding(lake, text) == []
    assert everybyte.holding(lake, ["WARC-Target-URI: https://a.example/1"]) != []
    with pytest.raises(LakeError, match="was taken down"):
        raw_page.record_of(config, f"https://{PAGES[doomed[0]][0]}")
    again = take_down(config.lake, what, now=AT + 2 * DAY)
    assert (again.raw, again.files_rewritten) == (0, 0)
    assert audit(lake).right
    report = replay(config, Selection(from_raw=True), now=AT + 2 * DAY)
    assert report.records == 5 - len(doomed)


def test_audit_finds_raw_records_of_what_was_taken_down(config: Config) -> None:
    lake = Path(config.lake.path)
    (file,) = (lake / "raw").rglob("*.gz")
    left = file.read_bytes()
    take_down(config.lake, "b.example", now=AT + DAY)
    torn = file.with_name(f"{'0' * 64}.warc.gz")
    file.write_bytes(left)
    torn.write_bytes(left[:400])
    held, unknown = audit(str(lake)).findings
    assert (held.rule, held.examples) == ("W2", (f"{file}/2",))
    assert (unknown.rule, unknown.examples) == ("W2", (str(torn),))
    take_down(config.lake, "b.example", now=AT + 2 * DAY)
    assert not file.exists()
    assert not torn.exists()
    assert audit(str(lake)).right


def test_page_of_reserved_rights_is_not_kept_where_its_text_is_not(
    config: Config, pages: Path, tmp_path: Path
) -> None:
    milled(tmp_path / "strict", pages, on_reserved=OnReserved.METADATA_ONLY)
    assert set(kept(str(tmp_path / "strict"))) == {0, 1, 2}  # what is no article was not asked for its rights
    dropping = config.model_copy(update={"rights": RightsConfig(on_reserved=OnReserved.DROP)})
    assert 5 in kept(config.lake.path)
    since = changes.read(config.lake.path, "fate", 0).until
    report = replay(dropping, Selection(domain="d.example"), now=AT + DAY)
    assert report.moved == {("article", "withheld"): 1}
    assert set(kept(config.lake.path)) == {0, 1, 2, 4}
    assert told(config.lake.path, "fate", since) == [("updated", 5)]
    assert [f for f in audit(config.lake.path).findings if f.rule in ("C13", "W2")] == []


def test_replay_leaves_articles_as_a_takedown_left_them(config: Config) -> None:
    take_down(config.lake, "a.example", now=AT + DAY)
    before = reader.rows(config.lake.path, "articles").to_table().sort_by("offset")
    report = replay(config, Selection(domain="a.example"), now=AT + 2 * DAY)
    assert (report.taken_down, report.records) == (1, 0)
    assert reader.rows(config.lake.path, "articles").to_table().sort_by("offset").equals(before)
    assert audit(config.lake.path).findings == []


def test_record_that_leaves_quarantine_is_kept(config: Config) -> None:
    keeping = config.model_copy(
        update={"lake": config.lake.model_copy(update={"keep_raw": True}), "input": InputConfig()}
    )
    assert replay(keeping, Selection(quarantine=True), now=AT + DAY).moved == {("quarantined", "article"): 1}
    assert set(kept(config.lake.path)) == {0, 1, 2, 4, 5, 6}
    record = raw_files.record_in(stored(config.lake.path)[6])
    assert record.value == PAGES[6][1].encode()
    assert audit(config.lake.path).right


def test_gc_lets_go_of_days_that_are_over_and_of_nothing_else(config: Config, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "a.html").write_text(story(9), encoding="utf-8")
    (more / "a.json").write_text('{"url": "https://z.example/9"}', encoding="utf-8")
    milled(Path(config.lake.path), more, at=AT + 40 * 365 * DAY)
    list(compaction.compact(Tables.open(config.lake)))
    keeping = config.lake.model_copy(update={"raw_days": 1.0})
    before, since = kept(config.lake.path), changes.read(config.lake.path, "fate", 0).until
    collected = list(garbage_collection.collect(Tables.open(config.lake), grace_s=3600))
    assert (kept(config.lake.path), [g.path for g in collected if g.path.startswith("raw/")]) == (before, [])
    for path in Path(config.lake.path, "raw").rglob("*.gz"):
        _aged(path)
    planned = [g.path for g in garbage_collection.collect(Tables.open(keeping), grace_s=3600, dry_run=True)]
    gone = [g.path for g in garbage_collection.collect(Tables.open(keeping), grace_s=3600)]
    assert planned == gone
    assert [path for path in gone if path.startswith("raw/")] == [before[1].file]
    assert {row["url"] for row in fates(config.lake.path) if row["raw_file"]} == {"https://z.example/9"}
    assert audit(config.lake.path).right
    assert [told(config.lake.path, table, since) for table in changes.FOLLOWED] == [[]] * 6
    ledger = Tables.open(keeping).load("fate").metadata_location
    list(garbage_collection.collect(Tables.open(keeping), grace_s=3600))
    assert Tables.open(keeping).load("fate").metadata_location == ledger


def test_gc_that_was_cut_off_is_finished_by_the_next_one(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no change of a row: the feed neither tells it nor waits for it."""
    lake, keeping = config.lake.path, config.lake.model_copy(update={"raw_days": 1.0})
    until = changes.read(lake, "fate", 0).until
    real = rewriting.swap

    def swap_and_die(*args: Any, **more: Any) -> bool:
        real(*args, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(rewriting, "swap", swap_and_die)
        list(garbage_collection.collect(Tables.open(keeping), grace_s=3600))
    for path in Path(lake, "raw").rglob("*.gz"):
        _aged(path)
    gone = list(garbage_collection.collect(Tables.open(keeping), grace_s=3600))
    assert (kept(lake), [g.path for g in gone if g.path.startswith("raw/")] != []) == ({}, True)
    found = changes.read(lake, "fate", 0)
    assert (found.until, found.waiting) == (until, ())


def test_record_that_is_kept_from_a_replay_on_is_no_change_of_its_row(pages: Path, tmp_path: Path) -> None:
    milled(tmp_path / "lake", pages, keep_raw=False)
    lake = str(tmp_path / "lake")
    before, since = fates(lake), changes.read(lake, "fate", 0).until
    keeping = Config(lake=LakeConfig(path=lake, keep_raw=True), input=InputConfig(max_value_bytes=10_000))
    replay(keeping, Selection(domain="b.example"), now=AT + DAY)
    assert {PAGES[n][0].split("/")[0] for n in kept(lake)} == {"b.example"}
    nowhere = dict.fromkeys(RAW)
    assert [{**row, **nowhere} for row in fates(lake)] == before
    assert told(lake, "fate", since) == told(lake, "quarantine", since) == []
    assert audit(lake).right


def told(lake: str, table: changes.Followed, since: int) -> list[tuple[str, int]]:
    """What the feed tells of which records."""
    rows = [row for batch in changes.read(lake, table, since).rows for row in batch.to_pylist()]
    return sorted((row["change"], row["offset"]) for row in rows)


def _aged(path: Path) -> None:
    os.utime(path, (time.time() - 7 * 86_400,) * 2)


def test_lost_raw_file_is_told_and_nothing_is_removed(config: Config, tmp_path: Path) -> None:
    lake = Path(config.lake.path)
    (file,) = (lake / "raw").rglob("*.gz")
    file.unlink()
    (finding,) = audit(str(lake)).findings
    assert finding.rule == "C13"
    assert "is missing; 5 rows point into it" in finding.examples[0]
    ended = CliRunner().invoke(app, ["replay", str(lake), "--from-raw", "--dry-run"])
    assert (ended.exit_code, ended.stdout.splitlines()[0]) == (1, "0 records would be done again")
    assert ended.stderr.count("has no raw record: its file is missing") == 5
    with pytest.raises(LakeError, match=r"is pointed to and not there.*Nothing was removed"):
        list(garbage_collection.collect(Tables.open(config.lake), grace_s=3600))
    shutil.copytree(lake, tmp_path / "copy")
    with pytest.raises(LakeError, match=r"is not there, and fate points to raw records in it"):
        mending.adopt(LakeConfig(path=str(tmp_path / "copy")))


def test_damaged_raw_record_is_found(config: Config) -> None:
    (file,) = Path(config.lake.path, "raw").rglob("*.gz")
    place = kept(config.lake.path)[1]
    content = bytearray(file.read_bytes())
    content[(place.offset or 0) + (place.length or 0) // 2] ^= 0xFF
    file.write_bytes(content)
    (finding,) = audit(config.lake.path).findings
    assert finding.rule == "C13"
    assert finding.count == 2  # the file's hash, and the record
    with pytest.raises(LakeError):
        raw_page.record_of(config, "https://b.example/2")


def test_page_that_is_taken_down_while_its_batch_is_written_leaves_no_raw_record(tmp_path: Path) -> None:
    """Of what is no article, only the ledger and the raw file tell."""
    config = LakeConfig(path=str(tmp_path / "lake"))
    lake = Lake.open(config)
    lake.withheld()
    first = next(n for n in range(100) if synthetic.fate(n) == "not_article")
    batch = lake.begin(list(synthetic.slices(0, first, first + 1)), now=AT)
    written = synthetic.write(config.path, batch, raw=True)
    (file,) = (tmp_path / "lake" / "raw").rglob("*.gz")
    (row,) = synthetic.rows(batch)["fate"].to_pylist()
    take_down(config, row["domain"], now=AT + DAY)
    with pytest.raises(TakenDownMeanwhile):
        lake.commit(batch, written)
    assert not file.exists()
    lake.release()


def test_batch_that_points_to_no_file_is_not_committed(tmp_path: Path) -> None:
    config = LakeConfig(path=str(tmp_path / "lake"))
    lake = Lake.open(config)
    lake.withheld()
    batch = lake.begin(list(synthetic.slices(0, 0, 20)), now=AT)
    written = synthetic.write(config.path, batch, raw=True)
    (file,) = (tmp_path / "lake" / "raw").rglob("*.gz")
    file.unlink()
    with pytest.raises(LakeError, match="is missing, and rows point to raw records in it"):
        lake.commit(batch, written)
    again = synthetic.write(config.path, batch, raw=True)
    lake.commit(batch, again)
    assert file.exists()
    assert raw_rows.visible(lake.tables) == {str(file.relative_to(tmp_path / "lake"))}
    lake.release()


def test_settings_that_can_not_go_together_are_told() -> None:
    config = Config(lake=LakeConfig(keep_raw=True), copies=CopiesConfig(keep_body=KeepBody.NONE))
    assert [key for key, _ in problems(config)] == ["lake.keep_raw"]
    ended = CliRunner().invoke(
        app, ["replay", "nowhere", "--from-raw", "--enricher", "topics", "--quarantine"]
    )
    assert isinstance(ended.exception, ConfigError)
    assert len(ended.exception.problems) == 3
