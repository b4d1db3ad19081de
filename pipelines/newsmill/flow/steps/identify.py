"""IdentifyDrafts: extracted pages in, drafts with identity, sketch and origin out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from newsmill.copies.origin import attribute
from newsmill.copies.sketches import sketch
from newsmill.errors import Rejected, Stage
from newsmill.flow.elements.chunks import Ends, Extracted, ExtractedChunk, Sketched, SketchedChunk
from newsmill.flow.elements.stage_result import ROOM, EndsOfChunk, Outcome, busy
from newsmill.page.blocks import RepeatedBlocks
from newsmill.page.identity import draft
from newsmill.records import Micros
from newsmill.runtime import failpoints
from newsmill.runtime.budget import Budget
from newsmill.runtime.registry import borrow, borrowed
from newsmill.urls import registrable_domain, url_key


class IdentifyDrafts(beam.PTransform):
    """Give each page its identity (from the envelope's URL), its sketch, and the origin that its text names.

    A page becomes one draft, or is quarantined.

    Rejects: E_BUDGET.

    Args:
        cpu_limit_s: CPU time that one page may take here.
        blocks: Name of the resident RepeatedBlocks that are cut from the pages; none where absent.
    """

    def __init__(self, *, cpu_limit_s: float, blocks: str | None = None) -> None:
        super().__init__()
        self._fn = _IdentifyFn(cpu_limit_s, blocks)

    def expand(self, chunks: beam.PCollection[ExtractedChunk]) -> Outcome:
        """Chunks of extracted pages to chunks of drafts, in the same order."""
        oks, ends = chunks | "Identify" >> beam.ParDo(self._fn).with_outputs("ends", main="oks")
        return Outcome(oks, ends)


_NO_BLOCKS = RepeatedBlocks()


def identify(
    item: Extracted,
    ingested_at: Micros,
    blocks: RepeatedBlocks = _NO_BLOCKS,
    *,
    cpu_limit_s: float = math.inf,
) -> Sketched:
    """The pure twin: one extracted page to one draft, without what its site repeats.

    Raises:
        Rejected: `E_BUDGET` when the page takes more CPU time than its limit.
    """
    failpoints.taste(item.record.value)
    budget = Budget(cpu_limit_s)
    page = blocks.without(item.page, registrable_domain(url_key(item.raw.url)))
    made = draft(item.record, item.raw, page, item.language, ingested_at)
    budget.check("its identity")
    sketched = sketch(made)
    budget.check("the sketch of its text")
    origin = attribute(made)
    budget.check("whom its text credits")
    return Sketched(draft=made, sketch=sketched, value_bytes=len(item.record.value or b""), origin=origin)


@beam.typehints.with_output_types(SketchedChunk, ends=Ends)
class _IdentifyFn(beam.DoFn):
    def __init__(self, cpu_limit_s: float, blocks: str | None) -> None:
        self._cpu_limit_s = cpu_limit_s
        self._blocks = blocks

    def process(self, chunk: ExtractedChunk) -> Iterator[Any]:
        ends, drafts = EndsOfChunk(chunk.ingested_at), []
        with busy(IdentifyDrafts):
            blocks = _NO_BLOCKS if self._blocks is None else borrow(self._blocks)
            room = borrowed(ROOM)
            for item in chunk.pages:
                if room is not None:
                    room.take_text(item.page.body)
                try:
                    drafts.append(identify(item, chunk.ingested_at, blocks, cpu_limit_s=self._cpu_limit_s))
                except Rejected as rejected:
                    ends.reject(item.record, Stage.IDENTIFY, rejected, url=item.raw.url)
        if drafts:
            yield SketchedChunk(drafts=tuple(drafts))
        if ends:
            yield TaggedOutput("ends", ends.chunk())
