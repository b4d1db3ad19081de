"""`newsmill report`: the lake as one page to look at."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def report(
    lake: Annotated[str, typer.Argument(help="The lake's folder or URI.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the page goes.", dir_okay=False)] = Path(
        "report.html"
    ),
    days: Annotated[
        float | None, typer.Option(help="Only so many days before the newest batch.", min=0)
    ] = None,
) -> None:
    """Write a page with what the lake holds: volumes, fates, sites, copies, names, places, drift, quarantine.

    The page is one file that needs no network and runs no script. It reads the committed rows only and
    changes nothing, so it may be made while the mill runs.
    """
    from newsmill.ops.report import render
    from newsmill.ops.survey import survey

    page = render(survey(lake, days=days), now=datetime.now(UTC)).encode()
    out.write_bytes(page)
    typer.echo(f"{out}: {len(page) / 1000:.0f} kB", err=True)
