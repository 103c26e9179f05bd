"""A step that was done on paper, because there was no network, no key or no server, and is entered afterwards.

The rules are asked as of when it happened: roles and training of those who signed on the paper as they stood then, clocks
on the times of the sheet. Two people sign now: one who types it, and another who compares it with the sheet.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from events.errors import Refused
from events.facts.base import DoneBy
from events.facts.steps import OnPaper
from protocol.administration import unknown_account
from protocol.commands import Perform
from protocol.duration import Begun
from protocol.gate import known_step
from protocol.model import Step, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Act, Therapy
from protocol.surroundings import Actor, Surroundings
from protocol.wrong_item import WrongItem

NOT_ON_PAPER = frozenset({"disposition", "booking"})
"""Kinds that are decided on the record as it stands, which no sheet shows."""
RULE = "paper.late"


def as_of_then(protocol: StudyProtocol, command: Perform, around: Surroundings) -> Surroundings:
    """What is around a step that was done on paper: who performed it, as they stood then.

    Raises:
        Refused: no such sheet can stand: no time, nobody known, one person for two, or a decision.
    """
    assert command.paper is not None
    step = known_step(protocol, command.step)
    _check_kind(step)
    _check_time(command, around)
    check_role(transcribers(protocol, step), around.actor, f"enter {step.id} from paper")
    performer = _person(command.paper.performed_by, around)
    _check_second(step, command, performer, around)
    return replace(around, actor=performer, training=around.trained_then)


def _check_kind(step: Step) -> None:
    if step.kind in NOT_ON_PAPER:
        raise refuse(
            "paper.kind",
            f"{step.id} is a {step.kind}: it stands on the record as it is when it is signed, which no sheet of paper shows.",
            "Sign it here; what was done on the strength of a paper decision is told with `unbroken happened`.",
            step=step.id,
            kind=step.kind,
        )


def _check_time(command: Perform, around: Surroundings) -> None:
    if command.started is None and command.ended is None:
        raise refuse(
            "paper.time",
            f"It is not said when {command.step} was done.",
            "Give --started (and --ended), as it stands on the sheet.",
            step=command.step,
        )


def _check_second(step: Step, command: Perform, performer: Actor, around: Surroundings) -> None:
    paper = command.paper
    assert paper is not None
    if step.second is None:
        if paper.second_by is not None:
            raise refuse(
                "paper.second",
                f"{step.id} asks for one signature; {paper.second_by} is named as a second.",
                "Leave --second-by out.",
                step=step.id,
                second=paper.second_by,
            )
        return
    if paper.second_by is None:
        raise refuse(
            "paper.second",
            f"{step.id} asks for two people, and the sheet names one: {performer.account}.",
            "Name who stood second with --second-by. If nobody did, it is told with `unbroken happened`.",
            step=step.id,
            asks=list(step.second[0]),
        )
    second = _person(paper.second_by, around)
    if second.person == performer.person:
        raise refuse(
            "authority.two-people",
            f"{second.account} did not stand second at {step.id}: {second.person} performed it.",
            "One person is one person under any account, on paper too.",
            person=second.person,
        )
    check_role(
        step.second[0], second, f"sign {step.id} second (as of {command.ended or command.started:%Y-%m-%d %H:%M} UTC)"
    )


def _person(account: str, around: Surroundings) -> Actor:
    if account not in around.people:
        raise unknown_account(account)
    return around.people[account]


def roles(protocol: StudyProtocol, step: Step) -> tuple[str, ...]:
    """Who enters or compares where the study does not say: who does the step, and who decides on quality."""
    return tuple(dict.fromkeys([*step.performed_by, *(step.second[0] if step.second else ()), *protocol.qa_roles]))


def transcribers(protocol: StudyProtocol, step: Step) -> tuple[str, ...]:
    """The roles of which one enters a step from paper."""
    return (protocol.downtime.transcribed_by if protocol.downtime else ()) or roles(protocol, step)


def verifiers(protocol: StudyProtocol, step: Step) -> tuple[str, ...]:
    """The roles of which another person compares it with the sheet."""
    return (protocol.downtime.verified_by if protocol.downtime else ()) or roles(protocol, step)


def paper_fields(protocol: StudyProtocol, step: Step, command: Perform, around: Surroundings) -> dict[str, object]:
    """What the step's fact says beside the rest: whose hands, which sheet, and who has to compare it."""
    paper = command.paper
    assert paper is not None
    hands = [around.people[account] for account in (paper.performed_by, paper.second_by) if account]
    return {
        "done_by": [DoneBy(account=one.account, person=one.person) for one in hands],
        "paper": OnPaper(file=paper.file, why=paper.why),
        "awaits": verifiers(protocol, step),
        "second_meaning": "reviewed",
    }


