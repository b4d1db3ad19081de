"""Rules for sites are tried on pages from files, from the quarantine, and from where a record was read."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from newsmill.config import Config, InputConfig, LakeConfig, PageConfig
from newsmill.errors import ConfigError
from newsmill.jobs.override_trial import Found, Outcome, Trial, difference, trials
from newsmill.lake.writer import Lake
from newsmill.runners.batch_sources import FileSource
from newsmill.runners.direct import MicroBatchRunner
from newsroom import story

PROMO = "Our readers liked this long story of ferries, which was printed on Sunday and is there for members."


def page(seed: int, *, padding: int = 0) -> str:
    lines = story(seed).splitlines()
    text = f"<p>{lines[0]}</p><p class=promo>{PROMO}</p>" + "".join(f"<p>{line}</p>" for line in lines[1:])
    title = f"<title>Ferry {seed}</title>"
    body = f"<article>{text}</article><!--{'x' * padding}-->"
    return f"<html lang=en><head>{title}</head><body>{body}</body></html>"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules, three pages of which one is too large, and their lake."""
    folder = tmp_path_factory.mktemp("ground")
    (folder / "sites.yaml").write_text("one.example: {remove: [.promo]}\ntwo.example: {remove: [.promo]}\n")
    pages = folder / "pages"
    pages.mkdir()
    for number, (site, padding) in enumerate((("one", 0), ("two", 200_000), ("three", 0))):
        (pages / f"{site}.html").write_text(page(number, padding=padding))
        (pages / f"{site}.json").write_text(json.dumps({"url": f"https://{site}.example/ferry"}))
    config = Config(
        lake=LakeConfig(path=str(folder / "lake")),
        input=InputConfig(max_value_bytes=100_000),
        page=PageConfig(processes=1),
        enrich={"enabled": False},
    )
    lake = Lake.open(config.lake)
    runner = MicroBatchRunner(config, FileSource(config, [pages]), lake, clock=lambda: 1_700_000_000_000_000)
    runner.run(once=True, stop=threading.Event(), watches=())
    lake.release()
    return folder


def tried(ground: Path, what: str) -> tuple[list[Trial], Found]:
    config = Config(lake=LakeConfig(path=str(ground / "lake")), page=PageConfig(processes=1))
    found = Found()
    return list(trials(config, ground / "sites.yaml", what, found)), found


def test_pages_of_a_folder_are_read_where_rules_name_their_site(ground: Path) -> None:
    made, found = tried(ground, str(ground / "pages"))
    assert [trial.url for trial in made] == ["https://one.example/ferry", "https://two.example/ferry"]
    assert found == Found(pages=3, other_sites=1)
    for trial in made:
        assert PROMO in trial.before.text and PROMO not in trial.after.text
        lines = list(difference(trial))
        assert f"- {PROMO}" in lines and not any(line.startswith("+ ") for line in lines)


def test_page_that_cannot_be_read_costs_no_other(ground: Path, tmp_path: Path) -> None:
    for name in ("one.html", "one.json"):
        (tmp_path / name).write_bytes((ground / "pages" / name).read_bytes())
    (tmp_path / "a.html").write_text("<p>no address")
    (trial,), found = tried(ground, str(tmp_path))
    assert (trial.url, found.pages) == ("https://one.example/ferry", 1)
    (problem,) = found.problems
    assert problem.startswith(f"{tmp_path}/a.html: no URL")


@pytest.mark.parametrize("what", ["https://one.example/ferry", "file:{}/pages/0/2"])
def test_page_that_the_lake_knows_is_found_again(ground: Path, what: str) -> None:
    """The first in the file that it was read from, the second in the quarantine."""
    (trial,), found = tried(ground, what.format(ground))
    assert trial.changes and found == Found(pages=1)


def test_page_of_another_site_is_not_read(ground: Path) -> None:
    assert tried(ground, "https://three.example/ferry") == ([], Found(pages=1, other_sites=1))


def test_page_whose_record_is_gone_is_counted(ground: Path) -> None:
    kept = (ground / "pages").rename(ground / "elsewhere")
    try:
        assert tried(ground, "https://one.example/ferry") == ([], Found(lost=1))
    finally:
        kept.rename(ground / "pages")


def test_page_that_nobody_knows_is_a_mistake(ground: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file, and the lake at .* has no record of it"):
        tried(ground, "https://four.example/ferry")


def test_each_field_that_differs_is_shown_before_and_after() -> None:
    before = Outcome("article", title="One", authors=("Anna Reed", "Bo Lund"), text="same\ntext")
    after = Outcome("article", title=None, authors=(), text="same\ntext")
    assert list(difference(Trial("https://a.example/", before, after))) == [
        "- title: One",
        "+ title: none",
        "- authors: Anna Reed, Bo Lund",
        "+ authors: none",
    ]
    assert list(difference(Trial("https://a.example/", before, before))) == []
