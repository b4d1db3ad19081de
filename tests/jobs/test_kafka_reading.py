"""Plans and reads of a real topic."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from broker import Broker
from newsmill.config import BatchConfig, InputConfig, KafkaConfig, OnDataLoss
from newsmill.dev.local_kafka import DevKafka
from newsmill.errors import ConfigError, DataLoss, Rejected, Transient
from newsmill.records import SourceRecord
from newsmill.sources import brokers, kafka as source
from newsmill.sources.envelopes import decode
from newsmill.sources.kafka import Gap, OffsetRange, Plan, TopicDamaged, TopicRecreated

pytestmark = pytest.mark.kafka

FAIL, SKIP = OnDataLoss.FAIL, OnDataLoss.SKIP


def plan(
    config: KafkaConfig,
    committed: dict[tuple[str, int], int] | None = None,
    *,
    on_data_loss: OnDataLoss = FAIL,
    topic_ids: Mapping[str, str] | None = None,
    **bounds: int,
) -> Plan:
    return source.plan(config, committed or {}, BatchConfig(**bounds), on_data_loss, topic_ids or {})


def read(config: KafkaConfig, slices: Sequence[OffsetRange]) -> list[SourceRecord]:
    return [record for piece in slices for record in source.read(config, piece)]


def done(planned: Plan) -> dict[tuple[str, int], int]:
    """What the lake has committed after the plan."""
    return {(piece.topic, piece.partition): piece.end for piece in planned.slices}


def offsets_seen(config: KafkaConfig, partition: int = 0) -> list[int]:
    """The oracle: offsets that a plain read-committed consumer sees."""
    tp = TopicPartition(config.topic, partition)
    consumer = KafkaConsumer(bootstrap_servers=config.bootstrap, isolation_level="read_committed")
    try:
        consumer.assign([tp])
        consumer.seek_to_beginning(tp)
        end, seen = consumer.end_offsets([tp])[tp], []
        while consumer.position(tp) < end:
            seen += [found.offset for found in consumer.poll(1000).get(tp, [])]
        return seen
    finally:
        consumer.close()


def test_read_gives_keys_values_headers_and_times_as_sent(kafka: Broker) -> None:
    config = kafka.topic()
    before = time.time()
    kafka.send(config, [b"<p>x", None], key=b"k", headers=[("url", b"http://a.org/"), ("x", b"\xff")])
    first, second = read(config, plan(config).slices)
    assert (first.key, first.value, first.headers) == (
        b"k",
        b"<p>x",
        (("url", b"http://a.org/"), ("x", b"\xff")),
    )
    assert (second.value, second.position.offset) == (None, 1)
    assert first.timestamp is not None
    assert before - 5 < first.timestamp / 1e6 < time.time() + 5


def test_plan_cuts_a_partition_in_slices_that_follow_each_other(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [b"x" * 10] * 600)
    planned = plan(config)
    assert [(s.start, s.end, s.records) for s in planned.slices] == [
        (0, 256, 256),
        (256, 512, 256),
        (512, 600, 88),
    ]
    assert planned.caught_up
    assert planned.ends == {(config.topic, 0): 600}
    assert [r.position.offset for r in read(config, planned.slices)] == list(range(600))
    again = plan(config, done(planned))
    assert (again.slices, again.caught_up) == ((), True)


def test_plan_shares_the_bounds_among_partitions_and_gives_what_is_left_to_others(kafka: Broker) -> None:
    config = kafka.topic(partitions=3)
    for partition, count in enumerate((100, 3, 100)):
        kafka.send(config, [b"x" * 1000] * count, partition=partition)
    planned = plan(config, max_records=43)
    assert {s.partition: s.records for s in planned.slices} == {0: 20, 1: 3, 2: 20}
    assert not planned.caught_up
    planned = plan(config, max_bytes=53_000)
    by_partition = {s.partition: s.records for s in planned.slices}
    assert by_partition[1] == 3
    assert 50 <= sum(by_partition.values()) <= 53
    assert abs(by_partition[0] - by_partition[2]) <= 1


def test_large_records_of_one_partition_do_not_starve_the_others(kafka: Broker) -> None:
    config = kafka.topic(partitions=3)
    for partition in range(3):
        kafka.send(config, [b"x" * 500_000] * 4, partition=partition)
    committed: dict[tuple[str, int], int] = {}
    for _ in range(4):
        planned = plan(config, committed, max_bytes=600_000)
        assert sum(s.records for s in planned.slices) == 1
        committed |= done(planned)
    assert {partition for _, partition in committed} == {0, 1, 2}


def test_batches_cover_every_record_once_when_bounds_are_small(kafka: Broker) -> None:
    config = kafka.topic(partitions=2)
    for partition in (0, 1):
        kafka.send(config, [b"%d" % n for n in range(25 + partition)], partition=partition)
    committed: dict[tuple[str, int], int] = {}
    seen, caught_up = [], False
    while not caught_up:
        planned = plan(config, committed, max_records=7)
        seen += [(r.position.partition, r.position.offset) for r in read(config, planned.slices)]
        assert sum(s.records for s in planned.slices) <= 7
        committed |= done(planned)
        caught_up = planned.caught_up
    assert sorted(seen) == [(0, n) for n in range(25)] + [(1, n) for n in range(26)]
    assert len(seen) == 51


def test_record_of_ten_megabytes_passes_though_the_batch_allows_less(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [b"a", b"\x07" * 10_000_000, b"b"])
    first = plan(config, max_bytes=1_000_000)
    assert [s.records for s in first.slices] == [1]
    second = plan(config, done(first), max_bytes=1_000_000)
    assert [len(r.value or b"") for r in read(config, second.slices)] == [10_000_000]
    third = plan(config, done(second), max_bytes=1_000_000)
    assert [r.value for r in read(config, third.slices)] == [b"b"]


def test_large_records_are_cut_in_slices_of_at_most_8_megabytes(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [bytes([n]) * 2_500_000 for n in range(8)])
    planned = plan(config)
    assert [s.records for s in planned.slices] == [3, 3, 2]
    assert [(r.value or b"")[0] for r in read(config, planned.slices)] == list(range(8))


def test_offsets_with_transaction_markers_and_aborted_records_are_read_exactly(kafka: Broker) -> None:
    config = kafka.topic()
    producer = kafka.producer(transactional_id=uuid.uuid4().hex)
    producer.init_transactions()
    for number in range(4):
        producer.begin_transaction()
        for _ in range(3):
            producer.send(config.topic, value=b"%d" % number, partition=0)
        producer.flush()
        if number % 2:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
    producer.close()
    planned = plan(config)
    assert (
        [r.position.offset for r in read(config, planned.slices)]
        == offsets_seen(config)
        == [0, 1, 2, 8, 9, 10]
    )
    assert planned.slices[-1].end == planned.ends[config.topic, 0] == 16
    assert planned.caught_up
    assert plan(config, done(planned)).slices == ()


def test_range_that_holds_no_record_still_moves_the_offset_on(kafka: Broker) -> None:
    config = kafka.topic()
    producer = kafka.producer(transactional_id=uuid.uuid4().hex)
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(config.topic, value=b"x", partition=0)
    producer.flush()
    held = plan(config)
    assert (held.slices, held.caught_up) == ((), True)
    producer.abort_transaction()
    producer.close()
    (piece,) = plan(config).slices
    assert (piece.start, piece.end, piece.records) == (0, 2, 0)
    assert list(source.read(config, piece)) == []


def test_offsets_gone_by_retention_are_an_error_that_names_them(kafka: Broker) -> None:
    config = kafka.topic(partitions=2)
    kafka.send(config, [b"x"] * 30, partition=1)
    committed = {(config.topic, 0): 0, (config.topic, 1): 10}
    expire(kafka, config, partition=1, before=25)
    with pytest.raises(DataLoss, match=rf"{config.topic} partition 1: offset 10 .* first is 25"):
        plan(config, committed)
    skipped = plan(config, committed, on_data_loss=SKIP)
    assert skipped.gaps == (Gap(topic=config.topic, partition=1, start=10, end=25),)
    assert [r.position.offset for r in read(config, skipped.slices)] == list(range(25, 30))


def test_offsets_that_expire_between_plan_and_read_are_an_error(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [b"x"] * 30)
    planned = plan(config)
    expire(kafka, config, partition=0, before=20)
    with pytest.raises(DataLoss, match="offset 0 is wanted, but the broker's first is 20"):
        read(config, planned.slices)


def expire(kafka: Broker, config: KafkaConfig, *, partition: int, before: int) -> None:
    admin = kafka.admin()
    try:
        admin.delete_records({TopicPartition(config.topic, partition): before})
    finally:
        admin.close()


def test_broker_times_that_are_none_are_left_out(kafka: Broker) -> None:
    config = kafka.topic(settings={"message.timestamp.after.max.ms": str(2**63 - 1)})
    producer = kafka.producer()
    for time_ms in (0, 1_794_212_100_000, 253_402_300_800_000, 2**62):
        producer.send(config.topic, value=b"x", timestamp_ms=time_ms)
        producer.flush()
    producer.close()
    times = [record.timestamp for record in read(config, plan(config).slices)]
    assert times == [0, 1_794_212_100_000_000, None, None]


class RawName(str):
    """A header name that is sent as bytes that are no UTF-8, as clients in C can."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xff" + str.encode(self, encoding, errors)


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_header_name_that_is_no_utf8_does_not_stop_the_topic(kafka: Broker, compression: str | None) -> None:
    config = kafka.topic()
    producer = kafka.producer(compression_type=compression)
    for name in ("url", RawName("url"), "url"):
        producer.send(config.topic, value=b"<p>", headers=[(name, b"http://a.org/"), ("x", b"1")])
    producer.close()
    records = read(config, plan(config).slices)
    assert [record.headers[0][0] for record in records] == ["url", "\x1a" * 4, "url"]
    assert [record.headers[1:] for record in records] == [(("x", b"1"),)] * 3
    with pytest.raises(Rejected, match=r"E_SCHEMA.*no UTF-8"):
        decode(records[1], InputConfig())


