"""The page the project began with: body and nothing around it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newsmill.config import InputConfig, PageConfig
from newsmill.demo import PAGES
from newsmill.page.analysis import read_page
from newsmill.records import Page, Position, RawPage

URL = "https://asianlite.com/2021/top-news/taliban-toughen-stance-on-pak-policy-on-ttp/"


@pytest.fixture(scope="module")
def seed() -> Page:
    raw = RawPage(
        position=Position(topic="t", partition=0, offset=0),
        url=URL,
        body=(PAGES / "33-seed-taliban-ttp.html").read_bytes(),
    )
    found = read_page(raw, page=PageConfig(), input=InputConfig())
    assert isinstance(found, Page)
    return found


def test_seed_has_its_title_times_and_language(seed: Page) -> None:
    assert seed.title == "Taliban Toughen Stance on Pak Policy on TTP"
    assert seed.published_at == int(datetime(2021, 11, 8, 6, 30, tzinfo=UTC).timestamp()) * 1_000_000
    assert (seed.published_on, seed.published_source, seed.published_precision) == (
        "2021-11-08",
        "meta",
        "second",
    )
    assert seed.html_lang == "en-GB"
    assert seed.site_name == "Asian Lite News"
    assert seed.canonical_url == URL


def test_seed_body_begins_with_the_lede_and_ends_with_the_ambassador(seed: Page) -> None:
    lines = seed.body.split("\n")
    assert lines[0].startswith("Pakistani officials in interactions made a clear demand")
    assert lines[0].endswith("reports Asian Lite News")
    assert lines[1].startswith("Days before the Afghan Taliban were at the gates of Kabul")
    assert lines[-1].endswith("who frequently interacts with the Taliban government.")
    assert len(lines) == 15


@pytest.mark.parametrize(
    "furniture",
    [
        "ALSO READ",
        "Polio vax",
        "Previous Story",
        "Next Story",
        "Ethiopians protest",
        "Latest from",
        "Japan",
        "Go toTop",
        "Don't Miss",
        "Imran reneges",
        "mins read",
        "November 8",
        "Home",
        "©",
        "Taliban Toughen Stance on Pak Policy on TTP",
    ],
)
def test_seed_body_has_no_furniture(seed: Page, furniture: str) -> None:
    assert furniture not in seed.body


def test_seed_removals_are_recorded_and_undo(seed: Page) -> None:
    removed = [removal for removal in seed.extraction.removed if "ALSO READ" in removal.text]
    assert [removal.rule for removal in removed] == ["related-line", "related-line"]
    assert removed[0].paragraph < removed[1].paragraph


def test_seed_is_whole(seed: Page) -> None:
    assert seed.extraction.method == "passages"
    assert seed.extraction.completeness == 1.0
    assert seed.extraction.marks == ()
