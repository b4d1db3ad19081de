"""How commands take their help, for all alike. Imports no settings: help must be quick."""

from __future__ import annotations

from typing import Final

import typer

SETTINGS: Final = {"help_option_names": ["-h", "--help"]}
"""Of all commands."""


def group(what: str) -> typer.Typer:
    """A command that has commands below it; its help looks as that of the others."""
    return typer.Typer(
        help=what,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings=SETTINGS,
    )
