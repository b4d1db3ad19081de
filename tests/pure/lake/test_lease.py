"""The lease relies on beats that go on, not on what the wall clock says: it may jump."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from newsmill.errors import Fenced, LakeError
from newsmill.lake import lease, storage

LEASE_S = 0.8
YEAR_S = 365 * 86_400


@pytest.fixture(params=["local", "object"])
def acquire(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Takes the lease of one lake: by a lock of the kernel, or by an object that tells the last beat."""
    if request.param == "local":
        return lambda: lease._LocalLease(tmp_path / "_writer", LEASE_S)
    return lambda: lease._ObjectLease(storage.LocalStorage(tmp_path), LEASE_S)  # type: ignore[arg-type]


def jump(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let the wall clock jump; the lock's times stay the kernel's, as if another machine wanted it."""
    jumped = SimpleNamespace(time=lambda: time.time() + seconds, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(lease, "time", jumped)


@pytest.mark.parametrize("seconds", [YEAR_S, -YEAR_S])
def test_holder_keeps_its_lease_when_a_clock_jumps(
    acquire: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    holder = acquire()
    jump(monkeypatch, seconds)
    with pytest.raises(LakeError, match="is writing this lake"):
        acquire()
    holder.check()
    holder.release()
    acquire().release()


@pytest.mark.parametrize("seconds", [YEAR_S, -YEAR_S])
def test_holder_that_is_silent_loses_its_lease_whichever_way_the_clock_jumped(
    acquire: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    holder = acquire()
    holder._silence()  # as if it were paused
    jump(monkeypatch, seconds)
    second = acquire()
    second.check()
    with pytest.raises(Fenced):
        holder.check()
    second.release()
