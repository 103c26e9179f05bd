"""How a record stands in Kafka: its key and headers repeat what the value says, so that any tool shows what a record is.

They add nothing to trust. A record whose key or headers say something else than its value is no record; it is kept, and
copied elsewhere, in a wrapping that no grammar takes for a record, so that two logs with the same bytes have the same
verdicts. Wrapping loses nothing: `unframed` gives back exactly what stood in Kafka.
"""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from events.instant import to_wire
from events.judge import Read, Rejected, read
from events.statement import GENESIS_SOURCE

CONTENT_TYPE = b"application/vnd.unbroken.record.v1+json"
WRAPPING = b"\x00unbroken: not a record of ours\n"
Headers = tuple[tuple[str, bytes | None], ...]


class Framed(NamedTuple):
    """A record as Kafka gives it, less its place and time."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def framed(record: Read | Rejected, value: bytes) -> Framed:
    """What must stand in Kafka for these bytes: the first stream as key, the CloudEvents attributes as headers."""
    if isinstance(record, Rejected):
        return Framed(None, value, ())
    statement = record.statement
    source = GENESIS_SOURCE if statement.log is None else f"urn:unbroken:{statement.log}"
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": statement.id,
        "ce_source": source,
        "ce_type": statement.facts[0]["fact"],
        "ce_subject": statement.subject,
        "ce_time": to_wire(statement.happened),
    }
    headers = (("content-type", CONTENT_TYPE), *((name, text.encode()) for name, text in attributes.items()))
    return Framed(statement.subject.encode(), value, headers)


def kept(found: Framed, known: Read | None = None) -> tuple[bytes, Read | Rejected]:
    """The bytes that stand for a record of Kafka in every other place, and those bytes read."""
    value = found.value
    if value is not None and not value.startswith(WRAPPING):
        record = known or read(value)
        if found == framed(record, value):
            return value, record
    stranger = wrapped(found)
    return stranger, read(stranger)


def wrapped(found: Framed) -> bytes:
    """Bytes for a record that is none of ours."""
    document = {
        "key": _text(found.key),
        "value": _text(found.value),
        "headers": [[name, _text(value)] for name, value in found.headers],
    }
    return WRAPPING + json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode()


def unframed(stored: bytes) -> Framed:
    """What must stand in Kafka for bytes that were kept elsewhere.

    Raises:
        ValueError: a wrapping that `wrapped` never made.
    """
    if not stored.startswith(WRAPPING):
        return framed(read(stored), stored)
    try:
        document = json.loads(stored[len(WRAPPING) :])
        headers = tuple((str(name), _bytes(value)) for name, value in document["headers"])
        found = Framed(_bytes(document["key"]), _bytes(document["value"]), headers)
    except (KeyError, TypeError, RecursionError, ValueError) as problem:
        raise ValueError(f"a wrapping that cannot be read ({problem})") from None
    if kept(found)[0] != stored:
        raise ValueError("a wrapping that nobody makes: of a record of ours, or not in its one byte form")
    return found


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
