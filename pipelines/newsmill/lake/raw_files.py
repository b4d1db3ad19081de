"""Raw records beside the tables: WARC files, gzipped record by record, that rows of the ledger point into.

A file holds records of one batch, in the order of their positions, and has the hash of its content as its
name: the same records give the same file. `raw_file`, `raw_offset` and `raw_length` of a row of `fate` are
what CDX says of a record: file, first byte and length of its gzip member. A file that no row points into is
garbage.

A record is of the type `resource`: its block is the record's value as it came, envelope included, and its
WARC-Target-URI the page's address. What else a record has (position, key, headers, time, place in files) is
in the header fields `Newsmill-Record`, parts of one text: Base64 of MessagePack.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import tempfile
import threading
import uuid
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from fastwarc.warc import ArchiveIterator
from zlib_ng import zlib_ng

from newsmill.errors import LakeError
from newsmill.lake import storage, trouble
from newsmill.lake.places import PLACE, RAW, position_of
from newsmill.lake.storage import Storage, Writable
from newsmill.records import Fate, FilePlace, Micros, Position, RawPage, SourceRecord
from newsmill.urls import without_login

FOLDER: Final = "raw"
"""Folder of the files, in the lake."""

SUFFIX: Final = ".warc.gz"

KEPT: Final = frozenset({Fate.ARTICLE, Fate.COPY, Fate.REVISION, Fate.NOT_ARTICLE})
"""Fates whose records are kept. Quarantined ones are in `quarantine`, whole; a redelivery's page is another
record's; what is withheld must not stay."""

FILE_BYTES: Final = 1_000_000_000
"""A file that has as many is full: the largest that the WARC standard recommends (ISO 28500, annex C)."""

_LEVEL: Final = 4  # 2 % larger than level 6, in three quarters of its time
_GZIP: Final = 31  # a gzip header, without a time
_PIECE: Final = 4_000  # fastwarc reads header lines of up to 8,192 characters
_OWN: Final = "Newsmill-Record"
_END: Final = b"\r\n\r\n"
_TYPES: Final = {"raw": "text/html", "json": "application/json", "warc": "application/warc"}
_UNPRINTABLE: Final = re.compile("[\x00-\x20\x7f<>]")


