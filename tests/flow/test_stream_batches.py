"""The steps of the endless job under late, idle, out-of-order and repeated input."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import apache_beam as beam
import msgspec
import pytest
from apache_beam.coders import registry as coders
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing.test_stream import TestStream
from apache_beam.utils.timestamp import Timestamp

from batch_plans import plan
from newsmill.config import Config
from newsmill.copies.index import CopyIndex
from newsmill.errors import Transient
from newsmill.flow.elements.batches import (
    BatchName,
    BatchPart,
    BatchPlan,
    WholeBatch,
    WrittenBatch,
)
from newsmill.flow.elements.chunks import Extracted, SketchedChunk
from newsmill.flow.steps.enrich import LinkEntities
from newsmill.flow.steps.identify import identify
from newsmill.flow.streaming import commit_batches, mark_in_order
from newsmill.flow.streaming.commit_batches import CommitBatches
from newsmill.flow.streaming.gather_batches import GatherBatches
from newsmill.flow.streaming.mark_in_order import MarkInOrder
from newsmill.flow.streaming.pipeline import _of_articles
from newsmill.flow.streaming.write_batches import WriteBatches
from newsmill.lake.files import DataFile
from newsmill.lake.upkeep.takedown import take_down, without_taken_down
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.records import Extraction, Fate, Language, Micros, Page, Position, RawPage, SourceRecord
from newsmill.runtime import registry

AT = 1_700_000_000_000_000
WORDS = "harbour council bridge tariff storm ferry election budget glacier orchard museum strike".split()


def run_stream(kind: type, events: Sequence[Any], transform: beam.PTransform) -> dict[str, list[Any]]:
    """Run a transform on a stream; events are elements, `("watermark", s)` or `("time", s)`."""
    stream = TestStream(coder=coders.get_coder(kind)).with_output_types(kind)
    for event in events:
        if isinstance(event, kind):
            stream = stream.add_elements([event])
        elif event[0] == "watermark":
            stream = stream.advance_watermark_to(event[1])
        else:
            stream = stream.advance_processing_time(event[1])
    stream = stream.advance_watermark_to_infinity()
    options = PipelineOptions([])
    options.view_as(StandardOptions).streaming = True
    names = []
    with beam.Pipeline(runner=BundleBasedDirectRunner(), options=options) as pipeline:
        result = pipeline | stream | "UnderTest" >> transform
        for number, output in enumerate(result if isinstance(result, tuple) else (result,)):
            names.append(f"stream:{number}")
            registry.register(names[-1], [])
            output | f"Keep{number}" >> beam.Map(_keep, names[-1])
    kept = {str(number): registry.get(name) for number, name in enumerate(names)}
    for name in names:
        registry.unregister(name)
    return kept


def _keep(element: Any, name: str) -> None:
    registry.get(name).append(element)


def story(seed: int) -> str:
    rng = random.Random(seed)
    return "\n".join(
        " ".join(rng.choice(WORDS) + str(rng.randint(0, 99)) for _ in range(14)).capitalize() + "."
        for _ in range(12)
    )


def draft_part(at: Micros, offset: int, url: str, body: str) -> BatchPart:
    record = SourceRecord(
        position=Position(topic="pages", partition=0, offset=offset),
        value=b"x",
        timestamp=1_700_000_000_000_000 + offset,
    )
    page = Page(
        title="A title",
        body=body,
        published_at=AT - 1_000_000 * (1000 - offset),
        extraction=Extraction(method="given", reason="test"),
    )
    raw = RawPage(position=record.position, url=url, body=b"")
    language = Language(code="en", confidence=1.0, method="given")
    made = identify(Extracted(record=record, raw=raw, page=page, language=language), at)
    return BatchPart(ingested_at=at, records=1, drafts=SketchedChunk(drafts=(made,)))


def three_batches() -> list[WholeBatch]:
    """A story; its copy and another story; the first again, and a change of the second."""
    first, second, third = AT + 1, AT + 2, AT + 3
    return [
        WholeBatch(plan=plan(first, 0, 1), parts=(draft_part(first, 0, "https://a.example/1", story(1)),)),
        WholeBatch(
            plan=plan(second, 1, 3, after=first),
            parts=(
                draft_part(second, 1, "https://b.example/9", story(1)),
                draft_part(second, 2, "https://c.example/2", story(2)),
            ),
        ),
        WholeBatch(
            plan=plan(third, 3, 5, after=second),
            parts=(
                draft_part(third, 3, "https://a.example/1", story(1)),
                draft_part(third, 4, "https://c.example/2", story(2) + "\n" + story(3)),
            ),
        ),
    ]


def fates(kept: dict[str, list[Any]]) -> dict[int, Fate]:
    found = {item.draft.position.offset: item.decision.fate for chunk in kept["0"] for item in chunk.drafts}
    for part in kept["1"]:
        for row in part.ends.fates if part.ends else ():
            assert row.position.offset not in found
            found[row.position.offset] = row.fate
    return found


def test_batch_is_whole_by_count_whatever_the_order_the_time_and_the_watermark() -> None:
    one, two = AT + 1, AT + 2
    late = BatchPart(ingested_at=one, records=2)
    events = [
        BatchPart(ingested_at=two, records=1),
        BatchPart(ingested_at=one, records=1),
        ("watermark", Timestamp(2_000_000_000)),
        BatchPart(ingested_at=one, plan=plan(one, 0, 3)),
        ("time", 86_400),
        ("watermark", Timestamp(3_000_000_000)),
        late,
        BatchPart(ingested_at=two, plan=plan(two, 3, 5, after=one)),
    ]
    whole = run_stream(BatchPart, events, GatherBatches())["0"]
    assert [batch.plan.ingested_at for batch in whole] == [one]
    assert sum(part.records for part in whole[0].parts) == 3


def test_batch_without_records_is_whole_with_its_plan() -> None:
    empty = BatchPlan(ingested_at=AT, after=None, slices=())
    whole = run_stream(BatchPart, [BatchPart(ingested_at=AT, plan=empty)], GatherBatches())["0"]
    assert whole == [WholeBatch(plan=empty, parts=())]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)], ids=str)
def test_fates_are_those_of_the_order_of_plans_whatever_the_order_of_arrival(
    config: Config, order: tuple[int, ...]
) -> None:
    Lake.open(config.lake).release()
    batches = three_batches()
    kept = run_stream(WholeBatch, [batches[n] for n in order], MarkInOrder(config=config))
    assert fates(kept) == {
        0: Fate.ARTICLE,
        1: Fate.COPY,
        2: Fate.ARTICLE,
        3: Fate.REDELIVERY,
        4: Fate.REVISION,
    }
    assert [p.plan.ingested_at for p in kept["1"] if p.plan] == [b.plan.ingested_at for b in batches]


def test_fates_are_the_same_when_the_index_must_be_made_again_from_the_state(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lake.open(config.lake).release()
    kept_apart: Callable[..., Any] = mark_in_order._MarkFn._mark

    def forget(self: Any, *args: Any) -> Iterator[Any]:
        mark_in_order._residents.clear()
        yield from kept_apart(self, *args)

    monkeypatch.setattr(mark_in_order._MarkFn, "_mark", forget)
    kept = run_stream(WholeBatch, three_batches(), MarkInOrder(config=config))
    assert fates(kept)[3] is Fate.REDELIVERY
    assert fates(kept)[4] is Fate.REVISION
    assert fates(kept)[1] is Fate.COPY


def test_the_index_is_kept_when_each_batch_is_in_the_lake_before_the_next_is_planned(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic that is read as fast as it grows: no plan names a batch before it."""
    monkeypatch.setattr(commit_batches.kafka, "commit_offsets", lambda config, offsets: None)
    Lake.open(config.lake).release()
    made: list[CopyIndex] = []
    remember: Callable[..., CopyIndex] = mark_in_order._MarkFn._remember

    def count(self: Any, *args: Any) -> CopyIndex:
        made.append(remember(self, *args))
        return made[-1]

    monkeypatch.setattr(mark_in_order._MarkFn, "_remember", count)
    for batch in three_batches():
        alone = WholeBatch(plan=msgspec.structs.replace(batch.plan, after=None), parts=batch.parts)
        run_stream(WrittenBatch, written(config, [alone]), CommitBatches(config=config))
    rows = Lake.open_readonly(config.lake).tables.load("fate").scan().to_arrow().sort_by("offset")
    assert rows["fate"].to_pylist() == ["article", "copy", "article", "redelivery", "revision"]
    assert len(made) == 1


