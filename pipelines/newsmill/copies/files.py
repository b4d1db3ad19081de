"""Files of the copies index: arrays that are written once, mapped, and checked before they are trusted.

A file never changes: what changes is written anew, under another name. So a process that is killed at any
moment leaves files that are whole or that nothing names.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np
import xxhash
from numpy.typing import NDArray

from newsmill.records import Record

MANIFEST: Final = "index.msgpack"
"""The file that names the others. It begins with the digest of what follows."""

_LOCK: Final = "lock"
_ENDING: Final = "array"
_MADE: Final = re.compile(rf"[a-z]+-\d{{8}}\.{_ENDING}|{re.escape(MANIFEST)}(?:\.new)?")
_READ: Final = 1 << 23
_DIGEST: Final = 8


Map = Callable[["File", "np.dtype[Any]"], NDArray[Any]]
"""Maps a file as an array of a type."""


class File(Record, frozen=True, kw_only=True):
    """A file of an array, as the manifest names it. Nameless files have an empty name."""

    name: str
    bytes: int
    digest: int  # xxh3 of all bytes, 64 bits


class Files(Protocol):
    """Where arrays are written."""

    def write(
        self, kind: str, parts: Iterable[NDArray[Any]], dtype: np.dtype[Any]
    ) -> tuple[NDArray[Any], File]:
        """Write arrays one after the other, and map them. Changes of the map are this process's alone."""

    def keep(self, files: Iterable[File]) -> None:
        """Remove all files but these and those of what was published."""


class Nameless:
    """Files without names, in the system's folder of temporary files: gone with the process."""

    def write(
        self, kind: str, parts: Iterable[NDArray[Any]], dtype: np.dtype[Any]
    ) -> tuple[NDArray[Any], File]:
        """As `Files`. Raises OSError when the disk is full."""
        with tempfile.TemporaryFile() as file:
            size, _ = _written(file, parts, digest=False)
            return _mapped(file, dtype, size), File(name="", bytes=size, digest=0)

    def keep(self, files: Iterable[File]) -> None:
        """As `Files`: they are gone when nothing maps them."""


class Folder:
    """A folder of files, for one process at a time.

    Args:
        path: Made where it is not there.

    Raises:
        BlockingIOError: Another process has it.
        OSError: It can't be made or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise
        numbers = [int(name.split("-")[1].split(".")[0]) for name in _made(path) if _ENDING in name]
        self._next = max(numbers, default=0) + 1
        self._named: frozenset[str] = frozenset()

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._lock)

    def write(
        self, kind: str, parts: Iterable[NDArray[Any]], dtype: np.dtype[Any]
    ) -> tuple[NDArray[Any], File]:
        """As `Files`. Raises OSError when the disk is full."""
        path = self.path / f"{kind}-{self._next:08d}.{_ENDING}"
        self._next += 1
        with path.open("xb+") as file:
            size, digest = _written(file, parts)
            return _mapped(file, dtype, size), File(name=path.name, bytes=size, digest=digest)

    def map(self, file: File, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Map a file that is known to be whole."""
        with (self.path / file.name).open("rb") as opened:
            return _mapped(opened, dtype, file.bytes)

    def is_whole(self, file: File) -> bool:
        """Whether a file is there and has the bytes that were written. Reads it all."""
        try:
            with (self.path / file.name).open("rb", buffering=0) as opened:
                if os.fstat(opened.fileno()).st_size != file.bytes:
                    return False
                digest = xxhash.xxh3_64()
                while some := opened.read(_READ):
                    digest.update(some)
        except OSError:
            return False
        return digest.intdigest() == file.digest

    def read_manifest(self) -> bytes | None:
        """What was published last; None where nothing was, or it is torn."""
        try:
            content = (self.path / MANIFEST).read_bytes()
        except OSError:
            return None
        whole = content[:_DIGEST] == xxhash.xxh3_64_digest(content[_DIGEST:])
        return content[_DIGEST:] if whole else None

    def publish(self, manifest: bytes, files: Iterable[File]) -> None:
        """Put a manifest in the place of the last one, once all that it names is on the disk."""
        names = frozenset(file.name for file in files)
        for name in names - self._named:
            _sync(self.path / name)
        new = self.path / f"{MANIFEST}.new"
        new.write_bytes(xxhash.xxh3_64_digest(manifest) + manifest)
        _sync(new)
        new.rename(self.path / MANIFEST)
        _sync(self.path)
        self._named = names

    def keep(self, files: Iterable[File]) -> None:
        """As `Files`."""
        _remove(self.path, self._named | {file.name for file in files} | {MANIFEST})

    def trust(self, files: Iterable[File]) -> None:
        """The manifest that is there names these files."""
        self._named = frozenset(file.name for file in files)

    def wipe(self) -> None:
        """Remove all files of the index."""
        self._named = frozenset()
        wipe(self.path)


def wipe(folder: Path) -> int:
    """Remove all files of an index, and nothing else; how many. Who has them mapped can go on."""
    return _remove(folder, frozenset())


def _remove(folder: Path, kept: Collection[str]) -> int:
    removed = 0
    for name in sorted(_made(folder), key=lambda name: name != MANIFEST):
        if name not in kept:
            with suppress(FileNotFoundError):
                (folder / name).unlink()
                removed += 1
    return removed


def _made(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if _MADE.fullmatch(name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _written(file: IO[bytes], parts: Iterable[NDArray[Any]], *, digest: bool = True) -> tuple[int, int]:
    size, made = 0, xxhash.xxh3_64()
    for part in parts:
        if part.nbytes:
            content = np.ascontiguousarray(part).view(np.uint8).data
            file.write(content)
            size += part.nbytes
            if digest:
                made.update(content)
    file.flush()
    return size, made.intdigest()


def _mapped(file: IO[bytes], dtype: np.dtype[Any], size: int) -> NDArray[Any]:
    if not size:
        return np.empty(0, dtype=dtype)
    mapped: NDArray[Any] = np.memmap(file, dtype=dtype, mode="c", shape=(size // dtype.itemsize,))
    return mapped


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
