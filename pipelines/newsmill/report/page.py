"""The report: one HTML page that needs no network and runs no script.

All that a stranger's page may have put in (titles, names, messages, bytes) goes through the template's
escaping, and the page's own policy forbids scripts, requests and forms, should anything slip through.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from newsmill import __version__
from newsmill.observe.live_page import look
from newsmill.records import Fate
from newsmill.report import charts, world_map
from newsmill.report.survey import Row, Survey

FATES: Final = tuple(fate.value for fate in Fate)
TEXT_CHARS: Final = 160
"""Longest text of a stranger that is shown."""
LAGS: Final = 8
"""Most partitions whose lag is shown."""
DOT: Final = 16.0
"""Radius of the most named place on the map."""


def is_report(head: bytes) -> bool:
    """Whether a file that begins so is a report that was made before; see the template's first lines."""
    return head.lstrip().startswith(b"<!DOCTYPE html>") and b"<title>newsmill report: " in head


HEAD_BYTES: Final = 2000
"""So much of a file says whether it is a report."""


def render(found: Survey, *, now: datetime) -> str:
    """The page.

    Args:
        found: What the lake holds.
        now: Shown as the time of the report.
    """
    environment = Environment(
        loader=PackageLoader("newsmill.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols"],
    )
    environment.filters.update(
        count=_count,
        share=_share,
        size=_size,
        seconds=_seconds,
        text=_text,
        bytes=_bytes,
        time=_time,
        tidy=_tidy,
    )
    fates: Counter[str] = Counter()
    for row in found.reasons:
        fates[row["fate"]] += row["records"]
    flows = partial(
        charts.flows,
        [row for row in found.flows if row["origin"] or row["taker"]],
        source="origin",
        target="taker",
        value="copies",
    )
    return environment.get_template("report.html").render(
        found=found,
        look=Markup(look()),
        count=_count,
        share=_share,
        now=now,
        version=__version__,
        fates=[(fate, fates[fate]) for fate in FATES],
        columns=charts.columns(found.volumes, FATES),
        ticks=_ticks(found.volumes, found.step),
        peak=max((_sum(row) for row in found.volumes), default=0),
        totals_of=_sum,
        ages=_ages(found),
        lags=LAGS,
        flows=flows(left=250, right=650),
        small_flows=flows(left=6, right=334),
        strangers=sum(row["copies"] for row in found.flows if not row["origin"] and not row["taker"]),
        land=world_map.land(),
        graticule=world_map.graticule(),
        sphere=world_map.sphere(),
        map_size=(world_map.WIDTH, world_map.HEIGHT),
        dots=_dots(found.places),
        utc=lambda micros: datetime.fromtimestamp(micros / 1e6, UTC),
    )


def _sum(row: Row) -> int:
    return sum(row.get(fate, 0) for fate in FATES)


def _ticks(rows: list[Row], step: timedelta) -> list[tuple[float, str]]:
    """Where to write a time under the columns: at most six, as (share of the width, text)."""
    if not rows:
        return []
    form = "%d %b" if step * len(rows) > timedelta(days=3) else "%d %b %H:%M"
    every = max(1, math.ceil(len(rows) / 6))
    return [(n / len(rows), rows[n]["bucket"].strftime(form)) for n in range(0, len(rows), every)]


def _ages(found: Survey) -> dict[str, Any] | None:
    """Lines of the median and the 95th percentile, in a box of 1 by 1; None where no stamps are known."""
    if len(found.ages) < 2:
        return None
    top = charts.nice(max(row["p95"] for row in found.ages))
    first, last = found.ages[0]["bucket"], found.ages[-1]["bucket"]
    xs = [1000 * ((row["bucket"] - first) / (last - first)) for row in found.ages]
    lines = {
        name: charts.polyline(xs, [100 - 100 * row[name] / top for row in found.ages])
        for name in ("p50", "p95")
    }
    return {"top": top, "first": first, "last": last, "newest": found.ages[-1], **lines}


def _dots(places: list[Row]) -> list[Row]:
    """Places as circles whose area shows how often they are named, largest first."""
    most = max((place["articles"] for place in places), default=1)
    dots = []
    for place in places:
        x, y = world_map.project(place["lat"], place["lon"])
        dots.append({**place, "x": x, "y": y, "r": max(1.6, DOT * math.sqrt(place["articles"] / most))})
    return dots


def _count(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}".replace(",", "\u202f")


def _share(part: float | None, whole: float = 1.0) -> str:
    """A share in percent: whole ones, finer below one percent.

    >>> _share(0.004), _share(1, 3), _share(None)
    ('0.4 %', '33 %', '–')
    """
    if part is None or not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if 0 < percent < 1 else f"{percent:.0f} %"


def _size(size: float | None) -> str:
    """Bytes in decimal units.

    >>> _size(798_115_909)
    '798 MB'
    """
    if size is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if size >= 100 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def _seconds(seconds: float | None) -> str:
    """A time span in its largest fitting unit.

    >>> _seconds(0.4), _seconds(75), _seconds(7300), _seconds(200_000)
    ('0.4 s', '75 s', '2 h', '2.3 days')
    """
    if seconds is None:
        return "–"
    for limit, unit, length in ((10, "s", 1), (120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / length:.1f} {unit}" if seconds < 10 else f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.1f} days"


def _time(time: datetime | None) -> str:
    return "–" if time is None else time.strftime("%Y-%m-%d %H:%M")


def _tidy(words: str) -> str:
    """A label as words; codes stay as they are."""
    return words.replace("_", " ") if words.islower() else words


def _text(text: str | None) -> str:
    """A stranger's text on one line: cut, without characters that control or turn the line."""
    if not text:
        return "–"
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: TEXT_CHARS + 1])
    shown = " ".join(shown.split())
    return shown if len(text) <= TEXT_CHARS else shown[:TEXT_CHARS] + "…"


def _bytes(head: bytes | None) -> str:
    """The first bytes of a payload: ASCII as it is, everything else as a dot."""
    return "(no payload)" if head is None else "".join(chr(b) if 32 <= b < 127 else "·" for b in head)
