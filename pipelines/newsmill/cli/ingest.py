"""`newsmill ingest`: send pages from files to a topic."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from newsmill.cli.options import ConfigFile, DryRun, Json, Sets, loaded
from newsmill.cli.output import Screen, say
from newsmill.config import Config, KafkaConfig
from newsmill.errors import Transient
from newsmill.sources import brokers, files, kafka
from newsmill.sources.files import FileRecord
from newsmill.strings import counted

REQUEST_BYTES: Final = 11_000_000
OUTSTANDING: Final = 256
"""Most records that were sent and are not yet acknowledged."""
OUTSTANDING_BYTES: Final = 64_000_000
SAY_S: Final = 5.0
ACKNOWLEDGE_S: Final = 60.0


class Compression(StrEnum):
    """How batches are compressed on their way and in the broker."""

    ZSTD = "zstd"
    LZ4 = "lz4"
    GZIP = "gzip"
    NONE = "none"


@dataclass
class _Summary:
    topic: str
    sent: int = 0
    bytes: int = 0
    seconds: float = 0.0
    problems: list[dict[str, str]] = field(default_factory=list)

    def problem(self, path: Path, why: str) -> None:
        self.problems.append({"path": str(path), "problem": why})

    def unsent(self, found: FileRecord, why: str) -> None:
        self.problem(found.origin, f"{found.place}: {why}" if found.place else why)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="HTML files, WARC files, and folders of both.")],
    topic: Annotated[str | None, typer.Option(help="Topic to send to.")] = None,
    bootstrap: Annotated[str | None, typer.Option(help="host:port[,host:port] of the brokers.")] = None,
    create: Annotated[
        int | None, typer.Option(min=1, help="Make the topic with so many partitions if it is absent.")
    ] = None,
    compression: Annotated[Compression, typer.Option(help="Compression of the batches.")] = Compression.ZSTD,
    config: ConfigFile = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Send the pages of files, folders and WARC files to a topic, each with its URL and headers.

    Beside `page.html` may stand `page.json` with its `url`, `fetched_at`, `status`, `content_type` …;
    without one, the page's own canonical link is its URL. Every version of a page has the same key.
    Exit code 1 when a page could not be sent; the others are.
    """
    options: dict[str, Any] = {"kafka__topic": topic, "kafka__bootstrap": bootstrap}
    if create is not None and not dry_run:
        kafka.create_topic(loaded(config, sets, **options).config.kafka, partitions=create)
    checks = () if dry_run else (_broker,)
    settings = loaded(config, sets, *checks, **options).config
    summary = _Summary(topic=settings.kafka.topic)
    started = time.monotonic()
    with _progress(files.count(paths), quiet=as_json) as advance:
        records = _small_enough(files.scan(paths, on_problem=summary.problem), settings, summary)
        for found in records if dry_run else _sent(records, settings.kafka, compression, summary):
            summary.sent += 1
            summary.bytes += len(found.record.value or b"")
            advance(summary.sent)
    summary.seconds = round(time.monotonic() - started, 3)
    _tell(summary, as_json=as_json, dry_run=dry_run)
    if summary.problems:
        raise typer.Exit(1)


def _broker(config: Config) -> list[str]:
    return [
        f"{problem} (--create N makes it, with N partitions)" if brokers.NO_TOPIC in problem else problem
        for problem in kafka.problems(config.kafka)
    ]


def _small_enough(records: Iterator[FileRecord], config: Config, summary: _Summary) -> Iterator[FileRecord]:
    for found in records:
        size = len(found.record.value or b"")
        if size > config.input.max_value_bytes:
            why = f"{size} bytes, more than input.max_value_bytes ({config.input.max_value_bytes})"
            summary.unsent(found, why)
        else:
            yield found


def _sent(
    records: Iterator[FileRecord], config: KafkaConfig, compression: Compression, summary: _Summary
) -> Iterator[FileRecord]:
    """Send the records; each comes out when all replicas in sync have it."""
    producer = KafkaProducer(
        **brokers.client_options(config),
        acks="all",
        enable_idempotence=True,
        compression_type=None if compression is Compression.NONE else compression.value,
        linger_ms=20,
        batch_size=1_000_000,
        max_request_size=REQUEST_BYTES,
    )
    outstanding: deque[tuple[FileRecord, Any]] = deque()
    held = 0
    try:
        for found in records:
            record = found.record
            future = producer.send(
                config.topic,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                partition=found.partition,
            )
            outstanding.append((found, future))
            held += len(record.value or b"")
            while len(outstanding) > OUTSTANDING or held > OUTSTANDING_BYTES:
                held -= len(outstanding[0][0].record.value or b"")
                yield from _acknowledged(*outstanding.popleft(), summary)
        while outstanding:
            yield from _acknowledged(*outstanding.popleft(), summary)
    finally:
        producer.close()


def _acknowledged(found: FileRecord, future: Any, summary: _Summary) -> Iterator[FileRecord]:
    try:
        future.get(timeout=ACKNOWLEDGE_S)
    except MessageSizeTooLargeError as error:
        summary.unsent(found, str(error))
    except KafkaError as error:
        raise Transient(f"after {counted(summary.sent, 'page')}: {error}") from error
    else:
        yield found


@contextmanager
def _progress(total: int | None, *, quiet: bool) -> Iterator[Any]:
    """A bar on a terminal, a line now and then elsewhere, nothing when quiet; all on standard error."""
    console = Screen(err=True)
    if quiet:
        yield lambda sent: None
    elif console.is_terminal:
        columns = (
            TextColumn("sending"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("pages"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("", total=total)
            yield lambda sent: bar.update(task, completed=sent)
    else:
        said = time.monotonic()

        def tell(sent: int) -> None:
            nonlocal said
            if time.monotonic() - said >= SAY_S:
                said = time.monotonic()
                say(f"sent {sent}{f' of {total}' if total else ''} pages", err=True)

        yield tell


def _tell(summary: _Summary, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        say(json.dumps(asdict(summary) | {"dry_run": dry_run}))
        return
    for problem in summary.problems:
        say(f"{problem['path']}: {problem['problem']}", err=True)
    verb = "would send" if dry_run else "sent"
    left = f"; {len(summary.problems)} could not be" if summary.problems else ""
    say(
        f"{verb} {counted(summary.sent, 'page')} ({summary.bytes / 1e6:.1f} MB) to {summary.topic} "
        f"in {summary.seconds:.1f} s{left}"
    )
