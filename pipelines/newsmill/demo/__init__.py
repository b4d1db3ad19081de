"""Sample pages, and what is to become of each: invented outlets and events in six languages.

`pages/NN-name.html` has a sidecar `NN-name.json` with the envelope's fields; sorted by name they
arrive as a crawler would have sent them. Among them are a wire's story with a copy of each type, a
round-up, forms filled in anew each day that are no copies, a revision, a redelivery, and pages that
are no articles or can't be read. Page 33 is the one that the project began from.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from newsmill.lake import reader

PAGES: Final = Path(__file__).with_name("pages")
EXPECTED: Final[Mapping[str, Mapping[str, Any]]] = json.loads(
    Path(__file__).with_name("expected.json").read_text(encoding="utf-8")
)
"""By file name: `fate`, and where they apply `reason` (or code), `copy_type`, `lang`,
`rights_reserved`, `is_accessible_for_free`, `published_at`."""


def differences(lake: Path) -> list[str]:
    """What became of the samples otherwise than expected, a line each; empty when all is right.

    The lake must hold the samples and nothing else. Pages of the same URL are told apart by their
    order, which a topic keeps since they have the same key.

    Raises:
        ConfigError: There is no lake.
    """
    found = _outcomes(str(lake))
    problems = []
    for name, expected in EXPECTED.items():
        url = json.loads((PAGES / name).with_suffix(".json").read_bytes())["url"]
        outcome = found[url].pop(0) if found.get(url) else {}
        problems += [
            f"{name}: {key} is {outcome.get(key)}, expected {value}"
            for key, value in expected.items()
            if outcome.get(key) != value
        ]
    problems += [f"a record of {url} that is no sample" for url, rest in found.items() if rest]
    return problems


def _outcomes(lake: str) -> dict[str | None, list[dict[str, Any]]]:
    """What became of each record, by URL, in the order of their offsets."""
    place = ("topic", "partition", "offset")
    columns = [*place, "lang", "published_at", "is_accessible_for_free", "rights", "duplicate"]
    articles = {
        tuple(row[name] for name in place): {
            "lang": row["lang"],
            "published_at": row["published_at"] and row["published_at"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "is_accessible_for_free": row["is_accessible_for_free"],
            "rights_reserved": row["rights"]["reserved"],
            "copy_type": row["duplicate"]["copy_type"],
        }
        for row in reader.rows(lake, "articles").to_table(columns=columns).to_pylist()
    }
    found = defaultdict(list)
    ledger = reader.rows(lake, "fate").to_table(columns=[*place, "fate", "reason", "url"])
    for row in sorted(ledger.to_pylist(), key=lambda row: tuple(row[name] for name in place)):
        outcome = articles.get(tuple(row[name] for name in place), {})
        found[row["url"]].append({"fate": row["fate"], "reason": row["reason"], **outcome})
    return found
