"""How a lake and its mill stand now: who writes, how far, how fast, what is wrong and what mends it.

Asked of the lake, and of the broker where it is known; of no process. So it answers also when the mill is
down, and changes nothing.
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.config import Config
from newsmill.errors import ConfigError, Transient
from newsmill.lake import lease, locations, reader
from newsmill.lake.writer import Lake
from newsmill.observe import flink
from newsmill.observe.drift import DriftEvent
from newsmill.observe.flink import FlinkSeen
from newsmill.observe.history import DAYS, known
from newsmill.observe.quarantine import site_of
from newsmill.sources import transactions
from newsmill.strings import counted

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
SITES: Final = 5
"""Sites that are named with a code of quarantine, and sites whose pages changed."""
QUIET_S: Final = 1800.0
"""Records that wait while nothing was committed for so long need a hand."""
MANY_FILES: Final = 500
SMALL_BYTES: Final = 8_000_000
"""A table of more files than this, smaller than this on average, is worth a `compact`."""
MANY_SNAPSHOTS: Final = 200
"""So many snapshots of a table are worth a `gc`."""
FULL_BYTES: Final = 1_000_000_000
"""A disk with less than this free is full: a batch with its temporary files may not fit."""
LEAST_FREE: Final = 0.1
"""Share of a disk that should be free."""
QUARANTINED: Final = 0.02
"""Share of an hour's records in quarantine from which somebody should look."""


@dataclass(frozen=True)
class TableSize:
    """What one table takes, its current state only."""

    table: str
    files: int
    bytes: int
    snapshots: int


