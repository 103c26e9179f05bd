"""Finding out the truth about one claim: sending it, sending it again, and hearing what became of it.

A time-out is not a no: what was sent stays unknown until it is read back. The same bytes are sent again, which changes
nothing, because the heads inside them can be met only once.
"""

from __future__ import annotations

import queue
import time
from typing import Protocol

from kafka import errors

from events.errors import Refused, Unavailable, UnbrokenError
from events.judge import Rejected
from events.kafka.follower import Claim, News
from events.log import Appended, Stored
from events.store import rejected

QUIET_SECONDS = 4.0
"""After so long without an answer, the person is told that it is unknown."""
REFUSING_SECONDS = 12.0
"""How long a broker may say that it cannot write now before the person is told."""
AGAIN_SECONDS = 15.0
"""How long after an acknowledgement the same bytes are sent once more, if they were not read back."""
SETTLE_SECONDS = 60.0
"""How long the truth about a record is sought."""
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


class Sender(Protocol):
    """What sends claims, and says things to the person who waits."""

    def send(self, claim: Claim) -> None:
        """One attempt; what became of it comes as news of the claim."""

    def tell(self, line: str) -> None:
        """Say something to the person who waits."""

    def unreachable(self, problem: BaseException, so: str) -> Unavailable:
        """An error in words; `so` says what it means for the record."""

    def trouble(self) -> str:
        """What keeps the local copy from being written; nothing where it is."""


class Settling:
    """One claim, from its first sending to its verdict."""

    def __init__(self, log: Sender, claim: Claim) -> None:
        self._log, self._claim = log, claim
        self._began = self._sent = time.monotonic()
        self._maybe_written = False
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
            else:
                self._failed(news.about)

    def _send(self) -> None:
        self._claim.acknowledged, self._sent = False, time.monotonic()
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
        if self._claim.acknowledged and waited > QUIET_SECONDS:
            self._maybe_written = True
            if trouble := self._log.trouble():
                raise self._unkept(trouble)
            if time.monotonic() - self._sent > AGAIN_SECONDS:
                # The broker has it, and the follower has not: it may be lost with a leader. Again, it harms nothing.
                self._send()

    def _say_unknown(self) -> None:
        if not self._told:
            self._told = True
            self._log.tell("The log does not answer: it is unknown whether this was recorded. Checking; please wait.")

    def _ended(self, problem: UnbrokenError) -> UnbrokenError:
        unknown = " It is unknown whether the last record was written: look at the history before you repeat the act."
        return type(problem)(problem.rule, problem.says, values=problem.values, advice=problem.advice + unknown)

    def _unkept(self, trouble: str) -> Unavailable:
        return Unavailable(
            "log.copy",
            f"The broker has the record, but this site cannot read it back into its local copy ({trouble}); "
            "it is UNKNOWN here whether it stands.",
            values={"link": self._claim.read.link},
            advice="See that copy.db in the site's folder can be written and the disk has space; then look at the history "
            "before you repeat the act.",
        )

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
