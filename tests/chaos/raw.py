"""Kafka's produce request written byte by byte: what no client library would send, and a broker takes all the same."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

import crc32c

Header = tuple[bytes, bytes | None]


def varint(number: int) -> bytes:
    """Zigzag, seven bits at a time."""
    number, found = (number << 1) ^ (number >> 63), bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _sized(value: bytes | None) -> bytes:
    return varint(-1) if value is None else varint(len(value)) + value


def record(
    value: bytes | None, key: bytes | None = None, headers: Sequence[Header] = (), *, number: int = 0,
    attributes: int = 0, stamp: int = 0,
) -> bytes:  # fmt: skip
    """One record of a batch."""
    body = bytes([attributes]) + varint(stamp) + varint(number) + _sized(key) + _sized(value) + varint(len(headers))
    body += b"".join(_sized(name) + _sized(held) for name, held in headers)
    return varint(len(body)) + body


def batch(records: Sequence[bytes], *, attributes: int = 0, stamp: int = 0, last: int | None = None) -> bytes:
    """A batch of format 2, with a checksum that is right."""
    last = len(records) - 1 if last is None else last
    told = struct.pack(">hiqqqhii", attributes, last, stamp, stamp, -1, -1, -1, len(records)) + b"".join(records)
    inner = struct.pack(">ibI", -1, 2, crc32c.crc32c(told)) + told
    return struct.pack(">qi", 0, len(inner)) + inner


def produce(server: str, topic: str, records: bytes, partition: int = 0) -> int:
    """Send a batch; returns the broker's error code, 0 where it was taken."""
    host, _, port = server.partition(":")
    name = topic.encode()
    body = struct.pack(">hhih", 0, 3, 1, -1) + struct.pack(">hhi", -1, -1, 5_000)
    body += struct.pack(">ih", 1, len(name)) + name
    body += struct.pack(">iii", 1, partition, len(records)) + records
    with socket.create_connection((host, int(port)), 10) as broker:
        broker.sendall(struct.pack(">i", len(body)) + body)
        stream = broker.makefile("rb")
        (size,) = struct.unpack(">i", stream.read(4))
        answer = stream.read(size)
    (code,) = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name) + 4 + 4)
    return int(code)
