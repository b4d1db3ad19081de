"""`newsmill status`: how a lake and its mill stand now, and what needs a hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from newsmill.cli.options import ConfigFile, Json, Sets, loaded, no_lake
from newsmill.cli.output import Screen, plain, say
from newsmill.config import Config
from newsmill.errors import ConfigError
from newsmill.observe.spans import span
from newsmill.strings import counted

if TYPE_CHECKING:
    from newsmill.observe.status import Status

EVERY_S: Final = 5.0


def status(
    lake: Annotated[str | None, typer.Argument(help="Folder or URI; else lake.path of the settings.")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every five seconds.")] = False,
    config: ConfigFile = None,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Say who writes the lake, how far and how fast, what is wrong, and which command mends it.

    Changes nothing, and asks no process: it answers also when the mill is down. The broker is asked where
    the settings name it (-c or --set kafka.bootstrap=…), Flink where portable.flink_rest does.
    Exit code 1 if something needs a hand.
    """
    settings = loaded(config, sets, lake__path=lake).config
    if missing := no_lake(settings):
        raise ConfigError(
            [f"{problem}; if this is its place, the first `newsmill run` makes it" for problem in missing]
        )
    asks = config is not None or any(text.startswith("kafka.") for text in sets or ())
    found = _look(settings, asks, config)
    if not watch:
        _tell(found, as_json=as_json)
        raise typer.Exit(1 if found.needs else 0)
    screen = Screen(highlight=False)
    if as_json or not screen.is_terminal:
        while True:
            _tell(found, as_json=as_json)
            time.sleep(EVERY_S)
            found = _look(settings, asks, config)
    with Live(_drawn(found), console=screen, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY_S)
            found = _look(settings, asks, config)
            live.update(_drawn(found), refresh=True)


def _look(config: Config, asks: bool, file: Path | None) -> Status:
    from newsmill.observe.status import status as look

    return look(config, broker=asks, file=file)


def _tell(found: Status, *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        for line in lines(found):
            say(line)


def _drawn(found: Status) -> Group:
    return Group(*(Text(plain(line)) for line in lines(found)))


def lines(found: Status) -> Iterator[str]:
    """The status as text, a line each."""
    yield f"{'lake':<12}{found.lake}, {found.at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"{'writer':<12}{_writer(found)}"
    ago = span(found.at.timestamp() - found.last_commit.timestamp()) if found.last_commit else ""
    yield f"{'committed':<12}{f'last {ago} ago' if found.last_commit else 'nothing yet'}"
    if found.pending:
        batch = found.pending
        yield f"{'under way':<12}a batch of {counted(batch['records'], 'record')}, try {batch['attempts']}"
    yield from _flink(found)
    yield from _lag(found)
    fates = ", ".join(f"{count:,} {fate}" for fate, count in found.fates_hour.items()) or "no records"
    yield f"{'last hour':<12}{fates}; {found.pages_per_second:g} pages a second"
    for number, row in enumerate(found.quarantine_day):
        sites = ", ".join(f"{site} {count:,}" for site, count in row["sites"].items())
        yield f"{'quarantine' if not number else '':<12}{row['code']} {row['records']:,} in a day: {sites}"
    for number, event in enumerate(found.drift_day):
        change = f"{event.signal.value} {event.before:.3g} → {event.after:.3g}"
        yield f"{'drift' if not number else '':<12}{event.domain}: {change}"
    files = sum(size.files for size in found.tables)
    size = sum(size.bytes for size in found.tables)
    snapshots = max((size.snapshots for size in found.tables), default=0)
    free = f"; {_free(found.disk_free)} of the disk free" if found.disk_free is not None else ""
    kept = f"up to {counted(snapshots, 'snapshot')} a table"
    yield f"{'disk':<12}{counted(files, 'file')}, {size / 1e6:,.1f} MB, {kept}{free}"
    for number, need in enumerate(found.needs):
        yield f"{'to do' if not number else '':<12}{need.what}"
        yield f"{'':<12}  {need.command}"
    if not found.needs:
        yield f"{'to do':<12}nothing"


def _free(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _writer(found: Status) -> str:
    writer = found.writer
    if writer is None:
        return "none yet"
    who = f"process {writer.pid} on {writer.host}"
    seen = span(found.at.timestamp() - writer.beat_s)
    if not writer.alive:
        return f"none; the last was {who}, {seen} ago"
    since = f", for {span(found.at.timestamp() - writer.since_s)}" if writer.since_s else ""
    return f"{who}{since}"


def _flink(found: Status) -> Iterator[str]:
    if found.flink is None:
        return
    cluster = found.flink.cluster
    if cluster is None:
        yield f"{'flink':<12}unknown: {found.flink.silent}"
        return
    yield (
        f"{'flink':<12}{cluster.flink_version}, {cluster.slots_available} of {cluster.slots_total} slots free"
        f"{'' if found.flink.jobs else ', no job of this name runs'}"
    )
    for job in found.flink.jobs:
        yield f"{'job':<12}{job.told(found.flink.at)}"


def _lag(found: Status) -> Iterator[str]:
    if found.lag is None:
        yield f"{'waiting':<12}{'unknown: ' + found.broker if found.broker else 'broker not asked; see -c'}"
        return
    waiting, held = sum(part.waiting for part in found.lag), sum(part.held_back for part in found.lag)
    behind = f", and {held:,} behind open transactions" if held else ""
    yield f"{'waiting':<12}{counted(waiting, 'record')}{behind}"
    for part in found.lag:
        if part.waiting or part.held_back:
            held_back = f", {part.held_back:,} behind a transaction" if part.held_back else ""
            yield f"{'':<12}  {part.topic} partition {part.partition}: {part.waiting:,}{held_back}"
