"""Where the lake's bytes are: a local folder or an object store, written durably and never over.

Local files get their name only when they are whole and on the disk: temporary file, fsync, hard link
to the final name (fails where it exists), fsync of the folder. Object stores show an object only when
its upload is complete. Both put the same content under the same name, so a second try changes nothing.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.fs
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from newsmill.config import Config
from newsmill.errors import ConfigError, LakeError
from newsmill.lake import locations
from newsmill.runtime import failpoints

TEMPORARY = "_temp"
"""Folder of unfinished files inside the lake; readers skip names that start with an underscore."""

COPIES = "_copies"
"""Folder of the copies index inside a lake that is a folder, unless settings name another."""

FILE_MODE, FOLDER_MODE = 0o640, 0o750


@dataclass(frozen=True)
class Published:
    """A file that has its final name. `path` is relative to the storage's root."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Listed:
    """A file that was found, or a symbolic link, which is not followed. `modified_s` is Unix time."""

    path: str
    bytes: int
    modified_s: float
    link: bool = False


class Writable(Protocol):
    """A file that is being written."""

    def write(self, data: Any, /) -> int:
        """Append bytes."""
        ...


class Storage(Protocol):
    """What the lake asks of the place where it is."""

    local: bool

    def uri(self, path: str) -> str:
        """The full address of a path, as Iceberg notes it."""
        ...

    def path(self, uri: str) -> str:
        """The path of a full address in any spelling. Raises LakeError for one that is elsewhere."""
        ...

    def publish(self, folder: str, suffix: str, write: Callable[[Writable], None]) -> Published:
        """Write a file durably; its name is the SHA-256 of its content."""
        ...

    def open(self, path: str) -> pa.NativeFile:
        """The file for reading. Raises FileNotFoundError."""
        ...

    def size(self, path: str) -> int | None:
        """Bytes of the file; None where there is none."""
        ...

    def arrow(self, path: str) -> tuple[pyarrow.fs.FileSystem, str]:
        """The path as Arrow's datasets take it."""
        ...

    def replace(self, path: str, content: bytes) -> None:
        """Put a small file in place of another, at once and durably."""
        ...

    def copy(self, path: str, other: str) -> None:
        """Give a file a second name, at once and durably, in place of what has that name."""
        ...

    def walk(self, folder: str) -> Iterator[Listed]:
        """All files below a folder; "" is all of the lake. Symbolic links are listed, not followed."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...


def copies_folder(config: Config) -> Path | None:
    """Where the files of a lake's copies index are; None where each start makes them anew."""
    if config.copies.folder is not None:
        return config.copies.folder
    path = locations.local_path(config.lake.path)
    return None if path is None else Path(os.path.realpath(path), COPIES)


def at(root: str) -> Storage:
    """The storage at a folder or URI.

    Raises:
        ConfigError: Nothing can be there: an unknown scheme, a name that tables can't be noted in.
    """
    if problem := locations.problem(root):
        raise ConfigError(f"lake.path: {locations.shown(root)}: {problem}")
    path = locations.local_path(root)
    return ObjectStorage(root) if path is None else LocalStorage(Path(path))


class LocalStorage:
    """A folder of this machine."""

    local = True

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def uri(self, path: str) -> str:
        """See `Storage`."""
        return locations.of_path(f"{self.root}/{path}")

    def path(self, uri: str) -> str:
        """See `Storage`."""
        return _below(self.uri(""), uri)

    def publish(self, folder: str, suffix: str, write: Callable[[Writable], None]) -> Published:
        """See `Storage`."""
        temporary = self._folder(TEMPORARY) / f"{uuid.uuid4().hex}.tmp"
        try:
            with _create(temporary) as file:
                hashed = _Hashed(file)
                write(hashed)
                file.flush()
                failpoints.reach("file.before_fsync", temporary)
                sync(file.fileno())
            final = self._folder(folder) / f"{hashed.sha256}{suffix}"
            failpoints.reach("file.before_link", temporary)
            try:
                os.link(temporary, final)
            except FileExistsError:
                if final.stat().st_size != hashed.count:
                    raise LakeError(f"{final}: exists with other content; run `newsmill audit`") from None
                os.utime(final)  # young again: `gc` leaves it
        finally:
            temporary.unlink(missing_ok=True)
        failpoints.reach("file.before_folder_fsync", final)
        sync_folder(final.parent)
        return Published(str(final.relative_to(self.root)), hashed.count, hashed.sha256)

    def open(self, path: str) -> pa.NativeFile:
        """See `Storage`."""
        return pa.memory_map(str(self.root / path))

    def size(self, path: str) -> int | None:
        """See `Storage`."""
        try:
            return (self.root / path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def arrow(self, path: str) -> tuple[pyarrow.fs.FileSystem, str]:
        """See `Storage`."""
        return pyarrow.fs.LocalFileSystem(), str(self.root / path)

    def replace(self, path: str, content: bytes) -> None:
        """See `Storage`."""
        temporary = self._folder(TEMPORARY) / f"{uuid.uuid4().hex}.tmp"
        final = self._folder(os.path.dirname(path)) / os.path.basename(path)
        try:
            with _create(temporary) as file:
                file.write(content)
                file.flush()
                sync(file.fileno())
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(final.parent)

    def copy(self, path: str, other: str) -> None:
        """See `Storage`. A hard link: no byte is written twice."""
        temporary = self._folder(TEMPORARY) / f"{uuid.uuid4().hex}.tmp"
        final = self._folder(os.path.dirname(other)) / os.path.basename(other)
        os.link(self.root / path, temporary)
        try:
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)  # there where both were one file already
        sync_folder(final.parent)

    def walk(self, folder: str) -> Iterator[Listed]:
        """See `Storage`."""
        for directory, folders, names in os.walk(self.root / folder):
            for name in (*names, *(n for n in folders if Path(directory, n).is_symlink())):
                file = Path(directory, name)
                try:
                    status = file.lstat()
                except FileNotFoundError:
                    continue
                path, link = str(file.relative_to(self.root)), stat.S_ISLNK(status.st_mode)
                yield Listed(path, status.st_size, status.st_mtime, link)

    def delete(self, path: str) -> None:
        """See `Storage`."""
        (self.root / path).unlink(missing_ok=True)

    def _folder(self, path: str) -> Path:
        """The folder, made durably where it is missing; never through a symbolic link."""
        folder = self.root / path
        make_folders(folder)
        if os.path.realpath(folder) != str(folder):
            raise LakeError(f"{folder}: leads out of the lake by a symbolic link")
        return folder


