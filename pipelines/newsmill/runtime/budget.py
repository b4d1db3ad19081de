"""A budget of CPU for one page in the steps after extraction, which nothing can interrupt.

What these steps do with a page is bounded by construction. The budget is the net under it: it is looked at
between two steps, and a page that used it up is not taken further.
"""

from __future__ import annotations

import math
import time

from newsmill.errors import Code, Rejected


class Budget:
    """CPU seconds that this thread may still spend on a page; it runs from the moment it is made."""

    def __init__(self, cpu_s: float = math.inf) -> None:
        self._limit = cpu_s
        self._start = time.thread_time()

    @property
    def is_spent(self) -> bool:
        """Whether the page has taken more than its limit."""
        return time.thread_time() - self._start > self._limit

    def check(self, step: str) -> None:
        """Stop a page that has taken too much.

        Args:
            step: What was done last, for people.

        Raises:
            Rejected: `E_BUDGET`.
        """
        if self.is_spent:
            raise Rejected(Code.BUDGET, f"more than {self._limit:g} s of CPU time with {step}")
