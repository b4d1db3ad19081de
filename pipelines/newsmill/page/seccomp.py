"""The system calls of a confined process: a filter that the kernel holds it to, by default deny.

What reading a page needs is allowed: memory that is not executable, the pipes that are open, the clock, and
its own end. What libraries do by themselves and can do without (look for a file, read one) fails with an
error number. All else is forbidden: the kernel does not do it, and sends SIGSYS. The filter is a classic
BPF program (seccomp(2)); the numbers are those of the kernel's `syscall_64.tbl` (x86-64) and `asm-
generic/unistd.h` (aarch64).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, k

LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

ALLOW: Final = 0x7FFF0000
TRAP: Final = 0x00030000
KILL: Final = 0x80000000
ERROR: Final = 0x00050000

_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_X32: Final = 0x40000000
_PROT_EXEC: Final = 4
WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
"""Flags of open() that only who writes gives."""


@dataclass(frozen=True, slots=True)
class Table:
    """The system calls of one architecture, by name."""

    audit: int  # AUDIT_ARCH_*
    numbers: Mapping[str, int]


def _table(text: str) -> dict[str, int]:
    words = text.split()
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=True)}


TABLES: Final[Mapping[str, Table]] = {
    "x86_64": Table(
        0xC000003E,
        _table("""
        read 0 write 1 open 2 close 3 stat 4 fstat 5 lstat 6 poll 7 lseek 8 mmap 9 mprotect 10 munmap 11
        brk 12 rt_sigaction 13 rt_sigprocmask 14 rt_sigreturn 15 ioctl 16 pread64 17 readv 19 writev 20
        access 21 select 23 sched_yield 24 mremap 25 madvise 28 pause 34 nanosleep 35 getitimer 36
        setitimer 38 getpid 39 exit 60 kill 62 uname 63 fcntl 72 getdents 78 getcwd 79 readlink 89
        gettimeofday 96 getrlimit 97 getrusage 98 sysinfo 99 times 100 getuid 102 getgid 104 geteuid 107
        getegid 108 getppid 110 sigaltstack 131 statfs 137 fstatfs 138 gettid 186 time 201 futex 202
        sched_getaffinity 204 getdents64 217 restart_syscall 219 clock_gettime 228 clock_getres 229
        clock_nanosleep 230 exit_group 231 tgkill 234 openat 257 newfstatat 262 readlinkat 267 faccessat
        269 pselect6 270 ppoll 271 set_robust_list 273 mbind 237 set_mempolicy 238 get_mempolicy 239
        prlimit64 302 getcpu 309 getrandom 318 membarrier 324 statx 332 rseq 334 openat2 437 faccessat2
        439
        """),
    ),
    "aarch64": Table(
        0xC00000B7,
        _table("""
        getcwd 17 fcntl 25 ioctl 29 statfs 43 fstatfs 44 faccessat 48 openat 56 close 57 getdents64 61
        lseek 62 read 63 write 64 readv 65 writev 66 pread64 67 pselect6 72 ppoll 73 readlinkat 78
        newfstatat 79 fstat 80 exit 93 exit_group 94 futex 98 set_robust_list 99 nanosleep 101 getitimer
        102 setitimer 103 clock_gettime 113 clock_getres 114 clock_nanosleep 115 sched_getaffinity 123
        sched_yield 124 restart_syscall 128 kill 129 tgkill 131 sigaltstack 132 rt_sigaction 134
        rt_sigprocmask 135 rt_sigreturn 139 times 153 uname 160 getrlimit 163 getrusage 165 getcpu 168
        gettimeofday 169 getpid 172 getppid 173 getuid 174 geteuid 175 getgid 176 getegid 177 gettid 178
        sysinfo 179 brk 214 munmap 215 mremap 216 mmap 222 mprotect 226 madvise 233 mbind 235
        get_mempolicy 236 set_mempolicy 237 prlimit64 261 getrandom 278 membarrier 283 statx 291 rseq 293
        openat2 437 faccessat2 439
        """),
    ),
}

_ALLOWED: Final = """
    read write futex munmap brk madvise mremap clock_gettime setitimer pread64 close rt_sigaction
    rt_sigprocmask rt_sigreturn sigaltstack getpid gettid getppid getuid geteuid getgid getegid getrusage
    times time gettimeofday clock_getres getitimer sched_yield sched_getaffinity getcpu getrandom lseek
    fstat readv writev poll ppoll select pselect6 pause nanosleep clock_nanosleep restart_syscall
    set_robust_list rseq membarrier uname sysinfo exit exit_group
