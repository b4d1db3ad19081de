"""The wheel and the sdist of this repository, for tests of what is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(scratch: Path) -> Path:
    """A folder with a wheel and an sdist, built from a copy of the repository in `scratch`."""
    source, made = scratch / "newsmill", scratch / "dist"
    unwanted = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "demo-lake")
    shutil.copytree(ROOT, source, ignore=unwanted)
    made.mkdir()
    for kind in ("sdist", "wheel"):
        code = f"from setuptools import build_meta; build_meta.build_{kind}({str(made)!r})"
        done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return made
