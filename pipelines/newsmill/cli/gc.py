"""`newsmill gc`: remove files that nobody can see any more."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from newsmill.cli.options import ConfigFile, DryRun, Json, Sets, loaded
from newsmill.cli.output import say
from newsmill.strings import counted


def gc(
    lake: Annotated[str | None, typer.Argument(help="Folder or URI; else lake.path of the settings.")] = None,
    grace_hours: Annotated[float, typer.Option(min=1, max=1e6, help="Younger files stay.")] = 24.0,
    keep_snapshots: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Keep only as many of the newest snapshots of each table readable, whatever "
            "lake.snapshot_days says; tags always stay.",
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Also when over a fifth of the data files are garbage of unknown origin."),
    ] = False,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Forget old snapshots, and remove what no snapshot names: leftovers of crashes and of `compact`.

    Files that are not of the lake's making are left and told of. JSON has a line for each file, and a last
    one with `total`.
    """
    from newsmill.lake import provenance
    from newsmill.lake.retention import Retention
    from newsmill.lake.tables import Tables
    from newsmill.lake.upkeep import garbage_collection

    settings = loaded(config, sets, lake__path=lake).config
    files: Counter[str] = Counter()
    size = 0
    tables = Tables.open(settings.lake)
    young = garbage_collection.Young()
    for garbage in garbage_collection.collect(
        tables,
        grace_s=grace_hours * 3600,
        keep=None if keep_snapshots is None else Retention.newest(keep_snapshots),
        dry_run=dry_run,
        yes=yes,
        young=young,
    ):
        files[garbage.reason] += 1
        size += garbage.bytes
        if as_json:
            say(json.dumps(asdict(garbage)))
        elif dry_run:
            say(
                f"{garbage.path}  {garbage.bytes:,} bytes, {garbage.age_s / 3600:.1f} h old, {garbage.reason}"
            )
    if as_json:
        total = {"files": files.total(), "bytes": size, "reasons": dict(sorted(files.items()))}
        say(json.dumps({"total": {**total, "young": asdict(young), "dry_run": dry_run}}))
    else:
        of = ", ".join(f"{count:,} {reason}" for reason, count in sorted(files.items()))
        what = (
            f"{counted(files.total(), 'file')}, {size / 1e6:,.1f} MB {'would go' if dry_run else 'removed'}"
        )
        stays = f"{counted(young.files, 'file')}, {young.bytes / 1e6:,.1f} MB"
        rest = f"; {stays}, younger than {grace_hours:g} h, stay" if young.files else ""
        say(f"{what}{f': {of}' if of else ''}{rest}")
    if foreign := [found.path for found in provenance.foreign(tables)]:
        say(f"foreign, left as they are: {provenance.told(foreign)}", err=True)
