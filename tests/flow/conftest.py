from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from newsmill.records import Position, SourceRecord
from newsmill.runtime import registry

Outputs = dict[str, list[Any]]


@pytest.fixture
def run_eagerly() -> Callable[..., Outputs]:
    """Run a transform on elements; what came out, by stream name (`out` where there is one stream)."""

    def run(transform: beam.PTransform, elements: Sequence[Any], kind: type) -> Outputs:
        names: list[str] = []
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            given = pipeline | beam.Create(elements).with_output_types(kind)
            result = given | "UnderTest" >> transform
            streams = result._asdict() if hasattr(result, "_asdict") else {"out": result}
            for name, stream in streams.items():
                registry.register(f"test:{name}", [])
                names.append(name)
                stream | f"Keep {name}" >> beam.Map(_keep, f"test:{name}")
        kept = {name: registry.get(f"test:{name}") for name in names}
        for name in names:
            registry.unregister(f"test:{name}")
        return kept

    return run


def _keep(element: Any, name: str) -> None:
    registry.get(name).append(element)


@pytest.fixture
def record() -> Callable[..., SourceRecord]:
    """Make a source record in the raw envelope."""

    def make(offset: int, body: bytes | None, url: str | None = "https://paper.example/a") -> SourceRecord:
        headers = () if url is None else (("url", url.encode()),)
        return SourceRecord(
            position=Position(topic="pages", partition=0, offset=offset),
            value=body,
            headers=headers,
            timestamp=1_700_000_000_000_000,
        )

    return make
