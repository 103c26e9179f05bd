"""Facts of authority: who may sign, with which key, in which roles. They stand in the stream ``authority``."""

from typing import Annotated, ClassVar

from pydantic import StringConstraints

from events.facts.base import Count, Digest, Fact, Flag, Instant, Name, Text
from events.identifiers import Account, PersonId
from events.shapes import PLACE

Zone = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+\-]{0,31}(?:/[A-Za-z0-9][A-Za-z0-9_+\-]{0,31}){0,2}$")
]
"""A name of the time zone database (``Europe/Berlin``)."""
PublicKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""The 32 bytes of an Ed25519 public key, lower-case hexadecimal."""

Place = Annotated[str, StringConstraints(pattern=f"^{PLACE}$")]
"""Where a log is kept (``kafka:TOPIC-ID``, ``sqlite:...``): the kind of place, and an id that is never given twice."""


class PersonEnrolled(Fact):
    """A person's account was enrolled with a key and roles. One person may have two accounts and is still one person."""

    wire: ClassVar[str] = "person.enrolled.v1"
    person: PersonId
    account: Account
    printed_name: Text
    public_key: PublicKey
    roles: tuple[Name, ...]


class RolesChanged(Fact):
    """An account's roles are these from now on."""

    wire: ClassVar[str] = "roles.changed.v1"
    account: Account
    roles: tuple[Name, ...]
    why: Text


class KeyAdded(Fact):
    """An account got a further key (a new card, a forgotten passphrase)."""

    wire: ClassVar[str] = "key.added.v1"
    account: Account
    public_key: PublicKey
    why: Text


class KeyRevoked(Fact):
    """A key signs nothing any more. What it signed since `suspect_since` is marked by the audit; verdicts stay."""

    wire: ClassVar[str] = "key.revoked.v1"
    key: Digest
    why: Text
    suspect_since: Instant | None = None


class LogOpened(Fact):
    """Genesis: a log began, under this root person's key. Its link is the log's id."""

    wire: ClassVar[str] = "log.opened.v1"
    site: Text
    zone: Zone
    root: PersonEnrolled
    judge: Count
    simulated: Flag = False


class LogMoved(Fact):
    """The log was moved: where it was kept, nothing is accepted after this; it goes on elsewhere, this record included."""

    wire: ClassVar[str] = "log.moved.v1"
    origin: Place
    destination: Place
    why: Text


class SignInFailed(Fact):
    """A wrong passphrase was given for an account. Stream ``account/NAME``."""

    wire: ClassVar[str] = "sign_in.failed.v1"
    account: Account
    in_a_row: Count


class SignInSucceeded(Fact):
    """The count of wrong passphrases began again. Stream ``account/NAME``."""

    wire: ClassVar[str] = "sign_in.succeeded.v1"
    account: Account


class AccountUnlocked(Fact):
    """A supervisor unlocked an account after too many wrong passphrases."""

    wire: ClassVar[str] = "account.unlocked.v1"
    account: Account
    why: Text
