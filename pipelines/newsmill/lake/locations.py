"""Addresses of files as Iceberg's metadata notes them, and the paths that they stand for.

A folder of this machine is noted as `file://` and its path, with nothing escaped: that is how Hadoop,
DuckDB, Polars and pyiceberg read one, `%20` included. They take what follows `#` or `?` for a part of a
URI and drop control characters, so a path that holds any of these is noted bare, without `file://`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.fs

from newsmill.errors import ConfigError, Transient

SCHEMES: Final = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
"""Object stores and file systems that Arrow knows by a URI and pyiceberg by the same."""

_ALIASES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
"""Other engines' schemes of the same object stores."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_LOCAL = re.compile(r"file:(?://(?:localhost)?)?(?=/)", re.IGNORECASE)
_URI_ONLY = re.compile(r"[#?\x00-\x1f\x7f]")
_PASSWORD = re.compile(r"[^/@]*:[^/@]*@")


def local_path(location: str) -> str | None:
    """The path that a location stands for; None where it is in an object store.

    >>> local_path("file:/lakes/a b"), local_path("file:///lakes/a%20b"), local_path("/lakes/x")
    ('/lakes/a b', '/lakes/a%20b', '/lakes/x')
    >>> local_path("s3://bucket/lake") is None
    True
    """
    if scheme := _LOCAL.match(location):
        return location[scheme.end() :]
    return None if _SCHEME.match(location) else location


def of_path(path: str) -> str:
    """How an absolute path of this machine is noted.

    >>> of_path("/lakes/a b"), of_path("/lakes/#1")
    ('file:///lakes/a b', '/lakes/#1')
    """
    return path if _URI_ONLY.search(path) else f"file://{path}"


def root(lake: str) -> str:
    """The location of a lake that a user names by a folder or a URI: absolute, links resolved."""
    path = local_path(lake)
    return lake.rstrip("/") if path is None else of_path(os.path.realpath(path))


def place(location: str) -> tuple[Any, str]:
    """The Arrow filesystem and the path in it of a location. Object stores: see `object_store`."""
    path = local_path(location)
    if path is not None:
        return pyarrow.fs.LocalFileSystem(), os.path.abspath(path)
    scheme, rest = _parts(location)
    bucket, _, key = rest.partition("/")
    filesystem, prefix = object_store(scheme, bucket)
    return filesystem, f"{prefix}/{key}" if key else prefix


@cache
def object_store(scheme: str, bucket: str) -> tuple[Any, str]:
    """The Arrow filesystem and the path of a bucket; credentials and endpoint from the usual variables.

    Raises:
        ConfigError: Arrow knows no such scheme, or not on this machine.
        Transient: The store does not answer. S3 is only asked where no region is set.
    """
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    query = f"?region={quote(region)}" if scheme == "s3" and region else ""
    try:
        filesystem, prefix = pyarrow.fs.FileSystem.from_uri(f"{scheme}://{bucket}{query}")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(f"{scheme}://{bucket}: can't be used: {error}") from error
    except OSError as error:
        raise Transient(f"{scheme}://{bucket}: {error}") from error
    return filesystem, prefix.rstrip("/")


def plain(location: str) -> str:
    """One spelling of a location, to compare it: local ones as paths; links are not followed.

    >>> plain("file:/a//b/"), plain("/a/./b"), plain("s3a://bucket/a/")
    ('/a/b', '/a/b', 's3://bucket/a')
    """
    path = local_path(location)
    if path is not None:
        return os.path.normpath("/" + os.path.abspath(path).lstrip("/"))
    scheme, rest = _parts(location)
    return f"{_ALIASES.get(scheme, scheme)}://{rest.rstrip('/')}"


def same(one: str, other: str) -> bool:
    """Whether two locations are the same place, by their text or by links."""
    return plain(one) == plain(other) or _resolved(one) == _resolved(other)


def below(top: str, location: str) -> str | None:
    """The path of a location relative to a folder above it; None where that is not above it.

    The text decides first, then links do, then percent signs are read as encoding, as some engines write.

    >>> below("file:///lake", "file:/lake/x"), below("s3://b/lake", "s3a://b/lake/x"), below("/lake", "/x")
    ('x', 'x', None)
    """
    return next(_below(top, location), None)


def readings(top: str, location: str) -> set[str]:
    """All paths relative to a folder that a location may mean: for who must not delete any of them."""
    return set(_below(top, location))


def _below(top: str, location: str) -> Iterator[str]:
    for text in (location, unquote(location)) if "%" in location else (location,):
        full = plain(text)
        if full.startswith(folder := f"{plain(top).rstrip('/')}/"):
            yield full[len(folder) :]
        linked = f"{_resolved(os.path.dirname(full))}/{os.path.basename(full)}"
        if linked.startswith(folder := f"{_resolved(top).rstrip('/')}/"):
            yield linked[len(folder) :]


def _resolved(location: str) -> str:
    text = plain(location)
    return os.path.realpath(text) if text.startswith("/") else text


def problem(lake: str) -> str | None:
    """Why a lake can't be at a folder or URI, whatever is there; None if it can."""
    path = local_path(lake)
    if path is not None:
        return _folder_problem(path)
    scheme, rest = _parts(lake)
    if scheme not in SCHEMES:
        return f"no storage is known for {scheme}://, only for folders and {', '.join(SCHEMES)}"
    bucket = rest.split("/", 1)[0]
    if _PASSWORD.match(rest):
        return "holds a password, which every table would note: give it by the store's environment variables"
    if not bucket:
        return f"names no bucket: {scheme}://bucket/prefix"
    if odd := _URI_ONLY.search(rest):
        return f"holds {odd[0]!r}, which readers take for a part of a URI"
    return None


def shown(lake: str) -> str:
    """A folder or URI as it may be printed: without a password.

    >>> shown("s3://key:secret@bucket/lake"), shown("/data/a:b@c")
    ('s3://********@bucket/lake', '/data/a:b@c')
    """
    found = _SCHEME.match(lake)
    return f"{found[1]}://{_PASSWORD.sub('********@', found[2], count=1)}" if found else lake


def _folder_problem(path: str) -> str | None:
    if not path:
        return "is empty: name a folder"
    if "\x00" in path:
        return "holds a zero byte"
    if path == "~" or path.startswith("~/"):
        return "begins with ~, which only a shell replaces: write the whole path"
    try:
        os.path.realpath(path).encode()
    except UnicodeEncodeError:
        return "is not UTF-8, which tables are noted in"
    return None


def _parts(location: str) -> tuple[str, str]:
    found = _SCHEME.match(location)
    assert found is not None, location
    return found[1].lower(), found[2]
