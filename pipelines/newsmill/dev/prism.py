"""Beam's own portable runner, prism, as a separate job service on this machine.

For development and tests. Prism is a Go program; it is built once from the Go module proxy and kept in
the user's cache folder. It listens on every address and runs what it is sent, so it belongs on a
machine that nobody else can reach.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from newsmill.dev import local_kafka
from newsmill.errors import ConfigError, Transient

VERSION: Final = "2.77.0"
"""Beam's version of the prism that is built: that of the Python package."""
MODULE: Final = f"github.com/apache/beam/sdks/v2/go/cmd/prism@v{VERSION}"
READY_S: Final = 30.0


def cache_dir() -> Path:
    """Where the program is kept: `newsmill/prism-<version>` in the user's cache folder."""
    return local_kafka.cache_dir().with_name(f"prism-{VERSION}")


def missing() -> list[str]:
    """What this machine lacks to run prism, each with how to mend it; empty when nothing."""
    if (cache_dir() / "prism").exists() or shutil.which("go") is not None:
        return []
    return ["Go is missing: it builds prism once (Debian: apt install golang-go)"]


def binary() -> Path:
    """The program; built the first time (about three minutes).

    Raises:
        ConfigError: Go is missing.
        Transient: It could not be built.
    """
    program = cache_dir() / "prism"
    if program.exists():
        return program
    if problems := missing():
        raise ConfigError(problems)
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        done = subprocess.run(
            ["go", "install", MODULE],
            cwd=scratch,
            env={**os.environ, "GOBIN": scratch},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Transient(f"Go could not build prism {VERSION}:\n{done.stderr[-2000:]}")
        Path(scratch, "prism").replace(program)
    return program


@dataclass(kw_only=True)
class DevPrism:
    """A job service; a context manager that stops it at the end.

    Args:
        log: File for what it prints.
        port: Port of the job service; a free one where 0.
    """

    log: Path
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def endpoint(self) -> str:
        """`host:port` of its job service."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id. Raises RuntimeError where it was not started."""
        if self._process is None:
            raise RuntimeError("prism was not started")
        return self._process.pid

    def __enter__(self) -> DevPrism:
        """Start it and wait until it answers.

        Raises:
            ConfigError: Go is missing.
            Transient: It did not come up; the end of its log is in the message.
        """
        program = binary()
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [program, f"-job_port={self.port}", "-serve_http=false", "-log_kind=json"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise Transient(f"prism did not come up; the end of {self.log}:\n{tail}") from None
                time.sleep(0.05)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
