"""`newsmill dev`: a real Kafka on this machine, for development and the demo."""

from __future__ import annotations

import json
import os
import shlex
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from newsmill.cli.groups import group
from newsmill.cli.options import Json, outside_lakes
from newsmill.cli.output import say
from newsmill.config import KafkaConfig
from newsmill.dev.local_kafka import DevKafka

app = group("Run a real Kafka here, without containers (needs Java 17; Maven for the first start).")

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder for its data and log; newsmill/dev in the user's state folder if absent.",
        callback=outside_lakes,
    ),
]


@app.command()
def up(
    data: Data = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 9092,
    topic: Annotated[str, typer.Option(help="Topic to make if it is absent.")] = KafkaConfig().topic,
    partitions: Annotated[int, typer.Option(help="Partitions of that topic.", min=1)] = 3,
    as_json: Json = False,
) -> None:
    """Start it, wait until it answers, and make the topic. Nothing happens where it already runs."""
    broker = DevKafka(data=data or _default_data(), port=port)
    running = broker.start()
    broker.make_topic(topic, partitions=partitions)
    if as_json:
        say(json.dumps(asdict(running) | {"topic": topic}))
    else:
        say(f"Kafka answers at {running.bootstrap} (process {running.pid}), topic {topic}")
        say(f"log: {running.log}")
        say("stop it with: newsmill dev down" + (f" --data {shlex.quote(str(data))}" if data else ""))


@app.command()
def down(
    data: Data = None,
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete its data too.")] = False,
) -> None:
    """Stop it. Its data stay, unless --wipe is given."""
    broker = DevKafka(data=data or _default_data())
    stopped = "stopped" if broker.stop() else "nothing runs"
    if wipe:
        broker.wipe()
    say(f"{stopped}; its data are deleted" if wipe else stopped)


@app.command()
def status(data: Data = None, as_json: Json = False) -> None:
    """Say whether it runs, and where. Exit code 1 when it does not."""
    running = DevKafka(data=data or _default_data()).running
    if as_json:
        say(json.dumps(asdict(running) if running else None))
    elif running:
        say(f"Kafka answers at {running.bootstrap} (process {running.pid}); log: {running.log}")
    else:
        say("nothing runs; start it with: newsmill dev up")
    if running is None:
        raise typer.Exit(1)


@app.command()
def portable(
    data: Data = None,
    job_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the job service; 0 takes a free one.")
    ] = 8099,
    pool_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the worker pool; 0 takes a free one.")
    ] = 50000,
) -> None:
    """Run a job service (prism) and a worker pool until Ctrl-C, for `newsmill run --runner prism`.

    Needs Go for the first start. The job service listens on every address: not for a machine that others
    can reach.
    """
    from newsmill.dev.prism import DevPrism
    from newsmill.workers.pool_token import pool_token
    from newsmill.workers.worker_pool import Address, WorkerPool

    folder = data or _default_data()
    folder.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        DevPrism(log=folder / "prism.log", port=job_port) as service,
        WorkerPool(Address("127.0.0.1", pool_port), token=pool_token(None, None)) as pool,
    ):
        say(
            "newsmill run --runner prism"
            f" --set portable.job_endpoint={service.endpoint} --set portable.worker_pool={pool.bound}"
        )
        stop.wait()
    say("stopped")


def _default_data() -> Path:
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "newsmill" / "dev"
