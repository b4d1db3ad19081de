"""`newsmill quarantine`: which records could not be processed, why, their bytes, and another try."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from newsmill.cli.groups import group
from newsmill.cli.json_lines import json_line
from newsmill.cli.options import (
    ConfigFile,
    DryRun,
    Json,
    LakeFirst,
    Sets,
    first,
    loaded,
    no_span,
    outside_lakes,
)
from newsmill.cli.output import say
from newsmill.errors import Code, ConfigError
from newsmill.strings import counted

if TYPE_CHECKING:
    from newsmill.observe.quarantine import Filter

app = group("List, show, export and replay quarantined records.")

HEAD_BYTES: Final = 400
"""Bytes of a payload that `show` prints."""
MESSAGE_CHARS: Final = 120

Lake = Annotated[str | None, typer.Argument(help="Folder or URI; else lake.path of the settings.")]
CodeOption = Annotated[Code | None, typer.Option("--code", help="Only records with this code.")]
Site = Annotated[str | None, typer.Option("--site", help="Only records of this registrable domain.")]
Since = Annotated[
    datetime | None, typer.Option("--from", help="Only records first seen at or after this time (UTC).")
]
Until = Annotated[
    datetime | None, typer.Option("--to", help="Only records first seen before this time (UTC).")
]
What = Annotated[str | None, typer.Argument(metavar="WHAT", help="topic/partition/offset.")]


@app.command("list")
def list_(
    lake: Lake = None,
    code: CodeOption = None,
    site: Site = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Most records that are printed.")] = 50,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """List quarantined records, newest first: place, code, site, what is wrong. JSON has a line each."""
    from newsmill.lake.content import EMPTIED
    from newsmill.observe import quarantine

    settings = loaded(config, sets, lake__path=lake).config
    found = quarantine.records(settings.lake.path, _filter(code, site, since, until))
    for row in found[:limit]:
        if as_json:
            say(json_line(row))
        else:
            place = f"{row['topic']}/{row['partition']}/{row['offset']}"
            message = row["message"].split("\n", 1)[0] or EMPTIED
            cut = message if len(message) <= MESSAGE_CHARS else message[:MESSAGE_CHARS] + "…"
            say(f"{place}  {row['code']}  {row['ingested_at']:%Y-%m-%d %H:%M}  {row['site']}  {cut}")
    if as_json:
        return
    codes = ", ".join(f"{n:,} {code}" for code, n in Counter(row["code"] for row in found).most_common())
    more = f", the newest {limit:,} of them above" if len(found) > limit else ""
    say(f"{counted(len(found), 'record')} in quarantine{f': {codes}' if codes else ''}{more}")


@app.command()
def show(
    lake_or_what: LakeFirst,
    what: What = None,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Show one quarantined record: why, in which stage, its headers, the trace, the first bytes."""
    row = _record(*first(lake_or_what, what, None), config, sets)
    payload = row.pop("payload")
    if as_json:
        head = payload and payload[:HEAD_BYTES].decode("utf-8", "replace")
        headers = [{**header, "value": _text(header["value"])} for header in row["headers"] or ()]
        say(json_line({**row, "headers": headers, "payload_head": head}))
        return
    stack = row.pop("stack", None)
    width = max(map(len, row))
    for name, value in row.items():
        if name == "headers":
            for header in value or ():
                say(f"{'header':<{width}} {header['name']}: {_text(header['value'])}")
        elif value is not None and value != "":
            say(f"{name:<{width}} {_text(value)}")
    if stack:
        say(f"stack\n{stack}")
    if payload is None:
        say(f"{'payload':<{width}} {_without_payload(row)}")
        return
    kept = "whole" if len(payload) == row["payload_bytes"] else "in part"
    size = counted(row["payload_bytes"], "byte")
    say(f"{'payload':<{width}} {size}, {kept}; `newsmill quarantine export` writes them")
    if payload:
        say(payload[:HEAD_BYTES].decode("utf-8", "replace"))


@app.command()
def export(
    lake_or_what: LakeFirst,
    what: What = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="File for the record's bytes, not in a lake; one that is there stays.",
            callback=outside_lakes,
        ),
    ] = Path("record.bin"),
    config: ConfigFile = None,
    sets: Sets = None,
) -> None:
    """Write the raw bytes of one quarantined record to a file. Exit code 1 where they were not kept whole."""
    row = _record(*first(lake_or_what, what, None), config, sets)
    payload = row["payload"]
    if payload is None:
        say(f"the lake does not hold the bytes of this record: {_without_payload(row)}", err=True)
        raise typer.Exit(1)
    try:
        with out.open("xb") as file:
            file.write(payload)
    except FileExistsError:
        raise ConfigError(f"{out}: is there already: name another file with --out") from None
    say(f"{out}: {len(payload):,} of {row['payload_bytes']:,} bytes")
    if len(payload) != row["payload_bytes"]:
        raise typer.Exit(1)


@app.command()
def replay(
    lake: Lake = None,
    code: CodeOption = None,
    site: Site = None,
    since: Since = None,
    until: Until = None,
    config: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Do quarantined records again through the current code and settings; all of them without a filter.

    Stop the run first. Exit code 1 if a record is neither in the lake nor in the topic any more.
    """
    from newsmill.cli.replay import do
    from newsmill.jobs.replay import Selection
    from newsmill.lake.places import position_of
    from newsmill.observe import quarantine

    settings = loaded(config, sets, lake__path=lake).config
    found = quarantine.records(settings.lake.path, _filter(code, site, since, until))
    only = frozenset(map(position_of, found))
    do(settings, Selection(quarantine=True, only=only), dry_run=dry_run, as_json=as_json)


def _without_payload(row: dict[str, Any]) -> str:
    """Why a row has no payload. A takedown empties it and leaves its size; a record of no value has none."""
    if row["payload_bytes"] is None:
        return "none: the record has no value"
    return f"taken down ({counted(row['payload_bytes'], 'byte')}), with the message and the headers"


def _filter(code: Code | None, site: str | None, since: datetime | None, until: datetime | None) -> Filter:
    from newsmill.observe.quarantine import Filter

    if problems := no_span(since, until):
        raise ConfigError(problems)
    return Filter(
        code=code.value if code else None,
        site=site,
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
    )


def _record(lake: str | None, what: str, config: Path | None, sets: list[str] | None) -> dict[str, Any]:
    from newsmill.observe import quarantine

    settings = loaded(config, sets, lake__path=lake).config
    found = quarantine.record(settings.lake.path, quarantine.place_of(what))
    if found is None:
        say(f"{what} is not in quarantine", err=True)
        raise typer.Exit(1)
    return found


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
