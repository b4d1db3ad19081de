"""The real broker that tests use."""

from __future__ import annotations

import re
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from newsmill.config import KafkaConfig
from newsmill.dev import local_kafka
from newsmill.dev.local_kafka import DevKafka

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
            max_request_size=local_kafka.MESSAGE_BYTES,
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


class SecondBroker:
    """A broker beside the first one, in its cluster: what only it leads has no leader once it is killed."""

    def __init__(self, first: DevKafka, folder: Path) -> None:
        self._first = first
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SecondBroker:
        given = dict(
            line.split("=", 1)
            for line in (self._first.data / "server.properties").read_text().splitlines()
            if not line.startswith("#")
        )
        with socket.socket() as free:
            free.bind((local_kafka.HOST, 0))
            self._port = free.getsockname()[1]
        own = {
            "process.roles": "broker",
            "node.id": "2",
            "listeners": f"PLAINTEXT://{local_kafka.HOST}:{self._port}",
            "advertised.listeners": f"PLAINTEXT://{local_kafka.HOST}:{self._port}",
            "log.dirs": str(self._folder / "log"),
        }
        self._folder.mkdir()
        self._properties = self._folder / "server.properties"
        self._properties.write_text("".join(f"{k}={v}\n" for k, v in {**given, **own}.items()))
        meta = (self._first.data / "log" / "meta.properties").read_text()
        [cluster] = re.findall(r"cluster\.id=(\S+)", meta)
        self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c").wait()
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = self._java("kafka.Kafka")
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((local_kafka.HOST, self._port)) == 0:
                    return
            assert self._process.poll() is None, "the second broker does not start"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it, at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def make_topic(self, name: str, *, leaders: Sequence[int]) -> None:
        """A topic with one partition a broker named, on it alone."""
        running = self._first.running
        assert running is not None
        admin = KafkaAdminClient(bootstrap_servers=running.bootstrap)
        try:
            placed = {partition: [leader] for partition, leader in enumerate(leaders)}
            admin.create_topics({name: {"assignments": placed}})
            admin.wait_for_topics([name])
        finally:
            admin.close()

    def leader(self, topic: str, partition: int) -> int | None:
        """Who leads a partition; -1 where nobody does, None where it was not told."""
        running = self._first.running
        assert running is not None
        try:
            admin = KafkaAdminClient(bootstrap_servers=running.bootstrap)
            try:
                [found] = admin.describe_topics([topic])
            finally:
                admin.close()
        except KafkaError:  # it asked the one that was killed
            return None
        [leader] = [p["leader_id"] for p in found["partitions"] if p["partition_index"] == partition]
        return int(leader)

    def _java(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = f"-Dlog4j2.configurationFile={self._first.data / 'log4j2.xml'}"
        return subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "java", "-Xmx256m", "-XX:+UseSerialGC", log),
                *("-cp", f"{local_kafka.jars()}/*", program, *arguments, str(self._properties)),
            ],
            stdout=(self._folder / "broker.log").open("ab"),
            stderr=subprocess.STDOUT,
        )
