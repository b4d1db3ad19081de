import errno
import os
import signal
from concurrent.futures import Future

import pytest

from newsmill.config import EnrichConfig, InputConfig, OnReserved, PageConfig
from newsmill.errors import IN_STEP, Code, Rejected, Transient
from newsmill.flow.elements.chunks import Decoded, DecodedChunk
from newsmill.flow.elements.working import BROKE, RAW, as_raised
from newsmill.flow.steps.decode import Withheld
from newsmill.flow.steps.extract import WINDOW_BYTES, ExtractPages, _Window
from newsmill.flow.steps.readers import readers
from newsmill.page.sandbox_process import Reading
from newsmill.records import Fate, Position, RawPage, SourceRecord
from newsmill.runtime import registry
from processes import children

AT = 1_700_000_000_000_000
LIMITS, ENRICH = PageConfig(processes=1), EnrichConfig(enabled=False)
STORY = " ".join(f"The harbour master of Port Alder counted ship number {n} before noon." for n in range(40))
RESERVED = '<meta name="tdm-reservation" content="1">'


def html(head: str = "", body: str = STORY) -> bytes:
    paragraphs = "".join(f"<p>{body[i : i + 400]}</p>" for i in range(0, len(body), 400))
    return (
        f"<html lang=en><head><title>Ships of Port Alder</title>{head}</head>"
        f"<body><article><h1>Ships of Port Alder</h1>{paragraphs}</article></body></html>"
    ).encode()


def extracted(
    run_eagerly,
    record,
    bodies: list[bytes],
    on_reserved: OnReserved = OnReserved.KEEP,
    withheld: Withheld = Withheld(),  # noqa: B008
):
    pages = []
    for offset, body in enumerate(bodies):
        made = record(offset, body)
        pages.append(
            Decoded(
                record=made, raw=RawPage(position=made.position, url=made.headers[0][1].decode(), body=body)
            )
        )
    transform = ExtractPages(
        page=LIMITS, input=InputConfig(), on_reserved=on_reserved, enrich=ENRICH, withheld=withheld
    )
    return run_eagerly(transform, [DecodedChunk(ingested_at=AT, pages=tuple(pages))], DecodedChunk)


def test_extract_gives_each_page_one_end_or_one_text(run_eagerly, record) -> None:
    out = extracted(
        run_eagerly, record, [html(), b"<html><body></body></html>", b"<div>" * 3000 + STORY.encode()]
    )
    (chunk,) = out["oks"]
    assert [page.record.position.offset for page in chunk.pages] == [0]
    assert "ship number 39" in chunk.pages[0].page.body
    (ends,) = out["ends"]
    fates = {f.position.offset: (f.fate, f.reason) for f in ends.fates}
    assert fates[1][0] is Fate.NOT_ARTICLE
    assert fates[2] == (Fate.QUARANTINED, Code.NESTING.value)
    assert [failure.record.value for failure in ends.failures] == [b"<div>" * 3000 + STORY.encode()]


@pytest.mark.parametrize(
    ("on_reserved", "kept"), [(OnReserved.KEEP, 1), (OnReserved.METADATA_ONLY, 1), (OnReserved.DROP, 0)]
)
def test_extract_withholds_a_page_when_rights_are_reserved_and_dropped(
    run_eagerly, record, on_reserved: OnReserved, kept: int
) -> None:
    out = extracted(run_eagerly, record, [html(RESERVED)], on_reserved)
    assert sum(len(chunk.pages) for chunk in out["oks"]) == kept
    ended = [(f.fate, f.reason) for e in out["ends"] for f in e.fates]
    assert ended == ([] if kept else [(Fate.WITHHELD, "rights_reserved")])


def test_extract_withholds_what_names_itself_by_an_address_that_was_taken_down(run_eagerly, record) -> None:
    """Whatever comes of the page: its record would stay in quarantine, or as a raw one."""
    link = "<link href='https://gone.example/x' rel='canonical'>"
    nested = link.encode() + b"<div>" * 3000
    bodies = [html(), html(link), f"<html><head>{link}</head><body></body></html>".encode(), nested]
    gone = Withheld(url_keys=frozenset({"https://gone.example/x"}))
    out = extracted(run_eagerly, record, bodies, withheld=gone)
    assert [page.record.position.offset for chunk in out["oks"] for page in chunk.pages] == [0]
    ended = sorted((f.position.offset, f.fate, f.reason) for e in out["ends"] for f in e.fates)
    assert ended == [(n, Fate.WITHHELD, "taken_down") for n in (1, 2, 3)]
    assert [failure for e in out["ends"] for failure in e.failures] == []


