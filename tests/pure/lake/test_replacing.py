"""A replay gives each record one new fate, whatever cuts it off."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest

import synthetic
from newsmill.config import LakeConfig
from newsmill.errors import LakeError
from newsmill.lake import files, replacing, rows as table_rows
from newsmill.lake.files import DataFile
from newsmill.lake.ledger import Batch
from newsmill.lake.upkeep import compaction
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.records import Fate, FateRow, OffsetRange, Position

AT = 1_790_000_000_000_000
PLACE = Position(topic=synthetic.TOPIC, partition=0, offset=14)
"""A quarantined record of the made-up stream."""


@pytest.fixture
def batch() -> Batch:
    slice = OffsetRange(topic=PLACE.topic, partition=0, start=14, end=15, records=1, bytes=0)
    return Batch(batch_id="replay", sequence=0, ingested_at=AT + 36_000_000_000, slices=(slice,))


def anew(lake: Lake, config: LakeConfig) -> list[DataFile]:
    """The record's new fate, with the time at which it was first seen."""
    fates = lake.tables.load("fate").scan().to_arrow()
    mine = fates.filter((pc.field("partition") == 0) & (pc.field("offset") == 14))
    first_seen = mine["ingested_at"].cast("int64")[0].as_py()
    row = FateRow(position=PLACE, fate=Fate.NOT_ARTICLE, reason="section", ingested_at=first_seen)
    return [files.write(config.path, "fate", table_rows.fates([row]), ingested_at=first_seen)]


def told(lake: Lake) -> tuple[list[str], int]:
    """The record's fates, and how many rows of `quarantine` there are."""
    fates = lake.tables.load("fate").scan().to_arrow()
    mine = fates.filter((pc.field("partition") == 0) & (pc.field("offset") == 14))
    return mine["fate"].to_pylist(), lake.tables.load("quarantine").scan().to_arrow().num_rows


def test_replaced_record_has_its_new_fate_and_no_row_of_the_old_one(
    filled: Lake, config: LakeConfig, batch: Batch
) -> None:
    before = told(filled)
    filled.replace(batch, anew(filled, config))
    assert before[0] == ["quarantined"]
    assert told(filled) == (["not_article"], before[1] - 1)
    report = audit(config.path)
    assert (report.findings, report.records) == ([], 8 * synthetic.RECORDS_A_GROUP)


@pytest.mark.parametrize("after", range(8), ids=lambda n: f"after {n} tables")
def test_replay_that_was_cut_off_is_finished_by_the_next_writer(
    filled: Lake, config: LakeConfig, batch: Batch, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    change, done = filled.tables.change, []

    def cut(name, stage):
        if len(done) > after:
            raise KeyboardInterrupt
        done.append(name)
        return change(name, stage)

    made = anew(filled, config)
    monkeypatch.setattr(filled.tables, "change", cut)
    if after < 7:
        with pytest.raises(KeyboardInterrupt):
            filled.replace(batch, made)
    else:
        filled.replace(batch, made)
    filled.release()
    again = Lake.open(config)
    assert told(again)[0] == ["not_article"]
    assert replacing.noted(again.tables.load("fate")) is None
    again.release()
    assert audit(config.path).findings == []


def test_replay_is_refused_while_a_batch_is_pending(filled: Lake, config: LakeConfig, batch: Batch) -> None:
    filled.begin(list(synthetic.slices(0, 80, 100)), now=AT)
    with pytest.raises(LakeError, match="a batch is pending"):
        filled.replace(batch, anew(filled, config))


def test_replay_that_does_not_cover_its_records_is_refused(
    filled: Lake, config: LakeConfig, batch: Batch
) -> None:
    with pytest.raises(LakeError, match="not whole"):
        filled.replace(batch, [])
    assert told(filled)[0] == ["quarantined"]


def test_replay_after_compaction_and_compaction_after_replay_change_no_count(
    filled: Lake, config: LakeConfig, batch: Batch
) -> None:
    later = filled.begin(list(synthetic.slices(0, 80, 100)), now=AT + 2 * 3_600_000_000)
    filled.commit(later, synthetic.write(config.path, later))
    list(compaction.compact(filled.tables))
    filled.replace(batch, anew(filled, config))
    list(compaction.compact(filled.tables))
    assert told(filled)[0] == ["not_article"]
    assert audit(config.path).findings == []
