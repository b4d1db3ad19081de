"""Retries of calls to what goes away and comes back: brokers, catalogs, object stores. One policy for all.

Whoever meets trouble that may pass waits longer and longer between tries, up to `LONGEST_S`: for ever, or
up to a limit. Who waits for the same thing shares its log lines: one at the beginning, one a minute, one at
the end. Trouble that is over within `QUIET_S`, as two writers at once, is no news.

What this process waits for now is in `troubles`; an orchestrator sees it at `/ready`.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeVar

from newsmill.errors import Stopped, Transient

FIRST_S: Final = 0.05
LONGEST_S: Final = 5.0
"""Pauses between tries: the first, doubled each time, and the longest."""
QUIET_S = 1.0
"""Trouble is told of when it lasts for longer."""
EVERY_S = 60.0
"""How often trouble that lasts is told of again."""

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass
class _Trouble:
    """Something that this process waits for, and how many of its threads do."""

    why: str
    since: float
    told: float | None = None
    waiting: int = 0


_troubles: dict[str, _Trouble] = {}
_lock = threading.Lock()
_stop = threading.Event()


def _nobody() -> None:
    """Who is told where nobody asked to be."""


_tell: Callable[[], None] = _nobody


def tell_by(told: Callable[[], None]) -> None:
    """Call this at each try that failed, from any thread: who waits and tries again is alive."""
    global _tell
    _tell = told


def stop_by(event: threading.Event) -> None:
    """Let an event end all waiting of this process: whoever waits, or comes to, gets `Stopped`."""
    global _stop
    _stop = event


def troubles() -> list[str]:
    """What this process waits for, since when, and why; empty where nothing is wrong."""
    now = time.monotonic()
    with _lock:
        return [
            f"waiting for {what} for {now - trouble.since:.0f} s: {trouble.why}"
            for what, trouble in sorted(_troubles.items())
            if now - trouble.since >= QUIET_S
        ]


class Retrying:
    """The waiting for one thing; a context that begins at the first `wait` and ends with the block.

    Args:
        what: The thing, as it is named to users: `kafka at host:9092`.
        limit_s: Longest time from the first failure, or from the last success; none waits for ever.

    Example:
        with Retrying("kafka at host:9092") as attempts:
            while True:
                try:
                    return ask()
                except ConnectionError as error:
                    attempts.wait(error)
    """

    def __init__(self, what: str, limit_s: float | None = None) -> None:
        self._what = what
        self._limit_s = limit_s
        self._since: float | None = None
        self._pause = FIRST_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(over=kind is None or kind is GeneratorExit)

    def wait(self, error: Exception, why: str | None = None, *, took_s: float = 0.0) -> None:
        """Wait before another try.

        Args:
            error: What went wrong.
            why: What to tell of it; its own words where absent.
            took_s: How long the try took that failed: time that was waited, too.

        Raises:
            Transient: The limit is reached.
            Stopped: The process was told to stop.
        """
        self.note(error, why, took_s=took_s)
        lasts = self._lasts()
        if lasts >= QUIET_S and _stop.is_set():
            raise Stopped(f"told to stop while waiting for {self._what}: {why or error}") from error
        pause = self._pause * random.uniform(0.5, 1.5)
        if _stop.is_set():
            time.sleep(min(pause, QUIET_S))
        else:
            _stop.wait(pause)
        self._pause = min(LONGEST_S, self._pause * 2)

    def note(self, error: Exception, why: str | None = None, *, took_s: float = 0.0) -> None:
        """Note a failure without waiting: the caller comes again by itself. Raises Transient as `wait`."""
        why = why or str(error)
        now = time.monotonic()
        _tell()
        with _lock:
            trouble = _troubles.setdefault(self._what, _Trouble(why, now - took_s))
            trouble.why = why
            if self._since is None:
                self._since = now - took_s
                trouble.waiting += 1
            lasts = now - trouble.since
            tell = lasts >= QUIET_S and (trouble.told is None or now - trouble.told >= EVERY_S)
            first = trouble.told is None
            if tell:
                trouble.told = now
        if tell and first:
            _log.warning("waiting for %s: %s", self._what, why)
        elif tell:
            _log.warning("still waiting for %s after %.0f s: %s", self._what, lasts, why)
        if self._limit_s is not None and self._lasts() + self._pause > self._limit_s:
            tried = f", tried for {self._limit_s:g} s" if self._limit_s else ""
            raise Transient(f"{self._what}{tried}: {why}") from error

    def passed(self) -> None:
        """It answered: the next failure begins anew."""
        self._leave(over=True)

    def leave(self) -> None:
        """Nobody waits here any longer, whether it came back or not."""
        self._leave(over=False)

    def _lasts(self) -> float:
        return 0.0 if self._since is None else time.monotonic() - self._since

    def _leave(self, *, over: bool) -> None:
        if self._since is None:
            return
        self._since, self._pause = None, FIRST_S
        with _lock:
            trouble = _troubles[self._what]
            trouble.waiting -= 1
            if trouble.waiting and not over:
                return
            if trouble.waiting == 0:
                del _troubles[self._what]
            lasted, told = time.monotonic() - trouble.since, trouble.told is not None
            if over:
                trouble.since, trouble.told = time.monotonic(), None
        if over and told:
            _log.warning("%s is back after %.0f s", self._what, lasted)


def retry(
    call: Callable[[], _Result],
    what: str,
    *,
    errors: tuple[type[Exception], ...],
    why: Callable[[Exception], str] = str,
    limit_s: float | None = None,
) -> _Result:
    """The call's result, however long it takes.

    Args:
        call: May be called many times.
        what: What is waited for.
        errors: What may pass on another try.
        why: What to tell of such an error; raises where this one does not pass after all.
        limit_s: As for `Retrying`.
    """
    with Retrying(what, limit_s) as attempts:
        while True:
            start = time.monotonic()
            try:
                return call()
            except errors as error:
                attempts.wait(error, why(error), took_s=time.monotonic() - start)
