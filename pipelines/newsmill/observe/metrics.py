"""What a run tells Prometheus. Every series is declared in `METRICS`, labels are bounded.

Counters and bucketed counters say what happened, so that sums over several processes are right; the
few gauges say where the run stands. `docs/reference/metrics.md` is made from this table.
"""

from __future__ import annotations

import platform
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, Protocol

import prometheus_client as prom
import structlog
from prometheus_client.registry import CollectorRegistry

from newsmill import __version__
from newsmill.errors import Code
from newsmill.lake import files as data_files
from newsmill.lake.files import DataFile
from newsmill.lake.schemas import SCHEMA_VERSION
from newsmill.observe.drift import DriftEvent, DriftWatch, Pages, log_chars
from newsmill.observe.labels import OTHER, TopLabels
from newsmill.observe.live import Live
from newsmill.records import CopyType, Fate, NotArticleReason, WithheldReason
from newsmill.runtime.retrying import troubles
from newsmill.runtime.work import Work
from newsmill.sources.transactions import Backlog

TOP_DOMAINS: Final = 50
LABEL_VALUES: Final = 80
"""Most values of any other label: closed sets are smaller, so only a bug meets this bound."""

SECONDS: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
AGES: Final = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
CHARS: Final = (100, 250, 500, 1000, 2000, 4000, 8000, 16000, 64000)


