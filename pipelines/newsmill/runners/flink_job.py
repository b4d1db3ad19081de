"""The job as Flink has it: found by its name, cancelled, followed to its end."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Final

import structlog

from newsmill.config import Config
from newsmill.errors import NewsmillError, Transient
from newsmill.flink.rest import FlinkRest, Job
from newsmill.runtime.retrying import Retrying

LOOK_S: Final = 1.0
"""How often a job is looked at."""
APPEAR_S: Final = 60.0
"""How long after its submission a job may take to be one of Flink's, when it is to be cancelled."""
CANCEL_S: Final = 90.0
"""How long a job may take to be cancelled. Flink interrupts its tasks and waits for workers meanwhile."""
ATTACH: Final = "newsmill run --runner flink --attach"


class JobFailed(NewsmillError):
    """The job did not end as asked. What it committed stays; a new run goes on from there."""


class FlinkJob:
    """The one job of a name.

    Args:
        config: All settings; `portable.flink_rest` is set.
    """

    def __init__(self, config: Config) -> None:
        assert config.portable.flink_rest is not None
        self._rest = FlinkRest(config.portable.flink_rest)
        self._name = config.portable.job_name

    def problems(self, *, attach: bool) -> list[str]:
        """Why the job can't be submitted, or followed with `attach`; nothing if it can."""
        try:
            found = self._rest.running(self._name)
        except NewsmillError as error:
            return [f"portable.flink_rest: {error}"]
        if not found or (attach and len(found) == 1):
            return []
        running = "; ".join(self._told(job) for job in found)
        if attach:
            return [f"portable.job_name: several jobs of this name run: {running}"]
        return [
            f"portable.job_name: a job of this name runs already: {running}. `{ATTACH}` follows it; "
            "newsmill status shows it"
        ]

    def running(self) -> Job | None:
        """The job where it runs now. Raises Transient or FlinkRefused where Flink does not tell."""
        found = self._rest.running(self._name)
        return found[0] if found else None

    def cancel(self, ended: threading.Event) -> None:
        """Cancel the job, and wait until it is.

        Args:
            ended: Set where the submission came to nothing, so that there is no job to wait for.

        Raises:
            JobFailed: It runs on: Flink does not answer, or its tasks did not end in time.
        """
        deadline = time.monotonic() + APPEAR_S
        job, why = None, "Flink has no job of that name"
        while job is None:
            try:
                job = self.running()
            except Transient as error:
                why = str(error)
            if job is None and (ended.wait(LOOK_S) or time.monotonic() > deadline):
                if ended.is_set() and why.startswith("Flink has no"):
                    return
                raise JobFailed(f"job {self._name} can't be cancelled: {why}")
        deadline = time.monotonic() + CANCEL_S
        asked = False
        while True:
            try:
                if not asked:
                    self._rest.cancel(job.id)
                    asked = True
                now = self._rest.job(job.id)
                if now is None or now.ended:
                    structlog.get_logger().info("job cancelled", job=job.id, state=now.state if now else None)
                    return
                why = f"it is {now.state}"
            except Transient as error:
                why = str(error)
            if time.monotonic() > deadline:
                raise JobFailed(
                    f"job {self._name} ({job.id}) is not cancelled after {CANCEL_S:g} s: {why}. It may go "
                    f"on: look with newsmill status, try again with: {self._rest.how_to_cancel(job.id)}"
                )
            time.sleep(LOOK_S)

    def follow(self, job: Job, stop: threading.Event) -> None:
        """Wait until the job ends, or `stop` is set, which cancels it.

        Raises:
            JobFailed: The job failed, or Flink does not know it any more.
        """
        log = structlog.get_logger()
        log.info("following a job", job=job.id, state=job.state, since=_time(job))
        with Retrying(f"Flink at {self._rest.url}") as attempts:
            while not stop.wait(LOOK_S):
                try:
                    now = self._rest.job(job.id)
                except Transient as error:
                    attempts.note(error)
                    continue
                attempts.passed()
                if now is None:
                    raise JobFailed(
                        f"Flink does not know job {job.id} any more: was its JobManager started anew without "
                        "high availability? A new run goes on from the lake"
                    )
                if now.state == "FAILED":
                    raise JobFailed(f"job {self._name} ({job.id}) failed: {self._rest.failure(job.id)}")
                if now.ended:
                    log.info("job ended", job=job.id, state=now.state)
                    return
        self.cancel(threading.Event())

    def how_it_goes_on(self) -> str:
        """What to do about a job that the submitting process lost; nothing where it does not run."""
        try:
            job = self.running()
        except NewsmillError as error:
            return f". Whether the job runs on is not known: {error}"
        return "" if job is None else f". The job goes on in Flink ({job.id}); follow it with: {ATTACH}"

    def _told(self, job: Job) -> str:
        cancel = self._rest.how_to_cancel(job.id)
        return f"{job.id}, {job.state}, since {_time(job)}, to be cancelled with: {cancel}"


def _time(job: Job) -> str:
    return f"{datetime.fromtimestamp(job.start / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