def written(config: Config, batches: Sequence[WholeBatch] | None = None) -> list[WrittenBatch]:
    """The three batches, or others, marked and written."""
    kept = run_stream(WholeBatch, batches or three_batches(), MarkInOrder(config=config))
    linked = LinkEntities(
        config=config.enrich, keep_body=config.copies.keep_body, on_reserved=config.rights.on_reserved
    )
    registry.register("articles", [])
    with beam.Pipeline(runner=BundleBasedDirectRunner()) as pipeline:
        marked = pipeline | beam.Create(kept["0"]).with_output_types(type(kept["0"][0]))
        marked | linked | beam.Map(_keep, "articles")
    parts = [*kept["1"], *map(_of_articles, registry.get("articles"))]
    registry.unregister("articles")
    whole = run_stream(BatchPart, parts, GatherBatches())["0"]
    made = run_stream(
        WholeBatch, whole, WriteBatches(root=config.lake.path, file_rows=config.lake.file_rows)
    )["0"]
    return sorted(made, key=lambda batch: batch.plan.ingested_at)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0, 0, 1, 1, 2, 2), (1, 0, 1, 2, 0, 2)], ids=str)
def test_each_batch_is_committed_once_and_in_order_though_it_comes_twice_and_out_of_order(
    config: Config, monkeypatch: pytest.MonkeyPatch, order: tuple[int, ...]
) -> None:
    monkeypatch.setattr(commit_batches.kafka, "commit_offsets", lambda config, offsets: None)
    Lake.open(config.lake).release()
    batches = written(config)
    names = run_stream(WrittenBatch, [batches[n] for n in order], CommitBatches(config=config))["0"]
    assert names == [BatchName(ingested_at=AT + n) for n in (1, 2, 3)]
    lake = Lake.open_readonly(config.lake)
    assert lake.committed() == {("pages", 0): 5}
    rows = lake.tables.load("fate").scan().to_arrow().sort_by("offset")
    assert rows["offset"].to_pylist() == [0, 1, 2, 3, 4]
    assert rows["fate"].to_pylist() == ["article", "copy", "article", "redelivery", "revision"]


