"""Elements are decoded by threads that meet their types at the same time."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
sys.setswitchinterval(1e-6)
import msgspec
from newsmill.flow.elements.chunks import ExtractedChunk, RecordCoder
there = threading.Barrier(4)
def decode():
    there.wait()
    try:
        RecordCoder(ExtractedChunk).decode(b"\\x80")
    except msgspec.ValidationError:
        pass
threads = [threading.Thread(target=decode) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_elements_are_decoded_when_threads_meet_their_type_at_once() -> None:
    ended = [subprocess.run([sys.executable, "-c", PROGRAM], check=False).returncode for _ in range(3)]
    assert ended == [0, 0, 0]
