"""The `newsmill` command: one file a command."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from newsmill import __version__
from newsmill.cli import logs
from newsmill.errors import ConfigError, NewsmillError

_COMMANDS = {
    "Run": ("run", "annotate", "ingest", "demo"),
    "Look": ("explain", "audit", "report", "doctor"),
    "Keep": ("replay", "compact", "gc", "takedown"),
}
_GROUPS = ("lake", "config", "kb", "dev")

app = typer.Typer(
    name="newsmill",
    help="Raw news pages in; a table of articles, copies and entities out, with a fate for every record.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _panel, _names in _COMMANDS.items():
    for _name in _names:
        _module = import_module(f"newsmill.cli.{_name}")
        app.command(_name, rich_help_panel=_panel)(getattr(_module, _name))
for _name in _GROUPS:
    app.add_typer(
        import_module(f"newsmill.cli.{_name}").app,
        name=_name,
        rich_help_panel="Keep" if _name == "lake" else "Set up",
    )


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"newsmill {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, libraries included.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors only.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    logs.configure(verbose=verbose, quiet=quiet)


def main() -> None:
    """Run the command. Exit codes: 0 right, 1 found wrong or failed, 2 usage or configuration."""
    try:
        app()
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
    except NewsmillError as error:
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
