"""`newsmill config`: check and show the settings."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from newsmill.cli.groups import group
from newsmill.cli.options import ConfigFile, Json, Sets, loaded
from newsmill.cli.output import Screen, say
from newsmill.config.loading import shown

app = group("Check and show the settings.")


@app.command()
def validate(config: ConfigFile = None, sets: Sets = None) -> None:
    """Check the settings; list every mistake with its place. Exit code 2 if there is any."""
    result = loaded(config, sets, patient=True)
    rows = shown(result)
    changed = [key for key, _, origin in rows if origin != "default"]
    if config is not None and not any(origin.startswith(f"{config}:") for _, _, origin in rows):
        say(f"{config}: sets nothing", err=True)
    kafka = result.config.kafka
    say(
        f"the configuration is right: {len(changed)} of {len(rows)} settings are set, the others have their "
        f"defaults; topic {kafka.topic} at {kafka.bootstrap}, lake {result.config.lake.path}"
    )


@app.command()
def show(
    config: ConfigFile = None,
    sets: Sets = None,
    as_json: Json = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of each what it means and when to change it.")
    ] = False,
) -> None:
    """Show each setting in force and where it came from; secrets are masked."""
    rows = shown(loaded(config, sets, patient=True))
    if explain:
        from newsmill.config.reference import settings

        told = {setting.key: setting.told for setting in settings()}
    if as_json and explain:
        found = {key: {"value": v, "origin": o, "explained": told[key]} for key, v, o in rows}
        say(json.dumps(found, ensure_ascii=False))
        return
    if explain:
        for key, value, origin in rows:
            say(f"{key}: {_text(value)}  ({origin})\n    {told[key]}")
        return
    if as_json:
        say(json.dumps({key: {"value": value, "origin": origin} for key, value, origin in rows}))
        return
    table = Table("setting", "value", "from", box=None)
    for key, value, origin in rows:
        table.add_row(key, _text(value), origin)
    Screen(markup=False).print(table)


def _text(value: Any) -> str:
    """A value as a file has it; `-` where nothing is set."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
