"""The checker's rules that need the truth of the broker: C1, C8 and C9, asked by a plain consumer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import duckdb
import pyarrow as pa
from kafka import KafkaConsumer, TopicPartition

from newsmill.config import KafkaConfig
from newsmill.errors import ConfigError
from newsmill.lake.verification.evidence import LakeEvidence
from newsmill.lake.verification.findings import Report


def check(
    connection: duckdb.DuckDBPyConnection,
    evidence: LakeEvidence,
    report: Report,
    broker: KafkaConfig,
    max_waiting_s: float | None,
) -> None:
    """Hold the ledger and the quarantined payloads against the broker's records; tell what still waits.

    Raises:
        ConfigError: The lake has records, but none of this topic, or the broker has no such topic: nothing
            would be compared.
    """
    topics = sorted({topic for topic, _ in evidence.committed})
    if topics and broker.topic not in topics:
        raise ConfigError(
            f"kafka.topic: the lake has no record of topic {broker.topic!r}, only of {', '.join(topics)}; "
            "name it with --topic"
        )
    query = 'SELECT partition, "offset", payload_sha256 FROM quarantine WHERE topic = ?'
    noted = {(p, o): sha for p, o, sha in connection.execute(query, [broker.topic]).fetchall()}
    seen: dict[str, list[int]] = {"partition": [], "offset": []}
    firsts: dict[str, list[int]] = {"partition": [], "first": []}
    waiting, foreign = [], []
    for partition, first, records in _broker_records(broker):
        firsts["partition"].append(partition)
        firsts["first"].append(first)
        next_offset = evidence.committed.get((broker.topic, partition), 0)
        for record in records:
            if record.offset >= next_offset:
                waiting.append(time.time() - record.timestamp / 1000)
                break
            seen["partition"].append(partition)
            seen["offset"].append(record.offset)
            told = noted.get((partition, record.offset))
            if told and record.value is not None and hashlib.sha256(record.value).hexdigest() != told:
                foreign.append((broker.topic, partition, record.offset))
    report.broker_records = len(seen["offset"])
    report.held_back = _held_back(broker)
    report.oldest_waiting_s = round(max(waiting), 3) if waiting else None
    connection.register(
        "broker",
        pa.table(
            {
                "partition": pa.array(seen["partition"], pa.int32()),
                "offset": pa.array(seen["offset"], pa.int64()),
            }
        ),
    )
    connection.register(
        "firsts",
        pa.table(
            {
                "partition": pa.array(firsts["partition"], pa.int32()),
                "first": pa.array(firsts["first"], pa.int64()),
            }
        ),
    )
    topic = broker.topic
    lost = """
        SELECT ?, b.partition, b."offset" FROM broker b
        ANTI JOIN (SELECT * FROM fate WHERE topic = ? AND fate <> 'gap') f USING (partition, "offset")
        ANTI JOIN (SELECT * FROM fate WHERE topic = ? AND fate = 'gap') g
        ON g.partition = b.partition AND b."offset" >= g."offset" AND b."offset" < g.offset_end"""
    extra = """
        SELECT f.topic, f.partition, f."offset" FROM fate f
        JOIN firsts s ON s.partition = f.partition AND f."offset" >= s.first
        ANTI JOIN broker b ON b.partition = f.partition AND b."offset" = f."offset"
        WHERE f.topic = ? AND f.fate <> 'gap'"""
    report.find(
        "C1", "records of the broker without a fate", connection.execute(lost, [topic] * 3).fetchall()
    )
    report.find(
        "C1", "fates of records that the broker does not have", connection.execute(extra, [topic]).fetchall()
    )
    report.find("C8", "payloads that are not the broker's", foreign)
    late = [f"{w:.0f} s" for w in waiting if max_waiting_s is not None and w > max_waiting_s]
    report.find("C9", f"a record waits for its fate for more than {max_waiting_s} s", late)


def _broker_records(broker: KafkaConfig) -> Iterator[tuple[int, int, Iterator[Any]]]:
    """(partition, first offset, its records to the end as it is now) of each partition, read plainly."""
    consumer = _consumer(broker, "read_committed")
    try:
        partitions = consumer.partitions_for_topic(broker.topic)
        if not partitions:
            raise ConfigError(f"kafka.topic: the broker has no topic {broker.topic!r}")
        for partition in sorted(partitions):
            where = TopicPartition(broker.topic, partition)
            consumer.assign([where])
            first = consumer.beginning_offsets([where])[where]
            end = consumer.end_offsets([where])[where]
            consumer.seek(where, first)
            yield partition, first, _until(consumer, where, end)
    finally:
        consumer.close()


def _held_back(broker: KafkaConfig) -> int:
    """Offsets of the topic that a reader of ended transactions may not see yet."""
    ends = []
    for level in ("read_committed", "read_uncommitted"):
        with closing(_consumer(broker, level)) as consumer:
            found = consumer.partitions_for_topic(broker.topic) or ()
            ends.append(consumer.end_offsets([TopicPartition(broker.topic, number) for number in found]))
    return sum(max(0, end - ends[0][where]) for where, end in ends[1].items())


def _consumer(broker: KafkaConfig, isolation_level: str) -> KafkaConsumer:
    password = broker.sasl_password.get_secret_value() if broker.sasl_password else None
    if password is None and broker.sasl_password_file is not None:
        password = broker.sasl_password_file.read_text(encoding="utf-8").strip()
    secured = {
        "ssl_cafile": broker.ssl_ca_file,
        "ssl_certfile": broker.ssl_cert_file,
        "ssl_keyfile": broker.ssl_key_file,
        "sasl_mechanism": broker.sasl_mechanism,
        "sasl_plain_username": broker.sasl_username,
        "sasl_plain_password": password,
    }
    return KafkaConsumer(
        bootstrap_servers=broker.bootstrap.split(","),
        security_protocol=broker.security_protocol.value,
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        auto_offset_reset="none",
        isolation_level=isolation_level,
        **{key: str(value) for key, value in secured.items() if value is not None},
    )


def _until(consumer: Any, where: TopicPartition, end: int) -> Iterator[Any]:
    while consumer.position(where) < end:
        for records in consumer.poll(timeout_ms=1000).values():
            yield from (record for record in records if record.offset < end)
