"""The topic: one partition, nothing ever deleted or compacted, pinned by its id. Made so, and refused if it is otherwise."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from events.errors import Corrupt, Refused
from events.kafka.client import LARGEST_BATCH, Access, admin, reaching

CONFIGURATION = {
    "cleanup.policy": "delete",  # and nothing to delete it by:
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(LARGEST_BATCH),
    "compression.type": "uncompressed",  # no reader lacks a codec, whatever a stranger compresses with
    "unclean.leader.election.enable": "false",
}
"""What the topic is made with; a topic that differs in one of these is refused."""


APPEARS_SECONDS = 5.0
"""How long a broker may need until it knows of a topic that the controller has made."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What the cluster says of the topic."""

    id: str
    partitions: int
    replicas: int
    configuration: dict[str, str]

    @property
    def place(self) -> str:
        """The place of a log that is kept here."""
        return f"kafka:{self.id}"


def make(access: Access, replicas: int | None = None) -> Topic:
    """Make the topic as it must be; one that is there already is taken if it is right.

    Args:
        replicas: None: three, or as many as there are brokers if there are fewer.

    Raises:
        Refused: it is there and configured otherwise. Unavailable: nobody answers.
    """
    with reaching(access):
        client = admin(access)
        try:
            # Looked for first: a writer may not make topics, and the one that was made for it is all it needs.
            topic = _look(client, access)
            if topic is None:
                _make(client, access, replicas)
            until = time.monotonic() + APPEARS_SECONDS
            while topic is None and time.monotonic() < until:
                time.sleep(0.05)
                topic = _look(client, access)
        finally:
            client.close()
    if topic is None:
        raise gone(access)
    check(access, topic)
    return topic


def _make(client: KafkaAdminClient, access: Access, replicas: int | None) -> None:
    copies = replicas or min(3, len(client.describe_cluster()["brokers"]))
    wanted = {**CONFIGURATION, "min.insync.replicas": str(max(1, copies - 1))}
    with suppress(TopicAlreadyExistsError):
        client.create_topics([NewTopic(access.topic, 1, copies, topic_configs=wanted)])


def look(access: Access) -> Topic:
    """The topic as it stands.

    Raises:
        Corrupt: there is none. Unavailable: nobody answers.
    """
    with reaching(access):
        client = admin(access)
        try:
            topic = _look(client, access)
        finally:
            client.close()
    if topic is None:
        raise gone(access)
    return topic


def gone(access: Access) -> Corrupt:
    """The topic is not there."""
    return Corrupt(
        "kafka.topic",
        f"The topic {access} is not there, or this user may not see it.",
        values={"topic": access.topic},
        advice="Stop and call whoever runs Kafka: a log that was deleted is restored from a copy, never made anew.",
    )


def _look(client: KafkaAdminClient, access: Access) -> Topic | None:
    (described,) = client.describe_topics([access.topic])
    if described["error_code"]:
        return None
    partitions: list[dict[str, Any]] = described["partitions"]
    resource = ConfigResource(ConfigResourceType.TOPIC, access.topic)
    configuration = _configuration(client.describe_configs([resource], config_filter="all"), access.topic)
    return Topic(str(described["topic_id"]), len(partitions), len(partitions[0]["replica_nodes"]), configuration)


def check(access: Access, topic: Topic) -> None:
    """Refuse a topic that could lose or reorder records.

    Raises:
        Refused: naming everything that differs.
    """
    found = topic.configuration
    differs = [
        f"{name} is {found.get(name)}, not {value}" for name, value in CONFIGURATION.items() if found.get(name) != value
    ]
    if topic.partitions != 1:
        differs.insert(0, f"it has {topic.partitions} partitions, not one")
    if found.get("remote.storage.enable", "false") != "false":
        differs.append("remote.storage.enable is true")
    if topic.replicas >= 3 and int(found.get("min.insync.replicas", "1")) < 2:
        differs.append(
            f"min.insync.replicas is {found.get('min.insync.replicas')}, with {topic.replicas} replicas it must be 2"
        )
    if differs:
        raise Refused(
            "kafka.topic-configuration",
            f"The topic {access} is configured otherwise than a record must be: {'; '.join(differs)}.",
            values={"topic": access.topic, "differs": differs},
            advice="Nothing is read or written before whoever runs Kafka has set it right. What cannot be set right, such as a "
            "partition too many, ends this topic: docs/operations.md, Restore, says how the log goes on in a new one.",
        )


def check_id(access: Access, topic: Topic, pinned: str) -> None:
    """Refuse a topic that is not the one this log was begun in.

    Raises:
        Corrupt: it was deleted and made anew.
    """
    if topic.id != pinned:
        raise Corrupt(
            "kafka.topic-id",
            f"The topic {access} is not the one this log is in: its id is {topic.id}, not {pinned}.",
            values={"found": topic.id, "pinned": pinned},
            advice="Stop: somebody has deleted the topic and made another of its name. Call QA and whoever runs Kafka.",
        )


def _configuration(answer: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]], topic: str) -> dict[str, str]:
    return {name: str(about["value"]) for name, about in answer["topic"][topic].items()}
