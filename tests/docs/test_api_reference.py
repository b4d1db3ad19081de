"""The reference of the public names is that of the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_reference_is_what_the_docstrings_say(tmp_path: Path) -> None:
    made = tmp_path / "api.md"
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "api", "--write", made], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    shown = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert made.read_text(encoding="utf-8") == shown, "run: make api"
