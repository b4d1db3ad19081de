"""A page's fate is a function of the page: not of the load, nor of what was imported before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import reading_fates
from hostile_pages import CASES

LIMITS = {"processes": 2, "wall_limit_s": 4, "cpu_limit_s": 10}


def fates(*arguments: str, **environment: str) -> dict[str, str]:
    """The fates that a program of its own finds."""
    ended = subprocess.run(
        [sys.executable, str(Path(reading_fates.__file__)), *arguments],
        input=json.dumps(LIMITS),
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


pytestmark = pytest.mark.timeout(1_200)  # of wall time, of which a busy machine gives a tenth


@contextmanager
def busy(number: int) -> Iterator[None]:
    """Let this many processes compute."""
    computing = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in computing:
            process.kill()
            process.wait()


def evaluation() -> list[str]:
    """Each ninth evaluation page, where they are beside the clone."""
    shared = Path(os.environ.get("NEWSMILL_SHARED") or Path(__file__).parents[3] / "shared")
    pages = shared / "eval" / "pages"
    return [str(pages), "9"] if pages.is_dir() else []


def test_fates_are_the_same_beside_twenty_busy_processes() -> None:
    if os.getloadavg()[0] > 4 * (os.cpu_count() or 1):
        pytest.skip("the machine is busy already: there is no quiet run to compare with")
    alone = fates("honest", *evaluation())
    with busy(20):
        beside = fates("honest", *evaluation())
    assert len(alone) >= 300
    assert {name: code(fate) for name, fate in beside.items()} == {
        name: code(fate) for name, fate in alone.items()
    }


def test_page_does_not_die_of_its_reader_when_nothing_was_imported_before(tmp_path: Path) -> None:
    """A new installation has no bytecode; what a page makes the reader import must be there all the same."""
    found = fates("all", *evaluation(), PYTHONPYCACHEPREFIX=str(tmp_path))
    expected = {case.name: case.fates for case in CASES}
    died = {
        name: fate
        for name, fate in found.items()
        if code(fate) not in expected.get(name, set()) and code(fate) in ("E_CRASH", "E_FORBIDDEN")
    }
    assert died == {}


def code(fate: str) -> str:
    return fate.partition(":")[0]
