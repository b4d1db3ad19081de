"""Marking: what the copies index decides of a batch's drafts, as rows and events; both pipelines do it so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from newsmill.config import CopiesConfig
from newsmill.copies.identities import Seen
from newsmill.copies.index import CopyIndex, SeedRow
from newsmill.copies.versions import DAY
from newsmill.errors import Stage
from newsmill.flow.elements.chunks import (
    ClassifiedDraft,
    EventChunk,
    SketchedChunk,
)
from newsmill.lake.writer import Lake, Seed
from newsmill.records import Fate, FateRow

_ALL_DAYS = 365_000
_IDENTITY = (
    *("article_id", "content_hash", "revision", "recorded_at", "topic", "partition", "offset", "domain"),
    *("ingested_at", "withheld"),
)


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
                )
            )
    return marked, ended, EventChunk(events=tuple(resolution.events))


def fill(index: CopyIndex, lake: Lake, config: CopiesConfig) -> None:
    """Fill the copies index with the rows of a lake, at a start."""
    days = _ALL_DAYS if config.identity_days is None else config.identity_days
    old = lake.articles(days=days, columns=_IDENTITY, before=config.horizon_days)
    index.remember(_seen(rows) for rows in old)
    index.seed(seeds(lake.recent(days=config.horizon_days)))


def _seen(rows: pa.Table) -> Seen:
    rows = rows.filter(pc.is_null(rows["withheld"]))
    ingested = rows["ingested_at"].cast(pa.int64())
    times = pc.coalesce(rows["recorded_at"].cast(pa.int64()), ingested)
    days = pc.divide(ingested, DAY)
    return Seen(
        articles=rows["article_id"].to_pylist(),
        contents=rows["content_hash"].to_pylist(),
        revisions=rows["revision"].to_pylist(),
        times=times.to_pylist(),
        topics=rows["topic"].to_pylist(),
        partitions=rows["partition"].to_pylist(),
        offsets=rows["offset"].to_pylist(),
        domains=rows["domain"].to_pylist(),
        days=days.to_pylist(),
    )


def seeds(rows: Iterable[Seed]) -> Iterator[SeedRow]:
    """Rows of the lake as the copies index is filled with."""
    for row in rows:
        if row.copy_sketch is not None:
            yield SeedRow(
                sketch=row.copy_sketch, revision=row.revision, cluster_id=row.duplicate["cluster_id"]
            )
