"""`newsmill raw`: a page as it came."""

from __future__ import annotations

from typing import Annotated

import typer

from newsmill.cli.options import ConfigFile, LakeFirst, OutputFile, Sets, What, first, loaded
from newsmill.cli.output import opened, say
from newsmill.strings import counted


def raw(
    lake_or_what: LakeFirst,
    what: What = None,
    record: Annotated[
        bool, typer.Option("--record", help="The record's whole value, envelope included.")
    ] = False,
    output: OutputFile = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> None:
    """Print the page that a row was made of, while quarantine, its file or the topic has it.

    The row names topic, partition and offset; of a page from files also its file, and of a WARC record the
    offset and length there, which it is read from. What was taken down is not printed. Exit code 1 if it is
    not there.
    """
    from newsmill.jobs import raw_page

    lake, what = first(lake_or_what, what, None)
    settings = loaded(config, sets, lake__path=lake).config
    found = raw_page.record_of(settings, what)
    if found is None:
        say(f"the lake has no record of {what}", err=True)
        raise typer.Exit(1)
    body = (found.value or b"") if record else raw_page.page_of(settings, found).body
    with opened(output) as file:
        file.write(body)
    if output is not None:
        say(f"{counted(len(body), 'byte')} written to {output}", err=True)
