from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import press_week
from newsmill.config import LakeConfig
from newsmill.lake import files, reader
from newsmill.lake.schemas import TABLES
from newsmill.lake.writer import Lake
from newsmill.records import OffsetRange
from newsmill.report.page import render
from newsmill.report.survey import STEPS, _step, survey


def test_clusters_that_merged_count_as_one_story(tmp_path: Path) -> None:
    """Three articles of three clusters; the first two clusters went into the third, one after the other."""
    press_week.fill(tmp_path, records=2800, hours=6)
    before = survey(str(tmp_path))
    lake = Lake.open(LakeConfig(path=str(tmp_path)))
    (start,) = lake.committed().values()
    batch = lake.begin(
        [OffsetRange(topic="pages", partition=0, start=start, end=start + 1, records=1, bytes=0)],
        now=press_week.START + press_week.HOUR,
    )
    story = before.totals["stories"]
    ids = clusters(tmp_path)[:3]
    event = {
        "topic": "pages",
        "partition": 0,
        "offset": start,
        "ingested_at": batch.ingested_at,
        "size": 3,
        "article_id": ids[2],
        "representative_id": ids[2],
        "domain": "a.example",
        "event": "merged",
    }
    merges = [
        {**event, "cluster_id": ids[0], "merged_into": ids[1], "seq": 0},
        {**event, "cluster_id": ids[1], "merged_into": ids[2], "seq": 1},
    ]
    fate = {"topic": "pages", "partition": 0, "offset": start, "fate": "redelivery", "bytes": 1}
    rows = {"cluster_events": merges, "fate": [{**fate, "ingested_at": batch.ingested_at}]}
    lake.commit(batch, [write(tmp_path, table, found, batch.ingested_at) for table, found in rows.items()])
    lake.release()
    assert survey(str(tmp_path)).totals["stories"] == story - 2


def clusters(lake: Path) -> list[str]:
    rows = reader.rows(str(lake), "articles").to_table(columns=["duplicate"]).to_pylist()
    return sorted({row["duplicate"]["cluster_id"] for row in rows})


def write(lake: Path, table: str, rows: list[dict[str, object]], at: int) -> files.DataFile:
    names = TABLES[table].arrow.names
    columns = [{name: value for name, value in row.items() if name in names} for row in rows]
    return files.write(
        str(lake), table, pa.Table.from_pylist(columns, schema=TABLES[table].arrow), ingested_at=at
    )


def test_survey_of_some_days_leaves_out_what_is_older(tmp_path: Path) -> None:
    press_week.fill(tmp_path, records=560, hours=36)
    whole, part = survey(str(tmp_path)), survey(str(tmp_path), days=0.5)
    assert whole.totals["batches"] == 6 and part.totals["batches"] == 3
    assert part.totals["last"] - part.totals["first"] == timedelta(hours=12)
    assert "of the last 0.5 days" in render(part, now=datetime(2026, 11, 16, tzinfo=UTC))


@pytest.mark.parametrize(
    ("span", "batches", "step"),
    [
        (timedelta(0), 1, timedelta(minutes=1)),
        (timedelta(hours=1), 13, timedelta(minutes=5)),
        (timedelta(days=7), 2000, timedelta(hours=3)),
        (timedelta(days=7), 29, timedelta(hours=6)),
        (timedelta(days=9000), 9000, STEPS[-1]),
    ],
    ids=["one batch", "an hour", "a week", "few batches", "decades"],
)
def test_step_holds_a_batch_and_gives_few_columns(span: timedelta, batches: int, step: timedelta) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    assert _step(first, first + span, batches) == step
