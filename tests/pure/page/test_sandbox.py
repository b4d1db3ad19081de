"""The sandbox against children that hang, crash, blow up and reach out."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sandbox_readers
from newsmill.config import EnrichConfig, InputConfig, PageConfig
from newsmill.demo import PAGES
from newsmill.errors import NotStarted, Rejected
from newsmill.flow.elements.derived import Derived
from newsmill.page import sandbox_process
from newsmill.page.analysis import read_page
from newsmill.page.sandbox import Sandbox
from newsmill.records import Page, ParsedPage, Position, RawPage
from processes import children

LIMITS = PageConfig(wall_limit_s=3, cpu_limit_s=1, memory_limit_mb=300, processes=2)


def raw(act: str, body: bytes = b"", offset: int = 0) -> RawPage:
    return RawPage(
        position=Position(topic="t", partition=0, offset=offset), url=f"https://example.org/{act}", body=body
    )


def _cpu_s(pid: str) -> float:
    fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module", autouse=True)
def readers() -> None:
    """What the extraction processes of this module read with is found by them."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(sandbox_readers.__file__).parent), os.environ.get("PYTHONPATH")])
    )


@pytest.fixture(scope="module")
def sandbox(readers: None) -> Iterator[Sandbox]:
    with Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        yield opened


@pytest.mark.parametrize(
    ("act", "code"),
    [
        ("hang", "E_TIMEOUT"),
        ("spin", "E_TIMEOUT"),
        ("segfault", "E_CRASH"),
        ("abort", "E_CRASH"),
        ("killed", "E_CRASH"),
        ("memory", "E_OOM"),
        ("slow-memory", "E_OOM"),
        ("bug", "E_CRASH"),
        ("rejected", "E_NESTING"),
        ("socket", "E_FORBIDDEN"),
        ("program", "E_FORBIDDEN"),
    ],
)
def test_page_is_rejected_with_its_code_and_neighbours_live(sandbox: Sandbox, act: str, code: str) -> None:
    before, outcome, after = sandbox.map([raw("before"), raw(act), raw("after")])
    assert isinstance(outcome, Rejected) and outcome.code == code, outcome
    assert isinstance(before, Page) and before.title == "before"
    assert isinstance(after, Page) and after.title == "after"


@pytest.mark.parametrize(
    ("act", "event"),
    [("socket", "socket."), ("program", "subprocess.Popen"), ("write", "open"), ("remove", "os.remove")],
)
def test_forbidden_act_is_named(sandbox: Sandbox, act: str, event: str, tmp_path: Path) -> None:
    (outcome,) = sandbox.map([raw(act, os.fsencode(tmp_path / "x"))])
    assert isinstance(outcome, Rejected) and outcome.code == "E_FORBIDDEN"
    assert f"forbidden in the sandbox: {event}" in outcome.message


def test_process_lives_on_when_the_reader_raises(sandbox: Sandbox) -> None:
    with Sandbox(
        page=LIMITS.model_copy(update={"processes": 1}), input=InputConfig(), read="sandbox_readers:misbehave"
    ) as opened:
        (before,) = opened.map([raw("pid")])
        outcomes = opened.map([raw(act) for act in ("bug", "memory", "recursion", "surrogate", "leaves")])
        codes = [outcome.code for outcome in outcomes if isinstance(outcome, Rejected)]
        assert codes == ["E_CRASH", "E_OOM", "E_CRASH", "E_CRASH", "E_CRASH"]
        assert opened.map([raw("pid")]) == [before]


def test_last_words_of_a_process_are_told_and_bounded(sandbox: Sandbox) -> None:
    (outcome,) = sandbox.map([raw("words")])
    assert isinstance(outcome, Rejected) and outcome.code == "E_CRASH"
    assert "these are the last words" in outcome.message and len(outcome.message) < 5_000


def test_bug_is_told_with_its_traceback(sandbox: Sandbox) -> None:
    (outcome,) = sandbox.map([raw("bug")])
    assert isinstance(outcome, Rejected)
    assert "nobody foresaw this" in outcome.message and "misbehave" in outcome.message


def test_page_is_read_by_a_new_child_when_the_old_one_dies(sandbox: Sandbox) -> None:
    sandbox.map([raw(str(n)) for n in range(8)])  # now every child has read a page
    outcomes = sandbox.map([raw("tired"), raw("tired")])
    assert [outcome.title for outcome in outcomes if isinstance(outcome, Page)] == ["tired", "tired"]


