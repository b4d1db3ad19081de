"""The lake as the workers of the endless job see it: one reader and one writer a process.

A worker has several instances of a step at a time, so what can be held once only belongs to the process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from newsmill.config import LakeConfig
from newsmill.lake.writer import Lake
from newsmill.runtime.once import once

_writers: dict[str, Lake] = {}
_writing = threading.Lock()


def reader(config: LakeConfig) -> Lake:
    """The lake for reading, opened once in this process."""
    return _reader(config.model_dump_json())


@once
def _reader(config: str) -> Lake:
    return Lake.open_readonly(LakeConfig.model_validate_json(config))


@contextmanager
def writer(config: LakeConfig) -> Iterator[Lake]:
    """The lake for writing, by one step at a time; it stays open for the next one.

    After any error it is given back, so that the next try opens it anew and finishes what was decided.

    Raises:
        LakeError: Another process is writing it.
    """
    key = config.model_dump_json()
    with _writing:
        if key not in _writers:
            _writers[key] = Lake.open(config)
        try:
            yield _writers[key]
        except BaseException:
            _writers.pop(key).release()
            raise
