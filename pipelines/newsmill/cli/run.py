"""`newsmill run`: the main job."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from newsmill.cli.options import Check, ConfigFile, DryRun, Json, Sets, loaded
from newsmill.cli.output import say
from newsmill.cli.progress import RunProgress
from newsmill.config import Config, OnDataLoss
from newsmill.errors import ConfigError, Stopped
from newsmill.runtime import allocator, retrying
from newsmill.strings import counted

if TYPE_CHECKING:
    from newsmill.observe.metrics import RunMetrics


LAST_S = 5.0
"""How long a second signal waits until the batch is noted as given up."""


class Runner(StrEnum):
    """Who runs the pipeline."""

    DIRECT = "direct"
    PRISM = "prism"
    FLINK = "flink"


def run(
    config: ConfigFile = None,
    runner: Annotated[
        Runner, typer.Option(help="direct: micro-batches here; prism, flink: one endless job.")
    ] = (Runner.DIRECT),
    once: Annotated[
        bool, typer.Option("--once", help="Stop when caught up with the end of the topic.")
    ] = False,
    attach: Annotated[
        bool,
        typer.Option(
            "--attach", help="flink: follow the job of this name where one runs already, else submit it."
        ),
    ] = False,
    on_data_loss: Annotated[
        OnDataLoss | None,
        typer.Option(help="When the next offset is gone by retention: fail, or skip and note the gap."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    sets: Sets = None,
) -> None:
    """Read the topic, write the lake.

    Goes on where the lake's last commit ended. SIGTERM or Ctrl-C finishes the batch under way and
    stops; a second one abandons the batch: nothing is lost, the next run does it again. An endless job
    is cancelled.
    """
    if attach and (runner is not Runner.FLINK or once):
        raise ConfigError("--attach follows an endless job on Flink: give --runner flink, and no --once")
    checks: list[Check] = [partial(broker_problems, waits=not dry_run), lake_problems, metrics_problems]
    if runner is not Runner.DIRECT:
        checks.append(partial(portable_problems, flink=runner is Runner.FLINK, attach=attach))
    settings = loaded(config, sets, *checks, patient=not dry_run, on_data_loss=on_data_loss).config
    if dry_run:
        _show_plan(settings, as_json=as_json)
        return
    allocator.settle()
    if runner is not Runner.DIRECT:
        done = run_portable(settings, flink=runner is Runner.FLINK, once=once, attach=attach)
    else:
        done = run_direct(settings, once=once)
    say(json.dumps(done.totals.as_dict()) if as_json else done.ending())


def broker_problems(config: Config, *, waits: bool = True) -> list[str]:
    """Why the topic can't be read with these settings; nothing if it can.

    Args:
        config: All settings.
        waits: A broker that does not answer is none: the run tells of it and waits.
    """
    from newsmill.sources import dead_letters, kafka

    return kafka.problems(config.kafka, waits=waits) or dead_letters.problems(config.kafka, waits=waits)


def lake_problems(config: Config) -> list[str]:
    """Why the lake can't be written; nothing if it can."""
    from newsmill.lake import locations

    if locations.problem(config.lake.path):
        return []  # told with the settings
    local = locations.local_path(config.lake.path)
    if local is None:
        return []
    folder = Path(local).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return [f"lake.path: {folder} is no folder"]
    try:
        tempfile.TemporaryDirectory(dir=folder, prefix="_newsmill-check-").cleanup()
    except OSError as error:
        return [f"lake.path: {folder} can't be written: {error.strerror}"]
    return []


def metrics_problems(config: Config) -> list[str]:
    """Why the metrics can't be served; nothing if they can."""
    host, port = config.metrics.host, config.metrics.port
    if port is None:
        return []
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        return [f"metrics.port: can't listen on {host}:{port}: {error.strerror}"]
    return []


def portable_problems(config: Config, *, flink: bool, attach: bool) -> list[str]:
    """Why the endless job can't be submitted; nothing if it can."""
    from newsmill.runners import portable

    return portable.problems(config, flink=flink, attach=attach)


def run_portable(config: Config, *, flink: bool, once: bool, attach: bool) -> RunProgress:
    """Submit the endless job, or follow it, and wait for its end; SIGTERM or Ctrl-C cancels it.

    What it committed meanwhile.
    """
    from newsmill.observe.service import of_this_process
    from newsmill.runners import portable

    service = of_this_process()
    retrying.tell_by(service.alive)
    stop = _stop_on_signals(service.stopping)
    stages: Counter[str] = Counter()
    with ExitStack() as stack:
        metrics = _served(config, stack, stop)
        progress = stack.enter_context(RunProgress(stop))
        metrics.ready()
        service.ready()
        allocator.keep()
        stack.enter_context(_stopped_at_once())
        watches = (metrics, service, progress)
        stages = portable.run(config, flink=flink, once=once, stop=stop, watches=watches, attach=attach)
    progress.totals = replace(progress.totals, stage_us=stages)
    return progress