""".split()
"""Most frequent first. Sleeping is allowed and caught by the wall limit."""

_FAIL: Final[Mapping[int, tuple[str, ...]]] = {
    errno.EACCES: (
        *(
            "stat",
            "lstat",
            "newfstatat",
            "statx",
            "access",
            "faccessat",
            "faccessat2",
            "readlink",
            "readlinkat",
        ),
        *("getdents", "getdents64", "getcwd", "statfs", "fstatfs"),
    ),
    errno.EPERM: ("fcntl", "getrlimit", "prlimit64"),
    errno.ENOTTY: ("ioctl",),
    errno.ENOSYS: ("openat2", "mbind", "get_mempolicy", "set_mempolicy"),
}
"""What fails, but is no offence: a library asks for a file, or where memory is best put (OpenBLAS)."""


def program(table: Table, pid: int) -> list[Instruction]:
    """The filter for a process with this id, as BPF instructions."""
    numbers = table.numbers
    code: list[Instruction] = [
        (LOAD, 0, 0, _ARCHITECTURE),
        (JUMP_EQUAL, 1, 0, table.audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, _NUMBER),
        (JUMP_GREATER_EQUAL, 0, 1, _X32),  # x86-64's other set of numbers; aarch64 has none so high
        (RETURN, 0, 0, KILL),
    ]
    for name in _ALLOWED:
        if name in numbers:
            code += [(JUMP_EQUAL, 0, 1, numbers[name]), (RETURN, 0, 0, ALLOW)]
    for name in ("mmap", "mprotect"):
        code += _by_bits(numbers[name], 2, _PROT_EXEC, ERROR | errno.EPERM, ALLOW)
    for name in ("kill", "tgkill"):  # a process may end itself, as abort() does
        code += _by_value(numbers[name], 0, pid, ALLOW, TRAP)
    for name, argument in (("open", 1), ("openat", 2)):
        if name in numbers:
            code += _by_bits(numbers[name], argument, WRITES, TRAP, ERROR | errno.EACCES)
    for error, names in _FAIL.items():
        for name in names:
            if name in numbers:
                code += [(JUMP_EQUAL, 0, 1, numbers[name]), (RETURN, 0, 0, ERROR | error)]
    return [*code, (RETURN, 0, 0, TRAP)]


def _by_bits(number: int, argument: int, bits: int, some: int, none: int) -> list[Instruction]:
    """Two answers to one call: where any of these bits is set in an argument, and where none is."""
    return [
        (JUMP_EQUAL, 0, 4, number),
        (LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (JUMP_ANY_BIT, 0, 1, bits),
        (RETURN, 0, 0, some),
        (RETURN, 0, 0, none),
    ]


def _by_value(number: int, argument: int, value: int, same: int, other: int) -> list[Instruction]:
    """Two answers to one call: where an argument has this value, and where not."""
    return [
        (JUMP_EQUAL, 0, 4, number),
        (LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        (JUMP_EQUAL, 0, 1, value),
        (RETURN, 0, 0, same),
        (RETURN, 0, 0, other),
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install(libc: ctypes.CDLL) -> bool:
    """Hold this process to the filter from now on; False where the kernel or the architecture has none.

    The process must have set PR_SET_NO_NEW_PRIVS.
    """
    table = TABLES.get(platform.machine())
    if table is None or struct.calcsize("P") != 8:
        return False
    code = program(table, os.getpid())
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in code)
    filter = _Program(len(code), packed)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filter), 0, 0) == 0)
