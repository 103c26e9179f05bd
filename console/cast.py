"""Invented people who can staff any protocol: two for each role, so that nobody has to witness herself."""

from __future__ import annotations

from typing import NamedTuple

from protocol.administration import QA, SUPERVISOR
from protocol.model import StudyProtocol

_FIRST = "Ada Ben Cleo Dan Edda Finn Gina Hugo Ines Jan Kira Leo Mia Nils Olga Paul Rosa Sven Tara Uwe Vera Will Yara Zeno".split()
_LAST = "Abel Brandt Conti Duran Engel Ferri Graf Holm Ivers Jonas Keller Lorenz Moss Noll Ortiz Pace Quint Ritter Sorge".split()


class Member(NamedTuple):
    """One of the staff: account, person, printed name, roles; and whether somebody else has that name."""

    account: str
    person: str
    printed_name: str
    roles: tuple[str, ...]
    namesake: bool = False


def cast(protocol: StudyProtocol) -> list[Member]:
    """An administrator, two of quality, a supervisor, and two people for each role of the protocol."""
    wanted: list[tuple[str, tuple[str, ...]]] = [
        ("admin", ("administrator",)),
        ("quality.1", (QA,)),
        ("quality.2", (QA,)),
        ("supervisor.1", (SUPERVISOR,)),
    ]
    for role in protocol.roles:
        stem = role.lower().replace("_", ".")[:28]
        wanted += [(f"{stem}.1", (role,)), (f"{stem}.2", (role,))]
    members = []
    for number, (account, roles) in enumerate(wanted):
        name = f"{_FIRST[number % len(_FIRST)]} {_LAST[number * 7 % len(_LAST)]}"
        members.append(Member(account, f"P-{number + 1:03d}", name, roles))
    return members
