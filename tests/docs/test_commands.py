"""Commands that docs, examples and deployment files show are there, with the options that are shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from newsmill.cli import app

ROOT = Path(__file__).parents[2]
PROSE = frozenset(
    file
    for folder in ("docs", "deploy", "examples", "schemas")
    for file in (ROOT / folder).rglob("*")
    if file.suffix in (".md", ".yaml", ".yml", ".toml", ".service", ".sh", ".sql", ".html")
) | {ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "CHANGELOG.md")}

SHOWN = re.compile(r"(?:(?<=[\s`($])|(?<=bin/)|^)newsmill((?: [^\s`|;&<>)]+)+)", re.MULTILINE)
ALWAYS = frozenset({"--help"})


def commands_shown(text: str) -> list[list[str]]:
    """What follows `newsmill` in each command, to its last option."""
    joined = re.sub(r"\\\n\s*(?:#\s*)?", " ", text)
    return [found[1].split() for found in SHOWN.finditer(re.sub(r" +", " ", joined)) if " --" in found[1]]


def options_missing(words: list[str]) -> set[str]:
    """Options of the words that the command they name has not; none where they name no command."""
    command: Any = typer.main.get_command(app)
    known = set(ALWAYS)
    while True:
        known |= {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
        while words and words[0].startswith("-"):
            words = words[1:]
        names = getattr(command, "list_commands", None)
        if names is None or not words or words[0] not in names(typer.Context(command)):
            break
        command, words = command.get_command(typer.Context(command), words[0]), words[1:]
    options = {re.sub(r"[=\"'.,:…].*", "", word) for word in words if word.startswith("--")}
    return options - known - {"--"}


@pytest.mark.parametrize("file", sorted(PROSE), ids=lambda f: str(f.relative_to(ROOT)))
def test_options_that_are_shown_are_there(file: Path) -> None:
    shown = commands_shown(file.read_text(encoding="utf-8"))
    assert {" ".join(words): options_missing(words) for words in shown if options_missing(words)} == {}


def test_an_option_is_missed_when_no_command_has_it() -> None:
    (words,) = commands_shown("Write `newsmill quarantine list LAKE --never-there`.")
    assert options_missing(words) == {"--never-there"}


def test_commands_of_the_guides_are_found() -> None:
    guides = (ROOT / "docs" / "guide").glob("*.md")
    assert sum(len(commands_shown(guide.read_text(encoding="utf-8"))) for guide in guides) > 20
