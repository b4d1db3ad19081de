"""Which errors of a catalog or an object store pass by themselves, and the waiting for it."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable
from typing import Final, TypeVar

from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    ServerError,
    ServiceUnavailableError,
    TooManyRequestsError,
    WaitingForLockException,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from newsmill.errors import ConfigError, LakeError
from newsmill.runtime.retrying import retry as retry_errors

VANISHED_S: Final = 10.0
"""How long a file that the catalog names may be missing: another process removes old metadata meanwhile."""

_PASSING: Final = (
    OperationalError,
    InterfaceError,
    CommitFailedException,
    CommitStateUnknownException,
    ServerError,
    ServiceUnavailableError,
    TooManyRequestsError,
    WaitingForLockException,
    OSError,
)
_AWAY: Final = re.compile(
    r"curlCode|NETWORK_CONNECTION|REQUEST_TIMEOUT|SLOW_DOWN|THROTTLING|SERVICE_UNAVAILABLE|INTERNAL_FAILURE"
    r"|HTTP status(?: code)?:? 5\d\d|[Cc]ould ?n.t connect|[Cc]ould not connect|timed? ?out",
)
"""What Arrow says where an object store is away or busy: its errors have no other sign."""
_REFUSED: Final = re.compile(r"authentication failed|(?:database|role) \"[^\"]*\" does not exist")
"""What PostgreSQL says of settings that are wrong, by the same exception as when it is away."""

_Result = TypeVar("_Result")


def retry(
    call: Callable[[], _Result],
    lake: str,
    limit_s: float | None,
    *,
    passed: type[Exception] | tuple[type[Exception], ...] = (),
) -> _Result:
    """The call's result, however long the lake's catalog or store is away, locked or busy.

    Args:
        call: May be called many times.
        lake: The lake as users know it.
        limit_s: Longest wait; none for ever.
        passed: Errors that are the caller's.

    Raises:
        Transient: It did not pass in time.
        LakeError: The catalog is broken, or names a file that is not there.
        ConfigError: The catalog refuses the settings.
        OSError: What no retry mends, e.g. a full disk.
    """
    begun = time.monotonic()

    def why(error: Exception) -> str:
        if isinstance(error, passed):
            raise error
        return _why(error, time.monotonic() - begun)

    what = f"the catalog or store of {lake.rstrip('/')}"
    return retry_errors(call, what, errors=_PASSING, why=why, limit_s=limit_s)


def passes(error: Exception) -> bool:
    """Whether an error of a catalog or a store may be gone on another try."""
    if isinstance(error, OSError):
        away = error.errno is None and _AWAY.search(str(error))
        asked = type(error).__module__.split(".")[0] == "requests"  # of a REST catalog
        return bool(away or asked or isinstance(error, ConnectionError | TimeoutError))
    if isinstance(error, OperationalError | InterfaceError):
        code = getattr(error.orig, "sqlite_errorname", "SQLITE_BUSY")
        return code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) and not _REFUSED.search(str(error.orig))
    return isinstance(error, _PASSING)


def _why(error: Exception, lasts_s: float) -> str:
    """What to tell of an error that may pass; raises where it doesn't."""
    if isinstance(error, FileNotFoundError):
        if lasts_s < VANISHED_S:
            return str(error)
        raise LakeError(f"the catalog names a file that is not there: {error}") from error
    if passes(error):
        return str(getattr(error, "orig", error)).strip()
    if isinstance(error, OperationalError | InterfaceError):
        if _REFUSED.search(str(error.orig)):
            raise ConfigError(f"lake.catalog: {str(error.orig).strip()}") from error
        raise plain(error) from error
    raise error


def plain(error: DBAPIError) -> OSError | LakeError:
    """What a database says, without the statement; OSError where its disk is full, as a file's would be."""
    said = str(error.orig).strip()
    if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_FULL":
        return OSError(errno.ENOSPC, f"the catalog: {os.strerror(errno.ENOSPC)} ({said})")
    return LakeError(f"the catalog can't be used: {said}")
