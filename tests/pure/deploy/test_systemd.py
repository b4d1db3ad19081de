"""The units for systemd: right by its own checker, hardened, and of one mind with the run."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from newsmill.cli import app
from newsmill.observe.metrics import RunMetrics

UNITS = sorted((Path(__file__).parents[3] / "deploy" / "systemd").glob("newsmill*.*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
MOST_EXPOSED = 2.0
"""Of 10; systemd calls up to 2.0 OK, and a service without any hardening 9.6."""


def systemd_analyze(*arguments: object) -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze: apt install systemd")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def settings(unit: Path) -> dict[str, list[str]]:
    """Values of the section [Service] by name, in their order."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit.read_text().partition("[Service]")[2], re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def test_units_are_right_when_systemd_checks_them(tmp_path: Path) -> None:
    program = tmp_path / "newsmill"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for unit in UNITS:
        if unit.suffix in (".service", ".timer"):
            copy = tmp_path / unit.name
            copy.write_text(unit.read_text().replace("/opt/newsmill/bin/newsmill", str(program)))
            copies.append(copy)
    assert len(copies) == 3
    assert systemd_analyze("verify", *copies) == ""


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_service_may_do_little_when_systemd_judges_it(unit: Path) -> None:
    told = systemd_analyze("security", "--offline=true", unit)
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert level is not None, told
    assert float(level[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_service_starts_a_command_that_newsmill_has(unit: Path) -> None:
    for line in settings(unit)["ExecStart"]:
        program, *arguments = line.split()
        assert program == "/opt/newsmill/bin/newsmill"
        command = typer.main.get_command(app)
        with command.make_context("newsmill", list(arguments)) as context:
            inner = command.get_command(context, arguments[0])
            inner.make_context(arguments[0], arguments[1:], parent=context)


def test_run_is_ended_by_the_watchdog_when_health_would_say_that_it_is_dead() -> None:
    run = settings(next(unit for unit in SERVICES if unit.stem == "newsmill"))
    assert run["Type"] == ["notify"] and run["NotifyAccess"] == ["main"]
    assert run["WatchdogSec"] == [f"{RunMetrics()._live_s / 60:.0f}min"]
    assert run["RestartPreventExitStatus"] == ["2"]


def test_services_are_confined_alike() -> None:
    one, other = (settings(unit) for unit in SERVICES)
    alike = [
        name for name in one if name.startswith(("Protect", "Private", "Restrict", "SystemCall", "User"))
    ]
    assert len(alike) > 15
    for name in alike:
        if name not in ("RestartPreventExitStatus",):
            assert one[name] == other[name], name


def test_units_are_read_as_ini_without_a_section_twice() -> None:
    for unit in UNITS:
        if unit.suffix in (".service", ".timer"):
            parser = configparser.RawConfigParser(strict=False)
            parser.read_string(unit.read_text())
            assert len(re.findall(r"^\[", unit.read_text(), re.MULTILINE)) == len(parser.sections())
