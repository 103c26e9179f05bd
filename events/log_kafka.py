"""The record in production: a Kafka topic whose order arbitrates.

Kafka has no conditional append (KAFKA-2260). So a writer appends its claim, reads up to it, and every reader, with the
same judge, accepts the first valid claim on the heads it names and refuses the rest. A time-out is not a no: what was
sent stays unknown until it is read back; the same bytes are sent again, which changes nothing, because the heads inside
them can be met only once.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kafka import KafkaProducer, errors

from events.authority import Authority
from events.copy import Copy
from events.errors import Refused, Unavailable, UnbrokenError
from events.judge import Rejected, read, weigh
from events.kafka.client import NO_KEY, Access, Keys, consumer, producer, reaching, unavailable
from events.kafka.follower import Claim, Follower, News, Progress
from events.kafka.frame import Framed, framed, unframed
from events.kafka.names import Name
from events.kafka.topic import Topic, check, check_id, look, make
from events.log import Appended, Stored
from events.store import Store, rejected

QUIET_SECONDS = 4.0
"""After so long without an answer, the person is told that it is unknown."""
REFUSING_SECONDS = 12.0
"""How long a broker may say that it cannot write now before the person is told."""
SETTLE_SECONDS = 60.0
"""How long the truth about a record is sought."""
LOOKS_ONCE_SECONDS = 0.5
_PAUSE = 0.2

_FINAL = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.AuthorizationError,
    errors.InvalidTopicError,
    errors.InvalidRecordError,
    errors.SaslAuthenticationFailedError,
    errors.UnsupportedCompressionTypeError,
)
"""The broker said no, and would say it again."""
_NOT_WRITTEN = (
    *_FINAL,
    errors.NotEnoughReplicasError,
    errors.NotLeaderForPartitionError,
    errors.LeaderNotAvailableError,
    errors.UnknownTopicOrPartitionError,
    errors.UnknownTopicIdError,
    errors.KafkaStorageError,
    errors.NodeNotReadyError,
)
"""The broker said no, so nothing was written by that attempt."""


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
        self._follower = Follower(access, self._topic, copy, log_id)
        self._producer: KafkaProducer | None = None
        try:
            self._follower.catch_up(progress)
            self._copy: Store = Copy(copy, synced=False)
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
        claim = Claim(value, record)
        self._follower.start()
        self._follower.enter(claim)
        try:
            return _Settling(self, claim).settled()
        finally:
            self._follower.leave(claim)

    def send(self, claim: Claim) -> None:
        """One attempt to send; what became of it comes as news of the claim."""
        key, value, headers = framed(claim.read, claim.value)
        try:
            if self._producer is None:
                self._producer = producer(self._access)
            future = self._producer.send(self._access.topic, value=value, key=key, headers=list(headers), partition=0)
        except errors.KafkaError as problem:
            claim.news.put(News("failed", problem))
            return
        future.add_callback(lambda metadata: claim.news.put(News("sent", metadata)))
        future.add_errback(lambda problem: claim.news.put(News("failed", problem)))

    def tell(self, line: str) -> None:
        """Say something to the person who waits."""
        self._told(line)

    def unreachable(self, problem: BaseException, so: str) -> Unavailable:
        """An error in words."""
        return unavailable(self._access, problem, so)

    # ------------------------------------------------------------------ reading: from the verified local copy

    def _live(self) -> None:
        # A command that looks once has what it wants before this; whoever stays longer follows what others sign.
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

    def wait(self, position: int, seconds: float) -> None:
        """Return as soon as there are more than `position` records, or after so many seconds."""
        self._follower.start()
        self._follower.wait(position, seconds)

    def lag(self) -> dict[str, int | None]:
        """Where the broker says the log ends, and how far the copy is."""
        return {"end": self._follower.end_of_log(), "copy": self._copy.size()}

    def close(self) -> None:
        """Let go of the broker and of the copy."""
        self._follower.stop()
        if self._producer is not None:
            self._producer.close(timeout=1)
        self._copy.close()


class _Settling:
    """Finding out the truth about one claim: sending it, sending it again, and hearing what became of it."""

    def __init__(self, log: KafkaLog, claim: Claim) -> None:
        self._log, self._claim = log, claim
        self._began = time.monotonic()
        self._maybe_written = False
        self._in_flight = False
        self._told = False

    def settled(self) -> Appended:
        """Where the record stands.

        Raises:
            Moved, Refused: it does not, and never will. Unavailable: it does not, or nobody can know yet, as it says.
        """
        self._send()
        while True:
            news = self._next()
            if news is None:
                self._still_unknown()
            elif news.what == "judged":
                return self._judged(news.about)
            elif news.what == "ended":
                raise self._ended(news.about)
            elif news.what == "failed":
                self._failed(news.about)
            else:
                self._in_flight, self._maybe_written = False, True

    def _send(self) -> None:
        self._in_flight = True
        self._log.send(self._claim)

    def _next(self) -> News | None:
        try:
            return self._claim.news.get(timeout=1.0)
        except queue.Empty:
            return None

    def _judged(self, stored: Stored) -> Appended:
        if stored.link is not None:
            return Appended(stored.position, stored.link)
        why, _, says = (stored.refused or "").partition(": ")
        raise rejected(Rejected(why, says))  # type: ignore[arg-type]  # it was kept as the judge gave it

    def _failed(self, problem: BaseException) -> None:
        self._in_flight = False
        waited = time.monotonic() - self._began
        if not isinstance(problem, _NOT_WRITTEN):
            self._maybe_written = True
            self._say_unknown()
        elif not self._maybe_written:
            if isinstance(problem, (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)):
                raise _too_large(self._claim.value) from None
            if isinstance(problem, _FINAL) or waited > REFUSING_SECONDS:
                raise self._log.unreachable(problem, "nothing was recorded")
        if waited > SETTLE_SECONDS:
            raise self._unknown(problem)
        time.sleep(_PAUSE)
        self._send()

    def _still_unknown(self) -> None:
        waited = time.monotonic() - self._began
        if waited > QUIET_SECONDS:
            self._say_unknown()
        if waited > SETTLE_SECONDS:
            raise self._unknown(TimeoutError())
        if not self._in_flight and waited > QUIET_SECONDS:
            # The broker has it, and the follower has not: it may have been lost with a leader. Again, it harms nothing.
            self._send()

    def _say_unknown(self) -> None:
        if not self._told:
            self._told = True
            self._log.tell("The log does not answer: it is unknown whether this was recorded. Checking; please wait.")

    def _ended(self, problem: UnbrokenError) -> UnbrokenError:
        unknown = " It is unknown whether the last record was written: look at the history before you repeat the act."
        return type(problem)(problem.rule, problem.says, values=problem.values, advice=problem.advice + unknown)

    def _unknown(self, problem: BaseException) -> Unavailable:
        found = self._log.unreachable(problem, "it is UNKNOWN whether this was recorded")
        return Unavailable(
            "log.unknown",
            found.says,
            values={**found.values, "link": self._claim.read.link},
            advice="Look at the history before you repeat the act; it will show what was recorded once the log answers.",
        )


def _too_large(value: bytes) -> Refused:
    return Refused(
        "log.size",
        f"The broker takes no record of {len(value)} bytes; nothing was recorded.",
        values={"bytes": len(value)},
        advice="Shorten the act's texts, or have message.max.bytes of the broker set to 1048576.",
    )


# ---------------------------------------------------------------------------------------------------- whole logs


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


def _nowhere(_stream: str) -> Any:
    from events.heads import NOWHERE, Head

    return Head(0, NOWHERE)


def ends(access: Access) -> int:
    """How many records the topic holds. It asks the broker and may take seconds: never on a caller's way."""
    from kafka import TopicPartition

    with reaching(access):
        reader = consumer(access)
        try:
            partition = TopicPartition(access.topic, 0)
            return int(reader.end_offsets([partition], timeout_ms=6_000)[partition])
        finally:
            reader.close()


def write(access: Access, values: Any, start: int, progress: Callable[[int], None] = lambda _done: None) -> int:
    """Write records, as they were kept elsewhere, to a topic that nobody else writes to; returns where the next stands.

    Raises:
        Corrupt: somebody else wrote to it meanwhile. Unavailable: not all were written; how many, it says.
    """
    position = start
    with reaching(access):
        writer = producer(access, key_serializer=Keys())
    try:
        waiting: list[tuple[int, Any]] = []
        for value in values:
            found: Framed = unframed(value)
            headers = [(Name(name), value) for name, value in found.headers]
            key = NO_KEY if found.key is None else found.key
            future = writer.send(access.topic, value=found.value, key=key, headers=headers, partition=0)
            waiting.append((position, future))
            position += 1
            if len(waiting) >= 200:
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
    from events.errors import Corrupt

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
