"""Options that several commands share, and how they become a configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from newsmill.config import Config
from newsmill.config.loading import Loaded, load
from newsmill.errors import ConfigError

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="YAML file with the settings; see `newsmill config show`.", dir_okay=False
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="One setting, e.g. --set kafka.topic=pages or --set enrich.models=[en]; wins over file and "
        "environment.",
    ),
]
LakeFirst = Annotated[
    str, typer.Argument(metavar="[LAKE]", help="Folder or URI of the lake; else lake.path of the settings.")
]
"""The first of two arguments: the lake, or, where it is the only one, what the second is for; see `first`."""
What = Annotated[
    str | None, typer.Argument(metavar="WHAT", help="A URL, an article_id, or topic/partition/offset.")
]
"""A record of the lake, the second argument after `LakeFirst`."""
OldLake = Annotated[str | None, typer.Option("--lake", "-l", hidden=True)]
"""How some commands named the lake before."""


def outside_lakes(target: Path | None) -> Path | None:
    """The callback of each option that names a file or a folder to write: none in a lake.

    Raises:
        ConfigError: The target, its links followed, is a lake or in one.
    """
    from newsmill.lake import identity
    from newsmill.lake.storage import LocalStorage

    if target is not None:
        real = Path(os.path.realpath(target))
        for folder in (real, *real.parents):
            if folder.is_dir() and identity.exists(LocalStorage(folder)):
                raise ConfigError(f"{target}: is in the lake {folder}: name a place outside of it")
    return target


OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="File to write, not in a lake; else standard output.",
        dir_okay=False,
        callback=outside_lakes,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]

Check = Callable[[Config], Sequence[str]]


COMMAND_S: Final = 60.0
"""How long a command waits for what is away, where nothing is set: somebody sits before it."""


def is_lake(place: str) -> bool:
    """Whether a place is a lake's folder on this machine. A URL may be a page's, so none is asked."""
    from newsmill.lake.identity import NOTE

    return Path(place, NOTE).is_file()


def first(lake_or_what: str, what: str | None, old_lake: str | None) -> tuple[str | None, str]:
    """(lake, what) of a command's two arguments `[LAKE] WHAT`; no lake where only one was given.

    Raises:
        ConfigError: The lake is named twice, or nothing but a folder is named. A folder in the current one
            may be called as the domain that is meant.
    """
    if what is None:
        if old_lake is None and is_lake(lake_or_what):
            raise ConfigError(f"{lake_or_what} is a lake: WHAT is missing after it")
        if (
            old_lake is None
            and ("/" in lake_or_what or "." not in lake_or_what)
            and Path(lake_or_what).is_dir()
        ):
            raise ConfigError(f"{lake_or_what} is a folder and no lake: name a lake, and WHAT after it")
        return old_lake, lake_or_what
    if old_lake is not None:
        raise ConfigError(f"the lake is named twice: {lake_or_what} and --lake {old_lake}")
    return lake_or_what, what


def no_span(since: datetime | None, until: datetime | None) -> list[str]:
    """That no time is between those of `--from` and `--to`, where none is."""
    if since is None or until is None or since < until:
        return []
    return [f"--from {since:%Y-%m-%dT%H:%M:%S} --to {until:%Y-%m-%dT%H:%M:%S}: no time is between them"]


def no_lake(config: Config) -> list[str]:
    """That there is no lake at the place of the settings, where there is none."""
    from newsmill.lake import identity, storage

    store = storage.at(config.lake.path)
    return [] if identity.exists(store) else [f"{identity.place(store)}: no newsmill lake"]


def loaded(
    file: Path | None, sets: list[str] | None, *checks: Check, patient: bool = False, **options: Any
) -> Loaded:
    """The configuration of a command, with everything that is wrong told at once.

    Args:
        file: The file of `--config`.
        sets: The `key=value` texts of `--set`.
        checks: Looked at too, e.g. whether the broker answers; each gives its problems, a line each.
        patient: Brokers, catalogs and stores that are away are waited for as is set; else for a minute at
            most where nothing is.
        options: Settings that have an option of their own, dots written as two underscores.

    Raises:
        ConfigError: With all problems.
    """
    problems: list[str] = []
    values: dict[tuple[str, ...], Any] = {tuple(k.split("__")): v for k, v in options.items()}
    for text in sets or ():
        key, equals, value = text.partition("=")
        if not equals:
            problems.append(f"--set {text}: must be key=value, e.g. kafka.topic=pages")
        else:
            values[tuple(key.split("."))] = value
    try:
        result = load(file, options=values, environment=os.environ, checks=checks)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return result if patient else replace(result, config=_hurried(result.config))


def _hurried(config: Config) -> Config:
    kafka, lake = config.kafka, config.lake
    return config.model_copy(
        update={
            "kafka": kafka.model_copy(update={"patience_s": kafka.patience_s or COMMAND_S}),
            "lake": lake.model_copy(update={"patience_s": lake.patience_s or COMMAND_S}),
        }
    )
