"""The pipeline of one batch: records in, data files out. Who runs it commits the files."""

from __future__ import annotations

import apache_beam as beam

from newsmill.config import Config
from newsmill.flow.bounded.mark_copies import MarkCopies
from newsmill.flow.bounded.write_tables import WriteTables
from newsmill.flow.elements.chunks import RecordChunk, RowChunk, TerminalFates
from newsmill.flow.steps.decode import DecodeEnvelopes, Withheld
from newsmill.flow.steps.enrich import LinkEntities
from newsmill.flow.steps.extract import ExtractPages
from newsmill.flow.steps.identify import IdentifyDrafts
from newsmill.flow.steps.tabulate import TabulateRows
from newsmill.lake.files import DataFile


def batch_pipeline(
    records: beam.PCollection[RecordChunk],
    config: Config,
    *,
    batch_id: str,
    index: str,
    withheld: Withheld,
    boilerplate: str | None = None,
) -> beam.PCollection[DataFile]:
    """Assemble the flow of one batch.

    Args:
        records: Chunks of the batch's records.
        config: All settings.
        batch_id: The batch, for the copies index.
        index: Name of the resident copies index.
        withheld: What was taken down.
        boilerplate: Name under which the sites' Boilerplate is registered; none is cut where absent.

    Returns:
        The files that hold the batch's rows; every record has exactly one row of `fate` in them.
    """
    pages = records | "DecodeEnvelopes" >> DecodeEnvelopes(config=config.input, withheld=withheld)
    extracted = pages.oks | "ExtractPages" >> ExtractPages(
        page=config.page, input=config.input, on_reserved=config.rights.on_reserved
    )
    drafts = extracted.oks | "IdentifyDrafts" >> IdentifyDrafts(
        cpu_limit_s=config.page.cpu_limit_s, boilerplate=boilerplate
    )
    marked = drafts.oks | "MarkCopies" >> MarkCopies(batch_id=batch_id, index=index)
    articles = (
        marked.oks
        | "SpreadArticles" >> beam.Reshuffle()
        | "LinkEntities"
        >> LinkEntities(
            config=config.enrich,
            keep_body=config.copies.keep_body,
            on_reserved=config.rights.on_reserved,
            cpu_limit_s=config.page.cpu_limit_s,
        )
    )
    ends = (
        pages.ends,
        extracted.ends,
        drafts.ends,
        marked.ends,
    ) | "AllEnds" >> beam.Flatten().with_output_types(TerminalFates)
    rows = (
        articles | "TabulateArticles" >> TabulateRows(),
        ends | "TabulateEnds" >> TabulateRows(),
        marked.events | "TabulateEvents" >> TabulateRows(),
    ) | "AllRows" >> beam.Flatten().with_output_types(RowChunk)
    return rows | "WriteTables" >> WriteTables(
        root=config.lake.path, file_rows=config.lake.file_rows, patience_s=config.lake.patience_s
    )