def test_topic_first_read_starts_at_its_first_offset(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [b"x"] * 5)
    expire(kafka, config, partition=0, before=3)
    planned = plan(config)
    assert (planned.gaps, [r.position.offset for r in read(config, planned.slices)]) == ((), [3, 4])


def test_topic_made_again_is_refused_even_when_losses_are_skipped(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [b"x"] * 5)
    with pytest.raises(TopicRecreated, match=f"{config.topic} partition 0 ends at offset 5.* up to 9"):
        plan(config, {(config.topic, 0): 9}, on_data_loss=SKIP)


def test_topic_made_again_is_refused_by_its_id_though_it_has_grown_past_the_committed_offset(
    kafka: Broker,
) -> None:
    config = kafka.topic()
    kafka.send(config, [b"old"] * 5)
    first = plan(config)
    (old,) = {piece.topic_id for piece in first.slices}
    assert old is not None
    kafka.make_again(config)
    kafka.send(config, [b"new"] * 9)
    (piece,) = plan(config, done(first)).slices  # a lake that has noted no id
    new = piece.topic_id
    assert new not in (None, old)
    both = f"has the id {new}, but the lake has read the one with the id {old}"
    with pytest.raises(DataLoss, match=both):
        plan(config, done(first), topic_ids={config.topic: old})
    with pytest.raises(DataLoss, match=both):
        source.check_present(config, first.slices)
    source.check_present(config, [piece])
    skipped = plan(config, done(first), on_data_loss=SKIP, topic_ids={config.topic: old})
    assert [(s.start, s.end, s.topic_id) for s in skipped.slices] == [(5, 9, new)]