@dataclass(frozen=True)
class Need:
    """What needs a hand, and the command that looks at it or mends it."""

    what: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """All of it. Times are UTC; `lag` is None where no broker was asked."""

    lake: str
    at: datetime
    writer: lease.Writer | None
    last_commit: datetime | None
    committed: dict[str, int]  # next offset by topic/partition
    pending: dict[str, Any] | None  # records, attempts, why
    lag: list[transactions.Backlog] | None
    broker: str | None  # why it did not answer
    holders: list[transactions.Holder]
    records_hour: int
    pages_per_second: float  # over the last hour
    fates_hour: dict[str, int]
    quarantine_day: list[dict[str, Any]]  # code, records, sites
    drift_day: list[DriftEvent]
    tables: list[TableSize]
    disk_free: int | None
    disk_total: int | None
    flink: FlinkSeen | None = None  # where portable.flink_rest is set
    needs: list[Need] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; times as ISO 8601."""
        plain = asdict(self) | {
            "lag": None if self.lag is None else [_plain(part) for part in self.lag],
            "holders": [_plain(holder) for holder in self.holders],
            "flink": None if self.flink is None else msgspec.to_builtins(self.flink),
        }
        made: dict[str, Any] = _jsonable(plain)
        return made


def status(config: Config, *, broker: bool, file: Path | None = None, now: float | None = None) -> Status:
    """Look at a lake.

    Args:
        config: The lake, and the topic where the broker is to be asked.
        broker: Whether to ask it; one that does not answer is told of and not waited for.
        file: The configuration file, for the commands that are named.
        now: Unix time, else the clock's.

    Raises:
        ConfigError: There is no lake, or the topic does not exist.
        LakeError: It is not the lake that its note tells of.
    """
    at = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    lake = Lake.open_readonly(config.lake)
    try:
        committed, batch, last = lake.committed(), lake.pending(), lake.last_ingested_at
        writing = lease.writer(lake.tables.store, config.lake.lease_s)
    finally:
        lake.release()
    lag, silent, holders = _broker(config, committed) if broker else (None, None, [])
    hour = _fates(config.lake.path, at - HOUR)
    free, total = _disk(config.lake.path)
    found = Status(
        lake=config.lake.path,
        at=at,
        writer=writing,
        last_commit=datetime.fromtimestamp(last / 1e6, UTC) if last else None,
        committed={
            f"{topic}/{partition}": offset for (topic, partition), offset in sorted(committed.items())
        },
        pending=None
        if batch is None
        else {"records": batch.records, "attempts": batch.attempts, "why": batch.why},
        lag=lag,
        broker=silent,
        holders=holders,
        records_hour=sum(hour.values()),
        pages_per_second=round(sum(hour.values()) / HOUR.total_seconds(), 2),
        fates_hour=hour,
        quarantine_day=_quarantine(config.lake.path, at - DAY),
        drift_day=_drift(config.lake.path, at),
        tables=[_size(config.lake.path, name) for name in reader.names(config.lake.path)],
        disk_free=free,
        disk_total=total,
        flink=None if config.portable.flink_rest is None else flink.look(config.portable),
    )
    found.needs.extend(_needs(found, file, config.kafka.bootstrap))
    found.needs.extend(_flink_needs(found, file))
    return found


def _broker(
    config: Config, committed: dict[tuple[str, int], int]
) -> tuple[list[transactions.Backlog] | None, str | None, list[transactions.Holder]]:
    kafka = config.kafka.hasty()
    try:
        found = transactions.backlog(kafka, committed)
    except (Transient, ConfigError) as error:
        return None, str(error), []
    return found, None, list(transactions.holders(kafka, found))


def _fates(lake: str, since: datetime) -> dict[str, int]:
    rows = reader.rows(lake, "fate").to_table(columns=["fate"], filter=_later(since))
    counts = rows.filter(pc.field("fate") != "gap").group_by("fate").aggregate([("fate", "count")])
    return {
        row["fate"]: row["fate_count"] for row in counts.sort_by([("fate_count", "descending")]).to_pylist()
    }


def _quarantine(lake: str, since: datetime) -> list[dict[str, Any]]:
    condition = _later(since) & (pc.field("fate") == "quarantined")
    rows = reader.rows(lake, "fate").to_table(columns=["reason", "domain", "url"], filter=condition)
    codes: dict[str, dict[str, int]] = {}
    for row in rows.to_pylist():
        sites = codes.setdefault(row["reason"] or "", {})
        site = row["domain"] or site_of(row["url"])
        sites[site] = sites.get(site, 0) + 1
    return [
        {
            "code": code,
            "records": sum(sites.values()),
            "sites": dict(sorted(sites.items(), key=lambda item: (-item[1], item[0]))[:SITES]),
        }
        for code, sites in sorted(codes.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    ]


def _drift(lake: str, at: datetime) -> list[DriftEvent]:
    _, events = known(lake, since=at - DAYS * DAY)
    return [event for event in events if event.at / 1e6 >= (at - DAY).timestamp()][:SITES]


def _later(since: datetime) -> pc.Expression:
    return pc.field("ingested_at") >= pa.scalar(since, pa.timestamp("us", "UTC"))


def _size(lake: str, name: str) -> TableSize:
    table = reader.table(lake, name)
    files = [task.file.file_size_in_bytes for task in table.scan().plan_files()]
    return TableSize(name, len(files), sum(files), len(table.metadata.snapshots))


def _disk(lake: str) -> tuple[int | None, int | None]:
    """Free and all bytes of the disk that the lake is on; unknown for object stores."""
    local = locations.local_path(lake)
    if local is None:
        return None, None
    usage = shutil.disk_usage(local)
    return usage.free, usage.total


def _settings(lake: str, file: Path | None) -> str:
    return f"-c {shlex.quote(str(file))}" if file else f"--set {shlex.quote(f'lake.path={lake}')}"


def _needs(found: Status, file: Path | None, bootstrap: str) -> Iterator[Need]:
    lake = shlex.quote(found.lake)
    settings = _settings(found.lake, file)
    run = f"newsmill run {'--runner flink ' if found.flink else ''}{settings}"
    waiting = sum(part.waiting for part in found.lag or ())
    wait = counted(waiting, "record waits", "records wait")
    alive = found.writer is not None and found.writer.alive
    if found.broker:
        yield Need(f"the broker does not answer: {found.broker}", f"newsmill doctor {settings}")
    if waiting and not alive:
        yield Need(f"{wait} and nobody writes the lake", run)
    elif waiting and found.last_commit and (found.at - found.last_commit).total_seconds() > QUIET_S:
        minutes = (found.at - found.last_commit).total_seconds() / 60
        yield Need(
            f"{wait} and nothing was committed for {minutes:.0f} minutes",
            f"newsmill doctor {settings}",
        )
    for holder in found.holders:
        yield Need(str(holder), holder.mend(bootstrap))
    for part in found.lag or ():
        known = {(h.topic, h.partition) for h in found.holders}
        if part.held_back and (part.topic, part.partition) not in known:
            yield Need(
                f"{part.topic} partition {part.partition}: "
                f"{counted(part.held_back, 'offset stands', 'offsets stand')} behind an open transaction "
                f"at offset {part.stable_end}",
                f"kafka-transactions.sh --bootstrap-server {bootstrap} describe-producers "
                f"--topic {part.topic} --partition {part.partition}",
            )
    if found.pending and found.pending["attempts"] > 1:
        why = f": {found.pending['why']}" if found.pending["why"] else ""
        yield Need(
            f"a batch of {counted(found.pending['records'], 'record')} was tried "
            f"{found.pending['attempts']} times and did not end{why}",
            run,
        )
    bad = found.fates_hour.get("quarantined", 0)
    if bad and bad >= QUARANTINED * found.records_hour:
        yield Need(f"{bad:,} of {counted(found.records_hour, 'record')} of the last hour "
                   f"{'is' if bad == 1 else 'are'} in quarantine",
                   f"newsmill quarantine list {lake}")  # fmt: skip
    for event in found.drift_day:
        yield Need(
            f"pages of {event.domain} come out otherwise than before "
            f"({event.signal.value}: {event.before:.3g}, now {event.after:.3g})",
            f"newsmill report {lake}",
        )
    for size in found.tables:
        if size.files > MANY_FILES and size.bytes < size.files * SMALL_BYTES:
            yield Need(f"{size.table} has {size.files:,} small files", f"newsmill compact {lake}")
            break
    for size in found.tables:
        if size.snapshots > MANY_SNAPSHOTS:
            yield Need(f"{size.table} has {size.snapshots:,} snapshots", f"newsmill gc {lake} --dry-run")
            break
    if found.disk_free is None or found.disk_total is None:
        return
    if found.disk_free < FULL_BYTES:
        yield Need(
            f"the disk is full, or nearly: {found.disk_free / 1e6:,.1f} of {found.disk_total / 1e6:,.1f} MB "
            "are free; free some space, then start the run again: nothing that was committed is lost",
            f"newsmill gc {lake} --dry-run",
        )
    elif found.disk_free < LEAST_FREE * found.disk_total:
        yield Need(
            f"{found.disk_free / 1e9:,.1f} of {found.disk_total / 1e9:,.1f} GB of the disk are free",
            f"newsmill gc {lake} --dry-run",
        )


def _flink_needs(found: Status, file: Path | None) -> Iterator[Need]:
    if found.flink is None:
        return
    command = f"newsmill doctor {_settings(found.lake, file)}"
    if found.flink.silent is not None:
        yield Need(f"Flink does not answer: {found.flink.silent}", command)
    if len(found.flink.jobs) > 1:
        yield Need("several jobs of one name run: only one of them can write the lake", command)
    for job in found.flink.jobs:
        if (what := job.need(found.flink.at)) is not None:
            yield Need(f"job {job.job.id}: {what}", command)


def _plain(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value
