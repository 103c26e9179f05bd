"""Decisions about the site itself: who may sign, which lots and devices may be used, which protocol is in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from events import writing
from events.authority import ADMINISTRATOR, SYSTEM, Authority
from events.facts import authority as facts
from events.facts import site
from events.facts.base import Fact
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.stored import written
from protocol.surroundings import Actor

QA, SUPERVISOR = "quality", "supervisor"
"""Roles of a site beside those of its protocol: quality releases lots and records calibration and training."""
SITE_ROLES = (ADMINISTRATOR, QA, SUPERVISOR)
MOST_FAILURES = 5
"""Wrong passphrases in a row after which an account is locked (21 CFR 11.300(d))."""


def known_roles(protocols: list[StudyProtocol]) -> frozenset[str]:
    """The roles that somebody may hold here."""
    return frozenset(SITE_ROLES).union(*(protocol.roles for protocol in protocols))


def enrol(
    actor: Actor,
    authority: Authority,
    known: frozenset[str],
    *,
    person: str,
    account: str,
    printed_name: str,
    public: bytes,
    roles: tuple[str, ...],
    namesake: bool = False,
) -> Fact:
    """Enrol a person's account.

    Args:
        namesake: another person of that name is enrolled, and this is not that person.

    Raises:
        Refused: not an administrator, the account exists, a role that nobody knows, a name that is none, or somebody else's.
    """
    check_role((ADMINISTRATOR,), actor, "enrol people")
    printed_name = written("The printed name", printed_name, writing.printed_name)
    if account in authority.people:
        raise refuse(
            "authority.account",
            f"Account {account} is enrolled already, for {authority.printed_name(account)}.",
            "Change its roles, or choose another name; an account is never reused.",
            account=account,
        )
    _check_roles(roles, known)
    if not namesake:
        check_namesake(person, printed_name, _named_already(authority))
    return facts.PersonEnrolled(
        person=person, account=account, printed_name=printed_name, public_key=public.hex(), roles=roles
    )


def _named_already(authority: Authority) -> list[tuple[str, str, str]]:
    return [(known.person, known.account, known.printed_name) for known in authority.people.values()]


def check_namesake(person: str, name: str, enrolled: Iterable[tuple[str, str, str]]) -> None:
    """Nobody is enrolled under another person's name unasked: one person under two ids could sign as two people.

    Args:
        enrolled: person, account and printed name of everybody who is enrolled.

    Raises:
        Refused: `authority.namesake`, naming who has that name.
    """
    if held := [(p, a, n) for p, a, n in enrolled if p != person and writing.same_name(n, name)]:
        shown = ", ".join(f"{n} ({a}, person {p})" for p, a, n in held)
        raise refuse(
            "authority.namesake",
            f"{name} is the name of somebody who is enrolled: {shown}.",
            f"If it is the same person, enrol the account for person {held[0][0]}: nobody is two people. If it is another "
            "person of that name, say so: `--namesake`, or `namesake: yes` in the people file.",
            name=name,
            held_by=[a for _, a, _ in held],
        )


def other_names(authority: Authority, person: str, name: str) -> list[tuple[str, str]]:
    """The accounts that a person has under another name, each with that name: most often the id is somebody else's."""
    known = [(k.account, k.printed_name) for k in authority.people.values() if k.person == person]
    return [(account, printed) for account, printed in known if not writing.same_name(printed, name)]


def _check_roles(roles: tuple[str, ...], known: frozenset[str]) -> None:
    if SYSTEM in roles:
        raise refuse(
            "authority.system-role",
            "The role system is the system's own key's alone; no person holds it.",
            f"Roles are: {', '.join(sorted(known))}.",
        )
    if unknown := sorted(set(roles) - known):
        raise refuse(
            "authority.role-known",
            f"No protocol of this site knows the role {', '.join(unknown)}.",
            f"Roles are: {', '.join(sorted(known))}.",
            unknown=unknown,
        )


def change_roles(
    actor: Actor, authority: Authority, known: frozenset[str], account: str, roles: tuple[str, ...], why: str
) -> Fact:
    """Give an account other roles."""
    check_role((ADMINISTRATOR,), actor, "change roles")
    _known_account(authority, account)
    _check_roles(roles, known)
    if ADMINISTRATOR not in roles:
        _check_not_last(authority, account)
    return facts.RolesChanged(account=account, roles=roles, why=_reason(why))


def _reason(text: str) -> str:
    return written("The reason", text, writing.free_text)


def add_key(actor: Actor, authority: Authority, account: str, public: bytes, why: str) -> Fact:
    """Give an account a further key."""
    check_role((ADMINISTRATOR,), actor, "add keys")
    _known_account(authority, account)
    return facts.KeyAdded(account=account, public_key=public.hex(), why=_reason(why))


