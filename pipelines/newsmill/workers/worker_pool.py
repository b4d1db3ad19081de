"""The worker pool: starts and stops the Python workers of a portable runner, on one address only.

Beam's own pool listens on every address and pastes what it is sent into `python -c`. Whoever reaches
a pool can have code run as its user: a runner's pipelines are code. So this one binds exactly the
address it is given (loopback by default), starts one fixed program, and refuses every request whose
worker id or endpoints are not plain names and `host:port` of an allowed host. With a token it refuses
every request that does not show it.

    python -m newsmill.workers.worker_pool --address 127.0.0.1:50000

Runners reach it with `--environment_type=EXTERNAL --environment_config=127.0.0.1:50000`.
"""

from __future__ import annotations

import argparse
import hmac
import ipaddress
import logging
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from newsmill.errors import ConfigError
from newsmill.runtime.allocator import ARROW
from newsmill.workers.pool_token import TOKEN, VARIABLE, pool_token

WORKER: Final = "newsmill.workers.worker"
"""The module that is run for each worker."""
GRACE_S: Final = 5.0
"""How long a worker may take to end before it is killed."""

UNUSED_S: Final = 30.0
"""A worker that got no work for so long may be ended where its place is wanted. Beam's runners forget a
worker that was starting when its job restarted: they neither use it nor stop it."""

_STDERR: Final = 2  # nobody may read the pool's own output: a worker must not fill that pipe

