"""The zygote's side of `page.zygote`: forks on request, kills, reaps and tells how each ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import struct
from typing import Final, NamedTuple

_REQUEST_BYTES: Final = 16
_NUMBER: Final = struct.Struct("i")
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4


class Pipes(NamedTuple):
    """What a fork has of its parent: file descriptors."""

    incoming: int
    outgoing: int
    errors: int


class Forking:
    """Serves the parent at the other end of a socket, until it closes it.

    Only one thread may run in this process. From now on no other process of its user can trace it.

    Args:
        requests: Messages with four file descriptors: the fork's pipes, and the line of its life.
        libc: The C library.
    """

    def __init__(self, requests: socket.socket, libc: ctypes.CDLL) -> None:
        self._requests, self._libc = requests, libc
        self._lines: dict[int, socket.socket] = {}
        self._woken, self._wakes = socket.socketpair()
        self._poll = select.poll()
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

    def serve(self) -> Pipes:
        """Fork for each request, and return in the forks only; end when the parent closes the socket."""
        for end in (self._woken, self._wakes):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for end in (self._requests, self._woken):
            self._poll.register(end, select.POLLIN)
        while True:
            ready = {fd for fd, _ in self._poll.poll()}
            if self._woken.fileno() in ready:
                with contextlib.suppress(BlockingIOError):
                    self._woken.recv(4096)
            for pid, line in self._lines.items():
                if line.fileno() in ready:  # not reaped yet, so the number is still that process's
                    self._poll.unregister(line)
                    os.kill(pid, signal.SIGKILL)
            self._reap()
            if self._requests.fileno() in ready and (pipes := self._next()):
                return pipes

    def _next(self) -> Pipes | None:
        """Do one request; pipes in the fork."""
        message, fds, _, _ = socket.recv_fds(self._requests, _REQUEST_BYTES, 4)
        if not message:
            os._exit(0)
        if len(fds) < 4:  # no room for more; the parent sees its line end
            for fd in fds:
                os.close(fd)
            return None
        pipes, line = Pipes(*fds[:3]), socket.socket(fileno=fds[3])
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            pid = -(error.errno or 1)
        if pid == 0:
            self._be_a_fork(zygote, pipes, line)
            return pipes
        for fd in pipes:
            os.close(fd)
        _tell(line, pid)
        if pid > 0:
            self._lines[pid] = line
            self._poll.register(line, select.POLLIN)
        else:
            line.close()
        return None

    def _be_a_fork(self, zygote: int, pipes: Pipes, line: socket.socket) -> None:
        """Let go of all that is the zygote's, and die with it."""
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != zygote:
            os._exit(1)
        self._libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # its parent looks at its state
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._requests, self._woken, self._wakes, line, *self._lines.values()):
            end.close()
        os.dup2(pipes.errors, 2)
        os.close(pipes.errors)

    def _reap(self) -> None:
        """Reap who ended, and tell how."""
        while self._lines:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            line = self._lines.pop(pid)
            with contextlib.suppress(KeyError):
                self._poll.unregister(line)
            _tell(line, os.waitstatus_to_exitcode(status))
            line.close()


def _tell(line: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # nobody waits for it any more
        line.send(_NUMBER.pack(number))
