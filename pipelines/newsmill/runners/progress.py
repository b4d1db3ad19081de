"""What a run did and does: summaries of batches, and who is told of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

from newsmill.lake import files as data_files
from newsmill.lake.files import DataFile
from newsmill.runners.underway import Told
from newsmill.sources.transactions import Backlog


@dataclass(frozen=True)
class Summary:
    """What one batch did, or several: summaries add up."""

    batches: int = 0
    records: int = 0
    bytes: int = 0
    seconds: float = 0.0
    commit_seconds: float = 0.0
    files: int = 0
    file_bytes: int = 0
    waiting: int = 0  # records behind the last batch
    lost: int = 0  # offsets that the broker no longer had
    fates: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # (fate, reason or code)
    copies: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    stage_us: Counter[str] = field(default_factory=Counter)  # busy time of the transforms

    def __add__(self, other: Summary) -> Summary:
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Summary(**{**sums, "waiting": other.waiting})

    def as_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {
            "batches": self.batches,
            "records": self.records,
            "bytes": self.bytes,
            "files": self.files,
            "seconds": round(self.seconds, 3),
            "commit_seconds": round(self.commit_seconds, 3),
            "pages_per_second": round(self.records / self.seconds, 1) if self.seconds else None,
            "waiting": self.waiting,
            "lost": self.lost,
            "fates": dict(self.fates.most_common()),
            "reasons": {f"{fate}/{reason}": n for (fate, reason), n in self.reasons.most_common()},
            "copies": dict(self.copies.most_common()),
            "languages": dict(self.languages.most_common()),
            "stage_seconds": {stage: round(us / 1e6, 3) for stage, us in self.stage_us.most_common()},
        }


class Watch(Told, Protocol):
    """Who is told how the run goes; see `observe.metrics.RunMetrics`."""

    def alive(self) -> None:
        """The loop is running."""

    def lag(self, behind: Mapping[tuple[str, int], int]) -> None:
        """Offsets between the lake and the end of each (topic, partition)."""

    def held_back(self, found: Sequence[Backlog]) -> None:
        """What stands behind open transactions, by partition; all partitions of the topic are there."""

    def batch_committed(self, summary: Summary, files: Sequence[DataFile]) -> object:
        """A batch became visible."""


def summary_of(files: Sequence[DataFile]) -> Summary:
    """What the files say of their batch."""
    total = Summary(batches=1, files=len(files), file_bytes=sum(file.bytes for file in files))
    for file in files:
        if file.table == "fate":
            rows = data_files.read(file, ["fate", "reason", "bytes"]).to_pylist()
            total.fates.update(row["fate"] for row in rows)
            total.reasons.update((row["fate"], row["reason"]) for row in rows if row["reason"])
            size = sum(row["bytes"] or 0 for row in rows)
            total = replace(total, records=total.records + len(rows), bytes=total.bytes + size)
        elif file.table == "articles":
            rows = data_files.read(file, ["lang", "duplicate"]).to_pylist()
            total.languages.update(row["lang"] for row in rows)
            total.copies.update(
                row["duplicate"]["copy_type"] for row in rows if row["duplicate"]["is_duplicate"]
            )
    return total
