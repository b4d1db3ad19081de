"""A newcomer's three tasks, done as their guides say: files and lines of the guide, and its commands.

NEWSMILL_UPDATE_DOCS=1 writes into a guide what its commands print now.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from guide_runs import BLOCK, is_to_be_updated, walked

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guide"


def follow(name: str, folder: Path, environment: Mapping[str, str] = {}) -> None:
    guide = GUIDES / name
    now = walked(guide, folder, environment)
    before = guide.read_text(encoding="utf-8")
    if is_to_be_updated():
        guide.write_text(now, encoding="utf-8")
    assert now == before, "if this is right, run again with NEWSMILL_UPDATE_DOCS=1"


def checkout(folder: Path) -> Path:
    """A working copy in which the lake's columns may be changed: the rest is linked."""
    changed = ("pipelines/newsmill/lake", "schemas", "tests/pure/lake")
    for place in changed:
        shutil.copytree(ROOT / place, folder / place, ignore=shutil.ignore_patterns("__pycache__"))
    for place in ("", "pipelines/newsmill", "tests", "tests/pure"):
        for found in (ROOT / place).iterdir():
            target = folder / place / found.name
            if not target.exists() and not found.name.startswith("."):
                target.symlink_to(found)
    return folder


def test_column_is_added_as_the_guide_says(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "newsmill")
    follow("add-a-column.md", folder, {"PYTHONPATH": str(folder / "pipelines")})


def test_envelope_is_added_as_the_guide_says(tmp_path: Path) -> None:
    """The installer puts it into a folder of the test's: nothing in the environment changes."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not installed")
    site, tools = tmp_path / "site", tmp_path / "tools"
    tools.mkdir()
    into = f"--python {sys.executable} --target {site} --no-deps --no-build-isolation"
    (tools / "uv").write_text(
        f'#!/bin/sh\n[ "$1 $2" = "pip install" ] && shift 2 && exec {uv} pip install {into} "$@"\n'
    )
    (tools / "uv").chmod(0o755)
    follow("add-an-envelope.md", tmp_path, {"PYTHONPATH": str(site)})


def test_envelope_of_the_guide_is_the_example() -> None:
    text = (GUIDES / "add-an-envelope.md").read_text(encoding="utf-8")
    shown = {where.removeprefix("file "): content for _, where, content in BLOCK.findall(text) if where}
    for name in ("pyproject.toml", "crawl_lines.py"):
        assert shown[name] == (ROOT / "examples" / "crawl_lines" / name).read_text(encoding="utf-8")


def test_box_of_a_site_is_cut_as_the_guide_says(tmp_path: Path) -> None:
    follow("site-overrides.md", tmp_path)
