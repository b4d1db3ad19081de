"""What tests share: the folder of evaluation data, and a real broker that is started once."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from newsmill.config import KafkaConfig
from newsmill.ops import devcluster
from newsmill.ops.devcluster import DevKafka

USER, PASSWORD = "reader", "sesame, open"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with evaluation pages and golds; it is no part of the repository."""
    named = os.environ.get("NEWSMILL_SHARED")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no evaluation data: {folder} does not exist; set NEWSMILL_SHARED")
    return folder


@dataclass(frozen=True)
class Broker:
    """The broker of the test session."""

    dev: DevKafka

    @property
    def bootstrap(self) -> str:
        """Where it listens without TLS."""
        running = self.dev.running
        assert running is not None
        return running.bootstrap

    def topic(self, *, partitions: int = 1, settings: Mapping[str, str] | None = None) -> KafkaConfig:
        """A fresh topic, and how to read it."""
        name = f"pages-{uuid.uuid4().hex[:12]}"
        self.dev.make_topic(name, partitions=partitions, settings=settings)
        return self.dev.kafka(name)

    def admin(self) -> KafkaAdminClient:
        """A client that may change topics; close it."""
        return KafkaAdminClient(bootstrap_servers=self.bootstrap)

    def producer(self, **options: Any) -> KafkaProducer:
        """A client that sends up to 10 MB a record; close it."""
        return KafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            max_request_size=devcluster.MESSAGE_BYTES,
            buffer_memory=64_000_000,
            **options,
        )

    def send(
        self,
        config: KafkaConfig,
        values: Sequence[bytes | None],
        *,
        partition: int = 0,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Send values to one partition, in order, and wait until they are there."""
        producer = self.producer()
        try:
            sent = [
                producer.send(config.topic, value=value, key=key, headers=list(headers), partition=partition)
                for value in values
            ]
            for future in sent:
                future.get(timeout=60)
        finally:
            producer.close()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker, with an open listener and one that asks for TLS and SASL."""
    if problems := devcluster.missing():
        pytest.skip("; ".join(problems))
    with DevKafka(data=tmp_path_factory.mktemp("kafka"), users={USER: PASSWORD}) as dev:
        yield Broker(dev)
