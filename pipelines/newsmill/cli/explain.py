"""`newsmill explain`: the whole story of a record."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape

from newsmill.cli.options import Json
from newsmill.cli.output import Screen, say


def explain(
    what: Annotated[str, typer.Argument(help="A URL, an article_id, or topic/partition/offset.")],
    lake: Annotated[str, typer.Option("--lake", "-l", help="Folder of the lake, or its URI.")] = "lake",
    as_json: Json = False,
) -> None:
    """Tell why a row is as it is: record, fate, extraction, cuts, language, copies, origin, entities.

    Exit code 1 if the lake has never seen it.
    """
    from newsmill.explanation import explain as run
    from newsmill.explanation import tell

    stories = run(lake, what)
    if as_json:
        say(json.dumps(stories, ensure_ascii=False, default=_plain))
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


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
