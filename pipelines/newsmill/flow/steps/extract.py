"""ExtractPages: crawled pages in, what they say and in which language out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from newsmill.config import EnrichConfig, InputConfig, OnReserved, PageConfig
from newsmill.errors import Rejected, Stage
from newsmill.flow.elements.chunks import Decoded, DecodedChunk, Extracted, ExtractedChunk, TerminalFates
from newsmill.flow.elements.derived import Derived
from newsmill.flow.elements.stage_result import FateCollector, StageResult, busy
from newsmill.flow.steps.readers import readers
from newsmill.records import Fate, Micros, NotArticle, WithheldReason

_NOBODY: Final = EnrichConfig(enabled=False)


class ExtractPages(beam.PTransform):
    """Extract text, metadata and language of each page in child processes with limits.

    They also work out what follows from each page alone: see `derive`.

    A page becomes one extracted page, or ends: `not_article` with a reason, `withheld` where rights
    are reserved and these are dropped, or `quarantined`.

    Rejects: E_DECOMP, E_SIZE, E_DECODE, E_NESTING, E_NODES, E_TIMEOUT, E_CRASH, E_FORBIDDEN, E_OOM.

    Args:
        page: Limits of extraction.
        input: Limits of decompression.
        on_reserved: What to do where the publisher reserves rights.
        enrich: Whether, and with which knowledge base, entities are found there; not, where absent.
    """

    def __init__(
        self,
        *,
        page: PageConfig,
        input: InputConfig,
        on_reserved: OnReserved,
        enrich: EnrichConfig = _NOBODY,
    ) -> None:
        super().__init__()
        self._fn = _ExtractFn(
            page.model_dump_json(), input.model_dump_json(), enrich.model_dump_json(), on_reserved
        )

    def expand(self, chunks: beam.PCollection[DecodedChunk]) -> StageResult[ExtractedChunk]:
        """Chunks of crawled pages to chunks of extracted ones."""
        oks, ends = chunks | "Extract" >> beam.ParDo(self._fn).with_outputs("ends", main="oks")
        return StageResult(oks, ends)


GROUP_BYTES: Final = 16_000_000
"""Most bytes of pages, unpacked, that are read and held at a time, but for a single larger one."""


def _groups(pages: Sequence[Decoded]) -> Iterator[Sequence[Decoded]]:
    """The pages in order, some at a time; packed ones count as if ten times as large."""
    start = size = 0
    for number, item in enumerate(pages):
        packed = item.raw.content_encoding is not None or item.raw.body[:2] == b"\x1f\x8b"
        bytes_ = len(item.raw.body) * (10 if packed else 1)
        if number > start and size + bytes_ > GROUP_BYTES:
            yield pages[start:number]
            start, size = number, 0
        size += bytes_
    yield pages[start:]


@beam.typehints.with_output_types(ExtractedChunk, ends=TerminalFates)
class _ExtractFn(beam.DoFn):
    def __init__(self, page: str, input: str, enrich: str, on_reserved: OnReserved) -> None:
        self._page = page
        self._input = input
        self._enrich = enrich
        self._on_reserved = on_reserved

    def process(self, chunk: DecodedChunk) -> Iterator[Any]:
        for pages in _groups(chunk.pages):
            yield from self._extract(chunk.ingested_at, pages)

    def _extract(self, ingested_at: Micros, group: Sequence[Decoded]) -> Iterator[Any]:
        ends, pages = FateCollector(ingested_at), []
        with busy("ExtractPages", len(group)):
            readings = readers(self._page, self._input, self._enrich).readings([item.raw for item in group])
            for item, (result, derived) in zip(group, readings, strict=True):
                url = item.raw.url
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
