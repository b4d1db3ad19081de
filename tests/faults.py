"""Breaking a lake's writer, and looking whether readers ever saw it: the harness of the fault tests.

Writers are real processes that are really killed. They are forked from a server that has everything
imported, so that hundreds of kills take minutes. The lake is checked by
`newsmill.lake.verification.audit`, which shares no code with the writer, and by readers that loop meanwhile.

A kill keeps what the kernel has in its cache, a power cut does not. So the writer notes what it asked the
kernel to sync, and `cut_power` takes away what it did not: content of files, and names in folders.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import synthetic
from lake_readers import SERVER
from mutants import MUTANTS

FAILPOINTS = (
    "begin.noted",
    "file.before_fsync",
    "file.before_link",
    "file.before_folder_fsync",
    "metadata.before_fsync",
    "table.staged.articles",
    "table.changed.articles",
    "table.staged.fate",
    "table.changed.fate",
    "commit.checked",
    "commit.decided",
    "commit.appended.articles",
    "commit.appended.article_entities",
    "commit.appended.copy_sketches",
    "commit.appended.cluster_events",
    "commit.appended.quarantine",
    "commit.done",
)
"""Every named place of the commit protocol."""

_START, _HOUR = 1_790_000_000_000_000, 3_600_000_000


@dataclass(frozen=True)
class Work:
    """What a writer has to do: commit all offsets of the made-up stream up to an end."""

    root: Path
    end: int = 400
    batch: int = 100
    partitions: tuple[int, ...] = (0, 1)
    lease_s: float = 30.0
    failpoint: str = ""
    mutant: str = ""
    flaky: bool = True
    synced: Path | None = None  # log of what was synced, for `cut_power`
    hourly: bool = False  # batches an hour apart by the clock that they are given
    words: int = 40

    @property
    def records(self) -> int:
        """How many records that is."""
        return len(self.partitions) * sum(synthetic.exists(offset) for offset in range(self.end))


class Writer:
    """A writer process."""

    def __init__(self, work: Work) -> None:
        self._results = SERVER.SimpleQueue()
        self.process = SERVER.Process(target=_main, args=(work, self._results), daemon=True)
        self.process.start()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """Kill it, and wait for its end."""
        self.send(signal.SIGKILL)
        self.process.join()

    def result(self, timeout_s: float = 1200) -> str:
        """`done`, the name of the error that ended it, or `killed`."""
        self.process.join(timeout_s)
        if self.process.exitcode is None:
            self.kill()
            raise TimeoutError("the writer did not end")
        return "killed" if self._results.empty() else self._results.get()

    def wait_for_stop(self, timeout_s: float = 60) -> None:
        """Wait until it has stopped itself (SIGSTOP)."""
        deadline = time.monotonic() + timeout_s
        while _state(self.process.pid) not in "tT":
            if self.process.exitcode is not None or time.monotonic() > deadline:
                raise AssertionError(f"the writer did not stop: {self.process.exitcode}")
            time.sleep(0.01)


def _state(pid: int | None) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def _main(work: Work, results: Any) -> None:
    os.environ |= {"NEWSMILL_TEST": "1", "NEWSMILL_FAILPOINT": work.failpoint}
    try:
        mill(work)
    except BaseException as error:  # noqa: BLE001 - the harness tells whatever it was
        if os.environ.get("FAULTS_VERBOSE"):
            traceback.print_exc()
        results.put(type(error).__name__)
        return
    results.put("done")


def mill(work: Work) -> None:
    """What a writer does: as the direct runner, without Kafka and Beam."""
    import importlib

    from newsmill.config import LakeConfig
    from newsmill.lake.writer import Lake
    from newsmill.runtime import failpoints

    importlib.reload(failpoints)
    if work.mutant:
        MUTANTS[work.mutant]()
    if work.synced is not None:
        _note_syncs(work.synced)
    lake = Lake.open(LakeConfig(path=str(work.root), lease_s=work.lease_s))
    while True:
        committed = {p: lake.committed().get((synthetic.TOPIC, p), 0) for p in work.partitions}
        batch = lake.pending()
        if batch is None:
            parts = [
                part
                for partition, start in committed.items()
                for part in synthetic.slices(partition, start, min(start + work.batch, work.end), size=64)
            ]
            if not parts:
                break
            done = sum(committed.values()) // (work.batch * len(work.partitions))
            batch = lake.begin(parts, now=_START + done * _HOUR if work.hourly else time.time_ns() // 1000)
        written = synthetic.write(work.root, batch, words=work.words, flaky=work.flaky, raw=True)
        lake.commit(batch, written)
    lake.release()


# --- power cuts ----------------------------------------------------------------------------------------


def _note_syncs(log: Path) -> None:
    """Note each sync in place of doing it: the inode with its size, or a folder's names at that time."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def fsync(synced: int) -> None:
        status = os.fstat(synced)
        path = os.readlink(f"/proc/self/fd/{synced}")
        names = os.listdir(path) if os.path.isdir(path) else None
        line = {"inode": status.st_ino, "size": status.st_size, "names": names}
        os.write(descriptor, (json.dumps(line) + "\n").encode())

    os.fsync = fsync


