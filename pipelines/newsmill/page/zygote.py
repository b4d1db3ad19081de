"""A prepared process that forks on request: a dead extraction process is replaced in milliseconds.

To prepare one takes 1 to 2 s of CPU time (imports, models, tables). So one process of a sandbox does it once,
reads no page, and forks each time one is needed; forks share its memory. It reaps them, and tells how each
ended. Where it dies itself, its forks die with it, and who needs the next fork makes a new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import weakref
from typing import IO, Final

import msgspec

from newsmill.page.sandbox_messages import Setup
from newsmill.runtime.allocator import ARROW

_PIPE_BYTES: Final = 1024 * 1024
"""Nearly all pages fit in a pipe of this size, so that a thread sends one in one piece; Linux gives 64 kB."""

_LAST_WORDS: Final = 4_000
"""Bytes of a process's stderr that are kept for the message about its death."""

_READS: Final = 16
"""Reads of a stderr at a time, so that one that never ends holds nobody up."""

_KILL_S: Final = 30.0
"""How long a zygote may take to say that a fork is dead; then it is killed itself, and its forks with it."""

_NUMBER: Final = struct.Struct("i")

_ONE_THREAD: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    **ARROW,
}
"""Libraries start threads when they are imported; a process that forks must have one."""

_ENVIRONMENT: Final = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "VIRTUAL_ENV"),
    *("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
)


class Words:
    """What a process says on its stderr: the last of it, taken by any thread.

    Args:
        pipe: File descriptor of its stderr, closed when this is no longer needed.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._said = b""
        self._lock = threading.Lock()
        os.set_blocking(pipe, False)
        weakref.finalize(self, os.close, pipe)  # threads may still listen to a zygote that another one ended

    def fileno(self) -> int:
        """The pipe's file descriptor."""
        return self._pipe

    def listen(self) -> bool:
        """Take what there is, a bounded part of it; False when it ends."""
        with self._lock:
            for _ in range(_READS):
                try:
                    chunk = os.read(self._pipe, 65_536)
                except BlockingIOError:
                    break
                if not chunk:
                    return False
                self._said = (self._said + chunk)[-_LAST_WORDS:]
        return True

    def last(self) -> str:
        """The last words so far."""
        self.listen()
        return self._said.decode("utf-8", "backslashreplace").strip()


class Zygote:
    """The prepared process, of which forks are made. It prepares itself while nobody waits for it.

    It is killed when the thread ends that made it: make it in one that lives as long as it is needed.

    Args:
        setup: What it prepares.
    """

    def __init__(self, setup: Setup) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        said, errors = os.pipe()
        self.words = Words(said)
        with theirs, open(errors, "wb", buffering=0):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "newsmill.page.sandbox_child"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
                | {"HOME": "/nonexistent", **_ONE_THREAD},
            )
        self.pid = self._process.pid
        self._was_killed = False
        with contextlib.suppress(BrokenPipeError):  # who waits for a fork is told why
            self._requests.send(msgspec.msgpack.encode(setup))

    def fork(self) -> Fork:
        """A new fork, which is there as soon as the zygote is prepared. From any thread."""
        return Fork(self, self._requests)

    def lives(self) -> bool:
        """Whether it can still fork."""
        return self._process.poll() is None

    def end(self) -> None:
        """Ask it to leave, and make sure that it does. All its forks die with it."""
        self._requests.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self.kill()

    def kill(self, patience_s: float = 0.0) -> int:
        """Wait for its end, or kill it; its return code."""
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._was_killed = True
            self._process.kill()
            return self._process.wait()

    def was_killed_from_outside(self) -> bool:
        """Whether somebody else killed it, as the kernel does when memory is short."""
        return self._process.poll() == -signal.SIGKILL and not self._was_killed


class Fork:
    """One fork of a zygote, from its parent's view: three pipes, and a line to who reaps it.

    The line says its process id when it was born, and its return code when it has ended; anything that is
    sent on it, and its end, kills it. When the zygote dies, the line ends without a code.
    """

    def __init__(self, zygote: Zygote, requests: socket.socket) -> None:
        self._zygote = zygote
        self.pid: int | None = None
        incoming, self._to = _pipe()
        self._from, outgoing = _pipe()
        said, errors = os.pipe()
        self.words = Words(said)
        self.life, line = socket.socketpair()
        with contextlib.suppress(OSError):  # the user's pipes may be at their limit
            fcntl.fcntl(self._to, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        for pipe in (self._to, self._from):
            os.set_blocking(pipe.fileno(), False)
        self.to, self.answers = self._to.fileno(), self._from.fileno()
        with incoming, outgoing, open(errors, "wb", buffering=0), line:
            theirs = [incoming.fileno(), outgoing.fileno(), errors, line.fileno()]
            with contextlib.suppress(OSError):  # its line has ended then
                socket.send_fds(requests, [b"fork"], theirs)

    def born(self) -> int:
        """Its process id, waited for.

        Raises:
            OSError: It could not be forked.
            EOFError: The zygote is gone, or had no room for its pipes.
        """
        number = self._number()
        if number is None:
            raise EOFError
        if number < 0:
            raise OSError(-number, os.strerror(-number))
        self.pid = number
        return number

    def leave(self) -> None:
        """Ask the idle fork to leave, and make sure that it does."""
        self._to.close()
        self.kill(patience_s=2)

    def kill(self, patience_s: float = 0.0) -> int:
        """Wait for its end, or kill it; its return code.

        Args:
            patience_s: How long it may take to end by itself.
        """
        if self.life.fileno() < 0:
            return -signal.SIGKILL
        with contextlib.suppress(EOFError, OSError):
            if self.pid is None and self._speaks(0):
                self.born()
        code = None
        if self.pid is not None:
            code = self._code(patience_s)
        for end in (self._to, self._from, self.life):
            end.close()  # the end of its line kills one that is not born yet
        return -signal.SIGKILL if code is None else code

    def _code(self, patience_s: float) -> int | None:
        if not self._speaks(patience_s):
            with contextlib.suppress(OSError):
                self.life.send(b"k")
            if not self._speaks(_KILL_S):
                self._zygote.kill()
        self.words.listen()
        code = self._number()
        if code is None:
            self._zygote.kill(_KILL_S)  # it closed the line by dying; no other thread may find it alive
        return code

    def _number(self) -> int | None:
        """What comes next on its line, waited for; None where it ends."""
        with contextlib.suppress(ConnectionResetError):
            said = self.life.recv(_NUMBER.size, socket.MSG_WAITALL)
            if len(said) == _NUMBER.size:
                return int(_NUMBER.unpack(said)[0])
        return None

    def _speaks(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self.life, select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    reading, writing = os.pipe()
    return open(reading, "rb", buffering=0), open(writing, "wb", buffering=0)
