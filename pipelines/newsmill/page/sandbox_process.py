"""One extraction process from its parent's view: pages in, outcomes out, and what its death means.

Both sides speak length-prefixed MessagePack over two pipes; nothing is ever unpickled, and what the process
says is held for a stranger's.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from newsmill.errors import Code, NotStarted, Rejected
from newsmill.page.sandbox_messages import DERIVE_LIMITS, FORBIDDEN_STATUS, Answer, cpu_limit_s, frame
from newsmill.page.sandbox_watch import Slept, Spent, Watch
from newsmill.page.zygote import Words, Zygote
from newsmill.records import NotArticle, RawPage, Record

Found = TypeVar("Found", bound=Record)

_START_LIMIT_S: Final = 60.0
"""How long a process that prepares itself may do nothing."""

_ANSWER_BYTES: Final = 256 * 1024 * 1024
"""A longer answer is no answer: all that extraction finds in the largest page is a fraction of it."""

_BROKEN: Final = (ValueError, RecursionError)
"""What decoding an answer can raise, whatever its bytes are."""

_SLEEP_S: Final = 2.0
"""How long the process of a page may sleep by its own will: reading waits for nothing but its pipes."""

_END_S: Final = 5.0
"""How long a process that closed its pipes may take to end."""

_NOT_STARTED: Final = "the extraction process does not start"

_KILLED: Final = (
    f"{_NOT_STARTED}: it was killed from outside, as the kernel does when memory is short; nothing that was "
    "committed is lost: free some memory and run it again"
)

_BUG_CHARACTERS: Final = 4_000
"""Of a traceback that are kept."""


class Died(Exception):
    """The process is gone, and this is what that means for its page.

    Args:
        code: None where it was asleep at the end of the wall limit.
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


class Reading(NamedTuple, Generic[Found]):
    """What came of one page."""

    outcome: Found | NotArticle | Rejected
    derived: Record | None = None  # what follows from it, where the process was asked and could say