def test_child_writes_and_removes_no_file(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.touch()
    outcomes = sandbox.map([raw("write", os.fsencode(tmp_path / "x")), raw("remove", os.fsencode(kept))])
    assert all(isinstance(outcome, Rejected) for outcome in outcomes)
    assert list(tmp_path.iterdir()) == [kept]


def test_output_of_the_child_is_no_answer(sandbox: Sandbox) -> None:
    (outcome,) = sandbox.map([raw("print")])
    assert isinstance(outcome, Page) and outcome.title == "print"


def test_broken_answer_is_a_crash(sandbox: Sandbox) -> None:
    (outcome,) = sandbox.map([raw("garbage")])
    assert isinstance(outcome, Rejected) and outcome.code == "E_CRASH"


@pytest.mark.parametrize(
    "act", ["unknown-code", "no-text", "found-no-text", "nested-answer", "endless-answer", "real-time-signal"]
)
def test_page_is_a_crash_when_its_process_says_what_none_of_ours_says(sandbox: Sandbox, act: str) -> None:
    outcome, after = (sandbox.map([raw(name)])[0] for name in (act, "after"))
    assert isinstance(outcome, Rejected) and outcome.code == "E_CRASH", outcome
    assert isinstance(after, Page) and after.title == "after"


@pytest.mark.parametrize("act", ["timer-off", "timer-off-and-talk"])
def test_page_takes_no_more_cpu_time_when_its_process_stops_its_own_timer(sandbox: Sandbox, act: str) -> None:
    (outcome,) = sandbox.map([raw(act)])
    assert isinstance(outcome, Rejected) and outcome.code == "E_TIMEOUT", outcome


def test_answers_given_ahead_are_no_other_pages(sandbox: Sandbox) -> None:
    sandbox.map([raw("ahead")])
    for title in ("first", "second", "third", "fourth"):
        (outcome,) = sandbox.map([raw(title)])
        assert isinstance(outcome, Page) and outcome.title == title


def test_child_sees_no_secrets(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSMILL__KAFKA__SASL_PASSWORD", "canary")
    fresh = Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave")
    with fresh:
        (outcome,) = fresh.map([raw("environment")])
    assert isinstance(outcome, Page) and "SASL" not in (outcome.title or "SASL")


def test_order_is_kept_and_all_slots_work(sandbox: Sandbox) -> None:
    pages = [raw(f"{n}", offset=n) for n in range(40)]
    outcomes = sandbox.map(pages)
    assert [outcome.title for outcome in outcomes if isinstance(outcome, Page)] == [str(n) for n in range(40)]
    pids = {outcome.title for outcome in sandbox.map([raw("pid")] * 20) if isinstance(outcome, Page)}
    assert 1 <= len(pids) <= LIMITS.processes


def test_threads_share_one_sandbox(sandbox: Sandbox) -> None:
    results: dict[int, list[str | None]] = {}

    def work(thread: int) -> None:
        outcomes = sandbox.map([raw(f"{thread}-{n}") for n in range(10)])
        results[thread] = [outcome.title for outcome in outcomes if isinstance(outcome, Page)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {thread: [f"{thread}-{n}" for n in range(10)] for thread in range(6)}


def test_page_that_sleeps_is_read_once(sandbox: Sandbox) -> None:
    slow = LIMITS.model_copy(update={"wall_limit_s": 600})
    with Sandbox(page=slow, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        (outcome,) = opened.map([raw("hang")])
    assert isinstance(outcome, Rejected) and outcome.code == "E_TIMEOUT" and "slept" in outcome.message


def test_page_that_does_nothing_holds_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_process, "_SLEEP_S", 600)
    one = LIMITS.model_copy(update={"processes": 1})
    with (
        Sandbox(page=one, input=InputConfig(), read="sandbox_readers:misbehave") as opened,
        ThreadPoolExecutor() as threads,
    ):
        opened.map([raw("started")])
        asleep = threads.submit(opened.map, [raw("hang")] * 3)
        outcomes = opened.map([raw(str(n)) for n in range(20)])
        assert not asleep.done()
        assert sum(isinstance(outcome, Page) for outcome in outcomes) == 20
        assert {o.code for o in asleep.result() if isinstance(o, Rejected)} == {"E_TIMEOUT"}


def test_page_that_computes_is_read_though_the_wall_limit_is_shorter() -> None:
    short = LIMITS.model_copy(update={"wall_limit_s": 0.1, "cpu_limit_s": 5})
    with Sandbox(page=short, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        (outcome,) = opened.map([raw("compute")])
    assert isinstance(outcome, Page)


def test_page_is_read_once_more_when_its_process_was_stopped(sandbox: Sandbox) -> None:
    others = _children()
    with (
        Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened,
        ThreadPoolExecutor() as threads,
    ):
        opened.map([raw("0"), raw("1")])
        reading = threads.submit(opened.map, [raw("doze")])
        time.sleep(0.5)
        for pid in _children() - others:
            os.kill(int(pid), signal.SIGSTOP)
        (outcome,) = reading.result()
    assert isinstance(outcome, Page)


def test_children_end_with_the_sandbox() -> None:
    with Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        pids = {outcome.title for outcome in opened.map([raw("pid")] * 4) if isinstance(outcome, Page)}
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_children_that_were_started_before_the_first_page_read_it() -> None:
    others = _children()
    with Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        opened.start()
        deadline = time.monotonic() + 60
        while len(started := _children() - others) < LIMITS.processes and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(started) == LIMITS.processes
        outcomes = opened.map([raw("pid")] * 8)
        assert {o.title for o in outcomes if isinstance(o, Page)} <= started
        assert _children() - others == started


def test_zygote_that_prepares_itself_does_not_keep_its_parent() -> None:
    program = (
        "import os, processes\n"
        "from newsmill.config import InputConfig, PageConfig\n"
        "from newsmill.page.sandbox import Sandbox\n"
        "Sandbox(page=PageConfig(processes=2), input=InputConfig(), read='sandbox_sleeper:read').start()\n"
        "print(*processes.children(os.getpid(), 'sandbox_child'))\n"
    )
    folder = str(Path(sandbox_readers.__file__).parent)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": folder},
        timeout=60,
        check=True,
        stdout=subprocess.PIPE,
    )
    prepared = [Path("/proc", pid) for pid in ended.stdout.decode().split()]
    assert len(prepared) == 1
    deadline = time.monotonic() + 60
    while any(child.exists() for child in prepared) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(child.exists() for child in prepared)


def test_page_is_read_when_the_zygote_is_killed_while_it_prepares_itself(sandbox: Sandbox) -> None:
    others = _zygotes()
    with Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        opened.start()
        for pid in _zygotes() - others:
            os.kill(int(pid), signal.SIGKILL)
        outcomes = opened.map([raw(str(n)) for n in range(4)])
    assert [outcome.title for outcome in outcomes if isinstance(outcome, Page)] == ["0", "1", "2", "3"]


def test_dead_child_is_replaced_by_a_fork_that_costs_a_tenth_of_what_the_first_one_did() -> None:
    with Sandbox(
        page=LIMITS, input=InputConfig(), read="newsmill.page.reading:read", gives=ParsedPage
    ) as opened:
        others, before = _zygotes(), _children()
        opened.map([raw("first", b"<p>x</p>")])
        (zygote,) = _zygotes() - others
        prepared = _cpu_s(zygote)
        for _ in range(5):
            for pid in _children() - before:
                os.kill(int(pid), signal.SIGKILL)
            opened.map([raw("again", b"<p>x</p>")])
        assert (_cpu_s(zygote) - prepared) / 5 < prepared / 10
        (fork,) = _children() - before
        assert _cpu_s(fork) < prepared / 10


def test_zygote_of_the_pipeline_has_one_thread() -> None:
    with Sandbox(
        page=LIMITS,
        input=InputConfig(),
        read="newsmill.page.reading:read",
        gives=ParsedPage,
        derive="newsmill.flow.steps.derive:derive",
        told=EnrichConfig().model_dump_json(),
        derives=Derived,
    ) as opened:
        others = _zygotes()
        opened.map([raw("first", b"<p>x</p>")])
        (zygote,) = _zygotes() - others
        assert "Threads:\t1\n" in Path("/proc", zygote, "status").read_text()


def test_zygote_can_not_be_traced() -> None:
    program = (
        "import ctypes, socket\n"
        "from newsmill.page.forking import Forking\n"
        "libc = ctypes.CDLL(None)\n"
        "before = libc.prctl(3)\n"
        "Forking(socket.socket(), libc)\n"
        "print(before, libc.prctl(3))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE)
    assert ended.stdout.split() == [b"1", b"0"]


def test_child_has_nothing_open_but_its_own_pipes(sandbox: Sandbox) -> None:
    with Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        before = _children()
        opened.map([raw("sleep"), raw("sleep")])
        found = [_opened(pid) for pid in _children() - before]
    assert found == [["/dev/null", "/dev/null", "pipe", "pipe", "pipe", "statm"]] * 2


def _opened(pid: str) -> list[str]:
    """What a process has open; pipes without their numbers."""
    names = [os.readlink(link) for link in Path("/proc", pid, "fd").iterdir()]
    return sorted("statm" if name.endswith("/statm") else name.partition(":")[0] for name in names)


def test_pages_are_read_though_the_zygote_dies_between_them(sandbox: Sandbox) -> None:
    with Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        others = _zygotes()
        opened.map([raw("0"), raw("1")])
        (zygote,) = _zygotes() - others
        forks = [Path("/proc", fork) for fork in children(int(zygote), "newsmill.page.sandbox_child")]
        os.kill(int(zygote), signal.SIGKILL)
        deadline = time.monotonic() + 60
        while any(fork.exists() for fork in forks) and time.monotonic() < deadline:
            time.sleep(0.02)
        outcomes = opened.map([raw("2"), raw("3")])
        assert [outcome.title for outcome in outcomes if isinstance(outcome, Page)] == ["2", "3"]
        (new,) = _zygotes() - others
        assert new != zygote


def test_page_is_read_when_the_zygote_was_stopped_and_its_fork_is_dead(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsmill.page.zygote._KILL_S", 1.0)
    with Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened:
        zygotes, children = _zygotes(), _children()
        opened.map([raw("0"), raw("1")])
        (zygote,) = _zygotes() - zygotes
        os.kill(int(zygote), signal.SIGSTOP)
        for pid in _children() - children:
            os.kill(int(pid), signal.SIGKILL)
        outcomes = opened.map([raw("2"), raw("3")])
        assert [outcome.title for outcome in outcomes if isinstance(outcome, Page)] == ["2", "3"]
        assert zygote not in _zygotes()


def test_page_is_read_though_the_zygote_dies_meanwhile(sandbox: Sandbox) -> None:
    with (
        Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened,
        ThreadPoolExecutor() as threads,
    ):
        others = _zygotes()
        opened.map([raw("0"), raw("1")])
        reading = threads.submit(opened.map, [raw("doze")])
        time.sleep(0.5)
        for zygote in _zygotes() - others:
            os.kill(int(zygote), signal.SIGKILL)
        (outcome,) = reading.result()
    assert isinstance(outcome, Page)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_page_is_read_though_its_group_of_processes_is_told_to_end(sandbox: Sandbox, number: int) -> None:
    with (
        Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened,
        ThreadPoolExecutor() as threads,
    ):
        before, others = _children(), _zygotes()
        opened.map([raw("0"), raw("1")])
        reading = threads.submit(opened.map, [raw("doze"), raw("pid")])
        time.sleep(0.5)
        told = (_children() - before) | (_zygotes() - others)
        for pid in told:
            os.kill(int(pid), number)
        doze, pid = reading.result()
        assert isinstance(doze, Page) and isinstance(pid, Page) and pid.title in told


def test_child_that_can_not_be_prepared_stops_the_job() -> None:
    with Sandbox(page=LIMITS, input=InputConfig(), read="no_such_module:read") as opened:
        opened.start()
        with pytest.raises(NotStarted, match=r"the extraction process does not start: .* exit code 1"):
            opened.map([raw("pid")])


def test_operator_is_told_when_processes_are_killed_as_they_start(sandbox: Sandbox) -> None:
    others, over = _zygotes(), threading.Event()

    def kill() -> None:
        while not over.wait(0.01):
            for zygote in _zygotes() - others:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(zygote), signal.SIGKILL)

    with (
        Sandbox(page=LIMITS, input=InputConfig(), read="sandbox_readers:misbehave") as opened,
        ThreadPoolExecutor() as threads,
    ):
        killing = threads.submit(kill)
        try:
            with pytest.raises(NotStarted, match=r"was killed from outside, .* memory is short"):
                opened.map([raw("pid")])
        finally:
            over.set()
        killing.result()
        (outcome,) = opened.map([raw("pid")])
        assert isinstance(outcome, Page)


def _zygotes() -> set[str]:
    return children(os.getpid(), "newsmill.page.sandbox_child")


def _children() -> set[str]:
    """Process ids of this process's extraction processes: the forks of its zygotes."""
    return {fork for zygote in _zygotes() for fork in children(int(zygote), "newsmill.page.sandbox_child")}


def test_sandbox_gives_what_the_function_gives() -> None:
    page = RawPage(
        position=Position(topic="t", partition=0, offset=0),
        url="https://asianlite.com/2021/x/",
        body=(PAGES / "33-seed-taliban-ttp.html").read_bytes(),
    )
    with Sandbox(page=PageConfig(), input=InputConfig()) as opened:
        assert opened.map([page]) == [read_page(page, page=PageConfig(), input=InputConfig())]
