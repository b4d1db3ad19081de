"""Extraction in child processes that may hang, crash or run out of memory without harm.

A parser of hostile HTML can loop, blow up or segfault, and none of that can be caught inside the
process. So each slot has one child process with limits on wall time, CPU time and memory; a child
that breaks a limit is killed, its page is rejected with a code, and a new child takes its place: a fork of
a process that is prepared once (`page.zygote`).
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Generic, Self, overload

import msgspec

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, NotStarted, Rejected
from newsmill.page.sandbox_messages import Setup
from newsmill.page.sandbox_process import Died, Found, Process, Reading
from newsmill.page.zygote import Zygote
from newsmill.records import NotArticle, Page, RawPage, Record

_PAGES_PER_CHILD: Final = 5_000
"""A child is replaced after this many pages, so that no slow leak of a C library matters."""

_READ_PAGE: Final = "newsmill.page.analysis:read_page"

_ASIDE: Final = 32
"""Pages whose processes sleep, and which are waited for beside those that are read in the slots."""


UNCONFINED: Final = (
    "the kernel has no seccomp filter for this architecture: extraction processes are held by limits and an "
    "audit hook, which stop Python code but not native code"
)


class Sandbox(Generic[Found]):
    """A fixed number of extraction processes, shared by any number of threads.

    Children start when first needed, or with `start`. A page gives the same outcome as
    `analysis.read_page` in this process, except that what breaks the limits becomes a `Rejected`:

    - `E_TIMEOUT`: more CPU time than its limit, a process that slept for 2 s, or one that was stopped or
      waited for the system for the wall limit. CPU time is counted, so that a page's fate does not depend on
      what else the machine does; a process that waits for its turn is waited for. One that does nothing
      holds no slot, and the page of one that was stopped is read once more, alone, before it is rejected.
    - `E_OOM`: more memory than its limit.
    - `E_FORBIDDEN`: an act that the sandbox forbids, which is named.
    - `E_CRASH`: the process died, or the reading code raised what it did not foresee: one page can't stop the
      job. The message has the traceback, or what the process said last.

    What failed by itself is not tried again. A page whose process died is, once, where something else can
    have been the cause: the process had read other pages before, or was killed from outside.

    Args:
        page: Limits and choices of extraction.
        input: Caps on the decompressed size.
        read: Where the child finds its reading function, as `module:function`; it takes what
            `analysis.read_page` does, and gives a `NotArticle` or a record of the type `gives`. A
            function `prepare(page=, input=)` beside it is called before the child is confined.
        gives: What the reading function finds in a page.
        derive: Where the child finds what follows from a page, as `module:function`: called after the answer
            with the raw page, what was found, `page=` and `told=`. Its module's `prepare(page=, told=)` is
            called before the child is confined. It has a CPU limit of its own, and its failure is not the
            page's: there is no derived record then.
        told: What that function is told.
        derives: What it gives.

    Example:
        with Sandbox(page=config.page, input=config.input) as sandbox:
            outcomes = sandbox.map(pages)
    """

    @overload
    def __init__(self: Sandbox[Page], *, page: PageConfig, input: InputConfig, read: str = ...) -> None: ...
    @overload
    def __init__(
        self,
        *,
        page: PageConfig,
        input: InputConfig,
        read: str,
        gives: type[Found],
        derive: str = ...,
        told: str = ...,
        derives: type[Record] | None = ...,
    ) -> None: ...
    def __init__(
        self,
        *,
        page: PageConfig,
        input: InputConfig,
        read: str = _READ_PAGE,
        gives: type[Record] = Page,
        derive: str = "",
        told: str = "",
        derives: type[Record] | None = None,
    ) -> None:
        self._page = page
        self._derived = None if derives is None else msgspec.msgpack.Decoder(derives)
        self._found: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(gives)
        self._setup = Setup(
            read=read,
            page=page.model_dump_json(),
            input=input.model_dump_json(),
            cpu_limit_s=page.cpu_limit_s,
            memory_limit_mb=page.memory_limit_mb,
            derive=derive,
            told=told,
        )
        self._slots: queue.SimpleQueue[_Slot[Found]] = queue.SimpleQueue()
        for _ in range(page.processes):
            self._slots.put(_Slot())
        self._alone = threading.Lock()
        self._zygote: Zygote | None = None
        self._starting = threading.Lock()
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="zygote")  # a zygote dies with its thread
        self.confined_by: tuple[str, ...] | None = None
        """The parts of the kernel that hold the children; None before the first page was read."""
        self._threads = ThreadPoolExecutor(page.processes + _ASIDE, thread_name_prefix="sandbox")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the children that are missing, without waiting for them."""
        self._threads.submit(
            self._start
        ).result()  # what is started there ends with this sandbox at the latest

    def _start(self) -> None:
        for _ in range(self._page.processes):
            slot = self._slots.get()
            try:
                slot.child = slot.child or self._process()
            finally:
                self._slots.put(slot)

    def map(self, pages: Sequence[RawPage]) -> list[Found | NotArticle | Rejected]:
        """Read pages in all slots at once; the outcomes are in the order of the pages."""
        return [reading.outcome for reading in self.readings(pages)]

    def readings(self, pages: Sequence[RawPage]) -> list[Reading[Found]]:
        """As `map`, with what follows from each page."""
        return [future.result() for future in [self.submit(page) for page in pages]]

    def submit(self, page: RawPage) -> Future[Reading[Found]]:
        """Read a page as soon as a slot is free; what comes of it, and what follows from it."""
        return self._threads.submit(self._reading, page)

    def close(self) -> None:
        """End all children. Waits for pages that are being read."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for _ in range(self._page.processes):
            slot = self._slots.get()
            if slot.child is not None:
                slot.child.end()
        if self._zygote is not None:
            self._zygote.end()
        self._keeper.shutdown()

    def _process(self) -> Process[Found]:
        """A new extraction process, and a zygote where it is missing."""
        with self._starting:
            if self._zygote is not None and not self._zygote.lives():
                self._zygote.end()
                self._zygote = None
            if self._zygote is None:
                self._zygote = self._keeper.submit(Zygote, self._setup).result()
            zygote = self._zygote
        return Process(zygote, self._found, self._derived, self._page.cpu_limit_s)

    def _reading(self, page: RawPage) -> Reading[Found]:
        reading = self._in_slots(page)
        if reading is None:
            with self._alone:
                reading = self._in_slots(page, alone=True)
        if reading is not None:
            return reading
        idle = f"the page's process did nothing for {self._page.wall_limit_s:g} s, and again when alone"
        return Reading(Rejected(Code.TIMEOUT, idle))

    def _in_slots(self, page: RawPage, *, alone: bool = False) -> Reading[Found] | None:
        """What came of one page, read while one slot is held, or all of them; as `_read`."""
        slot, *others = held = [self._slots.get() for _ in range(self._page.processes if alone else 1)]

        def let_go() -> None:
            """The child sleeps: others may work meanwhile."""
            for other in others:
                self._slots.put(other)
            if held:
                self._slots.put(_Slot())
            others.clear()
            held.clear()

        try:
            if alone:
                slot.kill()  # a new process, too
            return self._read(page, slot, let_go)
        except BaseException:
            slot.kill()
            raise
        finally:
            if held:
                self._slots.put(slot)
            else:
                slot.kill()
            for other in others:
                self._slots.put(other)

    def _read(self, page: RawPage, slot: _Slot[Found], asleep: Callable[[], None]) -> Reading[Found] | None:
        """What came of one page; None when its child was asleep at the end of the wall limit."""
        for again in (False, True):
            child = slot.child = slot.child or self._process()
            first = not child.pages
            try:
                reading = child.read(page, self._page.wall_limit_s, asleep)
            except NotStarted:
                slot.child = None
                if again:
                    raise
            except Died as death:
                slot.child = None
                if death.code is None:
                    return None
                if again or death.by_itself or (first and not death.from_outside):
                    return Reading(Rejected(death.code, str(death)))
            else:
                if self.confined_by is None and not child.confined_by:
                    logging.getLogger(__name__).warning(UNCONFINED)
                self.confined_by = child.confined_by
                if child.leaves or child.pages >= _PAGES_PER_CHILD:
                    child.end()
                    slot.child = None
                return reading
        raise AssertionError("unreachable")


class _Slot(Generic[Found]):
    """The right to let one child work, and the child, where there is one."""

    def __init__(self) -> None:
        self.child: Process[Found] | None = None

    def kill(self) -> None:
        """Kill the child, if there is one."""
        if self.child is not None:
            self.child.kill()
            self.child = None
