"""Keys of a site's people: unlocked for one sitting, enrolled, replaced. Wrong passphrases are recorded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.errors import Refused, UnbrokenError
from events.facts import authority as facts
from events.keys import FileKey, key_id, new_key, open_signer
from protocol import administration
from protocol.desk import Desk, Receipt, Sitting
from protocol.stored import formed

if TYPE_CHECKING:
    from console.cast import Member
    from console.site import Site

Random = Callable[[int], bytes]


def sitting(site: Site, account: str, passphrase: str) -> Sitting:
    """Unlock somebody's key: two components, each time (21 CFR 11.200).

    Raises:
        Refused: unknown account, locked account, or wrong passphrase, which is recorded.
    """
    desk = site.desk()
    desk.actor(account)
    failures = desk.failures_in_a_row(account)
    if failures >= administration.MOST_FAILURES:
        raise Refused(
            "authority.locked",
            f"Account {account} is locked after {failures} wrong passphrases in a row.",
            values={"account": account, "failures": failures},
            advice=f"A supervisor unlocks it: unbroken unlock {account}. Meanwhile another qualified person takes over.",
        )
    _settle(site, desk, account)
    key = open_signer(f"file:{site.key_path(account)}", passphrase)
    if key is None:
        raise _wrong_passphrase(site, desk, account)
    if failures:
        begun_again = facts.SignInSucceeded(account=account)
        desk.record([f"account/{account}"], lambda _a, _b: [begun_again], site.system(), "recorded")
    return Sitting(account, key)


def _settle(site: Site, desk: Desk, account: str) -> None:
    """Put a new key in its place, if a kill came between its record and the renaming of its file."""
    path = site.key_path(account)
    keys = desk.log.authority().keys.values()
    for fresh in path.parent.glob(f"{account}.*.new"):
        named = fresh.name.removesuffix(".new").rpartition(".")[2]
        if any(key.account == account and key.until is None and key.id.startswith(named) for key in keys):
            if path.exists():
                path.rename(path.with_name(f"{account}.before-{named}.pem"))
            fresh.rename(path)


def _wrong_passphrase(site: Site, desk: Desk, account: str) -> Refused:
    def failed(*_: object) -> list[facts.SignInFailed]:
        # Counted anew on every try: somebody else may fail on the same account at the same moment.
        return [facts.SignInFailed(account=account, in_a_row=desk.failures_in_a_row(account) + 1)]

    desk.record([f"account/{account}"], failed, site.system(), "recorded")
    failures = desk.failures_in_a_row(account)
    left = max(administration.MOST_FAILURES - failures, 0)
    return Refused(
        "authority.passphrase",
        f"The passphrase of {account} is wrong; {failures} in a row, {left} left before the account is locked.",
        values={"account": account, "failures": failures, "left": left},
        advice="Type it again. The attempt was recorded."
        if left
        else f"The account is locked now. A supervisor unlocks it: `unbroken unlock {account}`. Meanwhile another "
        "qualified person takes over.",
    )


def enrol(site: Site, desk: Desk, admin: Sitting, member: Member, passphrase: str, random: Random) -> FileKey:
    """Enrol somebody: the locked key on disk first, then the record; a key that nobody enrolled signs nothing.

    Raises:
        Refused: see `administration.enrol`; then no key is left behind.
    """
    key = new_key(random)
    path = site.key_path(member.account)
    # Under a name of its own until the record stands: a refusal must not touch a key that somebody has already.
    fresh = path.with_name(f"{member.account}.{key_id(key.public)[:12]}.new")
    write_secret(fresh, key.locked(passphrase, random))
    try:
        desk.authorise(lambda a, b: [_enrolment(desk, a, b, member, key.public)], admin)
    except UnbrokenError:
        fresh.unlink()
        raise
    fresh.rename(path)
    return key


def add_key(site: Site, desk: Desk, admin: Sitting, account: str, passphrase: str, why: str, random: Random) -> Receipt:
    """Give an account a further key; the old key file is kept beside.

    Raises:
        Refused: see `administration.add_key`; then the old key file stays as it was.
    """
    key, path = new_key(random), site.key_path(account)
    fresh = path.with_name(f"{account}.{key_id(key.public)[:12]}.new")
    write_secret(fresh, key.locked(passphrase, random))
    try:
        receipt = desk.authorise(lambda a, b: [administration.add_key(a, b, account, key.public, why)], admin)
    except UnbrokenError:
        fresh.unlink()
        raise
    if path.exists():
        path.rename(path.with_name(f"{account}.before-{key_id(key.public)[:12]}.pem"))
    fresh.rename(path)
    return receipt


def may_enrol(desk: Desk, admin: str, member: Member) -> None:
    """Ask whether somebody may be enrolled as given; nothing is made or recorded.

    Raises:
        Refused: see `administration.enrol`; or a name or id has not its form.
    """
    with formed():
        _enrolment(desk, desk.actor(admin), desk.log.authority(), member, bytes(32))


def _enrolment(desk: Desk, actor: Any, authority: Any, member: Member, public: bytes) -> Any:
    return administration.enrol(
        actor,
        authority,
        administration.known_roles(desk.protocols()),
        person=member.person,
        account=member.account,
        printed_name=member.printed_name,
        public=public,
        roles=member.roles,
        namesake=member.namesake,
    )


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only this user may read, and have it on the disk before it is believed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
