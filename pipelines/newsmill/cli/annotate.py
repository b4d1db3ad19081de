"""`newsmill annotate`: one-off work, and the door by which quality is measured."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from newsmill.cli.options import ConfigFile, Sets, loaded


def annotate(
    input: Annotated[
        Path, typer.Argument(help="JSON Lines: {id, url?, html? | html_path? | text?}; - for standard input.")
    ],
    pages: Annotated[
        Path | None,
        typer.Option(
            "--pages", help="Folder with <id>.html.gz for lines without html or text.", file_okay=False
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Worker processes.")] = os.cpu_count() or 1,
    config: ConfigFile = None,
    sets: Sets = None,
) -> None:
    """Annotate pages or texts: one JSON line each, in the order of the input.

    Each line has id, fate, title, date, author, text, lang, links, entities, places, cluster, origin,
    duplicate and error. Offsets count characters of `text`.
    """
    from newsmill.annotation import annotate as run
    from newsmill.errors import ConfigError

    settings = loaded(config, sets).config
    if str(input) == "-":
        lines = sys.stdin.read().split("\n")
    else:
        try:
            lines = input.read_text(encoding="utf-8").split("\n")
        except OSError as error:
            raise ConfigError(f"{input}: can't be read: {error.strerror}") from None
    for row in run(lines, settings, pages=pages, processes=processes):
        sys.stdout.write(json.dumps(row) + "\n")
