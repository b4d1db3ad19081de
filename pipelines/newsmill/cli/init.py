"""`newsmill init`: a configuration file to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from newsmill.cli.options import outside_lakes
from newsmill.cli.output import say
from newsmill.errors import ConfigError

NAME: Final = "mill.yaml"


def init(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="[DIR]",
            help="Folder for it, not in a lake; made where it is absent.",
            file_okay=False,
            callback=outside_lakes,
        ),
    ] = Path("."),
) -> None:
    """Write mill.yaml: every setting with its meaning, unit, default and when to change it, as comments.

    A file that is there stays as it is: exit code 2.
    """
    from newsmill.config import reference

    file = folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(reference.file())
    except FileExistsError:
        raise ConfigError(f"{file}: is there already, and stays as it is") from None
    name = shlex.quote(str(file))
    say(f"{file}: set kafka.bootstrap, kafka.topic and lake.path in it, then: newsmill doctor -c {name}")
