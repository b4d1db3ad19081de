"""Extraction in child processes that may hang, crash or run out of memory without harm.

A parser of hostile HTML can loop, blow up or segfault, and none of that can be caught inside the
process. So each slot has one child process with limits on wall time, CPU time and memory; a child
that breaks a limit is killed, its page is rejected with a code, and a new child takes its place.
Parent and child speak length-prefixed MessagePack over two pipes; nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import logging
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload

import msgspec

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.once import once
from newsmill.page.sandbox_child import FORBIDDEN_STATUS, Answer, Setup, frame
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
"""How long a child that prepares itself may do nothing."""

_READ_PAGE: Final = "newsmill.page.analysis:read_page"
_PR_SET_DUMPABLE: Final = 4

CPU_SLACK: Final = 1.5
"""How many times `cpu_limit_s` a child has used when the parent ends it."""

_LOOK_S: Final = 1.0
"""How often it is looked whether the child that does not answer does something."""

_ANSWER_BYTES: Final = 256 * 1024 * 1024
"""A longer answer is no answer: all that extraction finds in the largest page is a fraction of it."""

_BROKEN: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding an answer can raise, whatever its bytes are."""

_LAST_WORDS: Final = 4_000
"""Bytes of a child's stderr that are kept for the message about its death."""

_READS: Final = 16
"""Reads of a child's stderr at a time, so that one that never ends holds nobody up."""

_ENVIRONMENT: Final = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "VIRTUAL_ENV"),
    *("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
)


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

    - `E_TIMEOUT`: more CPU time than its limit, or a process that did nothing for the wall limit. CPU time is
      counted, so that a page's fate does not depend on what else the machine does; a process that waits for
      its turn is waited for. One that sleeps holds no slot, and its page is read once more, alone, before it
      is rejected.
    - `E_OOM`: more memory than its limit.
    - `E_FORBIDDEN`: an act that the sandbox forbids, which is named.
    - `E_CRASH`: the process died, or the reading code raised what it did not foresee: one page can't stop the
      job. The message has the traceback, or what the process said last.

    What failed by itself is not tried again. A page whose process died is, once, where something else can
    have been the cause: the process had read other pages before, or was killed from outside.

    Args:
        page: Limits and choices of extraction; `slots` is the number of processes.
        input: Caps on the decompressed size.
        read: Where the child finds its reading function, as `module:function`; it takes what
            `analysis.read_page` does, and gives a `NotArticle` or a record of the type `gives`. A
            function `prepare(page=, input=)` beside it is called before the child is confined.
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
        self._slots: queue.SimpleQueue[_Slot[Found]] = queue.SimpleQueue()
        for _ in range(page.slots):
            self._slots.put(_Slot())
        self._alone = threading.Lock()
        self.confined_by: tuple[str, ...] | None = None
        """The parts of the kernel that hold the children; None before the first page was read."""
        self._threads = ThreadPoolExecutor(page.slots + _ASIDE, thread_name_prefix="sandbox")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the children that are missing, without waiting for them."""
        for _ in range(self._page.slots):
            slot = self._slots.get()
            try:
                slot.child = slot.child or _Child(self._setup, self._found)
            finally:
                self._slots.put(slot)

    def map(self, pages: Sequence[RawPage]) -> list[Found | NotArticle | Rejected]:
        """Read pages in all slots at once; the outcomes are in the order of the pages."""
        return list(self._threads.map(self._outcome, pages))

    def close(self) -> None:
        """End all children. Waits for pages that are being read."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for _ in range(self._page.slots):
            slot = self._slots.get()
            if slot.child is not None:
                slot.child.end()

    def _outcome(self, page: RawPage) -> Found | NotArticle | Rejected:
        outcome = self._in_slots(page)
        if outcome is None:
            with self._alone:
                outcome = self._in_slots(page, alone=True)
        return outcome or Rejected(
            Code.TIMEOUT,
            f"the page's process did nothing for {self._page.wall_limit_s:g} s, and again when alone",
        )

    def _in_slots(self, page: RawPage, *, alone: bool = False) -> Found | NotArticle | Rejected | None:
        """The outcome of one page, read while one slot is held, or all of them; as `_read`."""
        slot, *others = held = [self._slots.get() for _ in range(self._page.slots if alone else 1)]

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

    def _read(
        self, page: RawPage, slot: _Slot[Found], asleep: Callable[[], None]
    ) -> Found | NotArticle | Rejected | None:
        """The outcome of one page; None when its child was asleep at the end of the wall limit."""
        for again in (False, True):
            child = slot.child = slot.child or _Child(self._setup, self._found)
            first = not child.pages
            try:
                outcome = child.read(page, self._page.wall_limit_s, asleep)
            except _NotStarted:
                slot.child = None
                if again:
                    raise
            except _Died as death:
                slot.child = None
                if death.code is None:
                    return None
                if again or death.by_itself or (first and not death.from_outside):
                    return Rejected(death.code, str(death))
            else:
                if self.confined_by is None and not child.confined_by:
                    logging.getLogger(__name__).warning(UNCONFINED)
                self.confined_by = child.confined_by
                if child.leaves or child.pages >= _PAGES_PER_CHILD:
                    child.end()
                    slot.child = None
                return outcome
        raise AssertionError("unreachable")


