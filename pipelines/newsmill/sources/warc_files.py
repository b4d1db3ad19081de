"""WARC files, read record by record: one that can't be a page costs no other."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

from fastwarc.warc import ArchiveIterator, WarcRecord
from zlib_ng import zlib_ng

from newsmill import strings
from newsmill.errors import Rejected
from newsmill.records import Position, RawPage
from newsmill.sources import envelopes

MOST_DAMAGED: Final = 1_000
"""Damaged gzip members of one file, after which its rest is not read."""

_GZIP: Final = b"\x1f\x8b\x08"
_RECORD: Final = b"WARC/"
_CHUNK: Final = 65_536
_PROBED: Final = 4_096
"""So many bytes of a gzip member are looked at to see whether a record begins in it."""
_SHOWN: Final = 200
_POSITION: Final = Position(topic="file", partition=0, offset=0)
_REST: Final = "the rest of the file was not read"


class Found(NamedTuple):
    """A page and its place in its file."""

    place: str  # for people: number of the record, byte, and URL
    page: RawPage
    offset: int | None = None  # of its WARC record, as `FilePlace` has it
    length: int | None = None


_DAMAGED: Final = cast(type[Exception], zlib_ng.error)
"""Typed as an instance in the stubs of zlib-ng 1.1."""


def pages(file: Path, report: Callable[[str], None]) -> Iterator[Found]:
    """The pages of a WARC file, plain or compressed; records of kinds that hold none are passed over.

    After a damaged gzip member, reading goes on with the next one in which a record begins. Where a plain
    file has no record in its place, its rest is not read: what looks like the next one may be the text of
    a page.

    Args:
        file: The file.
        report: Called once for each record that should be a page and can't, with its place, and where a
            part of the file was not read.

    Raises:
        OSError: The file can't be read.
    """
    reader = _Reader(report)
    with file.open("rb") as stream:
        start = stream.read(len(_RECORD))
        stream.seek(0)
        if start.startswith(_GZIP):
            yield from reader.members(stream)
        else:
            yield from reader.records(stream)


def page_at(file: Path, offset: int, length: int) -> RawPage | None:
    """The page of one WARC record, read from its place; None where no such record is there any more.

    Raises:
        OSError: The file can't be read.
    """
    with file.open("rb") as stream:
        stream.seek(offset)
        stored = stream.read(length)
    if len(stored) != length:
        return None
    records = io.BytesIO(stored)
    reader = _Reader(lambda problem: None)
    found = reader.members(records) if stored.startswith(_GZIP) else reader.records(records)
    first = next(found, None)
    whole = first is not None and (first.offset, first.length) == (0, length)
    return first.page if first is not None and whole else None


class _Member(io.RawIOBase):
    """The content of one gzip member. Damage ends it, and `damage` then says what it is."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._at = file, start
        self._gzip = zlib_ng.decompressobj(31)
        self._given = 0
        self.damage: str | None = None

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._given

    def readinto(self, buffer: Any) -> int:
        while not (self._gzip.eof or self.damage):
            packed = self._gzip.unconsumed_tail or self._packed()
            try:
                content = self._gzip.decompress(packed, len(buffer))
            except _DAMAGED as error:
                self.damage = str(error)
                break
            if content:
                buffer[: len(content)] = content
                self._given += len(content)
                return len(content)
            if not packed:
                self.damage = "the file ends in it"
        return 0

    def end(self) -> int:
        """Where it ends; what of it was not read yet is passed over."""
        while self.read(_CHUNK):
            pass
        return self._at - len(self._gzip.unused_data)

    def _packed(self) -> bytes:
        self._file.seek(self._at)
        packed = self._file.read(_CHUNK)
        self._at += len(packed)
        return packed


