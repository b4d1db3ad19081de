"""A reading function for the sandbox that is never ready."""

from __future__ import annotations

import time


def prepare(**_: object) -> None:
    """Take longer than any test waits."""
    time.sleep(3_600)