def cut_power(root: Path, log: Path, seed: int) -> int:
    """Take away what was not synced, by a seeded coin, as a disk would by chance; how much was lost."""
    chance = random.Random(seed)
    sizes: dict[int, int] = {}
    names: dict[int, set[str]] = defaultdict(set)
    for line in log.read_text().splitlines() if log.exists() else ():
        try:
            noted = json.loads(line)
        except ValueError:
            continue  # the last line, torn by the kill
        if noted["names"] is None:
            sizes[noted["inode"]] = noted["size"]
        else:
            names[noted["inode"]] |= set(noted["names"])
    lost = 0
    for folder, _, found in os.walk(root):
        inode = os.stat(folder).st_ino
        for name in found:
            path = Path(folder, name)
            if name.startswith(("catalog.db", "lock", ".hint-lock")):
                continue  # SQLite syncs itself; locks hold nothing
            if name not in names[inode] and chance.random() < 0.5:
                path.unlink()
                lost += 1
            elif sizes.get(path.stat().st_ino) != path.stat().st_size and chance.random() < 0.5:
                os.truncate(path, chance.randrange(path.stat().st_size + 1))
                lost += 1
    return lost


# --- the verdict ----------------------------------------------------------------------------------------


def verdict(work: Work, *, whole: bool) -> list[str]:
    """What is wrong with the lake now: nothing, if all is well.

    Args:
        work: What was to be done.
        whole: It must be done; else the lake may be at any point of it.
    """
    from newsmill.errors import ConfigError, LakeError
    from newsmill.lake.verification.audit import audit
    from newsmill.lake.verification.evidence import content, gather

    if not (work.root / "catalog.db").exists():
        return ["there is no lake"] if whole else []
    try:
        evidence = gather(str(work.root))
        report = audit(str(work.root))
    except (ConfigError, LakeError, sqlite3.Error) as error:
        unborn = any(words in str(error) for words in ("has no table", "no such table", "no newsmill lake"))
        return [] if unborn and not whole else [str(error)]
    problems = [f"{f.rule} {f.what}: {f.count}, e.g. {', '.join(f.examples[:3])}" for f in report.findings]
    expected = {
        (partition, offset)
        for partition in work.partitions
        for offset in range(evidence.committed.get((synthetic.TOPIC, partition), 0))
        if synthetic.exists(offset)
    }
    found = set()
    for file in evidence.tables["fate"].files:
        rows = _parquet(content(file.uri), ["partition", "offset"])
        found |= set(zip(rows["partition"].to_pylist(), rows["offset"].to_pylist(), strict=True))
    if found != expected:
        problems.append(f"C1 lost {len(expected - found)}, not of the stream {len(found - expected)}")
    if whole and len(found) != work.records:
        problems.append(f"C1 {len(found)} of {work.records} records have a fate")
    return problems


def _parquet(data: bytes, columns: list[str]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(data), columns=columns)


# --- scenarios: each breaks a writer in one way, and gives what is wrong afterwards -----------------------


def killed_at(work: Work, place: str, *, nth: int = 1, power: bool = False, seed: int = 0) -> list[str]:
    """Killed at a named place; with the power cut too, if asked; then an unharmed writer goes on."""
    synced = work.root.parent / "synced" if power else None
    harmed = replace(work, failpoint=f"{place}@{nth}:kill", synced=synced)
    problems = _expect({"killed", "done"}, Writer(harmed).result(), place)
    if synced is not None:
        cut_power(work.root, synced, seed)
    return [*problems, *verdict(work, whole=False), *_finish(replace(work, synced=synced))]


def disk_full_at(work: Work, place: str, *, nth: int = 1) -> list[str]:
    """The disk is full at a named place: an error, nothing half visible, and all is well with space again."""
    full = replace(work, failpoint=f"{place}@{nth}:enospc")
    problems = _expect({"OSError", "done"}, Writer(full).result(), place)
    return [*problems, *verdict(work, whole=False), *_finish(work)]


def asleep_at(work: Work, place: str, *, nth: int = 1) -> list[str]:
    """Stopped at a named place past its lease; another takes over; then it wakes: it is refused."""
    sleeper = Writer(replace(work, failpoint=f"{place}@{nth}:stop", lease_s=0.5))
    sleeper.wait_for_stop()
    time.sleep(0.8)
    problems = _finish(replace(work, lease_s=0.5))
    sleeper.send(signal.SIGCONT)
    problems += _expect({"Fenced"}, sleeper.result(), f"asleep at {place}")
    return problems + verdict(work, whole=True)


