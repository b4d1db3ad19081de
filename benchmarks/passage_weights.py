"""Learn the weights of passages from pages with known texts, and write them into the package.

    python benchmarks/passage_weights.py [--check]

The weights are a small gradient-boosted forest (LightGBM, a development tool only), learned from rows with
and without the second extractor's vote. The same pages give the same file, byte for byte. `--check` learns
nothing new: it tells whether the file fits the columns of `page.evidence`. What the weights are worth on
sites that they were not learned from, `benchmarks/extraction.py` measures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from labels import FOLDS, Example, example, golds
from newsmill.page import evidence, weighing
from shared_data import evaluation_data

TREES: Final = 150
SETTINGS: Final = {
    "objective": "binary",
    "num_leaves": weighing.MOST_LEAVES,
    "max_depth": 6,
    "learning_rate": 0.1,
    "min_data_in_leaf": 30,
    "lambda_l2": 5,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbose": -1,
}


def learned(examples: Sequence[Example], names: Sequence[str]) -> dict[str, Any]:
    """The forest that the examples teach, as `weighing.Weights.read` takes it."""
    import lightgbm

    wanted = np.concatenate([each.wanted for each in examples])
    sureness = np.concatenate([each.sureness for each in examples])
    counts = sureness > 0
    rows = np.concatenate(
        [
            np.concatenate([each.voted for each in examples])[counts],
            np.concatenate([each.unvoted for each in examples])[counts],
        ]
    )
    weights = np.tile(sureness[counts] / sureness[counts].mean(), 2)
    data = lightgbm.Dataset(rows, np.tile(wanted[counts], 2), weight=weights)
    forest = lightgbm.train(SETTINGS, data, TREES).dump_model()
    return {"bias": 0.0, "trees": [_tree(tree["tree_structure"], names) for tree in forest["tree_info"]]}


def _tree(node: dict[str, Any], names: Sequence[str]) -> Any:
    if "leaf_value" in node:
        return round(node["leaf_value"], 4)
    return [
        names[node["split_feature"]],
        float(f"{node['threshold']:.6g}"),
        round(node["internal_value"], 4),
        _tree(node["left_child"], names),
        _tree(node["right_child"], names),
    ]


def written(forest: dict[str, Any]) -> str:
    """The file's text: one tree a line."""
    trees = ",\n".join(json.dumps(tree) for tree in forest["trees"])
    return f'{{"bias": {forest["bias"]}, "trees": [\n{trees}\n]}}\n'


def examples_of(folder: Path, workers: int) -> list[Example]:
    with ProcessPoolExecutor(workers) as pool:
        found = pool.map(example, *zip(*golds(folder), strict=True), chunksize=8)
        return [each for each in found if each is not None]


def of_folds(folder: Path, into: Path, workers: int) -> None:
    """Weights for each fold, learned without its sites: `into/0.json` and so on."""
    examples = examples_of(folder, workers)
    for fold in range(FOLDS):
        others = [each for each in examples if each.fold != fold]
        (into / f"{fold}.json").write_text(written(learned(others, evidence.NAMES)), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only read the file of the package")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.check:
        weighing.standard()
        return
    folder = evaluation_data()
    examples = examples_of(folder, arguments.workers)
    weighing.FILE.write_text(written(learned(examples, evidence.NAMES)), "utf-8")
    print(f"{len(examples)} pages, {sum(len(each.wanted) for each in examples):,} passages: {weighing.FILE}")


if __name__ == "__main__":
    main()
