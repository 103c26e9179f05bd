"""The judge: small, pure and stable. Everyone who reads the same prefix of a log accepts the same records.

A record is accepted if and only if its bytes keep the grammar, the log is ours and has not left this place, the signature
verifies by a key of that person in force at that position, its authority facts (if any) are an administrator's and sound,
and every head it names is where the stream stands. No clock, no medicine. Only `Malformed` and `NotAllowed` mean
"invalid": anything else, running out of memory included, is the reader's own trouble and must stop it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from events.authority import STREAM, Authority, NotAllowed, check_authority
from events.envelope import Envelope, open_envelope, pre_authentication
from events.grammar import Malformed
from events.heads import NOWHERE, Head
from events.keys import verifies
from events.shapes import NEWEST_JUDGE
from events.statement import Statement, read_statement

JUDGE_VERSION = NEWEST_JUDGE
"""What new logs are opened under. Logs of earlier versions are judged as those did."""

Why = Literal["grammar", "log", "sealed", "key", "signature", "authority", "head"]


@dataclass(frozen=True, slots=True)
class Read:
    """A record whose bytes keep the grammar. What follows from the bytes alone is worked out once."""

    envelope: Envelope
    statement: Statement
    link: str
    _signed: dict[bytes, bool] = field(default_factory=dict)

    def signed_by(self, public: bytes) -> bool:
        """Whether the signature is by this key (32 bytes)."""
        if public not in self._signed:
            signed = pre_authentication(self.envelope.payload)
            self._signed[public] = verifies(public, self.envelope.signature, signed)
        return self._signed[public]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The record stands: it extends each stream in `statement.heads` by one, and `link` is their new head."""

    statement: Statement
    link: str
    authority: Authority


@dataclass(frozen=True, slots=True)
class Rejected:
    """The record does not stand; `why` is which of the judge's rules, `says` the particulars."""

    why: Why
    says: str
    statement: Statement | None = None

    @property
    def reason(self) -> str:
        """The rule and the particulars, as a log keeps them beside a refused record."""
        return f"{self.why}: {self.says}"


Verdict = Accepted | Rejected


def read(value: bytes) -> Read | Rejected:
    """A record's bytes under the whole grammar."""
    try:
        envelope = open_envelope(value)
        return Read(envelope, read_statement(envelope.payload), envelope.link)
    except Malformed as problem:
        return Rejected("grammar", f"{problem.kind}: {problem}")


def judge(
    value: bytes, position: int, log: str | None, head: Callable[[str], Head], authority: Authority, place: str = ""
) -> Verdict:
    """Judge the record at `position`.

    Args:
        value: the record's bytes.
        log: the log's id; None for genesis, which must stand at position 0.
        head: where a stream stands before this position.
        authority: who may sign, folded from every accepted record before this position.
        place: where the record is kept (``kafka:TOPIC-ID``, ``sqlite:...``): nothing is accepted where the log has left.
    """
    record = read(value)
    return record if isinstance(record, Rejected) else weigh(record, position, log, head, authority, place)


def weigh(
    record: Read, position: int, log: str | None, head: Callable[[str], Head], authority: Authority, place: str = ""
) -> Verdict:
    """Judge a record that has been read; see `judge`."""
    statement = record.statement
    if statement.log != log:
        return Rejected("log", "the record belongs to another log", statement)
    if log is None:
        return _judge_genesis(record)
    if place in authority.left:
        return Rejected("sealed", f"the log has left {place} and goes on at {authority.left[place]}", statement)
    if refusal := check_signature(record, authority, position):
        return refusal
    for stream, seen in statement.heads.items():
        stands = head(stream)
        if stands != seen:
            says = f"{stream} stands at {stands.number} ({stands.link[:12]}), the record extends "
            return Rejected("head", f"{says}{seen.number} ({seen.link[:12]})", statement)
    try:
        after = check_authority(authority, statement, position)
    except NotAllowed as problem:
        return Rejected("authority", str(problem), statement)
    return Accepted(statement, record.link, authority if after is None else after)


def check_signature(record: Read, authority: Authority, position: int) -> Rejected | None:
    """Whether a key of that person, in force at that position, signed exactly these bytes."""
    envelope, statement = record.envelope, record.statement
    key = authority.key_in_force(envelope.keyid, position)
    person = authority.people.get(statement.account)
    if key is None or statement.key != envelope.keyid:
        return Rejected("key", f"key {envelope.keyid[:12]} is not in force at position {position}", statement)
    if person is None or key.account != statement.account or person.person != statement.person:
        return Rejected("key", f"key {key.id[:12]} is not {statement.person}'s under {statement.account}", statement)
    if not record.signed_by(key.public):
        return Rejected("signature", f"the signature is not by key {key.id[:12]}", statement)
    return None


def _judge_genesis(record: Read) -> Verdict:
    statement = record.statement
    if dict(statement.heads) != {STREAM: Head(0, NOWHERE)} or len(statement.facts) != 1:
        return Rejected("head", "genesis opens the stream authority, and only that", statement)
    if statement.facts[0]["fact"] != "log.opened.v1":
        return Rejected("authority", "the first record of a log is log.opened.v1", statement)
    try:
        authority = check_authority(Authority(), statement, 0)
    except NotAllowed as problem:
        return Rejected("authority", str(problem), statement)
    assert authority is not None  # genesis touches authority
    if refusal := check_signature(record, authority, 0):
        return refusal
    return Accepted(statement, record.link, authority)
