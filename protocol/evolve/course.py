"""The course of a therapy: opened, offered, deadlines, slots, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import course
from events.zones import at_latest
from protocol.state import Offer, Signed, Therapy, instance

CourseFacts = (
    course.TherapyOpened
    | course.StepOffered
    | course.DeadlineSet
    | course.DeadlineMissed
    | course.SlotsFreed
    | course.ScreeningFailed
    | course.PatientWithdrew
    | course.PatientDied
    | course.TherapyCompleted
)


def evolve_course(therapy: Therapy, fact: CourseFacts, by: Signed) -> Therapy:
    """The therapy after a fact about its course."""
    match fact:
        case course.TherapyOpened():
            return replace(therapy, opened=fact, opened_at=by.happened, zone=by.zone)
        case course.StepOffered():
            return offered(therapy, fact.step, Offer(fact.why, fact.cause or "", fact.materials, by.number))
        case course.DeadlineSet():
            where_set = (fact.deadline, instance(fact.key))
            return replace(therapy, deadlines={**therapy.deadlines, where_set: fact.due})
        case course.DeadlineMissed():
            return replace(therapy, missed={**therapy.missed, (fact.deadline, instance(fact.key)): fact.due})
        case course.SlotsFreed():
            return replace(therapy, slots=tuple(s for s in therapy.slots if s.code not in fact.slots))
        case course.ScreeningFailed():
            return replace(therapy, stopped="screen failure", stopped_at=by.happened)
        case course.PatientWithdrew():
            at = at_latest(fact.at, by.recorded, by.zone)
            therapy = replace(therapy, withdrawn={**dict.fromkeys(fact.withdrawn, at), **therapy.withdrawn})
            if "treatment" in fact.withdrawn and not therapy.stopped:
                return replace(therapy, stopped="withdrawn", stopped_at=at)
            return therapy
        case course.PatientDied():
            at = at_latest(fact.at, by.recorded, by.zone)
            return replace(therapy, died=at, stopped="died", stopped_at=min(at, therapy.stopped_at or at))
        case course.TherapyCompleted():
            return replace(therapy, completed=fact.outcome, completed_at=by.happened)
        case _:
            assert_never(fact)


def offered(therapy: Therapy, step: str, offer: Offer) -> Therapy:
    """The therapy after a step was offered; what was offered before stands."""
    return replace(therapy, offers={**therapy.offers, step: (*therapy.offers.get(step, ()), offer)})
