"""What a replay reads to find its records."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from newsmill.jobs.replay import Selection
from newsmill.records import Position


def test_row_groups_without_the_offsets_are_passed_when_records_are_named_one_by_one(tmp_path: Path) -> None:
    times = pa.array([datetime(2026, 11, 30, tzinfo=UTC)] * 1000, pa.timestamp("us", "UTC"))
    rows = pa.table({"offset": range(1000), "fate": ["quarantined"] * 1000, "ingested_at": times})
    pq.write_table(rows, tmp_path / "fate.parquet", row_group_size=100)
    (file,) = pyarrow.dataset.dataset(tmp_path).get_fragments()
    only = frozenset({Position(topic="pages", partition=0, offset=321)})
    wanted = Selection(quarantine=True, only=only).holds()
    assert [part.row_groups[0].id for part in file.split_by_row_group(wanted)] == [3]
