"""What whoever runs Kafka can do to a topic, by another client than ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it names them without exporting
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from events.judge import read
from events.kafka.client import Access
from events.kafka.frame import framed
from events.kafka.topic import CONFIGURATION, look


def _asked(access: Access, ask: Callable[[Any], Any]) -> None:
    """Have the other client do something, and wait until it is done; what it promised ends with itself."""
    client = AdminClient({"bootstrap.servers": ",".join(access.servers)})
    for future in ask(client).values():
        future.result(30)


def configure(access: Access, **settings: str) -> None:
    """Set configurations of the topic; retention_ms stands for retention.ms."""
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, access.topic, incremental_configs=entries)
    _asked(access, lambda client: client.incremental_alter_configs([resource]))


def add_partition(access: Access) -> None:
    """A second partition."""
    _asked(access, lambda client: client.create_partitions([NewPartitions(access.topic, 2)]))


def delete_records(access: Access, before: int) -> None:
    """Remove every record before this position."""
    _asked(access, lambda client: client.delete_records([TopicPartition(access.topic, 0, before)]))


def delete(access: Access) -> None:
    """Remove the topic."""
    _asked(access, lambda client: client.delete_topics([access.topic]))


def make_again(access: Access, values: list[bytes]) -> str:
    """Make a topic of the same name, as right as the first, with these records; returns its id."""
    _asked(access, lambda client: client.create_topics([NewTopic(access.topic, 1, 1, config=CONFIGURATION)]))
    send(access, values)
    return look(access).id


def send(access: Access, values: list[bytes], partition: int = 0) -> None:
    """Write records in their proper frame."""
    writer = Producer({"bootstrap.servers": ",".join(access.servers)})
    for value in values:
        frame = framed(read(value), value)
        writer.produce(access.topic, frame.value, frame.key, partition, headers=list(frame.headers))
    assert writer.flush(30) == 0


def transaction(access: Access, value: bytes, *, commit: bool) -> None:
    """One record in a transaction, which leaves its mark after it."""
    writer = Producer({"bootstrap.servers": ",".join(access.servers), "transactional.id": f"stray-{access.topic}"})
    writer.init_transactions(30)
    writer.begin_transaction()
    writer.produce(access.topic, value, partition=0)
    writer.flush(30)
    (writer.commit_transaction if commit else writer.abort_transaction)(30)
