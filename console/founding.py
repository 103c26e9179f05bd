"""Found a site: genesis, the system's key, the protocol, the people. Built beside, then moved: whole or not at all."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from console import moving
from console.acts import read_document, words
from console.cast import Member
from console.creation import refuse_existing
from console.given import text_of
from console.signin import encodable, new_passphrase
from console.site import Site
from console.study_files import StudyFile, read_study
from events.authority import ADMINISTRATOR
from events.errors import Refused
from events.identifiers import Account, Name, PersonId
from events.writing import printed_name, same_name
from protocol.administration import check_namesake
from protocol.check import staffing_gaps
from protocol.commands import Command
from protocol.desk import Sitting
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.stored import written
from protocol.wording import in_words

_WORDS = 4
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


@dataclass(frozen=True, slots=True)
class Founding:
    """What was asked for."""

    folder: Path
    name: str
    code: str
    zone: str
    study: StudyFile
    people: Path | None
    administrator: tuple[str, str]
    passphrases: Path | None
    generate: Path | None
    simulated_from: datetime | None
    kafka: dict[str, Any] | None = None


def study_file(file: Path | None) -> StudyFile:
    """A protocol file with its dictionary, or the study that ships with the program."""
    if file is not None:
        return read_study(file)
    from importlib import resources

    text = resources.files("protocol").joinpath("studies/cd20-cd22.yaml").read_text(encoding="utf-8")
    return StudyFile(text, "", "the shipped study")


def found(plan: Founding, told: Callable[[str], None]) -> tuple[Site, StudyProtocol, list[str]]:
    """Found the site. Returns it, its protocol, and what its people cannot staff.

    Raises:
        Refused: the folder exists, a file is wrong, nobody is administrator, a passphrase is missing or too short.
    """
    protocol = read_protocol(plan.study.text, plan.study.name, terms=plan.study.terms)
    members = read_people(plan)
    refuse_existing(plan.folder)
    phrases = _phrases(plan, members)
    making = plan.folder.absolute().with_name(f".{plan.folder.absolute().name}.founding")
    site = _build(replace(plan, folder=making), protocol, members, phrases, told)
    site.move(plan.folder)
    finished = Site.open(plan.folder)
    people = {p.account: (p.person, p.roles_at()) for p in finished.log.authority().people.values()}
    return finished, protocol, staffing_gaps(protocol, people)


def _build(
    plan: Founding,
    protocol: StudyProtocol,
    members: list[Member],
    phrases: Mapping[str, str],
    told: Callable[[str], None],
) -> Site:
    import shutil

    shutil.rmtree(plan.folder, ignore_errors=True)  # what an interrupted founding left
    root = next(m for m in members if ADMINISTRATOR in m.roles)
    try:
        site, keys = Site.create(
            plan.folder,
            name=plan.name,
            code=plan.code,
            zone=plan.zone,
            administrator=root,
            passphrases=phrases,
            simulated_from=plan.simulated_from,
        )
        desk, sitting = site.desk(), Sitting(root.account, keys[root.account])
        desk.adopt(protocol.text, sitting, plan.study.name, terms=protocol.terms)
        for member in members:
            if member.account != root.account:
                site.enrol(desk, sitting, member, phrases[member.account])
                told(f"enrolled {member.printed_name} ({member.account})")
        if plan.kafka is not None:
            # Last, and whole: nobody else has seen this log yet, so nothing need be sealed.
            moving.to_kafka(site, plan.kafka, None, told)
    except BaseException:
        shutil.rmtree(plan.folder, ignore_errors=True)
        if plan.generate is not None:
            plan.generate.unlink(missing_ok=True)  # they open nothing
        raise
    return site


# ---------------------------------------------------------------------------------------------------- the people file


def read_people(plan: Founding) -> list[Member]:
    """The people, from their file; without one, the administrator alone.

    Raises:
        Refused: a field missing, unknown or of the wrong form, an account twice, or nobody is administrator.
    """
    if plan.people is None:
        account, name = plan.administrator
        return [_member({"account": account, "person": "P-001", "printed_name": name, "roles": ADMINISTRATOR}, 1)]
    text = text_of(plan.people)
    # A file may be the list itself; the reader wants a field at the top.
    lined = text if text.lstrip().startswith("people:") else "people:\n" + text
    entries = read_document(lined, str(plan.people)).get("people") or []
    if not isinstance(entries, list):
        raise _wrong("the file is no list of people")
    members = [_member(entry, number) for number, entry in enumerate(entries, 1)]
    accounts = [m.account for m in members]
    if twice := sorted({a for a in accounts if accounts.count(a) > 1}):
        raise _wrong(f"the account {', '.join(twice)} stands twice", accounts=twice)
    if not any(ADMINISTRATOR in m.roles for m in members):
        raise _wrong("nobody is administrator, and nobody else could enrol people", roles=[ADMINISTRATOR])
    return [_told_apart(member, members) for member in members]


def _told_apart(member: Member, members: list[Member]) -> Member:
    """One of the people, who may be enrolled whichever of two namesakes comes first: it is enough that one is said to be one."""
    others = [m for m in members if m.account != member.account]
    names = [(m.person, m.account, m.printed_name) for m in others if not (m.namesake or member.namesake)]
    check_namesake(member.person, member.printed_name, names)
    return member._replace(
        namesake=member.namesake or any(same_name(m.printed_name, member.printed_name) for m in others)
    )


class _Person(Command):
    """One entry of a people file."""

    account: Account
    person: PersonId
    printed_name: Annotated[str, AfterValidator(printed_name)]
    roles: tuple[Name, ...]
    namesake: bool = False


def _member(entry: Any, number: int) -> Member:
    fields = ("account", "person", "printed_name", "roles")
    if not isinstance(entry, dict) or not set(fields) <= set(entry) <= {*fields, "namesake"}:
        raise _wrong(
            f"person {number} has not exactly {', '.join(fields)} (and namesake, where it is one)", person=number
        )
    if isinstance(entry["printed_name"], str):
        written(
            f"The people cannot be enrolled: the printed name of person {number}", entry["printed_name"], printed_name
        )
    try:
        person = _Person.model_validate({**entry, "roles": words(entry["roles"])})
    except ValidationError as problem:
        path, why = in_words(problem, _Person)[0]
        raise _wrong(f"person {number}, {'.'.join(map(str, path))}: {why}", person=number) from None
    return Member(person.account, person.person, person.printed_name, person.roles, person.namesake)


def _wrong(says: str, **values: object) -> Refused:
    return Refused(
        "site.people",
        f"The people cannot be enrolled: {says}.",
        values=values,
        advice="Correct the people file: a list of account (nurse.1), person (P-017), printed_name, roles. Nothing was set up.",
    )


# ---------------------------------------------------------------------------------------------------- passphrases


def _phrases(plan: Founding, members: list[Member]) -> dict[str, str]:
    accounts = [m.account for m in members]
    if plan.generate is not None:
        return _generated(plan.generate, accounts)
    if plan.passphrases is not None:
        known = read_document(text_of(plan.passphrases, secret=True), str(plan.passphrases))
        if missing := [a for a in accounts if not known.get(a)]:
            raise Refused(
                "authority.passphrase",
                f"{plan.passphrases} has no passphrase for {', '.join(missing)}.",
                values={"missing": missing},
                advice="Add a line ACCOUNT: PASSPHRASE for each; nothing was set up.",
            )
        return {a: encodable(str(known[a])) for a in accounts}
    if not sys.stdin.isatty():
        raise Refused(
            "authority.passphrase",
            "There is no terminal to ask passphrases on.",
            advice="Give --passphrases FILE or --generate-passphrases FILE. Nothing was set up.",
        )
    return {account: new_passphrase(account, None) for account in accounts}


def _generated(file: Path, accounts: list[str]) -> dict[str, str]:
    """New passphrases, written once into a file that only this user may read; each of about 49 bits behind scrypt."""
    import os

    phrases = {
        a: "-".join("".join(secrets.choice(_SYLLABLES) for _ in range(2)) for _ in range(_WORDS)) for a in accounts
    }
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(
            "authority.passphrase-file",
            f"{file} exists already; passphrases are never written over a file.",
            values={"file": file},
            advice="Name another file, or remove this one if nobody was set up with it. Nothing was set up.",
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write("# Hand each person theirs, then destroy this file.\n")
        handle.writelines(f"{account}: {phrase}\n" for account, phrase in phrases.items())
    return phrases