class _Slot(Generic[Found]):
    """The right to let one child work, and the child, where there is one."""

    def __init__(self) -> None:
        self.child: _Child[Found] | None = None

    def kill(self) -> None:
        """Kill the child, if there is one."""
        if self.child is not None:
            self.child.kill()
            self.child = None


class _Died(Exception):
    """The child is gone, and this is what that means for its page.

    Args:
        code: None where the child was asleep at the end of the wall limit.
        message: For the quarantined record.
        by_itself: Whether the page alone is the cause.
        from_outside: Whether the cause is another process.
    """

    def __init__(
        self, code: Code | None, message: str, *, by_itself: bool = False, from_outside: bool = False
    ) -> None:
        self.code = code
        self.by_itself = by_itself
        self.from_outside = from_outside
        super().__init__(message)


class _Watch:
    """How long to wait for a child: until it has done nothing for the limit.

    Who computes, or waits for a processor, is not counted: the CPU limit is for that. So a busy machine
    costs no page. The child holds itself to that limit with a timer; one that stopped its timer is found
    by what it has used.
    """

    def __init__(
        self, pid: int, limit_s: float, asleep: Callable[[], None], *, cpu_limit_s: float | None = None
    ) -> None:
        now = time.monotonic()
        self._cpu_limit_s = cpu_limit_s
        self._cpu_before = _cpu_s(_activity(pid)[1]) if cpu_limit_s is not None else 0.0
        self._deadline = now + limit_s
        self._pid, self._limit_s, self._asleep = pid, limit_s, asleep
        self._interval = min(_LOOK_S, limit_s / 4)
        self._look_at = now + self._interval
        self._used = ""

    def look(self) -> float:
        """Seconds until the next look; raises TimeoutError when there is none."""
        now = time.monotonic()
        if now >= self._look_at:
            state, used = _activity(self._pid)
            if self._cpu_limit_s and _cpu_s(used) - self._cpu_before > CPU_SLACK * self._cpu_limit_s + 1:
                raise _Spent
            if state == "R" or used != self._used:
                self._deadline = now + self._limit_s
            else:
                self._asleep()
            self._used = used
            self._look_at = now + self._interval
        if now >= self._deadline:
            raise TimeoutError
        return min(self._deadline - now, self._interval)


def _cpu_s(used: str) -> float:
    """CPU seconds of the second value of `_activity`."""
    return sum(map(int, used.split())) / os.sysconf("SC_CLK_TCK")


def _ended(code: int) -> str:
    """How a process ended, from its return code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"


def _activity(pid: int) -> tuple[str, str]:
    """State of a process, and the CPU time that it has used."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return "", ""
    fields = stat.rpartition(")")[2].split()
    return fields[0], " ".join(fields[11:13])


class _Spent(Exception):
    """The child has used more CPU time than a page may, and was not ended by its own limit."""


class _NotStarted(RuntimeError):
    """The child died, or took too long, before it read any page."""


_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


