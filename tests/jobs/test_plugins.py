"""The example packages are installed as their users would, and run in the real pipeline and its processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from distributions import ROOT
from newsmill.lake import reader
from newsmill.lake.verification.audit import audit
from newsroom import story

PACKAGES = ("crawl_lines", "story_box", "country_topics", "first_hand", "json_feed")
NAMED = """
input: {envelopes: [crawl-lines]}
page: {extractors: [story-box], processes: 1}
enrich: {enrichers: [country-topics], steps: [first-hand]}
lake: {sinks: [json-feed]}
"""
RUN = """
import sys
from pathlib import Path
from newsmill import load_config
from newsmill.cli.run import run_direct
loaded = load_config(Path(sys.argv[1]), options={("lake", "path"): sys.argv[2]})
run_direct(loaded.config, once=True, files=[Path(sys.argv[3])])
"""
BOX = "The ferry left Lahore, Pakistan, before noon.\nNobody was on board."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all example packages, as an installer leaves them."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("plugins")
    for name in PACKAGES:
        shutil.copytree(ROOT / "examples" / name, folder / "source" / name)
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    where = ["--python", sys.executable, "--target", str(folder / "site")]
    done = subprocess.run(
        [*install, *where, *(str(folder / "source" / name) for name in PACKAGES)],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


def with_site(site: Path, folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site), "JSON_FEED_FOLDER": str(folder / "feed")}
    return subprocess.run(
        [str(word) for word in (sys.executable, *words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )


def html(title: str, inside: str) -> str:
    return f"<html lang='en'><head><title>{title}</title></head><body><h1>{title}</h1>{inside}</body></html>"


def page(title: str, seed: int) -> str:
    return html(title, "".join(f"<p>{line}</p>" for line in story(seed).splitlines()))


def put(folder: Path, name: str, content: str, url: str) -> None:
    (folder / name).write_text(content)
    (folder / name).with_suffix(".json").write_text(json.dumps({"url": url}))


@pytest.fixture(scope="module")
def ran(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of four records, read with all plug-ins."""
    folder = tmp_path_factory.mktemp("ran")
    pages = folder / "pages"
    pages.mkdir()
    box = "".join(f"<p>{line}</p>" for line in BOX.splitlines())
    boxed = html("Ferry leaves", f"<article><p>{story(1)}</p></article><div class='story-box'>{box}</div>")
    elsewhere = "https://elsewhere.example/"
    put(pages, "a.crawl", f"CRAWL/1 https://one.example/ferry 2026-11-01T10:00:00Z\n{boxed}", elsewhere)
    put(pages, "b.crawl", f"CRAWL/1 broken\n{boxed}", elsewhere)
    put(pages, "c.html", page("Council votes", 2), "https://two.example/council")
    put(pages, "d.html", page("Museum opens", 3), "https://three.example/museum")
    (folder / "mill.yaml").write_text(NAMED)
    done = with_site(site, folder, "-c", RUN, folder / "mill.yaml", folder / "lake", pages)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    return reader.rows(str(folder / "lake"), table).to_table().to_pylist()


def test_envelope_gives_the_page_of_its_records_and_leaves_the_others(ran: Path) -> None:
    articles = {row["domain"]: row for row in rows(ran, "articles")}
    assert set(articles) == {"one.example", "two.example", "three.example"}
    assert articles["one.example"]["url"] == "https://one.example/ferry"
    assert articles["one.example"]["fetched_at"].isoformat() == "2026-11-01T10:00:00+00:00"


def test_record_that_an_envelope_rejects_is_quarantined_whole(ran: Path) -> None:
    (row,) = rows(ran, "quarantine")
    assert (row["stage"], row["code"]) == ("decode", "E_SCHEMA")
    assert row["message"].startswith("CRAWL/1: the first line is no URL and time")
    assert row["payload"].startswith(b"CRAWL/1 broken")


def test_extractor_gives_the_text_where_it_has_one(ran: Path) -> None:
    articles = {row["domain"]: row for row in rows(ran, "articles")}
    assert articles["one.example"]["body"] == BOX
    assert articles["one.example"]["extraction"]["method"] == "story-box"
    assert json.loads(articles["one.example"]["extraction"]["candidates"])["story-box"] == len(BOX)
    assert articles["two.example"]["extraction"]["method"] == "passages"
    assert articles["two.example"]["body"] == story(2)


def test_enricher_and_step_fill_columns_of_their_own(ran: Path) -> None:
    articles = {row["domain"]: row for row in rows(ran, "articles")}
    first = articles["one.example"]
    assert first["topics"] == ["country:PK"]
    assert first["extras"] == [("country-topics.count", "1"), ("first-hand.is_first_hand", "yes")]
    assert dict(articles["two.example"]["extras"])["first-hand.is_first_hand"] == "no"
    assert dict(first["versions"]).items() >= {"country-topics": "1", "first-hand": "1"}.items()


def test_sink_has_the_rows_of_each_committed_batch(ran: Path) -> None:
    files = sorted((ran / "feed").iterdir())
    assert [file.suffix for file in files] == [".jsonl"]
    fed = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert {row["article_id"] for row in fed} == {row["article_id"] for row in rows(ran, "articles")}


def test_lake_with_columns_of_plugins_is_whole(ran: Path) -> None:
    assert audit(str(ran / "lake")).findings == []


def test_config_show_and_doctor_tell_of_plugins(site: Path, ran: Path) -> None:
    told = with_site(site, ran, "-m", "newsmill", "doctor", "-c", ran / "mill.yaml", "--json")
    (found,) = [finding for finding in json.loads(told.stdout) if finding["check"] == "plug-ins"]
    assert "envelopes: crawl-lines of crawl-lines 1.0.0, used by input.envelopes" in found["found"]
    assert found["found"].count("used by") == len(PACKAGES)


def test_plugin_that_raises_when_it_is_made_is_told_with_all_other_mistakes(site: Path, ran: Path) -> None:
    (ran / "wrong.yaml").write_text(NAMED + "batch: {max_records: none}\ncopies: {horizon_days: 0}\n")
    environment = {k: v for k, v in os.environ.items() if k != "JSON_FEED_FOLDER"}
    done = subprocess.run(
        [sys.executable, "-m", "newsmill", "config", "validate", "-c", str(ran / "wrong.yaml")],
        env=environment | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 2
    assert "json_feed:JsonFeed can't be made: KeyError: 'JSON_FEED_FOLDER'" in done.stderr
    assert "batch.max_records" in done.stderr and "copies.horizon_days" in done.stderr
