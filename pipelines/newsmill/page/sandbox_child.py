"""The inside of the sandbox: a process that reads pages one by one until its input ends, and its zygote.

The zygote imports and loads what reading needs, and never sees a page; its forks read them. A fork can't do
more than that, whoever controls it: the kernel holds it to the few system calls that reading needs
(`seccomp`). It opens no file and no socket, starts no process, and dies with its zygote, which dies with its
parent. An audit hook names what Python code tries; it is alone where the kernel or the architecture has no
filter.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import importlib
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Final

import msgspec

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.page import seccomp
from newsmill.page.forking import Forking, Pipes
from newsmill.page.sandbox_messages import DERIVE_LIMITS, FORBIDDEN_STATUS, Answer, Setup, cpu_limit_s, frame
from newsmill.records import NotArticle, RawPage, Record

Read = Callable[..., Record]
Derive = Callable[[RawPage, Record], Record]

_FORBIDDEN: Final = frozenset(
    """
    ctypes.dlopen ftplib.connect os.chmod os.chown os.exec os.fork os.forkpty os.killpg os.link
    os.mkdir os.posix_spawn os.remove os.rename os.rmdir os.symlink os.system os.truncate
    shutil.rmtree socket.bind socket.connect socket.getaddrinfo socket.gethostbyname socket.sendmsg
    socket.sendto subprocess.Popen urllib.Request
    """.split()
)
_COLLECTED_AFTER: Final = 50_000
"""Objects made before Python looks for cycles: a page makes tens of thousands, nearly all without one."""

_LEAVE_AT: Final = 8
"""A process that its pages left with more than this part of the memory limit is replaced."""

_SETUP_BYTES: Final = 1_000_000

_OF_THE_PARENT: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a group of processes, e.g. Ctrl-C: the parent decides what is still read."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


def main() -> None:
    """Prepare what reading needs; then fork for the parent at the other end of stdin, who is served there."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for number in _OF_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
    requests = socket.socket(fileno=os.dup(0))
    devnull = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(devnull, fd)
    os.close(devnull)

    gc.disable()  # imports and models leave hundreds of thousands of objects, and hardly a cycle
    setup = msgspec.msgpack.decode(requests.recv(_SETUP_BYTES), type=Setup)
    module, read = _named(setup.read)
    page = PageConfig.model_validate_json(setup.page)
    input = InputConfig.model_validate_json(setup.input)
    if hasattr(module, "prepare"):
        module.prepare(page=page, input=input)
    derive: Derive | None = None
    if setup.derive:
        module, function = _named(setup.derive)
        module.prepare(page=page, told=setup.told)
        derive = partial(function, page=page, told=setup.told)
    gc.freeze()
    pipes = Forking(requests, libc).serve()
    gc.set_threshold(_COLLECTED_AFTER)
    gc.enable()
    _read_pages(pipes, setup, libc, partial(read, page=page, input=input), derive)
    sys.stderr.flush()
    os._exit(0)  # to take all down would copy what is shared


def _named(function: str) -> tuple[Any, Read]:
    """The module of a function that is named `module:function`, and the function."""
    name, _, attribute = function.partition(":")
    module = importlib.import_module(name)
    return module, getattr(module, attribute)


def _read_pages(pipes: Pipes, setup: Setup, libc: ctypes.CDLL, read: Read, derive: Derive | None) -> None:
    """Confine this process, and answer to pages until there are no more."""
    incoming, outgoing = os.fdopen(pipes.incoming, "rb"), os.fdopen(pipes.outgoing, "wb")

    def answer(value: Answer) -> None:
        outgoing.write(frame(msgspec.msgpack.encode(value)))
        outgoing.flush()

    decoder = msgspec.msgpack.Decoder(RawPage)
    with open("/proc/self/statm", "rb", buffering=0) as statm:
        memory = _Memory(statm.fileno(), setup.memory_limit_mb)
        answer(Answer(confined_by=_confine(libc, memory.most)))
        while message := _receive(incoming):
            raw = decoder.decode(message)
            signal.setitimer(signal.ITIMER_PROF, max(1e-6, cpu_limit_s(raw, setup.cpu_limit_s)))
            found, said = _answer(partial(read, raw))
            if derive is not None and found is not None:
                answer(msgspec.structs.replace(said, more=True))
                signal.setitimer(signal.ITIMER_PROF, DERIVE_LIMITS * setup.cpu_limit_s)
                _, said = _answer(partial(derive, raw, found))
            signal.setitimer(signal.ITIMER_PROF, 0)
            answer(msgspec.structs.replace(said, leave=memory.has_grown()))


class _Memory:
    """What this process may take: its size before the first page, and the limit above it."""

    def __init__(self, statm: int, limit_mb: int) -> None:
        self._statm = statm
        self._idle = self._now()
        self._limit = limit_mb * 1024 * 1024
        self.most = self._idle + self._limit

    def has_grown(self) -> bool:
        """Whether earlier pages have left so much that a later one might miss it."""
        return self._now() - self._idle > self._limit // _LEAVE_AT

    def _now(self) -> int:
        return int(os.pread(self._statm, 100, 0).split()[0]) * resource.getpagesize()


class _Told:
    """Turns whatever is raised inside into an answer: a page made it so, and the process lives on."""

    answer: Answer

    def __enter__(self) -> _Told:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Rejected):
            self.answer = Answer(code=error.code, message=_plain(error.message))
        elif isinstance(error, MemoryError):
            self.answer = Answer(code=Code.MEMORY, message="the page took more memory than its limit")
        elif error is not None:
            self.answer = Answer(bug=_plain("".join(traceback.format_exception(error))))
        return True


def _plain(text: str) -> str:
    """The text without what can't be encoded."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _answer(read: Callable[[], Record]) -> tuple[Record | None, Answer]:
    """What was found, where something was, and the answer that says it."""
    found: Record | None = None
    with _Told() as told:
        value = read()
        if isinstance(value, NotArticle):
            msgspec.msgpack.encode(value)
            told.answer = Answer(not_article=value)
        else:
            told.answer = Answer(found=msgspec.Raw(msgspec.msgpack.encode(value)))
            found = value
    return found, told.answer


def _receive(incoming: Any) -> bytes:
    head = incoming.read(4)
    return incoming.read(int.from_bytes(head, "big")) if len(head) == 4 else b""


def _confine(libc: ctypes.CDLL, most_memory: int) -> tuple[str, ...]:
    """Take from this process all that reading pages does not need; the parts of the kernel that took it."""
    resource.setrlimit(resource.RLIMIT_AS, (most_memory, most_memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    sys.dont_write_bytecode = True  # a module that was forgotten is imported, and no file written for it
    faulthandler.enable(file=2)
    faulthandler.register(signal.SIGSYS, file=2, all_threads=False, chain=True)
    sys.addaudithook(_forbid)
    return ("seccomp",) if seccomp.install(libc) else ()


def _forbid(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and (
        bool(set(arguments[1]) & set("wax+"))
        if isinstance(arguments[1], str)
        else bool(arguments[2] & seccomp.WRITES)
    )
    kills = event == "os.kill" and arguments[0] != os.getpid()
    if event in _FORBIDDEN or writes or kills:
        os.write(2, f"forbidden in the sandbox: {event}\n".encode())
        os._exit(FORBIDDEN_STATUS)


if __name__ == "__main__":
    main()
