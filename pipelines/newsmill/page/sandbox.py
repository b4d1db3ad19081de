"""Extraction in child processes that may hang, crash or run out of memory without harm.

A parser of hostile HTML can loop, blow up or segfault, and none of that can be caught inside the
process. So each slot has one child process with limits on wall time, CPU time and memory; a child
that breaks a limit is killed, its page is rejected with a code, and a new child takes its place.
Parent and child speak length-prefixed MessagePack over two pipes; nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload

import msgspec

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.once import once
from newsmill.page.sandbox_child import Answer, Setup, frame
from newsmill.records import NotArticle, Page, RawPage, Reading, Record

Found = TypeVar("Found", bound=Record)

SWITCH_S: Final = 0.000_5
"""How long a thread may compute while another waits to fetch a page's answer: an extraction process rests
that long, some times a page (Python's own interval is 5 ms)."""

_PIPE_BYTES: Final = 1024 * 1024
"""Nearly all pages fit in a pipe of this size, so that a thread sends one in one piece; Linux gives 64 kB."""

_PAGES_PER_CHILD: Final = 5_000
"""A child is replaced after this many pages, so that no slow leak of a C library matters."""

_START_LIMIT_S: Final = 60.0
_READ_PAGE: Final = "newsmill.page.analysis:read_page"
_ENVIRONMENT: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "VIRTUAL_ENV")


class Sandbox(Generic[Found]):
    """A fixed number of extraction processes, shared by any number of threads.

    Children start when first needed, or with `start`. A page gives the same outcome as
    `analysis.read_page` in this process, except that a hang, a crash or a memory blow-up becomes a
    `Rejected` with `E_TIMEOUT`, `E_CRASH` or `E_OOM`. A page whose child died is tried once more in a
    new child before it is rejected with `E_CRASH`: a child can die of what happened elsewhere. An
    exception that the reading code did not foresee is `E_CRASH` too, with its traceback: one page
    can't stop the job.

    Args:
        page: Limits and choices of extraction; `slots` is the number of processes.
        input: Caps on the decompressed size.
        read: Where the child finds its reading function, as `module:function`; it takes what
            `analysis.read_page` does, and gives a `NotArticle` or a record of the type `gives`. A
            function `prepare` beside it is called before the child is confined.
        gives: What the reading function finds in a page.

    Example:
        with Sandbox(page=config.page, input=config.input) as sandbox:
            outcomes = sandbox.map(pages)
    """

    @overload
    def __init__(self: Sandbox[Page], *, page: PageConfig, input: InputConfig, read: str = ...) -> None: ...
    @overload
    def __init__(self, *, page: PageConfig, input: InputConfig, read: str, gives: type[Found]) -> None: ...
    def __init__(
        self, *, page: PageConfig, input: InputConfig, read: str = _READ_PAGE, gives: type[Record] = Page
    ) -> None:
        self._page = page
        self._found: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(gives)
        self._setup = Setup(
            read=read,
            page=page.model_dump_json(),
            input=input.model_dump_json(),
            cpu_limit_s=page.cpu_limit_s,
            memory_limit_mb=page.memory_limit_mb,
        )
        self._slots: queue.SimpleQueue[_Child[Found] | None] = queue.SimpleQueue()
        for _ in range(page.slots):
            self._slots.put(None)
        self._threads = ThreadPoolExecutor(page.slots, thread_name_prefix="sandbox")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the children that are missing, without waiting for them."""
        for _ in range(self._page.slots):
            child = self._slots.get()
            try:
                child = child or _Child(self._setup, self._found)
            finally:
                self._slots.put(child)

    def map(self, pages: Sequence[RawPage]) -> list[Found | NotArticle | Rejected]:
        """Read pages in all slots at once; the outcomes are in the order of the pages."""
        return list(self._threads.map(self._outcome, pages))

    def close(self) -> None:
        """End all children. Waits for pages that are being read."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for _ in range(self._page.slots):
            child = self._slots.get()
            if child is not None:
                child.end()

    def _outcome(self, page: RawPage) -> Found | NotArticle | Rejected:
        child = self._slots.get()
        try:
            for attempt in (1, 2):
                if child is None:
                    child = _Child(self._setup, self._found)
                try:
                    outcome = child.read(page, self._page.wall_limit_s)
                except _NotStarted:
                    child = None
                    if attempt == 2:
                        raise
                except _Died as death:
                    child = None
                    if death.code is not Code.CRASH or attempt == 2:
                        return Rejected(death.code, str(death))
                else:
                    if child.pages >= _PAGES_PER_CHILD:
                        child.end()
                        child = None
                    return outcome
            raise AssertionError("unreachable")
        except BaseException:
            if child is not None:
                child.kill()
                child = None
            raise
        finally:
            self._slots.put(child)


