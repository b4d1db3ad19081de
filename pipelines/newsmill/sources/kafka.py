"""Reading a Kafka topic by exact offsets: plan a bounded batch, then read its slices.

The lake knows what was done; the broker's group offsets serve dashboards only. So nothing here
joins a group: partitions are assigned, positions are sought, and an offset that the broker no
longer has is an error and never a silent jump (`auto_offset_reset` is none). Aborted transactions
are never read (`read_committed`), and a batch with a wrong checksum is an error.

Offsets may have holes: transaction markers, compaction. A plan therefore names the offsets it
counted by a checksum, and a read that finds others says so.
"""

from __future__ import annotations

import difflib
import logging
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CorruptRecordError,
    InvalidConfigurationError,
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    OffsetOutOfRangeError,
    RetriableError,
    TopicAlreadyExistsError,
)

from newsmill.config import BatchConfig, KafkaConfig, OnDataLoss
from newsmill.errors import ConfigError, DataLoss, LakeError, OffsetsChanged
from newsmill.records import Gap, OffsetRange, Position, Record, SourceRecord
from newsmill.sources import brokers

_log = logging.getLogger(__name__)

SLICE_RECORDS: Final = 256
SLICE_BYTES: Final = 8_000_000
"""Most that a thread reads before it hands on; several do at a time."""
OFFSETS_MS: Final = 15_000
YEAR_10000_MS: Final = 253_402_300_800_000
"""Broker times from here on are no times: producers may send any 64 bits."""
ASK_S: Final = 3.0
"""A broker that gives nothing for so long, though it has records, is asked whether it is there."""
STALL_S: Final = 60.0
"""And after so long it is tried anew."""

Offsets = Mapping[tuple[str, int], int]
TopicIds = Mapping[str, str]


class Plan(Record, frozen=True, kw_only=True):
    """What one micro-batch reads."""

    slices: tuple[OffsetRange, ...]  # those of a partition follow each other without a hole
    gaps: tuple[Gap, ...]
    caught_up: bool  # nothing is left behind the slices
    ends: dict[tuple[str, int], int]  # last stable offset of each partition when planned


class TopicDamaged(LakeError):
    """A batch in the broker has a wrong checksum, or is none; nothing is skipped."""


class TopicRecreated(LakeError):
    """The topic ends before what the lake has committed: it is not the topic that was read."""


def plan(
    config: KafkaConfig,
    committed: Offsets,
    batch: BatchConfig,
    on_data_loss: OnDataLoss,
    topic_ids: TopicIds = MappingProxyType({}),
) -> Plan:
    """Choose what the next micro-batch reads: from the committed offsets, within the batch's bounds.

    All partitions get an equal share of the bounds; what one leaves over goes to the others. The
    records are read once and thrown away, so the counts are exact. A partition that was never
    committed (new topic, partitions added) starts at its first offset. A single record larger than
    `max_bytes` still makes a batch of its own.

    Args:
        config: The topic and how to reach it.
        committed: Next offset to read by (topic, partition), as the lake has it.
        batch: `max_records` and `max_bytes` of the whole batch.
        on_data_loss: Whether offsets that are gone from the broker are an error or a gap.
        topic_ids: Id of the topic that the committed offsets are of; not compared where absent.

    Raises:
        DataLoss: Committed offsets are gone by retention, or the topic was deleted and made again, and
            `on_data_loss` is `fail`.
        TopicRecreated: The topic ends before the committed offset.
        TopicDamaged: A batch has a wrong checksum.
        ConfigError: The topic does not exist, or the broker refuses the credentials.
        Transient: The broker is away.
    """
    return brokers.retry(lambda: _plan(config, committed, batch, on_data_loss, topic_ids), config)


def read(config: KafkaConfig, slice: OffsetRange) -> Iterator[SourceRecord]:
    """Read the records of a slice, in offset order.

    Guarantees: exactly the records that the plan counted (where `offsets_crc` is set), else an error.

    Raises:
        DataLoss: Offsets of the slice have gone from the broker since it was planned.
        TopicDamaged: A batch has a wrong checksum.
        Transient: The broker is away for longer than `patience_s`.
        OffsetsChanged: The offsets found are not those of the plan.
    """
    partition = TopicPartition(slice.topic, slice.partition)
    count, crc, position = 0, 0, slice.start
    with brokers.retrying(config) as waiting:
        while position < slice.end:
            try:
                with brokers.consumer(config) as consumer:
                    consumer.assign([partition])
                    consumer.seek(partition, position)
                    for found in _records(config, consumer, partition, slice.end):
                        waiting.passed()
                        count, crc, position = count + 1, _crc(crc, found.offset), found.offset + 1
                        yield _source_record(found)
                    break
            except RetriableError as error:
                waiting.wait(error, brokers.said(error))
    if slice.offsets_crc is not None and (count, crc) != (slice.records, slice.offsets_crc):
        raise OffsetsChanged(
            f"{slice.topic} partition {slice.partition} offsets {slice.start} to {slice.end}: "
            f"{count} records found, {slice.records} planned: plan again"
        )


