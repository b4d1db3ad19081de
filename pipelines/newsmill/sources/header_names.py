"""Record headers whose names are no UTF-8: one such record must not stop a topic.

Kafka says that header names are UTF-8, but a broker does not look, and clients in C or Rust can send
any bytes. kafka-python 3.0 takes such a record for a corrupt batch, so that nothing behind it could
ever be read. Here the bytes of the name become U+001A (SUBSTITUTE), which no envelope has: the record
is read, and quarantined by the decoder.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

SUBSTITUTE: Final = "\x1a"


class TolerantBatch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch of records, as kafka-python reads it, that mends header names."""

    __slots__ = ()

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            _mend_names(self._buffer, self._pos)
            return super()._read_msg()


def install() -> None:
    """Make kafka-python's consumers use it; the library has no setting for that."""
    memory_records.DefaultRecordBatch = TolerantBatch


def _mend_names(buffer: bytearray, pos: int) -> None:
    """Overwrite each broken header name of the record at `pos`, its length unchanged.

    Layout: https://kafka.apache.org/documentation/#record
    """
    for _ in range(4):  # length, attributes, timestamp, offset
        _, pos = decode_varint(buffer, pos)
    for _ in range(2):  # key, value
        length, pos = decode_varint(buffer, pos)
        pos += max(0, length)
    count, pos = decode_varint(buffer, pos)
    for _ in range(count):
        length, pos = decode_varint(buffer, pos)
        try:
            buffer[pos : pos + length].decode("utf-8")
        except UnicodeDecodeError:
            buffer[pos : pos + length] = SUBSTITUTE.encode() * length
        pos += length
        length, pos = decode_varint(buffer, pos)
        pos += max(0, length)
