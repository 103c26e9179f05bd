"""A log of the ground's small records in a topic of the test's own, and writers' handles on it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from events.copy import Copy
from events.envelope import open_envelope
from events.kafka.client import Access
from events.kafka.whole import begin, write
from events.log import EventLog
from events.log_kafka import KafkaLog
from tests.chaos.checker import Report, check, settled
from tests.chaos.history import History, read_histories
from tests.chaos.outside import Seen, inside, outside
from tests.ground import deviation, small_log

STREAMS = tuple(f"suite/C{number}" for number in range(12))


class Quick(Access):
    """Asks for the cluster's state every second, where a site asks every thirty: a test cannot wait so long."""

    __slots__ = ()

    def settings(self) -> dict[str, Any]:
        """As a site's, but for that."""
        return {**super().settings(), "metadata_max_age_ms": 1_000}


@dataclass
class Founded:
    """A topic with a log in it, a folder for copies and histories, and the links that stood at first."""

    access: Access
    topic_id: str
    log_id: str
    folder: Path
    before: list[str]
    values: list[bytes]
    opened: list[EventLog] = field(default_factory=list)

    def open(self, name: str = "one", access: Access | None = None, **settings: Any) -> KafkaLog:
        """A handle as another process would have; `name` is that of its local copy."""
        told = {"topic_id": self.topic_id, "log_id": self.log_id, **settings}
        log = KafkaLog(access or self.access, self.copy(name), **told)
        self.opened.append(log)
        return log

    def by(self, servers: str) -> Access:
        """The same topic at another address."""
        return type(self.access)(tuple(servers.split(",")), self.access.topic)

    def copy(self, name: str) -> Path:
        """Where the local copy of this name is."""
        return self.folder / f"{name}.db"

    def history(self, name: str = "test") -> History:
        """A history of this name, which `report` reads."""
        return History(self.folder / f"{name}.history")

    def close(self) -> None:
        """Close every handle."""
        while self.opened:
            self.opened.pop().close()

    def report(self, *copies: str, odd_names: bool = False) -> Report:
        """The checker's word on every history; all handles are closed, the copies named here are resumed."""
        self.close()
        histories = sorted(self.folder.glob("*.history"))
        paths = [self.copy(name) for name in copies]
        return settled(
            self.access,
            self.topic_id,
            self.log_id,
            self.copy("fresh"),
            histories,
            self.before,
            paths,
            odd_names=odd_names,
        )

    def left(self, name: str = "one", *, topic: bool) -> Report:
        """The checker's word where every reader has stopped for good: what was told, held against the copy as it was left.

        Args:
            topic: whether the topic still holds what it held; then the other client must say the same of as many records.
        """
        self.close()
        copy = Copy(self.copy(name), synced=False)
        readers: list[Seen] = [inside(name, copy)]
        copy.close()
        if topic:
            readers.append(outside(self.access, self.log_id, f"kafka:{self.topic_id}", up_to=readers[0].size))
        return check(read_histories(sorted(self.folder.glob("*.history"))), self.before, readers)


def found(servers: str, folder: Path, kind: type[Access] = Access) -> Founded:
    """Begin a log in a new topic."""
    small = small_log()
    access = kind(tuple(servers.split(",")), f"chaos-{folder.name}")
    topic = begin(access, small.values[0])
    write(access, small.values[1:], 1)
    links = [open_envelope(value).link for value in small.values]
    return Founded(access, topic.id, small.id, folder, links, small.values)


class Nurse:
    """Somebody who signs records that extend a few streams where the log says they stand."""

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name, self.known, self.random, self.number = name, small_log(), random.Random(seed), 0

    def signed(self, log: EventLog, streams: Sequence[str], says: str = "") -> bytes:
        """A record, as it would be accepted now."""
        self.number += 1
        self.known.heads.update(log.heads(streams))
        return self.known.record("nurse", streams, deviation(says=says or f"{self.name}, {self.number}"))

    def any(self, log: EventLog, most: int = 3) -> bytes:
        """A record that extends one to `most` of the streams."""
        return self.signed(log, self.random.sample(STREAMS, self.random.randint(1, most)))
