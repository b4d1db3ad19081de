"""The live page in a real browser: it moves, asks for its figures only, runs nothing of strangers, fits."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

import press_week
from browser import OUTSIDE, OVERLAPS, Opened, chromium, contrast
from newsmill.observe.drift import DriftEvent, Signal
from newsmill.observe.live import FRESH_S, PARTITIONS, SITES, STORIES, TEXT_CHARS, Live
from newsmill.observe.metrics import RunMetrics
from newsmill.observe.server import MetricsServer
from newsmill.runtime.work import Work
from newsmill.sources.transactions import Backlog

CODES = ("E_DECODE", "E_TIMEOUT", "E_NESTING")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def ledger(records: int) -> list[dict[str, Any]]:
    fates = ["article"] * 60 + ["copy"] * 15 + ["revision"] * 3 + ["redelivery"] * 2
    ends = [(fate, None) for fate in fates]
    ends += [("not_article", reason) for reason in ("section_page", "consent_page", "error_page") * 5]
    ends += [("withheld", "takedown")] * 2 + [("quarantined", code) for code in CODES]
    rows = []
    for n in range(records):
        fate, reason = ends[n % len(ends)]
        site = press_week.OUTLETS[n % len(press_week.OUTLETS)]
        known = None if fate == "quarantined" else site
        rows.append({"fate": fate, "reason": reason, "domain": known, "url": f"https://{site}/{n}"})
    return rows


def articles(titles: tuple[str, ...]) -> list[dict[str, Any]]:
    at = datetime.now(UTC)
    return [
        {
            "ingested_at": at,
            "title": title,
            "domain": press_week.OUTLETS[n],
            "lang": "en",
            "duplicate": {"is_duplicate": False},
        }
        for n, title in enumerate(titles)
    ]


def busy() -> RunMetrics:
    """The metrics of a run that has done and seen much."""
    metrics = RunMetrics(lake="/srv/a lake with a long name/of-the-newsroom-in-the-north/tables")
    long = "A headline that goes on and on about the harbour, the council and the ferry" * 3
    titles = (*press_week.HOSTILE, long, "مجلس المدينة يناقش الميناء", "Short", *("More news",) * 10)
    change = {"pages": 80, "z": 9.0}
    event = DriftEvent(
        domain="redesigned.example",
        at=time.time_ns() // 1000,
        signal=Signal.LENGTH,
        before=3200,
        after=180,
        **change,
    )
    metrics.live.committed(ledger(5000), articles(titles), [event], lost=7)
    metrics.lag({("news-pages-of-a-topic-with-a-long-name", n): 900 * (20 - n) for n in range(20)})
    held = [
        Backlog(
            topic="news-pages-of-a-topic-with-a-long-name", partition=0, waiting=1, held_back=11, stable_end=5
        )
    ]
    metrics.live.held_back(held)
    metrics.ready()
    metrics.working(work(1200))
    return metrics


def work(done: int) -> Work:
    return Work(
        records=5000, seconds=40.0, pages={"ExtractPages": done}, busy_s={"ExtractPages": 30.0}, oldest=None
    )


@pytest.fixture
def served() -> Iterator[tuple[RunMetrics, str]]:
    metrics = busy()
    with MetricsServer(metrics) as server:
        yield metrics, f"http://127.0.0.1:{server.port}/"


def test_page_shows_the_run_and_follows_it_when_it_goes_on(
    browser: Browser, served: tuple[RunMetrics, str]
) -> None:
    metrics, url = served
    with Opened(browser, url) as opened:
        page = opened.page
        expect(page.locator("#state")).to_have_text("ready")
        assert page.locator("#waiting").inner_text() == "189,000"
        assert page.locator("#batch").inner_text() == "24 %"
        assert "and 11 behind open transactions" in page.locator("#held").inner_text()
        assert page.locator("#lag li").count() == PARTITIONS
        assert page.locator("#stories li").count() == STORIES
        assert "redesigned.example" in page.locator("#sites").inner_text()
        assert page.locator("#flow path").count() > 10
        metrics.working(work(2500))
        expect(page.locator("#batch")).to_have_text("50 %")
        assert float(page.locator("#rate").inner_text().replace(",", "")) > 0
        assert set(opened.requests) == {url, f"{url}live.json"}
        assert opened.messages == []


def test_page_says_so_when_the_process_no_longer_answers(browser: Browser) -> None:
    with MetricsServer(busy()) as server:
        opened = Opened(browser, f"http://127.0.0.1:{server.port}/")
        expect(opened.page.locator("#state")).to_have_text("ready")
    with opened:
        expect(opened.page.locator("#state")).to_have_text("no answer")
        assert "the figures are of 20" in opened.page.locator("#problems").inner_text()


def test_page_runs_and_shows_nothing_of_hostile_titles_when_they_hold_markup(
    browser: Browser, served: tuple[RunMetrics, str]
) -> None:
    metrics, url = served
    with Opened(browser, url) as opened:
        page = opened.page
        expect(page.locator("#stories li")).to_have_count(STORIES)
        metrics.live.committed([], articles(press_week.HOSTILE), [], lost=0)
        expect(page.locator("#stories")).to_contain_text("document.title='owned'")
        assert page.title().startswith("newsmill live: ")
        assert page.locator("img, iframe, object, main svg svg, [onload], [onerror]").count() == 0
        assert page.locator("script").count() == 1
        shown = page.locator("body").inner_text()
        assert "\u202e" not in shown and "\x07" not in shown
        assert opened.messages == []
        with socket.create_server(("127.0.0.1", 0)) as elsewhere:
            elsewhere.settimeout(0.5)
            stranger = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/x"
            page.evaluate("url => document.body.append(Object.assign(new Image(), {src: url}))", stranger)
            page.evaluate("url => { fetch(url).catch(() => 0) }", stranger)
            with pytest.raises(TimeoutError):
                elsewhere.accept()
        assert any("Content Security Policy" in message for message in opened.messages)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_page_has_nothing_outside_its_card_or_cut_when_the_screen_is_so_wide(
    browser: Browser, served: tuple[RunMetrics, str], width: int, dark: bool
) -> None:
    with Opened(browser, served[1], width=width, dark=dark) as opened:
        page = opened.page
        expect(page.locator("#stories li")).to_have_count(STORIES)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate(OUTSIDE) == []
        assert page.evaluate(OVERLAPS, "#flow text") == []
        colours = page.evaluate(
            "[...document.querySelectorAll('h2, .note, td, small, li')].map(e => getComputedStyle(e).color)"
        )
        card = page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
        assert min(contrast(colour, card) for colour in set(colours)) >= 4.5


def ask(url: str, *, host: str | None = None, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, method=method, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_page_and_figures_answer_to_names_of_this_machine_only(served: tuple[RunMetrics, str]) -> None:
    _, url = served
    for path in ("", "live.json"):
        for host in ("127.0.0.1", "localhost:9400", "[::1]:9400"):
            assert ask(url + path, host=host)[0] == 200
        for host in ("evil.example", "evil.example:9400", "127.0.0.1.evil.example", "localhost.evil.example"):
            assert ask(url + path, host=host)[0] == 421
    assert ask(f"{url}metrics", host="mill.example")[0] == 200
    assert ask(url, method="POST")[0] == 405
    headers = ask(url)[1]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_figures_take_as_much_however_much_was_seen_and_however_many_look() -> None:
    now = [1_000_000.0]
    live = Live(lambda: now[0], "/srv/lake")
    for batch in range(30):
        rows = [row | {"url": f"https://site-{batch}-{n}.example/"} for n, row in enumerate(ledger(1000))]
        live.committed(rows, articles(("x" * 10_000,) * 40), [], lost=0)
    live.lag({("pages", n): n for n in range(5000)})
    first = live.json([])
    found = json.loads(first)
    assert len(first) < 20_000
    assert (
        len(found["sites"]) == SITES and len(found["lag"]) == PARTITIONS and len(found["stories"]) == STORIES
    )
    assert all(len(story["title"]) <= TEXT_CHARS + 1 for story in found["stories"])
    assert found["records"] == sum(n for _, _, n in found["fates"]) == 30_000
    start = time.thread_time()
    assert all(live.json([]) is first for _ in range(1000))
    cached = time.thread_time() - start
    start = time.thread_time()
    for _ in range(10):
        now[0] += FRESH_S
        live.json([])
    assert cached / 1000 < (time.thread_time() - start) / 10


def test_pages_a_second_are_those_of_the_last_minute_when_a_batch_runs() -> None:
    now = [1_000_000.0]
    live = Live(lambda: now[0], "/srv/lake")
    for second in range(1, 121):
        now[0] += 1
        live.working(work(10 * second))
    found = json.loads(live.json([]))
    assert found["rate"] == pytest.approx(10, abs=1.5)
    assert found["batch"]["done"] == 1200
    assert max(found["rates"]) == pytest.approx(10, abs=3)
    now[0] += 3600
    assert json.loads(live.json([]))["rate"] == 0
    live.working(None)
    live.committed(ledger(1200), [], [], lost=0)
    now[0] += 2
    assert json.loads(live.json([]))["records"] == 1200
    assert Counter(json.loads(live.json([]))["rates"])[0] >= 100


def test_page_is_served_by_a_run_without_a_lake_or_a_broker_yet(browser: Browser) -> None:
    metrics = RunMetrics(lake="/srv/lake")
    with MetricsServer(metrics) as server, Opened(browser, f"http://127.0.0.1:{server.port}/") as opened:
        expect(opened.page.locator("#state")).to_have_text("starting")
        assert opened.page.locator("#lake").inner_text() == "/srv/lake"
        expect(opened.page.locator("#flow")).to_contain_text("Nothing was committed since the start.")
        assert opened.page.evaluate(OUTSIDE) == []
        assert opened.messages == []
