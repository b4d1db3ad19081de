"""A reading function for the sandbox that tries what is forbidden, from Python and from native code.

The last part of the URL names the attempt, the body is a folder that it may spoil. Native attempts call the C
library directly, which no audit hook sees.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from newsmill.config import InputConfig, PageConfig
from newsmill.records import Extraction, Page, RawPage

LIBC: Final = ctypes.CDLL(None, use_errno=True)
_PARENT: Final = f"/proc/{os.getppid()}"
_NUMBERS: Final = {
    "x86_64": {"ptrace": 101, "process_vm_readv": 310, "io_uring_setup": 425, "memfd_create": 319},
    "aarch64": {"ptrace": 117, "process_vm_readv": 270, "io_uring_setup": 425, "memfd_create": 279},
}[platform.machine()]


def _native(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _syscall(name: str, *arguments: int) -> None:
    _native(LIBC.syscall(_NUMBERS[name], *arguments))


def _udp(_: str) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))


def _fork(_: str) -> None:
    if os.fork() == 0:
        os._exit(0)


PYTHON: Final[dict[str, Callable[[str], object]]] = {
    "write a file": lambda folder: Path(folder, "x").write_text("x"),
    "create by os.open": lambda folder: os.open(f"{folder}/x", os.O_CREAT | os.O_WRONLY),
    "truncate": lambda folder: os.truncate(f"{folder}/kept", 0),
    "mkdir": lambda folder: os.mkdir(f"{folder}/x"),
    "symlink": lambda folder: os.symlink("/", f"{folder}/x"),
    "unlink": lambda folder: os.unlink(f"{folder}/kept"),
    "rename": lambda folder: os.rename(f"{folder}/kept", f"{folder}/x"),
    "chmod": lambda folder: os.chmod(f"{folder}/kept", 0),
    "read a file": lambda folder: Path(folder, "kept").read_text(),
    "list a folder": lambda folder: os.listdir(folder),
    "environment of the parent": lambda _: Path(_PARENT, "environ").read_bytes(),
    "memory of the parent": lambda _: open(f"{_PARENT}/mem", "rb").close(),
    "signal to the parent": lambda _: os.kill(os.getppid(), 0),
    "signal to all": lambda _: os.kill(-1, 0),
    "TCP": lambda _: socket.socket().connect(("127.0.0.1", 9)),
    "UDP": _udp,
    "a pair of sockets": lambda _: socket.socketpair(),
    "a pipe": lambda _: os.pipe(),
    "fork": _fork,
    "exec": lambda _: os.execv("/bin/true", ["true"]),
    "a thread": lambda _: threading.Thread(target=print).start(),
    "memory that is executable": lambda _: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "change of user": lambda _: os.setuid(os.getuid()),
    "change of folder": lambda _: os.chdir("/"),
}
NATIVE: Final[dict[str, Callable[[str], object]]] = {
    "native socket": lambda _: _native(LIBC.socket(2, 1, 0)),
    "native Unix socket": lambda _: _native(LIBC.socket(1, 1, 0)),
    "native fork": lambda _: _native(LIBC.fork()),
    "native unlink": lambda folder: _native(LIBC.unlink(f"{folder}/kept".encode())),
    "native open to write": lambda folder: _native(
        LIBC.open(f"{folder}/x".encode(), os.O_CREAT | os.O_RDWR, 0o600)
    ),
    "native open to read": lambda folder: _native(LIBC.open(f"{folder}/kept".encode(), os.O_RDONLY)),
    "native exec": lambda _: _native(LIBC.execv(b"/bin/true", None)),
    "native signal": lambda _: _native(LIBC.kill(os.getppid(), 0)),
    "ptrace": lambda _: _syscall("ptrace", 16, os.getppid(), 0, 0),
    "read of other memory": lambda _: _syscall("process_vm_readv", os.getppid(), 0, 0, 0, 0, 0),
    "io-uring": lambda _: _syscall("io_uring_setup", 1, 0),
    "memfd": lambda _: _syscall("memfd_create", 0, 0),
    "a second filter": lambda _: _native(LIBC.prctl(22, 1, 0, 0, 0)),
    "core of the parent's limits": lambda _: _native(LIBC.prlimit(os.getppid(), 7, None, None)),
}
REFUSED: Final = frozenset(
    (
        *("read a file", "list a folder", "environment of the parent", "memory of the parent"),
        *("memory that is executable", "native open to read", "core of the parent's limits"),
    )
)
"""What fails with an error number, since libraries try it by themselves; all else ends the process."""


def told(what: str) -> Page:
    """A page that says so."""
    return Page(title=what, body="", extraction=Extraction(method="test", reason="test"))


def attempt(raw: RawPage, *, page: PageConfig, input: InputConfig) -> Page:
    """`done` when the attempt was let through, `refused` when it failed with an error."""
    name = raw.url.rpartition("/")[2].replace("_", " ")
    sys.stderr.flush()
    try:
        (PYTHON | NATIVE)[name](os.fsdecode(raw.body))
    except OSError:
        return told("refused")
    return told("done")
