"""Which process may write: a lock with a heartbeat, so that a second writer gets a clear error.

The lease is courtesy, not safety: a paused process may wake after another took over. What keeps it
from committing is the epoch in the ledger (see `lake.lake`).

On a local disk the kernel frees the lock when its process dies, so a restart after a kill does not
wait. On an object store a dead writer's lease runs out after `lease_s`.

Beats carry the wall clock, and that may jump. So a beat that looks too old, or is of the future, is no
proof: whoever wants the lease watches the holder for two beats by its own monotonic clock, and takes
the lease only from one that stays silent.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from newsmill.errors import Fenced, LakeError
from newsmill.lake.storage import FILE_MODE, LocalStorage, ObjectStorage, Storage, make_folders

TORN_READS: Final = 20
"""How often a lease in an object store is read again, when a beat changes it while it is read."""

_FOLDER = "_writer"
_STARTED_S: Final = time.time()


@contextmanager
def alone(store: Storage) -> Iterator[None]:
    """Only one process of this machine makes, brings up or notes a lake at a time; the others wait."""
    if not isinstance(store, LocalStorage):
        yield
        return
    path = store.root / _FOLDER / "opening"
    make_folders(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Lease(Protocol):
    """The right to write, while it is held."""

    def check(self) -> None:
        """Raises Fenced when another process has taken the lease."""

    def age_s(self) -> float:
        """Time since it was last renewed; it is not once another process has taken it."""

    def release(self) -> None:
        """Give it back at once; again is no error."""


class Reading:
    """What a reader holds: nothing."""

    def check(self) -> None:
        """A reader may never write."""
        raise Fenced("this process only reads the lake")

    def age_s(self) -> float:
        """A reader's is always right."""
        return 0.0

    def release(self) -> None:
        """There is nothing to give back."""


def acquire(store: Storage, lease_s: float) -> Lease:
    """Take the lease of a lake.

    Raises:
        LakeError: Another process holds it; says which, and since when it was last heard of.
    """
    if isinstance(store, ObjectStorage):
        return _ObjectLease(store, lease_s)
    assert isinstance(store, LocalStorage)
    return _LocalLease(store.root / _FOLDER, lease_s)


class _Beating:
    """Calls `beat` in the background until stopped."""

    def __init__(self, lease_s: float) -> None:
        self._every_s = lease_s / 4
        self._renewed_s = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="newsmill-lease", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            with suppress(OSError, LakeError):  # a store that is away: the next beat tries again
                self.check()
                self._beat()
                self._renewed_s = time.monotonic()

    def age_s(self) -> float:
        return time.monotonic() - self._renewed_s

    def check(self) -> None:
        raise NotImplementedError

    def _beat(self) -> None:
        raise NotImplementedError

    def _silence(self) -> None:
        self._stop.set()
        self._thread.join()


