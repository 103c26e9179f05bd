"""Authority as a value: who may sign with which key at which position, folded from the stream ``authority``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from events.instant import from_wire
from events.keys import is_sound, key_id
from events.shapes import is_judged, keeps_shape
from events.statement import Statement

STREAM = "authority"
ADMINISTRATOR = "administrator"
SYSTEM = "system"
"""The role of the system's own key; no person may hold it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the positions at which it is in force: `since` < position <= `until`.

    `until` is where its revocation stands, which the key itself may have signed.
    """

    id: str
    public: bytes
    account: str
    since: int
    until: int | None = None
    suspect_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """An account of a person: `roles` lists (position, roles) in order; a later entry replaces an earlier one."""

    account: str
    person: str
    printed_name: str
    roles: tuple[tuple[int, frozenset[str]], ...]

    def roles_at(self, position: int | None = None) -> frozenset[str]:
        """The roles in force for a record at this position (None: now)."""
        held: frozenset[str] = frozenset()
        for since, roles in self.roles:
            if position is None or since < position:
                held = roles
        return held


class NotAllowed(Exception):
    """An authority record that must not be accepted; the message says why."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Everyone who ever could sign. Asked by position, it answers for the past too.

    `judge` is the version of the judge that the log was opened under, `zone` the time zone in which it was; `left` maps
    each place that the log has left to the one where it went on.
    """

    keys: dict[str, Key] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    judge: int = 1
    zone: str = "UTC"
    left: dict[str, str] = field(default_factory=dict)

    def key_in_force(self, keyid: str, position: int | None = None) -> Key | None:
        """The key, if it may sign a record at this position (None: now)."""
        key = self.keys.get(keyid)
        if key is None:
            return None
        if position is None:
            return key if key.until is None else None
        return key if key.since < position and (key.until is None or position <= key.until) else None

    def printed_name(self, account: str) -> str:
        """The printed name of an account's person (21 CFR 11.50(a)(1)); the account itself if unknown."""
        person = self.people.get(account)
        return person.printed_name if person else account

    def extended(self, statement: Statement, position: int) -> Authority:
        """Authority after an accepted authority record.

        Raises:
            NotAllowed: a fact that is unreadable, weak or contradicts what stands; the judge refuses the record.
        """
        result = self
        for raw in statement.facts:
            if not keeps_shape(raw):
                raise NotAllowed(f"{raw['fact']} has not the shape of its name")
            result = _apply(result, raw, position)
        return result


def check_authority(authority: Authority, statement: Statement, position: int) -> Authority | None:
    """What the judge asks of every record: None where it does not touch authority, else authority after it.

    Raises:
        NotAllowed: authority facts outside the stream ``authority``, others inside it, a second stream beside it, or
            no administrator's.
    """
    touches = STREAM in statement.heads
    named = [is_judged(raw["fact"], authority.judge) for raw in statement.facts]
    if not touches and not any(named):
        return None
    if not touches or not all(named) or len(statement.heads) > 1:
        raise NotAllowed("facts of authority stand in the stream authority, alone, and no others do")
    if position > 0:
        person = authority.people.get(statement.account)
        if person is None or ADMINISTRATOR not in person.roles_at(position):
            raise NotAllowed(f"{statement.account} is not an administrator")
    return authority.extended(statement, position)


def _apply(authority: Authority, fact: dict[str, Any], position: int) -> Authority:
    """Authority after one fact whose shape has been checked: plain objects, so that no library's reading decides a verdict."""
    match fact["fact"]:
        case "log.opened.v1":
            if position != 0:
                raise NotAllowed("a log is opened once, by its first record")
            if ADMINISTRATOR not in fact["root"]["roles"]:
                raise NotAllowed("the root is no administrator: nobody could ever be enrolled")
            # The root's key is in force from genesis itself on.
            return _enrol(Authority(judge=fact["judge"], zone=fact["zone"]), fact["root"], -1)
        case "person.enrolled.v1":
            return _enrol(authority, fact, position)
        case "roles.changed.v1":
            person = _person(authority, fact["account"])
            if SYSTEM in fact["roles"] or SYSTEM in person.roles_at():
                raise NotAllowed(f"{person.account}: the role {SYSTEM} is given with the enrolment and never changes")
            changed = replace(person, roles=(*person.roles, (position, frozenset(fact["roles"]))))
            return replace(authority, people={**authority.people, person.account: changed})
        case "key.added.v1":
            _person(authority, fact["account"])
            return _with_key(authority, fact["account"], fact["public_key"], position)
        case "key.revoked.v1":
            key = authority.keys.get(fact["key"])
            if key is None or key.until is not None:
                raise NotAllowed(f"key {fact['key'][:12]} is not in force")
            suspect = from_wire(fact["suspect_since"]) if "suspect_since" in fact else None
            ended = replace(key, until=position, suspect_since=suspect)
            return replace(authority, keys={**authority.keys, key.id: ended})
        case "log.moved.v1":
            origin, destination = fact["origin"], fact["destination"]
            if origin == destination or {origin, destination} & authority.left.keys():
                raise NotAllowed(f"a log is moved from where it is to where it never was, not to {destination}")
            return replace(authority, left={**authority.left, origin: destination})
        case name:
            raise NotAllowed(f"{name} is no fact of authority")


def _enrol(authority: Authority, fact: dict[str, Any], position: int) -> Authority:
    account, roles = fact["account"], fact["roles"]
    if account in authority.people:
        raise NotAllowed(f"account {account} is enrolled already")
    if SYSTEM in roles and len(roles) > 1:
        raise NotAllowed(f"{account}: the system's own key holds no other role")
    person = Person(account, fact["person"], fact["printed_name"], ((position, frozenset(roles)),))
    enrolled = replace(authority, people={**authority.people, account: person})
    return _with_key(enrolled, account, fact["public_key"], position)


def _with_key(authority: Authority, account: str, public_hex: str, position: int) -> Authority:
    public = bytes.fromhex(public_hex)
    if not is_sound(public):
        raise NotAllowed(f"the public key of {account} is weak or no point of the curve")
    key = Key(key_id(public), public, account, position)
    if key.id in authority.keys:
        raise NotAllowed(f"the public key of {account} is enrolled already")
    return replace(authority, keys={**authority.keys, key.id: key})


def _person(authority: Authority, account: str) -> Person:
    person = authority.people.get(account)
    if person is None:
        raise NotAllowed(f"account {account} is not enrolled")
    return person
