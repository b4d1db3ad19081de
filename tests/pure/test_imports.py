"""Imports go one way: cli → runners, jobs → flow → the nouns → the ground floor."""

import ast
from pathlib import Path

import pytest

import newsmill

ROOT = Path(newsmill.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

GROUND = ("records", "errors", "strings", "urls", "runtime", "config")
NOUNS = ("copies", "knowledge", "lake", "page", "sources")
FLOW = ("flow", "flow.elements", "flow.steps", "flow.bounded", "flow.streaming")
AROUND = ("config.loading", "config.consistency", "workers", "dev", "flink", "observe", "report")
LAKE = ("lake.upkeep", "lake.verification")

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(GROUND, GROUND),
    "page": ("page", *GROUND),
    **{noun: (noun, "page", *GROUND) for noun in ("copies", "knowledge", "sources", "lake")},
    **{part: (part, "lake", *GROUND) for part in LAKE},
    "workers": ("workers", *GROUND),
    "dev": ("dev", "sources", *GROUND),
    "flink": ("flink", *GROUND),
    "config.consistency": ("workers", *NOUNS, *GROUND),
    "config.loading": ("config.consistency", *GROUND),
    "observe": ("observe", "dev", "flink", *NOUNS, *GROUND),
    "report": ("report", "observe", "lake", *GROUND),
    "flow.elements": ("flow.elements", *NOUNS, *GROUND),
    "flow.steps": ("flow.steps", "flow.elements", *NOUNS, *GROUND),
    "flow.bounded": ("flow.bounded", "flow.steps", "flow.elements", *NOUNS, *GROUND),
    "flow.streaming": ("flow.streaming", "flow.steps", "flow.elements", "lake.upkeep", *NOUNS, *GROUND),
    "runners": ("runners", "workers", "flink", *FLOW, *NOUNS, *GROUND),
    "jobs": ("jobs", *FLOW, *NOUNS, *GROUND),
    "api": ("lake", "page", *GROUND),
    "demo": ("lake",),
    "cli": ("cli", "demo", "runners", "jobs", *AROUND, *LAKE, *NOUNS, *GROUND),
}
"""Each room, and the rooms that it may import. `a.b` is a room of its own where it is named."""

MOST_IN_THE_ROOT = 8
MOST_LINES = 500


def room(module: str) -> str:
    """The room that a module without `newsmill.` is in: the longest that is named."""
    parts = module.split(".")
    inside = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((name for name in inside if name in MAY_IMPORT), parts[0])


def name(file: Path) -> str:
    inside = file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    return "cli" if inside == "__main__" else inside.removesuffix(".__init__")


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
    if name(file) in ("__init__", "config"):
        return
    for other in imported(file):
        if other.startswith("newsmill.") and other != "newsmill.__version__":
            wanted = room(other.removeprefix("newsmill."))
            assert wanted in MAY_IMPORT[room(name(file))], f"{room(name(file))} must not import {other}"


def test_each_room_is_there_when_it_is_named() -> None:
    rooms = {room(name(file)) for file in FILES} - {"__init__", "flow"}
    assert rooms == set(MAY_IMPORT)


def test_the_root_holds_few_modules() -> None:
    assert len(list(ROOT.glob("*.py"))) <= MOST_IN_THE_ROOT


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if room(name(f)).split(".")[0] in (*NOUNS, *GROUND)],
    ids=lambda f: str(f.relative_to(ROOT)),
)
def test_nouns_do_not_know_beam(file: Path) -> None:
    assert not any(other.split(".")[0] == "apache_beam" for other in imported(file))


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_code_catches_every_exception(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{file}:{node.lineno}: bare except"
            names = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
            reraises = any(isinstance(n, ast.Raise) and n.exc is None for n in ast.walk(node))
            assert "Exception" not in names, f"{file}:{node.lineno}: except Exception"
            assert "BaseException" not in names or reraises, f"{file}:{node.lineno}: swallows everything"


@pytest.mark.parametrize("folder", ["pipelines", "tests", "benchmarks", "examples", "deploy"])
def test_no_file_is_longer_than_can_be_read(folder: str) -> None:
    lengths = {f: f.read_text(encoding="utf-8").count("\n") for f in (ROOT.parents[1] / folder).rglob("*.py")}
    assert {str(f): lines for f, lines in lengths.items() if lines > MOST_LINES} == {}