def lag(config: KafkaConfig, committed: Offsets) -> dict[tuple[str, int], int]:
    """Offsets between the committed and the last stable offset, by (topic, partition).

    Holes count too: an upper bound of the records that wait.

    Raises:
        ConfigError: The topic does not exist, or the broker refuses the credentials.
        Transient: The broker is away.
    """

    def ask() -> dict[tuple[str, int], int]:
        with brokers.consumer(config) as consumer:
            partitions = _partitions(consumer, config.topic)
            begins = _offsets(consumer.beginning_offsets, partitions)
            ends = _offsets(consumer.end_offsets, partitions)
        return {
            (p.topic, p.partition): max(0, ends[p] - committed.get((p.topic, p.partition), begins[p]))
            for p in partitions
        }

    return brokers.retry(ask, config)


def commit_offsets(config: KafkaConfig, offsets: Offsets) -> None:
    """Store offsets for the consumer group, so that lag dashboards see how far the lake is.

    Nothing is ever read from them.

    Raises:
        ConfigError: The broker refuses the credentials.
        Transient: The broker is away.
    """

    def store() -> None:
        consumer = KafkaConsumer(
            **brokers.client_options(config), group_id=config.group, enable_auto_commit=False
        )
        try:
            consumer.commit(
                {TopicPartition(*key): OffsetAndMetadata(at, "", -1) for key, at in offsets.items()}
            )
        finally:
            consumer.close(autocommit=False)

    brokers.retry(store, config)


def create_topic(config: KafkaConfig, *, partitions: int, settings: Mapping[str, str] | None = None) -> None:
    """Make the topic, with the broker's replication; nothing happens where it already exists.

    Raises:
        ConfigError: The broker refuses the credentials, or the topic's name.
        Transient: The broker is away.
    """

    def create() -> None:
        admin = KafkaAdminClient(**brokers.client_options(config))
        try:
            admin.create_topics(
                {config.topic: {"num_partitions": partitions, "configs": dict(settings or {})}}
            )
            admin.wait_for_topics([config.topic])
        except TopicAlreadyExistsError:
            pass
        except (InvalidTopicError, InvalidConfigurationError) as error:
            raise ConfigError(f"kafka.topic: {config.topic!r}: {brokers.said(error)}") from None
        finally:
            admin.close()

    brokers.retry(create, config)


def check_present(config: KafkaConfig, slices: Sequence[OffsetRange]) -> None:
    """Check that the broker still has the first offset of each partition's slices, in the same topic.

    Raises:
        DataLoss: Retention has taken it, or the topic was deleted and made again.
        ConfigError: The topic does not exist, or the broker refuses the credentials.
        Transient: The broker is away.
    """

    def ask() -> None:
        with brokers.consumer(config) as consumer:
            begins = _offsets(consumer.beginning_offsets, _partitions(consumer, config.topic))
            topic_id = _topic_id(consumer, config.topic)
        for part in slices:
            partition = TopicPartition(part.topic, part.partition)
            if _is_another(topic_id, part.topic_id):
                raise DataLoss(_recreated(part.topic, part.topic_id, topic_id))
            if part.start < begins.get(partition, 0):
                raise _loss(partition, part.start, begins[partition])

    brokers.retry(ask, config)


def problems(config: KafkaConfig, *, waits: bool = False) -> list[str]:
    """What stands in the way of reading the topic, a line each: broker, certificate, login, topic.

    One short try; for the check before anything starts.

    Args:
        config: The topic and how to reach it.
        waits: A broker that does not answer is none: who asks will wait for it.
    """
    return topic_problems(config, config.topic, waits=waits)


def topic_problems(config: KafkaConfig, topic: str, *, waits: bool = False) -> list[str]:
    """The same for another topic of these brokers."""
    try:
        brokers.reach(config)
        with brokers.consumer(config) as consumer:
            _partitions(consumer, topic)
    except ConfigError as error:
        return list(error.problems)
    except RetriableError as error:
        return [] if waits else [f"kafka.bootstrap: {brokers.said(error)}"]
    except KafkaError as error:
        return [f"kafka.bootstrap: {brokers.said(error)}"]
    return []


