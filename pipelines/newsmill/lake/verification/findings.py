"""What the checker found: each rule that was checked, and each way in which one is broken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_SHOWN = 20
"""Most examples of one finding."""


@dataclass(frozen=True)
class Finding:
    """One way in which one rule is broken."""

    rule: str
    what: str
    count: int
    examples: tuple[str, ...]


@dataclass
class Report:
    """What was looked at, and all that is wrong."""

    lake: str
    records: int = 0
    fates: dict[str, int] = field(default_factory=dict)
    gaps: int = 0
    committed: dict[str, int] = field(default_factory=dict)
    snapshots: dict[str, int | None] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    files_read: int = 0
    bytes_read: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    foreign: list[str] = field(default_factory=list)  # files that no table has written, and links
    pending: bool = False
    broker_records: int | None = None
    oldest_waiting_s: float | None = None
    held_back: int | None = None  # offsets of the broker behind open transactions
    checked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether every rule that was checked holds."""
        return not self.findings

    def find(self, rule: str, what: str, broken: Iterable[Any]) -> None:
        """Check a rule: it holds when nothing breaks it."""
        if rule not in self.checked:
            self.checked.append(rule)
        if breaks := list(broken):
            examples = tuple(
                "/".join(map(str, b)) if isinstance(b, tuple) else str(b) for b in breaks[:_SHOWN]
            )
            self.findings.append(Finding(rule, what, len(breaks), examples))

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {**vars(self), "right": self.right, "findings": [vars(f) for f in self.findings]}