_ID = re.compile(r"[A-Za-z0-9][]A-Za-z0-9_.:[-]{0,199}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def address(text: str) -> Address:
    """Read `host:port` or `[IPv6]:port`, and nothing else.

    Raises:
        ConfigError: When the text is anything else, or the port is out of range.

    Example:
        >>> address("127.0.0.1:50000")
        Address(host='127.0.0.1', port=50000)
    """
    host, colon, port = text.rpartition(":")
    six = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if six else host
    try:
        right = ipaddress.IPv6Address(host) is not None if six else _HOST.fullmatch(host) is not None
    except ValueError:
        right = False
    if not (colon and right and port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise ConfigError(f"{text[:100]!r}: must be host:port, e.g. 127.0.0.1:50000")
    return Address(host, int(port))


@dataclass(frozen=True)
class _Worker:
    """A worker, and the end of a pipe to which it writes at its first work."""

    process: subprocess.Popen[bytes]
    work: int
    since: float

    @property
    def unused(self) -> bool:
        return not select.select([self.work], [], [], 0)[0]

    def signal(self, number: int) -> None:
        """Signal the worker's whole process group: extraction processes are in it."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return

    def end(self) -> None:
        """Wait for its end after SIGTERM, or make it end."""
        try:
            self.process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.signal(signal.SIGKILL)
        self.forget()

    def forget(self) -> None:
        """It has ended: close what is open for it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        os.close(self.work)


@dataclass
class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):  # type: ignore[misc]
    """Serves StartWorker and StopWorker; also a context manager that ends all workers at its end.

    Args:
        bind: Where to listen; port 0 takes a free one. See `bound`.
        hosts: Hosts besides loopback and the bound one where a runner may be.
        most: Most workers at a time.
        token: What a request must show among its parameters. Requests to stop a worker can't show one, so
            none is followed: a worker ends when its runner closes its connection.
    """

    bind: Address
    hosts: frozenset[str] = frozenset()
    most: int = 16
    token: str | None = field(default=None, repr=False)
    _workers: dict[tuple[str, str], _Worker] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __enter__(self) -> WorkerPool:
        """Listen.

        Raises:
            ConfigError: When the address can't be bound.
        """
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=8),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.http2.max_pings_without_data", 0),
                ("grpc.http2.max_ping_strikes", 0),
            ],
        )
        beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(self, self._server)
        try:
            port = self._server.add_insecure_port(str(self.bind))
        except RuntimeError as error:
            raise ConfigError(f"worker pool: can't listen on {self.bind}: {error}") from error
        self.bound = Address(self.bind.host, port)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(grace=0)
        with self._lock:
            workers = list(self._workers.values())
            self._workers.clear()
        for worker in workers:
            worker.signal(signal.SIGTERM)
        for worker in workers:
            worker.end()

    def StartWorker(
        self, request: beam_fn_api_pb2.StartWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StartWorkerResponse:
        """Start one worker process; a request that is not plain starts nothing."""
        try:
            command = self._command(request)
        except ConfigError as error:
            _log.warning("refused to start a worker: %s", error)
            return beam_fn_api_pb2.StartWorkerResponse(error=f"refused: {error}")
        with self._lock:
            for name, worker in list(self._workers.items()):
                if worker.process.poll() is not None:
                    self._workers.pop(name).forget()
            key = (request.worker_id, request.control_endpoint.url)
            if key in self._workers:
                return beam_fn_api_pb2.StartWorkerResponse(error=f"refused: {request.worker_id} runs already")
            if len(self._workers) >= self.most and not self._make_room():
                return beam_fn_api_pb2.StartWorkerResponse(
                    error=f"refused: {self.most} workers run already; see --max-workers"
                )
            self._workers[key] = self._start(command)
        _log.info("worker %s started", request.worker_id)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(
        self, request: beam_fn_api_pb2.StopWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StopWorkerResponse:
        """End a worker and the processes it started; an unknown one is no error.

        Beam numbers workers by TaskManager and job, and a request to stop one has its number only: where
        workers of several have that number, each is left to end when its runner closes its connection.
        """
        if self.token is not None:
            return beam_fn_api_pb2.StopWorkerResponse(error="not followed: a token is set, none was shown")
        with self._lock:
            named = [key for key in self._workers if key[0] == request.worker_id]
            worker = self._workers.pop(named[0]) if len(named) == 1 else None
        if worker is not None:
            worker.signal(signal.SIGTERM)
            worker.end()
            _log.info("worker %s stopped", request.worker_id)
        return beam_fn_api_pb2.StopWorkerResponse()

    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run."""
        with self._lock:
            return tuple(w.process.pid for w in self._workers.values() if w.process.poll() is None)

    def _start(self, command: list[str]) -> _Worker:
        work, told = os.pipe()
        try:
            process = subprocess.Popen(
                [*command, f"--work={told}"],
                stdin=subprocess.PIPE,
                stdout=_STDERR,
                close_fds=True,
                pass_fds=(told,),
                start_new_session=True,
                env=ARROW | {name: value for name, value in os.environ.items() if name != VARIABLE},
            )
        finally:
            os.close(told)
        return _Worker(process, work, time.monotonic())

    def _make_room(self) -> bool:
        """End the oldest worker that its runner forgot; whether there was one."""
        longest = time.monotonic() - UNUSED_S
        forgotten = [key for key, w in self._workers.items() if w.since <= longest and w.unused]
        if not forgotten:
            return False
        oldest = min(forgotten, key=lambda key: self._workers[key].since)
        worker = self._workers.pop(oldest)
        worker.signal(signal.SIGKILL)
        worker.end()
        _log.warning("worker %s got no work and was ended: its place is wanted", oldest[0])
        return True

    def _command(self, request: beam_fn_api_pb2.StartWorkerRequest) -> list[str]:
        if self.token is not None and not hmac.compare_digest(
            request.params.get(TOKEN, "").encode("utf-8", "replace"), self.token.encode()
        ):
            raise ConfigError("the token is missing or wrong; see portable.worker_pool_token")
        if _ID.fullmatch(request.worker_id) is None:
            raise ConfigError(f"worker id {request.worker_id[:100]!r}: letters, digits and _ . : - [ ] only")
        return [
            sys.executable,
            "-m",
            WORKER,
            f"--id={request.worker_id}",
            f"--control={self._endpoint(request.control_endpoint.url)}",
            f"--logging={self._endpoint(request.logging_endpoint.url)}",
            f"--provision={self._endpoint(request.provision_endpoint.url)}",
        ]

    def _endpoint(self, url: str) -> Address:
        found = address(url)
        if not (found.loopback or found.host == self.bind.host or found.host in self.hosts):
            raise ConfigError(f"{found}: the runner is on a host that is not allowed; see --runner-host")
        return found


def parser() -> argparse.ArgumentParser:
    """The options of the pool."""
    made = argparse.ArgumentParser(prog="python -m newsmill.workers.worker_pool", description=__doc__)
    made.add_argument(
        "--address", default="127.0.0.1:50000", help="host:port to listen on; port 0 takes a free one"
    )
    made.add_argument(
        "--runner-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a host, besides loopback and the address's own, where the runner may be; may be repeated",
    )
    made.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"file with the token that a request must show; else {VARIABLE}, where it is set",
    )
    made.add_argument("--max-workers", type=int, default=16, help="most workers at a time")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a pool until SIGTERM or SIGINT. Prints `listening on HOST:PORT` when ready."""
    given = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        token = pool_token(None, given.token_file)
        hosts = frozenset(given.runner_host)
        with WorkerPool(address(given.address), hosts=hosts, most=given.max_workers, token=token) as pool:
            if not pool.bound.loopback and token is None:
                _log.warning(
                    "%s is no loopback address and no token is set: whoever reaches it can run code here",
                    pool.bound,
                )
            print(f"listening on {pool.bound}", flush=True)
            stop.wait()
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
