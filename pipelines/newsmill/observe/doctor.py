"""What newsmill needs of its surroundings, checked one by one, each with how to mend it.

Looks only: nothing is made or changed, apart from the default knowledge base, which is built where it
is missing, and a temporary folder in the lake that is gone at once.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
from packaging.requirements import Requirement

from newsmill import __version__
from newsmill.config import Config, PageConfig
from newsmill.dev import local_kafka
from newsmill.errors import ConfigError, LakeError, NewsmillError, Rejected
from newsmill.knowledge import article_steps, steps
from newsmill.knowledge.enricher import Enricher
from newsmill.lake import lease, locations, reader, sinks, storage
from newsmill.lake.writer import Lake
from newsmill.observe import flink
from newsmill.observe.spans import span
from newsmill.observe.status import FULL_BYTES
from newsmill.page import foreign_extractors
from newsmill.page.sandbox import UNCONFINED, Sandbox
from newsmill.records import Page, Position, RawPage
from newsmill.sources import foreign_envelopes, transactions
from newsmill.strings import counted

CONNECT_S: Final = 3.0
FREE_BYTES_WARNING: Final = 20_000_000_000
BUILT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time than this version's."""

_PAGE = b"""<!doctype html><html lang="en"><head><title>Is the doctor in?</title></head><body><article>
<h1>Is the doctor in?</h1><p>This page was made to see whether the extraction process starts, reads a page and
answers. It has two sentences, which is enough for that purpose and for no other one.</p><p>Whoever reads it
in a log should know that nothing was fetched, and that it ends here.</p></article></body></html>"""


class Verdict(StrEnum):
    """How a check came out."""

    RIGHT = "right"
    WARNING = "warning"  # works, but not as it should
    WRONG = "wrong"  # a run would fail


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found; `mend` says what to do, where something is."""

    check: str
    verdict: Verdict
    found: str
    mend: str | None = None


def examine(config: Config) -> Iterator[Finding]:
    """Check everything, one finding at a time, since some checks take seconds."""
    for check in (
        _python,
        _packages,
        _machine,
        _clock,
        _extraction,
        _knowledge,
        _plugins,
        _lake,
        _disk,
        _port,
        _broker,
        _flink,
        _java,
    ):
        yield from check(config)


def _right(check: str, found: str) -> Finding:
    return Finding(check=check, verdict=Verdict.RIGHT, found=found)


def _warning(check: str, found: str, mend: str) -> Finding:
    return Finding(check=check, verdict=Verdict.WARNING, found=found, mend=mend)


def _wrong(check: str, found: str, mend: str) -> Finding:
    return Finding(check=check, verdict=Verdict.WRONG, found=found, mend=mend)


def _python(config: Config) -> Iterator[Finding]:
    yield _right("newsmill", f"{__version__} on Python {platform.python_version()}, {platform.platform()}")


def _packages(config: Config) -> Iterator[Finding]:
    """Whether the installed packages are of the versions that this one asks for."""
    problems = []
    for text in importlib.metadata.requires("newsmill") or ():
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{wanted.name} is missing")
            continue
        if not wanted.specifier.contains(installed, prereleases=True):
            problems.append(f"{wanted.name} {installed}, needed {wanted.specifier}")
    if problems:
        yield _wrong("packages", "; ".join(problems), "install from the lock file: make setup")
        return
    beam, arrow = (importlib.metadata.version(name) for name in ("apache-beam", "pyarrow"))
    yield _right("packages", f"all as asked for; apache-beam {beam}, pyarrow {arrow}")


def _machine(config: Config) -> Iterator[Finding]:
    """Cores and memory for the extraction processes."""
    cores, slots = len(os.sched_getaffinity(0)), config.page.processes
    memory = _available_memory()
    needed = slots * config.page.memory_limit_mb * 1_000_000
    found = f"{counted(cores, 'core')}, {counted(slots, 'extraction process', 'extraction processes')}"
    if slots > cores:
        yield _warning(
            "machine", found, f"set page.processes to {cores}: more processes than cores only wait"
        )
    elif memory is not None and needed > memory:
        yield _warning(
            "machine",
            f"{found}; {memory / 1e9:.1f} GB of memory are free, pages may take {needed / 1e9:.1f} GB",
            "set page.processes or page.memory_limit_mb lower, or give the machine more memory",
        )
    else:
        yield _right("machine", found)


def _available_memory() -> int | None:
    """Bytes that may be taken without swapping; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found.split()[1]) * 1024