class _LocalLease(_Beating):
    def __init__(self, folder: Path, lease_s: float) -> None:
        self._path = folder / "lock"
        make_folders(folder)
        self._descriptor = self._take(lease_s)
        super().__init__(lease_s)

    def _take(self, lease_s: float) -> int:
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                try:
                    holder = os.pread(descriptor, 4096, 0).decode("utf-8", "replace")
                    silent_s = _silence_s(partial(_last_beat, descriptor), lease_s)
                    if silent_s <= lease_s:
                        raise LakeError(_held(self._path, holder, silent_s)) from None
                    if self._mine(descriptor):
                        self._path.replace(self._path.with_name(f"lock.{uuid.uuid4().hex}"))
                finally:
                    os.close(descriptor)
                continue
            if self._mine(descriptor):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, _me().encode(), 0)
                return descriptor
            os.close(descriptor)

    def _mine(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _beat(self) -> None:
        os.utime(self._descriptor)

    def check(self) -> None:
        if not self._mine(self._descriptor):
            raise Fenced(f"{self._path}: another process has taken over this lake")

    def release(self) -> None:
        self._silence()
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


class _ObjectLease(_Beating):
    def __init__(self, store: ObjectStorage, lease_s: float) -> None:
        self._store = store
        self._path = f"{_FOLDER}/lock.json"
        self._token = uuid.uuid4().hex
        found = self._found()
        if found is not None:
            silent_s = _silence_s(self._last_beat, lease_s)
            if silent_s <= lease_s:
                raise LakeError(_held(store.uri(self._path), json.dumps(found), silent_s))
        self._beat()
        self.check()
        super().__init__(lease_s)

    def _found(self) -> dict[str, Any] | None:
        """The lease's content; read again where a beat came between asking for its size and its bytes."""
        for _ in range(TORN_READS):
            if self._store.size(self._path) is None:
                return None
            with self._store.open(self._path) as file:
                content = file.read()
            try:
                found: dict[str, Any] = json.loads(content)
            except ValueError:
                continue
            return found
        raise LakeError(f"{self._store.uri(self._path)}: no lease of newsmill: {content[:200]!r}")

    def _last_beat(self) -> float:
        found = self._found()
        return -math.inf if found is None else float(found["beat_s"])  # given back meanwhile

    def _beat(self) -> None:
        content = json.loads(_me()) | {"token": self._token, "beat_s": time.time()}
        self._store.replace(self._path, json.dumps(content).encode())

    def check(self) -> None:
        if not self._mine():
            raise Fenced(f"{self._store.uri(self._path)}: another process has taken over this lake")

    def _mine(self) -> bool:
        found = self._found()
        return found is not None and found["token"] == self._token

    def release(self) -> None:
        self._silence()
        if self._mine():
            self._store.delete(self._path)


@dataclass(frozen=True)
class Writer:
    """Who took the lease last, as a reader of the lake sees it."""

    pid: int
    host: str
    since_s: float | None  # Unix time; None of a lease of before this was noted
    beat_s: float  # Unix time of the last sign of life
    alive: bool


def writer(store: Storage, lease_s: float) -> Writer | None:
    """Who writes a lake, or wrote it last; None where nobody ever did. Takes no lock.

    A process of this machine is alive as long as it runs; one elsewhere while its beats come.
    """
    path = f"{_FOLDER}/lock" if isinstance(store, LocalStorage) else f"{_FOLDER}/lock.json"
    try:
        with store.open(path) as file:
            found = json.loads(bytes(file.read()))
        beat = found["beat_s"] if "beat_s" in found else (store.root / path).stat().st_mtime  # type: ignore[attr-defined]
        pid, host = int(found["pid"]), str(found["host"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    alive = 0 <= time.time() - beat <= 2 * lease_s
    if alive and host == socket.gethostname():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            alive = False
        except PermissionError:
            pass
    return Writer(pid=pid, host=host, since_s=found.get("since_s"), beat_s=float(beat), alive=alive)


def _last_beat(descriptor: int) -> float:
    return os.fstat(descriptor).st_mtime


def _silence_s(last_beat: Callable[[], float], lease_s: float) -> float:
    """For how long a holder was silent; no longer than the lease, if it is alive whatever the clock says."""
    seen = last_beat()
    silent_s = time.time() - seen
    if 0 <= silent_s <= lease_s:
        return silent_s
    until = time.monotonic() + lease_s / 2
    while time.monotonic() < until:
        time.sleep(lease_s / 16)
        if last_beat() not in (seen, -math.inf):
            return 0.0
    return math.inf


def _me() -> str:
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since_s": round(_STARTED_S, 3)})


def _held(where: Path | str, holder: str, silent_s: float) -> str:
    try:
        found = json.loads(holder)
        who = f"process {found['pid']} on {found['host']}"
    except (ValueError, KeyError):
        who = "another process"
    return (
        f"{where}: {who} is writing this lake (last heard of {max(silent_s, 0):.0f} s ago); "
        "one `newsmill run` a lake"
    )
