"""Records done again: the lake has new rows for them, each record one fate, and the audit stays clean."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.compute as pc
import pytest

from newsmill.config import Config, InputConfig, LakeConfig
from newsmill.lake import reader
from newsmill.lake.writer import Lake
from newsmill.runners.batch_sources import FileSource
from newsmill.runners.direct import MicroBatchRunner

AT = 1_700_000_000_000_000
WORDS = [
    f"{a}{b}"
    for a in ("har", "gla", "ori", "mus", "ferr", "tari")
    for b in ("bour", "cier", "gin", "eum", "ies", "ff")
]


def page(n: int) -> str:
    words = random.Random(n).choices(WORDS, k=160)
    lines = (" ".join(words[start : start + 10]) for start in range(0, 160, 10))
    story = "".join(f"<p>The {line} in Lisbon and Kabul on Monday.</p>" for line in lines)
    head = f"<html lang=en><head><title>Fleet {n}</title></head>"
    return f"{head}<body><article><h1>Fleet {n}</h1>{story}</article></body></html>"


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Four pages; one is larger than the others."""
    folder = tmp_path / "pages"
    folder.mkdir()
    for n in range(4):
        text = page(n) + ("<!-- " + "x" * 20_000 + " -->" if n == 2 else "")
        (folder / f"{n}.html").write_text(text, encoding="utf-8")
        described = {"url": f"https://site{n}.example/story", "content_type": "text/html; charset=utf-8"}
        (folder / f"{n}.json").write_text(json.dumps(described), encoding="utf-8")
    return folder


@pytest.fixture
def lake(pages: Path, tmp_path: Path) -> Path:
    """A lake in which the larger page was quarantined (E_SIZE)."""
    config = Config(lake=LakeConfig(path=str(tmp_path / "lake")), input=InputConfig(max_value_bytes=10_000))
    owned = Lake.open(config.lake)
    mill = MicroBatchRunner(config, FileSource(config, [pages]), owned, clock=lambda: AT)
    mill.run(once=True, stop=threading.Event(), watches=())
    owned.release()
    assert fates(tmp_path / "lake") == ["article", "article", "quarantined", "article"]
    return tmp_path / "lake"


def newsmill(*arguments: str, code: int = 0) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "newsmill", *arguments, "--json"], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def fates(lake: Path) -> list[str]:
    rows = reader.rows(str(lake), "fate").to_table(columns=["offset", "fate"]).sort_by("offset")
    return rows["fate"].to_pylist()


def times(lake: Path, table: str) -> set[int]:
    rows = reader.rows(str(lake), table).to_table(columns=["ingested_at"])
    return set(rows["ingested_at"].cast("int64").to_pylist())


def test_replay_moves_a_quarantined_record_to_its_one_new_fate(lake: Path) -> None:
    planned = newsmill("replay", str(lake), "--quarantine", "--dry-run")
    assert planned["records"] == 1
    assert fates(lake)[2] == "quarantined"
    done = newsmill("replay", str(lake), "--quarantine")
    assert done["moved"] == {"quarantined → article": 1}
    assert fates(lake) == ["article"] * 4
    assert reader.rows(str(lake), "quarantine").count_rows() == 0
    assert reader.rows(str(lake), "articles").count_rows() == 4
    assert times(lake, "fate") == times(lake, "articles") == {AT}
    again = newsmill("replay", str(lake), "--quarantine")
    assert again["records"] == 0
    newsmill("audit", str(lake))


def test_replay_quarantines_again_what_still_can_not_be_read(lake: Path) -> None:
    done = newsmill("replay", str(lake), "--quarantine", "--set", "input.max_value_bytes=10000")
    assert done["moved"] == {"quarantined → quarantined": 1}
    assert fates(lake)[2] == "quarantined"
    assert reader.rows(str(lake), "quarantine").count_rows() == 1
    newsmill("audit", str(lake))


def test_replay_reads_pages_of_files_again_and_says_what_is_lost_when_they_are_gone(
    lake: Path, pages: Path
) -> None:
    planned = newsmill("replay", str(lake), "--domain", "site1.example", "--dry-run")
    assert (planned["records"], planned["selected"], planned["moved"]) == (1, {"article": 1}, {})
    done = newsmill("replay", str(lake), "--domain", "site1.example")
    assert (done["moved"], done["lost"]) == ({"article → article": 1}, [])
    (pages / "1.html").write_text(page(9), encoding="utf-8")
    done = newsmill("replay", str(lake), "--domain", "site1.example", code=1)
    assert done["records"] == 0
    assert [place[2] for place in done["lost"]] == [1]
    assert fates(lake) == ["article", "article", "quarantined", "article"]


def test_replay_is_finished_by_the_next_opening_when_it_was_killed(lake: Path) -> None:
    for point in ("replace.decided", "table.staged.articles", "table.staged.quarantine"):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "newsmill",
                "replay",
                str(lake),
                "--quarantine",
                "--set",
                "lake.lease_s=1",
            ],
            env={**os.environ, "NEWSMILL_TEST": "1", "NEWSMILL_FAILPOINT": f"{point}@1:kill"},
            capture_output=True,
            timeout=200,
        )
        assert done.returncode != 0
    Lake.open(LakeConfig(path=str(lake), lease_s=1)).release()
    assert fates(lake) == ["article"] * 4
    assert reader.rows(str(lake), "articles").count_rows() == 4
    newsmill("audit", str(lake))


def test_replay_of_an_enricher_changes_its_columns_and_nothing_else(lake: Path) -> None:
    before = reader.rows(str(lake), "articles").to_table().sort_by("offset")
    done = newsmill("replay", str(lake), "--enricher", "places", "--domain", "site0.example")
    assert done["rows"] == 1
    after = reader.rows(str(lake), "articles").to_table().sort_by("offset")
    assert after.equals(before)
    newsmill("audit", str(lake))
    failed = subprocess.run(
        [sys.executable, "-m", "newsmill", "replay", str(lake), "--enricher", "plaices"],
        capture_output=True,
        text=True,
    )
    assert failed.returncode == 2
    assert "there is no enricher plaices; there are: " in failed.stderr


def test_replay_of_an_enricher_fills_what_was_not_there(pages: Path, tmp_path: Path) -> None:
    config = Config(lake=LakeConfig(path=str(tmp_path / "bare")))
    config = config.model_copy(update={"enrich": config.enrich.model_copy(update={"enabled": False})})
    owned = Lake.open(config.lake)
    mill = MicroBatchRunner(config, FileSource(config, [pages]), owned, clock=lambda: AT)
    mill.run(once=True, stop=threading.Event(), watches=())
    owned.release()
    newsmill("replay", str(tmp_path / "bare"), "--enricher", "places")
    rows = reader.rows(str(tmp_path / "bare"), "articles").to_table()
    with_body = rows.filter(pc.is_valid(rows["body"]))
    for places, entities, versions in zip(
        *(with_body[name].to_pylist() for name in ("places", "entities", "versions")), strict=True
    ):
        assert {place["name"] for place in places} >= {"Kabul", "Lisbon"}
        assert entities == []
        assert "places" in dict(versions)
    flat = reader.rows(str(tmp_path / "bare"), "article_places").to_table()
    assert len(flat) == sum(map(len, with_body["places"].to_pylist()))
    newsmill("audit", str(tmp_path / "bare"))
