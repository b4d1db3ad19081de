"""Flink's REST endpoint: which jobs run, how their checkpoints go, and cancelling one.

Of each answer only what is used here is read, so that every Flink from 1.16 on will do.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from newsmill.errors import NewsmillError, Transient

ANSWER_S: Final = 10.0
MOST_BYTES: Final = 32_000_000
"""Longest answer that is read: that of a job with many steps and failures has some megabytes."""
ENDED: Final = frozenset({"FINISHED", "CANCELED", "FAILED"})
"""States that no job leaves. Flink restarts, restores or cancels jobs of all others."""

_Answer = TypeVar("_Answer")
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class FlinkRefused(NewsmillError):
    """Flink does not do what it was asked."""

    def __init__(self, what: str, status: int | None = None) -> None:
        self.what = what
        self.status = status  # of HTTP; None where the answer is not Flink's
        super().__init__(what)

    def __reduce__(self) -> tuple[type[FlinkRefused], tuple[str, int | None]]:
        return FlinkRefused, (self.what, self.status)


class Cluster(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """A Flink: its version and its slots."""

    flink_version: str
    taskmanagers: int
    slots_total: int
    slots_available: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job, running or ended."""

    id: str = msgspec.field(name="jid")
    name: str
    state: str
    start: int = msgspec.field(name="start-time")  # Unix time, ms

    @property
    def ended(self) -> bool:
        """Whether it will never run again."""
        return self.state in ENDED


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Checkpoints of a job since its start, by how they ended."""

    completed: int
    failed: int
    in_progress: int


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One checkpoint or savepoint; those that failed say why."""

    id: int
    trigger_timestamp: int  # Unix time, ms
    latest_ack_timestamp: int = 0  # Unix time, ms
    end_to_end_duration: int = 0  # ms
    state_size: int = 0  # bytes
    failure_message: str | None = None


class Latest(msgspec.Struct, frozen=True, kw_only=True):
    """The newest checkpoint that was completed, and that failed."""

    completed: Checkpoint | None = None
    failed: Checkpoint | None = None


class Checkpoints(msgspec.Struct, frozen=True, kw_only=True):
    """How the checkpoints of a job go."""

    counts: Counts
    latest: Latest


class _Jobs(msgspec.Struct, frozen=True, kw_only=True):
    jobs: tuple[Job, ...]


class _Failure(msgspec.Struct, frozen=True, kw_only=True):
    stacktrace: str


class _Failures(msgspec.Struct, frozen=True, kw_only=True):
    entries: tuple[_Failure, ...] = ()


class _Exceptions(msgspec.Struct, frozen=True, kw_only=True):
    history: _Failures = msgspec.field(name="exceptionHistory", default=_Failures())


class _Metric(msgspec.Struct, frozen=True, kw_only=True):
    value: str


class FlinkRest:
    """Asks one Flink.

    Every call raises Transient where it does not answer, as while its JobManager starts again, and
    FlinkRefused where it refuses or answers otherwise than Flink does.

    Args:
        url: E.g. `http://127.0.0.1:8081`. Proxies of the environment are not used.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def cluster(self) -> Cluster:
        """Its version and slots."""
        return self._get("/overview", Cluster)

    def jobs(self) -> tuple[Job, ...]:
        """All jobs that it remembers, the newest first."""
        found = self._get("/jobs/overview", _Jobs).jobs
        return tuple(sorted(found, key=lambda job: (-job.start, job.id)))

    def running(self, name: str) -> tuple[Job, ...]:
        """Jobs of that name that have not ended, the newest first."""
        return tuple(job for job in self.jobs() if job.name == name and not job.ended)

    def job(self, id: str) -> Job | None:
        """The job; None where Flink does not know it, as after a restart without high availability."""
        try:
            return self._get(f"/jobs/{quote(id, safe='')}", Job)
        except FlinkRefused as refused:
            if refused.status == 404:
                return None
            raise

    def checkpoints(self, id: str) -> Checkpoints:
        """How the job's checkpoints go."""
        return self._get(f"/jobs/{quote(id, safe='')}/checkpoints", Checkpoints)

    def restarts(self, id: str) -> int | None:
        """How often the job started again after failures; None where that is not told yet."""
        found = self._get(f"/jobs/{quote(id, safe='')}/metrics?get=numRestarts", tuple[_Metric, ...])
        return int(found[0].value) if found and found[0].value.isdecimal() else None

    def failure(self, id: str) -> str | None:
        """The first lines of what the job failed of, last."""
        entries = self._get(f"/jobs/{quote(id, safe='')}/exceptions", _Exceptions).history.entries
        return _shortly(entries[0].stacktrace) if entries else None

    def cancel(self, id: str) -> None:
        """Ask for the job's end without a savepoint; it comes later. One that has ended needs none."""
        try:
            self._ask("PATCH", f"/jobs/{quote(id, safe='')}?mode=cancel")
        except FlinkRefused as refused:
            if refused.status not in (404, 409):
                raise

    def how_to_cancel(self, id: str) -> str:
        """A command that cancels the job by hand."""
        return f"curl -X PATCH '{self.url}/jobs/{id}?mode=cancel'"

    def _get(self, path: str, kind: type[_Answer]) -> _Answer:
        answer = self._ask("GET", path)
        try:
            return msgspec.json.decode(answer, type=kind)
        except ValueError as error:
            raise FlinkRefused(f"{self.url}{path} does not answer as Flink does: {error}") from error

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with _opener.open(request, timeout=ANSWER_S) as response:
                answer: bytes = response.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                why = _why(error.read(MOST_BYTES))
            if error.code >= 500:
                raise Transient(f"{self.url} answers {error.code}: {why}") from error
            raise FlinkRefused(f"{self.url}{path} is refused, {error.code}: {why}", error.code) from error
        except (OSError, HTTPException) as error:
            raise Transient(f"{self.url} does not answer: {getattr(error, 'reason', error)}") from error
        if len(answer) > MOST_BYTES:
            raise FlinkRefused(f"{self.url}{path} answers more than {MOST_BYTES} bytes")
        return answer


def _why(answer: bytes) -> str:
    """What an answer that is an error says: its last line, where it is Flink's."""
    try:
        told: Any = msgspec.json.decode(answer)
        lines = [text for text in told["errors"] if text]
        return _shortly(str(lines[-1]))
    except (ValueError, KeyError, TypeError, IndexError):
        return _shortly(answer[:2000].decode("utf-8", "replace"))


def _shortly(text: str) -> str:
    """The lines that say what is wrong: the first one, and the last cause.

    >>> _shortly("java.lang.Error: stopped\\n\\tat a.B.c(B.java:1)\\nCaused by: java.io.IOException: full")
    'java.lang.Error: stopped; java.io.IOException: full'
    """
    lines = text.strip().splitlines() or [""]
    causes = [line.removeprefix("Caused by: ") for line in lines[1:] if line.startswith("Caused by: ")]
    return "; ".join(line.strip()[:500] for line in (lines[0], *causes[-1:]))
