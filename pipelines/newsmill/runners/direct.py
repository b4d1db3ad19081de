"""The direct runner: micro-batches from the lake's committed offsets to the end of the source.

Each batch is one bounded Beam pipeline on a thread of this process, beside as many extraction processes
as are set. The lake is the only truth of progress: a batch that was not committed, for
whatever reason, is done again with the same offsets and the same time, and gives the same files. To find
that nothing waits takes the lake and the source only: what runs a batch (`beam_batch`) is imported for it.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace

import pyarrow as pa

from newsmill.config import Config, OnDataLoss
from newsmill.errors import (
    Code,
    DataLoss,
    NewsmillError,
    OffsetsChanged,
    Rejected,
    TakenDownMeanwhile,
    TooLarge,
    Transient,
)
from newsmill.flow.elements.working import BROKE, RAW, ROOM, Broke
from newsmill.flow.steps.remember import Memory
from newsmill.lake import sinks
from newsmill.lake.attempts import MOST_ATTEMPTS
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import Batch
from newsmill.lake.raw_files import RawRecords
from newsmill.lake.writer import Lake
from newsmill.page.boilerplate import RULE as BOILERPLATE, BoilerplateLearner
from newsmill.records import Extraction, Micros, Page
from newsmill.runners import extraction
from newsmill.runners.batch_sources import Source
from newsmill.runners.progress import Watch, summary_of
from newsmill.runtime import registry
from newsmill.runtime.batch_memory import Room
from newsmill.sources import dead_letters

BOILERPLATE_DAYS = 1.0
"""How many days of articles teach the boilerplate of sites at a start."""

WHY_CHARS = 1_000
"""Longest text of an error that is noted with a batch."""

IDLE_S = 1.0
"""How long to wait before asking again for new records."""

_log = logging.getLogger(__name__)

Committed = Mapping[tuple[str, int], int]


class MicroBatchRunner:
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
        self._memory = Memory(config, lake)
        self._index = self._memory.index
        self._name = f"copies:{config.lake.path}"
        self._behind: dict[tuple[str, int], int] = {}
        self._under_way: Batch | None = None
        self._sinks = sinks.open_all(config.lake)
        self._most = sys.maxsize  # records of a batch that have room, by those of the last one
        self._learner = BoilerplateLearner() if config.page.learn_boilerplate else None
        if self._learner is not None:
            self._learner.learn(_for_learning(lake.articles(days=BOILERPLATE_DAYS, columns=_LEARNT_FROM)))

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
        registry.register(self._name, self._index)
        try:
            while not stop.is_set():
                batch = self._resumed() or self._next(once, stop)
                if batch is not None:
                    self._try(batch)
                elif once:
                    self._waiting(waits=False)
                    break
            self._memory.keep(ending=True)
        finally:
            registry.unregister(self._name)
            self._memory.close()

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
        if batch.attempts < MOST_ATTEMPTS or batch.records <= 1:
            return self._lake.attempt(batch)
        suspects = self._lake.suspect(batch)
        _log.warning(
            "%d tries of a batch of %d records ended without a word: some record of it kills this process; "
            "it is looked for in batches of %d",
            batch.attempts,
            batch.records,
            suspects.records,
        )
        return None

    def _try(self, batch: Batch) -> None:
        """Run a batch; where it fails, note whether its records are to blame."""
        registry.unregister(BROKE)
        self._under_way = batch
        try:
            self._run(batch)
        except BaseException:
            broke: Broke | None = registry.find(BROKE)
            error = broke.error if broke is not None else None
            if error is None or isinstance(error, NewsmillError | OSError):
                self.forgive()
            else:
                with suppress(NewsmillError):
                    self._lake.blame(batch, f"{type(error).__name__}: {error}"[:WHY_CHARS])
            raise
        finally:
            self._under_way = None

    def forgive(self) -> None:
        """The batch under way ends for no fault of its records: this try does not count. From any thread."""
        batch = self._under_way
        if batch is not None:
            with suppress(NewsmillError):
                self._lake.forgive(batch)

    def _poison(self, batch: Batch) -> list[DataFile]:
        """Quarantine the one record of a batch that was tried too often."""
        from newsmill.runners import beam_batch

        known = batch.why or "the process was killed, ran out of memory, or stood still"
        records = tuple(self._source.records(batch))
        for record in records:
            _log.error("record %s is quarantined: %s", record.position, known)
        message = f"tried {batch.attempts - 1} times alone in its batch, each try ended the process: {known}"
        return beam_batch.quarantined(self._config, batch, records, Rejected(Code.POISON, message))

    def _next(self, once: bool, stop: threading.Event) -> Batch | None:
        """Begin the next batch; none when nothing waits or it was told to stop."""
        waited = time.monotonic()
        suspects = self._lake.suspects()
        while not once and suspects is None:
            waiting = self._waiting()
            if waiting >= min(self._most, self._config.batch.max_records):
                break
            if waiting and time.monotonic() - waited >= self._config.batch.max_wait_s:
                break
            self._lake.heartbeat()
            if stop.wait(IDLE_S):
                return None
        most = min(self._most, suspects.records if suspects else self._most)
        plan = self._source.plan(self._lake.committed(), self._lake.topic_ids(), records=most)
        if not plan.slices and not plan.gaps:
            return None
        return self._lake.begin(plan.slices, gaps=plan.gaps, now=self._clock())

    def _waiting(self, *, waits: bool = True) -> int:
        """How many records wait; as when last asked, where the source is away and not to be waited for."""
        for watch in self._watches:
            watch.alive()
        with suppress(Transient) if not waits else nullcontext():
            self._behind = self._source.lag(self._lake.committed(), waits=waits)
        held = self._source.held_back(self._lake.committed())
        for watch in self._watches:
            watch.alive()
            watch.lag(self._behind)
            if held:
                watch.held_back(held)
        return sum(self._behind.values())

    def _run(self, batch: Batch) -> None:
        """Run a batch and commit it, unless it must be done again: a page was taken down meanwhile."""
        start = time.monotonic()
        extraction.start(self._config)
        files: list[DataFile] = []
        poison = batch.attempts > MOST_ATTEMPTS and batch.records == 1
        self._index.resolve(batch.batch_id, [])  # a batch without any draft is staged too
        into = f"files:{batch.batch_id}"
        registry.register(into, files)
        room = Room(self._config.batch.memory_mb)
        registry.register(ROOM, room)
        raw = self._raw_records()
        try:
            if poison:
                files += self._poison(batch)
            stages = Counter[str]() if poison else self._pipeline(batch, into)
            self._source.quarantined(
                row
                for file in files
                if file.table == "quarantine"
                for row in self._lake.columns(file, dead_letters.COLUMNS).to_pylist()
            )
            patience_s = self._config.lake.patience_s
            sinks.send(self._sinks, batch.batch_id, files, self._lake.columns, patience_s=patience_s)
        except (OffsetsChanged, TooLarge) as changed:
            self._index.abandon(batch.batch_id)
            self._lake.abandon(batch)
            if isinstance(changed, TooLarge):
                self._most = max(1, min(room.fits(), batch.records // 2))
            _log.warning("the batch is planned again: %s", changed)
            return
        except BaseException:
            self._index.abandon(batch.batch_id)
            raise
        finally:
            registry.unregister(into)
            registry.unregister(ROOM)
            if raw is not None:
                registry.unregister(RAW)
                raw.close()
        self._most = room.fits()
        written = time.monotonic()
        try:
            self._lake.commit(batch, files)
        except TakenDownMeanwhile:
            self.forgive()
            self._index.abandon(batch.batch_id)
            _log.info("a page of the batch was taken down meanwhile: it is done again without it")
            return
        self._index.commit(batch.batch_id)
        self._memory.knows(batch.ingested_at)
        self._memory.keep()
        if poison:
            self._lake.trust()
        if self._learner is not None:
            articles = (self._lake.columns(f, _LEARNT_FROM) for f in files if f.table == "articles")
            self._learner.learn(_for_learning(articles))
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

    def _raw_records(self) -> RawRecords | None:
        """Where the records of a batch wait for their files, where they are kept."""
        lake = self._config.lake
        if not lake.keep_raw:
            return None
        raw = RawRecords(lake.path, patience_s=lake.patience_s)
        registry.register(RAW, raw)
        return raw

    def _pipeline(self, batch: Batch, into: str) -> Counter[str]:
        from newsmill.runners import beam_batch

        withheld = self._lake.withheld()
        self._index.forget_bodies(*withheld)
        boilerplate = None
        if self._learner is not None:
            boilerplate = f"boilerplate:{self._config.lake.path}"
            registry.register(boilerplate, self._learner.snapshot())
        return beam_batch.run(
            self._config,
            self._source,
            batch,
            index=self._name,
            into=into,
            withheld=withheld,
            boilerplate=boilerplate,
            watches=self._watches,
        )


_LEARNT_FROM = ("domain", "article_id", "body", "extraction")


def _for_learning(tables: Iterable[pa.Table]) -> Iterator[tuple[str, str, Page]]:
    """Articles as the learner of boilerplate wants them: with what was cut as such."""
    for table in tables:
        for row in table.to_pylist():
            cut = [r["text"] for r in row["extraction"]["removed"] or () if r["rule"] == BOILERPLATE]
            body = "\n".join([row["body"] or "", *cut])
            page = Page(title=None, body=body, extraction=Extraction(method="lake", reason="learning"))
            yield row["domain"], row["article_id"], page