def test_extract_goes_on_with_the_next_page_when_its_process_is_killed(run_eagerly, record) -> None:
    config = LIMITS.model_dump_json(), InputConfig().model_dump_json(), ENRICH.model_dump_json()
    extracted(run_eagerly, record, [html()])
    for pid in _children_of_sandbox():
        os.kill(pid, signal.SIGKILL)
    out = extracted(run_eagerly, record, [html(), html()])
    assert readers(*config) is readers(*config)
    assert sum(len(chunk.pages) for chunk in out["oks"]) == 2


def _children_of_sandbox() -> list[int]:
    zygotes = children(os.getpid(), "sandbox_child")
    found = [int(fork) for zygote in zygotes for fork in children(int(zygote), "sandbox_child")]
    assert found
    return found


def test_extract_notes_its_stage_when_a_raw_record_can_not_be_kept(run_eagerly, record) -> None:
    class Full:
        def bring(self, *_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    registry.unregister(BROKE)
    registry.register(RAW, Full())
    try:
        with pytest.raises(Exception, match="No space left"):  # Beam gives it another type
            extracted(run_eagerly, record, [html()])
        with pytest.raises(OSError, match="No space left") as told, as_raised():
            extracted(run_eagerly, record, [html()])
    finally:
        registry.unregister(RAW)
        registry.unregister(BROKE)
    assert told.value.__notes__ == [f"{IN_STEP}ExtractPages"]


def decoded(number: int, size: int = 100, encoding: str | None = None) -> Decoded:
    position = Position(topic="t", partition=0, offset=number)
    return Decoded(
        record=SourceRecord(position=position, value=b""),
        raw=RawPage(position=position, url="https://a.example/", body=b"x" * size, content_encoding=encoding),
    )


class Slots:
    """Extraction processes that read a page when the test says so."""

    def __init__(self) -> None:
        self.begun: dict[int, Future[Reading]] = {}

    def submit(self, page: RawPage) -> Future[Reading]:
        return self.begun.setdefault(page.position.offset, Future())

    def end(self, *numbers: int) -> None:
        for number in numbers:
            self.begun[number].set_result(Reading(Rejected(Code.CRASH, str(number))))


def test_window_gives_what_has_been_read_when_one_page_takes_long() -> None:
    window, slots = _Window(), Slots()
    for number in range(4):
        window.begin(slots, AT, decoded(number))
    slots.end(3, 1, 2)
    assert [page.number for page, _ in window.ended(most=1)] == [1, 2, 3]
    window.begin(slots, AT, decoded(4))
    slots.end(4)
    assert [page.number for page, _ in window.ended(most=1)] == [4]
    assert window.ended(most=1) == []
    slots.end(0)
    assert [reading.outcome.message for _, reading in window.ended(most=0)] == ["0"]


def test_window_has_room_for_few_bytes_but_for_a_single_page() -> None:
    window, slots = _Window(), Slots()
    large = decoded(0, WINDOW_BYTES + 1)
    assert window.has_room(large)
    window.begin(slots, AT, large)
    assert not window.has_room(decoded(1, 1))
    slots.end(0)
    window.ended(most=0)
    window.begin(slots, AT, decoded(1, WINDOW_BYTES // 10 - 10, "gzip"))
    assert window.has_room(decoded(2, 100))
    assert not window.has_room(decoded(2, 100, "gzip"))


def test_window_raises_what_a_reading_raised() -> None:
    window, slots = _Window(), Slots()
    window.begin(slots, AT, decoded(0))
    slots.begun[0].set_exception(Transient("no process starts"))
    with pytest.raises(Transient):
        window.ended(most=0)


def test_extract_tells_each_page_once_when_pages_of_several_chunks_are_under_way(run_eagerly, record) -> None:
    def page(offset: int) -> Decoded:
        made = record(offset, html() if offset % 3 else b"<html><body></body></html>")
        return Decoded(
            record=made, raw=RawPage(position=made.position, url="https://paper.example/a", body=made.value)
        )

    chunks = [
        DecodedChunk(ingested_at=AT + n, pages=tuple(page(4 * n + i) for i in range(4))) for n in range(3)
    ]
    transform = ExtractPages(page=LIMITS, input=InputConfig(), on_reserved=OnReserved.KEEP, ahead=5)
    out = run_eagerly(transform, chunks, DecodedChunk)
    told = [(page.record.position.offset, chunk.ingested_at) for chunk in out["oks"] for page in chunk.pages]
    ended = [(fate.position.offset, fate.ingested_at) for ends in out["ends"] for fate in ends.fates]
    assert sorted(told + ended) == [(offset, AT + offset // 4) for offset in range(12)]
    assert sorted(offset for offset, _ in ended) == [0, 3, 6, 9]
