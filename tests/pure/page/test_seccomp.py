"""The filter, run by a small interpreter: also for the architecture that this machine is not."""

from __future__ import annotations

import errno
import mmap
import os

import pytest

from newsmill.page.seccomp import (
    ALLOW,
    ERROR,
    JUMP_ANY_BIT,
    JUMP_EQUAL,
    JUMP_GREATER_EQUAL,
    KILL,
    LOAD,
    RETURN,
    TABLES,
    TRAP,
    program,
)

PID = 4711
FORBIDDEN = {
    "x86_64": {
        "socket": 41,
        "clone": 56,
        "fork": 57,
        "vfork": 58,
        "execve": 59,
        "ptrace": 101,
        "clone3": 435,
    },
    "aarch64": {"socket": 198, "clone": 220, "execve": 221, "ptrace": 117, "clone3": 435, "unlinkat": 35},
}


def run(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the kernel would do with this system call."""
    table = TABLES[machine]
    data = {0: number, 4: table.audit if audit is None else audit}
    data |= {16 + 8 * n: value & 0xFFFFFFFF for n, value in enumerate((*arguments, *[0] * 6)[:6])}
    code, place, held = program(table, PID), 0, 0
    while True:
        operation, true, false, k = code[place]
        place += 1
        if operation == RETURN:
            return k
        if operation == LOAD:
            held = data[k]
        else:
            holds = {
                JUMP_EQUAL: held == k,
                JUMP_GREATER_EQUAL: held >= k,
                JUMP_ANY_BIT: bool(held & k),
            }[operation]
            place += true if holds else false


def call(machine: str, name: str, *arguments: int) -> int:
    return run(machine, TABLES[machine].numbers[name], *arguments)


@pytest.mark.parametrize("machine", TABLES)
def test_filter_allows_what_reading_needs(machine: str) -> None:
    for name in ("read", "write", "brk", "munmap", "futex", "clock_gettime", "exit_group", "rt_sigreturn"):
        assert call(machine, name) == ALLOW, name
    assert call(machine, "mmap", 0, 4096, mmap.PROT_READ | mmap.PROT_WRITE) == ALLOW
    assert call(machine, "tgkill", PID, PID, 6) == ALLOW


@pytest.mark.parametrize("machine", TABLES)
def test_filter_forbids_what_it_does_not_know(machine: str) -> None:
    known = set(TABLES[machine].numbers.values())
    for name, number in FORBIDDEN[machine].items():
        assert number not in known and run(machine, number) == TRAP, name
    assert {run(machine, number) for number in range(1_000) if number not in known} == {TRAP}


@pytest.mark.parametrize("machine", TABLES)
def test_filter_looks_at_arguments(machine: str) -> None:
    assert call(machine, "openat", 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ERROR | errno.EACCES
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_APPEND):
        assert call(machine, "openat", 0, 0, flags) == TRAP
    for name in ("mmap", "mprotect"):
        assert call(machine, name, 0, 4096, mmap.PROT_READ | mmap.PROT_EXEC) == ERROR | errno.EPERM
    for target in (1, PID - 1, -1, 0):
        assert call(machine, "kill", target, 9) == TRAP
    assert call(machine, "kill", PID, 9) == ALLOW


@pytest.mark.parametrize("machine", TABLES)
def test_filter_ends_a_process_that_changes_the_architecture(machine: str) -> None:
    i386 = 0x40000003
    assert run(machine, 1, audit=i386) == KILL
    assert run(machine, 0x40000000) == KILL  # x32


@pytest.mark.parametrize("machine", TABLES)
def test_program_is_one_that_the_kernel_takes(machine: str) -> None:
    code = program(TABLES[machine], PID)
    assert len(code) < 4096 and code[-1][0] == RETURN
    for place, (operation, true, false, _) in enumerate(code):
        assert operation in (LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_ANY_BIT, RETURN)
        assert place + 1 + max(true, false) < len(code) or operation == RETURN
    assert len(set(TABLES[machine].numbers.values())) == len(TABLES[machine].numbers)