class _Died(Exception):
    """The child is gone; `code` says what that means for its page."""

    def __init__(self, code: Code, message: str) -> None:
        self.code = code
        super().__init__(message)


class _NotStarted(RuntimeError):
    """The child died, or took too long, before it read any page."""


_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


class _Child(Generic[Found]):
    """One extraction process and its two pipes; it prepares itself while nobody waits for it.

    Children are made in threads, decoders are not: see `transforms.chunks.register`.
    """

    def __init__(self, setup: Setup, found: msgspec.msgpack.Decoder[Found]) -> None:
        self.pages = 0
        self._found = found
        self._ready = False
        self._start_by = time.monotonic() + _START_LIMIT_S
        self._process = subprocess.Popen(
            [sys.executable, "-m", "newsmill.page.sandbox_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
            | {"HOME": "/nonexistent", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        with contextlib.suppress(OSError):  # the user's pipes may be at their limit
            fcntl.fcntl(self._to, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        with contextlib.suppress(BrokenPipeError):  # who waits for its answer is told why
            self._send(frame(msgspec.msgpack.encode(setup)), self._start_by)

    def read(self, page: RawPage, wall_limit_s: float) -> Found | NotArticle | Rejected:
        """One page's outcome; raises `_Died` or `_NotStarted` when the child is no longer there after it."""
        if not self._ready:
            self._await_start()
        self.pages += 1
        answer = self._exchange(frame(msgspec.msgpack.encode(page)), wall_limit_s)
        if answer.bug is not None:
            self.kill()
            raise _Died(Code.CRASH, f"the extraction code failed:\n{answer.bug[-4000:]}")
        if answer.code == Code.MEMORY:
            self.kill()
            raise _Died(Code.MEMORY, answer.message)
        if answer.code is not None:
            return Rejected(Code(answer.code), answer.message)
        if answer.not_article is not None:
            return answer.not_article
        return self._decoded(answer.found)

    def _await_start(self) -> None:
        try:
            self._exchange(b"", max(0.0, self._start_by - time.monotonic()))
        except _Died as death:
            raise _NotStarted(f"the extraction process does not start: {death}") from death
        self._ready = True

    def _decoded(self, found: msgspec.Raw) -> Found:
        try:
            return self._found.decode(found)
        except msgspec.DecodeError as error:
            self.kill()
            raise _Died(Code.CRASH, f"the extraction process gave a broken answer: {error}") from None

    def end(self) -> None:
        """Ask the idle child to leave, and make sure that it does."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self.kill()

    def kill(self) -> int:
        """Kill and reap the child; its return code."""
        self._process.kill()
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def _exchange(self, framed: bytes, limit_s: float) -> Answer:
        deadline = time.monotonic() + limit_s
        try:
            self._send(framed, deadline)
            size = int.from_bytes(self._receive(4, deadline), "big")
            return _ANSWERS.decode(self._receive(size, deadline))
        except TimeoutError:
            self.kill()
            raise _Died(Code.TIMEOUT, f"no answer within {limit_s:g} s of wall time") from None
        except (BrokenPipeError, EOFError):
            raise self._death() from None
        except msgspec.DecodeError as error:
            self.kill()
            raise _Died(Code.CRASH, f"the extraction process gave a broken answer: {error}") from None

    def _death(self) -> _Died:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = self.kill()
        self.kill()
        if code == -signal.SIGXCPU:
            return _Died(Code.TIMEOUT, "the page took more CPU time than its limit")
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return _Died(Code.CRASH, f"the extraction process died: {name}")

    def _send(self, data: bytes, deadline: float) -> None:
        view, poll = memoryview(data), select.poll()
        poll.register(self._to, select.POLLOUT)
        while view:
            self._wait(poll, deadline)
            view = view[os.write(self._to, view) :]

    def _receive(self, size: int, deadline: float) -> bytes:
        data, poll = bytearray(), select.poll()
        poll.register(self._from, select.POLLIN)
        while len(data) < size:
            self._wait(poll, deadline)
            chunk = os.read(self._from, size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    @staticmethod
    def _wait(poll: select.poll, deadline: float) -> None:
        if not poll.poll(max(0.0, (deadline - time.monotonic()) * 1000)):
            raise TimeoutError


@once
def extraction(page: str, input: str) -> Sandbox[Reading]:
    """The extraction processes of this worker process, shared by its threads and kept between batches.

    Threads that compute make way for those that wait for an extraction process (`SWITCH_S`).

    Args:
        page: A PageConfig as JSON.
        input: An InputConfig as JSON.
    """
    sys.setswitchinterval(SWITCH_S)
    return Sandbox(
        page=PageConfig.model_validate_json(page),
        input=InputConfig.model_validate_json(input),
        read="newsmill.page.reading:read",
        gives=Reading,
    )
