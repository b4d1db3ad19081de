"""Reading pages from files: HTML files, folders of them, WARC files; the records `ingest` sends.

Beside a page `name.html` may stand `name.json`, its sidecar, with the envelope's fields (`url`,
`fetched_at`, `status`, `content_type`, `charset`, `content_encoding`, `final_url`, `headers`) and
where it goes: `partition`, and `order` among the pages of its folder. Without one, the page's own
canonical link is its URL.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from resiliparse.parse.html import HTMLTree

from newsmill.errors import Code, ConfigError, Rejected
from newsmill.records import FilePlace, Position, RawPage, Record, SourceRecord
from newsmill.sources import envelopes, warc_files
from newsmill.sources.fields import NAMES
from newsmill.urls import article_id, url_key

TOPIC: Final = "file:"
"""Beginning of the topic of records that are read from files; the path follows."""

_HTML = re.compile(r"\.x?html?(\.gz)?$", re.IGNORECASE)
_WARC = re.compile(r"\.warc(\.gz)?$", re.IGNORECASE)
_GZIP: Final = ".gz"
_PLACE: Final = ("partition", "order")
_HEAD_BYTES: Final = 262_144
"""Where a page's canonical link is looked for."""

Problem = Callable[[Path, str], None]


class FileRecord(Record, frozen=True, kw_only=True):
    """A page of a file as the record it is sent as."""

    record: SourceRecord
    origin: Path  # its file
    place: str  # in its file, where that holds more than one: record, byte and URL
    partition: int | None  # where its sidecar wants it; None leaves the choice to the key


def read(paths: Iterable[Path], *, on_problem: Problem | None = None) -> Iterator[SourceRecord]:
    """Read the pages of files and folders, in an order that does not depend on the file system.

    Each path given is a topic of its own, `file:<path>`; offsets count its pages by partition (0
    where the sidecar names none). The key is the hash of the page's normalised URL, so every
    version of a page has the same.

    Args:
        paths: HTML files, WARC files, and folders of both. In a folder, files of other kinds count
            only where they have a sidecar.
        on_problem: Called with the file of each page that can't be sent, and why (of a page in a WARC file
            with its place); it is passed over. Where absent, the first one is an error.

    Raises:
        ConfigError: A path does not exist, or (without `on_problem`) a page can't be sent.
    """
    return (found.record for found in scan(paths, on_problem=on_problem))


def scan(paths: Iterable[Path], *, on_problem: Problem | None = None) -> Iterator[FileRecord]:
    """As `read`, with the partition that each page's sidecar asks for."""
    report = on_problem or _refuse
    for path in paths:
        topic = f"{TOPIC}{path.as_posix()}"
        offsets: Counter[int] = Counter()
        for file, found, wanted in _pages(path, report):
            partition = wanted or 0
            position = Position(topic=topic, partition=partition, offset=offsets[partition])
            source = FilePlace(file=file.as_posix(), offset=found.offset, length=found.length)
            try:
                record = _record(found.page, position, source)
            except Rejected as error:
                report(file, f"{found.place}: {error.message}" if found.place else error.message)
                continue
            yield FileRecord(record=record, origin=file, place=found.place, partition=wanted)
            offsets[partition] += 1


def read_at(source: FilePlace, position: Position) -> SourceRecord | None:
    """The record of a page that stands at a place, as `read` gave it; None where it is not there any more.

    A WARC record is read from its place, a page's own file whole. None too where the place is that of a WARC
    record which can't be read alone.
    """
    file = Path(source.file)
    try:
        if source.offset is not None and source.length is not None:
            page = warc_files.page_at(file, source.offset, source.length)
        elif _WARC.search(file.name):
            return None
        else:
            sidecar = _sidecar(file, lambda path, problem: None)
            page = None if sidecar is None else _html_page(file, sidecar)
        return None if page is None else _record(page, position, source)
    except (OSError, Rejected):
        return None


