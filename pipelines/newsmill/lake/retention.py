"""Which snapshots of a table stay readable: those of the last days, and the newest whatever their age.

A commit reads and writes the list of all snapshots, so the list must not grow with the number of commits.
The newest stay one by one, for readers that follow a table from snapshot to snapshot; of what is older, the
last of each hour stays, for readers that ask what a table was at a time. So the list has a bound that
only the number of days sets: 668 with 7 days, and those that wait to be forgotten together.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

DAYS: Final = 7.0
"""For how long the state of an hour can be asked for, where no setting says otherwise."""

LEAST: Final = 50
"""The newest snapshots of a table that stay however old they are."""

FOLLOWED: Final = 500
"""The newest snapshots that stay one by one; see benchmarks/snapshots.py for what they cost a commit."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS


@dataclass(frozen=True)
class Retention:
    """What stays.

    Args:
        days: For how long; older snapshots go, but for the newest. With 0, those that a clock which went
            ahead has dated later than now, too.
        least: The newest that stay however old they are.
        followed: The newest that stay one by one while they are young enough.
        raw_days: For how many days of ingest raw records stay; for ever where absent.
    """

    days: float = DAYS
    least: int = LEAST
    followed: int = FOLLOWED
    raw_days: float | None = None

    @classmethod
    def newest(cls, count: int) -> Retention:
        """Only the newest, however young the others are."""
        return cls(days=0, least=count, followed=count)

    def forgotten(self, table: Table) -> list[int]:
        """Ids of the snapshots that are to be forgotten now; never one that a tag or branch names."""
        named = {ref.snapshot_id for ref in table.refs().values()}
        snapshots = sorted(table.metadata.snapshots, key=lambda s: s.sequence_number or 0)
        last_of_hour = {s.timestamp_ms // _HOUR_MS: s.snapshot_id for s in snapshots}
        begin = time.time() * 1000 - self.days * _DAY_MS if self.days else math.inf

        def stays(snapshot: Snapshot, newer: int) -> bool:
            if newer < self.least or snapshot.snapshot_id in named:
                return True
            last = last_of_hour[snapshot.timestamp_ms // _HOUR_MS] == snapshot.snapshot_id
            return snapshot.timestamp_ms >= begin and (newer < self.followed or last)

        newest = len(snapshots) - 1
        return [s.snapshot_id for at, s in enumerate(snapshots) if not stays(s, newest - at)]
