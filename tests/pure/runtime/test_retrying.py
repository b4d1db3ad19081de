"""Waiting for what is away: shared log lines, a limit, an end when the process is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from newsmill.errors import Stopped, Transient
from newsmill.runtime import retrying
from newsmill.runtime.retrying import Retrying, retry, troubles

WHAT = "the broker of this test"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A minute is half a second here, and each test has a stop of its own."""
    monkeypatch.setattr(retrying, "QUIET_S", 0.1)
    monkeypatch.setattr(retrying, "EVERY_S", 0.5)
    monkeypatch.setattr(retrying, "LONGEST_S", 0.1)
    stop = threading.Event()
    retrying.stop_by(stop)
    yield stop
    retrying.stop_by(threading.Event())
    assert troubles() == []


class Away:
    """What answers after a while."""

    def __init__(self, for_s: float) -> None:
        self._until = time.monotonic() + for_s

    def __call__(self) -> str:
        if time.monotonic() < self._until:
            raise ConnectionError("nobody is there")
        return "answer"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == retrying.__name__]


def test_waiting_is_told_at_its_beginning_each_minute_and_at_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    assert retry(Away(1.4), WHAT, errors=(ConnectionError,)) == "answer"
    first, *minutes, last = told(caplog)
    assert first == f"waiting for {WHAT}: nobody is there"
    assert last.startswith(f"{WHAT} is back after")
    assert 1 <= len(minutes) <= 2  # one where the machine was busy and a wait took longer
    assert all(line.startswith(f"still waiting for {WHAT} after") for line in minutes)


def test_threads_that_wait_for_the_same_thing_share_its_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    away = Away(0.4)
    threads = [
        threading.Thread(target=retry, args=(away, WHAT), kwargs={"errors": (ConnectionError,)})
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    (trouble,) = troubles()
    assert trouble.startswith(f"waiting for {WHAT} for 0 s: nobody")
    for thread in threads:
        thread.join()
    assert [line.split(":")[0].split(" after")[0] for line in told(caplog)] == [
        f"waiting for {WHAT}",
        f"{WHAT} is back",
    ]


def test_short_trouble_is_no_news(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(retrying, "QUIET_S", 5.0)
    assert retry(Away(0.1), WHAT, errors=(ConnectionError,)) == "answer"
    assert told(caplog) == []


def test_a_limit_ends_the_waiting(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Transient, match=f"{WHAT}, tried for 0.3 s: nobody is there") as raised:
        retry(Away(60), WHAT, errors=(ConnectionError,), limit_s=0.3)
    assert isinstance(raised.value.__cause__, ConnectionError)
    assert not any("is back" in line for line in told(caplog))


def test_a_limit_counts_from_the_last_success() -> None:
    with Retrying(WHAT, 0.4) as waiting:
        for _ in range(3):
            until = time.monotonic() + 0.2
            while time.monotonic() < until:
                waiting.wait(ConnectionError("nobody"))
            waiting.passed()


def test_what_may_not_pass_is_raised_at_once() -> None:
    with pytest.raises(KeyError):
        retry(lambda: {}["absent"], WHAT, errors=(ConnectionError,))


def test_whoever_waits_ends_when_the_process_is_told_to_stop(quick: threading.Event) -> None:
    threading.Timer(0.3, quick.set).start()
    with pytest.raises(Stopped, match=f"told to stop while waiting for {WHAT}: nobody"):
        retry(Away(60), WHAT, errors=(ConnectionError,))


def test_short_trouble_passes_also_after_the_process_was_told_to_stop(
    quick: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch under way is finished: two writers at once are no reason to give it up."""
    monkeypatch.setattr(retrying, "QUIET_S", 5.0)
    quick.set()
    assert retry(Away(0.2), WHAT, errors=(ConnectionError,)) == "answer"


def test_one_that_comes_again_by_itself_is_told_of_as_one_that_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    planner = Retrying(WHAT)
    for _ in range(5):
        planner.note(Transient("nobody"))
        time.sleep(0.05)
    assert len(troubles()) == 1
    planner.passed()
    assert [line.split(":")[0].split(" after")[0] for line in told(caplog)] == [
        f"waiting for {WHAT}",
        f"{WHAT} is back",
    ]