class ObjectStorage:
    """A prefix of an object store that Arrow knows; credentials and endpoint from its usual variables."""

    local = False

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")
        self._fs, self._prefix = locations.place(self._root)

    def uri(self, path: str) -> str:
        """See `Storage`."""
        return f"{self._root}/{path}"

    def path(self, uri: str) -> str:
        """See `Storage`."""
        return _below(self.uri(""), uri)

    def publish(self, folder: str, suffix: str, write: Callable[[Writable], None]) -> Published:
        """See `Storage`."""
        with tempfile.TemporaryFile() as file:
            hashed = _Hashed(file)
            write(hashed)
            path = f"{folder}/{hashed.sha256}{suffix}"
            file.seek(0)
            with self._fs.open_output_stream(f"{self._prefix}/{path}", compression=None) as stream:
                while block := file.read(8 << 20):
                    stream.write(block)
        return Published(path, hashed.count, hashed.sha256)

    def open(self, path: str) -> pa.NativeFile:
        """See `Storage`."""
        return self._fs.open_input_file(f"{self._prefix}/{path}")

    def size(self, path: str) -> int | None:
        """See `Storage`."""
        found = self._fs.get_file_info(f"{self._prefix}/{path}")
        return found.size if found.is_file else None

    def arrow(self, path: str) -> tuple[pyarrow.fs.FileSystem, str]:
        """See `Storage`."""
        return self._fs, f"{self._prefix}/{path}"

    def replace(self, path: str, content: bytes) -> None:
        """See `Storage`."""
        with self._fs.open_output_stream(f"{self._prefix}/{path}", compression=None) as stream:
            stream.write(content)

    def copy(self, path: str, other: str) -> None:
        """See `Storage`."""
        self._fs.copy_file(f"{self._prefix}/{path}", f"{self._prefix}/{other}")

    def walk(self, folder: str) -> Iterator[Listed]:
        """See `Storage`."""
        below = f"{self._prefix}/{folder}".rstrip("/")
        selector = pyarrow.fs.FileSelector(below, recursive=True, allow_not_found=True)
        for found in self._fs.get_file_info(selector):
            if found.is_file:
                yield Listed(found.path.removeprefix(self._prefix + "/"), found.size, found.mtime.timestamp())

    def delete(self, path: str) -> None:
        """See `Storage`."""
        if self.size(path) is not None:
            self._fs.delete_file(f"{self._prefix}/{path}")


class DurableIO(PyArrowFileIO):
    """Iceberg's file access: what it writes locally is on the disk when the file is closed.

    The library does not sync. Without it the catalog could name a metadata file that a power cut took.
    """

    def _initialize_fs(self, scheme: str, netloc: str | None = None) -> pyarrow.fs.FileSystem:
        """As for the data files: from the URI and the usual variables, endpoint included."""
        if scheme == "file":
            return super()._initialize_fs(scheme, netloc)
        filesystem, _ = locations.object_store(scheme, netloc or "")
        return filesystem

    def new_output(self, location: str) -> PyArrowFile:
        """The file to write; local ones are synced when closed."""
        scheme, netloc, path = self.parse_location(location, self.properties)
        if scheme != "file":
            return super().new_output(location)
        return _DurableFile(location, path, self.fs_by_scheme(scheme, netloc))


IO_PROPERTIES = {"py-io-impl": f"{DurableIO.__module__}.{DurableIO.__name__}"}
"""Settings of a table or a catalog that make Iceberg use it."""


class _DurableFile(PyArrowFile):
    def create(self, overwrite: bool = False) -> Any:
        file = Path(self._path)
        make_folders(file.parent)
        if overwrite:
            file.unlink(missing_ok=True)
        return _SyncedOnClose(_create_raw(file), file)


class _SyncedOnClose(io.BufferedWriter):
    def __init__(self, raw: io.RawIOBase, file: Path) -> None:
        super().__init__(raw)
        self._file = file

    def close(self) -> None:
        if not self.closed:
            self.flush()
            failpoints.reach("metadata.before_fsync", self._file)
            sync(self.fileno())
            super().close()
            sync_folder(self._file.parent)


class _Hashed(io.RawIOBase):
    """Passes bytes on, and keeps their count and hash."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.count = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._file.write(data)
        self._hash.update(data)
        size = memoryview(data).nbytes
        self.count += size
        return size

    def tell(self) -> int:
        return self.count


def sync(descriptor: int) -> None:
    """Wait until the file's bytes are on the disk."""
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's names are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path) -> None:
    """Make a folder and those above it durably."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        sync_folder(folder.parent)


def _create_raw(path: Path) -> io.FileIO:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    return io.FileIO(descriptor, "r+")


def _create(path: Path) -> io.BufferedRandom:
    return io.BufferedRandom(_create_raw(path))


def _below(root: str, uri: str) -> str:
    path = locations.below(root, uri)
    if path is None:
        raise LakeError(f"{uri} is not inside the lake {root}")
    return path
