"""WARC files whose records are not all in order."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from newsmill.cli import ingest
from newsmill.records import FilePlace, SourceRecord
from newsmill.sources import files, warc_files


def response(
    number: int,
    *,
    url: str | None = None,
    date: str = "2026-11-09T09:00:00Z",
    http: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
    kind: str = "response",
    length: object = None,
    body: bytes = b"<p>" + b"words of a page " * 100,
) -> bytes:
    block, url = http + body, f"http://a.org/{number}" if url is None else url
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\n"
        f"WARC-Date: {date}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
        "Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def found_in(path: Path) -> tuple[list[str], list[str]]:
    """Paths of the URLs that are read, and the problems."""
    problems: list[str] = []
    records = list(files.read([path], on_problem=lambda _, text: problems.append(text)))
    return [url(record)[-2:] for record in records], problems


def url(record: SourceRecord) -> str:
    return (dict(record.headers)["url"] or b"").decode()


def flipped(packed: bytes, at: int) -> bytes:
    content = bytearray(packed)
    content[at] ^= 0xFF
    return bytes(content)


BAD: dict[str, tuple[bytes, str]] = {
    "no time": (response(1, date="not-a-date"), "http://a.org/1): fetched_at: "),
    "no day": (response(1, date="2026-13-45T00:00:00Z"), "http://a.org/1): fetched_at: "),
    "empty URL": (response(1, url=""), "without WARC-Target-URI"),
    "no web address": (response(1, url="ftp://a.org"), "ftp://a.org): no http(s) URL"),
    "no HTTP": (response(1, http=b""), "http://a.org/1): WARC: a response record that is no HTTP"),
    "unknown transfer encoding": (
        response(1, http=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: strange\r\n\r\n"),
        "http://a.org/1): WARC: Unsupported Transfer-Encoding",
    ),
    "no type": (
        response(1).replace(b"WARC-Type: response\r\n", b""),
        "http://a.org/1): WARC: a record without",
    ),
}


@pytest.mark.parametrize("name", ["crawl.warc", "crawl.warc.gz", "whole.warc.gz"])
@pytest.mark.parametrize(("bad", "why"), BAD.values(), ids=BAD)
def test_record_that_can_be_no_page_is_one_problem_and_the_others_are_read(
    tmp_path: Path, name: str, bad: bytes, why: str
) -> None:
    records = [response(0), bad, response(2), response(3, kind="request"), response(4)]
    path = tmp_path / name
    pack = gzip.compress if name == "crawl.warc.gz" else bytes
    content = b"".join(map(pack, records))
    path.write_bytes(gzip.compress(content) if name == "whole.warc.gz" else content)
    read, (problem,) = found_in(path)
    assert read == ["/0", "/2", "/4"]
    start = 0 if name == "whole.warc.gz" else len(pack(records[0]))
    assert problem.startswith(f"record 2 (byte {start}")
    assert why in problem


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "checksum": lambda packed: flipped(packed, -6),
    "length": lambda packed: flipped(packed, -1),
    "content": lambda packed: flipped(packed, len(packed) // 2),
    "first byte": lambda packed: flipped(packed, 0),
    "method": lambda packed: flipped(packed, 2),
    "cut": lambda packed: packed[: len(packed) // 2],
    "zeros": lambda packed: packed[: len(packed) // 2] + bytes(len(packed) // 2),
    "content length too large": lambda _: gzip.compress(response(1, length=5_000_000)),
    "content length too small": lambda _: gzip.compress(response(1, length=300)),
    "no content length": lambda _: gzip.compress(response(1, length="some")),
    "no record": lambda _: gzip.compress(b"something else\r\n\r\n"),
}


@pytest.mark.parametrize("size", [100, 400_000])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_reading_goes_on_behind_a_gzip_member_that_is_damaged(
    tmp_path: Path, damage: Callable[[bytes], bytes], size: int
) -> None:
    noise = random.Random(7)
    packed = [gzip.compress(response(n, body=noise.randbytes(size).hex().encode())) for n in range(5)]
    packed[1] = damage(packed[1])
    path = tmp_path / "crawl.warc.gz"
    path.write_bytes(b"".join(packed))
    read, (problem,) = found_in(path)
    assert read == ["/0", "/2", "/3", "/4"]
    assert f"byte {len(packed[0])}" in problem
    assert "rest of the file" not in problem


@pytest.mark.parametrize("cut", [1, 9, 200, 1000])
def test_page_of_a_member_in_which_the_file_ends_is_not_read(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "crawl.warc.gz"
    noise = random.Random(7)
    packed = b"".join(
        gzip.compress(response(n, body=noise.randbytes(2_000).hex().encode())) for n in range(3)
    )
    path.write_bytes(packed[:-cut])
    read, (problem,) = found_in(path)
    assert read == ["/0", "/1"]
    assert problem.startswith("record 3 (byte ")
    assert problem.endswith("; the rest of the file was not read")


def test_what_a_crawler_notes_beside_pages_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "crawl.warc"
    dns = response(1, url="dns:a.org", http=b"", body=b"a.org. IN A 192.0.2.1\n")
    path.write_bytes(
        response(0) + dns.replace(b"application/http; msgtype=response", b"text/dns") + response(2)
    )
    assert found_in(path) == (["/0", "/2"], [])


def test_padding_behind_the_last_member_is_no_problem_and_text_is(tmp_path: Path) -> None:
    path = tmp_path / "crawl.warc.gz"
    path.write_bytes(gzip.compress(response(0)) + bytes(512))
    assert found_in(path) == (["/0"], [])
    path.write_bytes(gzip.compress(response(0)) + b"more")
    read, (problem,) = found_in(path)
    assert read == ["/0"]
    assert problem.endswith("no gzip member begins here; the rest of the file was not read")


def test_rest_of_a_plain_file_is_told_as_unread_where_no_record_begins(tmp_path: Path) -> None:
    """What a page holds must not become a page of another address."""
    path = tmp_path / "crawl.warc"
    forged = response(7, url="http://bank.org/7")
    path.write_bytes(response(0) + b"no record\r\n\r\n" + response(1, body=forged) + response(2))
    assert found_in(path) == (["/0"], ["record 2: Invalid WARC header; the rest of the file was not read"])
    path.write_bytes(response(0) + response(1, length="x", body=forged) + response(2))
    read, (problem,) = found_in(path)
    assert read == ["/0"]
    assert problem.startswith("record 2 (byte ")
    assert problem.endswith("; the rest of the file was not read")


@pytest.mark.parametrize("length", [300, 3_000])
def test_page_of_a_wrong_length_in_a_plain_file_is_not_read(tmp_path: Path, length: int) -> None:
    path = tmp_path / "crawl.warc"
    path.write_bytes(b"".join([response(0), response(1, length=length), response(2), response(3)]))
    read, (problem,) = found_in(path)
    assert read == ["/0"]
    assert "http://a.org/1): its Content-Length is wrong" in problem
    assert problem.endswith("; the rest of the file was not read")


def test_file_of_ever_new_damage_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warc_files, "MOST_DAMAGED", 3)
    path = tmp_path / "crawl.warc.gz"
    path.write_bytes(flipped(gzip.compress(response(0)), -1) * 9 + gzip.compress(response(1)))
    read, problems = found_in(path)
    assert read == []
    assert len(problems) == 3
    assert problems[-1].endswith("; the rest of the file was not read")


def test_ingest_names_the_record_and_counts_the_others(tmp_path: Path) -> None:
    path = tmp_path / "crawl.warc"
    big = response(2, body=b"x" * 2_000)
    path.write_bytes(response(0) + response(1, date="now") + big + response(3))
    app = typer.Typer()
    app.command()(ingest.ingest)
    limit = ["--set", "input.max_value_bytes=1900"]
    done = CliRunner().invoke(app, [str(path), "--topic", "t", "--dry-run", "--json", *limit])
    assert done.exit_code == 1, done.output
    said = json.loads(done.stdout)
    assert said["sent"] == 2
    assert [problem["path"] for problem in said["problems"]] == [str(path)] * 2
    one, two = (problem["problem"] for problem in said["problems"])
    assert one.startswith("record 2 (byte ")
    assert two.startswith("record 3 (byte ")
    assert "http://a.org/2): 2000 bytes, more than input.max_value_bytes" in two


def places(path: Path) -> list[FilePlace | None]:
    return [record.source for record in files.read([path], on_problem=lambda file, problem: None)]


@pytest.mark.parametrize("packed", [True, False], ids=["gzip", "plain"])
def test_place_is_that_of_the_stored_record(tmp_path: Path, packed: bool) -> None:
    records = [response(0), response(1, kind="request"), response(2, body=b"short"), response(3)]
    stored = [gzip.compress(record) if packed else record for record in records]
    path = tmp_path / ("crawl.warc.gz" if packed else "crawl.warc")
    path.write_bytes(b"".join(stored))
    starts = [sum(map(len, stored[:n])) for n in range(4)]
    assert places(path) == [
        FilePlace(file=path.as_posix(), offset=starts[n], length=len(stored[n])) for n in (0, 2, 3)
    ]


def test_record_is_read_from_its_place_when_all_else_of_the_file_is_lost(tmp_path: Path) -> None:
    stored = [gzip.compress(response(n)) for n in range(3)]
    path = tmp_path / "crawl.warc.gz"
    path.write_bytes(b"".join(stored))
    wanted = list(files.read([path]))[1]
    path.write_bytes(bytes(len(stored[0])) + stored[1] + bytes(len(stored[2])))
    assert wanted.source is not None
    assert files.read_at(wanted.source, wanted.position) == wanted


@pytest.mark.parametrize("content", [b"", b"\0" * 900, gzip.compress(response(7)) * 3])
def test_record_that_is_no_more_at_its_place_is_not_given(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "crawl.warc.gz"
    path.write_bytes(gzip.compress(response(0)) + gzip.compress(response(1, body=b"short")))
    wanted = list(files.read([path]))[1]
    assert wanted.source is not None
    path.write_bytes(content)
    assert files.read_at(wanted.source, wanted.position) is None
    path.unlink()
    assert files.read_at(wanted.source, wanted.position) is None


def test_member_of_several_records_is_the_place_of_none(tmp_path: Path) -> None:
    path = tmp_path / "whole.warc.gz"
    path.write_bytes(gzip.compress(response(0) + response(1)) + gzip.compress(response(2)))
    first, second, third = places(path)
    assert first == second == FilePlace(file=path.as_posix())
    assert third is not None
    assert third.offset is not None


def test_page_of_its_own_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(b'<link rel="canonical" href="http://a.org/1"><p>one')
    (tmp_path / "b.html").write_bytes(b"<p>two")
    (tmp_path / "b.json").write_text('{"url": "http://a.org/2", "status": 200}')
    for record in files.read([tmp_path]):
        assert record.source is not None
        assert (record.source.offset, record.source.length) == (None, None)
        assert files.read_at(record.source, record.position) == record
