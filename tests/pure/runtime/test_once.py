"""Threads that ask for the same thing at once get one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from newsmill.runtime.once import once


def test_once_makes_one_thing_when_threads_ask_together():
    made = []

    @once
    def thing(name: str) -> object:
        made.append(name)
        time.sleep(0.05)
        return object()

    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(thing, ["a", "b"] * 8))
    assert sorted(made) == ["a", "b"]
    assert len(set(map(id, given))) == 2


def test_once_asks_again_when_making_failed():
    tries = []

    @once
    def thing() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not yet")
        return "made"

    with pytest.raises(OSError, match="not yet"):
        thing()
    assert thing() == "made"
