"""Marking: what the copies index decides of a batch's drafts, as rows and events; both pipelines do it so."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from newsmill.copies.index import CopyIndex
from newsmill.errors import Stage
from newsmill.flow.elements.chunks import (
    ClassifiedDraft,
    EventChunk,
    SketchedChunk,
)
from newsmill.records import Fate, FateRow


def mark(
    index: CopyIndex, batch_id: str, chunks: Iterable[SketchedChunk]
) -> tuple[list[ClassifiedDraft], list[FateRow], EventChunk]:
    """The pure twin: the drafts of a batch to marked drafts, fates of redeliveries, and events."""
    drafts = sorted((d for c in chunks for d in c.drafts), key=lambda d: d.draft.position)
    resolution = index.resolve(batch_id, [d.sketch for d in drafts])
    marked, ended = [], []
    for item in drafts:
        decision = resolution.decisions[item.draft.position]
        if decision.fate is Fate.REDELIVERY:
            ended.append(
                FateRow(
                    position=item.draft.position,
                    fate=Fate.REDELIVERY,
                    ingested_at=item.draft.ingested_at,
                    stage=Stage.DEDUPLICATE.value,
                    article_id=item.draft.article_id,
                    revision=decision.revision,
                    url=item.draft.url,
                    domain=item.draft.domain,
                    recorded_at=item.draft.recorded_at,
                    bytes=item.value_bytes,
                    source=item.draft.source,
                )
            )
        else:
            sketch = item.sketch
            if not decision.keep_body:
                sketch = msgspec.structs.replace(sketch, body_hash=b"")
            marked.append(
                ClassifiedDraft(
                    draft=item.draft,
                    decision=decision,
                    sketch=sketch.encode(),
                    value_bytes=item.value_bytes,
                    origin=item.origin,
                    enrichment=item.enrichment,
                )
            )
    return marked, ended, EventChunk(events=tuple(resolution.events))