def _clock(config: Config) -> Iterator[Finding]:
    """The clock stamps batches: it must not be behind what it has stamped already."""
    now = datetime.now(UTC)
    last = _last_commit(config)
    mend = "set the clock, and keep it right (Debian: apt install systemd-timesyncd)"
    if now < BUILT:
        yield _wrong("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC is in the past", mend)
    elif last is not None and now < last:
        behind = (last - now).total_seconds()
        yield _wrong("clock", f"{behind:.0f} s behind the lake's newest batch", mend)
    else:
        yield _right("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _last_commit(config: Config) -> datetime | None:
    try:
        ledger = reader.rows(config.lake.path, "fate").to_table(columns=["ingested_at"])
    except (ConfigError, LakeError):
        return None
    newest: datetime | None = pc.max(ledger["ingested_at"]).as_py()
    return newest


def _extraction(config: Config) -> Iterator[Finding]:
    """Whether an extraction process starts and reads a page within its limits."""
    page = RawPage(
        position=Position(topic="doctor", partition=0, offset=0), url="https://doctor.example/", body=_PAGE
    )
    limits: PageConfig = config.page.model_copy(update={"processes": 1})
    start = time.monotonic()
    with Sandbox(page=limits, input=config.input) as sandbox:
        (outcome,) = sandbox.map([page])
    took = time.monotonic() - start
    if isinstance(outcome, Page):
        yield _right("extraction", f"a process starts and reads a page in {took:.1f} s")
        if sandbox.confined_by:
            yield _right("sandbox", f"the kernel confines it: {', '.join(sandbox.confined_by)}")
        else:
            yield _warning("sandbox", UNCONFINED, "use Linux on x86-64 or aarch64 with CONFIG_SECCOMP_FILTER")
    else:
        why = str(outcome) if isinstance(outcome, Rejected) else outcome.reason
        yield _wrong("extraction", why, "raise page.memory_limit_mb or page.cpu_limit_s; is /tmp writable?")


def _knowledge(config: Config) -> Iterator[Finding]:
    """The knowledge base and the models that the settings name."""
    if not config.enrich.enabled:
        yield _right("knowledge", "switched off (enrich.enabled)")
        return
    start = time.monotonic()
    try:
        enricher = Enricher.open(config.enrich)
    except ConfigError as error:
        yield _wrong(
            "knowledge",
            str(error),
            "mend enrich.kb or enrich.models; models: pip install 'newsmill[ner,taggers]'",
        )
        return
    found = f"{', '.join(enricher.names)} open in {time.monotonic() - start:.1f} s"
    yield _right("knowledge", found + f"; models: {', '.join(config.enrich.models) or 'none'}")


def _plugins(config: Config) -> Iterator[Finding]:
    """Parts of other packages that are installed, and those that the settings name."""
    told = []
    for kind, named in (
        (foreign_envelopes.KIND, config.input.envelopes),
        (foreign_extractors.KIND, config.page.extractors),
        (steps.KIND, config.enrich.enrichers),
        (article_steps.KIND, config.enrich.steps),
        (sinks.KIND, config.lake.sinks),
    ):
        for name, package in kind.installed():
            used = (
                f"used by {kind.setting}" if name in named else f"not used: {kind.setting} does not name it"
            )
            told.append(f"{kind.name}: {name} of {package}, {used}")
    yield _right("plug-ins", "; ".join(told) or "none are installed")


def _lake(config: Config) -> Iterator[Finding]:
    """The tables, their catalog, and who writes them."""
    try:
        ledger = reader.rows(config.lake.path, "fate")
    except ConfigError:
        yield from _new_lake(config)
        return
    except (LakeError, OSError) as error:
        yield _wrong("lake", str(error), f"newsmill audit {shlex.quote(config.lake.path)} tells more")
        return
    try:
        offsets = Lake.open_readonly(config.lake).committed()
    except LakeError as error:
        yield _wrong("lake", str(error), "do what it says, or choose another lake.path")
        return
    except NewsmillError as error:
        yield _wrong("lake", f"the catalog does not answer: {error}", "mend lake.catalog")
        return
    held = f"{counted(ledger.count_rows(), 'record')} of {counted(len(offsets), 'partition')}"
    yield _right("lake", f"{held} at {config.lake.path}")
    if writer := _writer(config):
        yield _right("writer", writer)


def _new_lake(config: Config) -> Iterator[Finding]:
    folder = _local(config.lake.path)
    if folder is None:
        yield _right("lake", f"nothing at {config.lake.path} yet: the first run makes it")
        return
    above = folder
    while not above.exists():
        above = above.parent
    try:
        tempfile.TemporaryDirectory(dir=above, prefix="_newsmill-doctor-").cleanup()
    except OSError as error:
        yield _wrong("lake", f"{above}: {error.strerror}", "choose another lake.path, or give its rights")
        return
    yield _right("lake", f"nothing at {config.lake.path} yet: the first run makes it")


def _writer(config: Config) -> str | None:
    """Who writes the lake, or wrote it last, as `status` knows it."""
    found = lease.writer(storage.at(config.lake.path), config.lake.lease_s)
    if found is None:
        return None
    who, ago = f"process {found.pid} on {found.host}", span(time.time() - found.beat_s)
    if not found.alive:
        return f"nobody writes this lake now; the last was {who}, {ago} ago"
    return f"{who} writes this lake ({ago} ago)"


def _local(path: str) -> Path | None:
    """The lake's folder; None for an object store."""
    local = locations.local_path(path)
    return None if local is None else Path(local).absolute()


def _disk(config: Config) -> Iterator[Finding]:
    """Room for the lake."""
    folder = _local(config.lake.path)
    if folder is None:
        yield _right("disk", "the lake is in an object store")
        return
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB free at {folder}"
    mend = f"free space, or newsmill gc {shlex.quote(config.lake.path)}"
    if free < FULL_BYTES:
        yield _wrong("disk", found, mend)
    elif free < FREE_BYTES_WARNING:
        yield _warning("disk", found, mend)
    else:
        yield _right("disk", found)


def _port(config: Config) -> Iterator[Finding]:
    """Whether the metrics endpoint can listen."""
    host, port = config.metrics.host, config.metrics.port
    if not port:
        yield _right("metrics", "no fixed port is set (metrics.port)")
        return
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        yield _warning(
            "metrics",
            f"{host}:{port}: {error.strerror}",
            "fine if a run is up; else choose another metrics.port",
        )
        return
    yield _right("metrics", f"{host}:{port} is free")


def _broker(config: Config) -> Iterator[Finding]:
    """Whether the broker answers and has the topic."""
    brokers = config.kafka.bootstrap.split(",")
    refusals = [refusal for broker in brokers if (refusal := _refusal(broker.strip()))]
    if len(refusals) == len(brokers):
        yield _wrong(
            "kafka",
            "; ".join(refusals),
            "start the broker, or set kafka.bootstrap; to try things out: newsmill dev up",
        )
        return
    try:
        found = transactions.backlog(config.kafka, {})
    except NewsmillError as error:
        yield _wrong(
            "kafka",
            str(error),
            "check kafka.topic and the security settings; newsmill ingest makes a topic",
        )
        return
    behind = sum(part.waiting for part in found)
    told = (
        f"topic {config.kafka.topic}: {counted(len(found), 'partition')}, about {counted(behind, 'record')}"
    )
    if refusals:
        yield _warning("kafka", f"{told}; {'; '.join(refusals)}", "start the brokers that do not answer")
    else:
        yield _right("kafka", told)
    for holder in transactions.holders(config.kafka, found):
        held = sum(part.held_back for part in found if (part.topic, part.partition) == holder.place)
        yield _warning(
            "kafka",
            f"{holder}; {counted(held, 'offset stands', 'offsets stand')} behind it",
            f"if it is stuck: {holder.mend(config.kafka.bootstrap)}",
        )


def _refusal(broker: str) -> str | None:
    """Why no connection can be made; None if one can."""
    host, _, port = broker.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, ValueError) as error:
        return f"{broker} does not answer: {error}"
    return None


