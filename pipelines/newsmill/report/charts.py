"""Geometry of the report's pictures: numbers in, coordinates and paths out. Colours are the page's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

OTHERS: Final = "others"


@dataclass(frozen=True)
class Bar:
    """One piece of a stacked column, in a box of 1 by 1 whose y grows downwards."""

    key: str
    x: float
    y: float
    width: float
    height: float


def columns(
    rows: Sequence[Mapping[str, float]], keys: Sequence[str], *, gap: float = 0.18
) -> list[list[Bar]]:
    """Stacked columns, the first key at the bottom; the highest column fills the box."""
    top = max((sum(row.get(key, 0) for key in keys) for row in rows), default=0) or 1
    width = 1 / max(len(rows), 1)
    drawn = []
    for number, row in enumerate(rows):
        column, base = [], 1.0
        for key in keys:
            if height := row.get(key, 0) / top:
                base -= height
                column.append(Bar(key, (number + gap / 2) * width, base, width * (1 - gap), height))
        drawn.append(column)
    return drawn


def polyline(xs: Sequence[float], ys: Sequence[float]) -> str:
    """The `d` of a line."""
    return "M" + "L".join(f"{x:.2f},{y:.2f}" for x, y in zip(xs, ys, strict=True)) if xs else ""


def nice(value: float) -> float:
    """The least of 1, 2, 5, 10, 20 … that is not smaller.

    >>> [nice(v) for v in (0.7, 3, 12, 50)]
    [1.0, 5.0, 20.0, 50.0]
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


@dataclass(frozen=True)
class Node:
    """One end of the ribbons: a bar of `height` whose upper end is at `y`."""

    name: str
    value: int
    y: float
    height: float
    rank: int  # place on its side, from 0


@dataclass(frozen=True)
class Ribbon:
    """A flow from the left to the right, as the `d` of a filled shape."""

    source: Node
    target: Node
    value: int
    path: str


@dataclass(frozen=True)
class Flows:
    """A picture of who gives how much to whom."""

    sources: list[Node]
    targets: list[Node]
    ribbons: list[Ribbon]
    height: float


def flows(
    rows: Sequence[Mapping[str, Any]], *, source: str, target: str, value: str, left: float, right: float
) -> Flows:
    """Lay out two columns of nodes and the ribbons between them.

    Args:
        rows: Each with a source, a target (None stands for the others) and a value.
        source: Name of that column.
        target: Name of that column.
        value: Name of that column.
        left: The ribbons' left end.
        right: Their right end.
    """
    amounts: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        amounts[row[source] or OTHERS, row[target] or OTHERS] += row[value]
    total = sum(amounts.values()) or 1
    height = 34.0 * max(len({s for s, _ in amounts}), len({t for _, t in amounts}), 4)
    sources = _nodes(amounts, lambda pair: pair[0], height, total)
    targets = _nodes(amounts, lambda pair: pair[1], height, total)
    out = {name: node.y for name, node in sources.items()}
    into = {name: node.y for name, node in targets.items()}
    ribbons = []
    middle = (left + right) / 2
    for (s, t), amount in sorted(
        amounts.items(), key=lambda i: (sources[i[0][0]].rank, targets[i[0][1]].rank)
    ):
        thick_s = sources[s].height * amount / sources[s].value
        thick_t = targets[t].height * amount / targets[t].value
        a, b = out[s], into[t]
        out[s], into[t] = a + thick_s, b + thick_t
        path = (
            f"M{left:.0f},{a:.1f}C{middle:.0f},{a:.1f} {middle:.0f},{b:.1f} {right:.0f},{b:.1f}"
            f"V{b + thick_t:.1f}C{middle:.0f},{b + thick_t:.1f} {middle:.0f},{a + thick_s:.1f} "
            f"{left:.0f},{a + thick_s:.1f}Z"
        )
        ribbons.append(Ribbon(sources[s], targets[t], amount, path))
    return Flows(list(sources.values()), list(targets.values()), ribbons, height)


def _nodes(
    amounts: Mapping[tuple[str, str], int], side: Callable[[tuple[str, str]], str], height: float, total: int
) -> dict[str, Node]:
    """One side, largest first and the others last, spread over the height with even gaps."""
    sums: dict[str, int] = defaultdict(int)
    for pair, amount in amounts.items():
        sums[side(pair)] += amount
    names = sorted(sums, key=lambda name: (name == OTHERS, -sums[name], name))
    gap = min(14.0, height * 0.4 / max(len(names) - 1, 1))
    scale = (height - gap * (len(names) - 1)) / total
    found, y = {}, 0.0
    for rank, name in enumerate(names):
        found[name] = Node(name, sums[name], y, sums[name] * scale, rank)
        y += sums[name] * scale + gap
    return found
