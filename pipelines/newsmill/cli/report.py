"""`newsmill report`: the lake as one page to look at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from newsmill.cli.options import ConfigFile, Sets, loaded, outside_lakes
from newsmill.cli.output import say
from newsmill.errors import ConfigError


def report(
    lake: Annotated[str, typer.Argument(help="The lake's folder or URI.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="Where the page goes, not in a lake.", dir_okay=False, callback=outside_lakes
        ),
    ] = Path("report.html"),
    days: Annotated[
        float | None, typer.Option(help="Only so many days before the newest batch.", min=0)
    ] = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> None:
    """Write a page with what the lake holds: volumes, fates, sites, copies, names, places, drift, quarantine.

    The page is one file that needs no network and runs no script. It reads the committed rows only and
    changes nothing, so it may be made while newsmill runs. With --config or --set the broker of these
    settings is asked how many records wait. Only an earlier report is written over.
    """
    from newsmill.report.page import render
    from newsmill.report.survey import survey

    _check_target(out)
    behind = _behind(lake, config, sets) if config or sets else None
    page = render(survey(lake, days=days, behind=behind), now=datetime.now(UTC)).encode()
    out.write_bytes(page)
    say(f"{out}: a report of {len(page) / 1000:.0f} kB", err=True)


def _check_target(out: Path) -> None:
    """Raise ConfigError where the page would take the place of something else."""
    from newsmill.report.page import HEAD_BYTES, is_report

    if out.is_file() and out.stat().st_size:
        with out.open("rb") as file:
            if not is_report(file.read(HEAD_BYTES)):
                raise ConfigError(f"--out {out}: is there and is no report of newsmill: name another file")


def _behind(lake: str, config: Path | None, sets: list[str] | None) -> Mapping[tuple[str, int], int]:
    from newsmill.lake.writer import Lake
    from newsmill.sources import kafka

    settings = loaded(config, sets, lake__path=lake).config
    return kafka.lag(settings.kafka, Lake.open_readonly(settings.lake).committed())
