"""A small run of the bodies' benchmark (docs/quality/bodies.md has 20,000 pages)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BODIES = Path(__file__).parents[2] / "benchmarks" / "bodies.py"


def test_text_of_every_row_is_to_be_had_after_takedowns_merges_and_starts() -> None:
    ended = subprocess.run(
        [sys.executable, str(BODIES), "--pages", "1000"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    last = re.search(r"\| at the end \| 1,000 \| ([\d,]+) \| ([\d,]+) \| 0 \| 0 \|", ended.stdout)
    assert last is not None, ended.stdout
    rows, relying = (int(cell.replace(",", "")) for cell in last.groups())
    assert rows > 700 and relying > 80
    assert re.search(r"[1-9]\d* texts handed on", ended.stdout), ended.stdout
