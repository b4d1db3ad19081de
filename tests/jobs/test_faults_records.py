"""Records that come twice, out of order, or break a stage; clocks that jump: the main job on a local lake."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import msgspec
import pytest

import sandbox_readers
from broker import Broker
from newsmill.config import BatchConfig, Config, EnrichConfig, InputConfig, LakeConfig, OnDataLoss, PageConfig
from newsmill.copies.sketches import Sketch, placed
from newsmill.errors import DataLoss
from newsmill.flow.elements.chunks import RecordChunk
from newsmill.flow.steps import extract
from newsmill.lake import reader
from newsmill.lake.ledger import Batch
from newsmill.lake.verification.audit import audit
from newsmill.lake.writer import Lake
from newsmill.page.sandbox import Sandbox
from newsmill.page.sandbox_process import Reading
from newsmill.records import Draft, OffsetRange, Position, RawPage, SourceRecord
from newsmill.runners.batch_sources import Committed, KafkaSource, Source
from newsmill.runners.direct import MicroBatchRunner
from newsmill.runtime.batch_memory import BASE_MB, LEAST_MB
from newsmill.sources.kafka import Plan

AT = 1_790_000_000_000_000
MINUTE, YEAR = 60_000_000, 365 * 86_400_000_000
SETTINGS = Config(enrich=EnrichConfig(enabled=False), page=PageConfig(processes=1))
WORDS = "harbour council bridge tariff storm ferry election budget glacier orchard museum strike".split()


class Given:
    """A topic of one partition, in memory: the broker's part, where nothing of it is under test."""

    def __init__(self, records: Sequence[SourceRecord], *, batch: int) -> None:
        self._records = records
        self._batch = batch

    def lag(self, committed: Committed, *, waits: bool = True) -> dict[tuple[str, int], int]:
        return {("pages", 0): len(self._records) - committed.get(("pages", 0), 0)}

    def held_back(self, committed: Committed) -> tuple[()]:
        return ()

    def plan(self, committed: Committed, topic_ids: object, *, records: int | None = None) -> Plan:
        start = committed.get(("pages", 0), 0)
        end = min(start + min(self._batch, records or self._batch), len(self._records))
        piece = OffsetRange(
            topic="pages", partition=0, start=start, end=end, records=end - start, bytes=0, offsets_crc=None
        )
        return Plan(slices=(piece,) * (start < end), gaps=(), caught_up=end == len(self._records), ends={})

    def check_present(self, batch: Batch) -> None: ...

    def read(self, pipeline: beam.Pipeline, batch: Batch) -> Any:
        chunks = [
            RecordChunk(ingested_at=batch.ingested_at, records=(self._records[offset],))
            for piece in batch.slices
            for offset in range(piece.start, piece.end)
        ]
        return pipeline | beam.Create(chunks).with_output_types(RecordChunk)

    def quarantined(self, rows: object) -> None: ...

    def done(self, committed: Committed) -> None: ...


def page(story: int, sentences: int = 12) -> bytes:
    rng = random.Random(story)
    lines = (
        " ".join(rng.choice(WORDS) + str(rng.randint(0, 99)) for _ in range(14)) for _ in range(sentences)
    )
    text = "".join(f"<p>The {line} was said in the town on Monday.</p>" for line in lines)
    head = f"<html lang=en><head><title>Story {story}</title></head>"
    return f"{head}<body><article><h1>Story {story}</h1>{text}</article></body></html>".encode()


def record(
    offset: int, url: str, value: bytes, *, at: int | None = None, fetched: int | None = None
) -> SourceRecord:
    headers = [("url", url.encode())] + ([("fetched-at", str(fetched).encode())] if fetched else [])
    return SourceRecord(
        position=Position(topic="pages", partition=0, offset=offset),
        value=value,
        headers=tuple(headers),
        timestamp=at,
    )


def run(
    lake: Path,
    records: Sequence[SourceRecord],
    *,
    batch: int = 100,
    clock: Callable[[], int] = lambda: AT,
) -> None:
    """As `newsmill run --once`, in this process."""
    config = SETTINGS.model_copy(update={"lake": LakeConfig(path=str(lake))})
    run_from(Given(records, batch=batch), config, clock)


def run_from(source: Source, config: Config, clock: Callable[[], int] = lambda: AT) -> None:
    owned = Lake.open(config.lake)
    try:
        mill = MicroBatchRunner(config, source, owned, clock=clock)
        mill.run(once=True, stop=threading.Event(), watches=())
    finally:
        owned.release()


