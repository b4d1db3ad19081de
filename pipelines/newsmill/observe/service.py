"""What a run tells systemd: that it is ready, that its loop gets on, how far it is, that it stops.

The protocol of sd_notify(3): lines in a datagram to the socket that `NOTIFY_SOCKET` names. The watchdog is
fed by what the loop does (it asked for records, a stage ended a piece of work, a batch was committed, a try
to reach what is away failed), by no thread that runs whatever the loop does: a loop that stands still
starves it, and systemd starts the process anew.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:  # a run imports this before all else
    from newsmill.lake.files import DataFile
    from newsmill.runtime.work import Work
    from newsmill.sources.transactions import Backlog

VARIABLE: Final = "NOTIFY_SOCKET"
EVERY_S: Final = 1.0
"""No two messages of the same kind come faster."""


class BatchSummary(Protocol):
    """What the run loop knows of a batch."""

    @property
    def records(self) -> int:
        """Records that came to a fate."""

    @property
    def waiting(self) -> int:
        """Records behind it."""


class Service:
    """Tells the service manager how the run goes; nothing where there is none.

    Args:
        address: Path of a socket, or a name of Linux's abstract ones with `@` before it; empty for none.
        clock: Monotonic time in seconds.
    """

    def __init__(self, address: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._clock = clock
        self._told_s: dict[str, float] = {}
        self._busy_s = 0.0
        self._records = 0

    @classmethod
    def of(cls, environment: MutableMapping[str, str]) -> Service:
        """The one that started this process. Its socket is taken out: no child of ours may speak for us."""
        return cls(environment.pop(VARIABLE, ""))

    def ready(self) -> None:
        """The lake is open: what waits for this service may start."""
        self._tell("READY=1", "STATUS=waiting for the first batch")

    def stopping(self) -> None:
        """No further batch will be begun."""
        self._tell("STOPPING=1", "STATUS=stopping after this batch")

    def alive(self) -> None:
        """The loop got on."""
        if self._due("watchdog"):
            self._tell("WATCHDOG=1")

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """How much waits, beside what was done."""
        if self._due("status"):
            self._tell(f"STATUS={self._records:,} records done, {sum(behind.values()):,} wait")

    def held_back(self, found: Sequence[Backlog]) -> None:
        """Alerts tell of it."""

    def working(self, work: Work | None) -> None:
        """How far the batch is; the loop got on where a stage ended a piece of work."""
        if work is None:
            self._busy_s = 0.0
            return
        busy = sum(work.busy_s.values())
        if busy > self._busy_s:
            self._busy_s = busy
            self.alive()
        if self._due("status"):
            self._tell(
                f"STATUS=batch under way: {work.done:,} of {work.records:,} pages, {work.seconds:.0f} s"
            )

    def batch_committed(self, summary: BatchSummary, files: Sequence[DataFile]) -> Any:
        """A batch became visible."""
        self._records += summary.records
        self._tell("WATCHDOG=1", f"STATUS={self._records:,} records done, {summary.waiting:,} wait")

    def _due(self, what: str) -> bool:
        now = self._clock()
        due = now - self._told_s.get(what, -EVERY_S) >= EVERY_S
        if due:
            self._told_s[what] = now
        return due

    def _tell(self, *lines: str) -> None:
        """Send, or drop: a service manager that went away, or does not read, holds up no run."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            out.connect(self._address)
            out.send("\n".join(lines).encode())


def of_this_process() -> Service:
    """See `Service.of`."""
    return Service.of(os.environ)
