"""The list of commands: complete, told without an import, and none of them imported before its call."""

from __future__ import annotations

import ast
import os
import resource
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

import newsmill.cli
from newsmill.cli import COMMANDS, app, audit

FOLDER = Path(newsmill.cli.__file__).parent
NAMES = [name for names in COMMANDS.values() for name in names]
GROUP = typer.main.get_command(app)


def test_every_command_file_is_listed_and_every_name_is_one() -> None:
    aside = {"__init__", "groups", "json_lines", "options", "output", "logs", "failures", "progress"}
    assert {file.stem for file in FOLDER.glob("*.py")} - aside == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_command_is_found_and_explains_itself(name: str) -> None:
    with GROUP.make_context("newsmill", [], resilient_parsing=True) as context:
        command = GROUP.get_command(context, name)  # type: ignore[attr-defined]
        assert command is not None
        assert command.get_short_help_str(200)


def test_name_that_is_no_command_is_none() -> None:
    with GROUP.make_context("newsmill", [], resilient_parsing=True) as context:
        assert GROUP.get_command(context, "options") is None  # type: ignore[attr-defined]


def cpu_s(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_costs_little_more_than_the_library_that_prints_it() -> None:
    arguments = ("-m", "newsmill", "--help")
    cpu_s(*arguments)  # bytecode
    library = min(cpu_s("-c", "import typer") for _ in range(3))
    assert min(cpu_s(*arguments) for _ in range(3)) < 2 * library


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_imports_neither_beam_nor_the_tables(name: str) -> None:
    code = (
        "import sys; from newsmill.cli import app; import typer\n"
        f"try: typer.main.get_command(app)(['{name}', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'apache_beam', 'pyiceberg', 'pyarrow', 'duckdb', 'trafilatura'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("after_s", [0.01, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_ctrl_c_ends_a_command_without_a_trace_whenever_it_comes(after_s: float, tmp_path: Path) -> None:
    program = "import newsmill.__main__ as m; print('up', flush=True); m.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "doctor", "--set", f"lake.path={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode in (130, 1)
    assert "Traceback" not in said


def test_commands_print_by_one_door_only() -> None:
    found = []
    for file in FOLDER.glob("*.py"):
        if file.stem in ("output", "logs"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("print", "typer.echo", "Console", "typer.secho", "rich.print"):
                found.append(f"{file.name}:{node.lineno}: {called}")
    assert [f for f in found if not f.startswith("__init__")] == []


def fractions() -> list[tuple[str, str]]:
    """(command, option) of every number with a fraction."""
    found = []
    for name in NAMES:
        function = getattr(import_module(f"newsmill.cli.{name}"), name, None)
        for option, hint in (get_type_hints(function) if callable(function) else {}).items():
            if float in (hint, *get_args(hint)):
                found.append((name, f"--{option.replace('_', '-')}"))
    return found


@pytest.mark.parametrize(("name", "option"), fractions())
def test_number_that_is_none_is_refused_by_every_option(name: str, option: str) -> None:
    done = CliRunner().invoke(app, [name, "nowhere", option, "nan"])
    assert done.exit_code == 2
    assert option in done.output


def test_there_are_options_with_fractions() -> None:
    assert {("gc", "--grace-hours"), ("report", "--days"), ("audit", "--max-waiting")} <= set(fractions())


@pytest.mark.parametrize(
    ("typed", "meant"), [("aduit", "audit"), ("qurantine", "quarantine"), ("anotate", "annotate")]
)
def test_mistyped_command_is_told_with_those_like_it(typed: str, meant: str) -> None:
    result = CliRunner().invoke(app, [typed, "lake"])
    assert result.exit_code == 2 and f"'{typed}'. Did you mean '{meant}'" in result.output
    assert "Did you mean" not in CliRunner().invoke(app, ["xyzzy"]).output


def test_rules_of_an_audit_stand_in_the_order_of_their_numbers() -> None:
    assert sorted(["C10", "C2", "C1", "C21"], key=audit._natural) == ["C1", "C2", "C10", "C21"]