def test_partition_that_was_added_is_read_from_its_start(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [b"old"])
    first = plan(config)
    admin = kafka.admin()
    admin.create_partitions({config.topic: 2})
    admin.close()
    kafka.send(config, [b"new"], partition=1)
    second = plan(config, done(first))
    assert [(r.position.partition, r.value) for r in read(config, second.slices)] == [(1, b"new")]


def test_read_says_so_when_the_offsets_are_not_those_of_the_plan(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [b"x"] * 3)
    wrong = OffsetRange(
        topic=config.topic, partition=0, start=0, end=3, records=3, bytes=3, offsets_crc=12345
    )
    with pytest.raises(Transient, match="3 records found, 3 planned: plan again"):
        list(source.read(config, wrong))


def test_read_given_up_early_leaves_the_next_read_right(kafka: Broker) -> None:
    config = kafka.topic()
    kafka.send(config, [b"%d" % n for n in range(50)])
    (piece,) = plan(config).slices
    reading = source.read(config, piece)
    assert next(reading).value == b"0"
    reading.close()
    assert len(read(config, [piece])) == 50


def test_lag_counts_from_the_committed_offset_and_the_group_can_be_told(kafka: Broker) -> None:
    config = kafka.topic(partitions=2)
    kafka.send(config, [b"x"] * 9)
    assert source.lag(config, {(config.topic, 0): 4}) == {(config.topic, 0): 5, (config.topic, 1): 0}
    source.commit_offsets(config, {(config.topic, 0): 4})
    admin = kafka.admin()
    stored = admin.list_group_offsets(config.group)[config.group]
    admin.close()
    assert stored[TopicPartition(config.topic, 0)].offset == 4


