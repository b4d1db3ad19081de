"""Sinks of other packages: the rows of each batch, given to another place beside the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import pyarrow as pa

from newsmill.config import LakeConfig
from newsmill.errors import Transient
from newsmill.lake.files import DataFile
from newsmill.lake.schemas import TABLES
from newsmill.runtime.plugins import Kind
from newsmill.runtime.retrying import retry


class Sink(Protocol):
    """A plug-in of the entry point group `newsmill.sinks`, called with `LakeConfig`. Direct runner only.

    `Transient` is tried again, up to `lake.patience_s`; whatever else it raises stops the job.
    """

    def write(self, batch_id: str, rows: Iterator[tuple[str, pa.Table]]) -> None:
        """Take the rows of a batch that is about to be committed, at least once.

        A batch that is done again comes again under the same id, and replaces what came before: records may
        have come to another fate, or were taken down meanwhile. Replays and takedowns of rows that were
        committed earlier do not come here.

        Args:
            batch_id: Stable over restarts.
            rows: (table, rows), a data file at a time, read when asked for. Columns as in
                schemas/output/README.md.
        """
        ...


KIND: Final = Kind[Sink]("sinks", "lake.sinks", methods=("write",))

Read = Callable[[DataFile, Sequence[str]], pa.Table]


def open_all(config: LakeConfig) -> tuple[tuple[str, Sink], ...]:
    """Those that the settings name. Raises ConfigError as `Kind.open`."""
    return KIND.open(config.sinks, config)


def send(
    sinks: Sequence[tuple[str, Sink]],
    batch_id: str,
    files: Sequence[DataFile],
    read: Read,
    *,
    patience_s: float | None,
) -> None:
    """Give the files of a batch to each sink. Raises Transient where one is away for too long."""
    for name, sink in sinks:
        retry(
            lambda sink=sink: sink.write(batch_id, _rows(files, read)),  # type: ignore[misc]
            f"the sink {name}",
            errors=(Transient,),
            limit_s=patience_s,
        )


def _rows(files: Sequence[DataFile], read: Read) -> Iterator[tuple[str, pa.Table]]:
    for file in files:
        yield file.table, read(file, TABLES[file.table].arrow.names)
