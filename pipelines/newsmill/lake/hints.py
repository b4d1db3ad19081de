"""How readers without a catalog find a table's newest metadata.

`metadata/version-hint.text` holds a number N, and `metadata/vN.metadata.json` is the metadata of that
number under a second name: what Spark's path loading asks for, and DuckDB and pyiceberg take as well.
Never back: a hint is changed under a lock, and only to a later version than the one it names, or to
another one of the same number, which then is of a table that was begun and not made.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa

from newsmill.lake import storage
from newsmill.lake.storage import Storage

KEPT_METADATA: Final = 100
"""Metadata of this many changes is kept, under both names, for readers that have just read a hint."""

MOST_CHARS: Final = 100
"""Of a version that a hint can name: an Iceberg writer's has a number and a UUID."""

_SUFFIX = ".metadata.json"


def point(store: Storage, table: str, metadata: str) -> None:
    """Let the hint of a table name its metadata.

    Args:
        store: The lake's.
        table: Name of the table, and of its folder.
        metadata: Path of the metadata file in the store, `…/NNNNN-….metadata.json`.
    """
    newest = number(metadata.rsplit("/", 1)[1])
    hint = f"{table}/metadata/version-hint.text"
    with _lock(store, table) as locked:
        known = read(store, table)
        if not locked or newest < number(known):
            return
        second = second_name(metadata)
        if newest == number(known) and known.isdecimal() and _same(store, metadata, second):
            return
        store.copy(metadata, second)
        store.replace(hint, str(newest).encode())
        store.delete(f"{table}/metadata/v{newest - KEPT_METADATA}{_SUFFIX}")


def second_name(metadata: str) -> str:
    """The name under which readers without a catalog find a metadata file: by its number alone.

    >>> second_name("articles/metadata/00012-6f0c.metadata.json")
    'articles/metadata/v12.metadata.json'
    """
    folder, name = metadata.rsplit("/", 1)
    return f"{folder}/v{number(name)}{_SUFFIX}"


def number(version: str) -> int:
    """How many changes of the table led to a version; names begin with that. -1 for what is none.

    >>> number("00012-6f0c.metadata.json"), number("v12.metadata.json"), number("12"), number("")
    (12, 12, 12, -1)
    """
    first = version.removeprefix("v").split("-", 1)[0].split(".", 1)[0]
    return int(first) if first.isdecimal() and len(first) <= MOST_CHARS else -1


def metadata(store: Storage, table: str) -> str | None:
    """Path of the metadata that the hint of a table names; None where there is no hint, or none of a file."""
    version = read(store, table)
    if not version or len(version) > MOST_CHARS or "/" in version or "\x00" in version:
        return None
    return f"{table}/metadata/{'v' * version.isdecimal()}{version}{_SUFFIX}"


def read(store: Storage, table: str) -> str:
    """What the hint of a table says: a number, or a version's name (of before there were second names)."""
    try:
        with store.open(f"{table}/metadata/version-hint.text") as file:
            return bytes(file.read()).decode().strip()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError, pa.ArrowInvalid):
        return ""


def _same(store: Storage, one: str, other: str) -> bool:
    """Whether two files are there with the same content."""
    if store.size(one) != store.size(other):
        return False
    with store.open(one) as first, store.open(other) as second:
        return bool(first.read() == second.read())


@contextmanager
def _lock(store: Storage, table: str) -> Iterator[bool]:
    """Whether the right to write a table's hint was got. Object stores have none: one writer a lake."""
    if not isinstance(store, storage.LocalStorage):
        yield True
        return
    path = store.root / table / "metadata" / ".hint-lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, storage.FILE_MODE)
    try:
        for _ in range(50):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
            else:
                yield True
                return
        yield False  # its holder points to the newest state, or the next commit does
    finally:
        os.close(descriptor)