@pytest.mark.parametrize("while_it_is_committed", [False, True])
def test_a_page_taken_down_between_marking_and_committing_is_committed_without_its_content(
    config: Config, monkeypatch: pytest.MonkeyPatch, while_it_is_committed: bool
) -> None:
    monkeypatch.setattr(commit_batches.kafka, "commit_offsets", lambda config, offsets: None)
    Lake.open(config.lake).release()
    made = written(config)
    looked = threading.Event()

    def take() -> None:
        take_down(config.lake, "https://a.example/1", reason="case 4", now=AT + 99)

    def look_and_take(lake: Lake, files: Sequence[DataFile]) -> tuple[DataFile, ...]:
        found = without_taken_down(lake, files)
        if not looked.is_set():
            looked.set()
            take()
        return found

    if while_it_is_committed:
        monkeypatch.setattr(commit_batches, "without_taken_down", look_and_take)
    else:
        take()
    names = run_stream(WrittenBatch, made, CommitBatches(config=config))["0"]
    assert [name.ingested_at for name in names] == [AT + 1, AT + 2, AT + 3]
    lake = Lake.open_readonly(config.lake)
    assert lake.committed() == {("pages", 0): 5}
    rows = lake.tables.load("articles").scan().to_arrow().to_pylist()
    taken = [row for row in rows if row["url"] == "https://a.example/1"]
    assert [(row["withheld"], row["body"], row["title"]) for row in taken] == [("case 4", None, None)]
    assert all(row["title"] for row in rows if row not in taken)
    report = audit(config.lake.path)
    assert report.right, report.findings


def test_a_batch_that_the_lake_has_is_dropped_before_it_is_marked(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_batches.kafka, "commit_offsets", lambda config, offsets: None)
    Lake.open(config.lake).release()
    run_stream(WrittenBatch, written(config), CommitBatches(config=config))
    mark_in_order._residents.clear()
    again = three_batches()
    fourth = AT + 4
    new = WholeBatch(plan=plan(fourth, 5, 6), parts=(draft_part(fourth, 5, "https://d.example/7", story(1)),))
    kept = run_stream(WholeBatch, [*again, new], MarkInOrder(config=config))
    assert fates(kept) == {5: Fate.COPY}


def test_a_broker_that_is_away_does_not_undo_a_commit(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any) -> None:
        raise Transient("no broker answers")

    monkeypatch.setattr(commit_batches.kafka, "commit_offsets", away)
    Lake.open(config.lake).release()
    names = run_stream(WrittenBatch, written(config), CommitBatches(config=config))["0"]
    assert len(names) == 3
    assert "was not told" in caplog.text


def test_the_writer_is_given_back_after_an_error_so_that_another_may_open_the_lake(config: Config) -> None:
    with pytest.raises(Transient), commit_batches.worker_lake.writer(config.lake):
        raise Transient("disk full")
    Lake.open(config.lake).release()


def test_committer_waits_while_the_catalog_is_locked(
    config: Config, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_batches.kafka, "commit_offsets", lambda *_: None)
    Lake.open(config.lake).release()
    batches = written(config)
    caplog.set_level("INFO")
    held = threading.Event()

    def told() -> list[str]:
        return [r.getMessage() for r in caplog.records if "the catalog or store of" in r.getMessage()]

    def hold() -> None:
        catalog = Path(config.lake.path, "catalog.db")
        with closing(sqlite3.connect(catalog, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            held.set()
            while not told():
                time.sleep(0.1)
            other.execute("COMMIT")

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    names = run_stream(WrittenBatch, batches, CommitBatches(config=config))["0"]
    holder.join()
    assert len(names) == 3
    first, last = told()
    assert first.startswith("waiting for") and "is back after" in last
