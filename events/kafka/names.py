"""Header names that are not UTF-8: whoever may write can send one, and kafka-python's reader would stop at it for ever.

Read here, such a name keeps its bytes as lone surrogates (PEP 383), and is written back as the same bytes.
"""

from __future__ import annotations

from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch


class Name(str):
    """A header name that is written as the bytes it was read from."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        """The bytes."""
        return super().encode(encoding, errors)


class _Bytes(bytearray):
    """Bytes whose parts decode to a text whatever they are."""

    def __getitem__(self, part: Any) -> Any:
        found = super().__getitem__(part)
        return _Bytes(found) if isinstance(part, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return Name(bytes(self).decode(encoding, errors))


class Batch(DefaultRecordBatch):  # type: ignore[misc]  # it ships no types
    """A batch of records that reads every header name."""

    _pos: int
    _buffer: bytearray

    def _read_msg(self, *given: Any, **named: Any) -> Any:
        begins = self._pos
        try:
            return super()._read_msg(*given, **named)
        except UnicodeDecodeError:
            self._pos, self._buffer = begins, _Bytes(self._buffer)
            return super()._read_msg(*given, **named)


def install() -> None:
    """Let kafka-python's readers use `Batch`."""
    memory_records.DefaultRecordBatch = Batch
