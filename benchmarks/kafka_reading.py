"""How fast a topic of pages is planned and read, beside a bare kafka-python consumer, in one run.

    python benchmarks/kafka_reading.py [--pages 1000]

Starts a broker of its own. Pages are 170 kB of made-up HTML; MB are of uncompressed values.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from newsmill.config import BatchConfig, KafkaConfig, OnDataLoss
from newsmill.dev.local_kafka import DevKafka
from newsmill.sources import kafka

PAGE_BYTES = 170_000
PARTITIONS = 3


def pages(count: int) -> list[bytes]:
    source = random.Random(0)
    words = ["".join(source.choices("abcdefghijklmnop", k=source.randint(2, 9))) for _ in range(20_000)]
    made = []
    for _ in range(min(count, 100)):
        text = " ".join(source.choices(words, k=PAGE_BYTES // 5))[: PAGE_BYTES - 1000]
        made.append(f"<html><body>{'<p class=story-body>'.join(text.split(' a'))}</body></html>".encode())
    return [made[n % len(made)] for n in range(count)]


def bare(config: KafkaConfig) -> int:
    """Bytes that a consumer with kafka-python's defaults reads."""
    consumer = KafkaConsumer(bootstrap_servers=config.bootstrap, max_partition_fetch_bytes=4_194_304)
    partitions = [TopicPartition(config.topic, n) for n in range(PARTITIONS)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends, total = consumer.end_offsets(partitions), 0
    while any(consumer.position(p) < ends[p] for p in partitions):
        total += sum(len(r.value) for found in consumer.poll(1000).values() for r in found)
    consumer.close()
    return total


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU) seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    values = pages(parser.parse_args().pages)
    size = sum(map(len, values)) / 1e6
    with tempfile.TemporaryDirectory() as folder, DevKafka(data=Path(folder)) as broker:
        for codec in (None, "lz4", "zstd"):
            config = broker.kafka(f"pages-{codec}")
            broker.make_topic(config.topic, partitions=PARTITIONS)
            send(config, values, codec)
            print(json.dumps({"codec": codec or "none", "mb": round(size, 1)} | measured(config, values)))


def send(config: KafkaConfig, values: list[bytes], codec: str | None) -> None:
    producer = KafkaProducer(
        bootstrap_servers=config.bootstrap, compression_type=codec, batch_size=1_000_000, linger_ms=20
    )
    sent = [
        producer.send(config.topic, value=value, partition=n % PARTITIONS) for n, value in enumerate(values)
    ]
    for future in sent:
        future.get(60)
    producer.close()


def measured(config: KafkaConfig, values: list[bytes]) -> dict[str, float]:
    batch = BatchConfig(max_records=len(values), max_bytes=10**10)
    planned = kafka.plan(config, {}, batch, OnDataLoss.FAIL)
    steps: dict[str, Callable[[], object]] = {
        "bare": lambda: bare(config),
        "plan": lambda: kafka.plan(config, {}, batch, OnDataLoss.FAIL),
        "read": lambda: [sum(1 for _ in kafka.read(config, piece)) for piece in planned.slices],
    }
    rounds = [{name: timed(step) for name, step in steps.items()} for _ in range(3)]
    found: dict[str, float] = {"read_to_bare": 0.0}
    walls = {}
    for name in steps:
        walls[name] = statistics.median(one[name][0] for one in rounds)
        cpu = statistics.median(one[name][1] for one in rounds)
        found[f"{name}_mb_s"] = round(sum(map(len, values)) / 1e6 / walls[name])
        found[f"{name}_cpu_ms_a_page"] = round(cpu / len(values) * 1000, 2)
    found["read_to_bare"] = round(walls["bare"] / walls["read"], 2)
    return found


if __name__ == "__main__":
    main()
