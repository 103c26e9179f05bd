"""Who may sign: people, roles, keys, and accounts that are locked after wrong passphrases."""

from pathlib import Path
from typing import Annotated, Any

import typer

from console import here, keyring
from console.acting import record_site, shown, tick
from console.cast import Member
from console.options import As, Json, Secret, Why
from console.show import Screen, as_json, line, table
from console.signin import named, new_passphrase, sit
from events.authority import STREAM
from events.facts.base import Fact
from protocol import administration

AccountArg = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account, for example apheresis.nurse.1.")]
Roles = Annotated[
    list[str],
    typer.Option(
        "--role", metavar="ROLE", help="A role of the protocol, or administrator, quality, supervisor. Repeat it."
    ),
]
NewSecret = Annotated[
    Path | None,
    typer.Option(
        "--new-passphrase-file", metavar="FILE", help="Read the new passphrase from this file instead of asking twice."
    ),
]


def list_people(json: Json = False) -> None:
    """List everybody who may sign, with roles and how many wrong passphrases in a row.

    Example: unbroken person list
    """
    site = here.site()
    desk, authority = site.desk(), site.log.authority()
    rows: list[dict[str, Any]] = []
    for person in authority.people.values():
        keys = [key for key in authority.keys.values() if key.account == person.account]
        live = [key.id[:12] for key in keys if key.until is None]
        wrong = desk.failures_in_a_row(person.account)
        rows.append(
            {
                "account": person.account,
                "person": person.person,
                "printed_name": person.printed_name,
                "roles": sorted(person.roles_at()),
                "keys": live,
                "revoked": len(keys) - len(live),
                "wrong_in_a_row": wrong,
                "locked": wrong >= administration.MOST_FAILURES,
            }
        )
    if json:
        as_json(rows)
        return
    shown_rows = [
        [r["account"], r["person"], r["printed_name"], ", ".join(r["roles"]), ", ".join(r["keys"]) or "none in force",
         "LOCKED" if r["locked"] else f"{r['wrong_in_a_row']} wrong" if r["wrong_in_a_row"] else ""]
        for r in rows
    ]  # fmt: skip
    table(
        ["account", "person", "printed name", "roles", "keys in force", "sign-in"], shown_rows, f"People of {site.name}"
    )


def add(
    new: AccountArg,
    person: Annotated[
        str, typer.Option("--person", metavar="ID", help="The person's id; one person may have two accounts.")
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="PRINTED", help="The printed name, as it stands beside each signature.")
    ],
    role: Roles,
    namesake: Annotated[
        bool, typer.Option("--namesake", help="Another person of this name is enrolled, and this is not that person.")
    ] = False,
    new_secret: NewSecret = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Enrol a person's account: a new key under the person's own passphrase, and the roles.

    Example: unbroken person add ward.nurse.3 --person P-044 --name "Ida Berg" --role ward_nurse --as admin
    """
    site = here.site()
    member = Member(new, person, name, tuple(role), namesake)
    desk = site.desk()
    keyring.may_enrol(desk, named(account), member)  # what stands against it is told before a passphrase is asked
    sitting = sit(site, account, secret)
    others = administration.other_names(site.log.authority(), person, name)
    site.enrol(desk, sitting, member, new_passphrase(new, new_secret))
    tick(site)
    screen = Screen(site)
    if json:
        as_json({"account": new, "person": person, "printed_name": name, "roles": role, "other_names": dict(others)})
        return
    screen.simulated()
    line(f"Enrolled {screen.name(new)} as {', '.join(role)}. Signed: {screen.name(sitting.account)}, authorised.")
    for account_, printed in others:
        line(f"Attention: person {person} is {printed} under the account {account_}. Is that the same person?")


def roles(
    whose: AccountArg, role: Roles, why: Why, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Give an account other roles; these replace the ones it holds.

    Example: unbroken person roles operator.1 --role operator --role qc_analyst --why "trained on 2026-03-01" --as admin
    """
    site = here.site()
    known = administration.known_roles(site.desk().protocols())

    def decide(actor: Any, authority: Any) -> list[Fact]:
        return [administration.change_roles(actor, authority, known, whose, tuple(role), why)]

    record_site(site, [STREAM], decide, account, secret, json, "authorised")


def key(
    whose: AccountArg,
    why: Why,
    new_secret: NewSecret = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Give an account a further key, for a forgotten passphrase or after a revocation.

    Example: unbroken person key ward.nurse.1 --why "passphrase forgotten" --as admin
    """
    site = here.site()
    sitting = sit(site, account, secret)
    desk = site.desk()
    receipt = site.add_key(desk, sitting, whose, new_passphrase(whose, new_secret), why)
    shown(site, desk, receipt, sitting, None, json)


def revoke(
    whose: AccountArg,
    why: Why,
    suspect: Annotated[
        str | None,
        typer.Option("--suspect-since", metavar="TIME", help="What was signed since then is marked by the audit."),
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Revoke every key of an account. It signs nothing any more; what it signed before stays.

    Example: unbroken person revoke courier.1 --why "laptop stolen" --suspect-since 2026-03-01T08:00 --as admin
    """
    from console.times import read_time

    site = here.site()
    since = read_time(suspect, site.zone) if suspect else None

    def decide(actor: Any, authority: Any) -> tuple[Fact, ...]:
        return administration.revoke_keys(actor, authority, whose, why, since)

    record_site(site, [STREAM], decide, account, secret, json, "authorised")


def unlock(whose: AccountArg, why: Why, account: As = None, secret: Secret = None, json: Json = False) -> None:
    """Unlock an account after five wrong passphrases in a row. A supervisor does it, not the locked person.

    Example: unbroken unlock ward.nurse.1 --why "identified in person; caps lock was on" --as supervisor.1
    """
    site = here.site()
    desk = site.desk()

    def decide(actor: Any, authority: Any) -> list[Fact]:
        own = desk.actor(whose).person
        return [administration.unlock(actor, whose, desk.failures_in_a_row(whose), why, own)]

    record_site(site, [f"account/{whose}"], decide, account, secret, json, "authorised")