def test_topic_that_is_absent_is_a_config_error_with_a_near_name(kafka: Broker) -> None:
    config = kafka.topic()
    near = config.model_copy(update={"topic": config.topic + "s"})
    with pytest.raises(ConfigError, match=f"no topic '{near.topic}'; did you mean {config.topic}"):
        plan(near)
    assert source.problems(config) == []
    assert len(source.problems(near)) == 1


def test_read_goes_on_when_the_broker_was_restarted(java: None, tmp_path: Path) -> None:
    broker = DevKafka(data=tmp_path)
    with broker:
        broker.make_topic("t")
        config = broker.kafka("t")
        Broker(broker).send(config, [bytes([n]) * 1_000_000 for n in range(30)])
        first, *later = plan(config).slices
        reading = source.read(config, first)
        values = [next(reading).value for _ in range(2)]
        broker.stop()
        DevKafka(data=tmp_path, port=int(config.bootstrap.rpartition(":")[2])).start()
        values += [record.value for record in reading]
        values += [record.value for record in read(config, later)]
        assert [(value or b"")[0] for value in values] == list(range(30))
        brokers.close_idle(config)


def test_batch_with_a_flipped_bit_is_an_error_that_names_its_offset(java: None, tmp_path: Path) -> None:
    broker = DevKafka(data=tmp_path)
    with broker:
        broker.make_topic("t")
        for value in (b"good", b"marked page", b"behind"):
            Broker(broker).send(broker.kafka("t"), [value])
    log = tmp_path / "log" / "t-0" / "00000000000000000000.log"
    log.write_bytes(log.read_bytes().replace(b"marked page", b"marled page"))
    with broker:
        config = broker.kafka("t")
        with pytest.raises(TopicDamaged, match=r"t partition 0: the batch at offset 1 is damaged.*crc"):
            plan(config)
        assert [record.value for record in read(config, plan(config, max_records=1).slices)] == [b"good"]
    brokers.close_idle()


def test_broker_that_is_away_is_transient_after_the_time_that_is_set() -> None:
    with pytest.raises(Transient, match=r"no broker answers: 127\.0\.0\.1:1: .*ECONNREFUSED"):
        plan(KafkaConfig(bootstrap="127.0.0.1:1", topic="t", patience_s=0.5))


def test_plans_leave_no_connection_behind(kafka: Broker) -> None:
    config = kafka.topic()
    plan(config)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        plan(config)
        source.commit_offsets(config, {(config.topic, 0): 0})
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