def _flink(config: Config) -> Iterator[Finding]:
    """Flink's version, slots, and how the job and its checkpoints go, where its REST endpoint is set."""
    if config.portable.flink_rest is None:
        return
    found = flink.look(config.portable)
    if found.cluster is None:
        yield _wrong("flink", found.silent or "", "start Flink, or mend portable.flink_rest")
        return
    cluster, wanted = found.cluster, config.portable.parallelism
    told = f"Flink {cluster.flink_version}: {cluster.slots_available} of {cluster.slots_total} slots free"
    if cluster.slots_total < wanted:
        mend = f"add TaskManagers, or set portable.parallelism to {cluster.slots_total}"
        yield _wrong("flink", f"{told}, {wanted} needed", mend)
    elif not found.jobs and cluster.slots_available < wanted:
        yield _wrong("flink", f"{told}, {wanted} needed", "end other jobs, or add TaskManagers")
    else:
        yield _right("flink", told)
    if not found.jobs:
        yield _right("job", f"no job {config.portable.job_name} runs")
    for job in found.jobs:
        if need := job.need(found.at):
            yield _warning("job", f"{job.told(found.at)}; {need}", "see its log, and docs/guide/flink.md")
        else:
            yield _right("job", job.told(found.at))


def _java(config: Config) -> Iterator[Finding]:
    """Java and Maven, which only `demo` and `dev up` use."""
    if problems := local_kafka.missing():
        yield _warning(
            "java",
            "; ".join(p.split(":")[0] for p in problems),
            "only for demo and dev up: " + "; ".join(problems),
        )
    else:
        yield _right("java", "Java and Kafka's jars or Maven are there, for demo and dev up")


def wrong(findings: Sequence[Finding]) -> bool:
    """Whether a run would fail."""
    return any(finding.verdict is Verdict.WRONG for finding in findings)
