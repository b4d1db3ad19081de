"""Records that stand behind open transactions: in the topic, but for nobody to read before these end.

A producer that died in a transaction holds back all that follows it in its partitions, its own records and
those of others, until the broker gives the transaction up (`transaction.timeout.ms` of the producer, 15
minutes at most unless the broker allows more).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError
from kafka.protocol.consumer import IsolationLevel

from newsmill.config import KafkaConfig
from newsmill.records import Record
from newsmill.sources import brokers, kafka


class Backlog(Record, frozen=True, kw_only=True):
    """What a partition holds behind what the lake has, in offsets."""

    topic: str
    partition: int
    waiting: int  # may be read now
    held_back: int  # behind the first open transaction
    stable_end: int  # offset of that transaction's first record; the end where nothing is held back


class Holder(Record, frozen=True, kw_only=True):
    """An open transaction at which a partition's readable part ends."""

    topic: str
    partition: int
    offset: int
    producer_id: int
    transactional_id: str | None  # None where the broker does not tell
    wrote_last: datetime

    @property
    def place(self) -> tuple[str, int]:
        """Topic and partition."""
        return self.topic, self.partition

    def __str__(self) -> str:
        who = f"of {self.transactional_id}" if self.transactional_id else f"of producer {self.producer_id}"
        return (
            f"{self.topic} partition {self.partition}: a transaction {who} is open since offset "
            f"{self.offset}; it wrote last at {self.wrote_last:%Y-%m-%d %H:%M:%S} UTC"
        )

    def mend(self, bootstrap: str) -> str:
        """The command of Kafka that ends it."""
        return (
            f"kafka-transactions.sh --bootstrap-server {bootstrap} abort --topic {self.topic} "
            f"--partition {self.partition} --start-offset {self.offset}"
        )


def backlog(config: KafkaConfig, committed: Mapping[tuple[str, int], int]) -> list[Backlog]:
    """What each partition of the topic holds, in the order of the partitions.

    Args:
        config: The topic and how to reach it.
        committed: Next offset to read by (topic, partition), as the lake has it.

    Raises:
        ConfigError: The topic does not exist, or the broker refuses the credentials.
        Transient: The broker is away.
    """

    def ask() -> list[Backlog]:
        waiting = kafka.lag(config, committed)
        places = [TopicPartition(*place) for place in sorted(waiting)]
        with closing(KafkaAdminClient(**brokers.client_options(config))) as admin:
            stable = _offsets(admin, places, OffsetSpec.LATEST, IsolationLevel.READ_COMMITTED)
            last = _offsets(admin, places, OffsetSpec.LATEST, IsolationLevel.READ_UNCOMMITTED)
        return [
            Backlog(
                topic=place.topic,
                partition=place.partition,
                waiting=waiting[place.topic, place.partition],
                held_back=max(0, last[place] - stable[place]),
                stable_end=stable[place],
            )
            for place in places
        ]

    return brokers.retry(ask, config)


def holders(config: KafkaConfig, found: Sequence[Backlog]) -> Iterator[Holder]:
    """The transactions at which partitions end; none where the broker does not tell (before Kafka 3.0)."""
    held = {TopicPartition(part.topic, part.partition): part for part in found if part.held_back}
    if not held:
        return
    with suppress(KafkaError), closing(KafkaAdminClient(**brokers.client_options(config))) as admin:
        states = admin.describe_producers(list(held))
        names: dict[int, str] = {}
        with suppress(KafkaError):
            listed = admin.list_transactions().values()
            names = {found.producer_id: found.transactional_id for part in listed for found in part}
        for place, state in states.items():
            for producer in state.active_producers:
                if producer.current_transaction_start_offset == held[place].stable_end:
                    yield Holder(
                        topic=place.topic,
                        partition=place.partition,
                        offset=producer.current_transaction_start_offset,
                        producer_id=producer.producer_id,
                        transactional_id=names.get(producer.producer_id),
                        wrote_last=datetime.fromtimestamp(producer.last_timestamp / 1000, UTC),
                    )


def _offsets(
    admin: KafkaAdminClient, places: Sequence[TopicPartition], spec: OffsetSpec, level: IsolationLevel
) -> dict[TopicPartition, int]:
    found = admin.list_partition_offsets(dict.fromkeys(places, spec), isolation_level=level)
    return {place: offset.offset for place, offset in found.items()}
