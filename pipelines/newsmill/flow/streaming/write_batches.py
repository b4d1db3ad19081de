"""WriteBatches: whole batches in, their data files out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa

from newsmill.flow.elements.batches import WholeBatch, WrittenBatch
from newsmill.flow.elements.stage_result import busy
from newsmill.flow.steps.tabulate import tabulate
from newsmill.lake import files
from newsmill.lake.files import DataFile


class WriteBatches(beam.PTransform):
    """Write the rows of each batch as `WriteTables` does, all tables of a batch in one place.

    Guarantees: unbounded; files are named by their content and invisible until the lake commits them,
    so a second try changes nothing.

    Args:
        root: The lake's folder or URI.
        file_rows: Most rows of one file.
        patience_s: Longest wait for a store that is away; none for ever.
    """

    def __init__(self, *, root: str, file_rows: int, patience_s: float | None = None) -> None:
        super().__init__()
        self._fn = _WriteFn(root, file_rows, patience_s)

    def expand(self, batches: beam.PCollection[WholeBatch]) -> beam.PCollection[WrittenBatch]:
        """One batch to one batch."""
        return batches | "Write" >> beam.ParDo(self._fn)


@beam.typehints.with_input_types(WholeBatch)
@beam.typehints.with_output_types(WrittenBatch)
class _WriteFn(beam.DoFn):
    def __init__(self, root: str, file_rows: int, patience_s: float | None) -> None:
        self._root = root
        self._file_rows = file_rows
        self._patience_s = patience_s

    def process(self, batch: WholeBatch) -> Iterator[WrittenBatch]:
        with busy("WriteTables"):
            rows: dict[str, list[pa.Table]] = defaultdict(list)
            for part in batch.parts:
                for chunk in (part.articles, part.ends, part.events):
                    for table, _, found in tabulate(chunk) if chunk is not None else ():
                        rows[table].append(found)
            written: list[DataFile] = []
            for table in sorted(rows):
                written += files.write_all(
                    self._root,
                    table,
                    pa.concat_tables(rows[table]),
                    ingested_at=batch.plan.ingested_at,
                    file_rows=self._file_rows,
                    patience_s=self._patience_s,
                )
        yield WrittenBatch(plan=batch.plan, files=tuple(written))
