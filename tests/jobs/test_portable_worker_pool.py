"""The worker pool: listens on one address, starts one program, refuses what is not plain."""

from __future__ import annotations

import json
import os
import pickle
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from apache_beam.options.pipeline_options import PortableOptions
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc, endpoints_pb2
from apache_beam.runners.worker.sdk_worker import SdkWorker

from newsmill.config.loading import load, shown
from newsmill.dev import prism
from newsmill.errors import ConfigError
from newsmill.runners.portable import options
from newsmill.workers import worker, worker_pool
from newsmill.workers.pool_token import VARIABLE
from newsmill.workers.worker_pool import Address, WorkerPool, address

LISTEN = "0A"
LOOPBACKS = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def descriptors(pid: int) -> Iterator[str]:
    """What each descriptor of a process is open for, as the kernel names it."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder's own descriptor, when it is this process
            yield os.readlink(link)


def pipes() -> int:
    """Ends of pipes that are open in this process: gRPC opens descriptors of other kinds when it likes."""
    return sum(target.startswith("pipe:") for target in descriptors(os.getpid()))


def listening(pid: int) -> set[tuple[str, int]]:
    """(address in hex as the kernel prints it, port) of every TCP socket on which a process listens."""
    inodes = {target[8:-1] for target in descriptors(pid) if target.startswith("socket:[")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTEN and columns[9] in inodes:
                host, port = columns[1].split(":")
                found.add((host, int(port, 16)))
    return found


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], Address]]:
    """A pool as its own process, as it is deployed."""
    with subprocess.Popen(
        [sys.executable, "-m", "newsmill.workers.worker_pool", "--address", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        yield running, address(line.removeprefix("listening on ").strip())
        if running.poll() is None:
            running.terminate()
            assert running.wait(timeout=20) == 0


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WorkerPool]:
    """A pool in this process whose workers only say that they ran, and wait."""
    (tmp_path / "stand_in.py").write_text(
        "import os, sys, pathlib\n"
        "if '--id=used' in sys.argv:\n    os.write(int(sys.argv[-1].removeprefix('--work=')), b'1')\n"
        f"pathlib.Path({str(tmp_path)!r}, 'ran').write_text(' '.join(sys.argv[1:]))\n"
        "sys.stdin.read()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(worker_pool, "WORKER", "stand_in")
    with WorkerPool(Address("127.0.0.1", 0), most=2) as running:
        yield running


def start(at: Address, worker_id: str, url: str = "127.0.0.1:9", token: str | None = None) -> str:
    """Ask the pool for a worker; the error it answers with, or an empty text."""
    endpoint = endpoints_pb2.ApiServiceDescriptor(url=url)
    with grpc.insecure_channel(str(at)) as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        answer = stub.StartWorker(
            beam_fn_api_pb2.StartWorkerRequest(
                worker_id=worker_id,
                control_endpoint=endpoint,
                logging_endpoint=endpoint,
                provision_endpoint=endpoint,
                params={} if token is None else {"newsmill-token": token},
            ),
            timeout=20,
        )
    return str(answer.error)


def test_nothing_listens_beyond_loopback(process: tuple[subprocess.Popen[str], Address]) -> None:
    running, at = process
    found = listening(running.pid)
    assert {port for _, port in found} == {at.port}
    assert {host for host, _ in found} <= LOOPBACKS


def test_the_check_for_listeners_sees_one_on_all_addresses() -> None:
    server = grpc.server(worker_pool.ThreadPoolExecutor(1))
    port = server.add_insecure_port("[::]:0")
    server.start()
    try:
        hosts = {host for host, p in listening(os.getpid()) if p == port}
        assert hosts
        assert not hosts <= LOOPBACKS
    finally:
        server.stop(0)


def test_a_second_pool_on_the_same_port_is_refused(
    process: tuple[subprocess.Popen[str], Address],
) -> None:
    with pytest.raises(ConfigError, match="can't listen"), WorkerPool(process[1]):
        pass


@pytest.mark.parametrize(
    ("worker_id", "url"),
    [
        ("w", '127.0.0.1:1"+__import__("os").system("touch ran")+"'),
        ("w", "127.0.0.1:1 --id=x"),
        ("w", "http://127.0.0.1:1/"),
        ("w", "127.0.0.1:99999"),
        ("w", "127.0.0.1"),
        ("w", ""),
        ("w", "unix:/tmp/x"),
        ("w", "192.0.2.1:80"),
        ("w", "metadata.internal:80"),
        ("", "127.0.0.1:1"),
        ("--help", "127.0.0.1:1"),
        ("a b", "127.0.0.1:1"),
        ("a\n", "127.0.0.1:1"),
        ("../x", "127.0.0.1:1"),
        ("x" * 300, "127.0.0.1:1"),
    ],
)
def test_pool_starts_nothing_when_a_request_is_not_plain(
    pool: WorkerPool, tmp_path: Path, worker_id: str, url: str
) -> None:
    assert start(pool.bound, worker_id, url).startswith("refused")
    assert pool.pids() == ()
    assert not (tmp_path / "ran").exists()


def test_pool_starts_the_worker_program_with_plain_arguments(pool: WorkerPool, tmp_path: Path) -> None:
    assert start(pool.bound, "job-1_0", "localhost:4711") == ""
    [pid] = pool.pids()
    assert os.getpgid(pid) == pid
    while not (ran := tmp_path / "ran").exists() or not ran.read_text():
        os.sched_yield()
    given, _, work = ran.read_text().rpartition(" ")
    assert given == (
        "--id=job-1_0 --control=localhost:4711 --logging=localhost:4711 --provision=localhost:4711"
    )
    assert re.fullmatch(r"--work=\d+", work)


def test_pool_refuses_more_workers_than_its_limit_and_a_name_twice(pool: WorkerPool) -> None:
    assert start(pool.bound, "a") == ""
    assert "runs already" in start(pool.bound, "a")
    assert start(pool.bound, "b") == ""
    assert "--max-workers" in start(pool.bound, "c")


def test_worker_that_its_runner_forgot_makes_room_when_the_pool_is_full(
    pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beam's runner forgets a worker that was starting when its job restarted, once for each restart."""
    assert start(pool.bound, "used") == ""
    while not (ran := tmp_path / "ran").exists() or "--work" not in ran.read_text():
        os.sched_yield()
    assert start(pool.bound, "forgotten") == ""
    used, forgotten = pool.pids()
    assert "--max-workers" in start(pool.bound, "early")
    monkeypatch.setattr(worker_pool, "UNUSED_S", 0.0)
    assert start(pool.bound, "new") == ""
    assert used in pool.pids() and forgotten not in pool.pids()
    assert not Path(f"/proc/{forgotten}").exists()
    for number in range(3):
        assert start(pool.bound, f"newer-{number}") == ""
    assert used in pool.pids()
    open_pipes = pipes()
    assert start(pool.bound, "newest") == ""
    assert pipes() <= open_pipes


