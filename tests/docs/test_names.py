"""Modules and files that docs, docstrings and comments name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import newsmill

PACKAGE = Path(newsmill.__file__).parent
ROOT = Path(__file__).parents[2]
FILES = sorted(
    file
    for folder in ("docs", "pipelines/newsmill", "tests", "benchmarks", "deploy", "examples", "schemas")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in (".md", ".py", ".yaml") and "data" not in file.parts and "pages" not in file.parts
) + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "pyproject.toml", "setup.py")]

MODULE = re.compile(r"\bnewsmill((?:\.[a-z][a-z_]*)+)\b(?!-)")
SOURCE = re.compile(r"(?<![\w/.{*-])((?:[a-z_]+/)+[a-z_0-9]+\.py)\b")
NO_MODULES = frozenset(
    "batch changing committed edition enrichers envelopes epoch extractors input late odcs operation owner "
    "chang pending ranges replacing schema_version sequence sinks steps suspects table test articles "
    "cluster_events fate quarantine takedowns until written".split()
)
"""What follows `newsmill.` in properties of tables, entry points, files, tables and names of hosts."""


def is_there(dotted: str) -> bool:
    """Whether it is a module or a package, or a name in one."""
    parts = dotted.strip(".").split(".")
    for count in (len(parts), len(parts) - 1, len(parts) - 2):
        place = PACKAGE.joinpath(*parts[:count]) if count > 0 else PACKAGE
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if source.is_file():
            rest = parts[count:]
            return not rest or re.search(rf"\b{rest[0]}\b", source.read_text(encoding="utf-8")) is not None
    return False


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_modules_that_are_named_are_there(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    named = {m[1] for m in MODULE.finditer(text)}
    missing = {n for n in named if n[1:].split(".")[0] not in NO_MODULES and not is_there(n)}
    assert not missing


@pytest.mark.parametrize(
    "file", [f for f in FILES if "tests" not in f.parts], ids=lambda f: str(f.relative_to(ROOT))
)
def test_source_files_that_are_named_are_there(file: Path) -> None:
    bases = (ROOT, ROOT / "pipelines", PACKAGE, ROOT / "tests", ROOT / "benchmarks")
    text = file.read_text(encoding="utf-8")
    named = {m[1] for m in SOURCE.finditer(text)} - set(
        re.findall(r"^```\w+ file (\S+)$", text, re.MULTILINE)
    )
    ours = {n for n in named if n.split("/")[0] not in ("runners", "engine") or (PACKAGE / n).exists()}
    missing = {name for name in ours if not any((base / name).exists() for base in bases)}
    assert not missing
