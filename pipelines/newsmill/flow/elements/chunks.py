"""The elements between transforms: chunks of records, so that the runner's cost an element vanishes."""

from __future__ import annotations

from typing import Any, Final

import apache_beam as beam
import msgspec
import pyarrow as pa
from google.protobuf.wrappers_pb2 import StringValue

from newsmill.copies.index import Decision
from newsmill.copies.sketches import Sketch
from newsmill.flow.elements.derived import Derived
from newsmill.lake.files import DataFile
from newsmill.records import (
    Article,
    ClusterEvent,
    Draft,
    Failure,
    FateRow,
    Language,
    Micros,
    OffsetRange,
    Origin,
    Page,
    RawPage,
    Record,
    SourceRecord,
)

CHUNK_RECORDS = 32
"""Most records of one chunk after a shuffle: about half a second of work."""


class RecordChunk(Record, frozen=True, kw_only=True):
    """Records of one source as read. All rows made of them carry `ingested_at`."""

    ingested_at: Micros
    records: tuple[SourceRecord, ...]


class Decoded(Record, frozen=True, kw_only=True):
    """A record and the page it holds."""

    record: SourceRecord
    raw: RawPage


class DecodedChunk(Record, frozen=True, kw_only=True):
    """Pages before extraction."""

    ingested_at: Micros
    pages: tuple[Decoded, ...]


class Extracted(Record, frozen=True, kw_only=True):
    """A record, its page as crawled, and what the page says."""

    record: SourceRecord
    raw: RawPage
    page: Page
    language: Language
    derived: Derived | None = None  # what an extraction process said follows from it


class ExtractedChunk(Record, frozen=True, kw_only=True):
    """Pages after extraction."""

    ingested_at: Micros
    pages: tuple[Extracted, ...]


class Sketched(Record, frozen=True, kw_only=True):
    """A draft, with what the copies index needs of it, and whom its text credits."""

    draft: Draft
    sketch: Sketch
    value_bytes: int  # size of the record's value
    origin: Origin | None = None
    enrichment: bytes | None = None  # as `Derived` has it


class SketchedChunk(Record, frozen=True, kw_only=True):
    """Drafts before copies are looked for."""

    drafts: tuple[Sketched, ...]


class ClassifiedDraft(Record, frozen=True, kw_only=True):
    """A draft with what the copies index decided."""

    draft: Draft
    decision: Decision
    sketch: bytes
    value_bytes: int
    origin: Origin | None = None  # by evidence in the article itself
    enrichment: bytes | None = None  # as `Derived` has it


class ClassifiedChunk(Record, frozen=True, kw_only=True):
    """Drafts that will be rows of `articles`."""

    drafts: tuple[ClassifiedDraft, ...]


class Finished(Record, frozen=True, kw_only=True):
    """An article and the size of the record it came in."""

    article: Article
    value_bytes: int


class ArticleChunk(Record, frozen=True, kw_only=True):
    """Finished articles."""

    articles: tuple[Finished, ...]


class TerminalFates(Record, frozen=True, kw_only=True):
    """Records that came to their end early, with their payload where they were rejected."""

    fates: tuple[FateRow, ...] = ()
    failures: tuple[Failure, ...] = ()


class EventChunk(Record, frozen=True, kw_only=True):
    """Changes of clusters, in the order in which they happened."""

    events: tuple[ClusterEvent, ...]


class RowChunk(Record, frozen=True, kw_only=True):
    """Rows of one table as an Arrow IPC stream."""

    table: str
    ingested_at: Micros
    arrow: bytes


ELEMENTS: tuple[type[Record], ...] = (
    OffsetRange,
    RecordChunk,
    DecodedChunk,
    ExtractedChunk,
    SketchedChunk,
    ClassifiedChunk,
    ArticleChunk,
    TerminalFates,
    EventChunk,
    RowChunk,
    DataFile,
)

PACKED: Final = frozenset({ExtractedChunk, SketchedChunk, ClassifiedChunk, ArticleChunk, TerminalFates})
PACKED_BYTES: Final = 4_096
_MARK: Final = b"\xc1"
"""Begins a compressed element: the one byte that no MessagePack begins with."""

_URN = "newsmill:coder:record:v1"


class RecordCoder(beam.coders.Coder):
    """MessagePack by field name: stable, readable by later versions, never pickle.

    Large elements of `PACKED` types are compressed: a runner that shuffles through gRPC holds some twenty
    copies of what it shuffles.
    """

    def __init__(self, kind: type[Record]) -> None:
        self._kind = kind

    def encode(self, value: Record) -> bytes:
        """The record's bytes."""
        encoded = msgspec.msgpack.encode(value)
        if self._kind not in PACKED or len(encoded) < PACKED_BYTES:
            return encoded
        packed: bytes = pa.compress(encoded, codec="zstd", asbytes=True)
        return _MARK + len(encoded).to_bytes(8, "little") + packed

    def decode(self, encoded: bytes) -> Record:
        """The record of the bytes. Raises msgspec.ValidationError when they are of another type."""
        if encoded[:1] == _MARK:
            size = int.from_bytes(encoded[1:9], "little")
            encoded = pa.decompress(encoded[9:], decompressed_size=size, codec="zstd", asbytes=True)
        return msgspec.msgpack.decode(encoded, type=self._kind)

    def estimate_size(self, value: Record) -> int:
        """1, whatever the record.

        Beam's byte counters ask for nearly each chunk, and encoding it for them costs a millisecond a page.
        """
        return 1

    def is_deterministic(self) -> bool:
        """Field order is fixed; no element that is used as a key holds a mapping."""
        return True

    def to_type_hint(self) -> type[Record]:
        """The type that it codes."""
        return self._kind

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: Any) -> RecordCoder:
        """The coder of a chunk type, as Beam's registry asks for it."""
        return cls(typehint)

    def to_runner_api_parameter(self, context: Any) -> tuple[str, StringValue, list[Any]]:
        """A URN and the type's name: workers need no pickle to make the coder."""
        return _URN, StringValue(value=_name(self._kind)), []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordCoder) and other._kind is self._kind

    def __hash__(self) -> int:
        return hash(self._kind.__name__)


@beam.coders.Coder.register_urn(_URN, StringValue)
def _from_runner_api(payload: StringValue, components: Any, context: Any) -> RecordCoder:
    return RecordCoder(_BY_NAME[payload.value])


_BY_NAME: dict[str, type[Record]] = {}
_FORMER_NAMES: Final = {ClassifiedChunk: "MarkedChunk", TerminalFates: "Ends"}
"""Elements whose class is called otherwise since: coders name them as before, as saved jobs know them."""


def _name(kind: type[Record]) -> str:
    """What a runner calls an element."""
    return _FORMER_NAMES.get(kind, kind.__name__)


def register(*kinds: type[Record]) -> None:
    """Make record types elements: they are coded by RecordCoder, under their name.

    Call it when a module is imported: msgspec 0.22 learns a type where it first meets it, and crashes
    where two threads do so at once.
    """
    for kind in kinds:
        _BY_NAME[_name(kind)] = kind
        msgspec.msgpack.Decoder(kind)
        beam.coders.registry.register_coder(kind, RecordCoder)


register(*ELEMENTS)
