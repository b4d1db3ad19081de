"""`newsmill takedown`: take content out for good."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from newsmill.cli.options import ConfigFile, DryRun, Json, LakeFirst, OldLake, Sets, first, loaded
from newsmill.cli.output import say
from newsmill.strings import counted


def takedown(
    lake_or_what: LakeFirst,
    what: Annotated[str | None, typer.Argument(metavar="WHAT", help="A URL, or a domain name.")] = None,
    reason: Annotated[
        str, typer.Option(help="Noted with the tombstone and in the rows, e.g. a case number.")
    ] = "taken down",
    old_lake: OldLake = None,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Remove the content of a URL or a domain from all files, and withhold what comes of it later.

    Rows stay with their identity, without text, names and sketches. Older snapshots of the tables are
    forgotten: readers that still use one may see an error. Of a page, the URL that was asked for counts, that
    after redirects, and its canonical link. Copies at other URLs are other pages: they keep the text.
    Exit code 1 where the lake has nothing of it; what comes later is withheld all the same. Exit code 1, too,
    where files that somebody else put into the folder hold the content, or can't be read: they are named and
    left.
    """
    from newsmill.copies.files import wipe
    from newsmill.lake import provenance
    from newsmill.lake.storage import copies_folder
    from newsmill.lake.upkeep.takedown import take_down

    lake, what = first(lake_or_what, what, old_lake)
    settings = loaded(config, sets, lake__path=lake).config
    done = take_down(settings.lake, what, reason=reason, now=time.time_ns() // 1000, dry_run=dry_run)
    index = copies_folder(settings)
    if index is not None and not dry_run and (done.articles or done.already):
        wipe(index)
    if as_json:
        say(json.dumps(asdict(done) | {"dry_run": dry_run}))
    else:
        say(
            f"{done.kind} {done.value}: {counted(done.articles, 'article')} and "
            f"{counted(done.quarantined, 'quarantined record')} "
            f"{'would be ' if dry_run else ''}emptied, {done.already} were before; "
            f"{counted(done.raw, 'raw record')} {'to let go' if dry_run else 'let go'}; "
            f"{counted(done.texts_handed_on, 'text')} {'to hand' if dry_run else 'handed'} on to copies "
            f"elsewhere, "
            f"{counted(done.files_rewritten, 'file')} {'to rewrite' if dry_run else 'rewritten'}, "
            f"{done.files_removed} {'to remove' if dry_run else 'removed'}"
        )
    if done.also and not as_json:
        say(f"also, since they lead there: {', '.join(done.also[:10])}{' …' if done.also[10:] else ''}")
    if done.foreign:
        say(f"foreign, left as they are: {provenance.told(list(done.foreign))}", err=True)
    if not done.matched:
        withheld = "would be" if dry_run else "is"
        say(f"the lake has nothing of {done.value}; what comes of it later {withheld} withheld", err=True)
    if done.foreign_with_content:
        paths = "".join(f"\n  {path}" for path in done.foreign_with_content)
        say(
            f"these files are not newsmill's; they hold what was taken down, or can't be read:{paths}\n"
            "They were left: move them out of the lake, or delete them, and take down again",
            err=True,
        )
    if not done.matched or done.foreign_with_content:
        raise typer.Exit(1)
