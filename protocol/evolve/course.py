"""The course of a therapy: opened, offered, deadlines, slots, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import course
from protocol.state import Signed, Therapy, instance

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
            return replace(therapy, opened=fact, opened_at=by.happened)
        case course.StepOffered():
            return _offered(therapy, fact)
        case course.DeadlineSet():
            where_set = (fact.deadline, instance(fact.key))
            return replace(therapy, deadlines={**therapy.deadlines, where_set: fact.due})
        case course.DeadlineMissed():
            return replace(therapy, missed={**therapy.missed, (fact.deadline, instance(fact.key)): fact.due})
        case course.SlotsFreed():
            return replace(therapy, slots=tuple(s for s in therapy.slots if s.code not in fact.slots), slot_hold=None)
        case course.ScreeningFailed():
            return replace(therapy, stopped="screen failure", stopped_at=by.happened)
        case course.PatientWithdrew():
            therapy = replace(therapy, withdrawn={**dict.fromkeys(fact.withdrawn, fact.at), **therapy.withdrawn})
            if "treatment" in fact.withdrawn and not therapy.stopped:
                return replace(therapy, stopped="withdrawn", stopped_at=fact.at)
            return therapy
        case course.PatientDied():
            return replace(
                therapy, died=fact.at, stopped="died", stopped_at=min(fact.at, therapy.stopped_at or fact.at)
            )
        case course.TherapyCompleted():
            return replace(therapy, completed=fact.outcome, completed_at=by.happened)
        case _:
            assert_never(fact)


def _offered(therapy: Therapy, fact: course.StepOffered) -> Therapy:
    # What was once offered for every material stays so; a later offer for some takes nothing away.
    everything = fact.step in therapy.offers and fact.step not in therapy.offered_for
    offered_for = dict(therapy.offered_for)
    if fact.materials and not everything:
        offered_for[fact.step] = offered_for.get(fact.step, frozenset()) | set(fact.materials)
    else:
        offered_for.pop(fact.step, None)
    times = {**therapy.offered_times, fact.step: therapy.offered_times.get(fact.step, 0) + 1}
    offers = {**therapy.offers, fact.step: fact.why}
    return replace(therapy, offers=offers, offered_for=offered_for, offered_times=times)
