"""The inside of the sandbox: a process that reads pages one by one until its input ends.

It can't do more than that: no socket, no new file, no other program (an audit hook ends the
process at the attempt, beside the kernel's limits), and it dies with its parent.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

import msgspec

from newsmill.config import InputConfig, PageConfig
from newsmill.errors import Code, Rejected
from newsmill.records import NotArticle, RawPage, Record

_FORBIDDEN: Final = frozenset(
    """
    ctypes.dlopen ftplib.connect os.exec os.fork os.forkpty os.posix_spawn os.remove os.rename os.rmdir
    os.system socket.bind socket.connect socket.getaddrinfo socket.gethostbyname socket.sendto
    subprocess.Popen urllib.Request
    """.split()
)
_COLLECTED_AFTER: Final = 50_000
"""Objects made before Python looks for cycles: a page makes tens of thousands, nearly all without one."""

FORBIDDEN_STATUS: Final = 77
"""How the process ends that tried what is forbidden; the last line that it wrote to stderr names the act."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


class Setup(Record, frozen=True, kw_only=True):
    """The first message to a child."""

    read: str
    page: str  # PageConfig as JSON
    input: str  # InputConfig as JSON
    cpu_limit_s: float
    memory_limit_mb: int


class Answer(Record, frozen=True, kw_only=True):
    """What a child says to one page: exactly one of found, not_article, code, bug; none to the setup."""

    found: msgspec.Raw = msgspec.Raw()  # what the reading function gave, encoded
    not_article: NotArticle | None = None
    code: str | None = None
    message: str = ""
    bug: str | None = None  # traceback of an exception that should not be; the child ends after it


def frame(message: bytes) -> bytes:
    """The message with its length before it: 4 bytes, big-endian."""
    return len(message).to_bytes(4, "big") + message


def main() -> None:
    """Serve the parent at the other end of stdin and stdout."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    devnull = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(devnull, fd)

    def answer(value: Answer) -> None:
        outgoing.write(frame(msgspec.msgpack.encode(value)))
        outgoing.flush()

    gc.disable()  # imports and models leave hundreds of thousands of objects, and hardly a cycle
    setup = msgspec.msgpack.decode(_receive(incoming), type=Setup)
    name, _, function = setup.read.partition(":")
    module = importlib.import_module(name)
    read: Callable[..., Record] = getattr(module, function)
    page = PageConfig.model_validate_json(setup.page)
    input = InputConfig.model_validate_json(setup.input)
    if hasattr(module, "prepare"):
        module.prepare(page=page, input=input)
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER)
    gc.enable()
    _confine(setup.memory_limit_mb)
    sys.excepthook = lambda *error: answer(Answer(bug="".join(traceback.format_exception(*error))))
    decoder = msgspec.msgpack.Decoder(RawPage)
    answer(Answer())
    while message := _receive(incoming):
        _limit_cpu(setup.cpu_limit_s)
        answer(_answer(lambda: read(decoder.decode(message), page=page, input=input)))


def _answer(read: Callable[[], Record]) -> Answer:
    try:
        found = read()
    except Rejected as rejected:
        return Answer(code=rejected.code, message=rejected.message)
    except MemoryError:
        return Answer(code=Code.MEMORY, message="the page took more memory than its limit")
    if isinstance(found, NotArticle):
        return Answer(not_article=found)
    return Answer(found=msgspec.Raw(msgspec.msgpack.encode(found)))


def _receive(incoming: Any) -> bytes:
    head = incoming.read(4)
    return incoming.read(int.from_bytes(head, "big")) if len(head) == 4 else b""


def _confine(memory_limit_mb: int) -> None:
    with open("/proc/self/statm", encoding="ascii") as statm:
        idle = int(statm.read().split()[0]) * resource.getpagesize()
    memory = idle + memory_limit_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    sys.dont_write_bytecode = True  # a module that was forgotten is imported, and no file written for it
    sys.addaudithook(_forbid)


def _forbid(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in _FORBIDDEN or writes:
        os.write(2, f"forbidden in the sandbox: {event}\n".encode())
        os._exit(FORBIDDEN_STATUS)


def _limit_cpu(limit_s: float) -> None:
    """Let the kernel end this process when the next page takes too long; whole seconds, rounded up."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + limit_s) + 1, hard))


if __name__ == "__main__":
    main()
