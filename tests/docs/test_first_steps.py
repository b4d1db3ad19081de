"""The newcomer's walk: its commands are run in order, and print what the guide shows.

NEWSMILL_UPDATE_DOCS=1 writes into the guide what they print now.
"""

from __future__ import annotations

import re
from pathlib import Path

from guide_runs import is_to_be_updated, walked

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "first-steps.md"

FIGURE = re.compile(
    r"((?:confidence|agreement|similarity|containment|containment_of|novel_share|opening|completeness|score|salience)"
    r":? )[\d.]+"
)
"""What a small change of a model or a rule moves: shown as it was, not compared."""


def test_first_steps_print_what_the_guide_shows(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    now = walked(GUIDE, tmp_path)
    if is_to_be_updated():
        GUIDE.write_text(now, encoding="utf-8")
    assert FIGURE.sub(r"\1…", now) == FIGURE.sub(r"\1…", text), (
        "if this is right, run again with NEWSMILL_UPDATE_DOCS=1"
    )
