"""Where the evaluation data is: in no repository, beside this one, or where NEWSMILL_SHARED says."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def shared_folder() -> Path:
    """The folder of all shared data, whether it is there or not."""
    return Path(os.environ.get("NEWSMILL_SHARED") or Path(__file__).parents[2] / "shared")


def evaluation_data() -> Path:
    """The folder of evaluation data; ends the program where there is none."""
    folder = shared_folder() / "eval"
    if not folder.is_dir():
        sys.exit(f"no evaluation data: {folder} does not exist; set NEWSMILL_SHARED")
    return folder
