"""`newsmill compact`: merge small files."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from newsmill.cli.options import ConfigFile, DryRun, Json, Sets, loaded
from newsmill.cli.output import say
from newsmill.strings import counted


def compact(
    lake: Annotated[str | None, typer.Argument(help="Folder or URI; else lake.path of the settings.")] = None,
    target_mb: Annotated[int, typer.Option(min=1, help="Size that merged files come near to, in MB.")] = 256,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Merge the files of each past span of five days; of the newest span, those of each past day or hour.

    May run beside `newsmill run`. Row counts, offsets and content are compared before readers get the
    new files. The small ones stay for readers of older snapshots, until `newsmill gc`. JSON has a line for
    each merge, and a last one with `total`.
    """
    from newsmill.lake.tables import Tables
    from newsmill.lake.upkeep import compaction

    settings = loaded(config, sets, lake__path=lake).config
    files = left = into = 0
    for merged in compaction.compact(
        Tables.open(settings.lake),
        now=time.time_ns() // 1000,
        target_bytes=target_mb * 1_000_000,
        dry_run=dry_run,
    ):
        done = dry_run or bool(merged.into)
        files, into = files + done * merged.files, into + (len(merged.into) or done)
        left += not done
        if as_json:
            say(json.dumps(asdict(merged)))
        else:
            what = (
                f"{merged.table}: {counted(merged.files, 'file')}, {counted(merged.rows, 'row')}, "
                f"{merged.bytes / 1e6:,.1f} MB"
            )
            made = f"→ {merged.into_bytes / 1e6:,.1f} MB in {merged.seconds:.1f} s"
            why = "would be merged" if dry_run else "changed meanwhile, left"
            say(f"{what} {made if merged.into else why}")
    if as_json:
        say(json.dumps({"total": {"files": files, "into": into, "left": left, "dry_run": dry_run}}))
    else:
        merge = "would be merged" if dry_run else "merged"
        rest = f"; {counted(left, 'group')} changed meanwhile and stayed" if left else ""
        what = (
            f"{counted(files, 'file')} {merge} into {into:,}"
            if files
            else "nothing to merge: no past span, day or hour has files to join"
        )
        say(f"{what}{rest}")
