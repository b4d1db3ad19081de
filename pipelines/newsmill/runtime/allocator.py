"""How the C library gives memory back, for processes that run for months.

Glibc makes an arena for each thread, up to eight a core, and keeps what was freed in the middle of one.
Pages of some hundred kilobytes that come and go on forty threads leave arenas that are half empty, and
more so each hour. Few arenas, blocks of their own for what is very large, and now and then a call that
gives back what lies free between what is used, keep a process at what it uses. And Python looks for
cycles among all its objects by the clock and not by their number: those of pages have none, only Beam's
pipelines, one a batch.
"""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from typing import Final

ARENAS: Final = 2
LARGE_BYTES: Final = 16 * 1024 * 1024
"""Blocks from this size on are mapped one by one and given back when freed; glibc begins with 128 kB and
raises it up to 32 MB by what it sees, unless it is set. With 128 kB each page's body is mapped and zeroed
several times: a tenth of a run's time."""

ARROW: Final = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Arrow's own pool keeps what threads that have ended had: 67 MB after fifty minutes. It reads this
variable when it is imported."""

COLLECTED_AFTER: Final = (20_000, 20, 1_000_000)
"""Python's thresholds of its collector, by generation: the oldest is left to the clock. With Python's own
(700, 10, 10) a batch of a thousand pages spends a second on it."""

GIVE_BACK_S: Final = 5.0
"""How often cycles are looked for and free memory is given back."""

_M_TRIM_THRESHOLD: Final = -1  # malloc.h
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def settle() -> None:
    """Set this process's allocator and collector; call it before threads start.

    Nothing is set for the allocator where the C library is another. Python's collector rests until `keep`.
    """
    gc.disable()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, LARGE_BYTES)
    threading.Thread(target=_give_back_now_and_then, name="give-back", daemon=True).start()


def keep() -> None:
    """What there is now stays: don't look for cycles in it. Call it when all is imported and opened."""
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)
    gc.enable()


def give_back() -> None:
    """Free cycles, and give the C library's free memory back to the system (glibc only)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _give_back_now_and_then() -> None:
    while True:
        time.sleep(GIVE_BACK_S)
        give_back()
