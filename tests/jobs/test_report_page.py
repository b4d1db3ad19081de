"""The report in a real browser: it renders, asks for nothing, runs nothing, and fits a telephone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from typer.testing import CliRunner

import press_week
from browser import OUTSIDE, OVERLAPS, Opened, chromium, contrast
from newsmill.cli import app
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError
from newsmill.lake.writer import Lake
from newsmill.report.page import render
from newsmill.report.survey import Survey, survey

NOW = datetime(2026, 11, 16, tzinfo=UTC)
RECORDS = 12_000
IMAGES = Path(__file__).parents[2] / "docs" / "images"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("week") / "lake"
    press_week.fill(root, records=RECORDS)
    return root


@pytest.fixture(scope="module")
def found(lake: Path) -> Survey:
    return survey(str(lake))


@pytest.fixture(scope="module")
def page_file(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "report.html"
    result = CliRunner().invoke(app, ["report", str(lake), "-o", str(out)])
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_survey_agrees_with_the_ledger_when_counted_both_ways(found: Survey) -> None:
    totals = found.totals
    volumes = sum(n for row in found.volumes for name, n in row.items() if name != "bucket")
    assert abs(totals["records"] - RECORDS) < 30
    assert volumes == sum(row["records"] for row in found.reasons) == totals["records"]
    assert sum(row["copies"] for row in found.copy_types) == totals["copies"]
    assert totals["articles"] == totals["stories"] + totals["copies"]
    assert sum(row["records"] for row in found.quarantine) == totals["quarantined"]
    assert sum(row["copies"] for row in found.flows) <= totals["copies"]


def test_survey_shows_how_quarantined_payloads_begin(found: Survey) -> None:
    heads = [example["head"] for code in found.quarantine for example in code["examples"]]
    assert len(heads) > 10
    assert all(head.startswith((b"%PDF", b"<html>")) and len(head) == 96 for head in heads)


def test_survey_shows_the_redesign_of_a_site_when_its_pages_changed(found: Survey) -> None:
    assert {(event.domain, event.signal.value) for event in found.drift} == {
        (press_week.OUTLETS[4], "length"),
        (press_week.OUTLETS[4], "dated"),
    }


def test_report_opens_fast_and_asks_for_nothing_when_loaded(browser: Browser, page_file: Path) -> None:
    assert page_file.stat().st_size < 3_000_000
    with Opened(browser, page_file.as_uri()) as opened:
        assert opened.requests == [page_file.as_uri()]
        assert opened.messages == []
        sections = opened.page.locator("main section")
        assert sections.count() == 13
        assert opened.page.locator("#volumes rect").count() > 100
        assert opened.page.locator("#flows path").count() > 20
        assert opened.page.locator("#places circle").count() > 20
        assert opened.page.locator("#quarantine dl").count() > 4


def test_report_runs_and_shows_nothing_of_hostile_titles_when_they_hold_markup(
    browser: Browser, page_file: Path
) -> None:
    html = page_file.read_text(encoding="utf-8")
    assert "<script" not in html and "onerror=" not in html.replace("onerror=&#34;", "")
    with Opened(browser, page_file.as_uri()) as opened:
        assert opened.page.title().startswith("newsmill report")
        assert opened.page.locator("script, img, iframe, object, [onload], [onerror]").count() == 0
        shown = opened.page.locator("body").inner_text()
        assert "document.title='owned'" in shown
        assert "\u202e" not in shown and "\x07" not in shown


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_report_has_nothing_outside_its_card_or_cut_when_the_screen_is_so_wide(
    browser: Browser, page_file: Path, width: int
) -> None:
    with Opened(browser, page_file.as_uri(), width=width) as opened:
        opened.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert opened.page.evaluate(OUTSIDE) == []
        assert opened.page.evaluate(OVERLAPS, ".ticks span") == []
        assert opened.page.evaluate(OVERLAPS, "svg.flow text") == []
        assert opened.page.locator("svg.flow path:visible").count() > 20
        tiles = opened.page.evaluate(
            """() => {
              const edge = document.querySelector(".tiles").getBoundingClientRect().right - 1;
              const rows = new Map();
              for (const tile of document.querySelectorAll(".tiles div")) {
                const box = tile.getBoundingClientRect();
                rows.set(box.top, Math.max(rows.get(box.top) ?? 0, box.right));
              }
              return [...rows.values()].map(right => edge - right);
            }"""
        )
        assert all(abs(empty) <= 1 for empty in tiles)


@pytest.mark.parametrize("buckets", [1, 2, 3, 5, 7, 12, 30, 72])
def test_labels_of_an_axis_stay_in_their_card_whatever_their_number(
    browser: Browser, found: Survey, tmp_path: Path, buckets: int
) -> None:
    file = tmp_path / "report.html"
    few = replace(found, volumes=found.volumes[:buckets])
    file.write_text(render(few, now=NOW), encoding="utf-8")
    with Opened(browser, file.as_uri(), width=390) as opened:
        assert opened.page.evaluate(OUTSIDE) == []
        assert opened.page.evaluate(OVERLAPS, ".ticks span") == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_report_text_has_contrast_in_both_colour_schemes(
    browser: Browser, page_file: Path, dark: bool
) -> None:
    with Opened(browser, page_file.as_uri(), dark=dark) as opened:
        colours = opened.page.evaluate(
            "[...document.querySelectorAll('h2, .note, td, small')].map(e => getComputedStyle(e).color)"
        )
        card = opened.page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
        assert min(contrast(colour, card) for colour in set(colours)) >= 4.5
        opened.page.check("#theme-light" if dark else "#theme-dark")
        turned = opened.page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
        assert turned != card


def test_report_is_walked_by_keyboard_when_tabbing(browser: Browser, page_file: Path) -> None:
    with Opened(browser, page_file.as_uri()) as opened:
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the figures"
        reached = set()
        for _ in range(40):
            opened.page.keyboard.press("Tab")
            reached.add(opened.page.evaluate("document.activeElement.tagName"))
        assert {"INPUT", "A", "SUMMARY"} <= reached


def test_report_pictures_are_taken_for_the_documentation(
    found: Survey, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(found, now=NOW).replace(found.lake, "a made-up week"), encoding="utf-8")
    with Opened(browser, file.as_uri()) as opened:
        opened.page.set_viewport_size({"width": 1280, "height": 880})
        opened.page.screenshot(path=tmp_path / "report.png")
        opened.page.locator("#flows").screenshot(path=tmp_path / "report-flows.png")
        opened.page.locator("#places").screenshot(path=tmp_path / "report-places.png")
    for picture in tmp_path.glob("*.png"):
        assert picture.stat().st_size > 30_000
        if os.environ.get("NEWSMILL_UPDATE_IMAGES"):
            shutil.copy(picture, IMAGES)
        assert (IMAGES / picture.name).is_file(), "run again with NEWSMILL_UPDATE_IMAGES=1"


def test_report_of_an_empty_lake_says_so_when_nothing_was_committed(tmp_path: Path, browser: Browser) -> None:
    Lake.open(LakeConfig(path=str(tmp_path / "lake"))).release()
    file = tmp_path / "report.html"
    file.write_text(render(survey(str(tmp_path / "lake")), now=NOW), encoding="utf-8")
    with Opened(browser, file.as_uri()) as opened:
        assert opened.messages == []
        assert "Nothing has been committed" in opened.page.locator("body").inner_text()


def test_report_refuses_a_folder_that_is_no_lake_and_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no newsmill lake"):
        survey(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
