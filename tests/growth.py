"""How the CPU that a step takes grows with its input: 1 where it is linear, 8 where it is a square (of 8)."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

FACTOR = 8
_LEAST_S = 0.02
"""Below so much CPU in the large run a step is fast whatever it does with its input."""


def cpu(step: Callable[[Any], Any], given: Any) -> float:
    """CPU seconds of one run, the better of two."""
    gc.disable()
    try:
        return min(_once(step, given) for _ in range(2))
    finally:
        gc.enable()


def _once(step: Callable[[Any], Any], given: Any) -> float:
    start = time.thread_time()
    step(given)
    return time.thread_time() - start


def cpu_ratio(step: Callable[[Any], Any], make: Callable[[int], Any], *, small: int) -> float:
    """CPU of an input `FACTOR` times as large, divided by `FACTOR` times that of the small one."""
    large = cpu(step, make(FACTOR * small))
    if large < _LEAST_S:
        return 0.0
    return large / (FACTOR * max(cpu(step, make(small)), _LEAST_S / FACTOR))
