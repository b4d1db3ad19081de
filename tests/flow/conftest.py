from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from newsmill.config import Config, EnrichConfig, LakeConfig
from newsmill.flow.streaming import commit_batches, mark_in_order
from newsmill.records import Position, SourceRecord
from newsmill.runtime import registry

Outputs = dict[str, list[Any]]


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    """Settings of an endless job, whose lakes and indexes are given back."""
    mark_in_order._residents.clear()
    yield Config(lake=LakeConfig(path=str(tmp_path / "lake")), enrich=EnrichConfig(enabled=False))
    for lake in commit_batches.worker_lake._writers.values():
        lake.release()
    commit_batches.worker_lake._writers.clear()


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