def second_writer(work: Work) -> list[str]:
    """A second writer on the same lake gets an error at once, and the first goes on."""
    first = Writer(replace(work, failpoint="commit.checked@1:stop"))
    first.wait_for_stop()
    problems = _expect({"LakeError"}, Writer(work).result(), "a second writer")
    first.send(signal.SIGCONT)
    problems += _expect({"done"}, first.result(), "the first writer")
    return problems + verdict(work, whole=True)


def locked_catalog(work: Work, *, for_s: float = 3.0) -> list[str]:
    """Another process holds the catalog's lock for a while: the writer waits and goes on."""
    problems = _finish(replace(work, end=work.batch))
    with closing(sqlite3.connect(work.root / "catalog.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        writer = Writer(work)
        time.sleep(for_s)
        other.execute("COMMIT")
    return problems + _expect({"done"}, writer.result(), "a locked catalog") + verdict(work, whole=True)


class RandomKills(NamedTuple):
    """What came of kills at random times."""

    problems: list[str]
    restart_s: float  # of an unharmed writer beside them, from its start to the end of a batch
    after_commit: int  # kills of writers that had committed since their start


def killed_at_random(work: Work, *, kills: int, seed: int, power: bool = True) -> RandomKills:
    """Killed again and again after a random time, every third time with a power cut.

    A writer lives up to one and a half times as long as an unharmed one takes from its start to the end of a
    batch: on a busy machine too it is hit in all parts of its work.
    """
    chance = random.Random(seed)
    problems: list[str] = []
    after_commit = 0
    synced = work.root.parent / "synced"
    restart_s = _restart_s(replace(work, root=work.root.parent / "unharmed"))
    for kill in range(kills):
        writer = Writer(replace(work, synced=synced))
        start = time.monotonic()
        wait = chance.uniform(0.05, 1.5 * restart_s)
        before = _committed(work)
        while time.monotonic() - start < wait and writer.process.exitcode is None:
            time.sleep(0.005)
        writer.kill()
        after_commit += _committed(work) != before
        if power and kill % 3 == 2:
            cut_power(work.root, synced, seed * 1000 + kill)
            problems += verdict(work, whole=False)
        if problems:
            told = [f"after kill {kill} of seed {seed}: {p}" for p in problems]
            return RandomKills(told, restart_s, after_commit)
    problems += _finish(replace(work, synced=synced))
    return RandomKills(problems, restart_s, after_commit)


def _restart_s(work: Work) -> float:
    """Seconds in which a writer of a lake that is there commits its next batch and ends."""
    assert Writer(replace(work, end=work.batch)).result() == "done"
    start = time.monotonic()
    assert Writer(replace(work, end=2 * work.batch)).result() == "done"
    return time.monotonic() - start


def beside_upkeep(work: Work) -> list[str]:
    """`compact` and `gc` run in a loop while a writer is killed and goes on."""
    hourly = replace(work, hourly=True)
    upkeep = SERVER.Process(target=_upkeep, args=(work.root,), daemon=True)
    problems = killed_at(replace(hourly, end=work.batch), "commit.appended.articles")
    upkeep.start()
    try:
        for nth in (2, 3):
            problems += killed_at(hourly, "commit.decided", nth=nth)
    finally:
        upkeep.kill()
        upkeep.join()
    return problems


def _upkeep(root: Path) -> None:
    from newsmill.config import LakeConfig
    from newsmill.lake.retention import Retention
    from newsmill.lake.tables import Tables
    from newsmill.lake.upkeep import compaction, garbage_collection

    while True:
        tables = Tables.open(LakeConfig(path=str(root)))
        list(compaction.compact(tables, target_bytes=1_000_000))
        list(garbage_collection.collect(tables, grace_s=3600, keep=Retention.newest(20)))


def _committed(work: Work) -> tuple[int, ...]:
    from newsmill.errors import ConfigError, LakeError
    from newsmill.lake.verification.evidence import gather

    try:
        return tuple(gather(str(work.root)).committed.values())
    except (ConfigError, LakeError, OSError, sqlite3.Error):
        return ()


def _finish(work: Work) -> list[str]:
    """Let an unharmed writer do the rest, then look at the whole lake."""
    return _expect({"done"}, Writer(work).result(), "the next writer") + verdict(work, whole=True)


def _expect(wanted: set[str], result: str, who: str) -> list[str]:
    return [] if result in wanted else [f"{who}: ended with {result}, not {' or '.join(sorted(wanted))}"]


CAUGHT_BY: dict[str, Callable[[Work], list[str]]] = {
    "fsync": lambda work: killed_at(work, "commit.done", power=True, seed=1),
    "fence": lambda work: asleep_at(work, "table.staged.fate", nth=4),
    "compare-and-swap": lambda work: asleep_at(work, "table.staged.fate", nth=4),
    "ledger-last": lambda work: killed_at(work, "table.changed.fate", nth=4),
    "idempotent-batch": lambda work: killed_at(work, "commit.appended.articles"),
    "decision": lambda work: killed_at(work, "commit.appended.quarantine"),
}
"""The scenario that finds each mutant out."""
