"""TabulateRows: articles, ends and events in, Arrow rows of the tables out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import apache_beam as beam
import pyarrow as pa

from newsmill.flow.elements.chunks import ArticleChunk, EventChunk, Finished, RowChunk, TerminalFates
from newsmill.flow.elements.stage_result import busy
from newsmill.lake import rows as table_rows
from newsmill.lake.schemas import LEDGER
from newsmill.records import FateRow, Micros

Rows = ArticleChunk | TerminalFates | EventChunk


class TabulateRows(beam.PTransform):
    """Turn what a batch made into rows, a fate for each record included.

    Each article gives a row of `articles`, one of `copy_sketches` and one of `fate`; each early end a row of
    `fate` and, where it was rejected, one of `quarantine`; each cluster event a row of `cluster_events`.
    """

    def expand(self, chunks: beam.PCollection[Rows]) -> beam.PCollection[RowChunk]:
        """Chunks of any of the three kinds to chunks of rows, a table each."""
        return chunks | "Tabulate" >> beam.ParDo(_TabulateFn())


def tabulate(chunk: Rows) -> Iterator[tuple[str, Micros, pa.Table]]:
    """The pure twin: one chunk to its rows, as (table, time of the batch, rows)."""
    if isinstance(chunk, ArticleChunk):
        at = chunk.articles[0].article.draft.ingested_at
        articles = [item.article for item in chunk.articles]
        yield "articles", at, table_rows.articles(articles)
        yield "copy_sketches", at, table_rows.copy_sketches(articles)
        yield LEDGER, at, table_rows.fates([_fate(item) for item in chunk.articles])
    elif isinstance(chunk, TerminalFates):
        at = chunk.fates[0].ingested_at
        yield LEDGER, at, table_rows.fates(chunk.fates)
        if chunk.failures:
            yield "quarantine", at, table_rows.quarantine(chunk.failures, ingested_at=at)
    else:
        yield "cluster_events", chunk.events[0].at, table_rows.cluster_events(chunk.events)


def _fate(item: Finished) -> FateRow:
    article, draft = item.article, item.article.draft
    return FateRow(
        position=draft.position,
        fate=article.fate,
        ingested_at=draft.ingested_at,
        article_id=draft.article_id,
        revision=article.revision,
        url=draft.url,
        domain=draft.domain,
        recorded_at=draft.recorded_at,
        bytes=item.value_bytes,
        source=draft.source,
    )


_COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="lz4")
"""Rows wait for their whole batch, and a runner that shuffles through gRPC holds some twenty copies of them.
LZ4 costs a third of what zstd does in buffers as small as those of a chunk."""


def _stream(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_COMPRESSED) as stream:
        stream.write_table(rows)
    arrow: bytes = sink.getvalue().to_pybytes()
    return arrow


@beam.typehints.with_output_types(RowChunk)
class _TabulateFn(beam.DoFn):
    def process(self, chunk: Rows) -> Iterator[RowChunk]:
        with busy("TabulateRows"):
            for table, at, rows in tabulate(chunk):
                yield RowChunk(table=table, ingested_at=at, arrow=_stream(rows))
