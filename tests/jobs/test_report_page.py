"""The report in a real browser: it renders, asks for nothing, runs nothing, and fits a telephone."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from typer.testing import CliRunner

import press_week
from newsmill.cli import app
from newsmill.config import LakeConfig
from newsmill.errors import ConfigError
from newsmill.lake.writer import Lake
from newsmill.report.page import render
from newsmill.report.survey import Survey, survey

NOW = datetime(2026, 11, 16, tzinfo=UTC)
RECORDS = 12_000
IMAGES = Path(__file__).parents[2] / "docs" / "images"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


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
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium: apt install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


class Opened:
    """A page and what it did."""

    def __init__(self, browser: Browser, file: Path, *, width: int = 1280, dark: bool = False) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self.page: Page = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        start = time.monotonic()
        self.page.goto(file.as_uri(), wait_until="load")
        self.seconds = time.monotonic() - start

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *exc: object) -> None:
        self.context.close()


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
    with Opened(browser, page_file) as opened:
        assert opened.seconds < 3
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
    with Opened(browser, page_file) as opened:
        assert opened.page.title().startswith("newsmill report")
        assert opened.page.locator("script, img, iframe, object, [onload], [onerror]").count() == 0
        shown = opened.page.locator("body").inner_text()
        assert "document.title='owned'" in shown
        assert "\u202e" not in shown and "\x07" not in shown


def test_report_fits_a_telephone_when_the_screen_is_narrow(browser: Browser, page_file: Path) -> None:
    with Opened(browser, page_file, width=360) as opened:
        wide = opened.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_report_text_has_contrast_in_both_colour_schemes(
    browser: Browser, page_file: Path, dark: bool
) -> None:
    with Opened(browser, page_file, dark=dark) as opened:
        colours = opened.page.evaluate(
            "[...document.querySelectorAll('h2, .note, td, small')].map(e => getComputedStyle(e).color)"
        )
        card = opened.page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
        assert min(_contrast(colour, card) for colour in set(colours)) >= 4.5
        opened.page.check("#theme-light" if dark else "#theme-dark")
        turned = opened.page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
        assert turned != card


def test_report_is_walked_by_keyboard_when_tabbing(browser: Browser, page_file: Path) -> None:
    with Opened(browser, page_file) as opened:
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.textContent") == "Skip to the figures"
        reached = set()
        for _ in range(40):
            opened.page.keyboard.press("Tab")
            reached.add(opened.page.evaluate("document.activeElement.tagName"))
        assert {"INPUT", "A", "SUMMARY", "DIV"} <= reached


def test_report_pictures_are_taken_for_the_documentation(
    found: Survey, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(found, now=NOW).replace(found.lake, "a made-up week"), encoding="utf-8")
    with Opened(browser, file) as opened:
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
    with Opened(browser, file) as opened:
        assert opened.messages == []
        assert "Nothing has been committed" in opened.page.locator("body").inner_text()


def test_report_refuses_a_folder_that_is_no_lake_and_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no newsmill lake"):
        survey(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def _contrast(one: str, other: str) -> float:
    """WCAG 2 contrast of two `rgb(r, g, b)` colours."""

    def luminance(colour: str) -> float:
        channels = [int(c) / 255 for c in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
