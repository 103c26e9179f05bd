"""Decide about the patient's course: withdrawal, death, screening failure; and what the clock makes due."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from events.authority import SYSTEM
from events.facts.base import TherapyFact
from events.facts.course import PatientDied, PatientWithdrew, ScreeningFailed
from events.facts.steps import CellsCollected, ConditioningGiven, IdentityChecked, ProductInfused
from events.zones import at_latest, later, told
from protocol.automatic import let_pass
from protocol.commands import CourseCommand, FailScreening, LetPass, ReportDeath, WithdrawPatient
from protocol.decision import Decision, slots_of
from protocol.endings import freed
from protocol.gate import check_running
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Therapy
from protocol.surroundings import Surroundings


def decide_course(therapy: Therapy, protocol: StudyProtocol, command: CourseCommand, around: Surroundings) -> Decision:
    """What follows from a command about the patient's course."""
    match command:
        case WithdrawPatient() | ReportDeath() | FailScreening():
            return _ends(therapy, protocol, command, around)
        case LetPass():
            check_role((SYSTEM,), around.actor, "record what happens by itself")
            return let_pass(therapy, protocol, around.now)
        case _:
            assert_never(command)


def _ends(
    therapy: Therapy,
    protocol: StudyProtocol,
    command: WithdrawPatient | ReportDeath | FailScreening,
    around: Surroundings,
) -> Decision:
    roles = tuple(
        dict.fromkeys(
            r for s in protocol.steps if s.kind in ("consent", "assessment", "observation") for r in s.performed_by
        )
    )
    check_role(roles, around.actor, "record the course of a patient")
    given = around.now if isinstance(command, FailScreening) else command.at
    if later(given, around.now, around.zone):
        raise refuse(
            "time.future",
            f"{told(given)} lies in the future (now {around.now:%Y-%m-%d %H:%M} UTC).",
            "Record it when it has happened.",
            given=given,
            now=around.now,
        )
    happened = at_latest(given, around.now, around.zone)
    fact: TherapyFact
    match command:
        case WithdrawPatient():
            if not command.withdrawn:
                raise refuse(
                    "record.complete",
                    "It is not said what the patient withdraws from.",
                    "Name one or more of: treatment, visits, data, samples.",
                )
            fact = PatientWithdrew(
                therapy=therapy.id, withdrawn=command.withdrawn, at=command.at, reason=command.reason
            )
        case ReportDeath():
            if therapy.died is not None:
                raise refuse("order.done", "The death is recorded already.", "Correct the record instead.")
            _check_alive(therapy, happened)
            fact = PatientDied(therapy=therapy.id, at=command.at, reason=command.reason)
        case FailScreening():
            check_running(therapy)
            _check_not_ended(therapy)
            _check_untreated(therapy)
            fact = ScreeningFailed(therapy=therapy.id, reason=command.reason)
    stops = not isinstance(command, WithdrawPatient) or "treatment" in command.withdrawn
    free = freed(therapy, around.now, command.reason) if stops else ()
    return Decision((fact, *free), "performed", happened, slots_of(free))


AT_THE_PATIENT = (CellsCollected, ConditioningGiven, IdentityChecked, ProductInfused)
"""What is done to a patient who is there."""


def _check_alive(therapy: Therapy, died: datetime) -> None:
    """Nobody collects from, treats or identifies a patient after the death.

    Raises:
        Refused: something was.
    """
    acts = [*therapy.acts.values(), *therapy.pending.values()]
    after = [act for act in acts if isinstance(act.fact, AT_THE_PATIENT) and act.fact.started > died]
    for act in sorted(after, key=lambda act: act.fact.started):
        raise refuse(
            "time.sequence",
            f"{act.at} began {act.fact.started:%Y-%m-%d %H:%M} UTC, after the death ({died:%Y-%m-%d %H:%M} UTC).",
            "Correct the time. If the recorded act is what is wrong, QA opens a deviation first.",
            given=died,
            step=str(act.at),
        )


def _check_not_ended(therapy: Therapy) -> None:
    """Whoever has died, or left treatment, does not fail screening any more: why a therapy ends is told once.

    Raises:
        Refused: it has ended by another cause.
    """
    left = therapy.withdrawn.get("treatment")
    ends = [("the patient died", therapy.died), ("the patient withdrew from treatment", left)]
    for says, at in ends:
        if at is not None:
            raise refuse(
                "order.screening",
                f"{therapy.id} has ended: {says} ({at:%Y-%m-%d %H:%M} UTC). Screening cannot fail after that.",
                "Nothing is to be done; `unbroken status` says what is left to settle.",
                therapy=therapy.id,
                ended=at,
            )


def _check_untreated(therapy: Therapy) -> None:
    """Screening can fail after enrolment too, as long as no treatment began.

    Raises:
        Refused: it began.
    """
    acts = [*therapy.acts.values(), *therapy.pending.values()]
    for act in acts:
        if isinstance(act.fact, ConditioningGiven | ProductInfused):
            raise refuse(
                "order.screening",
                f"{act.at} was given on {act.began.day}; screening is over.",
                "Record a withdrawal instead: `unbroken withdraw`.",
                step=str(act.at),
            )
