"""`newsmill annotate`: one-off work, and the door by which quality is measured."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from newsmill.cli.options import ConfigFile, Sets, loaded
from newsmill.cli.output import say
from newsmill.strings import counted


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

    Each line has id, fate, title, date, author, text, lang, lang_script, links, entities, places, cluster,
    origin, duplicate and error. Offsets count characters of `text`. `author` is a list: of the people, else
    of the byline as it is printed. A line that can't be read is quarantined, as a page that can't be is, its
    error names the line, and the exit code is 1; the others are annotated.
    Pages and lines that can't be read have id, fate and error only.
    """
    from newsmill.errors import ConfigError
    from newsmill.jobs.annotate import UNREAD, annotate as run

    settings = loaded(config, sets).config
    if str(input) == "-":
        lines = sys.stdin.buffer.read().split(b"\n")
    else:
        try:
            lines = input.read_bytes().split(b"\n")
        except OSError as error:
            raise ConfigError(f"{input}: can't be read: {error.strerror}") from None
    fates: Counter[str] = Counter()
    unread = 0
    for row in run(lines, settings, pages=pages, processes=processes):
        fates[str(row["fate"])] += 1
        unread += bool(UNREAD.match(str(row["error"] or "")))
        sys.stdout.write(json.dumps(row) + "\n")
    of = ", ".join(f"{count} {fate}" for fate, count in fates.most_common())
    sys.stdout.flush()
    say(f"{counted(fates.total(), 'line')} annotated{f': {of}' if of else ''}", err=True)
    if unread:
        say(f"{unread} of them can't be read: see `error`", err=True)
        raise typer.Exit(1)