def rows(lake: Path, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Rows in the order of their offsets, without these."""
    found = reader.rows(str(lake), table).to_table(columns=["offset", *columns]).sort_by("offset")
    return list(zip(*(found[column].to_pylist() for column in columns), strict=True))


# Twice, and out of order


@pytest.mark.parametrize("batch", [1, 10], ids=["two batches", "one batch"])
def test_page_delivered_at_two_offsets_is_one_article_and_a_redelivery(tmp_path: Path, batch: int) -> None:
    twice = [record(n, "https://paper.example/a", page(1), at=AT + n) for n in range(2)]
    run(tmp_path, twice, batch=batch)
    ((first, *one), (again, *other)) = rows(tmp_path, "fate", "fate", "article_id", "revision")
    assert (first, again) == ("article", "redelivery")
    assert one == other
    assert reader.rows(str(tmp_path), "articles").count_rows() == 1
    assert audit(str(tmp_path)).findings == []


@pytest.mark.parametrize("batch", [100, 4], ids=["within a batch", "across batches"])
def test_records_whose_times_go_backwards_have_the_same_fates_each_time(tmp_path: Path, batch: int) -> None:
    """Every page in three versions, the newest first; each copied before it was written."""
    given = []
    for n in range(12):
        site, story, version = ("copy", "paper")[n % 2], n // 2 % 2, n // 4
        at = AT - n * MINUTE
        given.append(
            record(
                n, f"https://{site}.example/{story}", page(10 * story + version), at=at, fetched=at - MINUTE
            )
        )
    for lake in ("one", "other"):
        run(tmp_path / lake, given, batch=batch)
    report = audit(str(tmp_path / "one"), same_as=str(tmp_path / "other"))
    assert (report.findings, report.records) == ([], 12)
    found = rows(tmp_path / "one", "articles", "url", "revision", "fetched_at")
    assert sorted(revision for _, revision, _ in found) == [1] * 4 + [2] * 4 + [3] * 4
    assert [at.timestamp() * 1e6 for _, _, at in found] == [AT - (n + 1) * MINUTE for n in range(12)]


@pytest.mark.kafka
def test_topic_made_again_stops_the_job_until_losses_are_skipped(kafka: Broker, tmp_path: Path) -> None:
    """It has grown past the committed offset, so that nothing but its id tells."""
    topic = kafka.topic()
    config = SETTINGS.model_copy(update={"kafka": topic, "lake": LakeConfig(path=str(tmp_path / "lake"))})
    kafka.send(topic, [page(n) for n in range(3)], headers=[("url", b"https://paper.example/old")])
    run_from(KafkaSource(config), config)
    before = Lake.open_readonly(config.lake)
    (old,) = before.topic_ids().values()
    kafka.make_again(topic)
    kafka.send(topic, [page(n) for n in range(10, 15)], headers=[("url", b"https://paper.example/new")])
    with pytest.raises(DataLoss, match=f"has the id .* the one with the id {old}: .* made again"):
        run_from(KafkaSource(config), config)
    assert Lake.open_readonly(config.lake).committed() == before.committed() == {(topic.topic, 0): 3}
    skipping = config.model_copy(update={"on_data_loss": OnDataLoss.SKIP})
    run_from(KafkaSource(skipping), skipping)
    assert Lake.open_readonly(config.lake).topic_ids().keys() == {topic.topic}
    assert old not in Lake.open_readonly(config.lake).topic_ids().values()
    run_from(KafkaSource(config), config)
    report = audit(config.lake.path, broker=topic)
    assert (report.findings, report.records) == ([], 5)


# Clocks


def test_clock_that_jumps_a_year_ahead_and_back_gives_times_that_only_grow(tmp_path: Path) -> None:
    clock = iter([AT, AT + YEAR, AT + MINUTE, AT + YEAR + MINUTE])
    given = [record(n, f"https://paper.example/{n}", page(n)) for n in range(4)]
    run(tmp_path, given, batch=1, clock=lambda: next(clock))
    times = [at.timestamp() * 1e6 for (at,) in rows(tmp_path, "fate", "ingested_at")]
    assert times == [AT, AT + YEAR, AT + YEAR + 1, AT + YEAR + MINUTE]
    assert {folder.name for folder in (tmp_path / "articles" / "data").iterdir()} == {
        "dt=2026-09-21", "dt=2027-09-21",
    }  # fmt: skip
    report = audit(str(tmp_path))
    assert (report.findings, report.fates) == ([], {"article": 4})


# Poison: the last of three pages


def at_the_poison(call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, which fails where it is given anything of the poison page."""

    def failing(*arguments: Any, **named: Any) -> Any:
        if any("poison.example" in repr(argument) for argument in arguments):
            raise RuntimeError("nobody foresaw this")
        return call(*arguments, **named)

    return failing


STAGES = {
    "decode": "newsmill.flow.steps.decode.decode",
    "identify": "newsmill.flow.steps.identify.draft",
    "deduplicate": "newsmill.flow.bounded.mark_copies.mark",
    "enrich": "newsmill.flow.steps.enrich.finish",
    "tabulate": "newsmill.flow.steps.tabulate.tabulate",
    "write": "newsmill.lake.files.write_all",
}
"""What each stage calls for a page, or for the rows of one."""


@pytest.fixture
def three() -> list[SourceRecord]:
    urls = ["https://paper.example/0", "https://paper.example/1", "https://poison.example/bug"]
    return [record(n, url, page(n)) for n, url in enumerate(urls)]


@pytest.mark.parametrize("stage", STAGES)
def test_unknown_exception_stops_the_job_and_loses_nothing_in(
    tmp_path: Path, three: list[SourceRecord], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    module, name = STAGES[stage].rsplit(".", 1)
    call = getattr(import_module(module), name)
    with monkeypatch.context() as patched:
        patched.setattr(STAGES[stage], at_the_poison(call))
        with pytest.raises(Exception, match="nobody foresaw this"):  # Beam gives it another type
            run(tmp_path, three, batch=2)
    report = audit(str(tmp_path))
    assert (report.findings, report.fates) == ([], {"article": 2})
    run(tmp_path, three, batch=2)
    report = audit(str(tmp_path))
    assert (report.findings, report.fates) == ([], {"article": 3})


def test_bug_that_a_page_finds_in_an_extraction_process_is_quarantined_with_its_traceback(
    tmp_path: Path, three: list[SourceRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There a page is alone, so that a bug is of this page; everywhere else it stops the job."""
    monkeypatch.setenv("PYTHONPATH", str(Path(sandbox_readers.__file__).parent), prepend=os.pathsep)
    limits = PageConfig(processes=1)
    enrich = EnrichConfig(enabled=False).model_dump_json()
    whole = extract.readers(limits.model_dump_json(), InputConfig().model_dump_json(), enrich)
    with Sandbox(page=limits, input=InputConfig(), read="sandbox_readers:misbehave") as broken_parser:

        def read(raw: RawPage) -> Future[Reading[Any]]:
            return (broken_parser if "poison.example" in raw.url else whole).submit(raw)

        monkeypatch.setattr(extract, "readers", lambda *_: SimpleNamespace(submit=read))
        run(tmp_path, three)
    assert [fate for (fate,) in rows(tmp_path, "fate", "fate")] == ["article", "article", "quarantined"]
    ((stage, code, message),) = rows(tmp_path, "quarantine", "stage", "code", "message")
    assert (stage, code) == ("extract", "E_CRASH")
    assert "nobody foresaw this" in message and "misbehave" in message
    assert audit(str(tmp_path)).findings == []


@pytest.mark.parametrize(
    ("stage", "code", "change"),
    [
        ("decode", "E_URL", {"headers": (("url", b"nowhere"),)}),
        ("extract", "E_DECOMP", {"value": b"\x1f\x8b\x08\x00 torn"}),
        ("extract", "E_NESTING", {"value": b"<html>" + b"<div>" * 3000 + page(2)}),
    ],
    ids=["decode", "extract-bytes", "extract-page"],
)
def test_rejected_page_is_quarantined_with_stage_and_code_and_the_others_pass(
    tmp_path: Path, three: list[SourceRecord], stage: str, code: str, change: dict[str, Any]
) -> None:
    three[1] = msgspec.structs.replace(three[1], **change)
    run(tmp_path, three)
    assert [fate for (fate,) in rows(tmp_path, "fate", "fate")] == ["article", "quarantined", "article"]
    assert rows(tmp_path, "quarantine", "stage", "code") == [(stage, code)]
    assert audit(str(tmp_path)).findings == []


def test_page_that_breaks_its_budget_after_extraction_is_quarantined_and_the_batch_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spend(shape: Sketch, draft: Draft) -> Sketch:
        start = time.thread_time()
        while draft.position.offset == 1 and time.thread_time() - start < 1.2:
            pass
        return placed(shape, draft)

    monkeypatch.setattr("newsmill.flow.steps.identify.placed", spend)
    pages = SETTINGS.page.model_copy(update={"cpu_limit_s": 1.0})
    config = SETTINGS.model_copy(update={"lake": LakeConfig(path=str(tmp_path)), "page": pages})
    given = [record(n, f"https://paper.example/{n}", page(n)) for n in range(3)]
    run_from(Given(given, batch=10), config)
    assert rows(tmp_path, "fate", "fate", "reason", "stage") == [
        ("article", None, None),
        ("quarantined", "E_BUDGET", "identify"),
        ("article", None, None),
    ]
    assert rows(tmp_path, "quarantine", "payload") == [(page(1),)]
    assert audit(str(tmp_path)).findings == []


@pytest.mark.parametrize("headers", [(), (("url", b"https://a.example/1"),)], ids=["decode", "extract"])
def test_batch_that_takes_more_memory_than_is_set_is_planned_again_with_fewer_records(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, headers: tuple[tuple[str, bytes], ...]
) -> None:
    """Each payload takes all the room there is, so each ends in a batch of its own."""
    records = [
        SourceRecord(
            position=Position(topic="pages", partition=0, offset=offset),
            value=b"\x1f\x8b\x08\x00 torn" + random.Random(offset).randbytes(3_000_000),
            headers=headers,
        )
        for offset in range(4)
    ]
    bounds = BatchConfig(memory_mb=BASE_MB + LEAST_MB)
    config = SETTINGS.model_copy(update={"lake": LakeConfig(path=str(tmp_path)), "batch": bounds})
    run_from(Given(records, batch=100), config)
    assert "is planned again" in caplog.text
    report = audit(str(tmp_path))
    assert (report.findings, report.fates) == ([], {"quarantined": 4})
