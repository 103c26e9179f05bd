"""Decide about the patient's course: withdrawal, death, screening failure; and what the clock makes due."""

from __future__ import annotations

from typing import assert_never

from events.authority import SYSTEM
from events.facts.base import TherapyFact
from events.facts.course import PatientDied, PatientWithdrew, ScreeningFailed, SlotsFreed
from protocol.automatic import let_pass
from protocol.commands import CourseCommand, FailScreening, LetPass, ReportDeath, WithdrawPatient
from protocol.decision import Decision, slot_stream
from protocol.gate import check_role, check_running
from protocol.model import StudyProtocol
from protocol.refusals import refuse
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
    check_running(therapy)
    roles = tuple(
        dict.fromkeys(
            r for s in protocol.steps if s.kind in ("consent", "assessment", "observation") for r in s.performed_by
        )
    )
    check_role(roles, around.actor, "record the course of a patient")
    happened = around.now if isinstance(command, FailScreening) else command.at
    if happened > around.now:
        raise refuse(
            "time.future",
            f"{happened:%Y-%m-%d %H:%M %Z} lies in the future (now {around.now:%Y-%m-%d %H:%M} UTC).",
            "Record it when it has happened.",
            given=happened,
            now=around.now,
        )
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
            fact = PatientDied(therapy=therapy.id, at=command.at, reason=command.reason)
        case FailScreening():
            if therapy.subject:
                raise refuse(
                    "order.screening",
                    f"{therapy.id} is enrolled as {therapy.subject}; screening is over.",
                    "Record a withdrawal instead: `unbroken withdraw`.",
                    subject=therapy.subject,
                )
            fact = ScreeningFailed(therapy=therapy.id, reason=command.reason)
    stops = not isinstance(command, WithdrawPatient) or "treatment" in command.withdrawn
    freed = tuple(s.code for s in therapy.slots if s.ends > around.now) if stops else ()
    facts: tuple[TherapyFact, ...] = (fact,)
    if freed:
        facts += (SlotsFreed(therapy=therapy.id, slots=freed, reason=command.reason),)
    return Decision(facts, "performed", happened, tuple(slot_stream(code) for code in freed))
