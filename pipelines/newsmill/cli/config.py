"""`newsmill config`: check and show the settings."""

from __future__ import annotations

import json

import typer
from rich.table import Table

from newsmill.cli.options import ConfigFile, Json, Sets, loaded
from newsmill.cli.output import Screen, say
from newsmill.settings import shown

app = typer.Typer(help="Check and show the settings.", no_args_is_help=True)


@app.command()
def validate(config: ConfigFile = None, sets: Sets = None) -> None:
    """Check the settings; list every mistake with its place. Exit code 2 if there is any."""
    loaded(config, sets, patient=True)
    say("the configuration is right")


@app.command()
def show(config: ConfigFile = None, sets: Sets = None, as_json: Json = False) -> None:
    """Show each setting in force and where it came from; secrets are masked."""
    rows = shown(loaded(config, sets, patient=True))
    if as_json:
        say(json.dumps({key: {"value": value, "origin": origin} for key, value, origin in rows}))
        return
    table = Table("setting", "value", "from", box=None)
    for row in rows:
        table.add_row(*row)
    Screen(markup=False).print(table)
