from __future__ import annotations

import re
from itertools import pairwise

import pytest

from newsmill.report import world_map


@pytest.mark.parametrize(
    ("lat", "lon", "x", "y"),
    [(0, 0, 500, 243.5), (0, 180, 1000, 243.5), (90, 0, 500, 0), (-90, 0, 500, 487), (0, -180, 0, 243.5)],
    ids=["middle", "east", "north", "south", "west"],
)
def test_edges_of_the_world_are_those_of_the_map(lat: float, lon: float, x: float, y: float) -> None:
    assert world_map.project(lat, lon) == pytest.approx((x, y), abs=0.2)


def test_land_has_no_line_across_the_map_when_it_crosses_its_edge() -> None:
    for piece in world_map.land().split("M")[1:]:
        points = [tuple(map(float, p.split(","))) for p in re.findall(r"[\d.]+,[\d.]+", piece)]
        for (x1, _), (x2, _) in pairwise(points):
            assert abs(x1 - x2) < 300


@pytest.mark.parametrize(
    ("lat", "lon", "land"),
    [(48.2, 16.4, True), (66, -175, True), (68, 178, True), (-80, 0, True), (0, -30, False), (-17, 0, False)],
    ids=["Vienna", "Chukotka", "Siberia", "Antarctica", "Atlantic", "off Angola"],
)
def test_land_is_where_it_should_be(lat: float, lon: float, land: bool) -> None:
    x, y = world_map.project(lat, lon)
    inside = False
    for piece in world_map.land().split("M")[1:]:
        points = [tuple(map(float, p.split(","))) for p in re.findall(r"[\d.]+,[\d.]+", piece)]
        for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                inside = not inside
    assert inside is land
