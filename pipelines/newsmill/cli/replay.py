"""`newsmill replay`: do records again through the current code."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from newsmill.cli.options import ConfigFile, DryRun, Json, Sets, loaded, no_lake, no_span
from newsmill.cli.output import say
from newsmill.errors import Code, ConfigError
from newsmill.strings import counted

if TYPE_CHECKING:
    from newsmill.config import Config
    from newsmill.jobs.replay import Selection


def replay(
    lake: Annotated[str | None, typer.Argument(help="Folder or URI; else lake.path of the settings.")] = None,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Quarantined records.")] = False,
    code: Annotated[Code | None, typer.Option(help="Quarantined records with this code.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", help="Records first seen at or after this time (UTC).")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", help="Records first seen before this time (UTC).")
    ] = None,
    domain: Annotated[str | None, typer.Option(help="Records of this registrable domain.")] = None,
    from_raw: Annotated[
        bool,
        typer.Option(
            "--from-raw",
            help="Records that the lake keeps as they came (lake.keep_raw): all, or by the other options; "
            "no topic is read.",
        ),
    ] = False,
    enricher: Annotated[
        str | None,
        typer.Option(help="Only fill this enricher's columns anew, e.g. entities; reads no topic."),
    ] = None,
    config: ConfigFile = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Do records again through the current code. Each keeps its first time, and has one fate after it.

    Records come from the lake, where it has them, else from the files that they were read from, else from the
    topic. Articles that are done again keep their text in their own row, also where copies.keep_body:
    unless_exact would leave it to another row: that one may change with them. Stop the run first. Exit code 1
    if a record is nowhere any more.
    """
    from newsmill.jobs import replay as replaying

    settings = loaded(config, sets, lake__path=lake).config
    problems = [] if not (from_raw and enricher) else ["--enricher reads no records: leave --from-raw out"]
    if from_raw and (quarantine or code):
        problems.append("--from-raw: quarantined records are kept in the table quarantine, not in raw files")
    if not (quarantine or code or since or until or domain or from_raw or enricher):
        problems.append(
            "say which records: --quarantine, --code, --from, --to, --domain, --from-raw or --enricher"
        )
    problems += no_span(since, until)
    if problems:
        raise ConfigError([*problems, *no_lake(settings)])
    selection = replaying.Selection(
        quarantine=quarantine,
        code=code.value if code else None,
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
        domain=domain,
        from_raw=from_raw,
    )
    if enricher is not None:
        rows = replaying.enrich_again(settings, enricher, selection, dry_run=dry_run)
        verb = "would be" if dry_run else "was" if rows == 1 else "were"
        text = f"{counted(rows, 'row')} {verb} enriched again by {enricher}"
        say(json.dumps({"rows": rows, "enricher": enricher, "dry_run": dry_run}) if as_json else text)
        return
    do(settings, selection, dry_run=dry_run, as_json=as_json)


def do(settings: Config, selection: Selection, *, dry_run: bool, as_json: bool) -> None:
    """Replay what is selected, and tell of it; exit code 1 where a record is gone."""
    from newsmill.jobs import replay as replaying

    report = replaying.replay(settings, selection, now=time.time_ns() // 1000, dry_run=dry_run)
    if selection.from_raw and not report.selected:
        say(
            "the lake keeps no raw record of these: lake.keep_raw keeps those of later batches, and "
            "`newsmill gc` lets go of those that are older than lake.raw_days",
            err=True,
        )
    if as_json:
        say(json.dumps(report.as_dict() | {"dry_run": dry_run}))
    else:
        verb = "would be" if dry_run else "was" if report.records == 1 else "were"
        say(f"{counted(report.records, 'record')} {verb} done again")
        for old, count in sorted(report.selected.items()) if dry_run else ():
            say(f"  {old}: {count:,}")
        for (old, new), count in sorted(report.moved.items()):
            say(f"  {old} → {new}: {count:,}")
        if report.taken_down:
            were = "article was taken down, and stays as it is"
            if report.taken_down > 1:
                were = "articles were taken down, and stay as they are"
            say(f"  {report.taken_down:,} {were}")
        if report.told_anew:
            rows = "row" if report.told_anew == 1 else "rows"
            say(f"  {report.told_anew:,} {rows} of their stories told anew without what left them")
        gone = "has no raw record: its file is missing" if selection.from_raw else "is nowhere any more"
        for place in report.lost[:10]:
            say(f"lost: {place.topic}/{place.partition}/{place.offset} {gone}", err=True)
        if len(report.lost) > 10:
            say(f"lost: {len(report.lost) - 10:,} more", err=True)
    if report.lost:
        raise typer.Exit(1)
