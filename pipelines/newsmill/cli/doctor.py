"""`newsmill doctor`: is everything there, and how to mend what is not."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import typer
from rich.markup import escape

from newsmill.cli.options import ConfigFile, Json, Sets, loaded
from newsmill.cli.output import Screen, say
from newsmill.strings import counted

_SIGNS = {"right": "[green]✓[/]", "warning": "[yellow]![/]", "wrong": "[red]✗[/]"}


def doctor(config: ConfigFile = None, sets: Sets = None, as_json: Json = False) -> None:
    """Check versions, machine, clock, extraction, knowledge, lake, disk, ports, broker and Flink.

    Each finding says how to mend it. Exit code 1 if something is wrong, so that a run would fail.
    """
    from newsmill.observe.doctor import Verdict, examine, wrong

    settings = loaded(config, sets).config
    console = Screen()
    findings = []
    for finding in examine(settings):
        findings.append(finding)
        if not as_json:
            found = f"{_SIGNS[finding.verdict]} [bold]{finding.check:<10}[/] {escape(finding.found)}"
            console.print(found, soft_wrap=True)
            if finding.mend:
                console.print(f"  {'':<10} → {escape(finding.mend)}", style="dim", soft_wrap=True)
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings]))
    else:
        of = Counter(finding.verdict for finding in findings)
        say(
            f"{counted(len(findings), 'finding')}: {of[Verdict.RIGHT]} right, "
            f"{counted(of[Verdict.WARNING], 'warning')}, {of[Verdict.WRONG]} wrong"
        )
    if wrong(findings):
        raise typer.Exit(1)
