import os
import signal

import pytest

from newsmill.config import EnrichConfig, InputConfig, OnReserved, PageConfig
from newsmill.errors import Code
from newsmill.flow.elements.chunks import Decoded, DecodedChunk
from newsmill.flow.steps.extract import GROUP_BYTES, ExtractPages, _groups
from newsmill.flow.steps.readers import readers
from newsmill.records import Fate, Position, RawPage, SourceRecord
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


def extracted(run_eagerly, record, bodies: list[bytes], on_reserved: OnReserved = OnReserved.KEEP):
    pages = []
    for offset, body in enumerate(bodies):
        made = record(offset, body)
        pages.append(
            Decoded(
                record=made, raw=RawPage(position=made.position, url=made.headers[0][1].decode(), body=body)
            )
        )
    transform = ExtractPages(page=LIMITS, input=InputConfig(), on_reserved=on_reserved, enrich=ENRICH)
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


def test_large_pages_are_read_some_at_a_time_and_all_of_them() -> None:
    def decoded(number: int, size: int, encoding: str | None) -> Decoded:
        position = Position(topic="t", partition=0, offset=number)
        return Decoded(
            record=SourceRecord(position=position, value=b""),
            raw=RawPage(
                position=position, url="https://a.example/", body=b"x" * size, content_encoding=encoding
            ),
        )

    pages = [
        decoded(n, 1_000_000 if n % 3 else GROUP_BYTES + 1, "gzip" if n % 2 else None) for n in range(12)
    ]
    groups = list(_groups(pages))
    assert [page for group in groups for page in group] == pages
    assert max(len(group) for group in groups) < 4
    assert [len(group) for group in _groups([decoded(n, 100, None) for n in range(200)])] == [200]
