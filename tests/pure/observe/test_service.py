"""What systemd is told: by a real socket, and only while the loop gets on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsmill.observe.service import EVERY_S, VARIABLE, Service
from newsmill.runners.progress import Summary
from newsmill.runtime.work import Work


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def told(manager: socket.socket) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            lines += manager.recv(4096).decode().split("\n")
        except BlockingIOError:
            return lines


def work(done: int, busy_s: float) -> Work:
    return Work(
        records=100,
        seconds=5.0,
        pages={"ExtractPages": done},
        busy_s={"ExtractPages": busy_s},
        oldest=None,
    )


def test_service_tells_when_it_is_ready_and_when_it_stops(manager: socket.socket) -> None:
    service = Service(manager.getsockname())
    service.ready()
    service.stopping()
    lines = told(manager)
    assert [line for line in lines if not line.startswith("STATUS=")] == ["READY=1", "STOPPING=1"]


def test_watchdog_starves_when_no_stage_of_the_batch_gets_on(manager: socket.socket) -> None:
    now = [0.0]
    service = Service(manager.getsockname(), clock=lambda: now[0])
    for second in range(5):
        now[0] += EVERY_S
        service.working(work(second, busy_s=float(second)))
    assert told(manager).count("WATCHDOG=1") == 4
    lines = []
    for _ in range(100):
        now[0] += EVERY_S
        service.working(work(4, busy_s=4.0))
        lines += told(manager)
    assert "WATCHDOG=1" not in lines
    assert "STATUS=batch under way: 4 of 100 pages, 5 s" in lines
    service.working(None)
    service.batch_committed(Summary(records=100, waiting=7), [])
    assert told(manager) == ["WATCHDOG=1", "STATUS=100 records done, 7 wait"]


def test_loop_that_waits_for_records_feeds_the_watchdog_once_a_second(manager: socket.socket) -> None:
    now = [0.0]
    service = Service(manager.getsockname(), clock=lambda: now[0])
    lines = []
    for _ in range(100):
        now[0] += EVERY_S / 10
        service.alive()
        lines += told(manager)
    assert 9 <= lines.count("WATCHDOG=1") <= 11


def test_run_is_held_up_by_no_manager_that_does_not_read(manager: socket.socket) -> None:
    now = [0.0]
    service = Service(manager.getsockname(), clock=lambda: now[0])
    for _ in range(1000):
        now[0] += EVERY_S
        service.alive()
    assert 0 < told(manager).count("WATCHDOG=1") < 1000


def test_abstract_socket_is_found_by_its_name() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0newsmill-test-notify")
        listening.setblocking(False)
        Service("@newsmill-test-notify").ready()
        assert told(listening)[0] == "READY=1"


def test_children_do_not_learn_of_the_socket(manager: socket.socket) -> None:
    environment = {VARIABLE: manager.getsockname(), "HOME": "/"}
    Service.of(environment).ready()
    assert environment == {"HOME": "/"}
    assert told(manager)[0] == "READY=1"


def test_run_goes_on_when_nobody_listens_or_the_manager_went_away(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "nobody")):
        service = Service(address)
        service.ready()
        service.alive()
        service.stopping()