@dataclass(frozen=True)
class Metric:
    """One family of series, named as Prometheus shows it."""

    name: str
    kind: type[prom.Counter] | type[prom.Gauge] | type[prom.Histogram]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def register(self, registry: CollectorRegistry) -> Any:
        """Make it in a registry."""
        if self.kind is prom.Histogram:
            return prom.Histogram(self.name, self.help, self.labels, registry=registry, buckets=self.buckets)
        return self.kind(self.name, self.help, self.labels, registry=registry)

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which samples are scraped."""
        if self.kind is prom.Histogram:
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)


METRICS: Final = (
    Metric(
        "newsmill_records_total",
        prom.Counter,
        "Source records that came to a fate; reason is why a page is no article or withheld, or the code of "
        "a quarantined one",
        ("fate", "reason"),
    ),
    Metric(
        "newsmill_lost_offsets_total",
        prom.Counter,
        "Offsets that the broker no longer had when they were to be read; the ledger has them as a gap",
    ),
    Metric("newsmill_record_bytes_total", prom.Counter, "Bytes of the values of those records"),
    Metric(
        "newsmill_domain_records_total",
        prom.Counter,
        f"Records by registrable domain: the {TOP_DOMAINS} with most traffic, the rest as `{OTHER}`",
        ("domain", "fate"),
    ),
    Metric("newsmill_articles_total", prom.Counter, "Rows written to articles, by language", ("lang",)),
    Metric("newsmill_copies_total", prom.Counter, "Copies found, by type", ("copy_type",)),
    Metric(
        "newsmill_body_chars",
        prom.Histogram,
        "Characters of the bodies of articles",
        buckets=CHARS,
    ),
    Metric(
        "newsmill_drift_events_total",
        prom.Counter,
        "Changes seen in how a domain's pages come out (signal: length, dated, titled, not_article)",
        ("domain", "signal"),
    ),
    Metric("newsmill_batch_records", prom.Gauge, "Records of the batch under way; 0 between batches"),
    Metric(
        "newsmill_batch_pages_done",
        prom.Gauge,
        "Pages of the batch under way that a stage has ended with",
        ("stage",),
    ),
    Metric(
        "newsmill_batch_seconds_now",
        prom.Gauge,
        "How long the batch under way runs; 0 between batches",
    ),
    Metric("newsmill_batches_total", prom.Counter, "Batches committed"),
    Metric(
        "newsmill_batch_seconds",
        prom.Histogram,
        "Time of a batch, from its plan to its commit",
        buckets=SECONDS,
    ),
    Metric("newsmill_commit_seconds", prom.Histogram, "Part of it that was the commit", buckets=SECONDS),
    Metric(
        "newsmill_stage_seconds_total",
        prom.Counter,
        "Busy time of each transform, over all threads",
        ("stage",),
    ),
    Metric(
        "newsmill_record_age_seconds",
        prom.Histogram,
        "Time from the broker's stamp on a record to the commit of its fate",
        buckets=AGES,
    ),
    Metric("newsmill_files_total", prom.Counter, "Parquet files committed", ("table",)),
    Metric("newsmill_file_bytes_total", prom.Counter, "Bytes of those files", ("table",)),
    Metric(
        "newsmill_lag_records", prom.Gauge, "Offsets between the lake and the end", ("topic", "partition")
    ),
    Metric(
        "newsmill_held_back_offsets",
        prom.Gauge,
        "Offsets behind the first open transaction of a partition: nobody may read them before it ends",
        ("topic", "partition"),
    ),
    Metric(
        "newsmill_stable_end_offset",
        prom.Gauge,
        "Offset up to which a partition may be read now",
        ("topic", "partition"),
    ),
    Metric(
        "newsmill_complete_until_timestamp_seconds",
        prom.Gauge,
        "Unix time up to which every record of the partition has a fate, by the broker's stamps; now when "
        "caught up",
        ("topic", "partition"),
    ),
    Metric("newsmill_last_commit_timestamp_seconds", prom.Gauge, "Unix time of the last commit"),
    Metric(
        "newsmill_lease_age_seconds",
        prom.Gauge,
        "Time since this process last renewed its right to write the lake; it grows once another process has "
        "taken over, and while the store is away",
    ),
    Metric(
        "newsmill_lease_limit_seconds",
        prom.Gauge,
        "Age from which another process may take over: lake.lease_s",
    ),
    Metric(
        "newsmill_disk_free_bytes",
        prom.Gauge,
        "Free bytes of the disk that the lake is on; absent for object stores",
        ("lake",),
    ),
    Metric(
        "newsmill_build_info",
        prom.Gauge,
        "Always 1; the labels say what is running",
        ("version", "schema", "python", "beam"),
    ),
)


class BatchSummary(Protocol):
    """What the run loop knows of a batch."""

    @property
    def seconds(self) -> float:
        """Time of the whole batch."""

    @property
    def commit_seconds(self) -> float:
        """Of it, the commit."""

    @property
    def lost(self) -> int:
        """Offsets that the broker no longer had."""

    @property
    def stage_us(self) -> Mapping[str, int]:
        """Busy microseconds by transform."""


class RunMetrics:
    """The series of one run, and its health.

    The run loop tells it of each committed batch, of the lag, and that it is alive.

    Args:
        lake: Folder or URI of the lake, for the live page.
        clock: Unix time in seconds.
        live_s: The loop is taken for dead when it was silent for longer: more than a long batch.
        stop: Set where no further batch will be begun: the process is no longer ready.
    """

    def __init__(
        self,
        *,
        lake: str = "",
        clock: Callable[[], float] = time.time,
        live_s: float = 900.0,
        stop: threading.Event | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._log = structlog.get_logger()
        self._clock = clock
        self.live = Live(clock, lake)
        self._live_s = live_s
        self._stop = stop or threading.Event()
        self._metrics = {metric.name: metric.register(self.registry) for metric in METRICS}
        prom.ProcessCollector(registry=self.registry)
        self._domains = TopLabels(TOP_DOMAINS, self._forget_domain)
        self._values: dict[str, TopLabels] = {}
        self._drift = DriftWatch()
        self._busy_s: dict[str, float] = {}  # counted of the batch under way
        self._until: dict[tuple[str, int], float] = {}
        self._beat = clock()
        self._starting = True
        for fate, reason in _ENDS:
            self._metrics["newsmill_records_total"].labels(fate, self._label("reason", reason))
        for copy_type in CopyType:
            self._metrics["newsmill_copies_total"].labels(self._label("copy_type", copy_type))
        self._metrics["newsmill_build_info"].labels(
            __version__, str(SCHEMA_VERSION), platform.python_version(), version("apache-beam")
        ).set(1)

    def remember(self, past: DriftWatch, events: Sequence[DriftEvent]) -> None:
        """Go on with what is known of sites' pages: their past, and its changes, newest first.

        Events of the last hour count again: they may not have been scraped before the last process ended.
        """
        self._drift = past
        self.live.remember(events)
        for event in events:
            if self._clock() - event.at / 1e6 < 3600:
                self._count_drift(event)

    def _count_drift(self, event: DriftEvent) -> None:
        domain = self._domains.label(event.domain, 0)
        self._metrics["newsmill_drift_events_total"].labels(domain, event.signal.value).inc()

    def watch_disk(self, folder: str) -> None:
        """Tell the free bytes of the disk of a folder, asked at each scrape."""
        gauge = self._metrics["newsmill_disk_free_bytes"].labels(folder)
        gauge.set_function(lambda: shutil.disk_usage(folder).free)

    def watch_lease(self, age_s: Callable[[], float], limit_s: float) -> None:
        """Tell for how long the right to write was not renewed, asked at each scrape."""
        self._metrics["newsmill_lease_age_seconds"].set_function(age_s)
        self._metrics["newsmill_lease_limit_seconds"].set(limit_s)

    def ready(self) -> None:
        """The lake is open and the broker has answered."""
        self._starting = False
        self.alive()

    def alive(self) -> None:
        """The loop is running: to be called at least once between batches."""
        self._beat = self._clock()

    def problems(self, *, ready: bool) -> list[str]:
        """Why the process is not alive, or (with `ready`) not ready; empty when it is.

        Who waits for a broker, a catalog or a store is alive, but not ready: a restart mends nothing.
        """
        if waiting := troubles():
            self.alive()
        silent = self._clock() - self._beat
        found = [f"the run loop is silent for {silent:.0f} s"] if silent > self._live_s else []
        if not ready:
            return found
        if self._stop.is_set():
            found.append("stopping")
        elif self._starting:
            found.append("starting")
        return [*found, *waiting]

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """Offsets between the lake and the end of each (topic, partition)."""
        self.live.lag(behind)
        now = self._clock()
        for (topic, partition), records in behind.items():
            place = (self._label("topic", topic), str(partition))
            self._metrics["newsmill_lag_records"].labels(*place).set(records)
            if records == 0:
                self._complete(topic, partition, now)

    def working(self, work: Work | None) -> None:
        """How far the batch under way is. The loop is alive while any stage gets on."""
        self.live.working(work)
        metrics = self._metrics
        metrics["newsmill_batch_records"].set(work.records if work else 0)
        metrics["newsmill_batch_seconds_now"].set(work.seconds if work else 0)
        metrics["newsmill_batch_pages_done"].clear()
        if work is None:
            return
        for stage, pages in work.pages.items():
            if pages:
                metrics["newsmill_batch_pages_done"].labels(stage).set(pages)
        if sum(work.busy_s.values()) > sum(self._busy_s.values()):
            self.alive()
        for stage, busy in work.busy_s.items():
            self._count_busy(stage, busy)

    def _count_busy(self, stage: str, busy_s: float) -> None:
        """Count a stage's time in the batch under way, of which some was counted before."""
        more = busy_s - self._busy_s.get(stage, 0.0)
        if more > 0:
            self._metrics["newsmill_stage_seconds_total"].labels(self._label("stage", stage)).inc(more)
            self._busy_s[stage] = busy_s

    def held_back(self, found: Sequence[Backlog]) -> None:
        """What stands behind open transactions."""
        self.live.held_back(found)
        for part in found:
            place = (self._label("topic", part.topic), str(part.partition))
            self._metrics["newsmill_held_back_offsets"].labels(*place).set(part.held_back)
            self._metrics["newsmill_stable_end_offset"].labels(*place).set(part.stable_end)

    def batch_committed(self, summary: BatchSummary, files: Sequence[DataFile]) -> list[DriftEvent]:
        """Count a batch from the files that it made visible.

        Returns:
            What has changed in how domains' pages come out.
        """
        self.alive()
        metrics = self._metrics
        metrics["newsmill_batches_total"].inc()
        metrics["newsmill_batch_seconds"].observe(summary.seconds)
        metrics["newsmill_commit_seconds"].observe(summary.commit_seconds)
        metrics["newsmill_last_commit_timestamp_seconds"].set(self._clock())
        metrics["newsmill_lost_offsets_total"].inc(summary.lost)
        for stage, busy in summary.stage_us.items():
            self._count_busy(stage, busy / 1e6)
        self._busy_s.clear()
        for file in files:
            metrics["newsmill_files_total"].labels(file.table).inc()
            metrics["newsmill_file_bytes_total"].labels(file.table).inc(file.bytes)
        ledger = [row for file in files if file.table == "fate" for row in _rows(file, _FATE)]
        articles = [row for file in files if file.table == "articles" for row in _rows(file, _ARTICLES)]
        self._count_fates(ledger)
        self._count_articles(articles)
        events = [event for pages in pages_of(ledger, articles) for event in self._drift.observe(pages)]
        for event in events:
            self._log.warning(
                "extraction drift",
                domain=event.domain,
                signal=event.signal.value,
                before=round(event.before, 3),
                after=round(event.after, 3),
                pages=event.pages,
            )
            self._count_drift(event)
        self.live.committed(ledger, articles, events, lost=summary.lost)
        return events

    def _count_fates(self, rows: Iterable[Mapping[str, Any]]) -> None:
        now = self._clock()
        metrics = self._metrics
        fates = Counter((row["fate"], row["reason"] or "") for row in rows)
        for (fate, reason), count in fates.items():
            metrics["newsmill_records_total"].labels(fate, self._label("reason", reason)).inc(count)
        for (domain, fate), count in Counter((r["domain"], r["fate"]) for r in rows if r["domain"]).items():
            shown = self._domains.label(domain, count)
            metrics["newsmill_domain_records_total"].labels(shown, fate).inc(count)
        for row in rows:
            metrics["newsmill_record_bytes_total"].inc(row["bytes"] or 0)
            if row["recorded_at"] is not None:
                recorded = row["recorded_at"].timestamp()
                metrics["newsmill_record_age_seconds"].observe(max(now - recorded, 0))
                self._complete(row["topic"], row["partition"], recorded)

    def _count_articles(self, rows: Iterable[Mapping[str, Any]]) -> None:
        metrics = self._metrics
        for row in rows:
            metrics["newsmill_articles_total"].labels(self._label("lang", row["lang"])).inc()
            metrics["newsmill_body_chars"].observe(row["body_chars"])
            if row["duplicate"]["is_duplicate"]:
                copy_type = self._label("copy_type", row["duplicate"]["copy_type"] or "unknown")
                metrics["newsmill_copies_total"].labels(copy_type).inc()

    def _complete(self, topic: str, partition: int, until: float) -> None:
        """Every record of the partition that the broker stamped before has a fate."""
        known = self._until.get((topic, partition), 0.0)
        self._until[topic, partition] = max(known, until)
        place = (self._label("topic", topic), str(partition))
        self._metrics["newsmill_complete_until_timestamp_seconds"].labels(*place).set(max(known, until))

    def _label(self, name: str, value: str) -> str:
        return self._values.setdefault(name, TopLabels(LABEL_VALUES)).label(value)

    def _forget_domain(self, domain: str) -> None:
        for name in ("newsmill_domain_records_total", "newsmill_drift_events_total"):
            self._metrics[name].remove_by_labels({"domain": domain})


