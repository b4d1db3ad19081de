"""`newsmill audit`: prove that nothing is lost, twice, torn or half visible."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from newsmill.cli import failures
from newsmill.cli.options import ConfigFile, Json, Sets, loaded
from newsmill.cli.output import Screen, say
from newsmill.errors import ConfigError
from newsmill.strings import counted

if TYPE_CHECKING:
    from newsmill.lake.verification.findings import Report


def audit(
    lake: Annotated[str | None, typer.Argument(help="Folder or URI; else lake.path of the settings.")] = None,
    bootstrap: Annotated[
        str | None, typer.Option(help="host:port of the broker: compare with what it holds.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="With --bootstrap: the topic that was read.")] = None,
    since: Annotated[
        int | None, typer.Option(help="A snapshot id of `fate`: open only files that are newer.")
    ] = None,
    same_as: Annotated[
        str | None,
        typer.Option(
            help="Another lake made from the same records: must say the same. Texts are compared by their "
            "hash; which of the rows that share one holds it may differ (copies.keep_body, replay)."
        ),
    ] = None,
    max_waiting: Annotated[
        float | None, typer.Option(min=0, help="With --bootstrap: longest wait for a fate, in seconds.")
    ] = None,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Check the lake by a program that shares no code with the writer.

    Exit code 1 when a rule is broken, or the lake or the broker can't be read; 2 when there is no lake, or a
    setting is wrong. May run while the lake is written. With --bootstrap every record of the topic up to
    the committed offsets must have its one fate; later ones wait to be read, which is no fault.
    """
    from kafka.errors import KafkaError

    from newsmill.lake import locations
    from newsmill.lake.verification import audit as checker

    settings = loaded(config, sets, kafka__bootstrap=bootstrap, kafka__topic=topic).config
    for name in filter(None, (lake, same_as)):
        if problem := locations.problem(name):
            raise ConfigError(f"{locations.shown(name)}: {problem}")
    try:
        report = checker.audit(
            lake or settings.lake.path,
            broker=settings.kafka if bootstrap or config else None,
            since=since,
            same_as=same_as,
            max_waiting_s=max_waiting,
            horizon_days=settings.copies.horizon_days,
            identity_days=settings.copies.identity_days,
        )
    except KafkaError as error:
        raise typer.Exit(failures.told(error)) from None
    if as_json:
        say(json.dumps(report.as_dict()))
    else:
        _show(report)
    if not report.right:
        raise typer.Exit(1)


def _show(report: Report) -> None:
    from newsmill.lake.provenance import told

    console = Screen()
    fates = ", ".join(f"{count:,} {fate}" for fate, count in report.fates.items()) or "none"
    for name, value in (
        ("records", f"{report.records:,} ({fates}), {report.gaps:,} gaps"),
        ("committed", ", ".join(f"{place} to {offset:,}" for place, offset in report.committed.items())),
        ("broker", _broker(report)),
        (
            "files",
            f"{sum(report.files.values()):,}, read {report.files_read:,}, {report.bytes_read / 1e6:,.1f} MB",
        ),
        (
            "orphans",
            f"{report.orphans:,}, {report.orphan_bytes / 1e6:,.1f} MB; `newsmill gc` removes them once they "
            "are older than 24 h",
        ),
        ("rules", " ".join(sorted(report.checked, key=_natural))),
        ("seconds", f"{report.seconds:,.1f}"),
    ):
        console.print(f"{name:<11}{escape(value)}")
    if report.foreign:
        left = f"{told(report.foreign)}; `newsmill gc` leaves what no metadata ever named"
        console.print(f"{'foreign':<11}{escape(left)}")
    for finding in report.findings:
        console.print(f"[red]{finding.rule}[/] {escape(finding.what)}: {finding.count:,}")
        for example in finding.examples:
            console.print(f"    {escape(example)}", highlight=False)
    console.print(
        "[green]right[/]" if report.right else f"[red]wrong[/]: {counted(len(report.findings), 'finding')}"
    )


def _natural(rule: str) -> tuple[str, int]:
    """C2 before C10."""
    letters = rule.rstrip("0123456789")
    return letters, int(rule[len(letters) :] or 0)


def _broker(report: Report) -> str:
    if report.broker_records is None:
        return "not asked"
    held = f", {report.held_back:,} offsets behind open transactions" if report.held_back else ""
    return f"{counted(report.broker_records, 'record')}{held}"