def revoke_keys(
    actor: Actor, authority: Authority, account: str, why: str, suspect_since: datetime | None
) -> tuple[Fact, ...]:
    """Revoke every key of an account that is in force.

    Raises:
        Refused: not an administrator, unknown, nothing to revoke, or it is one's own last administrator's key.
    """
    check_role((ADMINISTRATOR,), actor, "revoke keys")
    _known_account(authority, account)
    keys = [key for key in authority.keys.values() if key.account == account and key.until is None]
    if not keys:
        raise refuse(
            "authority.key", f"Account {account} has no key in force.", "There is nothing to revoke.", account=account
        )
    _check_not_last(authority, account)
    reason = _reason(why)
    return tuple(facts.KeyRevoked(key=key.id, why=reason, suspect_since=suspect_since) for key in keys)


def _check_not_last(authority: Authority, account: str) -> None:
    others = {
        p.account
        for p in authority.people.values()
        if ADMINISTRATOR in p.roles_at()
        and p.account != account
        and any(k.account == p.account and k.until is None for k in authority.keys.values())
    }
    if ADMINISTRATOR in authority.people[account].roles_at() and not others:
        raise refuse(
            "authority.last-administrator",
            f"{account} is the last administrator; without a key nobody could enrol or revoke any more.",
            "Enrol another administrator first.",
            account=account,
        )


def _known_account(authority: Authority, account: str) -> None:
    if account not in authority.people:
        raise unknown_account(account)


def unknown_account(account: str) -> Exception:
    """The refusal of an account that nobody enrolled."""
    return refuse(
        "authority.account",
        f"Nobody is enrolled as {account}.",
        "Check the spelling; an administrator enrols people with `unbroken person add`.",
        account=account,
    )


def may_adopt(actor: Actor) -> None:
    """Whether somebody may adopt protocols.

    Raises:
        Refused: neither an administrator nor of quality.
    """
    check_role(
        (
            ADMINISTRATOR,
            QA,
        ),
        actor,
        "adopt a protocol",
    )


def adopt(actor: Actor, protocol: StudyProtocol) -> Fact:
    """Adopt a protocol file."""
    may_adopt(actor)
    head = protocol.protocol
    return site.ProtocolAdopted(
        protocol=head.id, version=head.version, digest=protocol.digest, text=protocol.text, terms=protocol.terms
    )


def release_lot(actor: Actor, lot: str, item: str, expires: date) -> Fact:
    """Release a lot for use until it expires: at a moment, or with the end of a day."""
    check_role((QA,), actor, "release lots")
    return site.LotReleased(lot=lot, item=item, expires=expires)


def recall_lot(actor: Actor, lot: str, reason: str) -> Fact:
    """Recall a lot."""
    check_role((QA,), actor, "recall lots")
    return site.LotRecalled(lot=lot, reason=reason)


def calibrate(actor: Actor, device: str, item: str, due: date) -> Fact:
    """Record that a device is in calibration until `due`."""
    check_role((QA,), actor, "record calibrations")
    return site.DeviceCalibrated(device=device, item=item, due=due)


def train(actor: Actor, person: str, topic: str, until: date) -> Fact:
    """Record that a person's training is current until `until`; nobody records one's own."""
    check_role((QA,), actor, "record training")
    if actor.person == person:
        raise refuse(
            "authority.own-training",
            f"{actor.account} may not record training of {person}: that is the same person.",
            "Another person of quality records it.",
            person=person,
        )
    return site.TrainingRecorded(person=person, topic=topic, until=until)


def monitor(actor: Actor) -> None:
    """Whether somebody may report the environmental monitoring of a room.

    Raises:
        Refused: not of quality.
    """
    check_role((QA,), actor, "report environmental monitoring")


def unlock(actor: Actor, account: str, failures: int, why: str, own_person: str) -> Fact:
    """Unlock an account after too many wrong passphrases; a supervisor does it, not the locked person."""
    check_role(
        (
            SUPERVISOR,
            ADMINISTRATOR,
        ),
        actor,
        "unlock accounts",
    )
    if own_person == actor.person:
        raise refuse(
            "authority.two-people",
            f"{actor.account} may not unlock {account}: that is the same person.",
            "Another supervisor unlocks it.",
            account=account,
        )
    if failures < MOST_FAILURES:
        raise refuse(
            "authority.locked", f"{account} is not locked ({failures} failures).", "Nothing to do.", account=account
        )
    return facts.AccountUnlocked(account=account, why=why)
