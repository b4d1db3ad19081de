"""IdentifyDrafts: extracted pages in, drafts with identity, sketch and origin out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from newsmill.copies.origin import attribute
from newsmill.copies.sketches import placed, sketch
from newsmill.errors import Rejected, Stage
from newsmill.flow.elements.chunks import Extracted, ExtractedChunk, Sketched, SketchedChunk, TerminalFates
from newsmill.flow.elements.derived import is_sound
from newsmill.flow.elements.stage_result import FateCollector, StageResult, busy
from newsmill.flow.elements.working import ROOM
from newsmill.page.boilerplate import Boilerplate
from newsmill.page.identity import draft
from newsmill.records import Micros
from newsmill.runtime import failpoints, registry
from newsmill.runtime.budget import Budget
from newsmill.urls import registrable_domain, url_key


class IdentifyDrafts(beam.PTransform):
    """Give each page its identity (from the envelope's URL), its sketch, and the origin that its text names.

    A page becomes one draft, or is quarantined.

    Rejects: E_BUDGET.

    Args:
        cpu_limit_s: CPU time that one page may take here.
        boilerplate: Name under which the Boilerplate to cut is registered; none is cut where absent.
    """

    def __init__(self, *, cpu_limit_s: float, boilerplate: str | None = None) -> None:
        super().__init__()
        self._fn = _IdentifyFn(cpu_limit_s, boilerplate)

    def expand(self, chunks: beam.PCollection[ExtractedChunk]) -> StageResult[SketchedChunk]:
        """Chunks of extracted pages to chunks of drafts, in the same order."""
        oks, ends = chunks | "Identify" >> beam.ParDo(self._fn).with_outputs("ends", main="oks")
        return StageResult(oks, ends)


_NONE = Boilerplate()


def identify(
    item: Extracted,
    ingested_at: Micros,
    boilerplate: Boilerplate = _NONE,
    *,
    cpu_limit_s: float = math.inf,
) -> Sketched:
    """The pure twin: one extracted page to one draft, without what its site repeats.

    What an extraction process derived from the page is taken where it is sound and nothing was cut since;
    else it is worked out here, with the same result.

    Raises:
        Rejected: `E_BUDGET` when the page takes more CPU time than its limit.
    """
    failpoints.taste(item.record.value)
    budget = Budget(cpu_limit_s)
    page = boilerplate.without(item.page, registrable_domain(url_key(item.raw.url)))
    derived = item.derived
    if derived is not None and not (page is item.page and is_sound(derived, page.body)):
        derived = None
    hashed = derived.content_hash if derived else None
    made = draft(item.record, item.raw, page, item.language, ingested_at, hashed=hashed)
    budget.check("its identity")
    sketched = placed(derived.sketch, made) if derived else sketch(made)
    budget.check("the sketch of its text")
    origin = derived.origin if derived else attribute(made)
    budget.check("whom its text credits")
    return Sketched(
        draft=made,
        sketch=sketched,
        value_bytes=len(item.record.value or b""),
        origin=origin,
        enrichment=derived.enrichment if derived else None,
    )


@beam.typehints.with_output_types(SketchedChunk, ends=TerminalFates)
class _IdentifyFn(beam.DoFn):
    def __init__(self, cpu_limit_s: float, boilerplate: str | None) -> None:
        self._cpu_limit_s = cpu_limit_s
        self._boilerplate = boilerplate

    def process(self, chunk: ExtractedChunk) -> Iterator[Any]:
        ends, drafts = FateCollector(chunk.ingested_at), []
        with busy("IdentifyDrafts"):
            boilerplate = _NONE if self._boilerplate is None else registry.get(self._boilerplate)
            room = registry.find(ROOM)
            for item in chunk.pages:
                if room is not None:
                    found = item.derived.enrichment if item.derived else None
                    texts = (item.page.body, *(cut.text for cut in item.page.extraction.removed))
                    room.take_texts(texts, found or b"")
                try:
                    drafts.append(
                        identify(item, chunk.ingested_at, boilerplate, cpu_limit_s=self._cpu_limit_s)
                    )
                except Rejected as rejected:
                    ends.reject(item.record, Stage.IDENTIFY, rejected, url=item.raw.url)
        if drafts:
            yield SketchedChunk(drafts=tuple(drafts))
        if ends:
            yield TaggedOutput("ends", ends.chunk())
