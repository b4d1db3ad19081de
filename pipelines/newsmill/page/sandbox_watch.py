"""How long the parent of an extraction process waits for it: while it gets on."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_CPU_SLACK: Final = 1.5
"""How many times its limit a process has used when its parent ends it."""

_LOOK_S: Final = 0.25
"""How often it is looked whether a process that does not answer does something."""


class Spent(Exception):
    """The process has used more CPU time than a page may, and was not ended by its own limit."""


class Slept(Exception):
    """The process of a page has slept, for which reading has no reason."""


class Watch:
    """How long to wait for a process: until it has done nothing for the limit.

    Who computes, or waits for a processor, is not counted: the CPU limit is for that. So a busy machine
    costs no page. An extraction process holds itself to that limit with a timer; one that stopped its timer
    is found by what it has used.

    Args:
        pid: The process.
        limit_s: How long it may do nothing: be stopped, or wait for the system.
        asleep: Called, once or more, when it does nothing.
        cpu_limit_s: How much CPU time it may use; there is no limit where absent.
        sleep_s: How long it may sleep by its own will, as counted by looks that found it so: a parent that
            was held up itself has looked less often.
    """

    def __init__(
        self,
        pid: int,
        limit_s: float,
        asleep: Callable[[], None],
        *,
        cpu_limit_s: float | None = None,
        sleep_s: float = math.inf,
    ) -> None:
        now = time.monotonic()
        self._cpu_limit_s = cpu_limit_s
        self._cpu_before: float | None = None  # known at the first look: most pages have answered before
        self._deadline = now + limit_s
        self._pid, self._limit_s, self._asleep = pid, limit_s, asleep
        self._interval = min(_LOOK_S, limit_s / 4)
        self._look_at = now + self._interval
        self._used = ""
        self._sleep_s, self._slept_s = sleep_s, 0.0

    def look(self) -> float:
        """Look, where it is time, at a process that has said nothing yet.

        Returns:
            Seconds until the next look.

        Raises:
            TimeoutError: It did nothing for the limit.
            Slept: It slept.
            Spent: It has used the CPU time that it may.
        """
        now = time.monotonic()
        if now >= self._look_at:
            state, used = _activity(self._pid)
            if self._cpu_before is None:
                self._cpu_before = _cpu_s(used)
            if self._cpu_limit_s and _cpu_s(used) - self._cpu_before > _CPU_SLACK * self._cpu_limit_s + 1:
                raise Spent
            if state == "R" or used != self._used:
                self._deadline = now + self._limit_s
                self._slept_s = 0.0
            else:
                self._asleep()
                self._slept_s += self._interval if state == "S" else 0.0
                if self._slept_s >= self._sleep_s:
                    raise Slept
            self._used = used
            self._look_at = now + self._interval
        if now >= self._deadline:
            raise TimeoutError
        return min(self._deadline - now, self._interval)


def _cpu_s(used: str) -> float:
    """CPU seconds of the second value of `_activity`."""
    return sum(map(int, used.split())) / os.sysconf("SC_CLK_TCK")


def _activity(pid: int) -> tuple[str, str]:
    """State of a process, and the CPU time that it has used."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", ""
    fields = stat.rpartition(")")[2].split()
    return fields[0], " ".join(fields[11:13])
