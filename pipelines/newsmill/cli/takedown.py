"""`newsmill takedown`: take content out for good."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from newsmill.cli.options import ConfigFile, DryRun, Json, Sets, loaded
from newsmill.cli.output import say


def takedown(
    what: Annotated[str, typer.Argument(help="A URL, or a domain name.")],
    reason: Annotated[str, typer.Option(help="Noted with the tombstone, e.g. a case number.")],
    lake: Annotated[str | None, typer.Option(help="Folder or URI; else lake.path of the settings.")] = None,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Remove the content of a URL or a domain from all files, and withhold what comes of it later.

    Rows stay with their identity, without text, names and sketches. Older snapshots of the tables are
    forgotten: readers that still use one may see an error. Copies at other URLs are other pages.
    """
    from newsmill.lake.takedown import take_down

    settings = loaded(config, sets, lake__path=lake).config
    done = take_down(settings.lake, what, reason=reason, now=time.time_ns() // 1000, dry_run=dry_run)
    if as_json:
        say(json.dumps(asdict(done)))
    else:
        say(
            f"{done.kind} {done.value}: {done.articles} articles and {done.quarantined} quarantined records "
            f"{'would be ' if dry_run else ''}emptied, {done.files_rewritten} files "
            f"{'to rewrite' if dry_run else 'rewritten'}, {done.files_removed} removed"
        )
