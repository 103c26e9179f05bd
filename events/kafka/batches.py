"""Batches of records as a broker gives them: whatever a stranger wrote, each record comes out, and none stops a reader.

kafka-python 3.0 stops for ever, in an endless loop, at a record that it cannot read. Two kinds a broker takes from anyone
who may write: a header name that is not UTF-8, and a record whose attributes are no small number. Both are read here. What
is damaged is said once more each time it is read; and the mark that a transaction leaves, which kafka-python passes over in
silence, is said as what it is: a position where no record stands.
"""

from __future__ import annotations

from typing import Any

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError
from kafka.record import memory_records
from kafka.record.default_records import ControlRecord, DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

from events.kafka.names import Name

UNREADABLE = (CorruptRecordError, UnsupportedCodecError)
"""A batch that is not what a producer wrote, or is packed as the topic does not allow."""


class Marked(KafkaError):  # type: ignore[misc]  # it ships no types
    """A transaction has left its mark at this position."""


class Batch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch whose records are read to the byte."""

    _pos: int
    _buffer: bytearray

    def _read_msg(self) -> Any:
        buffer = self._buffer
        length, begins = decode_varint(buffer, self._pos)
        at = begins + 1  # the attributes: one byte, whatever is in it
        delta, at = decode_varint(buffer, at)
        number, at = decode_varint(buffer, at)
        key, at = _sized(buffer, at)
        value, at = _sized(buffer, at)
        count, at = decode_varint(buffer, at)
        if count < 0:
            raise CorruptRecordError(f"{count} headers")
        headers = []
        for _ in range(count):
            name, at = _sized(buffer, at)
            held, at = _sized(buffer, at)
            if name is None:
                raise CorruptRecordError("a header without a name")
            try:
                headers.append((name.decode(), held))
            except UnicodeDecodeError:
                headers.append((Name(name.decode("utf-8", "surrogateescape")), held))
        if at - begins != length:
            raise CorruptRecordError(f"a record of {length} bytes has {at - begins}")
        self._pos = at
        kind = self.timestamp_type
        stamp = self.max_timestamp if kind == self.LOG_APPEND_TIME else self.first_timestamp + delta
        made = ControlRecord if self.is_control_batch else DefaultRecord
        return made(length, self.base_offset + number, stamp, kind, key, value, headers)


def _sized(buffer: bytearray, at: int) -> tuple[bytes | None, int]:
    size, at = decode_varint(buffer, at)
    return (None, at) if size < 0 else (bytes(buffer[at : at + size]), at + size)


class _Unmarked:
    """The batches of one answer, as far as no transaction left its mark."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches

    def next_batch(self) -> Any:
        batch = self._batches.next_batch()
        if batch is not None and batch.magic == 2 and batch.is_control_batch:
            raise Marked(batch.base_offset)
        return batch


class Records(Fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one answer. Once one cannot be read, the rest is let go of, so that the next look asks again."""

    def _unpack_records(self, partition: Any, batches: Any, *deserializers: Any) -> Any:
        return super()._unpack_records(partition, _Unmarked(batches), *deserializers)

    def take(self, n: int | None = None) -> Any:
        """Up to `n` records."""
        try:
            return super().take(n)
        except KafkaError:
            self.drain()
            raise


def install() -> None:
    """Let kafka-python's readers use these."""
    memory_records.DefaultRecordBatch = Batch
    Fetcher.PartitionRecords = Records
