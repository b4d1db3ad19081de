"""ExtractPages: crawled pages in, what they say and in which language out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import count, groupby
from queue import SimpleQueue
from typing import Any, Final, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindows

from newsmill.config import EnrichConfig, InputConfig, OnReserved, PageConfig
from newsmill.errors import Rejected, Stage
from newsmill.flow.elements.chunks import Decoded, DecodedChunk, Extracted, ExtractedChunk, TerminalFates
from newsmill.flow.elements.derived import Derived
from newsmill.flow.elements.stage_result import FateCollector, StageResult, busy
from newsmill.flow.elements.working import RAW
from newsmill.flow.steps.decode import Withheld
from newsmill.flow.steps.readers import readers
from newsmill.page.claims import own_urls
from newsmill.page.sandbox import Sandbox
from newsmill.page.sandbox_process import Reading
from newsmill.records import Fate, Micros, NotArticle, ParsedPage, WithheldReason
from newsmill.runtime import registry

_NOBODY: Final = EnrichConfig(enabled=False)
_NOTHING: Final = Withheld()


class ExtractPages(beam.PTransform):
    """Extract text, metadata and language of each page in child processes with limits.

    They also work out what follows from each page alone: see `derive`.

    A page becomes one extracted page, or ends: `not_article` with a reason, `withheld` where rights
    are reserved and these are dropped, or where it names itself by an address that was taken down, or
    `quarantined`.

    Rejects: E_DECOMP, E_SIZE, E_DECODE, E_NESTING, E_NODES, E_TIMEOUT, E_CRASH, E_FORBIDDEN, E_OOM.

    Args:
        page: Limits of extraction.
        input: Limits of decompression.
        on_reserved: What to do where the publisher reserves rights.
        enrich: Whether, and with which knowledge base, entities are found there; not, where absent.
        withheld: What was taken down.
        ahead: How many pages may be under way when the next chunk is taken, so that a page which takes long
            holds up no other. What comes of them is told with a later chunk of the bundle, or at its end, in
            the global window and without a time: for bounded pipelines.
    """

    def __init__(
        self,
        *,
        page: PageConfig,
        input: InputConfig,
        on_reserved: OnReserved,
        enrich: EnrichConfig = _NOBODY,
        withheld: Withheld = _NOTHING,
        ahead: int = 0,
    ) -> None:
        super().__init__()
        tools = page.model_dump_json(), input.model_dump_json(), enrich.model_dump_json()
        self._fn = _ExtractFn(*tools, on_reserved, withheld, ahead)

    def expand(self, chunks: beam.PCollection[DecodedChunk]) -> StageResult[ExtractedChunk]:
        """Chunks of crawled pages to chunks of extracted ones."""
        oks, ends = chunks | "Extract" >> beam.ParDo(self._fn).with_outputs("ends", main="oks")
        return StageResult(oks, ends)


WINDOW_BYTES: Final = 16_000_000
"""Most bytes of pages, unpacked, that one bundle has under way, but for a single larger one."""


class _Page(NamedTuple):
    number: int  # in its bundle
    ingested_at: Micros
    item: Decoded
    bytes: int


class _Window:
    """The pages of a bundle that are being read."""

    def __init__(self) -> None:
        self._ended: SimpleQueue[tuple[_Page, Future[Reading[ParsedPage]]]] = SimpleQueue()
        self._numbers = count()
        self.under_way = self._bytes = 0

    def has_room(self, item: Decoded) -> bool:
        """Whether one more page may be begun."""
        return not self.under_way or self._bytes + _bytes(item) <= WINDOW_BYTES

    def begin(self, sandbox: Sandbox[ParsedPage], ingested_at: Micros, item: Decoded) -> None:
        """Have a page read as soon as an extraction process is free."""
        page = _Page(next(self._numbers), ingested_at, item, _bytes(item))
        self.under_way, self._bytes = self.under_way + 1, self._bytes + page.bytes
        sandbox.submit(item.raw).add_done_callback(lambda reading: self._ended.put((page, reading)))

    def ended(self, most: int) -> list[tuple[_Page, Reading[ParsedPage]]]:
        """Those that have been read, in their order; waits until at most so many are left."""
        found = []
        while self.under_way > most or (self.under_way and not self._ended.empty()):
            page, reading = self._ended.get()
            self.under_way, self._bytes = self.under_way - 1, self._bytes - page.bytes
            found.append((page, reading.result()))
        return sorted(found, key=lambda ended: ended[0].number)


def _bytes(item: Decoded) -> int:
    """What a page holds, unpacked: packed ones count as if ten times as large."""
    packed = item.raw.content_encoding is not None or item.raw.body[:2] == b"\x1f\x8b"
    return len(item.raw.body) * (10 if packed else 1)


@beam.typehints.with_output_types(ExtractedChunk, ends=TerminalFates)
class _ExtractFn(beam.DoFn):
    def __init__(
        self, page: str, input: str, enrich: str, on_reserved: OnReserved, withheld: Withheld, ahead: int
    ) -> None:
        self._page = page
        self._input = input
        self._enrich = enrich
        self._on_reserved = on_reserved
        self._withheld = withheld
        self._ahead = ahead

    def start_bundle(self) -> None:
        self._window = _Window()

    def process(self, chunk: DecodedChunk) -> Iterator[Any]:
        sandbox = readers(self._page, self._input, self._enrich)
        for item in chunk.pages:
            while not self._window.has_room(item):
                yield from self._ended(self._window.under_way - 1)
            self._window.begin(sandbox, chunk.ingested_at, item)
        yield from self._ended(self._ahead, len(chunk.pages))

    def finish_bundle(self) -> Iterator[Any]:
        for told in self._ended(0):
            if isinstance(told, TaggedOutput):
                yield TaggedOutput(told.tag, GlobalWindows.windowed_value(told.value))
            else:
                yield GlobalWindows.windowed_value(told)

    def _ended(self, most: int, begun: int = 0) -> Iterator[Any]:
        """What came of pages that have been read, once at most so many are under way."""
        with busy("ExtractPages", begun):
            told = list(self._told(self._window.ended(most)))
        yield from told

    def _told(self, ended: Sequence[tuple[_Page, Reading[ParsedPage]]]) -> Iterator[Any]:
        raw = registry.find(RAW)
        for ingested_at, readings in groupby(ended, key=lambda found: found[0].ingested_at):
            ends, pages = FateCollector(ingested_at), []
            for (_, _, item, _), (result, derived) in readings:
                url = item.raw.url
                if self._is_taken_down(item, result):
                    ends.end(item.record, Fate.WITHHELD, reason=WithheldReason.TAKEN_DOWN, url=url)
                    continue
                if raw is not None and self._may_stay(result):
                    raw.bring(item.record, item.raw, ingested_at)
                if isinstance(result, Rejected):
                    ends.reject(item.record, Stage.EXTRACT, result, url=url)
                elif isinstance(result, NotArticle):
                    ends.end(
                        item.record,
                        Fate.NOT_ARTICLE,
                        reason=result.reason,
                        stage=Stage.EXTRACT.value,
                        url=url,
                    )
                elif result.page.rights.reserved and self._on_reserved is OnReserved.DROP:
                    ends.end(item.record, Fate.WITHHELD, reason=WithheldReason.RIGHTS_RESERVED, url=url)
                else:
                    pages.append(
                        Extracted(
                            record=item.record,
                            raw=item.raw,
                            page=result.page,
                            language=result.language,
                            derived=derived if isinstance(derived, Derived) else None,
                        )
                    )
            if pages:
                yield ExtractedChunk(ingested_at=ingested_at, pages=tuple(pages))
            if ends:
                yield TaggedOutput("ends", ends.chunk())

    def _is_taken_down(self, item: Decoded, result: ParsedPage | NotArticle | Rejected) -> bool:
        """Whether a page names itself by an address that was taken down, whatever it was asked for by."""
        if not self._withheld.any:
            return False
        if isinstance(result, ParsedPage):
            return self._withheld.first((result.page.canonical_url,)) is not None
        return self._withheld.first(own_urls(item.raw.body)) is not None

    def _may_stay(self, result: ParsedPage | NotArticle | Rejected) -> bool:
        """Whether the text of a page may be in the lake: not where rights are, or may be, reserved."""
        if isinstance(result, Rejected):
            return False
        if self._on_reserved is OnReserved.KEEP:
            return True
        return not isinstance(result, NotArticle) and not result.page.rights.reserved
