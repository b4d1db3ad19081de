"""What can go wrong, and who handles it.

    NewsmillError
    ├── ConfigError     the user's settings are wrong     stops construction, exit code 2
    ├── Rejected        this record can never pass        becomes one quarantined record
    ├── Transient       may pass on another try           retried (`runtime.retrying`), raised at a limit
    │   ├── Stopped     told to stop while waiting        ends the run, exit code 0
    │   └── NotStarted  no extraction process comes up    stops the job, blames no record
    └── LakeError       the lake refuses                  stops the job
        ├── Displaced   it is a copy, or was moved
        ├── Fenced      another writer owns the lake
        └── DataLoss    offsets are gone from the broker

Anything else is a bug: nothing catches it, the job stops loudly.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

IN_STEP: Final = "in the step "
"""Begins a note on an error that ended a stage of a pipeline: the stage's name in metrics follows."""


class Stage(StrEnum):
    """Where a record was when it was rejected."""

    DECODE = "decode"
    EXTRACT = "extract"
    IDENTIFY = "identify"
    DEDUPLICATE = "deduplicate"
    ENRICH = "enrich"
    BATCH = "batch"  # any stage behind decoding, in the process that runs them


class Code(StrEnum):
    """Why a record was rejected: a closed set, so that it may be a metric's label."""

    SCHEMA = "E_SCHEMA"  # the envelope is broken or lacks what it must have
    URL = "E_URL"  # no usable http(s) URL
    SIZE = "E_SIZE"  # more bytes than the cap
    DECOMPRESSION = "E_DECOMP"  # a compressed body over the ratio or size cap, or torn
    DECODE = "E_DECODE"  # bytes that are no text in any charset tried
    NESTING = "E_NESTING"  # elements nested deeper than any parser keeps
    NODES = "E_NODES"  # more elements than the cap
    TIMEOUT = "E_TIMEOUT"  # extraction took more CPU time than its limit, or slept
    CRASH = "E_CRASH"  # the extraction process died
    FORBIDDEN = "E_FORBIDDEN"  # the extraction process tried what the sandbox forbids
    MEMORY = "E_OOM"  # the extraction process ran past its memory limit
    BUDGET = "E_BUDGET"  # a step after extraction ran past the page's CPU limit
    POISON = "E_POISON"  # the process that runs the batch died or stalled of it, twice, when it was alone


class NewsmillError(Exception):
    """Root of every error this package raises on purpose."""


class ConfigError(NewsmillError, ValueError):
    """One or more settings are wrong; `problems` has every one of them, a line each."""

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[str, ...]]]:
        return ConfigError, (self.problems,)


class Rejected(NewsmillError):
    """A record that can never pass. The stage boundary turns it into a quarantined record.

    Args:
        code: Why, of a closed set.
        message: Why, for people.
        url: Of the page, as the record names it, where that can be read though the record is broken.
    """

    def __init__(self, code: Code, message: str, url: str | None = None) -> None:
        self.code = Code(code)
        self.message = message
        self.url = url
        super().__init__(f"{self.code.value}: {message}")

    def __reduce__(self) -> tuple[type[Rejected], tuple[Code, str, str | None]]:
        return Rejected, (self.code, self.message, self.url)


class Transient(NewsmillError):
    """A call that may succeed when tried again, and was, up to the limit that was set."""


class Stopped(Transient):
    """The process was told to stop while it waited for what is away."""


class NotStarted(Transient):
    """An extraction process ended, or took too long, before it read any page, and the next one too."""


class OffsetsChanged(Transient):
    """The topic holds other records in a planned range than when it was planned: it must be planned again."""


class TooLarge(Transient):
    """A batch would take more memory than is set: it must be planned with fewer records."""


class TakenDownMeanwhile(Transient):
    """A page of the batch was taken down after it was read: the batch can be committed without it."""


class LakeError(NewsmillError):
    """The lake is damaged or refuses what was asked."""


_NOTED_CHARS: Final = 300
"""Most characters that are told of a place which a file names."""


class Displaced(LakeError):
    """The lake's files tell of another place than where it was opened: it is a copy, or was moved."""

    def __init__(self, here: str, noted: str) -> None:
        self.here = here
        self.noted = noted
        adopt = f"newsmill lake adopt {shlex.quote(here)}"
        said = noted if len(noted) <= _NOTED_CHARS else f"{noted[:_NOTED_CHARS]}…"
        super().__init__(
            f"{here}: its tables say that they are at {said}: it is a copy, or was moved. `{adopt}` makes "
            f"a copy a lake of its own; `{adopt} --moved` keeps the id of a lake whose old place is gone"
        )

    def __reduce__(self) -> tuple[type[Displaced], tuple[str, str]]:
        return Displaced, (self.here, self.noted)


class Fenced(LakeError):
    """Another process has taken over this lake; this one must not commit any more."""


class DataLoss(LakeError):
    """Offsets that were never committed are no longer in the broker."""
