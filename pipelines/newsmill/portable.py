"""Submitting the endless job to a portable runner, and waiting for its end."""

from __future__ import annotations

import threading
from typing import Final

import apache_beam as beam
import structlog
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.runner import PipelineState

from newsmill.config import Config
from newsmill.lake.lake import Lake
from newsmill.streaming import stream
from newsmill.transforms.decode import Withheld

PLUGIN: Final = "newsmill.streaming"
"""Imported by every worker before anything else: it registers the coders."""


def options(config: Config, *, flink: bool) -> PipelineOptions:
    """Beam's options for the job.

    Args:
        config: All settings.
        flink: Whether the job service is Flink's; its own options mean nothing to others.
    """
    portable = config.portable
    given: dict[str, object] = {
        "job_endpoint": portable.job_endpoint,
        "job_name": portable.job_name,
        "streaming": True,
        "environment_type": "EXTERNAL",
        "environment_config": portable.worker_pool,
        "beam_plugins": [PLUGIN],
        "save_main_session": False,
    }
    if portable.artifact_endpoint is not None:
        given["artifact_endpoint"] = portable.artifact_endpoint
    if flink:
        given |= {
            "parallelism": portable.parallelism,
            "max_parallelism": portable.max_parallelism,
            "checkpointing_interval": int(portable.checkpoint_interval_s * 1000),
            "externalized_checkpoints_enabled": True,
            "state_backend": portable.state_backend.value,
        }
        if portable.state_dir is not None:
            given["state_backend_storage_path"] = portable.state_dir
        if portable.restarts >= 0:
            given["number_of_execution_retries"] = portable.restarts
        if portable.savepoint is not None:
            given["savepoint_path"] = portable.savepoint
    return PipelineOptions([], **given)


def pipeline(config: Config, *, flink: bool, once: bool) -> beam.Pipeline:
    """The endless job, assembled but not submitted."""
    urls, domains = Lake.look(config.lake).withheld()
    made = beam.Pipeline(runner=PortableRunner(), options=options(config, flink=flink))
    stream(made, config, withheld=Withheld(url_keys=urls, domains=domains), once=once)
    return made


def run(config: Config, *, flink: bool, once: bool, stop: threading.Event) -> str:
    """Submit the job and wait until it ends or `stop` is set, which cancels it: nothing is lost.

    Returns:
        The state in which it ended, e.g. `DONE` or `CANCELLED`.
    """
    log = structlog.get_logger()
    result = pipeline(config, flink=flink, once=once).run()
    log.info("job submitted", service=config.portable.job_endpoint, name=config.portable.job_name)
    ended = threading.Event()

    def cancel() -> None:
        while not ended.is_set():
            if stop.wait(0.5):
                result.cancel()
                return

    watch = threading.Thread(target=cancel, name="cancel", daemon=True)
    watch.start()
    try:
        state: str = result.wait_until_finish()
    finally:
        ended.set()
        watch.join()
    log.info("job ended", state=state)
    return PipelineState.UNKNOWN if state is None else state