def run_direct(config: Config, *, once: bool, files: Sequence[Path] = ()) -> RunProgress:
    """Run micro-batches until caught up or told to stop; what all of them did.

    Args:
        config: What to do, and where.
        once: Whether to stop when nothing is left, or wait for more.
        files: WARC files, HTML files and folders to read in place of the topic.
    """
    from newsmill.observe.service import of_this_process
    from newsmill.runners import extraction

    service = of_this_process()  # before the first child
    if files or not once:  # else there may be nothing to read
        extraction.start(config)  # beside the imports

    from newsmill.lake import locations
    from newsmill.lake.writer import Lake
    from newsmill.observe.history import DAYS, known
    from newsmill.observe.live import STORIES
    from newsmill.observe.newest import Newest
    from newsmill.runners.batch_sources import FileSource, KafkaSource
    from newsmill.runners.direct import MicroBatchRunner

    runners: list[MicroBatchRunner] = []

    def give_up() -> None:
        for runner in runners:
            runner.forgive()

    retrying.tell_by(service.alive)
    stop = _stop_on_signals(service.stopping, give_up)
    with ExitStack() as stack:
        metrics = _served(config, stack, stop)
        progress = stack.enter_context(RunProgress(stop))
        stack.enter_context(_stopped_at_once())
        lake = Lake.open(config.lake)
        stack.callback(lake.release)
        if (folder := locations.local_path(config.lake.path)) is not None:
            metrics.watch_disk(folder)
        metrics.watch_lease(lake.lease_age_s, config.lake.lease_s)
        metrics.remember(*known(config.lake.path, since=datetime.now(UTC) - timedelta(days=DAYS)))
        if config.metrics.port is not None:
            metrics.live.begin(Newest(config.lake.path).last(STORIES))
        source = FileSource(config, files) if files else KafkaSource(config)
        runner = MicroBatchRunner(config, source, lake, clock=lambda: time.time_ns() // 1000)
        runners.append(runner)
        metrics.ready()
        service.ready()
        allocator.keep()
        runner.run(once=once, stop=stop, watches=(metrics, service, progress))
    return progress


@contextmanager
def _stopped_at_once() -> Iterator[None]:
    """Who is told to stop while waiting for what is away stops: nothing is lost, nothing went wrong."""
    try:
        yield
    except Stopped as stopped:
        structlog.get_logger().info("stopped", note=str(stopped))


def _served(config: Config, stack: ExitStack, stop: threading.Event) -> RunMetrics:
    """The metrics of this run, served where the configuration says so."""
    from newsmill.observe.metrics import RunMetrics
    from newsmill.observe.server import MetricsServer

    metrics = RunMetrics(lake=config.lake.path, stop=stop)
    if config.metrics.port is not None:
        server = MetricsServer(metrics, host=config.metrics.host, port=config.metrics.port)
        stack.enter_context(server)
        structlog.get_logger().info("serving metrics", host=server.host, port=server.port)
    return metrics


def _stop_on_signals(
    first: Callable[[], None] = lambda: None, last: Callable[[], None] = lambda: None
) -> threading.Event:
    """An event that SIGTERM or Ctrl-C sets, then calls `first`; a second calls `last` and ends the process.

    A thread does what is to be done. A handler would run in the middle of whatever the main thread
    does, and wait for ever for a lock that this holds: that of the log, or of the event.
    """
    stop = threading.Event()
    retrying.stop_by(stop)
    told, tell = socket.socketpair()
    tell.setblocking(False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(tell.detach())
    threading.Thread(target=_obey, args=(told, stop, first, last), name="signals", daemon=True).start()
    return stop


def _obey(
    told: socket.socket, stop: threading.Event, first: Callable[[], None], last: Callable[[], None]
) -> None:
    while byte := told.recv(1):
        number = signal.Signals(byte[0])
        if stop.is_set():
            ending = threading.Thread(target=_give_up, args=(number, last), daemon=True)
            ending.start()
            ending.join(LAST_S)
            os._exit(128 + number)
        structlog.get_logger().info(
            "stopping", signal=number.name, note="after this batch; once more abandons it"
        )
        stop.set()
        first()


def _give_up(number: signal.Signals, last: Callable[[], None]) -> None:
    last()
    say(f"stopped by a second {number.name}: the batch under way is done again by the next run", err=True)


def _show_plan(config: Config, *, as_json: bool) -> None:
    from newsmill.lake import lease, opening
    from newsmill.lake.writer import Lake
    from newsmill.sources import kafka

    committed: Mapping[tuple[str, int], int] = {}
    topic_ids: Mapping[str, str] = {}
    if (tables := opening.check(config.lake)) is not None:
        lake = Lake(tables, lease.Reading())
        committed, topic_ids = lake.committed(), lake.topic_ids()
    plan = kafka.plan(config.kafka, committed, config.batch, config.on_data_loss, topic_ids)
    if as_json:
        rows = [
            {"topic": s.topic, "partition": s.partition, "start": s.start, "end": s.end, "records": s.records}
            for s in plan.slices
        ]
        say(json.dumps({"slices": rows, "caught_up": plan.caught_up}))
        return
    for part in plan.slices:
        what = f"{part.topic} partition {part.partition}: offsets {part.start} to {part.end}"
        say(f"{what}, {counted(part.records, 'record')}")
    rest = "nothing is left after it" if plan.caught_up else "more is left after it"
    say(f"the next batch reads {counted(sum(s.records for s in plan.slices), 'record')}; {rest}")