class _Reader:
    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._number = 0  # of the last record

    def records(self, stream: BinaryIO) -> Iterator[Found]:
        """The pages of a file that is not gzipped."""
        records = iter(ArchiveIterator(stream, parse_http=False))
        before: WarcRecord | None = None
        found: Found | None = None
        problem: str | None = None
        while True:
            record, error = _next(records)
            if error is not None:
                if found is not None and before is not None and not _ends_in_place(stream, before):
                    problem = f"{found.place}: its Content-Length is wrong"
                    found = None
                problem = f"{problem or f'record {self._number + 1}'}: {error}; {_REST}"
            if found is not None:
                yield found
            if problem is not None:
                self._report(problem)
            if record is None:
                return
            before = record
            _, found, problem = self._read(record, record.stream_pos)
            if found is not None:
                found = found._replace(offset=record.stream_pos, length=_plain_length(stream, record))

    def members(self, stream: BinaryIO) -> Iterator[Found]:
        """The pages of a file of gzip members, most often one for each record."""
        at, damaged = 0, 0
        while (start := self._start(stream, at)) is not None:
            member = _Member(stream, start)
            problem = yield from self._member(member, start)
            at = member.end()
            if member.damage is not None:
                damaged += 1
                following = _next_member(stream, start + 1) if damaged < MOST_DAMAGED else None
                if following is None:
                    self._report(f"{problem}; {_REST}")
                    return
                at, problem = following, f"{problem}; read on at byte {following}"
            if problem is not None:
                self._report(problem)

    def _member(self, member: _Member, start: int) -> Generator[Found, None, str | None]:
        """The pages of a member; returns the problem of its last record, which its end may show."""
        records = iter(ArchiveIterator(member, parse_http=False, stream_detect=False))
        count, place = 0, None
        found: Found | None = None
        problem: str | None = None
        while True:
            record, error = _next(records)
            if record is None:
                break
            if problem is not None:
                self._report(problem)
            elif found is not None:
                yield found
            place, found, problem = self._read(record, start)
            count += 1
        end = member.end()
        if place is None and (member.damage or error):
            self._number += 1
            place = f"record {self._number} (byte {start})"
        if member.damage is not None:
            return f"{problem or place}: its gzip member is damaged ({member.damage})"
        if error is not None and problem is None and count == 1:
            return f"{place}: {error} follows it in its gzip member: its Content-Length is wrong"
        if found is not None:
            alone = count == 1 and error is None
            yield found._replace(offset=start, length=end - start) if alone else found
        if error is not None:
            return f"{problem or place}: {error}; the rest of its gzip member was not read"
        return problem

    def _read(self, record: WarcRecord, at: int) -> tuple[str, Found | None, str | None]:
        """A record's place, and its page or its problem; neither where its kind holds no page."""
        self._number += 1
        url = strings.line(envelopes.warc_url(record) or "")[:_SHOWN]
        place = f"record {self._number} (byte {at}{', ' if url else ''}{url})"
        try:
            page = envelopes.warc_page(record, _POSITION)
        except Rejected as error:
            return place, None, f"{place}: {error.message}"
        return place, Found(place, page) if page is not None else None, None

    def _start(self, stream: BinaryIO, at: int) -> int | None:
        """Where the member at a byte begins: there, or behind bytes that are none; None at the end."""
        stream.seek(at)
        content = stream.read(_CHUNK)
        if content.startswith(_GZIP):
            return at
        following = _next_member(stream, at)
        if following is not None:
            self._report(f"byte {at}: no gzip member begins here; read on at byte {following}")
        elif content.strip(b"\0"):
            self._report(f"byte {at}: no gzip member begins here; {_REST}")
        return following


def _next(records: Iterator[WarcRecord]) -> tuple[WarcRecord | None, str | None]:
    """The next record, or why there is none; neither at the end."""
    try:
        return next(records, None), None
    except envelopes.WARC_ERRORS as error:
        return None, str(error)[:_SHOWN]


def _ends_in_place(stream: BinaryIO, record: WarcRecord) -> bool:
    """Whether blank lines follow a record of a plain file where its Content-Length says that it ends."""
    length = _plain_length(stream, record)
    if length is None:
        return True
    stream.seek(record.stream_pos + length - 4)
    return stream.read(4) == b"\r\n\r\n"


def _plain_length(stream: BinaryIO, record: WarcRecord) -> int | None:
    """Bytes of a record of a plain file, the blank lines behind it included; None without a whole header.

    Where the stream is read on from is not changed.
    """
    here = stream.tell()
    stream.seek(record.stream_pos)
    head = stream.read(_CHUNK)
    stream.seek(here)
    header = head.find(b"\r\n\r\n")
    if header < 0 or not head.startswith(_RECORD):
        return None
    return header + 4 + int(record.content_length) + 4


def _next_member(stream: BinaryIO, at: int) -> int | None:
    """The first byte from one on where a gzip member begins that begins with a WARC record."""
    while True:
        stream.seek(at)
        content = stream.read(_CHUNK)
        within = content.find(_GZIP)
        while within >= 0:
            if _begins_record(stream, at + within):
                return at + within
            within = content.find(_GZIP, within + 1)
        if len(content) < len(_GZIP):
            return None
        at += len(content) - len(_GZIP) + 1


def _begins_record(stream: BinaryIO, at: int) -> bool:
    stream.seek(at)
    try:
        content = zlib_ng.decompressobj(31).decompress(stream.read(_PROBED), len(_RECORD))
    except _DAMAGED:
        return False
    return content == _RECORD
