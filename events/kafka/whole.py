"""Whole logs in Kafka: beginning one, and writing one that was kept elsewhere, record for record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kafka import TopicPartition, errors

from events.authority import Authority
from events.errors import Corrupt, Refused
from events.heads import NOWHERE, Head
from events.judge import Rejected, read, weigh
from events.kafka.client import NOTHING, Access, Headers, Nulls, consumer, producer, reaching, unavailable
from events.kafka.frame import unframed
from events.kafka.names import Name
from events.kafka.topic import Topic, make
from events.store import rejected

WAITING = 200
"""Records on their way before the first of them is waited for."""


def begin(access: Access, genesis: bytes) -> Topic:
    """Make the topic, or take an empty one that is right, and write genesis into it.

    Raises:
        Refused: it holds records already, or the bytes are no genesis.
    """
    record = read(genesis)
    verdict = record if isinstance(record, Rejected) else weigh(record, 0, None, _nowhere, Authority())
    if isinstance(verdict, Rejected):
        raise rejected(verdict)
    topic = make(access)
    if found := ends(access):
        raise Refused(
            "log.exists",
            f"The topic {access} holds {found} records already.",
            values={"topic": access.topic, "records": found},
            advice="Join its log with `unbroken site join`, or name another topic; a log is never overwritten.",
        )
    write(access, [genesis], 0)
    return topic


def _nowhere(_stream: str) -> Head:
    return Head(0, NOWHERE)


def ends(access: Access) -> int:
    """How many records the topic holds. It asks the broker and may take seconds: never on a caller's way."""
    with reaching(access):
        reader = consumer(access)
        try:
            partition = TopicPartition(access.topic, 0)
            return int(reader.end_offsets([partition], timeout_ms=6_000)[partition])
        finally:
            reader.close()


def write(
    access: Access, values: Iterable[bytes], start: int, progress: Callable[[int], None] = lambda _done: None
) -> int:
    """Write records, as they were kept elsewhere, to a topic that nobody else writes to; returns where the next stands.

    Raises:
        Corrupt: somebody else wrote to it meanwhile. Unavailable: not all were written; how many, it says.
    """
    position = start
    with reaching(access):
        writer = producer(access, key_serializer=Nulls())
    try:
        waiting: list[tuple[int, Any]] = []
        for value in values:
            found = unframed(value)
            headers = Headers((Name(name), NOTHING if held is None else held) for name, held in found.headers)
            key = NOTHING if found.key is None else found.key
            future = writer.send(access.topic, value=found.value, key=key, headers=headers, partition=0)
            waiting.append((position, future))
            position += 1
            if len(waiting) >= WAITING:
                _written(access, waiting)
                progress(position)
        _written(access, waiting)
        progress(position)
    except errors.KafkaError as problem:
        raise unavailable(access, problem, "the copy is not whole; run the same command again") from problem
    finally:
        writer.close(timeout=1)
    return position


def _written(access: Access, waiting: list[tuple[int, Any]]) -> None:
    for position, future in waiting:
        stands = int(future.get(timeout=20).offset)
        if stands != position:
            raise Corrupt(
                "log.copy",
                f"Record {position} stands at {stands} in the topic {access}: somebody else writes to it.",
                values={"expected": position, "found": stands},
                advice="Copy to a topic that nobody else knows yet.",
            )
    waiting.clear()
