"""How the endless job stands in Flink: asked through its REST endpoint, nothing is changed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from newsmill.config import PortableConfig
from newsmill.errors import NewsmillError
from newsmill.flink.rest import Checkpoints, Cluster, FlinkRest, Job
from newsmill.observe.spans import span

LATE: Final = 5
"""A checkpoint that is older than so many intervals is late."""
LEAST_LATE_S: Final = 120.0
"""No checkpoint is late that is younger than this."""


@dataclass(frozen=True)
class JobSeen:
    """A job that runs. `checkpoints` is None where Flink has none to tell of yet."""

    job: Job
    checkpoints: Checkpoints | None
    restarts: int | None
    interval_s: float

    def told(self, at: float) -> str:
        """All of it in a line.

        Args:
            at: Unix time.
        """
        parts = [f"{self.job.name} {self.job.id} {self.job.state} for {span(at - self.job.start / 1000)}"]
        if self.restarts:
            parts.append(f"{self.restarts} restarts")
        if self.checkpoints is not None:
            last = self.checkpoints.latest.completed
            if last is None:
                parts.append("no checkpoint yet")
            else:
                parts.append(
                    f"last checkpoint {span(at - last.latest_ack_timestamp / 1000)} ago, "
                    f"{last.state_size / 1e6:.1f} MB in {last.end_to_end_duration / 1000:.1f} s"
                )
            if self.checkpoints.counts.failed:
                parts.append(f"{self.checkpoints.counts.failed} checkpoints failed")
        return ", ".join(parts)

    def need(self, at: float) -> str | None:
        """What is wrong with it; None where nothing is."""
        if self.job.state != "RUNNING":
            return f"it is {self.job.state}"
        if self.checkpoints is None:
            return None
        last = self.checkpoints.latest.completed
        since = (last.latest_ack_timestamp if last else self.job.start) / 1000
        if at - since > max(LEAST_LATE_S, LATE * self.interval_s):
            failed = self.checkpoints.latest.failed
            why = f": {failed.failure_message}" if failed and failed.failure_message else ""
            return f"no checkpoint for {span(at - since)}{why}"
        return None


@dataclass(frozen=True)
class FlinkSeen:
    """A Flink and its jobs of the name that is set. `cluster` is None where it did not answer."""

    url: str
    at: float
    cluster: Cluster | None
    jobs: tuple[JobSeen, ...]
    silent: str | None


def look(portable: PortableConfig) -> FlinkSeen:
    """Ask Flink once; `portable.flink_rest` is set."""
    assert portable.flink_rest is not None
    rest, now = FlinkRest(portable.flink_rest), time.time()
    try:
        cluster = rest.cluster()
        jobs = tuple(
            JobSeen(job, rest.checkpoints(job.id), rest.restarts(job.id), portable.checkpoint_interval_s)
            for job in rest.running(portable.job_name)
        )
    except NewsmillError as error:
        return FlinkSeen(portable.flink_rest, now, None, (), str(error))
    return FlinkSeen(portable.flink_rest, now, cluster, jobs, None)
