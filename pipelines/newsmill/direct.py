"""The direct runner: micro-batches from the lake's committed offsets to the end of the source.

Each batch is one bounded Beam pipeline in this process, on as many threads as there are extraction
processes and one more. The lake is the only truth of progress: a batch that was not committed, for
whatever reason, is done again with the same offsets and the same time, and gives the same files.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.worker import sdk_worker
from apache_beam.transforms.environments import EmbeddedPythonGrpcEnvironment, python_sdk_capabilities

from newsmill.config import Config, OnDataLoss
from newsmill.copies.index import CopyIndex
from newsmill.errors import DataLoss, OffsetsChanged, TakenDownMeanwhile, Transient
from newsmill.lake import files as data_files
from newsmill.lake.files import DataFile
from newsmill.lake.lake import Batch, Lake
from newsmill.page.blocks import RULE as STANDING_TEXT
from newsmill.page.blocks import BlockLearner
from newsmill.page.sandbox import extraction
from newsmill.pipeline import mill
from newsmill.records import Extraction, Micros, OffsetRange, Page, Position, SourceRecord
from newsmill.sources import dead_letters, kafka
from newsmill.sources import files as page_files
from newsmill.sources.kafka import Plan, TopicIds
from newsmill.transforms.chunks import CHUNK_RECORDS
from newsmill.transforms.collect import CollectFiles
from newsmill.transforms.decode import Withheld
from newsmill.transforms.deduplicate import seeds
from newsmill.transforms.outcome import GAVE_UP
from newsmill.transforms.read import ReadRecords
from newsmill.transforms.read_files import FileReader, ReadFiles
from newsmill.transforms.resident import borrowed, lend, withdraw

sdk_worker.print = lambda *_, **__: None
"""Beam's worker prints the trace of each error before it sends it back: who gets it back tells it once."""

BLOCK_DAYS = 1.0
"""How many days of articles teach the standing text of sites at a start."""

IDLE_S = 1.0
"""How long to wait before asking again for new records."""

_log = logging.getLogger(__name__)

Committed = Mapping[tuple[str, int], int]