def _record(page: RawPage, position: Position, source: FilePlace) -> SourceRecord:
    """A page as a record. Raises Rejected where its URL is none."""
    key = article_id(url_key(page.url))
    headers, value = envelopes.encode(page)
    return SourceRecord(position=position, key=key.encode(), value=value, headers=headers, source=source)


def count(paths: Iterable[Path]) -> int | None:
    """How many pages `read` will give, where that can be told without reading: no WARC among them."""
    total = 0
    for path in paths:
        found = [path] if path.is_file() else list(_listed(path)) if path.is_dir() else []
        if any(_WARC.search(file.name) for file in found):
            return None
        total += len(found)
    return total


def _refuse(path: Path, problem: str) -> None:
    raise ConfigError(f"{path}: {problem}")


def _pages(path: Path, report: Problem) -> Iterator[tuple[Path, warc_files.Found, int | None]]:
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    files = _listed(path) if path.is_dir() else [path]
    for file, sidecar in sorted(((file, _sidecar(file, report)) for file in files), key=_order):
        if sidecar is not None:
            for found in _file_pages(file, sidecar, report):
                yield file, found, sidecar.get("partition")


def _order(item: tuple[Path, Mapping[str, Any] | None]) -> tuple[int, str]:
    return (item[1] or {}).get("order", 0), item[0].as_posix()


def _listed(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if hidden or not file.is_file() or file.suffix == ".json":
            continue
        if _HTML.search(file.name) or _WARC.search(file.name) or _sidecar_path(file).is_file():
            yield file


def _sidecar_path(file: Path) -> Path:
    name = file.name.removesuffix(_GZIP)
    return file.with_name(name).with_suffix(".json")


def _sidecar(file: Path, report: Problem) -> Mapping[str, Any] | None:
    """The sidecar's fields, empty where there is none; None when it is broken."""
    path = _sidecar_path(file)
    if not path.is_file() or _WARC.search(file.name):
        return {}
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        report(path, error.strerror or str(error))
        return None
    except (ValueError, RecursionError) as error:
        report(path, f"no JSON: {error}")
        return None
    if not isinstance(found, dict) or not all(
        isinstance(found.get(name, 0), int) and found.get(name, 0) >= 0 for name in _PLACE
    ):
        report(path, "must be an object; partition and order must be whole numbers from 0")
        return None
    return found


def _file_pages(file: Path, sidecar: Mapping[str, Any], report: Problem) -> Iterator[warc_files.Found]:
    """The pages of a file, with their places in it."""
    try:
        if _WARC.search(file.name):
            yield from warc_files.pages(file, partial(report, file))
        else:
            yield warc_files.Found("", _html_page(file, sidecar))
    except Rejected as error:
        report(file, error.message)
    except OSError as error:
        report(file, error.strerror or str(error))


def _html_page(file: Path, sidecar: Mapping[str, Any]) -> RawPage:
    body = file.read_bytes()
    described = dict(sidecar)
    if file.suffix == _GZIP:
        described.setdefault("content_encoding", "gzip")
    if not any(described.get(name) for name in NAMES["url"]):
        described["url"] = _own_url(body)
        if not described["url"]:
            sidecar_name = _sidecar_path(file).name
            message = f"no URL: the page has no canonical link; {sidecar_name} beside it may say its `url`"
            raise Rejected(Code.SCHEMA, message)
    return envelopes.page(described, body, Position(topic="file", partition=0, offset=0))


def _own_url(body: bytes) -> str | None:
    """The canonical link that the page has in its head."""
    head = body[:_HEAD_BYTES]
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(31).decompress(head, _HEAD_BYTES)
        except zlib.error:
            return None
    tree = HTMLTree.parse_from_bytes(head, "utf-8", errors="replace")
    for selector, attribute in (("link[rel~=canonical]", "href"), ('meta[property="og:url"]', "content")):
        for element in tree.document.query_selector_all(selector) if tree.document else ():
            if url := element.getattr(attribute):
                return str(url)
    return None
