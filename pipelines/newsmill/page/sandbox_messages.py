"""What a sandbox and its processes say to each other, and what both know of a page."""

from __future__ import annotations

from typing import Final

import msgspec

from newsmill.errors import Code
from newsmill.records import NotArticle, RawPage, Record

FORBIDDEN_STATUS: Final = 77
"""How the process ends that tried what is forbidden; the last line that it wrote to stderr names the act."""

_LEAST_CPU_S: Final = 1.0
_CPU_S_PER_MB: Final = 3.0
"""CPU time that a page may take: this and this for each megabyte, at most `page.cpu_limit_s`. Reading is
linear: of 2,400 evaluation pages none takes more than a fifth of it. So a page that hangs costs little."""

DERIVE_LIMITS: Final = 2
"""What follows from a page may take this times `page.cpu_limit_s`: once for its identity, which has a budget
of that, and once for its enrichers."""

_MOST_RATIO: Final = 10
"""A compressed page counts with the size that it may have at most."""


class Setup(Record, frozen=True, kw_only=True):
    """The first message to a zygote."""

    read: str
    page: str  # PageConfig as JSON
    input: str  # InputConfig as JSON
    cpu_limit_s: float
    memory_limit_mb: int
    derive: str = ""  # function of what follows from a page; none where empty
    told: str = ""  # what it is told besides


class Answer(Record, frozen=True, kw_only=True):
    """What a child says to one page: exactly one of found, not_article, code, bug; none to the setup."""

    found: msgspec.Raw = msgspec.Raw()  # what the reading function gave, encoded
    not_article: NotArticle | None = None
    code: Code | None = None
    message: str = ""
    bug: str | None = None  # traceback of an exception that should not be
    more: bool = False  # what follows from the page comes in a second answer
    leave: bool = False  # the child ends after this answer: its memory has grown
    confined_by: tuple[str, ...] = ()  # to the setup: the parts of the kernel that hold the child


def frame(message: bytes) -> bytes:
    """The message with its length before it: 4 bytes, big-endian."""
    return len(message).to_bytes(4, "big") + message


def cpu_limit_s(raw: RawPage, most: float) -> float:
    """CPU seconds that reading a page may take.

    Args:
        raw: The page.
        most: Whatever its size.
    """
    compressed = raw.content_encoding is not None or raw.body[:2] == b"\x1f\x8b"
    size = len(raw.body) * (_MOST_RATIO if compressed else 1)
    return min(most, _LEAST_CPU_S + _CPU_S_PER_MB * size / 1e6)
