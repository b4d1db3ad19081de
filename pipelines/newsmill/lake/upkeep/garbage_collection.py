"""Removing files that nobody can see any more: leftovers of crashes, and of snapshots that are forgotten.

A file goes only when it is proven to be garbage: older than the grace time, of no batch under way, and named
by no metadata that counts. These count: the table's current metadata with the snapshots that are kept, tags
and branches; the metadata that `version-hint.text` names; and any metadata that is newer than the current one
or not numbered, whoever wrote it. Earlier metadata does not count: what it shows and the current one does not
was dropped on purpose.

Files that are not of the lake's making are left (see `provenance`). Nothing goes where a visible file can't
be found below the lake: then the names, not the files, are wrong.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pyiceberg.table import Table

from newsmill.errors import ConfigError, LakeError
from newsmill.lake import files, hints, named, provenance, raw_files, raw_rows, reader, replacing
from newsmill.lake.ledger import pending_batch
from newsmill.lake.raw_files import SUFFIX
from newsmill.lake.retention import Retention
from newsmill.lake.schemas import LEDGER
from newsmill.lake.storage import TEMPORARY, Listed
from newsmill.lake.tables import Tables

LEAST_GRACE_S = 3600.0
"""A shorter grace time could take files that a slow worker just wrote."""

BOUND_SHARE, BOUND_LEAST = 0.2, 20
"""Data files of unknown origin that are removed without being asked for: a share of all, or so many."""

_OURS = (".parquet", ".avro", ".metadata.json", ".tmp", ".emptied")
_METADATA = ".metadata.json"
_PARQUET = ".parquet"
_UNFINISHED = ".tmp"


class Reason(StrEnum):
    """Why nobody can see a file."""

    UNFINISHED = "unfinished"  # a writer ended while it wrote it
    NEVER_COMMITTED = "never committed"  # whole, but of a batch or a merge that did not come to its end
    REPLACED = "replaced"  # of snapshots that are forgotten: merged, replayed or emptied since
    RAW = "raw records that no row points to"  # let go, or of a batch that did not come to its end
    OLD_METADATA = "old metadata"  # describes such snapshots only


@dataclass(frozen=True)
class Garbage:
    """A file that was, or would be, removed."""

    path: str
    bytes: int
    age_s: float
    reason: Reason


@dataclass
class Young:
    """What nobody can see either, and stays since it is younger than the grace time."""

    files: int = 0
    bytes: int = 0


@dataclass
class _Plan:
    """What is garbage now, and how much there is of all."""

    young: Young
    garbage: list[Garbage] = field(default_factory=list)
    data_files: int = 0
    once_visible: set[str] = field(default_factory=set)


def collect(
    tables: Tables,
    *,
    grace_s: float,
    keep: Retention | None = None,
    dry_run: bool = False,
    yes: bool = False,
    young: Young | None = None,
) -> Iterator[Garbage]:
    """Forget old snapshots, then remove what no snapshot names.

    Args:
        tables: The lake.
        grace_s: Younger files stay. At least an hour.
        keep: Snapshots that stay readable, else as `lake.snapshot_days` has it; tags and branches always do.
        dry_run: Only say what would go: the same list.
        yes: Remove more data files of unknown origin than the bound.
        young: Counts what stays since it is too young, before the first file is given.

    Raises:
        ConfigError: The grace time is too short.
        LakeError: A manifest can't be read, a visible file is not there, or there is more than the bound of
            data files that no snapshot ever named. Nothing was removed.
    """
    if grace_s < LEAST_GRACE_S:
        raise ConfigError(f"grace time: must be at least {LEAST_GRACE_S:.0f} s, got {grace_s:.0f} s")
    keep = keep or tables.retention
    planned = _plan(tables, grace_s, keep, young or Young())
    if not yes and not dry_run:
        _check_bound(planned)
    if dry_run:
        yield from planned.garbage
        return
    for name in tables.names:
        tables.expire(name, keep)
    raw_rows.let_go(tables, _kept_no_more(tables), "gc")
    still = {found.path for found in unseen(tables, keep=keep)}
    for garbage in planned.garbage:
        if garbage.path in still:
            tables.store.delete(garbage.path)
            yield garbage


def _plan(tables: Tables, grace_s: float, keep: Retention, young: Young) -> _Plan:
    plan = _Plan(young)
    now = time.time()
    old = []
    for found in unseen(tables, plan, keep=keep):
        if now - found.modified_s > grace_s:
            old.append(found)
        else:
            young.files, young.bytes = young.files + 1, young.bytes + found.bytes
    old = provenance.of_the_lake(tables, old)
    old.sort(key=lambda found: _PARQUET not in found.path)  # while there is metadata that named them
    if any(found.path.endswith(_PARQUET) for found in old):
        plan.once_visible = named.ever(tables)
    plan.garbage = [
        Garbage(found.path, found.bytes, now - found.modified_s, _reason(found.path, plan.once_visible))
        for found in old
    ]
    return plan


def _reason(path: str, once_visible: Collection[str]) -> Reason:
    if path.startswith(f"{TEMPORARY}/") or path.endswith(_UNFINISHED):
        return Reason.UNFINISHED
    path = path.removesuffix(".emptied")
    if path.endswith(SUFFIX):
        return Reason.RAW
    if not path.endswith(".parquet"):
        return Reason.OLD_METADATA
    return Reason.REPLACED if path in once_visible else Reason.NEVER_COMMITTED


def unseen(tables: Tables, plan: _Plan | None = None, *, keep: Retention | None = None) -> Iterator[Listed]:
    """All files that nothing which counts names, and that no batch under way may need."""
    kept = keep or tables.retention
    yield from _unseen_raw(tables)
    yield from (found for found in tables.store.walk(TEMPORARY) if found.path.endswith(_OURS))
    for name in tables.names:
        # Listed before the snapshots are read: what is written after that is not on the list.
        there = [found for found in tables.store.walk(name) if found.path.endswith(_OURS)]
        if plan is not None:
            plan.data_files += sum(found.path.endswith(".parquet") for found in there)
        ledger, table = tables.load(LEDGER), tables.load(name)
        needed = named.files(tables, table, forgetting=kept.forgotten(table)) | _decided(tables, ledger)
        _check_visible(tables, table, {found.path for found in there})
        needed |= _named_by_others(tables, table, there)
        batch = pending_batch(ledger)
        growing = None if batch is None else files.folder(name, batch.ingested_at) + "/"
        for found in there:
            waits = growing is not None and found.path.startswith(growing)
            if not waits and found.path not in needed:
                yield found


def _unseen_raw(tables: Tables) -> Iterator[Listed]:
    """Raw files that no row that may be seen points into, or none that keeps its record."""
    there = list(tables.store.walk(raw_files.FOLDER))
    ledger = tables.load(LEDGER)
    batch, replacement = pending_batch(ledger), replacing.noted(ledger)
    needed = raw_rows.visible(tables, without=_kept_no_more(tables))
    noted = [*(batch.files if batch else ()), *(replacement.files if replacement else ())]
    needed |= raw_rows.decided(tables, noted)
    if lost := raw_files.missing(tables.store, needed):
        raise LakeError(f"{lost[0]}: is pointed to and not there; run `newsmill audit`. Nothing was removed")
    growing = None if batch is None else raw_files.folder(batch.ingested_at) + "/"
    for found in there:
        waits = growing is not None and found.path.startswith(growing)
        if found.path.endswith(SUFFIX) and not waits and found.path not in needed:
            yield found


def _kept_no_more(tables: Tables) -> raw_rows.Gone:
    return raw_rows.kept_no_more(raw_rows.first_kept(tables.retention.raw_days, time.time()))


def _check_visible(tables: Tables, table: Table, listed: set[str]) -> None:
    """Check that each file that readers see is where the files are looked for."""
    for live in tables.files(table):
        path = tables.store.path(live.uri)
        if path not in listed and tables.store.size(path) is None:
            raise LakeError(f"{reader.not_there(live.uri)}. Nothing was removed")


def _decided(tables: Tables, ledger: Table) -> set[str]:
    """Files that the ledger notes: a batch or a replay that the next writer will finish."""
    batch, replacement = pending_batch(ledger), replacing.noted(ledger)
    noted = [*(batch.files if batch else ()), *(replacement.files if replacement else ())]
    return named.paths(tables, {file.path for file in noted})


def _named_by_others(tables: Tables, table: Table, there: Sequence[Listed]) -> set[str]:
    """What metadata names that is not the current one's past: newer, not numbered, or hinted at."""
    hint = hints.metadata(tables.store, table.name()[-1])
    newest = tables.store.path(table.metadata_location)
    found: set[str] = set()
    for listed in there:
        if not listed.path.endswith(_METADATA) or listed.path in (newest, hints.second_name(newest)):
            continue
        number = hints.number(listed.path.rsplit("/", 1)[1])
        if listed.path == hint or not 0 <= number <= hints.number(newest.rsplit("/", 1)[1]):
            snapshots = named.snapshots(tables, listed.path)
            if snapshots is None:
                continue
            found.add(listed.path)
            for snapshot in snapshots:
                found |= named.what_is_left(tables, snapshot, table.io)
    return found


def _check_bound(planned: _Plan) -> None:
    """Raise LakeError where more data files would go of unknown origin than the bound allows."""
    bound = max(BOUND_LEAST, int(BOUND_SHARE * planned.data_files))
    doomed = {garbage.path for garbage in planned.garbage if garbage.path.endswith(".parquet")}
    doomed -= planned.once_visible
    if len(doomed) > bound:
        raise LakeError(
            f"{len(doomed)} of {planned.data_files} data files are garbage of unknown origin, more than the "
            f"{bound} that go without a question: look at them with --dry-run, then repeat with --yes. "
            "Nothing was removed"
        )