def test_worker_tells_the_pool_of_its_first_work(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(SdkWorker, "process_bundle", lambda self, request, number: done.append(number))
    pipe, told = os.pipe()
    worker._tell_of_work(told)
    assert not select.select([pipe], [], [], 0)[0]
    for number in ("1", "2"):
        SdkWorker.process_bundle(None, None, number)
    assert done == ["1", "2"]
    os.close(told)
    assert os.read(pipe, 10) == b"1"
    os.close(pipe)


def test_pool_takes_one_number_of_two_runners_when_their_endpoints_differ(pool: WorkerPool) -> None:
    """Beam numbers workers by TaskManager and job: each begins with 1-1."""
    assert start(pool.bound, "1-1", "127.0.0.1:9") == ""
    assert "runs already" in start(pool.bound, "1-1", "127.0.0.1:9")
    assert start(pool.bound, "1-1", "127.0.0.1:10") == ""
    assert len(pool.pids()) == 2


def test_pool_ends_no_workers_when_a_number_to_stop_is_that_of_two(pool: WorkerPool) -> None:
    for port in (9, 10):
        assert start(pool.bound, "1-1", f"127.0.0.1:{port}") == ""
    with grpc.insecure_channel(str(pool.bound)) as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1"), timeout=20)
    assert len(pool.pids()) == 2


def test_stopped_worker_is_gone_and_its_place_is_free(pool: WorkerPool) -> None:
    assert start(pool.bound, "a") == ""
    [pid] = pool.pids()
    with grpc.insecure_channel(str(pool.bound)) as channel:
        beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel).StopWorker(
            beam_fn_api_pb2.StopWorkerRequest(worker_id="a"), timeout=20
        )
    assert not Path(f"/proc/{pid}").exists()
    assert start(pool.bound, "a") == ""