class Source(Protocol):
    """Where the records of batches come from."""

    def lag(self, committed: Committed, *, waits: bool = True) -> dict[tuple[str, int], int]:
        """About how many records wait behind the committed offsets, by (topic, partition); cheap.

        Raises Transient where the source is away and is not to be waited for.
        """

    def plan(self, committed: Committed, topic_ids: TopicIds) -> Plan:
        """The next batch, within its bounds; `topic_ids` are of the topics that were committed."""

    def check_present(self, batch: Batch) -> None:
        """Raises DataLoss where the records of a batch that was begun earlier are gone."""

    def read(self, pipeline: beam.Pipeline, batch: Batch) -> Any:
        """The batch's records, as a PCollection of RecordChunk."""

    def quarantined(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Records of the batch that is about to be committed were quarantined (`dead_letters.COLUMNS`).

        They are read from its files as they are asked for.
        """

    def done(self, committed: Committed) -> None:
        """The lake has these offsets."""


@dataclass(frozen=True)
class Summary:
    """What one batch did, or several: summaries add up."""

    batches: int = 0
    records: int = 0
    bytes: int = 0
    seconds: float = 0.0
    commit_seconds: float = 0.0
    files: int = 0
    file_bytes: int = 0
    waiting: int = 0  # records behind the last batch
    lost: int = 0  # offsets that the broker no longer had
    fates: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (fate, reason or code)
    copies: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    stage_us: Counter[str] = field(default_factory=Counter)  # busy time of the transforms

    def __add__(self, other: Summary) -> Summary:
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Summary(**{**sums, "waiting": other.waiting})

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {
            "batches": self.batches,
            "records": self.records,
            "bytes": self.bytes,
            "files": self.files,
            "seconds": round(self.seconds, 3),
            "commit_seconds": round(self.commit_seconds, 3),
            "pages_per_second": round(self.records / self.seconds, 1) if self.seconds else None,
            "waiting": self.waiting,
            "lost": self.lost,
            "fates": dict(self.fates.most_common()),
            "reasons": {f"{fate}/{reason}": n for (fate, reason), n in self.reasons.most_common()},
            "copies": dict(self.copies.most_common()),
            "languages": dict(self.languages.most_common()),
            "stage_seconds": {stage: round(us / 1e6, 3) for stage, us in self.stage_us.most_common()},
        }


class Watch(Protocol):
    """Who is told how the run goes; see `ops.metrics.RunMetrics`."""

    def alive(self) -> None:
        """The loop is running."""

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """Offsets between the lake and the end of each (topic, partition)."""

    def batch_committed(self, summary: Summary, files: Sequence[DataFile]) -> object:
        """A batch became visible."""


class KafkaSource:
    """The topic of the configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def lag(self, committed: Committed, *, waits: bool = True) -> dict[tuple[str, int], int]:
        """Offsets behind the committed ones."""
        config = self._config.kafka
        return kafka.lag(config if waits else config.hasty(), committed)

    def plan(self, committed: Committed, topic_ids: TopicIds) -> Plan:
        """The next batch, counted exactly."""
        config = self._config
        return kafka.plan(config.kafka, committed, config.batch, config.on_data_loss, topic_ids)

    def check_present(self, batch: Batch) -> None:
        """Ask the broker for its first offsets."""
        kafka.check_present(self._config.kafka, batch.slices)

    def read(self, pipeline: beam.Pipeline, batch: Batch) -> Any:
        """The batch's slices, read by the workers."""
        return (
            pipeline
            | "Slices" >> beam.Create(batch.slices)
            | "SpreadSlices" >> beam.Reshuffle()
            | "ReadRecords" >> ReadRecords(config=self._config.kafka, ingested_at=batch.ingested_at)
        )

    def quarantined(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Send them to the dead-letter topic, where one is set."""
        dead_letters.send(self._config.kafka, rows)

    def done(self, committed: Committed) -> None:
        """Tell the broker, for lag dashboards; one that is away is told after the next batch."""
        with suppress(Transient):
            kafka.commit_offsets(self._config.kafka.hasty(), committed)


class FileSource:
    """WARC files, HTML files and folders in place of a topic.

    The files are read twice from front to back, once to plan batches and once to run them, so they must
    not change meanwhile.
    """

    def __init__(self, config: Config, paths: Sequence[Path]) -> None:
        self._config = config
        self._paths = paths
        self._reader = f"files:{'|'.join(path.as_posix() for path in paths)}"
        self._unplanned: _Unplanned | None = None
        self._planned: Committed = {}  # what is committed once all that was planned is
        self._unread = page_files.read(paths)
        self._ran: str | None = None  # the batch that was read last

    def lag(self, committed: Committed, *, waits: bool = True) -> dict[tuple[str, int], int]:
        """Unknown without reading all: 1 where anything is left."""
        first = self._left(committed).first
        return {(first.position.topic, first.position.partition): 1} if first is not None else {}

    def plan(self, committed: Committed, topic_ids: TopicIds) -> Plan:
        """The next batch: as many records as the bounds allow."""
        bounds, left = self._config.batch, self._left(committed)
        found: dict[tuple[str, int], list[Position]] = {}
        records = size = 0
        while (record := left.first) is not None:
            records, size = records + 1, size + len(record.value or b"")
            if records > bounds.max_records or (records > 1 and size > bounds.max_bytes):
                break
            found.setdefault((record.position.topic, record.position.partition), []).append(record.position)
            left.advance()
        slices = tuple(_slice(positions) for positions in found.values())
        self._planned = {**committed, **{(s.topic, s.partition): s.end for s in slices}}
        return Plan(slices=slices, gaps=(), caught_up=left.first is None, ends={})

    def check_present(self, batch: Batch) -> None:
        """Files have no retention."""

    def read(self, pipeline: beam.Pipeline, batch: Batch) -> Any:
        """The batch's records, read by the workers in turn."""
        ranges = {(s.topic, s.partition): range(s.start, s.end) for s in batch.slices}
        records = sum(s.records for s in batch.slices)
        if batch.batch_id == self._ran:
            self._unread = page_files.read(self._paths)
        self._ran = batch.batch_id
        wanted = (
            record
            for record in self._unread
            if record.position.offset in ranges.get((record.position.topic, record.position.partition), ())
        )
        lend(self._reader, FileReader(islice(wanted, records)))
        chunks = ceil(records / CHUNK_RECORDS)
        return (
            pipeline
            | "Tickets" >> beam.Create(range(chunks))
            | "SpreadTickets" >> beam.Reshuffle()
            | "ReadFiles" >> ReadFiles(reader=self._reader, ingested_at=batch.ingested_at)
        )

    def quarantined(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Files have no topic."""

    def done(self, committed: Committed) -> None:
        """Files need not be told; the batch's reader is no longer needed."""
        withdraw(self._reader)

    def _left(self, committed: Committed) -> _Unplanned:
        if self._unplanned is None or committed != self._planned:
            start = self._planned = dict(committed)
            self._unplanned = _Unplanned(
                record
                for record in page_files.read(self._paths)
                if record.position.offset >= start.get((record.position.topic, record.position.partition), 0)
            )
        return self._unplanned


class _Unplanned:
    """Records that are in no batch yet, the first of them in sight."""

    def __init__(self, records: Iterator[SourceRecord]) -> None:
        self._records = records
        self.first = next(records, None)

    def advance(self) -> None:
        """Pass over the first."""
        self.first = next(self._records, None)


def _slice(positions: Sequence[Position]) -> OffsetRange:
    first, last = positions[0], positions[-1]
    return OffsetRange(
        topic=first.topic,
        partition=first.partition,
        start=first.offset,
        end=last.offset + 1,
        records=len(positions),
        bytes=0,
    )


class DirectMill:
    """Runs batches until the source is read to its end, or until told to stop.

    Args:
        config: All settings.
        source: Where records come from.
        lake: Open, owned by this process.
        clock: Gives the time of new batches, in microseconds UTC.
    """

    def __init__(self, config: Config, source: Source, lake: Lake, *, clock: Callable[[], Micros]) -> None:
        self._config = config
        self._source = source
        self._lake = lake
        self._clock = clock
        self._index = CopyIndex(config.copies)
        self._index.seed(seeds(lake.recent(days=config.copies.horizon_days)))
        self._name = f"copies:{config.lake.path}"
        self._behind: dict[tuple[str, int], int] = {}
        self._learner = BlockLearner() if config.page.learn_blocks else None
        if self._learner is not None:
            self._learner.learn(_standing(lake.articles(days=BLOCK_DAYS, columns=_STANDING)))

    def run(self, *, once: bool, stop: threading.Event, watches: Sequence[Watch]) -> None:
        """Loop over batches.

        Args:
            once: Stop when caught up.
            stop: Set from outside: finish the batch under way, then return.
            watches: Told of each committed batch, and of the lag.

        Raises:
            DataLoss: Offsets are gone from the broker and the configuration says to fail.
            Fenced: Another process has taken over the lake.
            Transient: Broker, catalog or store are away for longer than is set.
            Stopped: Told to stop while waiting for one of them; the batch under way is left for the next run.
        """
        self._watches = watches
        lend(self._name, self._index)
        try:
            while not stop.is_set():
                batch = self._resumed() or self._next(once, stop)
                if batch is not None:
                    self._run(batch)
                elif once:
                    return
        finally:
            withdraw(self._name)

    def _resumed(self) -> Batch | None:
        """The batch that was cut off; none when there is none, or its records may be skipped as lost."""
        batch = self._lake.pending()
        if batch is None:
            return None
        try:
            self._source.check_present(batch)
        except DataLoss:
            if self._config.on_data_loss is OnDataLoss.FAIL:
                raise
            self._lake.abandon(batch)
            return None
        return batch

    def _next(self, once: bool, stop: threading.Event) -> Batch | None:
        """Begin the next batch; none when nothing waits or it was told to stop."""
        waited = time.monotonic()
        while not once:
            waiting = self._waiting()
            if waiting >= self._config.batch.max_records:
                break
            if waiting and time.monotonic() - waited >= self._config.batch.max_wait_s:
                break
            self._lake.heartbeat()
            if stop.wait(IDLE_S):
                return None
        plan = self._source.plan(self._lake.committed(), self._lake.topic_ids())
        if not plan.slices and not plan.gaps:
            return None
        return self._lake.begin(plan.slices, gaps=plan.gaps, now=self._clock())

    def _waiting(self, *, waits: bool = True) -> int:
        """How many records wait; as when last asked, where the source is away and not to be waited for."""
        for watch in self._watches:
            watch.alive()
        with suppress(Transient) if not waits else nullcontext():
            self._behind = self._source.lag(self._lake.committed(), waits=waits)
        for watch in self._watches:
            watch.alive()
            watch.lag(self._behind)
        return sum(self._behind.values())

    def _run(self, batch: Batch) -> None:
        """Run a batch and commit it, unless it must be done again: a page was taken down meanwhile."""
        start = time.monotonic()
        extraction(self._config.page.model_dump_json(), self._config.input.model_dump_json()).start()
        files: list[DataFile] = []
        self._index.resolve(batch.batch_id, [])  # a batch without any draft is staged too
        into = f"files:{batch.batch_id}"
        lend(into, files)
        try:
            stages = self._pipeline(batch, into)
            self._source.quarantined(
                row
                for file in files
                if file.table == "quarantine"
                for row in self._lake.columns(file, dead_letters.COLUMNS).to_pylist()
            )
        except OffsetsChanged as changed:
            self._index.abandon(batch.batch_id)
            self._lake.abandon(batch)
            _log.warning("the batch is planned again: %s", changed)
            return
        except BaseException:
            self._index.abandon(batch.batch_id)
            raise
        finally:
            withdraw(into)
        written = time.monotonic()
        try:
            self._lake.commit(batch, files)
        except TakenDownMeanwhile:
            self._index.abandon(batch.batch_id)
            _log.info("a page of the batch was taken down meanwhile: it is done again without it")
            return
        self._index.commit(batch.batch_id)
        if self._learner is not None:
            articles = (self._lake.columns(f, _STANDING) for f in files if f.table == "articles")
            self._learner.learn(_standing(articles))
        self._source.done(self._lake.committed())
        now = time.monotonic()
        summary = replace(
            summary_of(files),
            seconds=now - start,
            commit_seconds=now - written,
            stage_us=stages,
            waiting=self._waiting(waits=False),
            lost=sum(gap.end - gap.start for gap in batch.gaps),
        )
        for watch in self._watches:
            watch.batch_committed(summary, files)

    def _pipeline(self, batch: Batch, into: str) -> Counter[str]:
        urls, domains = self._lake.withheld()
        withheld = Withheld(url_keys=urls, domains=domains)
        self._index.forget_bodies(urls, domains)
        pipeline = threaded(self._config.page.slots + 1)
        records = self._source.read(pipeline, batch)
        blocks = None
        if self._learner is not None:
            blocks = f"blocks:{self._config.lake.path}"
            lend(blocks, self._learner.snapshot())
        written = mill(
            records,
            self._config,
            batch_id=batch.batch_id,
            index=self._name,
            withheld=withheld,
            blocks=blocks,
        )
        written | "CollectFiles" >> CollectFiles(into=into)
        withdraw(GAVE_UP)
        try:
            result = pipeline.run()
            result.wait_until_finish()
        except RuntimeError as error:  # Beam tells of an error in a transform by its text
            if (gave_up := borrowed(GAVE_UP)) is not None:
                raise gave_up from error
            raise
        counters = result.metrics().query()["counters"]
        busy = {c.key.metric.namespace: c.result for c in counters if c.key.metric.name == "busy_us"}
        return Counter(busy)


def threaded(threads: int) -> beam.Pipeline:
    """An empty pipeline that runs on threads of this process.

    Its streams between threads are flushed by size only. Beam 2.77's own `multi_threading` also flushes
    them once a second, from a thread that takes no lock: an element that is being written is cut in two,
    and the reader of the halves loses elements, or loops for ever and takes all memory
    (`TimeBasedBufferingClosableOutputStream` in its runners/worker/data_plane.py). -1 turns that off,
    since 0 means the default there; and the mode is left open, since it would bring its own environment.

    Args:
        threads: How many run at once.
    """
    environment = EmbeddedPythonGrpcEnvironment(
        data_buffer_time_limit_ms=-1, capabilities=python_sdk_capabilities()
    )
    options = PipelineOptions(direct_num_workers=threads)
    options.view_as(DirectOptions).direct_running_mode = None
    return beam.Pipeline(runner=FnApiRunner(default_environment=environment), options=options)


_STANDING = ("domain", "article_id", "body", "extraction")


def _standing(tables: Iterable[pa.Table]) -> Iterator[tuple[str, str, Page]]:
    """Articles as the learner of standing text wants them: with what was cut as such."""
    for table in tables:
        for row in table.to_pylist():
            cut = [r["text"] for r in row["extraction"]["removed"] or () if r["rule"] == STANDING_TEXT]
            body = "\n".join([row["body"] or "", *cut])
            page = Page(title=None, body=body, extraction=Extraction(method="lake", reason="learning"))
            yield row["domain"], row["article_id"], page


def summary_of(files: Sequence[DataFile]) -> Summary:
    """What the files say of their batch."""
    total = Summary(batches=1, files=len(files), file_bytes=sum(file.bytes for file in files))
    for file in files:
        if file.table == "fate":
            rows = data_files.read(file, ["fate", "reason", "bytes"]).to_pylist()
            total.fates.update(row["fate"] for row in rows)
            total.reasons.update((row["fate"], row["reason"]) for row in rows if row["reason"])
            size = sum(row["bytes"] or 0 for row in rows)
            total = replace(total, records=total.records + len(rows), bytes=total.bytes + size)
        elif file.table == "articles":
            rows = data_files.read(file, ["lang", "duplicate"]).to_pylist()
            total.languages.update(row["lang"] for row in rows)
            total.copies.update(
                row["duplicate"]["copy_type"] for row in rows if row["duplicate"]["is_duplicate"]
            )
    return total
