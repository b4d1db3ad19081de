"""The endless job: the same flow as `batch_pipeline`, batch after batch, on a portable runner.

Each batch is planned as the direct runner plans it, so both give the same rows. Batches overlap: while
one is marked or committed, the next ones are read and extracted. What needs an order (copies, commits)
has one key; everything else runs on as many workers as there are.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from newsmill.config import Config
from newsmill.flow.elements.batches import BatchName, BatchPart, BatchPlan
from newsmill.flow.elements.chunks import ArticleChunk, SketchedChunk, TerminalFates
from newsmill.flow.steps.decode import Withheld
from newsmill.flow.steps.middle import articles_of, drafts_of
from newsmill.flow.streaming.commit_batches import CommitBatches
from newsmill.flow.streaming.gather_batches import GatherBatches
from newsmill.flow.streaming.mark_in_order import MarkInOrder
from newsmill.flow.streaming.read_stream import ReadStream
from newsmill.flow.streaming.write_batches import WriteBatches


def streaming_pipeline(
    pipeline: beam.Pipeline, config: Config, *, withheld: Withheld, once: bool = False
) -> beam.PCollection[BatchName]:
    """Assemble the endless job.

    Args:
        pipeline: Empty.
        config: All settings.
        withheld: What was taken down when the job began; later takedowns are seen batch by batch.
        once: End when caught up with the end of the topic.

    Returns:
        The batches that were committed; every record has exactly one row of `fate` in one of them.
    """
    source = pipeline | "ReadStream" >> ReadStream(config=config, once=once)
    early = drafts_of(source.records, config, withheld=withheld)
    ends = early.ends | "EarlyEnds" >> beam.Flatten().with_output_types(TerminalFates)
    drafted = (
        source.plans | "PlanParts" >> _parts(_of_plan),
        early.drafts | "DraftParts" >> _parts(_of_drafts),
        ends | "EndCounts" >> _parts(_count_of_ends),
    ) | "DraftedParts" >> beam.Flatten().with_output_types(BatchPart)
    marked, parts = drafted | "GatherDrafts" >> GatherBatches() | "MarkInOrder" >> MarkInOrder(config=config)
    articles = articles_of(marked, config)
    finished = (
        parts,
        articles | "ArticleParts" >> _parts(_of_articles),
        ends | "EndParts" >> _parts(_of_ends),
    ) | "FinishedParts" >> beam.Flatten().with_output_types(BatchPart)
    return (
        finished
        | "GatherRows" >> GatherBatches()
        | "WriteBatches"
        >> WriteBatches(
            root=config.lake.path, file_rows=config.lake.file_rows, patience_s=config.lake.patience_s
        )
        | "CommitBatches" >> CommitBatches(config=config)
    )


def _parts(make: Any) -> beam.PTransform:
    return beam.Map(make).with_output_types(BatchPart)


def _of_plan(plan: BatchPlan) -> BatchPart:
    return BatchPart(ingested_at=plan.ingested_at, plan=plan)


def _of_drafts(chunk: SketchedChunk) -> BatchPart:
    at = chunk.drafts[0].draft.ingested_at
    return BatchPart(ingested_at=at, records=len(chunk.drafts), drafts=chunk)


def _count_of_ends(ends: TerminalFates) -> BatchPart:
    return BatchPart(ingested_at=ends.fates[0].ingested_at, records=len(ends.fates))


def _of_ends(ends: TerminalFates) -> BatchPart:
    return BatchPart(ingested_at=ends.fates[0].ingested_at, records=len(ends.fates), ends=ends)


def _of_articles(chunk: ArticleChunk) -> BatchPart:
    at = chunk.articles[0].article.draft.ingested_at
    return BatchPart(ingested_at=at, records=len(chunk.articles), articles=chunk)
