"""IdentifyDrafts: extracted pages in, drafts with identity, sketch and origin out."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from newsmill.copies.origin import attribute
from newsmill.copies.sketches import sketch
from newsmill.page.blocks import RepeatedBlocks
from newsmill.page.identity import draft
from newsmill.page.urls import registrable_domain, url_key
from newsmill.records import Micros
from newsmill.transforms.chunks import Extracted, ExtractedChunk, Sketched, SketchedChunk
from newsmill.transforms.outcome import busy
from newsmill.transforms.resident import borrow


class IdentifyDrafts(beam.PTransform):
    """Give each page its identity (from the envelope's URL), its sketch, and the origin that its text names.

    One draft a page; nothing ends here.

    Args:
        blocks: Name of the resident RepeatedBlocks that are cut from the pages; none where absent.
    """

    def __init__(self, *, blocks: str | None = None) -> None:
        super().__init__()
        self._blocks = blocks

    def expand(self, chunks: beam.PCollection[ExtractedChunk]) -> beam.PCollection[SketchedChunk]:
        """Chunks of extracted pages to chunks of drafts, in the same order."""
        return chunks | "Identify" >> beam.ParDo(_IdentifyFn(self._blocks))


_NO_BLOCKS = RepeatedBlocks()


def identify(item: Extracted, ingested_at: Micros, blocks: RepeatedBlocks = _NO_BLOCKS) -> Sketched:
    """The pure twin: one extracted page to one draft, without what its site repeats."""
    page = blocks.without(item.page, registrable_domain(url_key(item.raw.url)))
    made = draft(item.record, item.raw, page, item.language, ingested_at)
    return Sketched(
        draft=made,
        sketch=sketch(made),
        value_bytes=len(item.record.value or b""),
        origin=attribute(made),
    )


@beam.typehints.with_output_types(SketchedChunk)
class _IdentifyFn(beam.DoFn):
    def __init__(self, blocks: str | None) -> None:
        self._blocks = blocks

    def process(self, chunk: ExtractedChunk) -> Iterator[SketchedChunk]:
        with busy(IdentifyDrafts):
            blocks = _NO_BLOCKS if self._blocks is None else borrow(self._blocks)
            drafts = tuple(identify(item, chunk.ingested_at, blocks) for item in chunk.pages)
        yield SketchedChunk(drafts=drafts)