def _ended(code: int) -> str:
    """How a process ended, from its return code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"


_ANSWERS: Final = msgspec.msgpack.Decoder(Answer)


class Process(Generic[Found]):
    """One extraction process and its pipes; it is made while nobody waits for it.

    Processes are made in threads, decoders are not: see `flow.elements.chunks.register`.

    Args:
        zygote: Of which it is a fork.
        found: Decodes what its reading function finds.
        derived: Decodes what follows from that; None where it is not asked.
        most_cpu_s: Whatever the size of a page.
    """

    def __init__(
        self,
        zygote: Zygote,
        found: msgspec.msgpack.Decoder[Found],
        derived: msgspec.msgpack.Decoder[Any] | None,
        most_cpu_s: float,
    ) -> None:
        self.pages = 0
        self.confined_by: tuple[str, ...] | None = None  # unknown before it is ready
        self.leaves = False  # it ends after the page that it has read
        self._zygote = zygote
        self._found = found
        self._derived = derived
        self._most_cpu_s = most_cpu_s
        self._fork = zygote.fork()
        self._pid: int | None = None

    def read(self, page: RawPage, wall_limit_s: float, asleep: Callable[[], None]) -> Reading[Found]:
        """What came of one page; raises `Died` or `NotStarted` when the process died of reading it.

        Where it dies of what follows from the page, it `leaves`, and the page's outcome stands.

        Args:
            page: What is read.
            wall_limit_s: How long the process may do nothing.
            asleep: Called, once or more, when it does nothing.
        """
        pid = self._pid or self._await_start()
        if self._speaks():
            raise self._broken("it spoke before it was asked")
        self.pages += 1
        limit_s = cpu_limit_s(page, self._most_cpu_s)
        watch = Watch(pid, wall_limit_s, asleep, cpu_limit_s=limit_s, sleep_s=_SLEEP_S)
        answer = self._exchange(frame(msgspec.msgpack.encode(page)), watch)
        self.leaves = answer.leave
        if answer.bug is not None:
            bug = f"the extraction code failed:\n{answer.bug[-_BUG_CHARACTERS:]}"
            return Reading(Rejected(Code.CRASH, bug))
        if answer.code is not None:
            return Reading(Rejected(answer.code, answer.message))
        if answer.not_article is not None:
            return Reading(answer.not_article)
        found = self._decoded(answer.found)
        if not answer.more or self._derived is None:
            return Reading(found)
        limit_s = DERIVE_LIMITS * self._most_cpu_s
        watch = Watch(pid, wall_limit_s, asleep, cpu_limit_s=limit_s, sleep_s=_SLEEP_S)
        return Reading(found, self._second(self._derived, watch))

    def _second(self, decoder: msgspec.msgpack.Decoder[Any], watch: Watch) -> Record | None:
        """What follows from the page; None where it failed, which does not change the page's outcome."""
        try:
            answer = self._exchange(b"", watch)
            self.leaves = answer.leave
            if answer.bug is not None or answer.code is not None:
                return None
            derived: Record = decoder.decode(answer.found)
        except (Died, *_BROKEN):
            self.kill()
            self.leaves = True
            return None
        return derived

    def _speaks(self) -> bool:
        """Whether the pipe holds an answer that nobody asked for: it would be taken for the next page's."""
        poll = select.poll()
        poll.register(self._fork.answers, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def _await_start(self) -> int:
        """Its process id, when it is ready."""
        try:
            _wait(self._fork.life.fileno(), select.POLLIN, _starting(self._zygote.pid), self._zygote.words)
            pid = self._fork.born()
            self.confined_by = self._exchange(b"", _starting(pid)).confined_by
        except TimeoutError:
            self._zygote.kill()
            self.kill()
            raise NotStarted(f"{_NOT_STARTED}: nothing was done for {_START_LIMIT_S:g} s") from None
        except EOFError:
            self.kill()
            code = self._zygote.kill(_END_S)
            if self._zygote.was_killed_from_outside():
                raise NotStarted(_KILLED) from None
            raise NotStarted(f"{_NOT_STARTED}: {_death(code, self._zygote.words)}") from None
        except OSError as error:
            self.kill()
            raise NotStarted(f"{_NOT_STARTED}: {error}") from error
        except Died as death:
            if death.from_outside:
                raise NotStarted(_KILLED) from None
            raise NotStarted(f"{_NOT_STARTED}: {death}") from death
        self._pid = pid
        return pid

    def _decoded(self, found: msgspec.Raw) -> Found:
        try:
            return self._found.decode(found)
        except _BROKEN as error:
            raise self._broken(str(error)) from None

    def _broken(self, why: str) -> Died:
        """The process said what none of ours says: it is killed."""
        self.kill()
        return Died(Code.CRASH, f"the extraction process gave a broken answer: {why}")

    def end(self) -> None:
        """Ask the idle process to leave, and make sure that it does."""
        self._fork.leave()

    def kill(self) -> None:
        """Kill the process."""
        self._fork.kill()

    def _exchange(self, framed: bytes, watch: Watch) -> Answer:
        try:
            self._send(framed, watch)
            size = int.from_bytes(self._receive(4, watch), "big")
            if size > _ANSWER_BYTES:
                raise self._broken(f"{size} bytes")
            return _ANSWERS.decode(self._receive(size, watch))
        except Spent:
            self.kill()
            raise Died(Code.TIMEOUT, "the page took more CPU time than its limit", by_itself=True) from None
        except Slept:
            self.kill()
            slept = f"the page's process slept for {_SLEEP_S:g} s"
            raise Died(Code.TIMEOUT, slept, by_itself=True) from None
        except TimeoutError:
            self.kill()
            raise Died(None, "no answer in time") from None
        except (BrokenPipeError, EOFError):
            raise self._death() from None
        except _BROKEN as error:
            raise self._broken(str(error)) from None

    def _death(self) -> Died:
        code = self._fork.kill(_END_S)
        if code == -signal.SIGPROF:
            return Died(Code.TIMEOUT, "the page took more CPU time than its limit", by_itself=True)
        words = self._fork.words.last()
        if code == FORBIDDEN_STATUS:
            return Died(Code.FORBIDDEN, words, by_itself=True)
        if code == -signal.SIGSYS:
            said = f"; its last words:\n{words}" if words else ""
            return Died(Code.FORBIDDEN, f"forbidden in the sandbox: a system call{said}", by_itself=True)
        return Died(Code.CRASH, _death(code, self._fork.words), from_outside=code == -signal.SIGKILL)

    def _send(self, data: bytes, watch: Watch) -> None:
        view = memoryview(data)
        while view:
            _wait(self._fork.to, select.POLLOUT, watch, self._fork.words)
            view = view[os.write(self._fork.to, view) :]

    def _receive(self, size: int, watch: Watch) -> bytes:
        data = bytearray()
        while len(data) < size:
            _wait(self._fork.answers, select.POLLIN, watch, self._fork.words)
            chunk = os.read(self._fork.answers, size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)


def _starting(pid: int) -> Watch:
    return Watch(pid, _START_LIMIT_S, lambda: None)


def _wait(fd: int, event: int, watch: Watch, words: Words) -> None:
    """Wait until the pipe is ready; what the process says meanwhile on stderr is taken."""
    poll = select.poll()
    poll.register(fd, event)
    poll.register(words, select.POLLIN)
    wait_s = 0.0
    while True:
        ready = dict(poll.poll(wait_s * 1000))
        if words.fileno() in ready and not words.listen():
            poll.unregister(words)
        if fd in ready:
            return
        wait_s = watch.look()


def _death(code: int, words: Words) -> str:
    """How a process ended, with what it said last."""
    said = words.last()
    return f"the extraction process died: {_ended(code)}" + (f"; its last words:\n{said}" if said else "")
