"""How long the report of a lake takes, how large it is, and how fast a browser shows it.

python benchmarks/report.py --records 119000
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

from newsmill.report.page import render
from newsmill.report.survey import survey

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import press_week

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=119_000)
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory() as scratch:
        lake, page = Path(scratch, "lake"), Path(scratch, "report.html")
        press_week.fill(lake, records=records)
        before = time.monotonic()
        found = survey(str(lake))
        html = render(found, now=datetime(2026, 11, 16, tzinfo=UTC))
        made = time.monotonic()
        page.write_text(html, encoding="utf-8")
        figures = {
            "articles": found.totals["articles"],
            "made_s": round(made - before, 2),
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
            "kb": len(html.encode()) // 1000,
            "opened_s": _opened(page),
        }
    print(json.dumps(figures))


def _opened(page: Path) -> float | None:
    """Seconds until the page is loaded in Chromium; None where there is none."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return None
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        tab = browser.new_page()
        start = time.monotonic()
        tab.goto(page.as_uri(), wait_until="load")
        taken = time.monotonic() - start
        browser.close()
    return round(taken, 2)


if __name__ == "__main__":
    main()
