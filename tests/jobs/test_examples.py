"""The examples run as they are, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from distributions import ROOT

EXAMPLES = ROOT / "examples"


def run(*words: object, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"PYTHONPATH": str(path)} if path else {})
    return subprocess.run(
        [str(w) for w in words], env=environment, capture_output=True, text=True, timeout=280
    )


def test_one_page_is_read_and_its_names_are_told() -> None:
    done = run(sys.executable, EXAMPLES / "one_page.py")
    assert done.returncode == 0, done.stderr
    head, *names = done.stdout.splitlines()
    assert head.split("  ")[0] == "en"
    assert any(line.startswith("  LOC  ") for line in names)


def test_python_of_the_readme_runs() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0 and "Q34370" in done.stdout, done.stderr


def test_page_that_is_no_article_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "feed.html").write_text("<?xml version='1.0'?><rss version='2.0'></rss>")
    done = run(sys.executable, EXAMPLES / "one_page.py", tmp_path / "feed.html", "https://example.org/feed")
    assert (done.returncode, done.stdout) == (1, "no article: feed\n")


def test_pipeline_of_ones_own_gives_each_record_one_line() -> None:
    program = (EXAMPLES / "beam_pipeline.py").read_text().split('"""', 2)[2]
    assert len([line for line in program.splitlines() if line.strip()]) <= 30
    done = run(sys.executable, EXAMPLES / "beam_pipeline.py")
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 33
    assert "quarantined: E_" in done.stdout and "not_article: " in done.stdout


def test_sink_of_ones_own_has_a_line_for_each_article(tmp_path: Path) -> None:
    newsmill = Path(sys.executable).with_name("newsmill")
    made = run(newsmill, "demo", "--no-kafka", "--lake", tmp_path / "lake")
    assert made.returncode == 0, made.stderr[-2000:]
    done = run(sys.executable, EXAMPLES / "own_sink.py", tmp_path / "lake" / "tables")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 27, done.stderr[-2000:]
    assert all(row["article_id"] and "body" not in row for row in rows)
