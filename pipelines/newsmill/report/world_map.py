"""The outline of the world's land as an SVG path, in the Equal Earth projection.

The outline is Natural Earth's at 1:110 million (public domain), as packed in npm's world-atlas 2.0.2
(ISC licence beside it). The projection keeps areas true: Šavrič, Patterson, Jenny, "The Equal Earth map
projection", International Journal of Geographical Information Science 33 (2019).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

WIDTH: Final = 1000.0
HEIGHT: Final = 487.0

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_M = math.sqrt(3) / 2
_SCALE = WIDTH / 2 / 2.7066299836960748  # the projection's x at longitude 180 on the equator


def project(lat: float, lon: float) -> tuple[float, float]:
    """Where a place is on a map of `WIDTH` by `HEIGHT`.

    >>> project(0, 0)
    (500.0, 243.5)
    """
    theta = math.asin(_M * math.sin(math.radians(lat)))
    t2 = theta * theta
    t6 = t2**3
    x = math.radians(lon) * math.cos(theta) / (_M * (_A1 + 3 * _A2 * t2 + t6 * (7 * _A3 + 9 * _A4 * t2)))
    y = theta * (_A1 + _A2 * t2 + t6 * (_A3 + _A4 * t2))
    return WIDTH / 2 + x * _SCALE, HEIGHT / 2 - y * _SCALE


@lru_cache(maxsize=1)
def land() -> str:
    """The land's outline: the `d` of a path."""
    topology = json.loads(Path(__file__).with_name("world").joinpath("land-110m.json").read_bytes())
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((y * sy + ty, x * sx + tx))
        arcs.append(points)
    (shape,) = topology["objects"]["land"]["geometries"]
    rings = (ring for polygon in shape["arcs"] for ring in polygon)
    outlines = ([point for number in ring for point in _arc(arcs, number)] for ring in rings)
    return "".join(_path(piece) for outline in outlines for piece in _uncrossed(outline))


def sphere() -> str:
    """The edge of the world: the `d` of a path."""
    east = [(lat, 180.0) for lat in range(-90, 91, 3)]
    return _path([*east, *((lat, -lon) for lat, lon in reversed(east))])


def graticule() -> str:
    """Meridians and parallels each 30 degrees: the `d` of a path."""
    lines: list[list[tuple[float, float]]] = [
        [(lat, float(lon)) for lat in range(-90, 91, 5)] for lon in range(-150, 151, 30)
    ]
    lines += [[(float(lat), float(lon)) for lon in (-180, 180)] for lat in range(-60, 61, 30)]
    return "".join("M" + "L".join(_points(line)) for line in lines)


def _arc(arcs: list[list[tuple[float, float]]], number: int) -> Iterable[tuple[float, float]]:
    return arcs[number] if number >= 0 else reversed(arcs[~number])


def _uncrossed(ring: list[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """The ring's pieces on either side of the edge of the map, where it crosses it."""
    crossings = [n for n in range(len(ring)) if abs(ring[n][1] - ring[n - 1][1]) > 180]
    if not crossings:
        yield ring
        return
    turned = ring[crossings[0] :] + ring[: crossings[0]]
    starts = [n - crossings[0] for n in crossings]
    for start, end in zip(starts, [*starts[1:], len(turned)], strict=True):
        yield turned[start:end]


def _path(ring: list[tuple[float, float]]) -> str:
    return "M" + "L".join(_points(ring)) + "Z"


def _points(line: Iterable[tuple[float, float]]) -> Iterator[str]:
    last = ""
    for lat, lon in line:
        x, y = project(lat, lon)
        if (point := f"{x:.1f},{y:.1f}") != last:
            yield point
        last = point
