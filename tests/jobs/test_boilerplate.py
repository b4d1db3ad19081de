"""What a site repeats under its articles is learned from one batch and cut from the next."""

import json
import threading
from pathlib import Path

import pytest

from newsmill.config import BatchConfig, Config, LakeConfig, PageConfig
from newsmill.lake import reader
from newsmill.lake.writer import Lake
from newsmill.runners.batch_sources import FileSource
from newsmill.runners.direct import MicroBatchRunner

STANDING = "The Harbour Gazette has been written in this town by its own people since the year 1881."
WORDS = "harbour council bridge tariff storm ferry election budget glacier orchard museum strike".split()
WORDS += ["lantern", "copper"]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    for n in range(8):
        lines = (" ".join(f"{WORDS[(n * 5 + k * 3 + i) % 14]}{n}{k}" for i in range(12)) for k in range(8))
        story = "".join(f"<p>The {line} was said in the town on Monday.</p>" for line in lines)
        html = (
            f"<html lang=en><title>Story {n}</title><body><article><h1>Story {n}</h1>{story}<p>{STANDING}</p>"
        )
        (folder / f"{n}.html").write_text(html + "</article></body></html>", encoding="utf-8")
        described = {"url": f"https://gazette.example/{n}", "content_type": "text/html; charset=utf-8"}
        (folder / f"{n}.json").write_text(json.dumps(described), encoding="utf-8")
    return folder


def run(pages: Path, lake: Path, *, batches: int, learn: bool = True) -> None:
    """Run some batches of two pages, as a process of its own would."""
    config = Config(
        lake=LakeConfig(path=str(lake)),
        batch=BatchConfig(max_records=2),
        page=PageConfig(learn_boilerplate=learn),
    )
    owned, stop, clock = Lake.open(config.lake), threading.Event(), iter(range(10**15, 10**16, 10**6))

    class Stop:
        left = batches

        def alive(self) -> None: ...

        def lag(self, behind: object) -> None: ...

        def held_back(self, found: object) -> None: ...

        def working(self, work: object) -> None: ...

        def batch_committed(self, summary: object, files: object) -> None:
            self.left -= 1
            if not self.left:
                stop.set()

    mill = MicroBatchRunner(config, FileSource(config, [pages]), owned, clock=lambda: next(clock))
    mill.run(once=True, stop=stop, watches=[Stop()])
    owned.release()


def bodies(lake: Path) -> list[str]:
    rows = reader.rows(str(lake), "articles").to_table(columns=["offset", "body"]).sort_by("offset")
    return rows["body"].to_pylist()


def test_standing_text_is_cut_once_four_articles_had_it(pages: Path, tmp_path: Path) -> None:
    run(pages, tmp_path / "lake", batches=4)
    assert [STANDING in body for body in bodies(tmp_path / "lake")] == [True] * 4 + [False] * 4
    rows = reader.rows(str(tmp_path / "lake"), "articles").to_table(columns=["offset", "extraction"])
    removed = [e["removed"] for e in rows.sort_by("offset")["extraction"].to_pylist()]
    assert [[r["text"] for r in cuts if r["rule"] == "repeated-block"] for cuts in removed[4:]] == [
        [STANDING]
    ] * 4


def test_standing_text_is_known_again_after_a_restart(pages: Path, tmp_path: Path) -> None:
    run(pages, tmp_path / "lake", batches=3)
    run(pages, tmp_path / "lake", batches=1)
    assert [STANDING in body for body in bodies(tmp_path / "lake")] == [True] * 4 + [False] * 4


def test_standing_text_stays_when_learning_is_off(pages: Path, tmp_path: Path) -> None:
    run(pages, tmp_path / "lake", batches=4, learn=False)
    assert all(STANDING in body for body in bodies(tmp_path / "lake"))
