"""The extraction processes of a worker process: what they do for each page, and how they are had once.

All that depends on a page alone is worked out there, beside one another and under the limits of the sandbox.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

from newsmill.config import InputConfig, PageConfig
from newsmill.flow.elements.derived import Derived
from newsmill.page.sandbox import Sandbox
from newsmill.records import ParsedPage
from newsmill.runtime.once import once

SWITCH_S: Final = 0.000_5
"""How long a thread may compute while another waits to fetch a page's answer: an extraction process rests
that long, some times a page (Python's own interval is 5 ms). It is longer by the slots: each thread that
waits wakes up so often, and with many slots that costs more than a slot that rests."""

MOST_SWITCH_S: Final = 0.005

_PR_SET_DUMPABLE: Final = 4


@once
def readers(page: str, input: str, enrich: str) -> Sandbox[ParsedPage]:
    """The extraction processes of this worker process, shared by its threads and kept between batches.

    Threads that compute make way for those that wait for an extraction process (`SWITCH_S`). From now on no
    other process of the same user can trace this one or read its memory and environment, which hold secrets.

    Args:
        page: A PageConfig as JSON.
        input: An InputConfig as JSON.
        enrich: An EnrichConfig as JSON.
    """
    limits = PageConfig.model_validate_json(page)
    sys.setswitchinterval(min(MOST_SWITCH_S, max(1.0, limits.processes / 2) * SWITCH_S))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return Sandbox(
        page=limits,
        input=InputConfig.model_validate_json(input),
        read="newsmill.page.reading:read",
        gives=ParsedPage,
        derive="newsmill.flow.steps.derive:derive",
        told=enrich,
        derives=Derived,
    )
