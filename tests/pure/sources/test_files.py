"""Pages from files, folders and sidecars."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from newsmill.config import InputConfig
from newsmill.errors import ConfigError
from newsmill.records import Position, RawPage, SourceRecord
from newsmill.sources import files
from newsmill.sources.envelopes import decode
from newsmill.sources.page_fields import micros
from newsmill.urls import article_id, url_key


def put(folder: Path, name: str, content: str | bytes = "<p>x", **sidecar: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if sidecar:
        name = path.name.removesuffix(".gz")
        path.with_name(name).with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
    return path


def pages(records: list[SourceRecord]) -> list[RawPage]:
    found = [decode(record, InputConfig()) for record in records]
    return [page for page in found if isinstance(page, RawPage)]


def test_page_has_the_fields_of_its_sidecar(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "a.html",
        url="http://a.org/x?utm_source=y",
        fetched_at="2026-11-09T09:00:00Z",
        status=200,
        content_type="text/html; charset=latin-1",
        headers={"X-Robots-Tag": "noai"},
    )
    (record,) = files.read([path])
    assert record.key == article_id(url_key("http://a.org/x")).encode()
    assert record.position == Position(topic=f"file:{path}", partition=0, offset=0)
    (page,) = pages([record])
    assert (page.url, page.status, page.charset) == ("http://a.org/x?utm_source=y", 200, "latin-1")
    assert (page.fetched_at, page.headers) == (micros("2026-11-09T09:00:00Z"), {"x-robots-tag": "noai"})


@pytest.mark.parametrize(
    "html",
    [
        '<link rel="canonical" href="http://a.org/x">',
        '<meta property="og:url" content="http://a.org/x">',
        '<meta property="og:url" content="http://b.org/"><link rel="alternate canonical" href="http://a.org/x">',
    ],
)
@pytest.mark.parametrize("name", ["a.html", "a.html.gz"])
def test_page_without_sidecar_has_its_canonical_url(tmp_path: Path, html: str, name: str) -> None:
    content = f"<html><head>{html}</head><body>".encode()
    packed = gzip.compress(content) if name.endswith(".gz") else content
    (page,) = pages(list(files.read([put(tmp_path, name, packed)])))
    assert (page.url, page.body) == ("http://a.org/x", packed)
    assert page.content_encoding == ("gzip" if name.endswith(".gz") else None)


def test_folder_is_read_in_a_fixed_order_and_by_the_order_of_its_sidecars(tmp_path: Path) -> None:
    put(tmp_path, "b.html", url="http://a.org/b")
    put(tmp_path, "a.html", url="http://a.org/a", order=9)
    put(tmp_path, "sub/c.htm", url="http://a.org/c", partition=2)
    put(tmp_path, "d.bin", b"\x00\x01", url="http://a.org/d")
    put(tmp_path, "notes.txt")
    put(tmp_path, ".hidden.html", url="http://a.org/h")
    records = list(files.read([tmp_path]))
    assert [page.url[-1] for page in pages(records)] == ["b", "d", "c", "a"]
    assert [(r.position.partition, r.position.offset) for r in records] == [(0, 0), (0, 1), (2, 0), (0, 2)]
    assert [found.partition for found in files.scan([tmp_path])] == [None, None, 2, None]
    assert files.count([tmp_path]) == 4


PROBLEMS: dict[str, tuple[str | bytes, str | None, str]] = {
    "no url": ("<p>x", None, "no URL: the page has no canonical link; a.json beside it may say its `url`"),
    "broken sidecar": ("<p>x", "{", "no JSON"),
    "sidecar is a list": ("<p>x", "[]", "must be an object"),
    "sidecar with a bad partition": ("<p>x", '{"url": "http://a.org/", "partition": -1}', "whole numbers"),
    "sidecar with a bad time": (
        "<p>x",
        '{"url": "http://a.org/", "fetched_at": "now"}',
        "fetched_at: 'now' is no time",
    ),
    "sidecar with a bad status": (
        "<p>x",
        '{"url": "http://a.org/", "status": "ok"}',
        "status: 'ok' is no HTTP status",
    ),
    "bad url": ("<p>x", '{"url": "javascript:alert(1)"}', "no http"),
}


@pytest.mark.parametrize(("content", "sidecar", "why"), PROBLEMS.values(), ids=PROBLEMS)
def test_page_that_cannot_be_sent_is_named_and_the_others_are_read(
    tmp_path: Path, content: str, sidecar: str | None, why: str
) -> None:
    put(tmp_path, "a.html", content)
    if sidecar is not None:
        (tmp_path / "a.json").write_text(sidecar, encoding="utf-8")
    put(tmp_path, "b.html", url="http://a.org/b")
    problems: list[tuple[str, str]] = []
    records = list(files.read([tmp_path], on_problem=lambda path, text: problems.append((path.stem, text))))
    assert [page.url for page in pages(records)] == ["http://a.org/b"]
    assert [name for name, _ in problems] == ["a"]
    assert why in problems[0][1]
    with pytest.raises(ConfigError, match=r"a\.(html|json): "):
        list(files.read([tmp_path]))


def test_path_that_does_not_exist_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        list(files.read([tmp_path / "x"], on_problem=lambda path, text: None))


@pytest.mark.parametrize("name", ["crawl.warc", "crawl.warc.gz"])
def test_warc_gives_its_pages_until_it_is_torn(tmp_path: Path, name: str) -> None:
    records = [response(n) for n in range(3)]
    whole = b"".join(gzip.compress(r) for r in records) if name.endswith(".gz") else b"".join(records)
    path = put(tmp_path, name, whole)
    assert [page.url for page in pages(list(files.read([path])))] == [f"http://a.org/{n}" for n in range(3)]
    assert files.count([path]) is None
    path.write_bytes(whole[:-40])
    problems: list[str] = []
    found = list(files.read([path], on_problem=lambda _, text: problems.append(text)))
    assert [page.url for page in pages(found)] == ["http://a.org/0", "http://a.org/1"]
    assert len(problems) == 1


def response(number: int) -> bytes:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>" + b"%d" % number * 100
    head = (
        f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.org/{number}\r\n"
        f"WARC-Date: 2026-11-09T09:00:00Z\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"
