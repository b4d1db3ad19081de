"""The questions that the guide asks have answers on the demo's lake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsmill.observe import questions

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "questions.md"
ASKED = re.findall(
    r"^([A-Z][^\n]*\?)(?: \*\((also Spark and Trino)\)\*)?\n\n```sql\n(.*?)^```",
    GUIDE.read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
"""(question, whether Spark and Trino answer it too, query)."""


@pytest.mark.parametrize(("query"), [query for *_, query in ASKED], ids=[asked for asked, *_ in ASKED])
def test_question_has_an_answer(demo_lake: Path, query: str) -> None:
    assert questions.connect(str(demo_lake)).sql(query.rstrip().rstrip(";")).fetchall()


def test_each_block_of_the_guide_is_asked() -> None:
    assert len(ASKED) == GUIDE.read_text(encoding="utf-8").count("```sql") >= 15
