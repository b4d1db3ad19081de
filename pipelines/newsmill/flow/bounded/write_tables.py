"""WriteTables: rows in, immutable data files out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apache_beam as beam
import pyarrow as pa

from newsmill.flow.elements.chunks import RowChunk
from newsmill.flow.elements.stage_result import busy
from newsmill.flow.elements.working import RAW
from newsmill.lake import files
from newsmill.lake.files import DataFile
from newsmill.lake.schemas import LEDGER
from newsmill.runtime import registry


class WriteTables(beam.PTransform):
    """Write the rows of each table into as few files as the row limit allows.

    Where raw records are kept, those of the rows of the ledger go to their files first.

    Files are invisible to readers until the lake commits them. The same rows give the same file, so
    a second try changes nothing.

    Args:
        root: The lake's folder or URI.
        file_rows: Most rows of one file.
        patience_s: Longest wait for a store that is away; none for ever.
    """

    def __init__(self, *, root: str, file_rows: int, patience_s: float | None = None) -> None:
        super().__init__()
        self._fn = _WriteFn(root, file_rows, patience_s)

    def expand(self, chunks: beam.PCollection[RowChunk]) -> beam.PCollection[DataFile]:
        """Chunks of rows to the files that hold them."""
        return (
            chunks
            | "ByTable" >> beam.Map(_by_table).with_output_types(tuple[tuple[str, int], RowChunk])
            | "Gather" >> beam.GroupByKey()
            | "Write" >> beam.ParDo(self._fn)
        )


def _by_table(chunk: RowChunk) -> tuple[tuple[str, int], RowChunk]:
    return (chunk.table, chunk.ingested_at), chunk


@beam.typehints.with_output_types(DataFile)
class _WriteFn(beam.DoFn):
    def __init__(self, root: str, file_rows: int, patience_s: float | None) -> None:
        self._root = root
        self._file_rows = file_rows
        self._patience_s = patience_s

    def process(self, keyed: tuple[tuple[str, int], Iterable[RowChunk]]) -> Iterator[DataFile]:
        with busy("WriteTables"):
            (table, at), chunks = keyed
            rows = pa.concat_tables(pa.ipc.open_stream(chunk.arrow).read_all() for chunk in chunks)
            if table == LEDGER and (raw := registry.find(RAW)) is not None:
                rows = raw.filed(rows, at)
            written = files.write_all(
                self._root,
                table,
                rows,
                ingested_at=at,
                file_rows=self._file_rows,
                patience_s=self._patience_s,
            )
        yield from written
