"""The pipeline of one batch: records in, data files out. Who runs it commits the files."""

from __future__ import annotations

from typing import Final

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from newsmill.config import Config
from newsmill.flow.bounded.mark_copies import MarkCopies
from newsmill.flow.bounded.write_tables import WriteTables
from newsmill.flow.elements.chunks import RecordChunk, RowChunk, TerminalFates
from newsmill.flow.steps.decode import Withheld
from newsmill.flow.steps.middle import articles_of, drafts_of
from newsmill.flow.steps.tabulate import TabulateRows
from newsmill.lake.files import DataFile

AHEAD: Final = 2
"""Pages an extraction process that are under way while the runner reads the next chunk."""


def in_process() -> beam.Pipeline:
    """An empty pipeline that runs on one thread of this process.

    What takes long of a page is done in extraction processes beside it, of which it keeps as many busy as are
    set (`flow.steps.extract`). More threads would wait for one interpreter lock, and Beam's ways between
    threads are gRPC: with them a batch took a fifth more CPU time and a hundred megabytes more.
    """
    return beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([]))


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
    ahead = AHEAD * config.page.processes
    drafted = drafts_of(records, config, withheld=withheld, boilerplate=boilerplate, ahead=ahead)
    marked = drafted.drafts | "MarkCopies" >> MarkCopies(batch_id=batch_id, index=index)
    articles = articles_of(marked.oks, config)
    ends = (*drafted.ends, marked.ends) | "AllEnds" >> beam.Flatten().with_output_types(TerminalFates)
    rows = (
        articles | "TabulateArticles" >> TabulateRows(),
        ends | "TabulateEnds" >> TabulateRows(),
        marked.events | "TabulateEvents" >> TabulateRows(),
    ) | "AllRows" >> beam.Flatten().with_output_types(RowChunk)
    return rows | "WriteTables" >> WriteTables(
        root=config.lake.path, file_rows=config.lake.file_rows, patience_s=config.lake.patience_s
    )
