"""The real broker that tests use."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from newsmill.config import KafkaConfig
from newsmill.ops import devcluster
from newsmill.ops.devcluster import DevKafka

USER, PASSWORD = "reader", "sesame, open"


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

    def make_again(self, config: KafkaConfig) -> None:
        """Delete a topic and make it again, empty and with another id."""
        admin = self.admin()
        try:
            admin.delete_topics([config.topic])
            while config.topic in admin.list_topics():
                time.sleep(0.05)
        finally:
            admin.close()
        self.dev.make_topic(config.topic)

    def admin(self) -> KafkaAdminClient:
        """A client that may change topics; close it."""
        return KafkaAdminClient(bootstrap_servers=self.bootstrap)

    def producer(self, **options: Any) -> KafkaProducer:
        """A client that sends up to 10 MB a record; close it."""
        return KafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            max_request_size=devcluster.MESSAGE_BYTES,
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
