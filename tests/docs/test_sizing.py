"""The worked examples of the sizing guide are what its formulas give with its own figures."""

from __future__ import annotations

import math
import re
from pathlib import Path

from newsmill.flow.elements.batches import AHEAD

GUIDE = (Path(__file__).parents[2] / "docs/guide/sizing.md").read_text()
UNITS = {"": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "million": 1e6}
DAY_S = 86_400


def number(text: str) -> float:
    found = re.search(r"([\d.,]+)\s*(kB|MB|GB|million)?", text)
    assert found is not None, text
    return float(found.group(1).replace(",", "")) * UNITS[found.group(2) or ""]


def table(first: str) -> list[list[str]]:
    """Cells of the table whose first heading is `first`, without heading and rule."""
    lines = GUIDE.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


SYMBOLS = {row[0].strip("`"): row[3] for row in table("symbol")}


def about(said: float, right: float) -> bool:
    """Equal at two digits."""
    return math.isclose(said, right, rel_tol=0.06)


def test_examples_follow_from_the_formulas_and_the_figures() -> None:
    cpu, value, draft, article, sketch, text, held, most, days = (
        number(SYMBOLS[name]) for name in ("c", "v", "d", "a", "s", "i", "j", "B", "H")
    )
    texts = number(SYMBOLS["t"])
    state = AHEAD * most * (draft + article + sketch)
    for row in table("pages a day"):
        pages = number(row[0])
        peak = 2 * pages / DAY_S
        assert about(number(row[1]), peak), row
        assert number(row[2]) == math.ceil(peak * cpu / 0.7), row
        if row[4] != "—":
            assert number(row[3]) == math.ceil(number(row[2]) / 2), row
            assert about(number(row[4]), state), row
        assert about(number(row[5]), pages * texts * days * text), row
        assert about(number(row[6]), pages * texts * days * held), row
        assert about(number(row[7]), 2 * peak * value), row


def test_text_says_what_the_formulas_give() -> None:
    draft, article, sketch, most, text, held, days = (
        number(SYMBOLS[name]) for name in ("d", "a", "s", "B", "i", "j", "H")
    )
    said = re.search(r"4 × 2,000 × (\d+ kB) = (\d+ MB)", GUIDE)
    assert said is not None
    assert about(number(said.group(1)), draft + article + sketch)
    assert about(number(said.group(2)), AHEAD * most * (draft + article + sketch))
    largest = re.search(r"a fast disk of (\d+ GB) and ([\d.]+ GB) of memory", GUIDE)
    assert largest is not None
    texts = 10e6 * number(SYMBOLS["t"]) * days
    assert about(number(largest.group(1)), 2 * texts * text)
    assert about(number(largest.group(2)), texts * held)
