"""From extracted pages to rows: identity, copies, enrichment, tables."""

import random
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from newsmill.config import CopiesConfig, EnrichConfig, KeepBody, OnReserved
from newsmill.copies.index import CopyIndex
from newsmill.flow.bounded.mark_copies import MarkCopies
from newsmill.flow.bounded.write_tables import WriteTables
from newsmill.flow.elements.chunks import (
    ArticleChunk,
    ClassifiedChunk,
    EventChunk,
    Extracted,
    ExtractedChunk,
    RecordCoder,
    SketchedChunk,
    TerminalFates,
)
from newsmill.flow.steps.enrich import LinkEntities
from newsmill.flow.steps.identify import IdentifyDrafts, identify
from newsmill.flow.steps.mark import mark
from newsmill.flow.steps.tabulate import TabulateRows, tabulate
from newsmill.records import Extraction, Fate, Language, Page, RawPage, Rights, SourceRecord
from newsmill.runtime import registry

AT = 1_700_000_000_000_000
WORDS = "harbour council bridge tariff storm ferry election budget glacier orchard museum strike".split()


def story(seed: int, sentences: int = 12) -> str:
    rng = random.Random(seed)
    return "\n".join(
        " ".join(rng.choice(WORDS) + str(rng.randint(0, 99)) for _ in range(14)).capitalize() + "."
        for _ in range(sentences)
    )


def extracted(record: SourceRecord, url: str, body: str, rights: Rights = Rights()) -> Extracted:  # noqa: B008
    return Extracted(
        record=record,
        raw=RawPage(position=record.position, url=url, body=b""),
        page=Page(
            title="A title",
            body=body,
            published_at=AT - 1_000_000 * (100 - record.position.offset),
            rights=rights,
            extraction=Extraction(method="given", reason="test"),
        ),
        language=Language(code="en", confidence=1.0, method="given"),
    )


@pytest.fixture
def pages(record) -> tuple[Extracted, ...]:
    """A story, its copy elsewhere, another story, the first again, and a change of the first."""
    bodies = [story(1), story(1), story(2), story(1), story(1) + "\n" + story(3, 2)]
    urls = ["https://a.example/1", "https://b.example/9", "https://c.example/2", "https://a.example/1"]
    urls.append("https://a.example/1")
    return tuple(
        extracted(record(n, b"x" * 10), url, body)
        for n, (url, body) in enumerate(zip(urls, bodies, strict=True))
    )


@pytest.fixture
def index(request: pytest.FixtureRequest) -> Iterator[CopyIndex]:
    made = CopyIndex(CopiesConfig(keep_body=getattr(request, "param", KeepBody.UNLESS_EXACT)))
    registry.register("index", made)
    yield made
    registry.unregister("index")


def sketched(pages: tuple[Extracted, ...]) -> SketchedChunk:
    return SketchedChunk(drafts=tuple(identify(page, AT) for page in pages))


def test_identify_keeps_the_order_and_the_identity_of_the_envelope(run_eagerly, pages) -> None:
    chunks = [ExtractedChunk(ingested_at=AT, pages=pages)]
    out = run_eagerly(IdentifyDrafts(cpu_limit_s=10), chunks, ExtractedChunk)
    (chunk,) = out["oks"]
    assert not out["ends"]
    assert chunk == sketched(pages)
    assert [item.draft.domain for item in chunk.drafts] == [
        "a.example", "b.example", "c.example", "a.example", "a.example",
    ]  # fmt: skip
    ids = [item.draft.article_id for item in chunk.drafts]
    assert ids[0] == ids[3] == ids[4] != ids[1]


def test_identify_quarantines_what_breaks_its_budget_and_the_others_go_on(
    run_eagerly, pages, monkeypatch
) -> None:
    slow = pages[1].record.position
    monkeypatch.setattr(
        "newsmill.flow.steps.identify.attribute",
        lambda draft: _spend_cpu(0.4) if draft.position == slow else None,
    )
    chunks = [ExtractedChunk(ingested_at=AT, pages=pages)]
    out = run_eagerly(IdentifyDrafts(cpu_limit_s=0.3), chunks, ExtractedChunk)
    (ends,), (chunk,) = out["ends"], out["oks"]
    (failure,) = ends.failures
    assert (failure.code, failure.stage, failure.record) == ("E_BUDGET", "identify", pages[1].record)
    assert len(chunk.drafts) == len(pages) - 1


def _spend_cpu(seconds: float) -> None:
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        pass


def test_mark_tells_article_copy_redelivery_and_revision_apart(run_eagerly, pages, index) -> None:
    out = run_eagerly(MarkCopies(batch_id="b1", index="index"), [sketched(pages)], SketchedChunk)
    fates = {m.draft.position.offset: m.decision.fate for c in out["oks"] for m in c.drafts}
    assert fates == {0: Fate.ARTICLE, 1: Fate.COPY, 2: Fate.ARTICLE, 4: Fate.REVISION}
    (redelivery,) = [f for e in out["ends"] for f in e.fates]
    assert (redelivery.position.offset, redelivery.fate, redelivery.bytes) == (3, Fate.REDELIVERY, 10)
    assert {e.event for c in out["events"] for e in c.events} >= {"created", "joined"}
    index.commit("b1")
    assert index.version == "b1"


@pytest.mark.parametrize("seed", range(5))
def test_mark_decides_the_same_in_any_order_of_arrival(pages, seed: int) -> None:
    items = [SketchedChunk(drafts=(item,)) for item in sketched(pages).drafts]
    random.Random(seed).shuffle(items)
    assert mark(CopyIndex(CopiesConfig()), "b1", items) == mark(
        CopyIndex(CopiesConfig()), "b1", [sketched(pages)]
    )


