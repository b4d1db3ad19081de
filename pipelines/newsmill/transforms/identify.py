"""IdentifyDrafts: extracted pages in, drafts with identity and sketch out."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam

from newsmill.copies.sketches import sketch
from newsmill.page.identity import draft
from newsmill.records import Micros
from newsmill.transforms.chunks import Extracted, ExtractedChunk, Sketched, SketchedChunk
from newsmill.transforms.outcome import busy


class IdentifyDrafts(beam.PTransform):
    """Give each page its identity (from the envelope's URL) and its sketch.

    One draft a page; nothing ends here.
    """

    def expand(self, chunks: beam.PCollection[ExtractedChunk]) -> beam.PCollection[SketchedChunk]:
        """Chunks of extracted pages to chunks of drafts, in the same order."""
        return chunks | "Identify" >> beam.ParDo(_IdentifyFn())


def identify(item: Extracted, ingested_at: Micros) -> Sketched:
    """The pure twin: one extracted page to one draft."""
    made = draft(item.record, item.raw, item.page, item.language, ingested_at)
    return Sketched(draft=made, sketch=sketch(made), value_bytes=len(item.record.value or b""))


@beam.typehints.with_output_types(SketchedChunk)
class _IdentifyFn(beam.DoFn):
    def process(self, chunk: ExtractedChunk) -> Iterator[SketchedChunk]:
        with busy(IdentifyDrafts):
            drafts = tuple(identify(item, chunk.ingested_at) for item in chunk.pages)
        yield SketchedChunk(drafts=drafts)
