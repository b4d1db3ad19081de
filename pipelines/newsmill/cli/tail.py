"""`newsmill tail`: the newest articles, and those that come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from newsmill.cli.json_lines import json_line
from newsmill.cli.options import ConfigFile, Json, Sets, loaded
from newsmill.cli.output import say

EVERY_S: Final = 2.0
"""How often the lake is looked at."""
TITLE_CHARS: Final = 100


def tail(
    lake: Annotated[str | None, typer.Argument(help="Folder or URI; else lake.path of the settings.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the newest.")] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    lang: Annotated[str | None, typer.Option(help="Only articles in this language, e.g. de.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only articles of this registrable domain.")] = None,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Print the newest articles, copies and revisions, oldest of them first; JSON has a line each.

    Reads committed rows only, and leaves no trace: may run beside anything.
    """
    from newsmill.observe.newest import Newest

    newest = Newest(loaded(config, sets, lake__path=lake).config.lake.path, lang=lang, domain=domain)
    found = newest.last(lines)
    for row in found:
        _tell(row, as_json=as_json)
    if lines and not found:
        say("the lake has no such article yet", err=True)
    while follow:
        time.sleep(EVERY_S)
        for row in newest.more():
            _tell(row, as_json=as_json)


def _tell(row: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        say(json_line(row))
        return
    title = " ".join((row["title"] or "").split())
    cut = title if len(title) <= TITLE_CHARS else title[:TITLE_CHARS] + "…"
    kind = (row["duplicate"]["is_duplicate"] and row["duplicate"]["copy_type"]) or row["fate"]
    at = f"{row['ingested_at']:%Y-%m-%d %H:%M:%S}"
    say(f"{at}  {row['lang']}  {kind:<10} {row['domain']}  {cut}")