def _plan(
    config: KafkaConfig,
    committed: Offsets,
    batch: BatchConfig,
    on_data_loss: OnDataLoss,
    topic_ids: TopicIds,
) -> Plan:
    with brokers.consumer(config) as consumer:
        partitions = _partitions(consumer, config.topic)
        topic_id, known = _topic_id(consumer, config.topic), topic_ids.get(config.topic)
        if _is_another(topic_id, known):
            if on_data_loss is OnDataLoss.FAIL:
                raise DataLoss(_recreated(config.topic, known, topic_id))
            _log.warning("%s", _recreated(config.topic, known, topic_id))
        begins = _offsets(consumer.beginning_offsets, partitions)
        ends = _offsets(consumer.end_offsets, partitions)
        runs, gaps = [], []
        for partition in partitions:
            begin, end = begins[partition], ends[partition]
            start = committed.get((partition.topic, partition.partition), begin)
            if start > end:
                raise TopicRecreated(
                    f"{partition.topic} partition {partition.partition} ends at offset {end}, but the lake "
                    f"has committed up to {start}: the topic was deleted and made again, or truncated"
                )
            if start < begin:
                if on_data_loss is OnDataLoss.FAIL:
                    raise _loss(partition, start, begin)
                gaps.append(Gap(topic=partition.topic, partition=partition.partition, start=start, end=begin))
                start = begin
            runs.append(_Run(partition, start, end, topic_id))
        records, size = batch.max_records, batch.max_bytes
        while open_runs := sorted(
            (run for run in runs if run.next < run.end), key=_Run.backlog, reverse=True
        ):
            before = sum(run.next for run in runs)
            shares = _shares(records, [run.backlog() for run in open_runs])
            size_share = size // len(open_runs)
            for run, share in zip(open_runs, shares, strict=True):
                least = size if records < batch.max_records else sys.maxsize
                taken = run.take(config, consumer, share, size_share, least=least)
                records, size = records - taken[0], size - taken[1]
            if records <= 0 or size <= 0 or sum(run.next for run in runs) == before:
                break
    return Plan(
        slices=tuple(piece for run in runs for piece in run.slices()),
        gaps=tuple(gaps),
        caught_up=all(run.next >= run.end for run in runs),
        ends={(p.topic, p.partition): end for p, end in ends.items()},
    )


class _Run:
    """One partition while it is planned."""

    def __init__(self, partition: TopicPartition, start: int, end: int, topic_id: str | None) -> None:
        self.partition, self.start, self.end, self.next = partition, start, end, start
        self._topic_id = topic_id
        self._found: list[tuple[int, int]] = []  # (offset, bytes)

    def backlog(self) -> int:
        """Offsets that are left; what waits longest goes first."""
        return self.end - self.next

    def take(
        self, config: KafkaConfig, consumer: KafkaConsumer, records: int, size: int, *, least: int
    ) -> tuple[int, int]:
        """Read on, up to so many records and bytes; (records, bytes) taken.

        A first record is taken up to `least` bytes, so that a large one does not hold the partition.
        """
        count = total = 0
        if not records:
            return count, total
        consumer.assign([self.partition])
        consumer.seek(self.partition, self.next)
        for found in _records(config, consumer, self.partition, self.end):
            room = size if count else max(size, least)
            bytes_ = _size(found)
            if total + bytes_ > room:
                self.next = found.offset
                return count, total
            count, total = count + 1, total + bytes_
            self._found.append((found.offset, bytes_))
            if count == records:
                self.next = found.offset + 1
                return count, total
        self.next = self.end
        return count, total

    def slices(self) -> Iterator[OffsetRange]:
        """The records taken, cut so that workers share them."""
        start, total = self.start, 0
        piece: list[int] = []
        for offset, size in self._found:
            if piece and (len(piece) == SLICE_RECORDS or total + size > SLICE_BYTES):
                yield self._slice(start, offset, piece, total)
                start, piece, total = offset, [], 0
            piece.append(offset)
            total += size
        if start < self.next:
            yield self._slice(start, self.next, piece, total)

    def _slice(self, start: int, end: int, offsets: Sequence[int], size: int) -> OffsetRange:
        crc = 0
        for offset in offsets:
            crc = _crc(crc, offset)
        return OffsetRange(
            topic=self.partition.topic,
            partition=self.partition.partition,
            start=start,
            end=end,
            records=len(offsets),
            bytes=size,
            offsets_crc=crc,
            topic_id=self._topic_id,
        )


