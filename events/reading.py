"""Reading one stream for a decision: every signature and link of it is verified again, every time a process first sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from events.authority import STREAM, Authority
from events.envelope import open_envelope
from events.errors import Corrupt
from events.heads import Head
from events.judge import Rejected, check_signature, read
from events.log import EventLog, Stored
from events.statement import Statement, read_statement

if TYPE_CHECKING:
    from events.facts.base import Fact


@dataclass(frozen=True)
class Record:
    """An accepted record, read: where it stands, its link, what was signed, and the facts in it.

    `home`: the time zone in which the log was opened.
    """

    position: int
    link: str
    statement: Statement
    home: str

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """The facts, read and upcast; not the one that states the zone.

        Raises:
            Corrupt: this program cannot read one of them.
        """
        return self._read[0]

    @property
    def zone(self) -> str:
        """The time zone of the place where the signer stood: as the record states it, or the log's own.

        Raises:
            Corrupt: it states one that does not exist, or more than one.
        """
        return self._read[1] or self.home

    @cached_property
    def _read(self) -> tuple[tuple[Fact, ...], str]:
        # Whoever only verifies needs no models, and does not wait for them.
        from events.facts.catalogue import read_fact
        from events.facts.site import ZoneStated

        facts = tuple(read_fact(raw) for raw in self.statement.facts)
        last = facts[-1]
        rest, zone = (facts[:-1], last.zone) if isinstance(last, ZoneStated) else (facts, "")
        if not rest or any(isinstance(fact, ZoneStated) for fact in rest):
            raise Corrupt(
                "record.zone",
                f"The record at position {self.position} states a time zone otherwise than once, as its last fact.",
                values={"position": self.position},
                advice="Nothing can be decided on it. Call QA.",
            )
        return rest, zone


def read_record(stored: Stored, home: str = "UTC") -> Record:
    """Read an accepted record without verifying it again.

    Args:
        home: the time zone in which the log was opened; only for who asks for the record's zone.
    """
    envelope = open_envelope(stored.value)
    return Record(stored.position, envelope.link, read_statement(envelope.payload), home)


def last_recorded(log: EventLog) -> datetime:
    """When the log's last accepted record was signed, by what it says itself.

    Raises:
        Corrupt: it holds none.
    """
    for position in range(log.size() - 1, -1, -1):
        for stored in log.read(position, position + 1):
            if stored.refused is None:
                return read_record(stored).statement.recorded
    raise Corrupt("log.genesis", "The log holds no record.", advice="Restore it from a backup.")


def verified_stream(log: EventLog, stream: str, seen: Head | None = None) -> Iterator[Record]:
    """The records of a stream after `seen`, each verified: signature, person, and the link to the one before.

    Raises:
        Corrupt: a record that does not stand; the caller must not decide anything.
    """
    authority = log.authority()
    head = seen or Head(0, log.id)
    for stored in log.stream(stream, head.number):
        record = _verify(stored, stream, head, log.id, authority)
        yield record
        head = Head(head.number + 1, record.link)


def _verify(stored: Stored, stream: str, head: Head, log: str, authority: Authority) -> Record:
    found = read(stored.value)
    if isinstance(found, Rejected):
        raise _broken(stored, stream, head, found.says)
    if stream == STREAM and head.number == 0:
        if found.link != log:
            raise _broken(stored, stream, head, "it is not the record that began this log")
    else:
        if found.statement.log != log:
            raise _broken(stored, stream, head, "it belongs to another log")
        if found.statement.heads.get(stream) != head:
            raise _broken(stored, stream, head, "it does not extend the record before it")
        if refusal := check_signature(found, authority, stored.position):
            raise _broken(stored, stream, head, refusal.says)
    return Record(stored.position, found.link, found.statement, authority.zone)


def _broken(stored: Stored, stream: str, head: Head, why: str) -> Corrupt:
    return Corrupt(
        "record.stands",
        f"Record {head.number + 1} of {stream} (position {stored.position}) was altered: {why}.",
        values={"stream": stream, "number": head.number + 1, "position": stored.position},
        advice="Nothing can be decided on it. Stop, run `unbroken verify`, and call QA.",
    )
