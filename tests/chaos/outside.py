"""The topic as somebody sees it who shares no code with us: another Kafka client, and the second verifier's judge."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from events.kafka.client import Access
from events.log import EventLog
from events.store import Store
from tests.verifier import second_verifier


@dataclass
class Seen:
    """What one reader says of the whole log."""

    name: str
    size: int
    accepted: dict[int, str] = field(default_factory=dict)
    """Position to link."""
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    root: str = ""
    """Empty where this reader cannot know it."""
    oddities: list[str] = field(default_factory=list)


def messages(access: Access, partition: int = 0, seconds: float = 60.0) -> list[Any]:
    """Every message of a partition, from its beginning to its end as it is now."""
    settings = {
        "bootstrap.servers": ",".join(access.servers),
        "group.id": f"outside-{uuid.uuid4()}",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": "read_uncommitted",
        "check.crcs": True,
    }
    reader = Consumer(settings)
    found: list[Any] = []
    until = time.monotonic() + seconds
    try:
        reader.assign([TopicPartition(access.topic, partition, 0)])
        while time.monotonic() < until:
            for message in reader.consume(500, 1.0):
                problem = message.error()
                if problem is None:
                    found.append(message)
                elif problem.code() == KafkaError._PARTITION_EOF:
                    return found
                elif not problem.retriable():
                    raise AssertionError(f"the other client cannot read {access}: {problem}")
    finally:
        reader.close()
    raise TimeoutError(f"the other client came to no end of {access} in {seconds:.0f} s")


def outside(access: Access, log_id: str, place: str, *, odd_names: bool = False, up_to: int | None = None) -> Seen:
    """The log as the other client reads it and the second verifier judges it.

    Args:
        odd_names: a header name may be no UTF-8: this client then ends its whole process when it is asked for headers, so
            it is asked only for those of a value that is a record; no root is known then.
        up_to: how many records are looked at; None: all.
    """
    judge, seen, values = second_verifier.Judge(log_id, place), Seen("outside", 0), []
    for message in messages(access)[:up_to]:
        if message.offset() != seen.size:
            seen.oddities.append(f"offset {message.offset()} stands where {seen.size} should")
        value = message.value()
        if odd_names and (value is None or second_verifier.frame(value) == (None, [])):
            standing = b""
        else:
            standing = second_verifier.standing(message.key(), value, list(message.headers() or []))
        values.append(standing)
        verdict, link = judge.verdict(standing)
        if verdict == "accepted":
            seen.accepted[seen.size] = str(link)
        seen.size += 1
    seen.heads = judge.heads
    seen.root = "" if odd_names else second_verifier.root(values).hex()
    return seen


def inside(name: str, log: EventLog | Store) -> Seen:
    """The log as one of our own readers has it."""
    accepted = {stored.position: stored.link for stored in log.read() if stored.link is not None}
    tree, streams = log.tree(), log.streams("")
    heads = {stream: tuple(head) for stream, head in log.heads(streams).items()}
    return Seen(name, tree.size, accepted, heads, tree.root().hex())  # type: ignore[arg-type]