def _shares(total: int, wanted: Sequence[int]) -> list[int]:
    """Divide `total` fairly: nobody gets more than wanted, what is left over goes to the others."""
    shares = [0] * len(wanted)
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    for done, index in enumerate(order):
        shares[index] = min(wanted[index], -(-total // (len(wanted) - done)))
        total -= shares[index]
    return shares


def _partitions(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    known = consumer.topics()  # always asks the broker: partitions may have been added
    if topic not in known:
        hint = difflib.get_close_matches(topic, known, n=1)
        raise ConfigError(
            f"kafka.topic: {brokers.NO_TOPIC} {topic!r}" + (f"; did you mean {hint[0]}?" if hint else "")
        )
    found = consumer.partitions_for_topic(topic)
    return [TopicPartition(topic, partition) for partition in sorted(found)]


def _offsets(
    ask: Callable[..., dict[TopicPartition, int]], partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """First or last offsets. Raises LeaderNotAvailableError, which passes, where nobody leads a partition."""
    try:
        return ask(partitions, timeout_ms=OFFSETS_MS)
    except KeyError as error:  # kafka-python 3.0 leaves out what has no leader, and then looks it up
        if error.args[0] not in partitions:
            raise
        topic, partition = error.args[0]
        raise LeaderNotAvailableError(f"{topic} partition {partition} has no leader") from error


def _topic_id(consumer: KafkaConsumer, topic: str) -> str | None:
    """Of the topic as `_partitions` has just found it; None from brokers before Kafka 2.8 (KIP-516)."""
    found = consumer._cluster.topic_id(topic)  # no public method tells it
    return None if found is None else str(found)


def _is_another(found: str | None, known: str | None) -> bool:
    """Whether a topic is not the one that was read, by their ids; unknown ids tell nothing."""
    return None not in (found, known) and found != known


def _recreated(topic: str, known: str | None, found: str | None) -> str:
    return (
        f"{topic}: the broker's topic has the id {found}, but the lake has read the one with the id {known}: "
        f"it was deleted and made again. What the new one holds below the committed offsets has no place in "
        f"the lake; to go on behind them: --on-data-loss=skip"
    )


def _records(
    config: KafkaConfig, consumer: KafkaConsumer, partition: TopicPartition, end: int
) -> Iterator[Any]:
    """Records from the consumer's position to before `end`; ends even where markers end the range.

    Raises:
        RetriableError: Nothing comes, since no broker answers or for no reason that can be seen.
    """
    seen = asked = time.monotonic()
    position = consumer.position(partition)
    while position < end:
        try:
            batch = consumer.poll(timeout_ms=1000).get(partition, ())
        except OffsetOutOfRangeError:
            begin = _offsets(consumer.beginning_offsets, [partition])[partition]
            raise _loss(partition, position, begin) from None
        except CorruptRecordError as error:
            raise TopicDamaged(
                f"{partition.topic} partition {partition.partition}: the batch at offset {position} is "
                f"damaged in the broker: {brokers.said(error)}"
            ) from error
        for found in batch:
            if found.offset >= end:
                return
            yield found
        reached = consumer.position(partition)
        now = time.monotonic()
        if reached != position:
            position, seen, asked = reached, now, now
        elif now - seen > STALL_S:
            raise KafkaTimeoutError(
                f"{partition.topic} partition {partition.partition}: nothing read at offset {position} "
                f"for {STALL_S:g} s, though it ends at {end}"
            )
        elif now - asked > ASK_S:
            brokers.reach(config)
            asked = now


def _loss(partition: TopicPartition, wanted: int, first: int) -> DataLoss:
    return DataLoss(
        f"{partition.topic} partition {partition.partition}: offset {wanted} is wanted, but the broker's "
        f"first is {first}: {first - wanted} offsets are gone by retention. To go on without them, and "
        f"have the gap in the ledger: --on-data-loss=skip"
    )


def _crc(crc: int, offset: int) -> int:
    return zlib.crc32(offset.to_bytes(8, "little"), crc)


def _size(found: Any) -> int:
    return sum(
        max(0, n)
        for n in (found.serialized_key_size, found.serialized_value_size, found.serialized_header_size)
    )


def _source_record(found: Any) -> SourceRecord:
    return SourceRecord(
        position=Position(topic=found.topic, partition=found.partition, offset=found.offset),
        value=found.value,
        key=found.key,
        headers=tuple(found.headers),
        timestamp=found.timestamp * 1000 if 0 <= found.timestamp < YEAR_10000_MS else None,
    )
