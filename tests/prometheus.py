"""A real Prometheus with the rules of deploy/, and a real run that it scrapes."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

RULES = Path(__file__).parents[1] / "deploy" / "prometheus"
SCRAPE_S = 1
RUNBOOK = "https://wiki.example/mill"
PATIENCE_S = 420
"""How long an alert is waited for: a busy machine is slow, and an alert that never comes is the failure."""

T = TypeVar("T")

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?P<before>\[|offset |for: )(?P<number>\d+)(?P<unit>[smhd])\b")
_SECONDS = re.compile(
    r"(?P<before>(?:seconds\w*(?::\w+)?|time\(\)[^<>\n]*) [<>] |predict_linear\([^,]*, )(?P<number>\d+)\b"
)


def hurried(rules: str, factor: int) -> str:
    """Rules that come to their end sooner: every duration is divided, and all seconds that are compared with.

    >>> hurried("increase(x[1h]) for: 5m", 20)
    'increase(x[180000ms]) for: 15000ms'
    >>> hurried("newsmill_batch_seconds_now > 3600", 60)
    'newsmill_batch_seconds_now > 60'
    """

    def shorter(found: re.Match[str]) -> str:
        return f"{found['before']}{int(found['number']) * _UNITS_MS[found['unit']] // factor}ms"

    def fewer(found: re.Match[str]) -> str:
        return f"{found['before']}{int(found['number']) / factor:g}"

    return _SECONDS.sub(fewer, _DURATION.sub(shorter, rules))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Prometheus:
    """Scrapes targets each second and evaluates the rules, `factor` times as fast.

    Args:
        folder: For its data.
        targets: Addresses of the job newsmill.
        factor: See `hurried`.
    """

    def __init__(self, folder: Path, targets: Sequence[str], *, factor: int) -> None:
        program = shutil.which("prometheus")
        if program is None:
            pytest.skip("no prometheus: apt install prometheus")
        folder.mkdir(parents=True)
        for name in ("recording.yml", "alerts.yml"):
            (folder / name).write_text(hurried((RULES / name).read_text(), factor))
        config = {
            "global": {
                "scrape_interval": f"{SCRAPE_S}s",
                "evaluation_interval": f"{SCRAPE_S}s",
                "external_labels": {"newsmill_runbook": RUNBOOK},
            },
            "rule_files": ["recording.yml", "alerts.yml"],
            "scrape_configs": [{"job_name": "newsmill", "static_configs": [{"targets": list(targets)}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))
        port = free_port()
        self._base = f"http://127.0.0.1:{port}/api/v1"
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Prometheus:
        until(lambda: self._ask("/query", query="1") is not None, "Prometheus answers")
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()

    def _ask(self, path: str, **parameters: str) -> Any:
        try:
            with urllib.request.urlopen(
                f"{self._base}{path}?{urllib.parse.urlencode(parameters)}", timeout=30
            ) as answer:
                return json.loads(answer.read())["data"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Series and values of a query, now."""
        found = self._ask("/query", query=expression)
        assert found is not None, expression
        return [(row["metric"], float(row["value"][1])) for row in found["result"]]

    def firing(self, name: str) -> list[dict[str, Any]]:
        """Alerts of a name that fire."""
        found = self._ask("/alerts") or {"alerts": []}
        return [a for a in found["alerts"] if a["labels"]["alertname"] == name and a["state"] == "firing"]

    def await_firing(self, name: str) -> dict[str, Any]:
        """The first alert of a name, once it fires; its runbook address has the base that was set."""
        [alert, *_] = until(lambda: self.firing(name), f"{name} fires")
        assert alert["annotations"]["runbook_url"] == f"{RUNBOOK}#{name.lower()}"
        assert "<no value>" not in alert["annotations"]["summary"]
        return dict(alert)


def until(ask: Callable[[], T], what: str, *, patience_s: float = PATIENCE_S) -> T:
    """The first answer that is not empty."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(0.25)
    raise AssertionError(f"waited {patience_s:.0f} s, and not: {what}")


class Mill:
    """`newsmill run` with its endpoint on a port of its own; may be killed and started again.

    Args:
        settings: Those of the command line.
        log: Where its output goes.
        environment: Variables beside those of this process.
    """

    def __init__(
        self, settings: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.log = log
        self._command = [
            *(sys.executable, "-m", "newsmill", "run", "--set", f"metrics.port={self.port}"),
            *(part for setting in settings for part in ("--set", setting)),
        ]
        self._environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        """Its address, as Prometheus has it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Mill:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=subprocess.STDOUT, env=self._environment
            )

    def kill(self) -> None:
        """Kill it, at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def get(self, path: str) -> tuple[int, str]:
        """What it answers; 0 where it does not."""
        try:
            with urllib.request.urlopen(f"http://{self.target}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""

    def await_ready(self) -> None:
        """Wait until it takes records."""
        until(lambda: self.get("/ready")[0] == 200, f"{self.target} is ready: {self.log.read_text()[-2000:]}")
