"""The live follower: one thread a process that long-polls Kafka, judges what it reads, keeps it, and tells those who wait.

A caller sends its record and waits until the follower has passed it; asking the broker for its end on each call would cost
four times as much. What it reads is the log only while the topic is the pinned one and still begins and ends as it did:
that is looked at again before anything is kept after a pause, a lost connection or a new leader.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, LogTruncationError, OffsetOutOfRangeError

from events.copy import Copy, rewritten
from events.errors import Corrupt, Refused, UnbrokenError
from events.judge import Read
from events.kafka.batches import UNREADABLE, Marked
from events.kafka.broken import damaged, died, hole, shrunk
from events.kafka.client import Access, ask_anew, consumer, knows_too_little, reaching, unavailable
from events.kafka.frame import Framed, kept
from events.kafka.local import copy_damage, local_copy
from events.kafka.topic import Topic, check, check_id, look
from events.log import Stored

POLL_MS = 100
OVERLAP = 3
"""How many of the last records are fetched again and compared."""
TRUSTED_SECONDS = 5.0
"""After so long without a look, the topic's beginning and end are compared before anything more is kept."""
AWAY_SECONDS = 0.02
"""While a question is on its way to the broker, the end of its topic is heard of. After so long without one, and after one
that took that much longer than it may, the topic could have been deleted and made again: nobody does that in less."""
GUARD_SECONDS = 60.0
"""How often a live follower looks whether the topic's configuration and its ends are as they must be."""
SHRUNK_SECONDS = 10.0
"""A log's end may go back for a moment while a leader changes; for longer, records are lost."""

Progress = Callable[[int, int], None]


class News(NamedTuple):
    """What a waiting caller is told: its record was judged, its attempt to send failed, or the follower has ended."""

    what: Literal["judged", "failed", "ended"]
    about: Any


class Claim:
    """A record on its way: who sent it waits for news of it."""

    def __init__(self, value: bytes, read: Read) -> None:
        self.value, self.read = value, read
        self.news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self.acknowledged = False
        """The broker has said that it has it. No news: whoever waits for the verdict need not be woken for it."""


