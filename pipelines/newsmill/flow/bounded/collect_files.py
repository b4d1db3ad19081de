"""CollectFiles: the files of a batch, handed to the driver that commits them."""

from __future__ import annotations

import apache_beam as beam

from newsmill.lake.files import DataFile
from newsmill.runtime import registry


class CollectFiles(beam.PTransform):
    """Append each file to a resident list of the driver's process.

    Args:
        into: Name of the resident list.
    """

    def __init__(self, *, into: str) -> None:
        super().__init__()
        self._into = into

    def expand(self, files: beam.PCollection[DataFile]) -> beam.PCollection[None]:
        """Files to nothing."""
        return files | "Collect" >> beam.Map(_collect, self._into)


def _collect(file: DataFile, into: str) -> None:
    registry.get(into).append(file)
