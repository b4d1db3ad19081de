"""Sending quarantined records to a topic, for those who watch one rather than a table.

They are sent before their batch is committed, each at least once: after a crash in between, the batch
is done again and its records are sent again, or no longer, where they now pass. The table
`quarantine` is the truth. `newsmill-position` is the same each time: readers drop repetitions by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RetriableError

from newsmill.config import KafkaConfig
from newsmill.errors import ConfigError
from newsmill.sources import brokers
from newsmill.sources.kafka import topic_problems

COLUMNS: Final = (
    *("topic", "partition", "offset", "key", "payload", "payload_bytes", "payload_sha256"),
    *("headers", "stage", "code", "message"),
)
"""Columns of `quarantine` that are sent."""

MESSAGE_BYTES: Final = 11_000_000
"""Most bytes of one request; what the topic takes is its own `max.message.bytes`."""
SEND_S: Final = 60.0

Row = Mapping[str, Any]


def problems(config: KafkaConfig, *, waits: bool = False) -> list[str]:
    """Why records can't be sent to the topic; nothing if they can, or none is set. See `kafka.problems`."""
    if config.dead_letter_topic is None:
        return []
    if config.dead_letter_topic == config.topic:
        return ["kafka.dead_letter_topic: is the topic that is read: records would go round for ever"]
    found = topic_problems(config, config.dead_letter_topic, waits=waits)
    return [problem.replace("kafka.topic:", "kafka.dead_letter_topic:") for problem in found]


def send(config: KafkaConfig, rows: Iterable[Row]) -> None:
    """Send records to `kafka.dead_letter_topic`, each at least once, and wait until the broker has them.

    Key, value and headers are the record's own. Added are `newsmill-position` (topic/partition/offset),
    `-stage`, `-code`, `-message`, `-bytes` and `-sha256` (of the whole value). A value that the topic
    does not take, or that the quarantine holds only the head of, is empty; `-value` then says `omitted`.

    Args:
        config: With the topic.
        rows: `COLUMNS` of rows of `quarantine`; not asked for where no topic is set.

    Raises:
        ConfigError: The broker refuses the topic or the credentials.
        Transient: The broker is away, or the topic is not there, for longer than `patience_s`.
    """
    topic = config.dead_letter_topic
    if topic is None:
        return
    letters = list(rows)
    if letters:
        brokers.retry(lambda: _send(config, topic, letters), config)


def _send(config: KafkaConfig, topic: str, rows: Sequence[Row]) -> None:
    producer = KafkaProducer(
        **brokers.client_options(config),
        acks="all",
        enable_idempotence=False,  # else one record that is refused takes the others along
        allow_auto_create_topics=False,
        max_request_size=MESSAGE_BYTES,
        max_block_ms=int(SEND_S * 250),
        delivery_timeout_ms=int(SEND_S * 500),
        request_timeout_ms=int(SEND_S * 250),
        metrics_enabled=False,
    )
    try:
        sent = [(row, _put(producer, topic, row, whole=True)) for row in rows]
        for row, future in sent:
            try:
                future.get(timeout=SEND_S)
            except MessageSizeTooLargeError:
                _put(producer, topic, row, whole=False).get(timeout=SEND_S)
    except RetriableError:
        raise
    except KafkaError as error:
        raise ConfigError(f"kafka.dead_letter_topic: the broker refuses {topic!r}: {error}") from error
    finally:
        producer.close(timeout=5)


def _put(producer: KafkaProducer, topic: str, row: Row, *, whole: bool) -> Any:
    value = row["payload"]
    whole = whole and len(value or b"") == (row["payload_bytes"] or 0) <= MESSAGE_BYTES - 1_000_000
    headers = [(header["name"], header["value"]) for header in row["headers"] or ()]
    told = {
        "position": f"{row['topic']}/{row['partition']}/{row['offset']}",
        "stage": row["stage"],
        "code": row["code"],
        "message": row["message"][:1000],
        "bytes": str(row["payload_bytes"] or 0),
        "sha256": row["payload_sha256"] or "",
        "value": "whole" if whole else "omitted",
    }
    headers += [(f"newsmill-{name}", text.encode("utf-8", "replace")) for name, text in told.items()]
    return producer.send(topic, value=value if whole else b"", key=row["key"], headers=headers)