_ENDS: Final = (
    *((fate.value, "") for fate in (Fate.ARTICLE, Fate.COPY, Fate.REVISION, Fate.REDELIVERY)),
    *((Fate.NOT_ARTICLE.value, reason.value) for reason in NotArticleReason),
    *((Fate.WITHHELD.value, reason.value) for reason in WithheldReason),
    *((Fate.QUARANTINED.value, code.value) for code in Code),
)
"""Fates with their reasons: each series is there from the start, since a rate can't see its first step."""

_FATE = ("topic", "partition", "fate", "reason", "domain", "url", "recorded_at", "ingested_at", "bytes")
_ARTICLES = ("domain", "ingested_at", "lang", "body_chars", "title", "published_at", "duplicate")


def pages_of(ledger: Iterable[Mapping[str, Any]], articles: Iterable[Mapping[str, Any]]) -> Iterator[Pages]:
    """What came out of one batch's pages, by domain: rows of `fate` and `articles` as input of drift."""
    sums: dict[str, Counter[str]] = {}
    at = 0
    for row in ledger:
        if row["domain"] and row["fate"] in ("article", "copy", "revision", "not_article"):
            sums.setdefault(row["domain"], Counter())["pages"] += 1
            at = max(at, round(row["ingested_at"].timestamp() * 1_000_000))
    for row in articles:
        found = sums.setdefault(row["domain"], Counter())
        size = log_chars(row["body_chars"])
        found.update(articles=1, dated=row["published_at"] is not None, titled=bool(row["title"]))
        found["log_chars"] += size  # type: ignore[assignment]
        found["log_chars_sq"] += size * size  # type: ignore[assignment]
    for domain, found in sorted(sums.items()):
        names = ("pages", "articles", "dated", "titled", "log_chars", "log_chars_sq")
        yield Pages(domain=domain, at=at, **{name: float(found[name]) for name in names})


def _rows(file: DataFile, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = data_files.read(file, columns).to_pylist()
    return rows
