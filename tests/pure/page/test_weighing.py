"""The forest of weights: read from a file, evaluated all at once, with its reasons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newsmill.page import evidence, weighing
from newsmill.page.weighing import Weights

TREES: list[Any] = [
    ["links", 0.5, 0.0, ["length", 0.25, 0.4, -0.5, 1.0], -2.0],
    ["length", 0.625, 0.1, -0.25, ["links", 0.125, 0.3, 0.75, -1.5]],
]
NAMES = ("length", "links", "unused")


def walked(row: dict[str, float]) -> float:
    """What the trees say, one test after another."""
    total = 0.0
    for tree in TREES:
        node = tree
        while isinstance(node, list):
            name, threshold, _, below, above = node
            node = below if row[name] <= threshold else above
        total += node
    return total


def test_likelihood_is_that_of_walking_each_tree() -> None:
    steps = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1.0)
    values = [(length, links) for length in steps for links in steps]
    weights = Weights(0.0, TREES, NAMES)
    likely = weights.likelihood(weights.leaves(np.array([(*v, 9.0) for v in values], dtype=np.float32)))
    assert np.allclose(likely, [1 / (1 + np.exp(-walked({"length": a, "links": b}))) for a, b in values])


def test_reasons_are_the_numbers_that_spoke_against_a_row() -> None:
    weights = Weights(0.0, TREES, NAMES)
    leaves = weights.leaves(np.array([[0.9, 0.9, 0.0], [0.9, 0.0, 0.0]], dtype=np.float32))
    assert weights.reasons(leaves, 2) == [["links"], []]


def test_many_rows_are_evaluated_like_one() -> None:
    rows = np.random.default_rng(3).random((1_300, 3), dtype=np.float32)
    weights = Weights(0.0, TREES, NAMES)
    single = np.concatenate([weights.leaves(row[None, :]) for row in rows])
    assert np.array_equal(weights.leaves(rows), single)


def test_file_is_refused_when_it_asks_for_a_number_that_no_passage_has(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text(json.dumps({"bias": 0.0, "trees": TREES}))
    with pytest.raises(ValueError, match="'links'"):
        Weights.read(path, ("length",))


def test_weights_of_the_package_fit_the_numbers_of_passages() -> None:
    assert weighing.standard().names == evidence.NAMES