def test_workers_end_when_the_pool_is_killed(process: tuple[subprocess.Popen[str], Address]) -> None:
    running, at = process
    assert start(at, "w") == ""
    found: list[int] = []
    while not found:  # the kernel shows a program's arguments a moment after it tells that it runs
        for child in (c for c in Path("/proc").iterdir() if c.name.isdigit()):
            with suppress(FileNotFoundError, ProcessLookupError):
                program = (child / "cmdline").read_bytes().split(b"\0")[1:3]
                parent = f"PPid:\t{running.pid}\n" in (child / "status").read_text()
                if parent and program == [b"-m", b"newsmill.workers.worker"]:
                    found.append(int(child.name))
    handle = os.pidfd_open(found[0])
    try:
        running.send_signal(signal.SIGKILL)
        assert select.select([handle], [], [], 30)[0], "the worker outlived its pool"
    finally:
        os.close(handle)
    running.wait()


def test_dev_portable_runs_both_until_it_is_told_to_stop(tmp_path: Path) -> None:
    if problems := prism.missing():
        pytest.skip("; ".join(problems))
    command = ["dev", "portable", "--data", str(tmp_path), "--job-port", "0", "--pool-port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "newsmill", *command], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        *_, job, _, pool = running.stdout.readline().split()
        for given in (job, pool):
            at = address(given.partition("=")[2])
            socket.create_connection((at.host, at.port), timeout=5).close()
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 0


TOKEN = "quill-17-canary-token"


@pytest.mark.parametrize("shown", [None, "", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\U0001f600" * 9])
def test_pool_with_a_token_starts_nothing_for_who_does_not_show_it(
    shown: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(worker_pool, "WORKER", "none_such")
    with WorkerPool(Address("127.0.0.1", 0), token=TOKEN) as running:
        said = start(running.bound, "worker-1", **({} if shown is None else {"token": shown}))
        assert said.startswith("refused: the token is missing or wrong")
        assert TOKEN not in said + repr(running)
        assert running.pids() == ()


def test_pool_with_a_token_starts_a_worker_for_who_shows_it_and_stops_none_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    script = (
        f"import os, pathlib, sys; pathlib.Path({str(tmp_path)!r}, 'ran').write_text(str(dict(os.environ)))\n"
    )
    (tmp_path / "stand_in.py").write_text(script + "sys.stdin.read()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(worker_pool, "WORKER", "stand_in")
    with WorkerPool(Address("127.0.0.1", 0), token=TOKEN) as running:
        assert start(running.bound, "worker-1", token=TOKEN) == ""
        with grpc.insecure_channel(str(running.bound)) as channel:
            stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
            answer = stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="worker-1"), timeout=20)
        assert "token" in answer.error
        assert len(running.pids()) == 1
        until = time.monotonic() + 60
        while not (ran := tmp_path / "ran").exists() or not ran.read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert TOKEN not in ran.read_text()


def test_token_is_shown_by_the_job_and_in_no_pickle_and_no_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    loaded = load(environment={VARIABLE: TOKEN})
    environment = options(loaded.config, flink=True, once=True).view_as(PortableOptions).environment_config
    assert json.loads(environment) == {"url": "127.0.0.1:50000", "params": {"newsmill-token": TOKEN}}
    assert (
        TOKEN
        not in f"{loaded}{shown(loaded)}{loaded.config.model_dump_json()}{pickle.dumps(loaded.config)!r}"
    )
    plain = options(load().config, flink=True, once=True).view_as(PortableOptions).environment_config
    assert plain == "127.0.0.1:50000"


@pytest.mark.parametrize("token", ["", "short", "with a blank in it", "ümlaut-of-sixteen"])
def test_token_that_can_be_guessed_or_lost_is_refused_before_anything_starts(token: str) -> None:
    with pytest.raises(ConfigError, match="worker_pool_token"):
        load(environment={VARIABLE: token})