def late_breaches(protocol: StudyProtocol, step: Step, ended: Begun, now: datetime) -> list[Breach]:
    """Entered later than the study lets paper wait."""
    found = []
    for limit in protocol.downtime.limits if protocol.downtime else ():
        if now > limit.at.after(*ended):
            says = f"{step.id}, done on paper, was entered later than {limit.at} after it"
            found.append(Breach(RULE, limit.then, str(limit.at), f"{now:%Y-%m-%d %H:%M} UTC", says))
    return found


def check_custody(therapy: Therapy, step: Step, codes: tuple[str, ...], started: datetime) -> None:
    """What is entered from paper cannot have begun before the material came into the hands in which it is.

    Raises:
        Refused: custody would run backwards.
    """
    for code in codes:
        since = max((entry.since for entry in therapy.custody if entry.material == code), default=started)
        if started < since:
            raise refuse(
                "time.sequence",
                f"{step.id} began {started:%Y-%m-%d %H:%M} UTC on the sheet; {code} changed hands "
                f"{since:%Y-%m-%d %H:%M} UTC, after that.",
                "Look at the times on the sheet, and at `unbroken trail`. What really happened in another order is told with "
                "`unbroken happened`.",
                started=started,
                since=since,
                code=code,
            )


def of_another(step: Step, wrong: WrongItem) -> Refused:
    """A sheet that names another patient's item: typed wrongly, or the worst; nothing was presented now, so nothing stops."""
    return refuse(
        "paper.wrong-item",
        f"The sheet of {step.id} names {wrong.presented} of {wrong.other}; {wrong.expected} is expected.",
        "If it was typed wrongly, type it again. If it stands so on the sheet, it happened: tell it with `unbroken happened`, "
        "which stops both patients' items at once.",
        presented=wrong.presented,
        other=wrong.other,
        scan=wrong.name,
    )


def check_began(step: Step, command: Perform, around: Surroundings) -> None:
    """Who takes a step over that another began: another person, and the one who began it could perform it.

    Raises:
        Refused: it is oneself, or somebody who could not have begun it.
    """
    begun = command.taken_over
    if begun is None:
        return
    if begun.account not in around.people:
        raise unknown_account(begun.account)
    before = around.people[begun.account]
    if before.person == around.actor.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} cannot take {step.id} over from {begun.account}: that is the same person.",
            "Perform it; or another qualified person takes it over.",
            person=before.person,
        )
    check_role(step.performed_by, before, f"have begun {step.id}")


def answered_for(act: Act, actor: Actor) -> str:
    """Why this person may not sign an act second, in words; nothing if they may."""
    if actor.person not in act.answerable:
        return ""
    if actor.person == act.by.person:
        other = f" (as {act.by.account})" if act.by.account != actor.account else ""
        return f"{actor.person} {'entered' if act.fact.done_by else 'performed'} it{other}"
    if act.fact.taken_over is not None and act.fact.taken_over.person == actor.person:
        return f"{actor.person} had begun it"
    return f"{actor.person} took it over"
