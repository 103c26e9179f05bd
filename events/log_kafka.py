"""The record in production: a Kafka topic whose order arbitrates.

Kafka has no conditional append (KAFKA-2260). So a writer appends its claim, reads up to it, and every reader, with the
same judge, accepts the first valid claim on the heads it names and refuses the rest. A time-out is not a no: what was
sent stays unknown until it is read back; the same bytes are sent again, which changes nothing, because the heads inside
them can be met only once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kafka import KafkaProducer, errors

from events.authority import Authority
from events.copy import Copy
from events.errors import Unavailable
from events.evidence import Evidence
from events.judge import Rejected, read, weigh
from events.kafka.client import Access, producer, unavailable
from events.kafka.follower import Claim, Follower, News, Progress
from events.kafka.frame import framed
from events.kafka.settling import Settling
from events.kafka.topic import Topic, check, check_id, look
from events.kafka.whole import begin
from events.log import Appended
from events.store import rejected

FEW, LINGER_MS = 3, 3
"""Where more callers than this wait, their records share requests, for which each waits a few milliseconds."""
LOOKS_ONCE_SECONDS = 0.5
"""A command that only looks has what it wants before this; whoever stays longer follows what others sign."""


class KafkaLog:
    """`EventLog` in a Kafka topic; any thread may use it.

    Args:
        copy: the file of the verified local copy; made where it is missing, resumed where it is there.
        topic_id, log_id: as they were printed when the log was begun; None takes the cluster's own word.
        told: gets a sentence when a person waits for the truth about a record.
        progress: gets (records kept, records there are) while the copy catches up.

    Raises:
        Refused: the topic is configured otherwise than a record must be.
        Corrupt: it is another topic, another log, or records are gone.
        Unavailable: nobody answers within 10 seconds.
    """

    durability = "Kafka: every in-sync replica of the topic has the record (acks=all) before the append returns"

    def __init__(
        self,
        access: Access,
        copy: Path,
        *,
        topic_id: str | None = None,
        log_id: str | None = None,
        told: Callable[[str], None] = lambda _line: None,
        progress: Progress = lambda _done, _of: None,
    ) -> None:
        self._access, self._told = access, told
        self._topic = look(access)
        if topic_id is not None:
            check_id(access, self._topic, topic_id)
        check(access, self._topic)
        self._follower = Follower(access, self._topic, copy, log_id, told)
        self._producers: dict[bool, KafkaProducer] = {}
        self._making = threading.Lock()
        try:
            self._follower.catch_up(progress)
            self._copy = Copy(copy, synced=False)
        except BaseException:
            self._follower.stop()
            raise
        self._opened = time.monotonic()

    @staticmethod
    def create(access: Access, copy: Path, genesis: bytes, **settings: Any) -> KafkaLog:
        """Make the topic (or take an empty one that is right) and begin a log in it with its genesis record.

        Raises:
            Refused: the topic holds a log already, or is configured otherwise, or the record is not a genesis.
        """
        topic = begin(access, genesis)
        return KafkaLog(access, copy, topic_id=topic.id, **settings)

    # ------------------------------------------------------------------ what it is

    @property
    def id(self) -> str:
        """The log's id: the link of genesis."""
        return self._copy.id

    @property
    def topic(self) -> Topic:
        """The topic as it was found."""
        return self._topic

    @property
    def place(self) -> str:
        """Where this log is kept."""
        return self._topic.place

    @property
    def keeps_refused(self) -> bool:
        """Refused claims stay in the topic."""
        return True

    # ------------------------------------------------------------------ appending

    def append(self, value: bytes) -> Appended:
        """Judge and append one record; see `EventLog.append`."""
        record = read(value)
        if isinstance(record, Rejected):
            raise rejected(record)
        verdict = weigh(
            record, self.size(), self.id, lambda s: self._copy.heads([s])[s], self._copy.authority(), self.place
        )
        if isinstance(verdict, Rejected):
            raise rejected(verdict)  # what cannot be accepted is not sent: it would stand in the topic for ever
        if not self._follower.waiting:
            # What could not be read back is not sent. Where others wait, the follower is writing at this moment, and asking
            # for the write lock beside it would make everybody wait.
            self._copy.check_writable()
        claim = Claim(value, record)
        self._follower.start()
        self._follower.enter(claim)
        try:
            return Settling(self, claim).settled()
        finally:
            self._follower.leave(claim)

    def send(self, claim: Claim) -> None:
        """One attempt to send; what became of it comes as news of the claim."""
        key, value, headers = framed(claim.read, claim.value)
        try:
            future = self._sender().send(self._access.topic, value=value, key=key, headers=list(headers), partition=0)
        except errors.KafkaError as problem:
            claim.news.put(News("failed", problem))
            return
        future.add_callback(lambda _metadata: setattr(claim, "acknowledged", True))
        future.add_errback(lambda problem: claim.news.put(News("failed", problem)))

    def _sender(self) -> KafkaProducer:
        # Alone, a record goes at once. Among many, it waits a moment for others to share a request with: that is most of
        # what a record costs. Which of the two takes it changes nothing: the order is the broker's.
        many = self._follower.waiting > FEW
        with self._making:
            made = self._producers.get(many) or producer(self._access, linger_ms=LINGER_MS if many else 0)
            self._producers[many] = made
        return made

    def trouble(self) -> str:
        """What keeps the local copy from being written; nothing where it is."""
        return self._follower.trouble

    def tell(self, line: str) -> None:
        """Say something to the person who waits."""
        self._told(line)

    def unreachable(self, problem: BaseException, so: str) -> Unavailable:
        """An error in words."""
        return unavailable(self._access, problem, so)

    # ------------------------------------------------------------------ reading: from the verified local copy

    def _live(self) -> None:
        if time.monotonic() - self._opened > LOOKS_ONCE_SECONDS:
            self._follower.start()
        self._follower.check()

    def size(self) -> int:
        """How many records there are, as far as this process has followed."""
        self._live()
        return self._copy.size()

    def heads(self, streams: Any) -> Any:
        """Where streams stand."""
        self._live()
        return self._copy.heads(streams)

    def authority(self) -> Authority:
        """Who may sign."""
        return self._copy.authority()

    def read(self, start: int = 0, stop: int | None = None) -> Any:
        """Records by position, refused ones included."""
        return self._copy.read(start, stop)

    def stream(self, name: str, after: int = 0) -> Any:
        """The accepted records of one stream in order."""
        return self._copy.stream(name, after)

    def streams(self, prefix: str) -> list[str]:
        """Names of streams that begin with `prefix`, sorted."""
        return self._copy.streams(prefix)

    def placements(self, position: int) -> dict[str, int]:
        """Stream to number for the record at this position."""
        return self._copy.placements(position)

    def tree(self) -> Any:
        """Size and right edge of the Merkle tree."""
        return self._copy.tree()

    def evidence(self) -> Evidence:
        """What the local copy holds, to be judged anew; it is of this topic, whatever it says itself."""
        return Evidence(self._copy.path, self.place)

    def wait(self, position: int, seconds: float) -> None:
        """Return as soon as there are more than `position` records, or after so many seconds."""
        self._follower.start()
        self._follower.wait(position, seconds)

    def close(self) -> None:
        """Let go of the broker and of the copy."""
        self._follower.stop()
        for sender in self._producers.values():
            sender.close(timeout=1)
        self._copy.close()