def test_mark_teaches_nothing_when_the_batch_is_abandoned(pages, index) -> None:
    mark(index, "b1", [sketched(pages)])
    index.abandon("b1")
    marked, _, _ = mark(index, "b2", [sketched(pages[:1])])
    assert [m.decision.fate for m in marked] == [Fate.ARTICLE]


def articles(run_eagerly, pages, index, keep_body: KeepBody, on_reserved: OnReserved) -> ArticleChunk:
    marked, _, _ = mark(index, "b1", [sketched(pages)])
    transform = LinkEntities(config=EnrichConfig(), keep_body=keep_body, on_reserved=on_reserved)
    (chunk,) = run_eagerly(transform, [ClassifiedChunk(drafts=tuple(marked))], ClassifiedChunk)["out"]
    return chunk


@pytest.mark.parametrize(
    ("index", "keep_body", "kept"),
    [
        (KeepBody.UNLESS_EXACT, KeepBody.UNLESS_EXACT, [True, False, True]),
        (KeepBody.ALL, KeepBody.ALL, [True, True, True]),
        (KeepBody.NONE, KeepBody.NONE, [False, False, False]),
    ],
    indirect=["index"],
)
def test_enrich_keeps_all_bodies_but_those_of_exact_copies_unless_all_or_none_are_wanted(
    run_eagerly, pages, index, keep_body: KeepBody, kept: list[bool]
) -> None:
    chunk = articles(run_eagerly, pages[:3], index, keep_body, OnReserved.KEEP)
    assert [item.article.keep_body for item in chunk.articles] == kept
    hashes = [item.article.body_hash for item in chunk.articles]
    assert hashes[0] == hashes[1]
    assert (hashes[0] is None) == (keep_body is KeepBody.NONE)
    assert chunk.articles[1].article.origin is not None


def test_enrich_keeps_the_body_of_a_copy_that_says_more(run_eagerly, pages, record, index) -> None:
    longer = extracted(record(7, b"x"), "https://d.example/1", story(1) + "\n" + story(3, 2))
    chunk = articles(run_eagerly, (pages[0], longer), index, KeepBody.UNLESS_EXACT, OnReserved.KEEP)
    assert [item.article.duplicate.is_duplicate for item in chunk.articles] == [False, True]
    assert [item.article.keep_body for item in chunk.articles] == [True, True]


def test_a_text_whose_rights_are_reserved_stands_for_no_other(run_eagerly, pages, record, index) -> None:
    reserved = extracted(record(0, b"x"), "https://a.example/1", story(1), Rights(reserved=True))
    chunk = articles(run_eagerly, (reserved, pages[1]), index, KeepBody.UNLESS_EXACT, OnReserved.KEEP)
    assert [item.article.duplicate.is_duplicate for item in chunk.articles] == [False, True]
    assert [item.article.keep_body for item in chunk.articles] == [True, True]


def test_enrich_drops_the_body_when_rights_are_reserved_and_only_metadata_is_wanted(
    run_eagerly, record, index
) -> None:
    page = extracted(record(0, b"x"), "https://a.example/1", story(1), Rights(reserved=True))
    chunk = articles(run_eagerly, (page,), index, KeepBody.ALL, OnReserved.METADATA_ONLY)
    _, _, table = next(tabulate(chunk))
    assert table["body"].to_pylist() == [None]
    assert table["title"].to_pylist() == ["A title"]


def test_tabulate_gives_each_record_one_row_of_fate(run_eagerly, pages, index) -> None:
    marked, ended, events = mark(index, "b1", [sketched(pages)])
    enriched = LinkEntities(
        config=EnrichConfig(), keep_body=KeepBody.UNLESS_EXACT, on_reserved=OnReserved.KEEP
    )
    (chunk,) = run_eagerly(enriched, [ClassifiedChunk(drafts=tuple(marked))], ClassifiedChunk)["out"]
    rows = [
        *run_eagerly(TabulateRows(), [chunk], ArticleChunk)["out"],
        *run_eagerly(TabulateRows(), [TerminalFates(fates=tuple(ended))], TerminalFates)["out"],
        *run_eagerly(TabulateRows(), [events], EventChunk)["out"],
    ]
    by_table: dict[str, list[dict[str, object]]] = {}
    for row_chunk in rows:
        table = pa.ipc.open_stream(row_chunk.arrow).read_all()
        by_table.setdefault(row_chunk.table, []).extend(table.to_pylist())
    assert sorted(row["offset"] for row in by_table["fate"]) == [0, 1, 2, 3, 4]
    assert sorted(row["offset"] for row in by_table["articles"]) == [0, 1, 2, 4]
    assert len(by_table["cluster_events"]) == len(events.events)


def test_write_gives_the_same_files_when_it_is_done_again(run_eagerly, pages, index, tmp_path) -> None:
    marked, ended, _ = mark(index, "b1", [sketched(pages)])
    rows = run_eagerly(TabulateRows(), [TerminalFates(fates=tuple(ended))], TerminalFates)["out"]
    transform = WriteTables(root=str(tmp_path), file_rows=10)
    first = run_eagerly(transform, rows, type(rows[0]))["out"]
    again = run_eagerly(transform, rows, type(rows[0]))["out"]
    assert first == again
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    assert marked


def test_every_element_comes_back_from_its_coder(pages) -> None:
    for element in (sketched(pages), ExtractedChunk(ingested_at=AT, pages=pages)):
        coder = RecordCoder(type(element))
        assert coder.decode(coder.encode(element)) == element
