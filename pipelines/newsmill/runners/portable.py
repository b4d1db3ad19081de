"""Submitting the endless job to a portable runner, and waiting for its end."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final

import apache_beam as beam
import grpc
import structlog
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.runner import PipelineResult, PipelineState

from newsmill.config import Config, PortableConfig
from newsmill.errors import NewsmillError
from newsmill.flow.steps.decode import Withheld
from newsmill.flow.streaming.pipeline import streaming_pipeline
from newsmill.lake.tables import Tables
from newsmill.lake.writer import Lake
from newsmill.runners.flink_job import FlinkJob, JobFailed
from newsmill.runners.following import Follower
from newsmill.runners.progress import Watch
from newsmill.sources import kafka
from newsmill.workers.pool_token import TOKEN, pool_token

PLUGIN: Final = "newsmill.flow.streaming.pipeline"
"""Imported by every worker before anything else: it registers the coders."""
NO_SPLITS: Final = "prism_disable_sdf_split"
"""Prism 2.77 splits slow bundles of stateful steps too, and then runs one key in two bundles at once, so
that state is lost (`splitBundle` in its engine/elementmanager.go frees the keys of the residual)."""
ENDLESS_S: Final = 10 * 365 * 86_400
"""Beam ends the stream of the job's states after this time, 5 minutes where it is not set, and the command
that waits for the job with it."""
QUIET: Final = {"kafka": "WARNING", "pyiceberg": "WARNING"}
BUNDLE_ELEMENTS: Final = 8
"""Elements of one bundle on Flink: an element is a chunk or a batch, and a checkpoint waits for its end."""
IDLE_SOURCE_MS: Final = 1_000
"""How long Flink keeps a source that has nothing more to give, in a job that ends when it is caught up."""
ANSWER_S: Final = 5.0
POLL_S: Final = 0.2


def options(config: Config, *, flink: bool, once: bool) -> PipelineOptions:
    """Beam's options for the job.

    Args:
        config: All settings.
        flink: Whether the job service is Flink's; its own options mean nothing to others.
        once: Whether the job ends when it is caught up.
    """
    portable = config.portable
    flags = [
        f"--job_endpoint={portable.job_endpoint}",
        f"--job_server_timeout={ENDLESS_S}",
        f"--job_name={portable.job_name}",
        "--streaming",
        "--environment_type=EXTERNAL",
        f"--environment_config={_environment(portable)}",
        f"--beam_plugin={PLUGIN}",
        f"--sdk_harness_log_level_overrides={json.dumps(QUIET)}",
    ]
    if portable.artifact_endpoint is not None:
        flags.append(f"--artifact_endpoint={portable.artifact_endpoint}")
    return PipelineOptions(
        [*flags, *(_flink_flags(config, once=once) if flink else (f"--experiments={NO_SPLITS}",))]
    )


def _environment(portable: PortableConfig) -> str:
    """Where workers come from, and the token that the runner shows there."""
    token = pool_token(portable.worker_pool_token, portable.worker_pool_token_file)
    if token is None:
        return portable.worker_pool
    return json.dumps({"url": portable.worker_pool, "params": {TOKEN: token}})


def _flink_flags(config: Config, *, once: bool) -> list[str]:
    """Flink's own options.

    Without `finish_bundle_before_checkpointing` the output of a bundle that a checkpoint cuts waits in a
    buffer for the operator's next element or watermark. Without `shutdown_sources_after_idle_ms` the
    source of the planner stays alive for checkpoints, and a job that is caught up never ends. With chained
    operators the source has another id at parallelism 1 than above it, and a savepoint of one can't be
    restored with the other.
    """
    portable = config.portable
    flags = [
        f"--parallelism={portable.parallelism}",
        f"--sdk_worker_parallelism={portable.workers}",
        f"--max_parallelism={portable.max_parallelism}",
        f"--checkpointing_interval={round(portable.checkpoint_interval_s * 1000)}",
        "--externalized_checkpoints_enabled",
        "--retain_externalized_checkpoints_on_cancellation",
        f"--max_bundle_size={BUNDLE_ELEMENTS}",
        "--finish_bundle_before_checkpointing",
        "--operator_chaining",  # the bare flag of what is true where absent: Beam sends false
    ]
    if once:
        flags.append(f"--shutdown_sources_after_idle_ms={IDLE_SOURCE_MS}")
    if portable.state_dir is not None:
        flags += ["--state_backend=rocksdb", f"--state_backend_storage_path={portable.state_dir}"]
    if portable.restarts >= 0:
        flags.append(f"--number_of_execution_retries={portable.restarts}")
    if portable.savepoint is not None:
        flags.append(f"--savepoint_path={portable.savepoint}")
    return flags


def pipeline(config: Config, *, flink: bool, once: bool) -> beam.Pipeline:
    """The endless job, assembled but not submitted."""
    Tables.make(config.lake).close()  # workers open a lake that is there
    urls, domains = Lake.open_readonly(config.lake).withheld()
    made = beam.Pipeline(runner=PortableRunner(), options=options(config, flink=flink, once=once))
    streaming_pipeline(made, config, withheld=Withheld(url_keys=urls, domains=domains), once=once)
    return made


def problems(config: Config, *, flink: bool, attach: bool = False) -> list[str]:
    """Why the job can't be submitted: what does not answer, and settings that it can't follow.

    Flink's worker pool is seen by its TaskManagers only, so it is not asked for. One job of a name runs at
    a time; with `attach` it is followed.
    """
    found = []
    if flink and config.portable.flink_rest is None:
        found.append(
            "portable.flink_rest: is needed for --runner flink, e.g. http://127.0.0.1:8081: jobs are looked "
            "for and cancelled there"
        )
    elif flink:
        found += FlinkJob(config).problems(attach=attach)
    for key in ("job_endpoint",) if flink else ("job_endpoint", "worker_pool"):
        at: str = getattr(config.portable, key)
        host, _, port = at.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
        except (OSError, ValueError) as error:
            found.append(f"portable.{key}: {at} does not answer: {error}")
    if config.kafka.dead_letter_topic is not None:
        found.append("kafka.dead_letter_topic: only the direct runner sends to one: leave it out here")
    if config.lake.sinks:
        found.append("lake.sinks: only the direct runner gives rows to sinks: leave them out here")
    if config.lake.keep_raw:
        found.append("lake.keep_raw: only the direct runner keeps raw records: leave it out here")
    return found


def run(
    config: Config,
    *,
    flink: bool,
    once: bool,
    stop: threading.Event,
    watches: Sequence[Watch] = (),
    attach: bool = False,
) -> Counter[str]:
    """Submit the job and wait until it ends or `stop` is set, which cancels it: nothing is lost.

    Args:
        config: All settings.
        flink: Whether the job service is Flink's.
        once: End when caught up with the end of the topic.
        stop: Set from outside.
        watches: Told of what the job commits, and of the lag.
        attach: On Flink, follow the job of this name where one runs, and submit none.

    Returns:
        Microseconds that the transforms were busy, by their name; empty where the job was cancelled, or was
        another's.

    Raises:
        JobFailed: The job failed, its job service went away, or it could not be cancelled.
    """
    job = FlinkJob(config) if flink else None
    if attach and job is not None and (found := job.running()) is not None:
        with _followed(config, watches):
            job.follow(found, stop)
        return Counter()
    return _submitted(config, job, once=once, stop=stop, watches=watches)


def _submitted(
    config: Config,
    job: FlinkJob | None,
    *,
    once: bool,
    stop: threading.Event,
    watches: Sequence[Watch],
) -> Counter[str]:
    log = structlog.get_logger()
    wanted = _ends(config) if once else {}
    cancelling: _Cancelling | None = None
    try:
        result = pipeline(config, flink=job is not None, once=once).run()
        log.info("job submitted", service=config.portable.job_endpoint)
        with _followed(config, watches), _Cancelling(result, job, stop) as cancelling:
            state = result.wait_until_finish()
    except (RuntimeError, grpc.RpcError) as error:
        if cancelling is not None and cancelling.done:
            log.info("job cancelled")
            return Counter()
        goes_on = "" if job is None else job.how_it_goes_on()
        raise JobFailed(f"the job on {config.portable.job_endpoint} failed: {error}{goes_on}") from error
    if cancelling.done:
        log.info("job cancelled")
        return Counter()
    log.info("job ended", state=state)
    if state not in (PipelineState.DONE, PipelineState.DRAINED, PipelineState.CANCELLED):
        raise JobFailed(f"the job on {config.portable.job_endpoint} ended in state {state}")
    committed = Lake.open_readonly(config.lake).committed()
    lost = {p: end for p, end in wanted.items() if committed.get(p, 0) < end}
    if lost:
        raise JobFailed(f"the job ended, but the lake does not reach the offsets {lost}: run again")
    counters = result.metrics().query()["counters"]
    return Counter({c.key.metric.namespace: c.result for c in counters if c.key.metric.name == "busy_us"})


@contextmanager
def _followed(config: Config, watches: Sequence[Watch]) -> Iterator[None]:
    """Watches are told of what the job commits while it runs inside, and once more at its end."""
    ended = threading.Event()
    follow = Follower(config, watches).follow
    following = threading.Thread(target=follow, args=(ended,), name="follow", daemon=True)
    following.start()
    try:
        yield
    finally:
        ended.set()
        following.join()


class _Cancelling:
    """Cancels the job when `stop` is set while it runs inside.

    Flink is asked itself: its job goes on where only Beam's job service is told.
    """

    def __init__(self, result: PipelineResult, job: FlinkJob | None, stop: threading.Event) -> None:
        self._result, self._job, self._stop = result, job, stop
        self._ended = threading.Event()
        self._failed: JobFailed | None = None
        self._thread = threading.Thread(target=self._wait, name="cancel", daemon=True)
        self.done = False

    def __enter__(self) -> _Cancelling:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _wait(self) -> None:
        while not self._ended.is_set():
            if self._stop.wait(POLL_S):
                self._cancel()
                return

    def _cancel(self) -> None:
        try:
            if self._job is not None:
                self._job.cancel(self._ended)
            self.done = True
        except JobFailed as error:
            self._failed = error
        except NewsmillError as error:
            self._failed = JobFailed(f"the job can't be cancelled: {error}")
        with suppress(grpc.RpcError):  # the job service may have gone before
            self._result.cancel()


def _ends(config: Config) -> dict[tuple[str, int], int]:
    """Where the topic ends now, by (topic, partition)."""
    behind = kafka.lag(config.kafka, {})
    ends = kafka.lag(config.kafka, dict.fromkeys(behind, 0))
    return {partition: end for partition, end in ends.items() if behind[partition]}