def folder(ingested_at: Micros) -> str:
    """The folder of a batch's hour.

    >>> folder(1_700_000_000_000_000)
    'raw/dt=2023-11-14/hour=22'
    """
    time = datetime.fromtimestamp(ingested_at // 1_000_000, UTC)
    return f"{FOLDER}/dt={time:%Y-%m-%d}/hour={time:%H}"


def member(record: SourceRecord, page: RawPage, ingested_at: Micros) -> bytes:
    """A record as a gzip member of a WARC file; the same record gives the same bytes."""
    value = record.value or b""
    place = record.position
    at = page.fetched_at or record.timestamp or ingested_at
    date = datetime.fromtimestamp(at // 1_000_000, UTC).replace(microsecond=at % 1_000_000)
    own = base64.b64encode(msgspec.msgpack.encode(msgspec.structs.replace(record, value=None))).decode()
    named = f"{place.topic}/{place.partition}/{place.offset}"
    fields = [
        ("WARC-Type", "resource"),
        ("WARC-Record-ID", f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, named)}>"),
        ("WARC-Date", date.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
        ("WARC-Target-URI", _UNPRINTABLE.sub(lambda odd: quote(odd[0]), without_login(page.url))),
        ("WARC-Block-Digest", f"sha256:{hashlib.sha256(value).hexdigest()}"),
        ("Content-Type", _TYPES.get(page.envelope, "application/octet-stream")),
        *((_OWN, own[start : start + _PIECE]) for start in range(0, len(own), _PIECE)),
        ("Content-Length", str(len(value))),
    ]
    head = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    plain = head.encode("utf-8", "backslashreplace") + b"\r\n" + value + _END
    return zlib_ng.compress(plain, _LEVEL, _GZIP)


def record_in(stored: bytes) -> SourceRecord:
    """The record of a gzip member.

    Raises:
        LakeError: It is none that `member` made, or is damaged.
    """
    try:
        head, _, rest = gzip.decompress(stored).partition(_END)
        fields = [line.partition(": ") for line in head.decode().split("\r\n")]
        own = "".join(value for name, _, value in fields if name == _OWN)
        size = int(next(value for name, _, value in fields if name == "Content-Length"))
        record = _RECORDS.decode(base64.b64decode(own, validate=True))
    except (OSError, EOFError, zlib.error, ValueError, StopIteration) as error:
        raise LakeError(f"no raw record: {error}") from error
    if len(rest) != size + len(_END):
        raise LakeError("no raw record: its length is another than it says")
    return msgspec.structs.replace(record, value=rest[:size])


_RECORDS: Final = msgspec.msgpack.Decoder(SourceRecord)
"""Made at import: msgspec crashes where two threads meet a type first."""


def stored_at(store: Storage, place: FilePlace) -> bytes:
    """The bytes of a record, from its place. Raises FileNotFoundError, and LakeError where it is torn."""
    assert place.offset is not None
    assert place.length is not None
    with store.open(place.file) as file:
        file.seek(place.offset)
        stored = bytes(file.read(place.length))
    if len(stored) != place.length:
        raise LakeError(f"{place.file}: ends before byte {place.offset + place.length}")
    return stored


def whole(store: Storage, file: str) -> bool:
    """Whether a file has the content that its name tells. Raises FileNotFoundError."""
    hashed = hashlib.sha256()
    with store.open(file) as opened:
        while block := opened.read(8 << 20):
            hashed.update(block)
    return file.rsplit("/", 1)[1] == hashed.hexdigest() + SUFFIX


def targets(store: Storage, file: str) -> Iterator[str]:
    """The address of each record of a file. Raises FileNotFoundError, and LakeError where it is damaged."""
    with store.open(file) as opened:
        try:
            for record in ArchiveIterator(opened, parse_http=False):
                yield record.headers.get("WARC-Target-URI") or ""
        except (OSError, ValueError) as error:  # what fastwarc raises where there is no record
            raise LakeError(f"{file}: is damaged: {error}") from error


class Spooled(NamedTuple):
    """Where a record waits in the spool."""

    start: int
    length: int


class RawRecords:
    """The raw records of a batch under way: they wait in a temporary file until the batch's fates are known.

    Any thread may bring one. Used by the driver of one batch, then closed.

    Args:
        root: The lake's folder or URI.
        keeps: Whether records that come are kept; else only those of `already`.
        already: Records that are in files of the lake: what points to them stays.
        patience_s: Longest wait for a store that is away; none for ever.
    """

    def __init__(
        self,
        root: str,
        *,
        keeps: bool = True,
        already: Mapping[Position, FilePlace] | None = None,
        patience_s: float | None = None,
    ) -> None:
        self._root = root
        self._keeps = keeps
        self._already = already or {}
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115
        self._waiting: dict[Position, Spooled] = {}

    def bring(self, record: SourceRecord, page: RawPage, ingested_at: Micros) -> None:
        """A record whose page may stay, whatever its fate will be."""
        if not self._keeps or record.position in self._already:
            return
        stored = member(record, page, ingested_at)
        with self._lock:
            if record.position not in self._waiting:  # a bundle that is done again brings it again
                start = self._spool.seek(0, 2)
                self._spool.write(stored)
                self._waiting[record.position] = Spooled(start, len(stored))

    def filed(self, fates: pa.Table, ingested_at: Micros) -> pa.Table:
        """Rows of the ledger with where their records are; the files are whole on the disk then."""
        store = storage.at(self._root)
        rows = fates.select([*PLACE, "fate"]).to_pylist()
        positions = [position_of(row) for row in rows]
        wanted = sorted(
            position
            for position, row in zip(positions, rows, strict=True)
            if row["fate"] in KEPT and position in self._waiting
        )
        places = dict(self._already)
        for part in _parts(wanted, self._waiting):
            done = trouble.retry(
                partial(store.publish, folder(ingested_at), SUFFIX, partial(self._write, part)),
                self._root,
                self._patience_s,
            )
            at = 0
            for position in part:
                length = self._waiting[position].length
                places[position] = FilePlace(file=done.path, offset=at, length=length)
                at += length
        return pointed(fates, [places.get(position) for position in positions])

    def _write(self, part: Sequence[Position], file: Writable) -> None:
        for position in part:
            start, length = self._waiting[position]
            self._spool.seek(start)
            file.write(self._spool.read(length))

    def close(self) -> None:
        """The batch is done."""
        self._spool.close()


def _parts(wanted: Sequence[Position], waiting: Mapping[Position, Spooled]) -> Iterator[Sequence[Position]]:
    """Records by the file that they go to, in order."""
    start = size = 0
    for number, position in enumerate(wanted):
        length = waiting[position].length
        if number > start and size + length > FILE_BYTES:
            yield wanted[start:number]
            start, size = number, 0
        size += length
    if wanted[start:]:
        yield wanted[start:]


def pointed(fates: pa.Table, places: Sequence[FilePlace | None]) -> pa.Table:
    """Rows of the ledger with where the records are."""
    for name, part in zip(RAW, ("file", "offset", "length"), strict=True):
        index = fates.schema.get_field_index(name)
        field = fates.schema.field(index)
        values = [None if place is None else getattr(place, part) for place in places]
        fates = fates.set_column(index, field, pa.array(values, field.type))
    return fates


def named(rows: pa.Table | pa.RecordBatch) -> set[str]:
    """The files that rows of the ledger point into."""
    return set(pc.unique(rows["raw_file"]).drop_null().to_pylist())


def missing(store: Storage, files: Collection[str]) -> list[str]:
    """Those of the files that are not there."""
    return sorted(file for file in files if store.size(file) is None)


COLUMNS: Final = (*PLACE, "fate", "url", "domain", "ingested_at", *RAW)
"""Columns of the ledger that tell what may be done with a raw record."""