class _Child(Generic[Found]):
    """One extraction process and its pipes; it prepares itself while nobody waits for it.

    Children are made in threads, decoders are not: see `transforms.chunks.register`.
    """

    def __init__(self, setup: Setup, found: msgspec.msgpack.Decoder[Found]) -> None:
        self.pages = 0
        self.confined_by: tuple[str, ...] | None = None  # unknown before it is ready
        self.leaves = False  # it ends after the page that it has read
        self._found = found
        self._cpu_limit_s = setup.cpu_limit_s
        self._ready = False
        self._words = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "newsmill.page.sandbox_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
            | {"HOME": "/nonexistent", "OPENBLAS_NUM_THREADS": "1"},
        )
        pipes = self._process.stdin, self._process.stdout, self._process.stderr
        self._to, self._from, self._errors = (pipe.fileno() for pipe in pipes if pipe is not None)
        with contextlib.suppress(OSError):  # the user's pipes may be at their limit
            fcntl.fcntl(self._to, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        for fd in (self._to, self._from, self._errors):
            os.set_blocking(fd, False)
        with contextlib.suppress(BrokenPipeError):  # who waits for its answer is told why
            self._send(frame(msgspec.msgpack.encode(setup)), self._starting())

    def read(
        self, page: RawPage, wall_limit_s: float, asleep: Callable[[], None]
    ) -> Found | NotArticle | Rejected:
        """One page's outcome; raises `_Died` or `_NotStarted` when the child is no longer there after it.

        Args:
            page: What is read.
            wall_limit_s: How long the child may do nothing.
            asleep: Called, once or more, when the child does nothing.
        """
        if not self._ready:
            self._await_start()
        if self._speaks():
            raise self._broken("it spoke before it was asked")
        self.pages += 1
        watch = _Watch(self._process.pid, wall_limit_s, asleep, cpu_limit_s=self._cpu_limit_s)
        answer = self._exchange(frame(msgspec.msgpack.encode(page)), watch)
        self.leaves = answer.leave
        if answer.bug is not None:
            return Rejected(Code.CRASH, f"the extraction code failed:\n{answer.bug[-_LAST_WORDS:]}")
        if answer.code is not None:
            return Rejected(answer.code, answer.message)
        if answer.not_article is not None:
            return answer.not_article
        return self._decoded(answer.found)

    def _speaks(self) -> bool:
        """Whether the pipe holds an answer that nobody asked for: it would be taken for the next page's."""
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def _starting(self) -> _Watch:
        return _Watch(self._process.pid, _START_LIMIT_S, lambda: None)

    def _await_start(self) -> None:
        try:
            self.confined_by = self._exchange(b"", self._starting()).confined_by
        except _Died as death:
            raise _NotStarted(f"the extraction process does not start: {death}") from death
        self._ready = True

    def _decoded(self, found: msgspec.Raw) -> Found:
        try:
            return self._found.decode(found)
        except _BROKEN as error:
            raise self._broken(str(error)) from None

    def _broken(self, why: str) -> _Died:
        """The child said what no child of ours says: it is killed."""
        self.kill()
        return _Died(Code.CRASH, f"the extraction process gave a broken answer: {why}")

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
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return code

    def _exchange(self, framed: bytes, watch: _Watch) -> Answer:
        try:
            self._send(framed, watch)
            size = int.from_bytes(self._receive(4, watch), "big")
            if size > _ANSWER_BYTES:
                raise self._broken(f"{size} bytes")
            return _ANSWERS.decode(self._receive(size, watch))
        except _Spent:
            self.kill()
            raise _Died(Code.TIMEOUT, "the page took more CPU time than its limit", by_itself=True) from None
        except TimeoutError:
            self.kill()
            raise _Died(None, "no answer in time") from None
        except (BrokenPipeError, EOFError):
            raise self._death() from None
        except _BROKEN as error:
            raise self._broken(str(error)) from None

    def _death(self) -> _Died:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._listen()
        self.kill()
        words = self._words.decode("utf-8", "backslashreplace").strip()
        said = f"; its last words:\n{words}" if words else ""
        if code == -signal.SIGPROF:
            return _Died(Code.TIMEOUT, "the page took more CPU time than its limit", by_itself=True)
        if code == FORBIDDEN_STATUS:
            return _Died(Code.FORBIDDEN, words, by_itself=True)
        if code == -signal.SIGSYS:
            said = f"forbidden in the sandbox: a system call{said}"
            return _Died(Code.FORBIDDEN, said, by_itself=True)
        name = _ended(code)
        outside = code == -signal.SIGKILL
        return _Died(Code.CRASH, f"the extraction process died: {name}{said}", from_outside=outside)

    def _send(self, data: bytes, watch: _Watch) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._to, select.POLLOUT, watch)
            view = view[os.write(self._to, view) :]

    def _receive(self, size: int, watch: _Watch) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait(self._from, select.POLLIN, watch)
            chunk = os.read(self._from, size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    def _wait(self, fd: int, event: int, watch: _Watch) -> None:
        """Wait until the pipe is ready; what the child says meanwhile on stderr is taken."""
        poll = select.poll()
        poll.register(fd, event)
        poll.register(self._errors, select.POLLIN)
        while True:
            ready = dict(poll.poll(watch.look() * 1000))
            if self._errors in ready and not self._listen():
                poll.unregister(self._errors)
            if fd in ready:
                return

    def _listen(self) -> bool:
        """Take what is on stderr, a bounded part of it; False when it ends."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_READS):
                chunk = os.read(self._errors, 65_536)
                if not chunk:
                    return False
                self._words = (self._words + chunk)[-_LAST_WORDS:]
        return True


@once
def extraction(page: str, input: str) -> Sandbox[Reading]:
    """The extraction processes of this worker process, shared by its threads and kept between batches.

    Threads that compute make way for those that wait for an extraction process (`SWITCH_S`). From now on no
    other process of the same user can trace this one or read its memory and environment, which hold secrets.

    Args:
        page: A PageConfig as JSON.
        input: An InputConfig as JSON.
    """
    sys.setswitchinterval(SWITCH_S)
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return Sandbox(
        page=PageConfig.model_validate_json(page),
        input=InputConfig.model_validate_json(input),
        read="newsmill.page.reading:read",
        gives=Reading,
    )
