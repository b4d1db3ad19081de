"""The `newsmill` command: one file a command, imported when it is called."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer._click.exceptions import UsageError
from typer.core import TyperGroup

from newsmill import __version__
from newsmill.cli.groups import SETTINGS
from newsmill.errors import NewsmillError

COMMANDS: Final = {
    "Run": {
        "run": "Read the topic, write the lake.",
        "annotate": "Annotate pages or texts from a file: one JSON line each.",
        "ingest": "Send pages from files to a topic.",
        "demo": "Run the main job on sample pages and query what it wrote.",
    },
    "Look": {
        "status": "Say how the mill stands, and what needs a hand.",
        "tail": "Print the newest articles, and follow.",
        "sql": "Ask the lake in SQL.",
        "changes": "Tell which rows changed since a time.",
        "quarantine": "List, show, export and replay quarantined records.",
        "raw": "Print a page as it came.",
        "explain": "Tell why a row is as it is, or why there is none.",
        "audit": "Prove that nothing is lost, twice, torn or half visible.",
        "report": "Write a page with what the lake holds.",
        "doctor": "Check the machine and all that a run needs.",
    },
    "Keep": {
        "replay": "Do records again through the current code.",
        "compact": "Merge small files.",
        "gc": "Remove files that nobody can see any more.",
        "takedown": "Take content out for good.",
        "lake": "Mend a lake that was copied or moved, or lost its catalog.",
    },
    "Set up": {
        "init": "Write a configuration file to begin with.",
        "config": "Check and show the settings.",
        "overrides": "Try rules for single sites before they are set.",
        "kb": "Build and show knowledge bases: who and what can be named.",
        "dev": "Run a real Kafka on this machine.",
    },
}
"""What is listed, by heading. A command is `newsmill.cli.<name>.<name>`, a group of commands its `app`."""

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter


class Commands(TyperGroup):
    """The commands, of which none is imported before it is called: some need seconds for what they import."""

    def list_commands(self, ctx: Context) -> list[str]:
        """All names, in the order of the help."""
        return [name for names in COMMANDS.values() for name in names]

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """The command of a name, imported now; None where there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"newsmill.cli.{cmd_name}")
        if hasattr(module, "app"):
            found: Any = module.app
        else:
            found = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=SETTINGS)
            found.command(cmd_name)(getattr(module, cmd_name))
        return typer.main.get_command(found)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """The command that is asked for; the error for one that there is not names those like it."""
        try:
            return super().resolve_command(ctx, args)
        except UsageError as error:
            if like := get_close_matches(args[0], self.list_commands(ctx)):
                named = ", ".join(map(repr, like))
                error.message = f"{error.message.rstrip('.')}. Did you mean {named}?"
            raise

    def invoke(self, ctx: Context) -> Any:
        """Run a command; what is wrong with its options is told as mistakes in settings are."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from newsmill.cli import failures

            error.message = failures.of_option(error)
            raise

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The list of the help, from what is known without an import."""
        for heading, names in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl(list(names.items()))


app = typer.Typer(
    name="newsmill",
    cls=Commands,
    help="Raw news pages in; a table of articles, copies and entities out, with a fate for every record.",
    no_args_is_help=True,
    rich_markup_mode=None,  # its help would take twice the time
    context_settings=SETTINGS,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"newsmill {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, libraries included.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the whole trace of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    from newsmill.cli import failures, logs

    logs.configure(verbose=verbose, quiet=quiet)
    failures.configure(debug=debug)


def main() -> None:
    """Run the command. Exit codes: 0 right, 1 found wrong or failed, 2 usage or configuration, 130 Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        typer.main.get_command(app)()
    except (NewsmillError, OSError, RuntimeError) as error:
        from newsmill.cli import failures

        sys.exit(failures.told(error))
