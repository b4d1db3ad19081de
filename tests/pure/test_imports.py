"""Imports go one way: cli → the runners → transforms → the nouns → records, errors, config."""

import ast
from pathlib import Path

import pytest

import newsmill

ROOT = Path(newsmill.__file__).parent
NOUNS = ("page", "copies", "knowledge", "lake", "sources")
GROUND = (
    "records",
    "errors",
    "config",
    "failpoints",
    "folders",
    "once",
    "patience",
    "room",
    "strings",
    "budget",
)
RUNNERS = (
    "pipeline",
    "direct",
    "feeds",
    "watchdog",
    "streaming",
    "portable",
    "following",
    "annotation",
    "settings",
    "mistakes",
    "consistency",
    "explanation",
    "replay",
)

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(GROUND, GROUND),
    **{noun: (noun, "page", *GROUND) for noun in NOUNS},
    "transforms": ("transforms", *NOUNS, *GROUND),
    "ops": ("ops", "settings", *NOUNS, *GROUND),
    **dict.fromkeys(RUNNERS, (*RUNNERS, "transforms", "ops", *NOUNS, *GROUND)),
    "cli": ("cli", "demo", *RUNNERS, "ops", *NOUNS, *GROUND),
    "demo": ("demo", *RUNNERS, "ops", *NOUNS, *GROUND),
}
FILES = sorted(ROOT.rglob("*.py"))


def part(file: Path) -> str:
    """The package or module of the first level; `__main__` is the command line's."""
    first = file.relative_to(ROOT).parts[0].removesuffix(".py")
    return "cli" if first == "__main__" else first


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_down_only(file: Path) -> None:
    layer = part(file)
    if layer == "__init__":
        return
    for name in imported(file):
        parts = name.split(".")
        if parts[0] == "newsmill" and len(parts) > 1 and parts[1] != "__version__":
            assert parts[1] in MAY_IMPORT[layer], f"{layer} must not import {name}"


@pytest.mark.parametrize(
    "file", [f for f in FILES if part(f) in (*NOUNS, *GROUND)], ids=lambda f: str(f.relative_to(ROOT))
)
def test_nouns_do_not_know_beam(file: Path) -> None:
    assert not any(name.split(".")[0] == "apache_beam" for name in imported(file))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_code_catches_every_exception(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{file}:{node.lineno}: bare except"
            names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
            reraises = any(isinstance(n, ast.Raise) and n.exc is None for n in ast.walk(node))
            assert "Exception" not in names, f"{file}:{node.lineno}: except Exception"
            assert "BaseException" not in names or reraises, f"{file}:{node.lineno}: swallows everything"
