"""Arenas of the C library, counted by itself in a process with threads that allocate at once."""

from __future__ import annotations

import platform
import re
import subprocess
import sys

import pytest

from newsmill.runtime import allocator

THREADS = 12
PROGRAM = f"""
import ctypes, sys, threading
from newsmill.runtime import allocator
if sys.argv[1] == "settled":
    allocator.settle()
there = threading.Barrier({THREADS})
def allocate():
    there.wait()
    kept = [bytes(2_000) for _ in range(100)]
    there.wait()
threads = [threading.Thread(target=allocate) for _ in range({THREADS})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def arenas(how: str) -> int:
    told = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return len(re.findall("<heap nr=", told.stdout))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_few_arenas_when_the_allocator_is_settled() -> None:
    assert arenas("settled") <= allocator.ARENAS
    assert arenas("as it comes") > allocator.ARENAS


HOLES = """
from newsmill.runtime import allocator
def resident():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
blocks = [bytearray(20_000) for _ in range(5_000)]
del blocks[::2]
before = resident()
allocator.give_back()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked to")
def test_memory_between_used_blocks_is_given_back_when_asked() -> None:
    told = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert int(told.stdout) > 20_000  # kB, of 100 MB


def test_arrow_allocates_as_the_rest_does_when_the_command_runs() -> None:
    program = """
import contextlib, sys
from newsmill.__main__ import main
sys.argv[1:] = ["schema", "--help"]
with contextlib.suppress(SystemExit):
    main()
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.split()[-1] == "system"