class Follower:
    """Follows one topic into one local copy."""

    def __init__(
        self,
        access: Access,
        topic: Topic,
        path: Path,
        log_id: str | None,
        told: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._access, self._topic, self._path, self._log_id, self._told = access, topic, path, log_id, told
        self._partition = TopicPartition(access.topic, 0)
        with reaching(access):
            self._consumer: KafkaConsumer = consumer(access)
            self._consumer.assign([self._partition])
            # Looks at the beginning and the end in small fetches, and leaves the reader's own place alone.
            self._looker: KafkaConsumer = consumer(access, 1)
            self._looker.assign([self._partition])
        self._claims: dict[bytes, list[Claim]] = {}
        self._claiming = threading.Lock()
        self._stopping = False
        self._ended: UnbrokenError | None = None
        self._grown = threading.Condition()
        self._size = 0
        self._epoch: object = None
        self._looked = 0.0
        self._asked = time.monotonic()
        self._suspect = False
        self._guarded = time.monotonic()
        self._thread: threading.Thread | None = None
        self.trouble = ""
        """What keeps the copy from being written."""
        self._starting = threading.Lock()
        try:
            self._copy = self._open()
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        self._consumer.close()
        self._looker.close()

    # ------------------------------------------------------------------ at the beginning

    def _open(self) -> Copy:
        genesis = self._genesis()
        copy = local_copy(self._path, genesis, self._topic.place, self._told)
        if self._log_id not in (None, copy.id):
            copy.close()
            raise Corrupt(
                "log.id",
                f"The topic {self._access} holds log {copy.id[:16]}, not {str(self._log_id)[:16]}.",
                values={"found": copy.id, "pinned": self._log_id},
                advice="Check the topic's name. If it is right, stop: another log stands in this one's place; call QA.",
            )
        return copy

    def _genesis(self) -> bytes:
        (first,) = self._fetch(self._looker, 0, 1) or (None,)
        if first is None:
            raise Corrupt(
                "log.genesis",
                f"The topic {self._access} is empty: no log was begun in it.",
                advice="Begin one with `unbroken site init DIR --kafka ...`, or copy one there with `unbroken log copy`.",
            )
        return kept(_framed(first))[0]

    def _fetch(self, reader: KafkaConsumer, start: int, count: int, seconds: float = 6.0) -> list[Any]:
        """Up to `count` records from `start` on, at least one if the log has so many."""
        reader.seek(self._partition, start)
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                found: list[Any] = reader.poll(POLL_MS, max_records=count).get(self._partition, [])
                if found:
                    return found
                if (end := reader.highwater(self._partition)) is not None and end <= start:
                    return []
        except OffsetOutOfRangeError:
            if start > 0:
                return []
            raise Corrupt(
                "log.deleted",
                f"The first records of the topic {self._access} were deleted.",
                values={"topic": self._access.topic},
                advice="Stop and call QA and whoever runs Kafka; restore the topic from a copy.",
            ) from None
        except Marked as problem:
            raise hole(self._access, problem.args[0], None) from None
        except UNREADABLE as problem:
            raise damaged(self._access, start, problem) from None
        except KafkaError as problem:
            raise unavailable(self._access, problem, "nothing was read or recorded") from problem
        raise unavailable(self._access, TimeoutError(), "nothing was read or recorded")

    def catch_up(self, progress: Progress) -> None:
        """Keep everything up to the log's end as it is now; called before `start`, by the thread that opened the log."""
        size = self._copy.size()
        # From a little before the end, so that what comes back shows both whether it still ends so, and where it ends.
        position = max(0, size - OVERLAP)
        end: int | None = None
        patient_until = time.monotonic() + SHRUNK_SECONDS
        while end is None or position < max(end, size):
            found = self._fetch(self._consumer, position, 500)
            self._same_topic()
            end = end or self._consumer.highwater(self._partition) or 0
            if not found:
                if position >= size:
                    break
                if time.monotonic() > patient_until:
                    raise shrunk(self._access, size, position)
                end = None
                time.sleep(0.2)
                continue
            self._keep(found)
            position = int(found[-1].offset) + 1
            progress(position, max(end, position))
        self._epoch, self._looked = self._leader(), time.monotonic()
        self._suspect = True  # until the first record comes, a while may pass
        self._consumer.seek(self._partition, self._copy.size())
        self._size = self._copy.size()

    # ------------------------------------------------------------------ while it runs

    def start(self) -> None:
        """Begin to follow, if nobody has yet."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kafka-follower", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        shrunk_since = damaged_since = 0.0
        try:
            while not self._stopping:
                try:
                    self._turn()
                    shrunk_since = damaged_since = 0.0
                except (OffsetOutOfRangeError, LogTruncationError):
                    shrunk_since = shrunk_since or time.monotonic()
                    if time.monotonic() - shrunk_since > SHRUNK_SECONDS:
                        raise shrunk(self._access, self._size, None) from None
                    self._again()
                except Marked as problem:
                    raise hole(self._access, problem.args[0], None) from None
                except UNREADABLE as problem:
                    damaged_since = damaged_since or time.monotonic()
                    if time.monotonic() - damaged_since > SHRUNK_SECONDS:  # another replica may be sound
                        raise damaged(self._access, self._size, problem) from None
                    self._again()
                except KafkaError:
                    self._again()
                except UnbrokenError as problem:
                    if isinstance(problem, Corrupt):
                        raise
                    # The broker is away, or the copy cannot be written: it may come back.
                    self.trouble = problem.says if problem.rule != "log.kafka" else ""
                    self._again()
        except UnbrokenError as problem:
            self._end(problem)
        except BaseException as problem:  # noqa: BLE001  # told to whoever waits; a thread has nobody else to tell
            self._end(died(problem))
        finally:
            self._let_go()
            self._copy.close()

    def _again(self) -> None:
        self._looked, self._suspect = 0.0, True
        time.sleep(0.1)
        self._consumer.seek(self._partition, self._copy.size())

    def _turn(self) -> None:
        found = self._poll()
        if found or not self._looked:
            if self._suspect:
                # Kafka names a topic by its name in what is read: asked afterwards, its id says whose these records are.
                ask_anew(self._consumer, self._access.topic)
                self._suspect, self._asked = False, time.monotonic()
            if self._leader() != self._epoch or time.monotonic() - self._looked > TRUSTED_SECONDS:
                self._look_again()
            self._looked = time.monotonic()
            self._same_topic()
        if found:
            self._keep(found)
            self.trouble = ""
        if time.monotonic() - self._guarded > GUARD_SECONDS:
            self._guard()

    def _poll(self) -> list[Any]:
        """What came since; and whether it could be of another topic than the one that was followed so far."""
        asked = time.monotonic()
        found: list[Any] = self._consumer.poll(POLL_MS).get(self._partition, [])
        came = time.monotonic()
        away = max(asked - self._asked, came - asked - POLL_MS / 1000)
        self._suspect |= away > AWAY_SECONDS or knows_too_little(self._consumer)
        self._asked = came
        return found

    def _guard(self) -> None:
        """Look whether the topic is still as it must be, at its configuration and at both its ends."""
        self._guarded = time.monotonic()
        try:
            topic = look(self._access)
        except UnbrokenError:
            return  # nobody answers, or it is being deleted: whoever appends is told
        check_id(self._access, topic, self._topic.id)
        try:
            check(self._access, topic)
        except Refused as problem:
            raise Corrupt(problem.rule, problem.says, values=problem.values, advice=problem.advice) from None
        self._look_again()

    def _look_again(self) -> None:
        """Compare the topic's beginning and end with the copy's."""
        size = self._copy.size()
        for start, count in ((0, 1), (max(0, size - OVERLAP), OVERLAP)):
            stored = list(self._copy.read(start, start + count))
            while stored:
                again = self._fetch(self._looker, stored[0].position, len(stored))
                if not again:
                    raise OffsetOutOfRangeError(stored[0].position)  # perhaps for a moment only
                for one, other in zip(stored, again, strict=False):
                    if kept(_framed(other))[0] != one.value or int(other.offset) != one.position:
                        raise rewritten(one.position)
                stored = stored[len(again) :]
        self._epoch = self._leader()

    def _leader(self) -> object:
        return self._consumer._cluster.leader_epoch_for_partition(self._partition)

    def _same_topic(self) -> None:
        """Raise if the topic is another one now, or is gone, or has more than one partition."""
        cluster = self._consumer._cluster
        found, partitions = cluster.topic_id(self._access.topic), cluster.partitions_for_topic(self._access.topic)
        if found is None or not partitions:
            return  # metadata are being fetched; a topic that is gone gives no records
        check_id(self._access, Topic(str(found), len(partitions), 1, {}), self._topic.id)
        if len(partitions) > 1:
            raise Corrupt(
                "kafka.partitions",
                f"The topic {self._access} has {len(partitions)} partitions now: what is written to another is in no order.",
                values={"partitions": len(partitions)},
                advice="Stop and call whoever runs Kafka. docs/operations.md, Restore, says how the log goes on in a new topic.",
            )

    def _keep(self, found: list[Any]) -> None:
        start = int(found[0].offset)
        for number, message in enumerate(found):
            if int(message.offset) != start + number:
                raise hole(self._access, start + number, int(message.offset))
        with self._claiming:
            known = {value: claims[0].read for value, claims in self._claims.items()}
        items = [kept(_framed(message), known.get(message.value)) for message in found]
        with copy_damage(self._path):
            stored = self._copy.keep(start, items)
        with self._grown:
            self._size = max(self._size, stored[-1].position + 1)
            self._grown.notify_all()
        for one in stored:
            self._tell(one)

    def _tell(self, stored: Stored) -> None:
        with self._claiming:
            for claim in self._claims.get(stored.value, ()):
                claim.news.put(News("judged", stored))

    def _end(self, problem: UnbrokenError) -> None:
        with self._claiming:
            self._ended = problem
            for claim in chain.from_iterable(self._claims.values()):
                claim.news.put(News("ended", problem))
        with self._grown:
            self._grown.notify_all()

    # ------------------------------------------------------------------ for callers

    def enter(self, claim: Claim) -> None:
        """A caller is about to send this record.

        Raises:
            UnbrokenError: the follower has ended, and why.
        """
        with self._claiming:
            if self._ended is not None:
                raise self._ended
            # Two callers may give the same bytes at once: they are one record, and both are told where it stands.
            self._claims.setdefault(claim.value, []).append(claim)

    def leave(self, claim: Claim) -> None:
        """The caller waits no longer."""
        with self._claiming:
            claims = self._claims[claim.value]
            claims.remove(claim)
            if not claims:
                del self._claims[claim.value]

    def wait(self, position: int, seconds: float) -> None:
        """Return as soon as there are more than `position` records, or after so many seconds.

        Raises:
            UnbrokenError: the follower has ended, and why.
        """
        with self._grown:
            self._grown.wait_for(lambda: self._size > position or self._ended is not None, seconds)
        if self._ended is not None:
            raise self._ended

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._claims)

    def check(self) -> None:
        """Raise why the follower has ended, if it has."""
        if self._ended is not None:
            raise self._ended

    def stop(self) -> None:
        """Let go of the broker and of the copy."""
        self._stopping = True
        if self._thread is not None:
            self._thread.join(5.0)
        else:
            self._let_go()
            self._copy.close()


def _framed(message: Any) -> Framed:
    return Framed(message.key, message.value, tuple((name, value) for name, value in message.headers))
