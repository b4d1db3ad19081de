"""`newsmill overrides`: rules for single sites, tried before they are set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from newsmill.cli.groups import group
from newsmill.cli.options import ConfigFile, Json, Sets, loaded
from newsmill.cli.output import say
from newsmill.strings import counted

app = group("Try rules for single sites before they are set.")


@app.callback()
def _group() -> None:
    """A group of one command, so that its name is said."""


@app.command("try")
def try_rules(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A page, a folder or a WARC file; or a URL, an article_id or topic/partition/offset of the "
            "lake.",
        ),
    ],
    overrides: Annotated[Path, typer.Option("--overrides", help="YAML file with the rules.", dir_okay=False)],
    lake: Annotated[
        str | None, typer.Option("--lake", help="Folder or URI of the lake; else lake.path of the settings.")
    ] = None,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Show what rules for single sites change: title, dates, authors and text, before and after.

    Reads only pages of sites that the file names. Nothing is fetched and nothing is written: records come
    from files, from the lake's quarantine, or from the topic. Exit code 1 if no page was read.
    """
    from newsmill.errors import ConfigError
    from newsmill.jobs.override_trial import Found, difference, trials
    from newsmill.page.overrides import load

    settings = loaded(config, sets, lake__path=lake).config
    try:
        load(overrides)
    except ConfigError as error:
        raise ConfigError([f"--overrides: {problem}" for problem in error.problems]) from None
    found, read, changed = Found(), 0, 0
    for trial in trials(settings, overrides, what, found):
        read, changed = read + 1, changed + trial.changes
        if as_json:
            say(json.dumps(trial.as_dict(), ensure_ascii=False))
        elif trial.changes:
            say(trial.url)
            for line in difference(trial):
                say(f"  {line}")
    for problem in found.problems:
        say(problem, err=True)
    told = f"pages of the sites in {overrides}: {read}, of which {changed} would change"
    for count, one, several in (
        (found.other_sites, "page of other sites was not read", "pages of other sites were not read"),
        (found.unreadable, "record holds no page", "records hold no page"),
        (len(found.problems), "could not be read", "could not be read"),
        (
            found.lost,
            "record is neither in the lake nor in the topic any more",
            "records are neither in the lake nor in the topic any more",
        ),
    ):
        told += f"; {counted(count, one, several)}" if count else ""
    say(told, err=as_json)
    if not read:
        raise typer.Exit(1)
