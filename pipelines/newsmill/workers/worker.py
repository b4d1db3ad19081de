"""One Python worker of a portable runner, as the worker pool starts it.

It asks the runner for the pipeline's options, then runs Beam's SDK harness. It ends when the pool
ends, however that happened: its standard input is a pipe whose other end only the pool holds.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from google.protobuf import json_format, text_format

from newsmill.runtime import allocator

PROVISION_S: Final = 60.0
"""How long to wait for the runner's answer at the start."""


def environment(worker_id: str, *, control: str, logging: str, provision: str) -> dict[str, str]:
    """What Beam's harness reads from its environment, as the runner provisions it.

    Args:
        worker_id: As the runner named this worker.
        control: `host:port` of the runner's control service.
        logging: `host:port` of its logging service.
        provision: `host:port` of its provision service.

    Raises:
        grpc.RpcError: The runner does not answer.
    """
    with grpc.insecure_channel(provision) as channel:
        info = (
            beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
            .GetProvisionInfo(
                beam_provision_api_pb2.GetProvisionInfoRequest(),
                metadata=(("worker_id", worker_id),),
                timeout=PROVISION_S,
                wait_for_ready=True,
            )
            .info
        )
    return {
        "WORKER_ID": worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "CONTROL_API_SERVICE_DESCRIPTOR": _descriptor(control),
        "LOGGING_API_SERVICE_DESCRIPTOR": _descriptor(logging),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


def _descriptor(url: str) -> str:
    text: str = text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url))
    return text


def _end_with_the_pool() -> None:
    """Wait for the pool's end of the pipe to close, then end this worker and all it started."""
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


def _tell_of_work(pipe: int) -> None:
    """Write to the pool's pipe when the runner gives the first work."""
    from apache_beam.runners.worker.sdk_worker import SdkWorker

    os.set_inheritable(pipe, False)
    process_bundle = SdkWorker.process_bundle

    def first(self: Any, request: Any, instruction_id: str) -> Any:
        SdkWorker.process_bundle = process_bundle
        with suppress(OSError):  # the pool has ended, and this worker soon
            os.write(pipe, b"1")
        return process_bundle(self, request, instruction_id)

    SdkWorker.process_bundle = first


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one worker until the runner is done with it."""
    parser = argparse.ArgumentParser(prog="python -m newsmill.workers.worker", description=__doc__)
    for name in ("id", "control", "logging", "provision"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--work", type=int, required=True, help="descriptor to write to at the first work")
    given = parser.parse_args(arguments)
    allocator.settle()
    threading.Thread(target=_end_with_the_pool, name="pool-watch", daemon=True).start()
    os.environ.update(
        environment(given.id, control=given.control, logging=given.logging, provision=given.provision)
    )
    from apache_beam.runners.worker import sdk_worker_main  # reads WORKER_ID when it is imported

    _tell_of_work(given.work)
    allocator.keep()
    sdk_worker_main.main([])
    return 0


if __name__ == "__main__":
    sys.exit(main())
