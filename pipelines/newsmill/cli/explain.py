"""`newsmill explain`: the whole story of a record."""

from __future__ import annotations

import typer
from rich.markup import escape

from newsmill.cli.json_lines import json_line
from newsmill.cli.options import ConfigFile, Json, LakeFirst, OldLake, Sets, What, first, loaded
from newsmill.cli.output import Screen, say


def explain(
    lake_or_what: LakeFirst,
    what: What = None,
    old_lake: OldLake = None,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Tell why a row is as it is: record, fate, extraction, cuts, language, copies, origin, entities.

    Exit code 1 if the lake has never seen it.
    """
    from newsmill.jobs.explain import explain as run, tell

    lake, what = first(lake_or_what, what, old_lake)
    stories = run(loaded(config, sets, lake__path=lake).config.lake.path, what)
    if as_json:
        say(json_line(stories))
    else:
        console = Screen(highlight=False)
        for story in stories:
            for heading, lines in tell(story):
                if lines:
                    console.print(f"[bold]{heading}[/]")
                for name, value in lines:
                    value = value.replace("\n", "\n    ")
                    console.print(f"  {escape(name)}: {escape(value)}", soft_wrap=True)
            console.print()
    if not stories:
        say(f"the lake has no record of {what}", err=True)
        raise typer.Exit(1)
